"""Base class of classifiers."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions

from skrnn._common.typing import fit_context
from skrnn._data.checks import check_sample_weights
from skrnn._data.targets import valid_in_layout, weights_of_steps
from skrnn._estimators.base import BaseRecurrent
from skrnn._estimators.classification_targets import ClassificationTargets

Classifier = TypeVar("Classifier", bound="BaseRecurrentClassifier")


class BaseRecurrentClassifier(ClassifierMixin, BaseRecurrent):
    """Recurrent network with a sigmoid or softmax output layer."""

    _targets_class = ClassificationTargets

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseRecurrent._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    classes_: NDArray[Any]

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.

        Returns
        -------
        ndarray
            Labels, in the layout of the training targets: (n_samples,), or multilabel indicators of shape (n_samples,
            n_labels). With ``return_sequences=True``, the shape is (n_samples, n_timesteps), and the label of padded
            time steps is the most frequent one in the training data; for a list of sequences, the result is an object
            array of arrays of the same lengths.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the layout or number of features of `X` differs from the training data, or if it contains invalid values.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        outputs, data = self._outputs(X)
        return self._in_layout(self._targets.decode(outputs), data)

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Probabilities of the classes in the order of ``classes_``, or the probability of each label for multilabel
            targets. With ``return_sequences=True``, the shape is (n_samples, n_timesteps, n_classes), and probabilities
            at padded time steps are NaN; for a list of sequences, the result is an object array of arrays of shape
            (n_timesteps, n_classes).

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the layout or number of features of `X` differs from the training data, or if it contains invalid values.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        outputs, data = self._outputs(X)
        return self._in_layout(self._targets.probabilities(outputs), data)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of the predicted labels at valid time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_timesteps)
            True labels, in the shape of the training targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Fraction of correct labels; for multilabel targets, the subset accuracy.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `predict`, if the shape of `y` or `sample_weight` does not match `X`, or if `y` contains labels that
            are not in ``classes_``.
        TypeError
            If `X`, `y` or `sample_weight` is not array-like or a DataFrame, or is sparse.
        """
        outputs, data = self._outputs(X)
        y_pred = self._targets.decode(outputs)
        y_true = self._targets.read(y, data)
        self._targets.encode(y_true, data.sequences)  # raises for unknown labels
        weights = check_sample_weights(sample_weight, len(data), "float64", type(self).__name__)
        if self._targets.per_step:
            is_valid = valid_in_layout(data.sequences)
            y_true, y_pred, weights = y_true[is_valid], y_pred[is_valid], weights_of_steps(weights, is_valid)
        return accuracy_score(y_true, y_pred, sample_weight=weights)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self: Classifier,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
    ) -> Classifier:
        """Train the network for one more epoch on a part of the data.

        The state of the optimizer is kept between calls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Training sequences.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_timesteps)
            Class labels, as in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        classes : array-like of shape (n_classes,), default=None
            All labels that can occur in any call. Required in the first call if its `y` does not contain all of them.

        Returns
        -------
        object
            The fitted estimator, whose `n_iter_` has increased by one.

        Raises
        ------
        ValueError
            As in `fit`; if `y` contains labels that were not passed in the first call, or `classes` has changed; if the
            layout, the number of features, the optimizer, or a parameter that determines the architecture has changed
            since the last call; and with ``class_weight="balanced"``, which requires all labels at once.
        TypeError
            As in `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRUClassifier
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 1))
        >>> y = np.where(X[:, -1, 0] > 0, "up", "down")
        >>> clf = GRUClassifier(units=8, random_state=0)
        >>> for rows in np.split(np.arange(60), 3):
        ...     clf = clf.partial_fit(X[rows], y[rows], classes=["down", "flat", "up"])
        >>> clf.n_iter_, clf.classes_.tolist()
        (3, ['down', 'flat', 'up'])
        """
        if self.class_weight == "balanced":
            raise ValueError(
                f"class_weight='balanced' is not supported by {type(self).__name__}.partial_fit, which does not see "
                "all labels at once. Pass the weights as a dict, or as sample_weight."
            )
        if classes is not None and hasattr(self, "classes_"):
            classes = np.unique(classes)
            if not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"classes={classes.tolist()} is not the same as on the last call to partial_fit, which was "
                    f"{self.classes_.tolist()}."
                )
        return self._partial_fit(X, y, sample_weight, classes)

    def __sklearn_tags__(self):
        """Tags of scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
