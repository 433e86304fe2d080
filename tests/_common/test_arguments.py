"""Errors for unknown arguments of public functions, methods and constructors."""

import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone

import skrnn
from skrnn import SequenceForecaster, SequenceOutlierDetector, backtest, compare_cells, make_supervised, sliding_windows
from skrnn._common.arguments import named_arguments
from skrnn._common.nearest import OF_NETWORKS
from skrnn.inspection import ImportanceDisplay, integrated_gradients, sequence_importance
from skrnn.metrics import mean_absolute_scaled_error

CONSTRUCTORS = [
    *("CalendarFeatures", "Checkpoint", "PanelTimeSeriesSplit", "SequenceForecaster", "SequenceOutlierDetector"),
    *("SequenceScaler", "SequenceTokenizer", "SequenceWindower"),
]
DISPLAYS = [
    skrnn.AnomalyDisplay,
    skrnn.CellComparisonDisplay,
    skrnn.ForecastDisplay,
    skrnn.LossCurveDisplay,
    ImportanceDisplay,
]
FUNCTIONS = [
    *(backtest, compare_cells, integrated_gradients, make_supervised, mean_absolute_scaled_error, sequence_importance),
    sliding_windows,
]


def misspelt(function):
    """The last parameter of a function, and the same with a typing error."""
    name = [*inspect.signature(function).parameters][-1]
    return name, name[:-1] + name[-1] * 2


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_misspelt_parameters(name):
    cls = getattr(skrnn, name)
    meant, given = misspelt(cls)
    message = f"'{given}'.*Did you mean '{meant}'\\?$"
    with pytest.raises(TypeError, match=f"^{name} got an unknown parameter {message}"):
        cls(**{given: 1})
    estimator = cls("x") if name == "Checkpoint" else cls()
    if hasattr(estimator, "set_params"):
        message = f"^Invalid parameter '{given}' for estimator {name}\\. Did you mean '{meant}'\\?$"
        with pytest.raises(ValueError, match=message):
            estimator.set_params(**{given: 1})
        assert clone(estimator).get_params().keys() == inspect.signature(cls).parameters.keys()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_misspelt_arguments_of_functions(function):
    meant, given = misspelt(function)
    with pytest.raises(TypeError, match=f"^{function.__name__} got an unknown argument '{given}'.* '{meant}'\\?$"):
        function(**{given: 1})
    required = next(iter(inspect.signature(function).parameters))
    with pytest.raises(TypeError, match=f"^{function.__name__} is missing a required argument: '{required}'"):
        function()


@pytest.mark.parametrize("display", DISPLAYS)
def test_misspelt_arguments_of_displays(display):
    makers = [name for name in vars(display) if name.startswith("from_")]
    assert makers
    for name in makers:
        with pytest.raises(TypeError, match=rf"^{display.__name__}\.{name} got an unknown argument 'axx'.*'ax'\?$"):
            getattr(display, name)(axx=None)
    meant, given = misspelt(display)
    with pytest.raises(TypeError, match=f"^{display.__name__} got an unknown parameter '{given}'.* '{meant}'\\?$"):
        display(**{given: 1})
    with pytest.raises(TypeError, match=rf"^{display.__name__}\.plot got an unknown argument 'axes'.*'ax'\?$"):
        display.plot(object.__new__(display), axes=None)


@pytest.mark.parametrize(
    ("meant", "names"),
    {
        "output_steps": ("h", "horizon", "fh", "output_chunk_length", "prediction_length"),
        "window": ("window_length", "input_size", "lookback", "input_chunk_length", "context_length"),
        "lags' or 'window": ("n_lags",),
        "estimator": ("regressor", "model"),
        "target_transformer": ("scaler",),
        "groups": ("unique_id",),
        "differencing": ("season_length",),
    }.items(),
)
def test_names_of_other_libraries(meant, names):
    for name in names:
        with pytest.raises(TypeError, match=f"unknown parameter '{name}'. Did you mean '{meant}'\\?$"):
            SequenceForecaster(**{name: 12})
        with pytest.raises(ValueError, match=f"Invalid parameter '{name}' .* Did you mean '{meant}'\\?$"):
            SequenceForecaster().set_params(**{name: 12})


def test_arguments_of_other_libraries():
    forecaster, y = SequenceForecaster(window=5), np.arange(50.0)
    for name in ("h", "horizon", "fh", "n"):
        with pytest.raises(TypeError, match=f"forecast got an unknown argument '{name}'. Did you mean 'steps'"):
            forecaster.forecast(**{name: 3})
        with pytest.raises(TypeError, match=f"backtest got an unknown argument '{name}'. Did you mean 'steps'"):
            backtest(forecaster, None, y, initial_window=30, **{name: 3})
    with pytest.raises(TypeError, match=r"predict_interval got an unknown argument 'alpha'. Did you mean 'coverage'"):
        forecaster.predict_interval(None, alpha=0.1)
    with pytest.raises(TypeError, match=r"'static_covariates'. Pass such covariates as columns of X"):
        SequenceForecaster(static_covariates=[])
    with pytest.raises(TypeError, match=r"'stride'. Every k-th window is sliding_windows\(...\)\[::k\]"):
        sliding_windows(y[:, None], 3, stride=2)
    with pytest.raises(TypeError, match=r"'n_seeds'. Did you mean 'n_repeats'"):
        compare_cells(None, y, y, cv=3, n_seeds=3)


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_parameters_of_networks(name):
    assert name in skrnn.GRURegressor().get_params()
    message = rf"'{name}'. Pass it to the network, whose parameter it is, as in GRURegressor\({name}=...\)"
    with pytest.raises(TypeError, match=message):
        SequenceForecaster(**{name: 1})
    if name != "random_state":
        with pytest.raises(TypeError, match=message):
            SequenceOutlierDetector(**{name: 1})


def test_arguments_that_are_not_positional():
    message = r"make_supervised takes at most 2 positional argument\(s\) \(frame, target\), but 3 were given"
    with pytest.raises(TypeError, match=rf"^{message}. Pass by keyword: steps_ahead\.$"):
        make_supervised(np.zeros((9, 1)), 0, 6)
    with pytest.raises(TypeError, match=r"SequenceWindower takes at most 1 .* \(window\), but 2 were .* dilation, pad"):
        skrnn.SequenceWindower(3, 2)


def test_arguments_of_fit_and_update():
    y = np.arange(50.0)
    with pytest.raises(TypeError, match=r"SequenceForecaster.fit got an unknown argument 'sample_weights'"):
        SequenceForecaster().fit(None, y, sample_weights=y)
    with pytest.raises(TypeError, match=r"SequenceForecaster.update got an unknown argument 'Y'"):
        SequenceForecaster().update(None, Y=y)
    autoencoder = skrnn.SequenceAutoencoder()
    with pytest.raises(TypeError, match=r"has no argument 'epochs'.* SequenceAutoencoder\(epochs=...\)"):
        autoencoder.fit(y[:, None], epochs=3)
    with pytest.raises(TypeError, match=r"'validation_data'. Pass X_val=... and, for weights"):
        autoencoder.fit(y[:, None], validation_data=(y, y))
    with pytest.raises(TypeError, match=r"SequenceAutoencoder.fit got an unknown argument 'X_valid'. .* 'X_val'"):
        autoencoder.fit(y[:, None], X_valid=y)


class Adder:
    @named_arguments
    def add(self, first, second=2, *, third=3):
        """Add."""
        return first + second + third

    @classmethod
    @named_arguments
    def make(cls, first):
        return cls, first


def test_valid_calls_are_passed_on():
    assert Adder().add(1) == 6
    assert Adder().add(1, 5, third=0) == Adder().add(second=5, third=0, first=1) == 6
    assert Adder.make(1) == Adder.make(first=1) == (Adder, 1)
    assert Adder.add.__doc__ == "Add."
    assert [*inspect.signature(Adder.add).parameters] == ["self", "first", "second", "third"]
    assert pickle.loads(pickle.dumps(skrnn.backtest)) is skrnn.backtest
    with pytest.raises(TypeError, match="multiple values for argument 'first'"):
        Adder().add(1, first=1)
