"""What skops writes is read again by trusting the types that the library lists."""

import copy
import importlib

import numpy as np
import pandas as pd
import pytest
import skops.io
from conftest import SMALL
from numpy.testing import assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skrnn
from skrnn import (
    SKOPS_TRUSTED,
    CalendarFeatures,
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    PanelTimeSeriesSplit,
    RecurrentClassifier,
    RecurrentRegressor,
    SequenceAutoencoder,
    SequenceForecaster,
    SequenceOutlierDetector,
    SequenceScaler,
    SequenceTokenizer,
    SequenceWindower,
)

DAYS = pd.date_range("2024-01-01", periods=60, tz="Europe/Berlin")
ROWS = pd.DataFrame({"v": np.sin(np.arange(60) / 3)}, index=DAYS)
PANEL = pd.concat({"a": ROWS, "b": ROWS + 1}, names=["shop", "day"])
TEXT = PANEL.set_axis(PANEL.index.set_levels(DAYS.strftime("%d.%m."), level=1))
Y = ROWS["v"].to_numpy()


def _raised(function, *args):
    with pytest.raises(ValueError, match=r"has the label '10\.02\.' of a fitted row of series 'a'") as caught:
        function(*args)
    return caught.value


def windowed():
    steps = StandardScaler(), SequenceWindower(3), SequenceScaler(), GRURegressor(**SMALL)
    return make_pipeline(*steps).set_output(transform="pandas").fit(ROWS[:50], Y[:50])


def panel_forecaster():
    forecaster = SequenceForecaster(GRURegressor(**SMALL), window=3, groups="shop", calibration_size=20)
    return forecaster.fit(PANEL[[]], PANEL["v"])


def forecaster():
    scaled = {"target_transformer": StandardScaler(), "calibration_size": 20}
    return SequenceForecaster(Ridge(), window=3, **scaled).fit(None, ROWS[["v"]])


def panel_detector():
    forecaster = SequenceForecaster(Ridge(), window=3)
    return SequenceOutlierDetector(forecaster, method="prediction", groups="shop").fit(PANEL)


# A function that makes an estimator, and one that shows what it computes.
CASES = {
    "pipeline": (windowed, lambda model: model.predict(ROWS[50:])),  # the windower knows what came before
    "windower of periods": (
        lambda: SequenceWindower(3).fit(ROWS[:50].tz_localize(None).to_period("D")),
        lambda windower: windower.transform(ROWS[50:].tz_localize(None).to_period("D"))[0],
    ),
    "windower of a panel": (
        lambda: SequenceWindower(3, groups="shop", max_gap="2D").fit(PANEL),
        lambda windower: np.asarray(windower.transform(PANEL)),
    ),
    "forecaster": (forecaster, lambda model: model.forecast(3)),
    "its intervals": (forecaster, lambda model: model.predict_interval(pd.DataFrame(index=DAYS[-1:].shift(1)))),
    "forecaster of a panel": (panel_forecaster, lambda model: model.forecast(2)),
    "forecaster of text": (
        lambda: SequenceForecaster(Ridge(), window=3, groups="shop").fit(TEXT[[]], TEXT["v"]),
        lambda model: [str(_raised(model.predict, TEXT[[]][40:42])), *model.forecast(2)],
    ),
    "detector of a panel": (panel_detector, lambda model: model.decision_function(PANEL)),
    "detector of windows": (
        lambda: SequenceOutlierDetector(window=4, random_state=0).fit(ROWS),
        lambda model: model.decision_function(ROWS),
    ),
    "classifier": (
        lambda: GRUClassifier(**SMALL).fit(Y.reshape(20, 3), np.where(Y[::3] > 0, "up", "down")),
        lambda model: model.predict_proba(Y.reshape(20, 3)),
    ),
    "autoencoder": (
        lambda: SequenceAutoencoder(**SMALL).fit(Y.reshape(20, 3)),
        lambda model: [*model.transform(Y.reshape(20, 3)).T, *model.reconstruct(Y.reshape(20, 3)).T],
    ),
    "calendar": (
        lambda: CalendarFeatures().fit(ROWS),
        lambda calendar: calendar.transform(ROWS),
    ),
    "tokenizer": (
        lambda: SequenceTokenizer().fit(["a film", "the film"]),
        lambda tokenizer: tokenizer.transform(["film a x"]),
    ),
}


@pytest.fixture(scope="module")
def written():
    """Untrusted types of every file that a test wrote."""
    return set()


@pytest.mark.parametrize("name", CASES)
def test_what_is_fitted(name, written):
    make, show = CASES[name]
    model = make()
    content = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=content)
    written |= set(types)
    assert set(types) <= set(SKOPS_TRUSTED)
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match="skrnn"):
        skops.io.loads(content)
    again = skops.io.loads(content, trusted=SKOPS_TRUSTED)
    expected, shown = show(model), show(again)
    if isinstance(expected, (pd.Series, pd.DataFrame)):
        assert shown.equals(expected)
        assert shown.index.equals(expected.index)
        assert getattr(shown.index, "freq", None) == getattr(expected.index, "freq", None)
    assert_array_equal(np.asarray(shown), np.asarray(expected))


@pytest.mark.parametrize(
    "estimator",
    [
        GRURegressor(7, optimizer__learning_rate=0.1),
        LSTMRegressor(7),
        RecurrentRegressor("rnn", 7),
        GRUClassifier(7),
        LSTMClassifier(7),
        RecurrentClassifier("lstm", 7),
        SequenceAutoencoder("lstm", 7),
        SequenceForecaster(window=7),
        CalendarFeatures(),
        SequenceScaler(),
        SequenceTokenizer(),
        SequenceWindower(7),
        PanelTimeSeriesSplit(7),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_is_not(estimator, written):
    content = skops.io.dumps(estimator)
    written |= set(skops.io.get_untrusted_types(data=content))
    again = skops.io.loads(content, trusted=SKOPS_TRUSTED)
    assert vars(again).keys() == vars(estimator).keys()
    assert repr(again) == repr(estimator)


def test_every_type_that_is_listed_is_written(written):
    assert sorted(written) == SKOPS_TRUSTED
    for name in SKOPS_TRUSTED:
        module, _, attribute = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), attribute), type)
    assert skrnn.SKOPS_TRUSTED is SKOPS_TRUSTED


def test_training_continues():
    X, y = Y.reshape(20, 3), Y[::3]
    model = GRURegressor(**SMALL).fit(X, y)
    again = skops.io.loads(skops.io.dumps(model), trusted=SKOPS_TRUSTED)
    expected = copy.deepcopy(model).partial_fit(X, y)
    assert_array_equal(again.partial_fit(X, y).predict(X), expected.predict(X))


def test_a_forecaster_is_updated():
    model = forecaster()
    again = skops.io.loads(skops.io.dumps(model), trusted=SKOPS_TRUSTED)
    new = pd.DataFrame({"v": [0.5, 0.1]}, index=DAYS[-2:].shift(2))
    pd.testing.assert_frame_equal(again.update(None, new).forecast(3), model.update(None, new).forecast(3))
