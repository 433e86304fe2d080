"""Losses and metrics of torch and scikit-learn, which Keras does not know, and the names of those that Keras has."""

from __future__ import annotations

import inspect
import re
from typing import Any

# Names without underscores and "loss", in lower case.
_LOSSES = {
    "absoluteerror": "mae",
    "bce": "binary_crossentropy",
    "bcewithlogits": "binary_crossentropy",
    "binarycrossentropywithlogits": "binary_crossentropy",
    "crossentropy": "sparse_categorical_crossentropy",
    "gaussiannll": "gaussian",
    "huber": "huber",
    "kldiv": "kl_divergence",
    "l1": "mae",
    "l2": "mse",
    "log": "sparse_categorical_crossentropy",
    "meanabsoluteerror": "mae",
    "meanpinball": "quantile",
    "meansquarederror": "mse",
    "mse": "mse",
    "nll": "sparse_categorical_crossentropy",
    "pinball": "quantile",
    "poissonnll": "poisson",
    "rmse": "mse",
    "rootmeansquarederror": "mse",
    "smoothl1": "huber",
    "squarederror": "mse",
}
_METRICS = {
    "accuracy_score": "accuracy",
    "log_loss": "sparse_categorical_crossentropy",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "precision_score": "precision",
    "r2": "r2_score",
    "recall_score": "recall",
    "rmse": "root_mean_squared_error",
    "roc_auc": "auc",
    "roc_auc_score": "auc",
}


def loss_of_keras(name: str) -> str | None:
    """Return Keras's name of a loss that other libraries call by a name, or None."""
    return _LOSSES.get(re.sub("_|loss", "", name.lower()))


def metric_of_keras(name: str) -> str | None:
    """Return Keras's name of a metric that scikit-learn calls by a name, or None."""
    name = name.lower().removeprefix("neg_")
    return _METRICS.get(name) or _METRICS.get(re.sub("_(macro|micro|weighted|samples|ovr|ovo)", "", name))


def is_scorer_name(name: str) -> bool:
    """Return True for the name of a scorer, or of a metric, of scikit-learn."""
    import sklearn.metrics

    return name in sklearn.metrics.get_scorer_names() or name in sklearn.metrics.__all__


def library_of(value: Any) -> str | None:
    """Return "torch" or "scikit-learn" for objects, classes and functions that they define, else None."""
    if isinstance(value, str):
        return None
    defined = value if inspect.isclass(value) or hasattr(value, "__qualname__") else type(value)
    package = (getattr(defined, "__module__", None) or "").partition(".")[0]
    return {"torch": "torch", "torchmetrics": "torch", "sklearn": "scikit-learn"}.get(package)


def check_loss_library(loss: Any, name: str) -> None:
    """Raise for a loss of torch or scikit-learn.

    Keras calls losses with tensors of its backend, targets first, and weights one value per sample.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        Parameter of the estimator.
    name : str
        Class name of the estimator, for errors.
    """
    library = library_of(loss)
    if library is not None:
        called = _name_of(loss)
        same = loss_of_keras(called)
        remedy = f" Did you mean {same!r}?" if same else ""
        raise ValueError(
            f"The 'loss' parameter of {name} must be a name that Keras knows, a loss of Keras, or a function of "
            f"(y_true, y_pred) in operations of Keras. Got {called} of {library} instead.{remedy}"
        )


def check_metric_library(metric: Any, name: str) -> None:
    """Raise for a metric or a scorer of torch or scikit-learn, as `check_loss_library`."""
    library = library_of(metric)
    if library is not None:
        raise ValueError(
            f"The 'metrics' parameter of {name} must hold names that Keras knows, or metrics of Keras, which are "
            f"computed in each epoch. Got {_name_of(metric)} of {library} instead.{_of_scoring(library)}"
        )


def metric_remedy(metric: str) -> str | None:
    """Return what to do instead of passing a name of scikit-learn as a metric, or None for other names."""
    same = metric_of_keras(metric)
    if is_scorer_name(metric):
        of_keras = f" Keras has {same!r}." if same else ""
        return f" It is a name of scikit-learn.{of_keras}{_of_scoring('scikit-learn')}"
    return f" Did you mean {same!r}?" if same else None


def _of_scoring(library):
    """Return where scores of scikit-learn are passed."""
    if library == "torch":
        return ""
    return " Scores of scikit-learn are computed after training: pass them as 'scoring' to cross_val_score or a search."


def _name_of(value):
    """Return the name of a function or a class, or of the class of an object."""
    return (
        getattr(value, "__name__", None)
        or getattr(getattr(value, "_score_func", None), "__name__", None)
        or (type(value).__name__)
    )
