"""What scikit-learn's HTML shows of a fitted network: one line under the name of the estimator."""

from __future__ import annotations

from types import SimpleNamespace

from skrnn._engine.cells import label_of


class Model:
    """Stands for ``model_`` in what is shown of a fitted estimator: showing the real one would build it."""

    def __repr__(self):
        return "keras.Model"


def block_of_network(estimator):
    """Return what scikit-learn draws for a network: its name, its parameters and, once fitted, one line about it."""
    caption = network_in_words(estimator) if hasattr(estimator, "n_iter_") else None
    name = type(estimator).__name__
    return _block("single", estimator, name, str(estimator), name_caption=caption, doc_link_label=None)


def block_of_parts(**parts):
    """Return what scikit-learn draws for an estimator that holds others, fitted ones or not; None is left out."""
    parts = {name: part for name, part in parts.items() if part is not None}
    names = [f"{name}: {type(part).__name__}" for name, part in parts.items()]
    return _block("parallel", list(parts.values()), names, [str(part) for part in parts.values()])


def _block(kind, estimators, names, details, **of_single):
    """Return what scikit-learn 1.6 to 1.9 reads of the result of ``_sk_visual_block_``."""
    return SimpleNamespace(
        kind=kind, estimators=estimators, names=names, name_details=details, dash_wrapped=True, **of_single
    )


def network_in_words(estimator):
    """Cell, layers, parameters and epochs of a fitted estimator."""
    spec = estimator._spec
    layers = [f"{'bidirectional ' if spec.bidirectional else ''}{label_of(spec.cell)} of {_joined(spec.units)} units"]
    if spec.embedding is not None:
        layers.insert(0, f"embedding of {spec.embedding[1]}")
    if spec.dense_units:
        layers.append(f"dense of {_joined(spec.dense_units)}")
    # States of random generators are no parameters; they are integers.
    n_parameters = sum(weight.size for weight in estimator._state.weights if weight.dtype.kind == "f")
    epochs = f"{estimator.n_iter_} epoch{'s' if estimator.n_iter_ > 1 else ''}"
    if estimator.best_epoch_ < estimator.n_iter_ - 1:
        epochs += f", weights of epoch {estimator.best_epoch_ + 1}"
    return f"{', '.join(layers)}; {n_parameters:,} parameters; {epochs}"


def _joined(units):
    return " and ".join(str(unit) for unit in units)
