"""Parameters: names, values, and routing to the optimizer, the loss and the callbacks."""

import inspect
import pickle

import keras
import numpy as np
import pytest
from conftest import CLASSIFIERS, REGRESSORS, make
from numpy.testing import assert_array_equal
from sklearn.base import clone

import skrnn
from skrnn import GRUClassifier

ESTIMATORS = REGRESSORS + CLASSIFIERS

BAD_VALUES = [
    ({"units": 0}, "The 'units' parameter of GRURegressor must be .*Got 0 instead"),
    ({"units": (8, 0)}, r"The 'units' parameter of GRURegressor must be .*Got \(8, 0\) instead"),
    ({"units": "a"}, "The 'units' parameter of GRURegressor must be .*Got 'a' instead"),
    ({"units": ("a",)}, r"The 'units' parameter of GRURegressor must be .*Got \('a',\) instead"),
    ({"units": 6.5}, "The 'units' parameter of GRURegressor must be .*Got 6.5 instead"),
    ({"units": (6.5,)}, r"The 'units' parameter of GRURegressor must be .*Got \(6.5,\) instead"),
    ({"units": ()}, r"The 'units' parameter of GRURegressor must be .*Got \(\) instead"),
    ({"units": None}, "The 'units' parameter of GRURegressor must be .*Got None instead"),
    ({"units": True}, "The 'units' parameter of GRURegressor must be .*Got True instead"),
    ({"dense_units": (4, -1)}, r"The 'dense_units' parameter of GRURegressor must be .*Got \(4, -1\) instead"),
    ({"dropout": 1.0}, "The 'dropout' parameter of GRURegressor must be .*Got 1.0 instead"),
    ({"recurrent_dropout": -0.1}, "The 'recurrent_dropout' parameter of GRURegressor must be"),
    ({"epochs": 0}, "The 'epochs' parameter of GRURegressor must be .*Got 0 instead"),
    ({"batch_size": 0}, "The 'batch_size' parameter of GRURegressor must be .*None.*Got 0 instead"),
    ({"batch_size": "all"}, "The 'batch_size' parameter of GRURegressor must be"),
    ({"bidirectional": "yes"}, "The 'bidirectional' parameter of GRURegressor must be"),
    ({"return_sequences": None}, "The 'return_sequences' parameter of GRURegressor must be"),
    ({"patch_size": 0}, "The 'patch_size' parameter of GRURegressor must be .*Got 0 instead"),
    ({"pooling": "sum"}, "The 'pooling' parameter of GRURegressor must be .*Got 'sum' instead"),
    ({"embedding_dim": 0}, "The 'embedding_dim' parameter of GRURegressor must be"),
    ({"n_tokens": 1}, "The 'n_tokens' parameter of GRURegressor must be"),
    ({"validation_split": 1.0}, "The 'validation_split' parameter of GRURegressor must be .*Got 1.0 instead"),
    ({"validation_split": -0.1}, "The 'validation_split' parameter of GRURegressor must be"),
    ({"early_stopping": "soon"}, "The 'early_stopping' parameter of GRURegressor must be"),
    ({"patience": -1}, "The 'patience' parameter of GRURegressor must be"),
    ({"min_delta": -1e-9}, "The 'min_delta' parameter of GRURegressor must be"),
    ({"callbacks": 3}, "The 'callbacks' parameter of GRURegressor must be"),
    ({"random_state": "zero"}, "The 'random_state' parameter of GRURegressor must be"),
    ({"dtype": "float16"}, "The 'dtype' parameter of GRURegressor must be a str among .*Got 'float16' instead"),
    ({"verbose": -1}, "The 'verbose' parameter of GRURegressor must be"),
    ({"optimizer": 3}, "The 'optimizer' parameter of GRURegressor must be .*Got 3 instead"),
    ({"optimizer": "adamm"}, "The 'optimizer' parameter of GRURegressor must be a name .*Got 'adamm' instead"),
    ({"loss": 3}, "The 'loss' parameter of GRURegressor must be .*Got 3 instead"),
    ({"loss": "msee"}, "The 'loss' parameter of GRURegressor must be a name .*Got 'msee' instead"),
]


@pytest.mark.parametrize(("params", "message"), BAD_VALUES, ids=[str(params) for params, _ in BAD_VALUES])
def test_bad_values_are_refused_at_fit(params, message, X, y):
    regressor = make("GRURegressor", **params)  # the constructor checks none
    with pytest.raises(ValueError, match=message):
        regressor.fit(X, y)
    assert not hasattr(regressor, "n_features_in_")


@pytest.mark.parametrize("name", ["RecurrentRegressor", "RecurrentClassifier"])
def test_an_unknown_cell_names_the_valid_ones(name, X, labels):
    with pytest.raises(ValueError, match=r"'cell' parameter.*Got 'gruu' instead") as error:
        make(name, cell="gruu").fit(X, labels)
    assert all(repr(cell) in str(error.value) for cell in ("gru", "lstm", "rnn"))


def test_class_weight_is_checked(X, labels):
    with pytest.raises(ValueError, match=r"The 'class_weight' parameter of GRUClassifier must be .*'balanced'"):
        make("GRUClassifier", class_weight="equal").fit(X, labels)


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_misspelt_name_in_the_constructor(name):
    with pytest.raises(TypeError, match=f"{name} got an unknown parameter 'unit'. Did you mean 'units'\\?"):
        getattr(skrnn, name)(unit=4)
    with pytest.raises(TypeError, match=r"unknown parameter 'zzzz'. Valid are: .*batch_size.*units"):
        getattr(skrnn, name)(zzzz=4)
    with pytest.raises(TypeError, match=r"'learning_rate'\. Did you mean 'optimizer__learning_rate'\?"):
        getattr(skrnn, name)(learning_rate=0.1)
    with pytest.raises(TypeError, match="'optimizer__clipnorm', an argument of the optimizer"):
        getattr(skrnn, name)(clipnorm=1.0)
    with pytest.raises(TypeError, match="unknown parameter 'optimiser__learning_rate'"):
        getattr(skrnn, name)(optimiser__learning_rate=0.1)
    with pytest.raises(TypeError, match="unknown parameter 'optimizer__'"):
        getattr(skrnn, name)(optimizer__=0.1)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_misspelt_name_in_set_params(name):
    estimator = make(name)
    with pytest.raises(ValueError, match=f"Invalid parameter 'unit' for estimator {name}.* Did you mean 'units'\\?"):
        estimator.set_params(epochs=7, unit=4)
    with pytest.raises(ValueError, match=r"'lr' for estimator .* Did you mean 'optimizer__learning_rate'\?"):
        estimator.set_params(lr=0.1)
    with pytest.raises(ValueError, match="Invalid parameter 'optimiser__learning_rate'"):
        estimator.set_params(optimiser__learning_rate=4)
    assert estimator.epochs == 3  # nothing was set


@pytest.mark.parametrize("name", ESTIMATORS)
def test_names_of_other_libraries(name):
    names = {"hidden_size": "units", "hidden_dim": "units", "n_iter_no_change": "patience", "seed": "random_state"}
    names |= {"criterion": "loss", "n_hidden": "units", "vocab_size": "n_tokens", "n_estimators": "n_members"}
    for given, meant in names.items():
        with pytest.raises(TypeError, match=f"unknown parameter '{given}'. Did you mean '{meant}'\\?$"):
            getattr(skrnn, name)(**{given: 1})
    with pytest.raises(TypeError, match=r"'num_layers'\. Did you mean 'units'\? A tuple stacks layers"):
        getattr(skrnn, name)(num_layers=2)
    with pytest.raises(TypeError, match=r"'device'\. Networks are trained on a GPU without .* speed gpu"):
        getattr(skrnn, name)(device="cuda")
    for given in ("input_size", "num_classes", "output_dim"):
        with pytest.raises(TypeError, match=f"'{given}'. It is determined by the data that are passed to fit"):
            getattr(skrnn, name)(**{given: 2})
    with pytest.raises(TypeError, match=r"put a SequenceWindower\(window=...\) before"):
        getattr(skrnn, name)(window=5)
    with pytest.raises(TypeError, match="Did you mean 'optimizer__clipnorm'"):
        getattr(skrnn, name)(gradient_clip_val=1.0)
    with pytest.raises(TypeError, match="Pass X_val and y_val to fit"):
        getattr(skrnn, name)(validation_data=())
    cell = "Did you mean 'cell'" if "cell" in getattr(skrnn, name)().get_params() else "have the parameter 'cell'"
    with pytest.raises(TypeError, match=cell):
        getattr(skrnn, name)(rnn_type="lstm")


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("argument", ["epochs", "batch_size", "callbacks"])
def test_parameters_that_are_passed_to_fit(name, argument, X, y):
    y = y if name.endswith("Regressor") else y > 0
    message = rf"{name}\.fit has no argument '{argument}', which .* constructor, {name}\({argument}=\.\.\.\)"
    with pytest.raises(TypeError, match=message):
        make(name).fit(X, y, **{argument: 1})
    with pytest.raises(TypeError, match=rf"{name}\.fit got an unknown argument 'initial_epoch'"):
        make(name).fit(X, y, initial_epoch=1)


def test_parameters_of_some_estimators_only():
    with pytest.raises(TypeError, match="'cell'"):
        skrnn.GRURegressor(cell="lstm")
    with pytest.raises(TypeError, match="'class_weight'"):
        skrnn.RecurrentRegressor(class_weight="balanced")
    assert "class_weight" in skrnn.GRUClassifier().get_params()
    assert skrnn.GRUClassifier().loss == "auto"
    assert skrnn.GRURegressor().loss == "mse"


def test_positional_arguments():
    assert skrnn.GRURegressor(7).units == 7
    assert skrnn.RecurrentRegressor("lstm", 7).get_params()["cell"] == "lstm"
    assert skrnn.RecurrentClassifier("lstm", 7).units == 7
    for name, args in (("GRUClassifier", (7, True)), ("RecurrentRegressor", ("gru", 7, True))):
        with pytest.raises(TypeError, match="positional"):
            getattr(skrnn, name)(*args)
    with pytest.raises(TypeError, match="units"):
        skrnn.GRURegressor(7, units=7)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_signature_shows_every_parameter(name):
    estimator = getattr(skrnn, name)
    parameters = inspect.signature(estimator).parameters
    assert all(p.kind != p.VAR_KEYWORD for p in parameters.values())
    first = ["cell", "units"] if name.startswith("Recurrent") else ["units"]
    assert [p.name for p in parameters.values() if p.kind != p.KEYWORD_ONLY] == first
    assert estimator().get_params() == {p.name: p.default for p in parameters.values()}


class Longer(skrnn.GRURegressor):
    """A class with a parameter of its own, and others that it passes on."""

    def __init__(self, units=8, *, extra=1, **parameters):
        super().__init__(units, **parameters)
        self.extra = extra


def test_a_derived_class_has_its_own_signature():
    assert list(inspect.signature(Longer).parameters) == ["units", "extra"]
    longer = Longer(extra=2, optimizer__learning_rate=0.1)
    assert longer.get_params() == {"units": 8, "extra": 2, "optimizer__learning_rate": 0.1}
    with pytest.raises(TypeError, match=r"Longer got an unknown parameter 'extr'. Did you mean 'extra'\?"):
        Longer(extr=2)

    class Unchanged(skrnn.LSTMClassifier):
        pass

    assert inspect.signature(Unchanged) == inspect.signature(skrnn.LSTMClassifier)


# ---------------------------------------------------------------------- routed names


@pytest.mark.parametrize("name", ESTIMATORS)
def test_routed_names_are_parameters(name):
    routed = {"optimizer__learning_rate": 0.01, "loss__delta": 2.0, "callbacks__patience": 3}
    estimator = make(name, **routed)
    assert routed.items() <= estimator.get_params().items()
    assert clone(estimator).get_params() == estimator.get_params()
    assert pickle.loads(pickle.dumps(estimator)).get_params() == estimator.get_params()
    estimator.set_params(optimizer__learning_rate=0.5, optimizer__clipnorm=1.0, epochs=9)
    expected = {**routed, "optimizer__learning_rate": 0.5, "optimizer__clipnorm": 1.0, "epochs": 9}
    assert expected.items() <= estimator.get_params().items()
    assert "optimizer__clipnorm=1.0" in repr(estimator)
    assert "optimizer__clipnorm" in estimator._repr_html_()
    assert "optimizer__clipnorm" not in make(name).get_params()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"optimizer__lerning_rate": 0.1},
            "optimizer__lerning_rate is not an argument of Adam, the optimizer of GRURegressor. "
            "Did you mean 'optimizer__learning_rate'?",
        ),
        (
            {"optimizer": "sgd", "optimizer__beta_1": 0.1},
            "optimizer__beta_1 is not an argument of SGD, the optimizer of GRURegressor",
        ),
        (
            {"optimizer": keras.optimizers.SGD, "optimizer__momentun": 0.1},
            "optimizer__momentun is not an argument of SGD.*Did you mean 'optimizer__momentum'?",
        ),
        ({"optimizer": "adm"}, "'optimizer' parameter .* Got 'adm' instead. Did you mean 'adam'?"),
        (
            {"optimizer": "nope"},
            "Got 'nope' instead. Valid are: adadelta, adafactor, adagrad, adam, adamax, adamw, .*, sgd.$",
        ),
        ({"loss": "hubre"}, "'loss' parameter .* Got 'hubre' instead. Did you mean 'huber'?"),
        ({"metrics": ["mae", "acuracy"]}, "'metrics' parameter .* Got 'acuracy' instead. Did you mean 'accuracy'?"),
        ({"loss": "huber", "loss__detla": 0.1}, "loss__detla is not an argument of Huber.*Did you mean 'loss__delta'?"),
        ({"loss": "mse", "loss__delta": 0.1}, "loss__delta is not an argument of MeanSquaredError"),
        pytest.param(
            {"callbacks": keras.callbacks.ReduceLROnPlateau, "callbacks__factr": 0.1, "callbacks__monitor": "loss"},
            "callbacks__factr is not an argument of ReduceLROnPlateau.*Did you mean 'callbacks__factor'?",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_routed_names_without_a_target(params, message, X, y):
    regressor = make("GRURegressor", **params)
    with pytest.raises(ValueError, match=message):
        regressor.fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"optimizer__learning_rate": 0.1}, "got optimizer__learning_rate, but its optimizer is an instance"),
        ({"loss__delta": 0.1}, "got loss__delta, but its loss is an instance"),
    ],
)
def test_an_instance_takes_no_routed_arguments(params, message, X, y):
    regressor = make("GRURegressor", optimizer=keras.optimizers.Adam(), loss=keras.losses.Huber(), **params)
    with pytest.raises(ValueError, match=message):
        regressor.fit(X, y)


def test_a_function_takes_no_routed_arguments(X, y):
    def loss(y_true, y_pred, power=2):
        raise AssertionError("is not called")

    regressor = make("GRURegressor", loss=loss, loss__power=1)
    with pytest.raises(ValueError, match=r"GRURegressor got loss__power, but its loss is a function, loss. Pass a"):
        regressor.fit(X, y)


# ---------------------------------------------------------------------- parameters of a fitted network


@pytest.mark.parametrize("params", [{"units": 4}, {"bidirectional": True}, {"dense_units": 3}, {"dtype": "float64"}])
def test_a_warm_start_keeps_the_network(params, X, y):
    regressor = make("GRURegressor", warm_start=True).fit(X, y)
    predictions = regressor.predict(X)
    regressor.set_params(**params)
    with pytest.raises(ValueError, match=r"a parameter that .* the network has changed since.* Call fit with warm"):
        regressor.fit(X, y)
    assert_array_equal(regressor.predict(X), predictions)
    regressor.set_params(warm_start=False).fit(X, y)
    assert regressor.n_iter_ == 3


def test_a_warm_start_keeps_the_optimizer(X, y):
    regressor = make("GRURegressor", warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="optimizer"):
        regressor.set_params(optimizer="sgd").fit(X, y)


@pytest.mark.parametrize(
    "params",
    [
        {"return_sequences": True},
        {"embedding_dim": 3},
        {"units": 4},
        {"dtype": "float64"},
        {"loss": "mae"},
    ],
)
def test_parameters_set_after_fit_do_not_change_predictions(params, X, y):
    # They take effect in the next fit, as in scikit-learn.
    regressor = make("GRURegressor").fit(X, y)
    predictions, score = regressor.predict(X), regressor.score(X, y)
    regressor.set_params(**params)
    assert_array_equal(regressor.predict(X), predictions)
    assert regressor.score(X, y) == score


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"optimizer__learning_rate": 0.02},
        {"optimizer__clipnorm": 0.1},
        {"optimizer__clipvalue": 0.01},
        {"optimizer__global_clipnorm": 0.1},
        {"optimizer__beta_1": 0.5},
    ],
    ids=str,
)
def test_the_automatic_optimizer_is_adam_with_other_defaults(given):
    rng = np.random.default_rng(0)
    X, y = 10 * rng.normal(size=(40, 5, 2)), np.arange(40) % 2
    automatic = GRUClassifier(4, epochs=5, random_state=0, **given).fit(X, y)
    clips = any("clip" in name for name in given)
    defaults = {"optimizer__learning_rate": 0.003} | ({} if clips else {"optimizer__global_clipnorm": 1.0})
    explicit = GRUClassifier(4, epochs=5, random_state=0, optimizer="adam", **(defaults | given)).fit(X, y)
    assert_array_equal(automatic.predict_proba(X), explicit.predict_proba(X))
    assert automatic.get_params()["optimizer"] == "auto"  # and no routed parameters were added
    assert automatic.get_params().keys() - GRUClassifier().get_params().keys() == given.keys()
    if "optimizer__learning_rate" not in given:  # the gradients are below the bound
        of_keras = GRUClassifier(4, epochs=5, random_state=0, optimizer="adam", **given).fit(X, y)
        assert not np.array_equal(automatic.predict_proba(X), of_keras.predict_proba(X))


def test_an_argument_that_adam_lacks():
    with pytest.raises(ValueError, match="optimizer__momentum is not an argument of Adam"):
        GRUClassifier(optimizer__momentum=0.9).fit(np.ones((4, 3)), [0, 1, 0, 1])
