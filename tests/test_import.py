import importlib
import sys

import pytest
from children import run_code
from conftest import needs_kernels

import skrnn

HEAVY = ("tensorflow", "keras", "scikeras", "matplotlib", "numba")

# Whatever a script does first, this names the modules that it should not have loaded.
REPORT = f"""
import sys
print("loaded:", *(name for name in {HEAVY!r} if name in sys.modules))
"""

ESTIMATORS = [
    "GRUClassifier",
    "GRURegressor",
    "LSTMClassifier",
    "LSTMRegressor",
    "RecurrentClassifier",
    "RecurrentRegressor",
    "SequenceAutoencoder",
]


def heavy_modules_after(code):
    """Names of the heavy modules that a fresh process has loaded once it ran the code."""
    return run_code(code + REPORT).stdout.splitlines()[-1].split()[1:]


def test_import_of_the_package_is_light():
    assert heavy_modules_after("import skrnn") == []


def test_import_of_every_name_is_light():
    assert heavy_modules_after("from skrnn import *\nfrom skrnn import GRURegressor") == []


def test_the_probe_for_heavy_modules_sees_them():
    assert heavy_modules_after("import sys, types; sys.modules['keras'] = types.ModuleType('keras')") == ["keras"]


def test_what_needs_no_network_loads_no_keras():
    code = """
import numpy as np
import skrnn
from sklearn.base import clone, is_classifier
from sklearn.utils import estimator_html_repr

for name in skrnn.__all__:
    if not name.endswith(("Regressor", "Classifier")):
        continue
    estimator = getattr(skrnn, name)((4, 3), bidirectional=True, optimizer__learning_rate=0.1)
    assert estimator.get_params()["optimizer__learning_rate"] == 0.1
    assert "learning_rate=0.1" in repr(clone(estimator.set_params(dropout=0.1)))
    assert "dropout" in estimator_html_repr(estimator)
    assert is_classifier(estimator) == name.endswith("Classifier")
skrnn.SequenceWindower(3).fit_transform(np.zeros((5, 2)))
skrnn.make_supervised(skrnn.datasets.load_sunspots(), "sunspots")
"""
    assert heavy_modules_after(code) == []


def test_wrong_parameters_are_refused_without_keras():
    code = """
import numpy as np
from skrnn import GRURegressor

try:
    GRURegressor(units=0).fit(np.zeros((4, 3)), np.zeros(4))
except ValueError as error:
    assert "units" in str(error), error
else:
    raise SystemExit("units=0 was taken")
"""
    assert heavy_modules_after(code) == []


TRAINS = """
import tempfile
import numpy as np
from sklearn.model_selection import GridSearchCV, cross_val_score
import skrnn
from skrnn import Checkpoint, GRUClassifier, GRURegressor, RecurrentRegressor, SequenceForecaster, sliding_windows

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 4, 2))
y = X[:, -1, 0] - X[:, -2, 1]
small = {"epochs": 1, "random_state": 0}
regressor = GRURegressor(3, metrics=["mae"], early_stopping=True, validation_split=0.25, **small).fit(X, y)
assert np.isfinite(regressor.score(X, y)) and regressor.predict(X).shape == (24,)
regressor.partial_fit(X, y)
assert set(regressor.history_) == {"loss", "mae", "val_loss", "val_mae"}
for loss in ("mae", "huber", "log_cosh"):
    GRURegressor(3, loss=loss, **small).fit(X, y)
for optimizer in (
    "sgd", "rmsprop", "adam", "adamw", "adamax", "nadam", "adagrad", "adadelta", "lion", "ftrl"
):
    RecurrentRegressor("rnn", 3, optimizer=optimizer, optimizer__clipnorm=1.0, **small).fit(X, y)
cross_val_score(GRURegressor(3, **small), X, y, cv=2)
GridSearchCV(RecurrentRegressor("rnn", 3, **small), {"cell": ["gru", "lstm"]}, cv=2).fit(X, y).predict(X)
with tempfile.TemporaryDirectory() as folder:
    GRURegressor(3, callbacks=[Checkpoint(folder, every=1)], epochs=2, random_state=0).fit(X, y)
rows = rng.normal(size=(40, 2))
windows = sliding_windows(rows, 5)
GRURegressor(3, **small).fit(windows, rows[:, 0]).predict(windows)
tokens = rng.integers(1, 9, size=(24, 5))
GRUClassifier(3, embedding_dim=2, metrics=["accuracy"], **small).fit(tokens, y > 0).predict(tokens)
forecaster = SequenceForecaster(GRURegressor(3, **small), window=5).fit(None, rows[:, 0])
assert forecaster.forecast(3).shape == (3,)
"""


@needs_kernels
def test_training_and_predicting_load_no_keras():
    run_code(TRAINS)  # compiles what has not been compiled on this machine
    assert heavy_modules_after(TRAINS) == []


@pytest.mark.parametrize("name", skrnn.__all__)
def test_every_public_name_resolves_to_what_bears_it(name):
    value = getattr(skrnn, name)
    if name == "__version__":
        assert value.count(".") == 2
    elif name == "SKOPS_TRUSTED":
        assert all(type_name.startswith("skrnn.") for type_name in value)
    elif name in ("datasets", "metrics"):
        assert value is importlib.import_module(f"skrnn.{name}")
    else:
        assert value.__name__ == name
        assert value.__doc__


def test_public_names():
    assert {*ESTIMATORS, "SequenceWindower", "make_supervised", "datasets", "metrics", "__version__"} <= set(
        skrnn.__all__
    )
    assert sorted(skrnn.__all__) == list(skrnn.__all__)
    assert set(skrnn.__all__) <= set(dir(skrnn))


def test_unknown_name():
    with pytest.raises(AttributeError, match=r"module 'skrnn' has no attribute 'GRURegresor'"):
        skrnn.GRURegresor  # noqa: B018  (looking it up is what raises)
    with pytest.raises(ImportError, match="GRURegresor"):
        from skrnn import GRURegresor  # noqa: F401  (importing it is what raises)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_are_found_by_pickle_under_their_module(name):
    cls = getattr(skrnn, name)
    assert getattr(sys.modules[cls.__module__], cls.__qualname__) is cls
