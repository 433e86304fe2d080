"""Fitted state as plain values: what pickles name, state versions, and classes that users derive."""

import copy
import io
import pickle
import pickletools

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import SMALL
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

import skrnn
from skrnn import (
    Checkpoint,
    GRUClassifier,
    GRURegressor,
    PanelTimeSeriesSplit,
    SequenceAutoencoder,
    SequenceForecaster,
    SequenceOutlierDetector,
    SequenceScaler,
    SequenceTokenizer,
    SequenceWindower,
)
from skrnn._common import state
from skrnn._common.state import STATE_VERSION, from_plain, to_plain

DAYS = pd.date_range("2024-01-01", periods=60, tz="Europe/Berlin", name="day")
ROWS = pd.DataFrame({"v": np.sin(np.arange(60) / 3)}, index=DAYS)
PANEL = pd.concat({"a": ROWS, "b": ROWS + 1}, names=["shop", "day"])
X, Y = ROWS["v"].to_numpy().reshape(20, 3), ROWS["v"].to_numpy()[::3]


def autoencoder():
    return SequenceAutoencoder(units=4, n_components=2, epochs=1, random_state=0)


# Functions that return a fitted estimator; together they hold an instance of every registered class.
FITTED = {
    "regressor": lambda: GRURegressor(**SMALL).fit(X, Y),
    "quantiles": lambda: GRURegressor(loss="quantile", quantile=0.9, **SMALL).fit(X, Y),
    "densities": lambda: GRURegressor(loss="gaussian", **SMALL).fit(X, Y),
    "classifier": lambda: GRUClassifier(**SMALL).fit(X, np.where(Y > 0, "up", "down")),
    "classifier per step": lambda: GRUClassifier(return_sequences=True, **SMALL).fit(X, X > 0),
    "categorical features": lambda: GRURegressor(categorical_features=[0], **SMALL).fit((X[..., None] > 0) * 2, Y),
    "windower": lambda: SequenceWindower(3).fit(ROWS),
    "windower of a panel": lambda: SequenceWindower(3, groups="shop", max_gap="2D").fit(PANEL),
    "forecaster": lambda: SequenceForecaster(
        Ridge(), window=3, calibration_size=20, target_transformer=StandardScaler()
    ).fit(None, ROWS["v"]),
    "forecaster of a panel": lambda: SequenceForecaster(
        GRURegressor(**SMALL), window=3, groups="shop", calibration_size=20
    ).fit(PANEL[[]], PANEL["v"]),
    "autoencoder": lambda: autoencoder().fit(X),
    "outliers among sequences": lambda: SequenceOutlierDetector(autoencoder()).fit(X),
    "outliers among windows": lambda: SequenceOutlierDetector(autoencoder(), window=5).fit(ROWS),
    "outliers by prediction": lambda: SequenceOutlierDetector(
        SequenceForecaster(Ridge(), window=3), method="prediction"
    ).fit(ROWS),
    "scaler": lambda: SequenceScaler().fit(X[..., None]),
    "tokenizer": lambda: SequenceTokenizer().fit(["a film", "the film"]),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: fit() for name, fit in FITTED.items()}


def globals_in(pickled):
    """Names of the classes and functions that a pickle of protocol 2 imports, as "module name"."""
    return {argument for code, argument, _ in pickletools.genops(pickled) if code.name == "GLOBAL"}


def registered_in(value):
    """Yield the instances of registered classes in a value, and in the attributes of estimators and of each other."""
    if type(value) in state._NAMES:
        yield value
    parts = value if isinstance(value, (tuple, list)) else vars(value).values() if hasattr(value, "__dict__") else ()
    if not isinstance(value, (np.ndarray, pd.DataFrame, pd.Series, pd.Index, type)):
        for part in parts:
            yield from registered_in(part)


def assert_same(value, expected):
    """Assert that two values have the same type, and equal parts."""
    assert type(value) is type(expected)
    if isinstance(expected, pd.Index):
        pd.testing.assert_index_equal(value, expected, exact=True)
        assert getattr(value, "freq", None) == getattr(expected, "freq", None)
    elif isinstance(expected, np.ndarray):
        assert value.dtype == expected.dtype
        assert_array_equal(value, expected)
    elif isinstance(expected, (tuple, list)):
        for part, other in zip(value, expected, strict=True):
            assert_same(part, other)
    elif type(expected) in state._NAMES or isinstance(expected, BaseEstimator):
        assert vars(value).keys() == vars(expected).keys()
        for name, part in vars(value).items():
            assert_same(part, vars(expected)[name])
    else:
        assert value == expected


def assert_plain(value):
    """Assert that a value consists of arrays, numbers, strings, None, estimators, lists, tuples and dicts."""
    if isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            assert_plain(part)
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufU"
    else:
        assert value is None or isinstance(value, (bool, int, float, str, np.generic, BaseEstimator))


# ---------------------------------------------------------------------- what is saved


@pytest.mark.parametrize("name", FITTED)
def test_pickles_name_nothing_of_skrnn_but_its_constructor_of_public_classes(name, fitted):
    names = globals_in(pickle.dumps(fitted[name], protocol=2))
    assert {name for name in names if name.startswith("skrnn")} == {"skrnn _new"}
    assert not {name for name in names if name.startswith("pandas")}


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_other_public_classes_are_pickled_by_their_names(protocol, tmp_path):
    windows = skrnn.sliding_windows(X, 3)
    parts = [windows, Checkpoint(tmp_path, every=3), PanelTimeSeriesSplit(2)]
    assert not any("skrnn._" in name for name in globals_in(pickle.dumps(parts, protocol=2)))
    restored = pickle.loads(pickle.dumps(parts, protocol=protocol))
    assert [type(part) for part in restored] == [type(part) for part in parts]
    assert_array_equal(np.asarray(restored[0]), np.asarray(windows))
    assert [vars(part) for part in restored[1:]] == [vars(part) for part in parts[1:]]


def test_names_in_pickles_are_found():
    assert "sklearn.linear_model._ridge Ridge" in globals_in(pickle.dumps(Ridge(), protocol=2))


def test_every_registered_class_is_restored(fitted):
    restored = set()
    for estimator in fitted.values():
        for value in registered_in(estimator):
            plain = to_plain(value)
            assert_plain(plain)
            assert_same(from_plain(plain), value)
            restored.add(type(value))
    assert restored == set(state._NAMES)


# ---------------------------------------------------------------------- versions


def test_the_version_is_saved_and_not_restored(fitted):
    estimator = fitted["regressor"]
    assert estimator.__getstate__()["_state_version"] == STATE_VERSION
    assert "_state_version" not in vars(pickle.loads(pickle.dumps(estimator)))


def test_another_version_raises(fitted):
    saved = fitted["regressor"].__getstate__() | {"_state_version": STATE_VERSION + 1}
    message = (
        f"This GRURegressor was saved with state version {STATE_VERSION + 1}, but skrnn {skrnn.__version__} reads "
        f"version {STATE_VERSION}. Load it with the version of skrnn that saved it, or refit it."
    )
    empty = GRURegressor.__new__(GRURegressor)
    with pytest.raises(ValueError) as error:
        empty.__setstate__(saved)
    assert str(error.value) == message
    assert vars(empty) == {}


# ---------------------------------------------------------------------- classes that users derive


class WithOwnState(GRURegressor):
    """A class with private attributes of its own, and its own state."""

    def __getstate__(self):
        return dict(vars(self))


def test_private_attributes_of_users_are_saved_unchanged():
    shared = [DAYS.astype("category"), {"skrnn kind": "mine"}]
    shared.append(shared)
    for cls in (GRURegressor, WithOwnState):
        estimator = cls(**SMALL).fit(X, Y)
        estimator._first = estimator._second = shared
        estimator._kind = shared[1]
        restored = pickle.loads(pickle.dumps(estimator))
        assert restored._first is restored._second
        assert restored._first[2] is restored._first
        pd.testing.assert_index_equal(restored._first[0], shared[0], exact=True)
        assert restored._kind == {"skrnn kind": "mine"}
        assert copy.copy(estimator)._first is shared
        assert_array_equal(restored.predict(X), estimator.predict(X))


class Clipped(GRURegressor):
    """A class with a parameter and a fitted private attribute of its own."""

    def __init__(self, units=6, *, limit=1.0, **parameters):
        super().__init__(units, **parameters)
        self.limit = limit

    def fit(self, X, y):
        super().fit(X, y)
        self._index = pd.date_range("2024-01-01", periods=3, freq="D")
        return self

    def predict(self, X):
        return super().predict(X).clip(-self.limit, self.limit)


SameName = type("GRURegressor", (GRURegressor,), {"__module__": __name__, "__qualname__": "SameName"})


def by_pickle(estimator):
    return pickle.loads(pickle.dumps(estimator))


def by_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("travel", [by_pickle, by_joblib, copy.deepcopy, copy.copy])
@pytest.mark.parametrize("cls", [Clipped, SameName])
def test_derived_classes_are_restored(cls, travel):
    estimator = cls(epochs=2, random_state=0, optimizer__learning_rate=0.05)
    for original in (estimator, clone(estimator).fit(X, Y)):
        again = travel(original)
        assert type(again) is cls
        assert again.get_params() == original.get_params()
        assert vars(again).keys() == vars(original).keys()
    assert_array_equal(again.predict(X), original.predict(X))
    if cls is Clipped:
        assert again.get_params()["limit"] == 1.0
        assert_same(again._index, original._index)
    assert_array_equal(again.partial_fit(X, Y).predict(X), copy.deepcopy(original).partial_fit(X, Y).predict(X))


def test_a_derived_class_is_pickled_under_its_own_name():
    names = globals_in(pickle.dumps(Clipped(), protocol=2))
    assert f"{__name__} Clipped" in names
    assert "skrnn _new" not in names
    assert f"{__name__} SameName" in globals_in(pickle.dumps(SameName(), protocol=2))
