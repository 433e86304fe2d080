"""Every public docstring is whole, and what it says of names, types, defaults and errors is what the code has."""

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from datetime import timedelta
from numbers import Integral, Real

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import shared_docstrings
from conftest import make
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

import skrnn
import skrnn.datasets
import skrnn.inspection
import skrnn.metrics

# Checks of numpydoc that are left out for every object of a kind, and why.
_ONE_LINE = "A summary that says all there is needs no second paragraph."
_OF_ITS_CLASS = "The neighbours of a method are the other methods of its class, and those of its class."
LEFT_OUT = {
    ("ES01", "class"): _ONE_LINE,
    ("ES01", "function"): _ONE_LINE,
    ("ES01", "method"): _ONE_LINE,
    ("ES01", "property"): _ONE_LINE,
    ("SA01", "method"): _OF_ITS_CLASS,
    ("SA01", "property"): _OF_ITS_CLASS,
    ("EX01", "property"): "A property is read, not called: an example would show what its summary says.",
}

# Methods without an example: they do what scikit-learn's methods of that name do, and their classes have examples.
WITHOUT_EXAMPLE = {
    "fit",
    "fit_transform",
    "get_feature_names_out",
    "get_params",
    "plot",
    "predict",
    "predict_proba",
    "score",
    "set_output",
    "set_params",
    "split",
    "transform",
}

# What numpydoc finds in single objects, and why it stays.
FINDINGS = {
    **{
        f"skrnn.{name}": {
            "PR02": "Routed parameters are documented, but __signature__ leaves them out: scikit-learn's checks pass "
            "every parameter of a signature by name."
        }
        for name in (
            *(f"{cell}{kind}" for cell in ("GRU", "LSTM", "Recurrent") for kind in ("Regressor", "Classifier")),
            "SequenceAutoencoder",
        )
    },
    "skrnn.PanelTimeSeriesSplit.split": {
        "RT01": "It returns a generator and documents what that yields, as scikit-learn's splitters do; being no "
        "generator function itself, it raises when it is called."
    },
}


# Public modules by their name in the package.
MODULES = {"datasets": skrnn.datasets, "inspection": skrnn.inspection, "metrics": skrnn.metrics}


def _is_ours(member):
    """Tell what skrnn defines from what scikit-learn does, which puts some methods into every class."""
    defined = member.fget if isinstance(member, property) else inspect.unwrap(member) if callable(member) else None
    return (getattr(defined, "__module__", None) or "").startswith("skrnn")


def _public_objects():
    """Public functions and classes, and the public methods and properties that skrnn defines on them, by name."""
    names = [name for name in skrnn.__all__ if name not in ("SKOPS_TRUSTED", "__version__", *MODULES)]
    objects = {f"skrnn.{name}": getattr(skrnn, name) for name in names}
    for path, module in MODULES.items():
        objects |= {f"skrnn.{path}.{name}": getattr(module, name) for name in module.__all__}
    for path, cls in list(objects.items()):
        if not inspect.isclass(cls):
            continue
        names = dict.fromkeys(name for base in cls.__mro__ for name in vars(base) if not name.startswith("_"))
        objects |= {f"{path}.{name}": getattr(cls, name) for name in names if _is_ours(getattr(cls, name))}
    return objects


OBJECTS = _public_objects()
CLASSES = {path: value for path, value in OBJECTS.items() if inspect.isclass(value)}
CALLABLES = {path: value for path, value in OBJECTS.items() if not isinstance(value, property)}


def _kind(path):
    if isinstance(OBJECTS[path], property):
        return "property"
    if path in CLASSES:
        return "class"
    return "method" if path.rpartition(".")[0] in CLASSES else "function"


def _documented(path, section="Parameters"):
    """Name and type of what a section lists; names that share an entry are told apart."""
    entries = get_doc_object(OBJECTS[path])[section]
    return {name: entry.type for entry in entries for name in entry.name.split(", ")}


def _parameters(path):
    """Parameters of a signature, but self, cls and those with stars."""
    stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(OBJECTS[path]).parameters
    return {name: p for name, p in found.items() if name not in ("self", "cls") and p.kind not in stars}


# ---------------------------------------------------------------------- what numpydoc checks


@pytest.mark.parametrize("path", OBJECTS)
def test_numpydoc_finds_nothing(path):
    errors = dict(validate(path)["errors"])
    expected = set(FINDINGS.get(path, {}))
    assert expected <= set(errors), "no longer found: take it off FINDINGS"
    left_out = {code for code, kind in LEFT_OUT if kind == _kind(path)}
    if _kind(path) == "method" and path.rpartition(".")[2] in WITHOUT_EXAMPLE:
        left_out.add("EX01")
    assert {code: text for code, text in errors.items() if code not in expected | left_out} == {}


def test_what_is_left_out_is_there():
    assert set(FINDINGS) <= set(OBJECTS)
    assert {path.rpartition(".")[2] for path in OBJECTS if _kind(path) == "method"} >= WITHOUT_EXAMPLE
    assert {kind for _, kind in LEFT_OUT} == {_kind(path) for path in OBJECTS}


@pytest.mark.parametrize("path", [path for path in FINDINGS if path in CLASSES])
def test_routed_parameters_are_the_only_ones_beside_the_signature(path):
    assert [*_documented(path)] == [*_parameters(path), "**routed"]


# ---------------------------------------------------------------------- defaults and types


@pytest.mark.parametrize("path", CALLABLES)
def test_defaults_are_those_of_the_signature(path):
    documented = _documented(path)
    for name, parameter in _parameters(path).items():
        if documented[name] == "Ignored":  # scikit-learn's word for what is there by convention
            continue
        said = re.search(r"default=(.*)$", documented[name])
        if parameter.default is inspect.Parameter.empty:
            assert said is None, f"{name} has no default"
            continue
        assert said is not None, f"{name} has the default {parameter.default!r}"
        value = eval(said[1], {"pi": np.pi})
        assert (type(value), value) == (type(parameter.default), parameter.default), name


# What scikit-learn's constraints are called in docstrings; options of text are quoted there.
WORDS = {
    "boolean": {"bool"},
    "verbose": {"int"},
    "random_state": {"int", "RandomState", "None"},
    None: {"None"},
    callable: {"callable"},
    type: {"class"},
    tuple: {"list"},  # whoever takes the one takes the other
    list: {"list"},
    dict: {"dict"},
    str: {"str"},
    timedelta: {"timedelta"},
    np.timedelta64: {"timedelta"},
    skrnn.Checkpoint: {"Checkpoint"},
    skrnn.CalendarFeatures: {"CalendarFeatures"},
}
# What these let pass may be called otherwise as well: a float may be an int, a callable a class.
OPEN = (Real, callable, "array-like", HasMethods)


def _constraints(path):
    """What scikit-learn validates the parameters of a class or a function by."""
    value = OBJECTS[path]
    return getattr(value, "_parameter_constraints" if path in CLASSES else "_skl_parameter_constraints", {})


def _words_of(rule):
    if isinstance(rule, StrOptions):
        return {f'"{option}"' for option in rule.options}
    if isinstance(rule, Interval):
        return {"int"} if rule.type is Integral else {"float"}
    return set() if isinstance(rule, HasMethods) or rule == "array-like" else WORDS[rule]


def _is_open(rule):
    return isinstance(rule, HasMethods) or (rule.type if isinstance(rule, Interval) else rule) in OPEN


def _words_in(text):
    """What the type of a parameter says of itself, not of what it holds."""
    text = text.replace("default=None", "None").replace("tuple", "list")
    text = re.sub(r"default=.*$", "", re.sub(r" of .*?(?=,| or |$)", "", text))
    known = {"float"}.union(*WORDS.values())
    return {word for word in re.findall(r'"\w+"|\w+', text) if word in known or word.startswith('"')}


@pytest.mark.parametrize("path", [path for path in CALLABLES if _constraints(path)])
def test_types_are_those_that_are_validated(path):
    documented = _documented(path)
    for name, rules in _constraints(path).items():
        if rules == "no_validation":
            continue
        said, taken = _words_in(documented[name]), set().union(*map(_words_of, rules))
        assert taken <= said, f"{name} takes {taken - said} too"
        assert said <= taken or any(map(_is_open, rules)), f"{name} does not take {said - taken}"


# ---------------------------------------------------------------------- errors, neighbours, attributes

# What a call or a decorator raises on bad input.
RAISED_BY = {
    "check_is_fitted": "NotFittedError",
    "check_matplotlib_support": "ImportError",
    "_validate_params": "ValueError",
    "_fit_context": "ValueError",
    "validate_params": "ValueError",
    "validate_parameter_constraints": "ValueError",
    "_set_routed": "TypeError",
    "check_array_like": "TypeError",
    "as_numeric": "TypeError",
    "as_float_array": "TypeError",
    "available_if": "AttributeError",
}


def _raising(path):
    """Exceptions that the code of a public object itself raises, or that what it calls is known for."""
    value = OBJECTS[path]
    if is_dataclass(value):  # whose constructor has no code of its own
        return set()
    code = value.__init__ if path in CLASSES else value
    code = code.fget if isinstance(code, property) else inspect.unwrap(code)
    raised = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(code)))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised.add(node.exc.func.id if isinstance(node.exc, ast.Call) else node.exc.id)
        if isinstance(node, ast.Call):
            raised.add(RAISED_BY.get(getattr(node.func, "attr", getattr(node.func, "id", None))))
    return raised - {None}


@pytest.mark.parametrize("path", OBJECTS)
def test_errors_are_documented(path):
    documented = {entry.type: entry.desc for entry in get_doc_object(OBJECTS[path])["Raises"]}
    assert _raising(path) <= set(documented)
    assert all(documented.values())


@pytest.mark.parametrize("path", OBJECTS)
def test_neighbours_are_there(path):
    for names, _ in get_doc_object(OBJECTS[path])["See Also"]:
        for name, _ in names:
            assert {f"skrnn.{name}", *(f"skrnn.{path}.{name}" for path in MODULES)} & set(
                OBJECTS
            ) or Validator._load_obj(name)


def _fitted():
    """A fitted or drawn object of each class that has attributes of its own."""
    rows = pd.DataFrame({"a": np.arange(12.0), "b": np.ones(12)})
    y = np.arange(12.0)
    history = {"loss": [1.0, 0.5], "val_loss": [1.0, 0.6]}
    scores = pd.DataFrame({"estimator": ["gru"], "test_score": [0.5]})
    forecaster = skrnn.SequenceForecaster(LinearRegression(), window=2, target_transformer=StandardScaler())
    return {
        "GRURegressor": lambda: make("GRURegressor", n_members=2).fit(rows, y),
        "GRUClassifier": lambda: make("GRUClassifier", n_members=2).fit(rows, y > 5),
        "SequenceForecaster": lambda: forecaster.fit(rows, y),
        "SequenceOutlierDetector": lambda: skrnn.SequenceOutlierDetector(forecaster, method="prediction").fit(rows),
        "AnomalyDisplay": lambda: skrnn.AnomalyDisplay([1.0], [-1.0], threshold=-2.0).plot(),
        "CalendarFeatures": lambda: skrnn.CalendarFeatures(["month"]).fit(
            rows.set_axis(pd.date_range("2024", periods=12))
        ),
        "SequenceScaler": lambda: skrnn.SequenceScaler().fit(rows),
        "SequenceTokenizer": lambda: skrnn.SequenceTokenizer().fit(["a film"]),
        "SequenceWindower": lambda: skrnn.SequenceWindower().fit(rows),
        "ForecastDisplay": lambda: skrnn.ForecastDisplay([1.0]).plot(),
        "LossCurveDisplay": lambda: skrnn.LossCurveDisplay({"gru": history}, best_epochs={"gru": 1}).plot(),
        "inspection.ImportanceDisplay": lambda: skrnn.inspection.ImportanceDisplay([0.5], by="step").plot(),
        "CellComparisonDisplay": lambda: skrnn.CellComparisonDisplay(scores, {"gru": [history]}, "r2").plot(),
    }


@pytest.mark.parametrize("name", _fitted())
def test_attributes_are_those_of_a_fitted_object(name):
    fitted = _fitted()[name]()
    plt.close("all")
    properties = [path.rpartition(".")[2] for path in OBJECTS if _kind(path) == "property" and f".{name}." in path]
    attributes = {attribute for attribute in [*vars(fitted), *properties] if not attribute.startswith("_")}
    assert set(_documented(f"skrnn.{name}", "Attributes")) == {a for a in attributes if a.endswith("_")}


def test_all_estimators_have_the_attributes_of_one():
    for kind in ("Regressor", "Classifier"):
        of_one = _documented(f"skrnn.GRU{kind}", "Attributes")
        assert all(_documented(f"skrnn.{cell}{kind}", "Attributes") == of_one for cell in ("LSTM", "Recurrent"))


# ---------------------------------------------------------------------- entries that the estimators share

_KINDS_OF_TARGETS = ("regressor", "classifier")
_CELLS = {"gru": "GRU", "lstm": "LSTM", "recurrent": "Recurrent"}


def test_shared_entries_are_equal(capsys):
    assert shared_docstrings.main(["--check"]) == 0, capsys.readouterr().out


def test_every_entry_is_compared():
    modules = shared_docstrings.read_modules()
    classes = {f"{cell}_{kind}": f"{_CELLS[cell]}{kind.capitalize()}" for cell in _CELLS for kind in _KINDS_OF_TARGETS}
    classes["sequence_autoencoder"] = "SequenceAutoencoder"
    assert modules.keys() == classes.keys()
    for name, code in modules.items():
        path = f"skrnn.{classes[name]}"
        expected = [
            (section, entry)
            for section in shared_docstrings.SECTIONS
            for entry in (_documented(path, section) if section != "Raises" else ["TypeError"])
        ]
        assert list(shared_docstrings.entries(code)) == expected


def test_a_changed_entry_is_found_and_restored():
    modules = shared_docstrings.read_modules()
    changed = dict(modules)
    changed["lstm_classifier"] = modules["lstm_classifier"].replace("Maximum number of passes", "Passes")
    changed["recurrent_classifier"] = modules["recurrent_classifier"].replace("n_outputs_ : int", "n_outputs_ : float")
    restored, found = shared_docstrings.copy_shared(changed)
    assert found == ["recurrent_classifier: Attributes, n_outputs_", "lstm_classifier: Parameters, epochs"]
    assert restored == modules


def test_an_entry_of_classifiers_is_copied_to_classifiers_only():
    modules = shared_docstrings.read_modules()
    classifier = modules["recurrent_classifier"].replace("binary and multilabel targets", "two classes")
    restored, found = shared_docstrings.copy_shared(modules | {"recurrent_classifier": classifier})
    assert restored["recurrent_classifier"] == classifier != modules["recurrent_classifier"]
    assert found == [f"{cell}_classifier: Parameters, loss" for cell in ("gru", "lstm")]
