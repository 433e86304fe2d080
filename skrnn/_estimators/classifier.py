"""What the classifiers share."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions

from skrnn._common.typing import fit_context
from skrnn._data.checks import check_sample_weights
from skrnn._data.targets import ClassificationEncoder, valid_in_layout, weights_of_steps
from skrnn._estimators.base import BaseRecurrent

Classifier = TypeVar("Classifier", bound="BaseRecurrentClassifier")


class BaseRecurrentClassifier(ClassifierMixin, BaseRecurrent):
    """A recurrent network with one sigmoid or softmax output layer."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseRecurrent._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    classes_: NDArray[Any]

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of fit.

        Returns
        -------
        ndarray
            Labels in the shape of the fitted ``y``: (n_samples,), indicators of shape (n_samples, n_labels), or
            (n_samples, n_timesteps) with ``return_sequences=True``, where absent steps get the most frequent label;
            for a list of sequences an object array of arrays as long as they are.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has another layout or number of features than at fit, or holds what `fit` refuses.
        TypeError
            If `X` is no array, list or frame, or is sparse.
        """
        return self._as_given(self._labels(self._outputs(X)[0]), X)

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the probability of every class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of fit.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Probabilities in the order of ``classes_``; of several labels, each one's own. With
            ``return_sequences=True`` (n_samples, n_timesteps, n_classes), NaN at absent steps; for a list of
            sequences an object array of such arrays.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has another layout or number of features than at fit, or holds what `fit` refuses.
        TypeError
            If `X` is no array, list or frame, or is sparse.
        """
        outputs, _ = self._outputs(X)
        return self._as_given(self._encoder.probabilities(outputs), X)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy of the predicted labels, over the present time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of fit.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_timesteps)
            True labels in the shape of fit.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Share of correct labels; of indicators, of rows that are correct as a whole.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` is what `predict` refuses, or `y` does not fit to it or holds labels that were not seen at fit, or
            `sample_weight` does not fit to it.
        TypeError
            If `X`, `y` or `sample_weight` is no array, list or frame, or is sparse.
        """
        outputs, sequences = self._outputs(X)
        labels = self._labels(outputs)
        checked = self._check_targets(y, X, sequences)
        self._encode(checked, sequences)  # refuses unknown labels
        weights = check_sample_weights(sample_weight, len(sequences), "float64", type(self).__name__)
        if self._per_step:
            present = valid_in_layout(sequences)
            checked, labels, weights = checked[present], labels[present], weights_of_steps(weights, present)
        return accuracy_score(checked, labels, sample_weight=weights)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self: Classifier,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
    ) -> Classifier:
        """Train one more epoch on what is passed, with the optimizer's state kept.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_timesteps)
            Labels, as in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call may bring. Required by the first call where its ``y`` lacks some.

        Returns
        -------
        object
            The fitted estimator. `n_iter_` is one more than before.

        Raises
        ------
        ValueError
            As `fit` does; if `y` holds labels that the first call did not know, or `classes` are others than then; if
            the layout, the number of features, the optimizer, or a parameter that shapes the network is another one
            than before; and with ``class_weight="balanced"``, which needs all labels at once.
        TypeError
            As `fit` does.

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
                f"class_weight='balanced' needs all labels at once, which {type(self).__name__}.partial_fit does not "
                "see. Pass the weights as a dict, or as sample_weight."
            )
        if classes is not None and hasattr(self, "classes_"):
            classes = np.unique(classes)
            if not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"classes={classes.tolist()} is not the same as on the last call to partial_fit, which was "
                    f"{self.classes_.tolist()}."
                )
        return self._partial_fit(X, y, sample_weight, classes)

    def _check_y(self, y, sequences, *, reset, classes=None):
        name = type(self).__name__
        encoder = ClassificationEncoder(self._per_step, self._dtype, name, self.loss) if reset else self._encoder
        y = encoder.check(y, sequences)
        if not reset:
            encoder.check_again(y)
            return y
        present = valid_in_layout(sequences)
        self._encoder = encoder.fit(y, present, classes)
        self.classes_ = encoder.classes
        if self._per_step:
            labels, counts = np.unique(y[present], return_counts=True)
            self._most_frequent = labels[np.argmax(counts)]
        return y

    def _labels(self, outputs):
        """Labels of the network's outputs; absent steps get the most frequent one."""
        labels = self._encoder.decode(outputs)
        return np.where(np.isnan(outputs[..., 0]), self._most_frequent, labels) if self._per_step else labels

    def _encode(self, y, sequences):
        return self._encoder.encode(y, valid_in_layout(sequences) if self._per_step else None)

    def _class_codes(self, y):
        if self._per_step or self._encoder.multilabel:
            return None
        return np.searchsorted(self.classes_, y)

    def _check_trainable(self, y, sequences, partial):
        if partial or self._encoder.multilabel:
            return
        seen = np.unique(y[valid_in_layout(sequences)] if self._per_step else y)
        if len(seen) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least two classes among the samples that weigh, got one class only: "
                f"{seen.tolist()[0]!r}."
            )

    def _check_held_out(self, y, train_rows, validation_rows):
        codes = self._class_codes(y)
        if codes is None:
            return
        missing = np.setdiff1d(codes[validation_rows], codes[train_rows])
        if len(missing):
            raise ValueError(
                f"The validation data hold classes that the training data lack: {self.classes_[missing].tolist()}. "
                "Pass a validation_split that is stratified, such as StratifiedKFold(5), or a fraction."
            )

    def __sklearn_tags__(self):
        """Tags of scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
