"""Type hints: every public signature has them, and type checkers see them from outside the package."""

import ast
import inspect
import re
from importlib.resources import files

import pytest
from children import run
from conftest import CLASSIFIERS, REGRESSORS

import skrnn

ESTIMATORS = REGRESSORS + CLASSIFIERS

CONFIGURATION = """
[mypy]
strict = true

[mypy-sklearn.*]
ignore_missing_imports = true
"""

# Checked, never run. Every assert_type fails where mypy knows no more than Any.
RIGHT = """
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typing_extensions import assert_type

import skrnn
from skrnn import (
    GRUClassifier, GRURegressor, LSTMRegressor, PanelTimeSeriesSplit, RecurrentRegressor, SequenceForecaster,
    SequenceTokenizer, SequenceWindower, Sequences, make_supervised, sliding_windows,
)
from skrnn.inspection import ImportanceDisplay, integrated_gradients, sequence_importance
from skrnn.metrics import mean_absolute_scaled_error
from skrnn.datasets import load_japanese_vowels, make_damped_oscillation

Array = NDArray[Any]

times, series = make_damped_oscillation(n=100)
assert_type(series, NDArray[np.float64])
X, y, X_latest = make_supervised(series, None, steps_ahead=2)
assert_type(y, Array)
assert_type(make_supervised(series, None, steps_ahead=range(1, 4))[1], Array)

windower = SequenceWindower(window=8, padding="edge").fit(X)
assert_type(windower, SequenceWindower)
assert_type(windower.inverse_transform(windower.transform(X)), Array)
assert_type(windower.get_feature_names_out(), Array)

windows = sliding_windows(X, window=8)
assert_type(windows, Sequences)
assert_type(windows[0], Array)
assert_type(windows[10:], Sequences)
assert_type(windows.shape, tuple[int, int, int])

regressor = GRURegressor(8, epochs=2, optimizer__learning_rate=0.01, validation_split=TimeSeriesSplit(2))
assert_type(regressor.fit(windows, y, X_val=windows, y_val=y), GRURegressor)
assert_type(regressor.set_params(units=(4, 4)).partial_fit(windows, y), GRURegressor)
assert_type(regressor.predict(windows), Array)
assert_type(regressor.predict(windows, return_std=True), tuple[Array, Array])
assert_type(regressor.score(windows, y), float)
assert_type(regressor.history_["loss"], list[float])
assert_type(LSTMRegressor(random_state=np.random.RandomState(0)).n_iter_, int)
assert_type((regressor.epochs, regressor.batch_size), tuple[int | Literal["auto"], int | None])

X_train, X_test, y_train, y_test = load_japanese_vowels()
classifier = GRUClassifier(units=[8, 8], class_weight="balanced", callbacks=[skrnn.Checkpoint("saved")])
assert_type(classifier.fit(X_train, y_train).predict_proba(X_test), Array)
assert_type(classifier.classes_, Array)
assert_type(classifier.transform(X_test), Array)
assert_type(classifier.hidden_states(X_test), Array)

pipeline = make_pipeline(StandardScaler(), SequenceWindower(window=8), RecurrentRegressor("lstm", 8))
search = GridSearchCV(pipeline, {"recurrentregressor__cell": ["gru", "lstm"]}, cv=TimeSeriesSplit(2)).fit(X, y)
print(search.best_params_, cross_val_score(regressor, windows, y, cv=TimeSeriesSplit(2)))
for train, test in PanelTimeSeriesSplit(2, time=0).split(X):
    assert_type(test, NDArray[np.intp])

forecaster = SequenceForecaster(regressor, window=8, calibration_size=0.2).fit(None, series)
assert_type(forecaster, SequenceForecaster)
assert_type(forecaster.update(None, series).predict_interval(X, coverage=0.8), Array)
print(forecaster.forecast(3), skrnn.backtest(forecaster, None, series, initial_window=50, steps=5))

assert_type(mean_absolute_scaled_error(y, y, y_train=y, season=4), float)
assert_type(integrated_gradients(regressor, windows, 0.0, time_step=-1), Array)
result = sequence_importance(regressor, windows, y, by="step")
assert_type(ImportanceDisplay.from_importances(result, feature_names=["a"]).plot(), ImportanceDisplay)
assert_type(SequenceTokenizer(max_len=10).fit_transform(["a text", "another"]), NDArray[np.int32])
"""

# A line of wrong use, and the error that it must give.
WRONG = {
    'skrnn.SequenceWindower(window="a")': "arg-type",
    'skrnn.SequenceWindower(padding="edges")': "arg-type",
    "skrnn.SequenceWindower(size=3)": "call-arg",
    "skrnn.SequenceWindower().fit()": "call-arg",
    'skrnn.GRURegressor(units="a")': "arg-type",
    'skrnn.GRURegressor("lstm")': "arg-type",
    'skrnn.LSTMClassifier(dtype="float16")': "arg-type",
    'skrnn.RecurrentRegressor("lstm", 8, True)': "call-arg",
    "skrnn.GRURegressor(8, True)": "call-arg",
    'skrnn.GRUClassifier(class_weight="equal")': "arg-type",
    "skrnn.GRURegressor().fit([[1.0], [2.0]])": "call-arg",
    'skrnn.SequenceForecaster().forecast("three")': "arg-type",
    "skrnn.sliding_windows([[1.0], [2.0]])": "call-arg",
    "skrnn.make_supervised(np.zeros(3), None, steps_ahead=1.5)": "call-overload",
    "skrnn.GRURegresor()": "attr-defined",
}


def public_functions(name):
    """Yield what a public name has in signatures: the function itself, or the methods and properties of a class."""
    value = getattr(skrnn, name)
    if inspect.isfunction(value):
        yield name, value
    if inspect.ismodule(value):
        for inner in value.__all__:
            yield f"{name}.{inner}", getattr(value, inner)
    if not inspect.isclass(value):
        return
    for owner in value.__mro__:
        if not owner.__module__.startswith("skrnn"):
            continue
        for key, member in vars(owner).items():
            if key != "__init__" and key.startswith("_"):
                continue
            member = getattr(member, "__func__", member)  # of a classmethod
            member = getattr(member, "fget", member)  # of a property
            member = getattr(member, "fn", member)  # of scikit-learn's available_if
            if inspect.isfunction(member):
                yield f"{owner.__name__}.{key}", member


def without_hints(function):
    """Names of the parameters that have no type hint, and "return" where the result has none."""
    signature = inspect.signature(function)
    own = "self" if next(iter(signature.parameters), None) == "self" else "cls"
    names = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name != own]
    return names + ["return"] * (signature.return_annotation is signature.empty)


@pytest.mark.parametrize("name", [name for name in skrnn.__all__ if name not in ("SKOPS_TRUSTED", "__version__")])
def test_public_signatures_have_type_hints(name):
    found = dict(public_functions(name))
    assert found
    assert {key: without_hints(function) for key, function in found.items()} == {key: [] for key in found}


def test_what_lacks_a_type_hint_is_found():
    def function(self, X, y: int = 0, *, z=0):
        pass

    assert without_hints(function) == ["X", "z", "return"]
    assert {"SequenceWindower.__init__", "SequenceWindower.fit", "SequenceWindower.get_feature_names_out"} <= {
        key for key, _ in public_functions("SequenceWindower")
    }
    assert {"Sequences.shape", "Sequences.take"} <= {key for key, _ in public_functions("Sequences")}
    assert "ForecastDisplay.from_estimator" in dict(public_functions("ForecastDisplay"))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_have_the_same_parameters(name):
    quantile = inspect.signature(skrnn.RecurrentRegressor).parameters["quantile"]
    every = {}
    for key, parameter in inspect.signature(skrnn.RecurrentClassifier).parameters.items():
        every |= {key: parameter} | ({"quantile": quantile} if key == "loss" else {})
    lacking = {"class_weight"} if name in REGRESSORS else {"quantile"}
    lacking |= set() if name.startswith("Recurrent") else {"cell"}
    defaults = {"loss": "mse", "optimizer": "adam", "epochs": 100} if name in REGRESSORS else {}
    expected = [p.replace(default=defaults.get(key, p.default)) for key, p in every.items() if key not in lacking]
    found = list(inspect.signature(getattr(skrnn, name)).parameters.values())
    assert [(p.name, p.default, p.annotation) for p in found] == [(p.name, p.default, p.annotation) for p in expected]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_parameter_has_a_constraint(name):
    estimator = getattr(skrnn, name)
    assert inspect.signature(estimator).parameters.keys() == estimator._parameter_constraints.keys()


def test_type_checkers_see_the_lazy_names():
    tree = ast.parse(files("skrnn").joinpath("__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {}
    for statement in block.body:
        [alias] = statement.names
        assert alias.asname == alias.name  # which makes it public to them
        is_module = statement.module == "skrnn"
        seen[alias.name] = f"skrnn.{alias.name}" if is_module else statement.module
    assert seen == skrnn._HOME


def test_the_marker_is_there():
    assert files("skrnn").joinpath("py.typed").is_file()


# ---------------------------------------------------------------------- what mypy says of code that uses skrnn


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Lines of mypy on code of users: file -> line number -> codes of its errors, and all that it printed."""
    folder = tmp_path_factory.mktemp("types")
    (folder / "mypy.ini").write_text(CONFIGURATION)
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text("\n".join(["import numpy as np; import skrnn", *WRONG]))
    arguments = ["--config-file", "mypy.ini", "--cache-dir", "cache", "right.py", "wrong.py"]
    process = run("-m", "mypy", *arguments, cwd=folder, env={"MYPY_FORCE_COLOR": "0", "NO_COLOR": "1"})
    assert process.returncode == 1, process.stdout + process.stderr  # errors were found, and nothing else went wrong
    codes = {}
    for file, line, code in re.findall(r"^(\S+\.py):(\d+): error: .*\[([\w-]+)\]$", process.stdout, re.MULTILINE):
        codes.setdefault((file, int(line)), set()).add(code)
    return codes, process.stdout


def test_right_use_passes(report):
    codes, printed = report
    assert {file for file, _ in codes} == {"wrong.py"}, printed


@pytest.mark.parametrize(("number", "use"), list(enumerate(WRONG, start=2)), ids=list(WRONG))
def test_wrong_use_is_reported(number, use, report):
    codes, printed = report
    assert WRONG[use] in codes.get(("wrong.py", number), set()), printed
