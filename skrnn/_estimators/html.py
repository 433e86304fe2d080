"""HTML representation of estimators, as scikit-learn draws it."""

from __future__ import annotations

from types import SimpleNamespace

from skrnn._engine.cells import label_of


class Model:
    """Placeholder of ``model_`` in the table of fitted attributes, which shows its class: no Keras model is built."""

    def __repr__(self):
        return "keras.Model"


def network_block(estimator):
    """Return the block of a network: its name, its parameters and, once fitted, a caption."""
    caption = network_summary(estimator) if hasattr(estimator, "n_iter_") else None
    name = type(estimator).__name__
    return _block("single", estimator, name, str(estimator), name_caption=caption, doc_link_label=None)


def meta_estimator_block(**parts):
    """Return the block of an estimator with inner ones, fitted or not; None is left out."""
    parts = {name: part for name, part in parts.items() if part is not None}
    names = [f"{name}: {type(part).__name__}" for name, part in parts.items()]
    return _block("parallel", list(parts.values()), names, [str(part) for part in parts.values()])


def _block(kind, estimators, names, details, **of_single):
    """Return the attributes that scikit-learn reads of the result of ``_sk_visual_block_``.

    Its own class for them is private, and moved between 1.6 and 1.9.
    """
    return SimpleNamespace(
        kind=kind, estimators=estimators, names=names, name_details=details, dash_wrapped=True, **of_single
    )


def network_summary(estimator):
    """Return the layers, the number of parameters and the number of epochs of a fitted network."""
    spec = estimator._spec
    layers = [f"{'bidirectional ' if spec.bidirectional else ''}{label_of(spec.cell)} with {_joined(spec.units)} units"]
    if spec.embedding is not None:
        layers.insert(0, f"embedding of dimension {spec.embedding[1]}")
    if spec.categories:
        n = len(spec.categories)
        layers.insert(0, f"embedding{'s' if n > 1 else ''} of {n} categorical feature{'s' if n > 1 else ''}")
    if spec.n_components is not None:
        layers[-1] = f"encoder of {layers[-1]}"
        layers.append(f"{spec.n_components} component{'s' if spec.n_components > 1 else ''}")
        layers.append(f"decoder with {_joined(spec.units[::-1])} units")
    if spec.patch_size > 1:
        layers.insert(-1, f"patches of {spec.patch_size} time steps")
    if spec.pooling != "last":
        layers.append({"mean": "mean", "max": "maximum"}[spec.pooling] + " over time")
    if spec.dense_units:
        layers.append(f"dense with {_joined(spec.dense_units)} units")
    n_members = len(getattr(estimator, "members_", ()))
    if n_members:
        layers.insert(0, f"mean of {n_members} networks")
    epochs = f"{estimator.n_iter_} epoch{'s' if estimator.n_iter_ > 1 else ''}"
    if estimator.best_epoch_ < estimator.n_iter_ - 1:
        epochs += f", weights of epoch {estimator.best_epoch_ + 1}"
    return f"{', '.join(layers)}; {estimator._n_parameters():,} parameters; {epochs}"


def _joined(units):
    return " and ".join(str(unit) for unit in units)
