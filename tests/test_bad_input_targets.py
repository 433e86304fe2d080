"""Every kind of damage to targets, weights and parameters: the error, and what it leaves behind."""

import numpy as np
import pandas as pd
import pytest
from conftest import N_SAMPLES, N_TIMESTEPS, make, with_padded_steps
from damage import assert_refused_by, at, fits_once
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, PredefinedSplit

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(N_SAMPLES, N_TIMESTEPS, 3))
X_MASKED = with_padded_steps(X)
LIST = [sequence[: 2 + i % 4] for i, sequence in enumerate(X)]
Y = X[:, -1, 0] - X[:, -2, 1]
LABELS = np.array(["down", "flat", "up"])[np.digitize(X[:, -1, 0], [-0.4, 0.4])]
INDICATORS = (X[:, 0] > 0).astype(int)
Y_STEPS = np.cumsum(X[..., 0], axis=1) / 2
LABELS_OF_STEPS = np.where(X[..., 0] > 0, "up", "down")

# Kind of estimator: its name, parameters, and what it is fitted on.
KINDS = {
    "numbers": ("GRURegressor", {}, X_MASKED, Y),
    "labels": ("GRUClassifier", {}, X, LABELS),
    "several labels": ("GRUClassifier", {}, X, INDICATORS),
    "steps": ("GRURegressor", {"return_sequences": True}, X_MASKED, Y_STEPS),
    "labels of steps": ("GRUClassifier", {"return_sequences": True}, X_MASKED, LABELS_OF_STEPS),
}
FIRST = ("fit",)
LATER = ("partial_fit", "y_val", "score")
TRAINING = ("fit", "partial_fit", "y_val")
ALL = ("fit", *LATER)


@pytest.fixture(scope="module")
def fitted():
    """A function from a kind to its fitted estimator and its predictions."""
    return fits_once(KINDS)


def call(estimator, method, kind, X, y, *weights):
    """Pass what is bad to a method, with all else as it should be."""
    if method == "y_val":
        return estimator.fit(*KINDS[kind][2:], X_val=X, y_val=y, sample_weight_val=weights[0] if weights else None)
    return getattr(estimator, method)(X, y, *weights)


def assert_refused(fitted, kind, error, message, function):
    """Check the error, and that the estimator is what it was."""
    estimator, expected = fitted(kind)
    assert_refused_by(estimator, KINDS[kind][2], expected, error, message, function)


def objects(array, index, value):
    """A copy of an array as objects, one of which is another."""
    return at(array.astype(object), index, value)


# ---------------------------------------------------------------------- targets

NO_TARGETS = {
    "a number": (5, TypeError, "y must be array-like or a DataFrame for NAME. Got 5 of type int instead", ALL),
    "text": ("w" * N_SAMPLES, TypeError, "y must be array-like or a DataFrame for NAME. Got 'www", ALL),
    "a mapping": (dict(enumerate(Y)), TypeError, "of type dict instead", ALL),
    "a set": (set(Y), TypeError, "of type set instead", ALL),
    "an iterator": (iter([*Y]), TypeError, "of type list_iterator instead", ALL),
    "an object": (object(), TypeError, "of type object instead", ALL),
    "sparse": (csr_array(INDICATORS), TypeError, "Sparse data was passed for y, but NAME takes dense data", ALL),
    "none given": (None, ValueError, "NAME estimator requires y to be passed, but the target y is None", TRAINING[:2]),
    "none to validate": (
        None,
        ValueError,
        "requires X_val and y_val together as validation data, but y_val is None",
        TRAINING[2:],
    ),
}

# What is wrong, the error, its message, and the methods that say so.
TARGETS = {
    "numbers": {
        "too few": (Y[:-1], ValueError, "X has 40 samples, but y has 39: inconsistent numbers of samples", ALL),
        "too many": (np.append(Y, 0), ValueError, "X has 40 samples, but y has 41: inconsistent numbers", ALL),
        "none": ([], ValueError, "0 sample(s) (shape=(0,))", ALL),
        "only NaN": (np.nan * Y, ValueError, "y contains only NaN. NAME requires at least one target", ALL),
        "infinity": (at(Y, 11, -np.inf), ValueError, "y contains infinity or a value too large for dtype", ALL),
        "too large": (at(Y, 11, 1e39), ValueError, "too large for dtype 'float32', first at index 11", ALL),
        "NaN and infinity": (at(at(Y, 3, np.nan), 11, np.inf), ValueError, "y contains infinity or a value to", ALL),
        "text": (objects(Y, 11, "wave"), ValueError, "but y has dtype object, and contains 'wave' at index 11", ALL),
        "all text": (["wave"] * 40, ValueError, "but y has dtype <U4, and contains 'wave' at index 0", ALL),
        "an object": (objects(Y, 11, {}), TypeError, "y has dtype object, and contains {} at index 11: float()", ALL),
        "a huge int": (objects(Y, 11, 10**400), ValueError, "at index 11", ALL),
        "complex": (Y + 1j, ValueError, "Complex data not supported, got y of dtype complex128", ALL),
        "dates": (Y.astype("M8[s]"), TypeError, "NAME takes numbers, but y has dtype datetime64[s]", ALL),
        "time differences": (Y.astype("m8[s]"), TypeError, "but y has dtype timedelta64[s]", ALL),
        "no output": (np.empty((40, 0)), ValueError, "0 feature(s) (shape=(40, 0))", ALL),
        "per step": (Y_STEPS[..., None], ValueError, "y has 3 dimensions, shape (40, 5, 1), but NAME takes", ALL),
        "lists of two lengths": (
            [[1.0], [2.0, 3.0]] * 20,
            ValueError,
            "y is a list of lists of different lengths, which NAME does not take: element 1 has 2, element 0 has 1",
            ALL,
        ),
        "two outputs": (
            np.stack([Y, Y], 1),
            ValueError,
            "y has 2 output(s), but NAME was fitted wi",
            LATER,
        ),
        "infinity in two": (at(np.stack([Y, Y], 1), (11, 1), np.inf), ValueError, "first at index (11, 1)", FIRST),
        "nothing to score": (None, TypeError, "y must be array-like or a DataFrame for NAME. Got None", ("score",)),
    },
    "labels": {
        "too few": (LABELS[:-1], ValueError, "X has 40 samples, but y has 39: inconsistent numbers of samples", ALL),
        "none": ([], ValueError, "0 sample(s) (shape=(0,))", ALL),
        "NaN": (at(np.arange(40.0) % 2, 11, np.nan), ValueError, "Input y contains NaN, first at index 11; NAME", ALL),
        "infinity": (at(np.arange(40.0) % 2, 11, -np.inf), ValueError, "Input y contains infinity, first at ind", ALL),
        "None": (
            objects(LABELS, 11, None),
            ValueError,
            "Input y contains None, first at index 11; NAME requires lab",
            ALL,
        ),
        "NaN among text": (objects(LABELS, 11, np.nan), ValueError, "Input y contains NaN, first at index 11", ALL),
        "NA": (
            pd.Series(objects(LABELS, 11, pd.NA), dtype="string"),
            ValueError,
            "first at index 11; NAME requires",
            ALL,
        ),
        "no date": (at(np.arange(40).astype("M8[D]"), 11, np.datetime64("NaT")), ValueError, "first at index 11", ALL),
        "text and numbers": (
            objects(LABELS, 11, 3),
            TypeError,
            "labels of y must all be str or all be numbers",
            ALL,
        ),
        "objects": (np.array([object()] * 40), TypeError, "labels of y must all be str or all be numbers for", ALL),
        "complex": (np.arange(40) + 1j, ValueError, "Complex data not supported", ALL),
        "lists of two lengths": ([["up"], ["up", "down"]] * 20, ValueError, "y is a list of lists of different", ALL),
        "three dimensions": (Y_STEPS[..., None], ValueError, "Found array with dim 3", ALL),
        "nothing to score": (None, TypeError, "y must be array-like or a DataFrame for NAME. Got None", ("score",)),
        "one class": (["up"] * 40, ValueError, "requires at least 2 classes, but y has only 1: 'up'", FIRST),
        "numbers on a scale": (Y, ValueError, "Unknown label type: continuous", FIRST),
        "bytes": (LABELS.astype("S"), TypeError, "Got y of bytes, dtype |S4. Decode them to str", ALL),
        "two targets": (
            np.arange(80).reshape(40, 2) % 3,
            ValueError,
            "does not support multiclass-multioutput targets",
            FIRST,
        ),
        "an unknown label": (
            objects(LABELS, 11, "sideways"),
            ValueError,
            "y contains labels that are unknown to NAME: ['sideways']; its classes are ['down', 'flat', 'up']",
            LATER,
        ),
        "objects of another kind": (
            (np.arange(40) % 3).astype(object),
            ValueError,
            "y contains labels that are unknown to NAME: [0, 1, 2]; its classes are",
            LATER,
        ),
        "arrays as labels": (
            objects(LABELS, 11, (1, 2)),
            TypeError,
            "labels of y must all be str or all be",
            ALL,
        ),
        "labels of another kind": (
            np.arange(40) % 3,
            ValueError,
            "are unknown to NAME: [0, 1, 2]; its classes",
            LATER,
        ),
        "indicators": (INDICATORS, ValueError, "NAME was fitted on labels, but y has 2 dimension(s)", LATER),
    },
    "several labels": {
        "too few": (INDICATORS[:-1], ValueError, "X has 40 samples, but y has 39: inconsistent numbers", ALL),
        "NaN": (at(INDICATORS * 1.0, (11, 2), np.nan), ValueError, "y contains NaN, first at index (11, 2)", ALL),
        "a half": (at(INDICATORS / 1, (11, 2), 0.5), ValueError, "0 or 1, but y contains 0.5 at index (11, 2)", LATER),
        "a fit on halves": (at(INDICATORS / 1, (11, 2), 0.5), ValueError, "continuous-multioutput", FIRST),
        "minus one": (at(INDICATORS, (11, 2), -1), ValueError, "0 or 1, but y contains -1 at index (11, 2)", LATER),
        "minus one and zero": (
            -INDICATORS,
            ValueError,
            "takes indicators of several labels, 0 or 1, but y contains -1",
            ALL,
        ),
        "two of three labels": (INDICATORS[:, :2], ValueError, "y has 2 labels, but NAME was fitted with 3", LATER),
        "labels": (LABELS, ValueError, "NAME was fitted on indicators of several labels, but y has 1 dimension", LATER),
    },
    "steps": {
        "one a sample": (
            Y,
            ValueError,
            "one target per time step, y of shape (40, 5) or (40, 5, n_outputs). Got shape (4",
            ALL,
        ),
        "too few": (Y_STEPS[:-1], ValueError, "X has 40 samples, but y has 39: inconsistent numbers", ALL),
        "fewer steps": (Y_STEPS[:, :4], ValueError, "(40, 5, n_outputs). Got shape (40, 4)", ALL),
        "only NaN": (np.nan * Y_STEPS, ValueError, "y contains only NaN", ALL),
        "too large": (at(Y_STEPS, (9, 3), 1e39), ValueError, "'float32', first at index (9, 3)", ALL),
        "text": (
            objects(Y_STEPS, (9, 3), "wave"),
            ValueError,
            "dtype object, and contains 'wave' at index (9, 3)",
            ALL,
        ),
        "complex": (Y_STEPS + 1j, ValueError, "Complex data not supported, got y of dtype complex128", ALL),
        "two outputs": (np.stack([Y_STEPS] * 2, 2), ValueError, "y has 2 output(s), but NAME was fitted", LATER),
    },
    "labels of steps": {
        "one a sample": (LABELS, ValueError, "requires one target per time step, y of shape (40, 5)", ALL),
        "three dimensions": (Y_STEPS[..., None], ValueError, "takes one label per time step, y of shape (n_samp", ALL),
        "NaN": (at(np.round(Y_STEPS), (9, 3), np.nan), ValueError, "y contains NaN, first at index (9, 3)", ALL),
        "infinity": (at(np.round(Y_STEPS), (9, 3), np.inf), ValueError, "infinity, first at index (9, 3)", ALL),
        "None": (objects(LABELS_OF_STEPS, (9, 3), None), ValueError, "y contains None, first at index (9, 3)", ALL),
        "text and numbers": (objects(LABELS_OF_STEPS, (9, 3), 3), TypeError, "labels of y must all be str or all", ALL),
        "numbers on a scale": (Y_STEPS, ValueError, "Unknown label type: continuous", ALL),
        "complex": (np.round(Y_STEPS) + 1j, ValueError, "Complex data not supported, got y of dtype complex128", ALL),
        "an unknown label": (
            objects(LABELS_OF_STEPS, (9, 3), "flat"),
            ValueError,
            "are unknown to NAME: ['flat']",
            LATER,
        ),
        "one class": (np.full((40, 5), "up"), ValueError, "but y has only 1: 'up'", FIRST),
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", NO_TARGETS)
def test_what_is_no_array(damage, kind, fitted):
    y, error, message, methods = NO_TARGETS[damage]
    given = KINDS[kind][2]
    for method in methods:
        assert_refused(fitted, kind, error, message, lambda e, m=method: call(e, m, kind, given, y))


@pytest.mark.parametrize(
    ("kind", "method", "damage"),
    [
        pytest.param(kind, method, damage, id=f"{kind}-{method}-{damage}")
        for kind, damages in TARGETS.items()
        for damage, (*_, methods) in damages.items()
        for method in methods
    ],
)
def test_damaged_targets(kind, method, damage, fitted):
    y, error, message, _ = TARGETS[kind][damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, kind, KINDS[kind][2], y))


TARGETS_OF_LISTS = {
    "too few": ([[0.0] * len(s) for s in LIST[:-1]], ValueError, "X has 40 samples, but y has 39: inconsistent number"),
    "another length": ([[0.0] * 5 for _ in LIST], ValueError, "Sample 0 of y has shape (5,), but sample 0 of X has 2 "),
    "a number": ([0.0 for _ in LIST], ValueError, "Sample 0 of y has shape (), but sample 0 of X has 2 time steps"),
    "steps of two lengths": (
        [[[0.0], [0.0, 1.0]] for _ in LIST],
        ValueError,
        "Sample 0 of y is a list whose time steps",
    ),
    "only NaN": ([[np.nan] * len(s) for s in LIST], ValueError, "y contains only NaN"),
    "numbers and dates": (
        [np.zeros(len(s), dtype="M8[s]" if i == 7 else float) for i, s in enumerate(LIST)],
        TypeError,
        "must be of the same kind for NAME. y has float64 in sample 0, datetime64[s] in sample 7",
    ),
    "no array": (7, TypeError, "y must be array-like or a DataFrame for NAME. Got 7 of type int instead"),
    "an iterator": (iter(LIST), TypeError, "of type list_iterator instead"),
}


@pytest.mark.parametrize("damage", TARGETS_OF_LISTS)
@pytest.mark.parametrize("method", ALL)
def test_damaged_targets_of_lists(method, damage, fitted):
    y, error, message = TARGETS_OF_LISTS[damage]
    assert_refused(fitted, "steps", error, message, lambda e: call(e, method, "steps", LIST, y))


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        (["down", "up"], ValueError, "y contains labels that are unknown to GRUClassifier: ['flat']; its classes are"),
        ([0, 1, 2], ValueError, "are unknown to GRUClassifier: ['down', 'flat', 'up']; its classes are [0, 1, 2]"),
        (["down", "flat", "up", None], ValueError, "Input classes contains None, first at index 3"),
        (np.array(["down", 3], dtype=object), TypeError, "The labels of classes must all be str or all"),
        ([["down"], ["flat", "up"]], ValueError, "classes is a list of lists of different lengths"),
        ([1j, 2j], ValueError, "Complex data not supported, got classes of dtype complex128"),
    ],
    ids=["a label is missing", "numbers", "None", "text and numbers", "lists", "complex"],
)
def test_bad_classes(classes, error, message):
    classifier = make("GRUClassifier")
    before = dict(vars(classifier))
    with pytest.raises(error) as caught:
        classifier.partial_fit(X, LABELS, classes=classes)
    assert message in str(caught.value)
    assert vars(classifier) == before


# ---------------------------------------------------------------------- weights

ONES = np.ones(N_SAMPLES)
WEIGHTS = {
    "negative": (
        at(ONES, slice(17, 20), -2.0),
        ValueError,
        "Negative values in data passed to `sample_weight`: -2.0 at 17",
    ),
    "NaN": (at(ONES, 17, np.nan), ValueError, "sample_weight contains NaN, first at index 17"),
    "infinity": (at(ONES, 17, np.inf), ValueError, "sample_weight contains infinity, first at index 17"),
    "zeros": (0 * ONES, ValueError, ""),  # ours, or from 1.9 on scikit-learn's
    "too few": (ONES[:-1], ValueError, "sample_weight.shape == (39,), expected (40,)"),
    "two columns": (np.ones((N_SAMPLES, 2)), ValueError, "must be 1D"),
    "text": (["heavy"] * N_SAMPLES, ValueError, "sample_weight has dtype <U5, and contains 'heavy' at index 0"),
    "beyond every float": (objects(ONES, 17, 10**400), ValueError, "sample_weight has dtype object, and contains 1"),
    "beyond float32": (at(ONES, 17, 1e300), ValueError, "sample_weight contains infinity"),
    "an object": (objects(ONES, 17, {}), TypeError, "float() argument must be a string or a real number, not 'dict'"),
    "complex": (ONES + 1j, ValueError, "Complex data not supported"),
    "sparse": (csr_array(ONES[:, None]), TypeError, "Sparse data was passed for sample_weight"),
}


# Scores are computed in float64, and of the weights of a fit only the ratios count.
@pytest.mark.parametrize(
    ("damage", "method"),
    [(damage, method) for damage in WEIGHTS for method in ALL if damage != "beyond float32" or method == "partial_fit"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_weights(damage, kind, method, fitted):
    weights, error, message = WEIGHTS[damage]
    given = KINDS[kind][2:]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, kind, *given, weights))


VALIDATION_DATA = {
    "X alone": ({"X_val": X}, "requires X_val and y_val together as validation data, but y_val is None"),
    "y alone": ({"y_val": Y}, "requires X_val and y_val together as validation data, but X_val is None"),
    "weights alone": (
        {"sample_weight_val": ONES},
        "requires X_val and y_val together as validation data, but X_val is None",
    ),
}


@pytest.mark.parametrize("damage", VALIDATION_DATA)
def test_parts_of_validation_data(damage, fitted):
    data, message = VALIDATION_DATA[damage]
    assert_refused(fitted, "numbers", ValueError, message, lambda e: e.fit(X, Y, **data))


# ---------------------------------------------------------------------- parameters


class Folds:
    """A splitter that returns what it is told to."""

    def __init__(self, *folds):
        self.folds = folds

    def __repr__(self):
        return "Folds()"

    def split(self, X, y=None, groups=None):
        return iter(self.folds)


PARAMETERS = [
    ("units", 0, "The 'units' parameter of NAME must be an int in the range [1, inf)"),
    ("units", "8", "Got '8' instead"),
    ("units", (), "an int of at least 1, or a tuple of such ints, one per layer. Got () instead"),
    ("units", (2, 0), "Got (2, 0) instead"),
    ("units", (2, "a"), "Got (2, 'a') instead"),
    ("units", True, "Got True instead"),
    ("dense_units", -1, "The 'dense_units' parameter of NAME must be an int in the range [1, inf)"),
    ("dense_units", (1.5,), "Got (1.5,) instead"),
    ("dropout", 1.0, "The 'dropout' parameter of NAME must be a float in the range [0.0, 1.0). Got 1.0 instead"),
    ("recurrent_dropout", np.nan, "The 'recurrent_dropout' parameter of NAME must be a float in the range [0.0, 1.0)"),
    ("bidirectional", "yes", "The 'bidirectional' parameter of NAME must be an instance of 'bool'"),
    ("return_sequences", 1.0, "The 'return_sequences' parameter of NAME must be an instance of 'bool'"),
    ("embedding_dim", 0, "The 'embedding_dim' parameter of NAME must be an int in the range [1, inf) or None"),
    ("n_tokens", 1, "The 'n_tokens' parameter of NAME must be an int in the range [2, inf) or None. Got 1 instead"),
    (
        "optimizer",
        "nope",
        "The 'optimizer' parameter of NAME must be a name that Keras knows, or an instance. Got 'nop",
    ),
    ("optimizer", len, "The 'optimizer' parameter of NAME must be an instance of 'str' or an object implementing"),
    ("optimizer__lr", 5, "optimizer__lr is not an argument of Adam, the optimizer of NAME"),
    (
        "loss",
        "nope",
        "The 'loss' parameter of NAME must be a name that Keras knows, or an instance. Got 'nope' instead",
    ),
    ("loss", None, "The 'loss' parameter of NAME must be an instance of 'str' or a callable. Got None instead"),
    ("metrics", 5, "The 'metrics' parameter of NAME must be"),
    ("metrics", "nope", "The 'metrics' parameter of NAME must hold names that Keras knows, or metrics. Got 'nope' ins"),
    ("metrics", ["mae", "nope"], "names that Keras knows, or metrics. Got 'nope' instead"),
    ("optimizer__clipnorm", "a", "The 'optimizer__clipnorm' parameter of NAME must not be text. Got 'a' instead"),
    ("callbacks", 5, "The 'callbacks' parameter of NAME must be"),
    (
        "callbacks",
        [print],
        "The 'callbacks' parameter of NAME must hold Keras callbacks or classes of them. Got <built-",
    ),
    ("callbacks", {"of_mine": [len]}, "The 'callbacks' parameter of NAME must hold Keras callbacks or classes of them"),
    (
        "epochs",
        1.5,
        "The 'epochs' parameter of NAME must be an int in the range [1, inf) or a str among {'auto'}. Got 1.5 instead",
    ),
    ("batch_size", 0, "The 'batch_size' parameter of NAME must be an int in the range [1, inf) or None. Got 0 instead"),
    ("shuffle", None, "The 'shuffle' parameter of NAME must be an instance of 'bool'"),
    ("early_stopping", 1, "The 'early_stopping' parameter of NAME must be an instance of 'bool'"),
    ("patience", -1, "The 'patience' parameter of NAME must be an int in the range [0, inf). Got -1 instead"),
    ("min_delta", np.inf, "The 'min_delta' parameter of NAME must be a float in the range [0.0, inf). Got inf instead"),
    ("warm_start", "yes", "The 'warm_start' parameter of NAME must be an instance of 'bool'"),
    ("random_state", -1, "The 'random_state' parameter of NAME must be an int in the range [0, 4294967295]"),
    ("dtype", "float16", "The 'dtype' parameter of NAME must be a str among"),
    ("verbose", "loud", "The 'verbose' parameter of NAME must be an int in the range [0, inf)"),
    ("validation_split", 1.0, "The 'validation_split' parameter of NAME must be a float in the range [0.0, 1.0)"),
    (
        "validation_split",
        "0.1",
        "The 'validation_split' parameter of NAME must be a fraction, a splitter or None. Got '0.",
    ),
    ("validation_split", KFold(99), "n_splits=99 greater than the number of samples: n_samples=40"),
    ("validation_split", PredefinedSplit([-1] * 40), "of 40 samples results in 0 training and 0 validation samples"),
    (
        "validation_split",
        Folds(),
        "validation_split=Folds() of 40 samples results in 0 training and 0 validation samples",
    ),
    (
        "validation_split",
        Folds(([], [1])),
        "results in 0 training and 1 validation samples; NAME requires at least one of",
    ),
    (
        "validation_split",
        Folds(([0, 1], [40])),
        "must split 40 samples into the positions of a training and a val",
    ),
    (
        "validation_split",
        Folds(([0.0], [1.0])),
        "Folds() returned ([0.0], [1.0]): arrays used as indices must be of integ",
    ),
    ("validation_split", Folds(([0, 1],)), "Folds() returned ([0, 1],): not enough values to unpack"),
    ("class_weight", 5, "The 'class_weight' parameter of NAME must be a str among {'balanced'}"),
    ("class_weight", {"sideways": 2}, "are not in class_weight"),
    ("class_weight", {"sideways": -1}, "non-negative numbers. Got -1 for class 'sideways'"),
    ("class_weight", {"sideways": np.nan}, "must contain finite, non-negative numbers. Got nan for class"),
    ("class_weight", {"sideways": None}, "must contain finite, non-negative numbers. Got None for class"),
    (
        "callbacks__patience",
        3,
        "is for a callback class, but callbacks=None of NAME contains none",
    ),
]


@pytest.mark.parametrize(
    ("name", "value", "message"), [pytest.param(*case, id=f"{i}-{case[0]}") for i, case in enumerate(PARAMETERS)]
)
def test_bad_parameters(name, value, message, fitted):
    kind = "labels" if name == "class_weight" else "numbers"
    estimator, expected = fitted(kind)
    before = estimator.get_params()
    estimator.set_params(**{name: value})
    try:
        assert_refused(fitted, kind, ValueError, message, lambda e: e.fit(*KINDS[kind][2:]))
    finally:
        estimator.set_params(**{name: before.get(name)})
        if name not in before:
            delattr(estimator, name)
    assert estimator.get_params() == before
    assert_array_equal(estimator.predict(KINDS[kind][2]), expected)


def test_a_mask_and_positions_split_alike(fitted):
    mask = np.arange(N_SAMPLES) < 30
    histories = [
        make("GRURegressor", epochs=1, validation_split=Folds(fold)).fit(X_MASKED, Y).history_
        for fold in [(mask, ~mask), (np.arange(30), np.arange(30, 40))]
    ]
    assert histories[0] == histories[1]
    assert len(histories[0]["val_loss"]) == 1


# ---------------------------------------------------------------------- what is no damage


@pytest.mark.parametrize(
    ("kind", "y"),
    [
        ("numbers", np.full(N_SAMPLES, 2.5)),
        ("numbers", Y > 0),
        ("numbers", Y.tolist()),
        ("labels", LABELS.tolist()),
        ("labels", pd.Series(pd.Categorical(LABELS))),
        ("labels", (np.arange(N_SAMPLES) % 3).astype("M8[D]")),
    ],
    ids=["constant", "boolean", "list", "list of labels", "categories", "dates as labels"],
)
def test_targets_that_are_legal(kind, y):
    name, params, X, _ = KINDS[kind]
    estimator = make(name, **params, epochs=1).fit(X, y)
    if kind == "labels":
        assert estimator.score(X, y) == np.mean(estimator.predict(X) == np.asarray(y))
    else:
        assert estimator.score(X, y) == pytest.approx(r2_score(np.asarray(y, dtype=float), estimator.predict(X)))


def test_one_class_is_legal_later(fitted):
    estimator = make("GRUClassifier", epochs=1).fit(X, LABELS)
    assert estimator.partial_fit(X, np.full(N_SAMPLES, "up")).n_iter_ == 2
    assert estimator.classes_.tolist() == ["down", "flat", "up"]
