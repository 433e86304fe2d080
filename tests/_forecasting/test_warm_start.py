"""A second fit that continues the first one."""

import pickle
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, QuantileTransformer, StandardScaler

from skrnn import CalendarFeatures, GRURegressor, LSTMRegressor, SequenceForecaster, SequenceScaler

WINDOW = 3


def values(n_rows=60, seed=0):
    return np.random.default_rng(seed).normal(size=n_rows)


def windows(y):
    return np.lib.stride_tricks.sliding_window_view(y[:-1], WINDOW)[..., None], y[WINDOW:]


def gru(**params):
    return GRURegressor(4, random_state=0, **{"epochs": 2, "warm_start": True, **params})


def test_the_network_is_trained_further():
    y = values()
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True, **RAW)
    first = forecaster.fit(None, y).estimator_
    once = first.predict(windows(y)[0])
    forecaster.fit(None, y)
    by_hand = gru().fit(*windows(y))
    assert_array_equal(once, by_hand.predict(windows(y)[0]))
    by_hand.fit(*windows(y))
    assert_array_equal(forecaster.estimator_.predict(windows(y)[0]), by_hand.predict(windows(y)[0]))
    assert forecaster.estimator_.n_iter_ == 4
    assert_array_equal(first.predict(windows(y)[0]), once)  # the estimator of the first fit is not changed
    cold = SequenceForecaster(gru(), window=WINDOW, **RAW).fit(None, y).fit(None, y)
    assert cold.estimator_.n_iter_ == 2


def test_parameters_that_changed_count():
    y = values()
    forecaster = SequenceForecaster(
        GradientBoostingRegressor(n_estimators=3, warm_start=True, random_state=0), window=WINDOW, warm_start=True
    ).fit(None, y)
    kept = forecaster.estimator_.estimators_[:, 0]
    forecaster.set_params(estimator__n_estimators=5).fit(None, y)
    assert len(forecaster.estimator_.estimators_) == 5
    X = np.zeros((1, WINDOW), dtype=np.float32)
    for before, after in zip(kept, forecaster.estimator_.estimators_[:3, 0], strict=True):
        assert_array_equal(before.predict(X), after.predict(X))
    pipeline = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=2, warm_start=True))
    forecaster = SequenceForecaster(pipeline, window=WINDOW, warm_start=True).fit(None, y)
    forecaster.set_params(estimator__gradientboostingregressor__n_estimators=4).fit(None, y)
    assert len(forecaster.estimator_[-1].estimators_) == 4


def test_shared_transformers_are_kept_and_those_of_series_are_not():
    first, second = 10 + values(), 1000 + 50 * values(seed=1)
    shared = SequenceForecaster(
        gru(), window=WINDOW, warm_start=True, target_transformer=StandardScaler(), per_series=False
    )
    assert shared.fit(None, first).fit(None, second).transformer_.mean_.item() == pytest.approx(first.mean())
    own = SequenceForecaster(gru(), window=WINDOW, warm_start=True, target_transformer=StandardScaler())
    assert own.fit(None, first).fit(None, second).transformer_.mean_.item() == pytest.approx(second.mean())
    x = pd.DataFrame({"price": values(seed=2)})
    covariates = SequenceForecaster(gru(), window=WINDOW, warm_start=True).fit(x, first)
    covariates.fit(1000 * x, first)
    assert covariates._model.known.transformer.scale_.item() == pytest.approx(x["price"].std(ddof=0))


def test_calibrated_estimators_are_continued_too():
    y = values(80)
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True, calibration_size=20, **RAW)
    forecaster.fit(None, y).fit(None, y)
    by_hand = gru().fit(*windows(y[:60])).fit(*windows(y[:60]))
    errors = y[60:] - by_hand.predict(windows(y)[0][57:])
    assert_allclose(forecaster._calibration.errors[0, :, 0], errors, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimator", [Ridge(), gru(warm_start=False), None], ids=["none", "off", "default"])
def test_the_estimator_must_have_it_too(estimator):
    forecaster = SequenceForecaster(estimator, window=WINDOW, warm_start=True)
    with pytest.raises(ValueError, match=r"continues the training of its estimator, whose own warm_start must be True"):
        forecaster.fit(None, values())


@pytest.mark.parametrize(
    "params",
    [
        {"window": 4},
        {"output_steps": 2},
        {"window_scaling": "mean"},
        {"differencing": 1},
        {"target_transformer": None},
        {"target_transformer": StandardScaler()},
        {"per_series": False},
        {"estimator": LSTMRegressor(4, epochs=2, warm_start=True)},
    ],
    ids=str,
)
def test_parameters_that_must_not_change(params):
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True).fit(None, values())
    before = forecaster.forecast(2)
    (name,) = params
    with pytest.raises(ValueError, match=rf"determines the inputs or the targets of the estimator .* since: {name}\."):
        forecaster.set_params(**params).fit(None, values())
    assert_array_equal(forecaster.forecast(2), before)


def exponential():
    """A transformer whose functions are copied, with itself, by each clone."""
    return FunctionTransformer(partial(np.power, 1.5), inverse_func=partial(logarithm, base=1.5))


def logarithm(values, base):
    return np.log(values) / np.log(base)


@pytest.mark.parametrize(
    ("parameter", "first", "second"),
    [
        ("target_transformer", exponential(), StandardScaler()),
        ("target_transformer", StandardScaler(), StandardScaler(with_mean=False)),
        ("target_transformer", make_pipeline(exponential(), StandardScaler()), make_pipeline(exponential())),
        ("target_transformer", make_pipeline(StandardScaler()), make_pipeline(StandardScaler(with_std=False))),
        ("target_transformer", QuantileTransformer(n_quantiles=9), QuantileTransformer(n_quantiles=8)),
        ("covariate_transformer", "standard", None),
        ("covariate_transformer", None, "standard"),
        ("covariate_transformer", "standard", MinMaxScaler()),
        ("covariate_transformer", MinMaxScaler(), MinMaxScaler((-1, 1))),
    ],
)
def test_transformers_that_must_not_change(parameter, first, second):
    x, y = values(seed=1)[:, None], values()
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True).set_params(**{parameter: first})
    forecaster.fit(x, y)
    same = first if first is None or isinstance(first, str) else clone(first)
    assert forecaster.set_params(**{parameter: same}).fit(x, y).estimator_.n_iter_ == 4
    with pytest.raises(ValueError, match=f"has changed since: {parameter}. Set it back, or set warm_start=False"):
        forecaster.set_params(**{parameter: second}).fit(x, y)
    assert forecaster.estimator_.n_iter_ == 4
    assert forecaster.set_params(warm_start=False).fit(x, y).estimator_.n_iter_ == 2


def test_covariate_transformer_without_numbers():
    kind = pd.DataFrame({"kind": pd.Categorical(["a", "b"] * 30)})
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True).fit(kind, values())
    assert forecaster.set_params(covariate_transformer=MinMaxScaler()).fit(kind, values()).estimator_.n_iter_ == 4


@pytest.mark.parametrize("changed", [CalendarFeatures(["month"]), None, CalendarFeatures(["weekday", "month"])])
def test_calendar_that_must_not_change(changed):
    y = pd.Series(values(), pd.date_range("2024", periods=60))
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True, calendar=CalendarFeatures(["weekday"]))
    forecaster.fit(None, y).set_params(calendar=CalendarFeatures(["weekday"])).fit(None, y)
    with pytest.raises(ValueError, match=r"with the calendar features \['weekday'\], but those of this fit are \["):
        forecaster.set_params(calendar=changed).fit(None, y)
    automatic = SequenceForecaster(gru(), window=WINDOW, warm_start=True, calendar=CalendarFeatures())
    automatic.fit(None, y[:20])
    with pytest.raises(ValueError, match=r"\['weekday'\], but those of this fit are \['weekday', 'month'\]. Set cal"):
        automatic.fit(None, y)


def test_steps_of_a_pipeline_that_must_not_change():
    pipeline = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=2, warm_start=True))
    forecaster = SequenceForecaster(pipeline, window=WINDOW, warm_start=True).fit(None, values())
    with pytest.raises(ValueError, match="has changed since: estimator"):
        forecaster.set_params(estimator__standardscaler=MinMaxScaler()).fit(None, values())


@pytest.mark.parametrize(
    "wrapper",
    [
        TransformedTargetRegressor(gru()),
        GridSearchCV(gru(), {"units": [2, 3]}),
        MultiOutputRegressor(gru()),
        make_pipeline(SequenceScaler(), TransformedTargetRegressor(gru())),
        TransformedTargetRegressor(make_pipeline(SequenceScaler(), gru())),
    ],
    ids=lambda wrapper: type(wrapper).__name__,
)
def test_wrappers_that_train_new_clones(wrapper):
    """These would return a network that the second fit has trained from its initial weights."""
    forecaster = SequenceForecaster(wrapper, window=WINDOW, warm_start=True)
    name = type(wrapper[-1] if hasattr(wrapper, "steps") else wrapper).__name__
    with pytest.raises(ValueError, match=rf"{name} has no parameter warm_start: each fit trains new clones .* without"):
        forecaster.fit(None, values())


def test_the_last_step_of_a_pipeline_is_continued_also_with_memory(tmp_path):
    pipeline = make_pipeline(make_pipeline(SequenceScaler(), gru()), memory=str(tmp_path))
    forecaster = SequenceForecaster(pipeline, window=WINDOW, warm_start=True).fit(None, values()).fit(None, values())
    assert forecaster.estimator_[-1][-1].n_iter_ == 4


class Network(GRURegressor):
    """A network that records the targets that it is fitted on."""

    seen: ClassVar[list] = []

    def fit(self, X, y, **kwargs):
        self.seen.append(np.asarray(y).copy())
        return super().fit(X, y, **kwargs)


def held_out_of_training(forecaster, X, y, held_out):
    """Return whether the calibrated model was trained on none of the values that were held out."""
    Network.seen.clear()
    forecaster.fit(X, y)
    return not np.isin(held_out, np.concatenate(Network.seen[::2])).any()


def calibrated(**params):
    network = Network(2, epochs=1, random_state=0, warm_start=True)
    return SequenceForecaster(network, window=WINDOW, warm_start=True, **params, **RAW)


NOT_TRAINED_ON = "continues the training of the model that calibrates intervals, but calibration_size="


def test_rows_that_were_trained_on_are_not_held_out():
    y = values(80)
    forecaster = calibrated(calibration_size=20)
    assert held_out_of_training(forecaster, None, y.astype(np.float32), y[60:].astype(np.float32))
    errors = forecaster._calibration.errors
    message = (
        rf"{NOT_TRAINED_ON}30 holds out rows from row 50 on, and an earlier fit has trained this model on rows up to "
        r"row 59\. Rows without times .* Decrease calibration_size, pass later rows, or set warm_start=False"
    )
    with pytest.raises(ValueError, match=message):
        forecaster.set_params(calibration_size=30).fit(None, y)
    assert forecaster._calibration.errors is errors
    forecaster.set_params(calibration_size=20)
    with pytest.raises(ValueError, match=f"{NOT_TRAINED_ON}20 holds out rows from row 59 on"):
        forecaster.fit(None, y[:79])
    with pytest.raises(ValueError, match=f"{NOT_TRAINED_ON}0.3 holds out rows from row 56 on"):
        forecaster.set_params(calibration_size=0.3).fit(None, y)
    # The rows of all fits count, not those of the last one only.
    forecaster.set_params(calibration_size=10).fit(None, y)
    forecaster.set_params(calibration_size=10).fit(None, np.r_[y, 0.5])
    with pytest.raises(ValueError, match=r"from row 70 on, and an earlier fit has trained .* on rows up to row 70"):
        forecaster.fit(None, y)
    with pytest.raises(ValueError, match="from row 60 on"):
        forecaster.set_params(calibration_size=20).fit(None, y)
    assert (
        forecaster.set_params(calibration_size=30, warm_start=False).fit(None, y)._calibration.model.estimator.n_iter_
        == 1
    )


def test_rows_with_times_are_compared_by_their_times():
    days = pd.date_range("2024", periods=120)
    y = pd.Series(values(120), days)
    forecaster = calibrated(calibration_size=20).fit(None, y[:80])  # trained on 60 days
    # Fewer rows, and a later start: the held-out days are new, whatever their positions.
    assert forecaster.fit(None, y[40:100])._calibration.model.estimator.n_iter_ == 2
    with pytest.raises(ValueError, match=r"30 holds out rows from the row of 2024-03-11 00:00:00 on, .* 2024-03-20"):
        forecaster.set_params(calibration_size=30).fit(None, y[:100])
    assert forecaster.set_params(calibration_size=40).fit(None, y)._calibration.model.estimator.n_iter_ == 3


def test_each_series_of_a_panel_is_compared():
    def panel(ends):
        parts = {name: np.arange(10.0, end) for name, end in ends.items()}
        index = pd.MultiIndex.from_tuples(
            [(name, pd.Timestamp("2024") + pd.Timedelta(days=day)) for name in parts for day in parts[name]],
            names=["shop", "day"],
        )
        return pd.DataFrame(index=index), np.concatenate([np.sin(of) for of in parts.values()])

    forecaster = calibrated(calibration_size=10, groups="shop")
    forecaster.fit(*panel({"a": 60, "b": 80}))
    forecaster.fit(*panel({"c": 40, "a": 61}))  # a new series, and one that is left out
    with pytest.raises(ValueError, match=r"rows of series 'b' from the row of 2024-03-10 .* that of 2024-03-10"):
        forecaster.fit(*panel({"d": 40, "a": 62, "b": 79}))
    with pytest.raises(ValueError, match=r"holds out rows of series 'c' from"):
        forecaster.fit(*panel({"c": 39, "b": 90}))
    forecaster = pickle.loads(pickle.dumps(forecaster))
    with pytest.raises(ValueError, match=r"holds out rows of series 'a' from"):
        forecaster.fit(*panel({"b": 80, "a": 60}))
    assert forecaster.fit(*panel({"a": 61, "b": 80, "c": 40}))._calibration.model.estimator.n_iter_ == 3


def test_data_that_must_not_change():
    frame = pd.DataFrame({"price": values(), "kind": pd.Categorical(["a", "b"] * 30)})
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True).fit(frame, values())
    other = frame.assign(kind=pd.Categorical(["a", "c"] * 30))
    for changed, y in (
        (frame[["price"]], values()),
        (other, values()),
        (frame, np.column_stack([values(), values()])),
    ):
        with pytest.raises(ValueError, match="the columns of X, their categories or the number of columns of y differ"):
            forecaster.fit(changed, y)
    gap = values()
    gap[5] = np.nan
    with pytest.raises(ValueError, match="there were no missing values in this column in fit"):
        forecaster.fit(frame, gap)
    assert forecaster.fit(frame, values()).estimator_.n_iter_ == 4
