"""Regressors of quantiles and of normal distributions."""

import pickle
import re
import warnings

import keras
import numpy as np
import pytest
from children import run_code
from conftest import RAW, REGRESSOR_CELLS, SMALL, cell_id, make, make_cell, needs_kernels, weights_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import make_scorer, mean_absolute_error, mean_pinball_loss, mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV

from skrnn import RecurrentRegressor, SequenceForecaster
from skrnn.exceptions import UnscaledTargetWarning

QUANTILES = (0.1, 0.5, 0.9)
SEVERAL = {"loss": "quantile", "quantile": QUANTILES}
ONE = {"loss": "quantile", "quantile": 0.8}
GAUSSIAN = {"loss": "gaussian"}
LOSSES = {"several": SEVERAL, "one": ONE, "gaussian": GAUSSIAN}
each_loss = pytest.mark.parametrize("params", LOSSES.values(), ids=LOSSES)


def mean_loss(regressor, X, y):
    """The loss of the fitted parameters by scikit-learn and scipy."""
    if regressor.loss == "gaussian":
        return -norm.logpdf(y, *regressor.predict(X, return_std=True)).mean()
    quantiles = np.atleast_1d(regressor.quantile)
    predicted = np.moveaxis(regressor.predict_quantiles(X), 1, 0)
    return np.mean([mean_pinball_loss(y, each, alpha=q) for each, q in zip(predicted, quantiles, strict=True)])


@each_loss
@pytest.mark.parametrize("cell", REGRESSOR_CELLS, ids=cell_id)
def test_shapes_and_losses(cell, params, X, y):
    for target in (y, np.column_stack([y, -2 * y])):
        regressor = make_cell(cell, **params, epochs=30, optimizer__learning_rate=0.02)
        regressor.fit(X, target, X_val=X[:9], y_val=target[:9])
        predicted = regressor.predict(X)
        assert predicted.shape == target.shape
        assert predicted.dtype == np.float64
        assert regressor.score(X, target) == pytest.approx(r2_score(target, predicted))
        assert regressor.history_["loss"][-1] < regressor.history_["loss"][0]
        if params["loss"] == "gaussian":
            mean, std = regressor.predict(X, return_std=True)
            assert_array_equal(mean, predicted)
            assert std.shape == target.shape
            assert (std > 0).all()
        else:
            quantiles = regressor.predict_quantiles(X)
            n_quantiles = np.size(params["quantile"])
            assert quantiles.shape == (len(X), n_quantiles, *target.shape[1:])
            assert_array_equal(quantiles[:, n_quantiles // 2], predicted)
            assert (np.diff(quantiles, axis=1) >= 0).all()
        assert regressor.history_.keys() == {"loss", "val_loss"}
        if params["loss"] == "gaussian" or n_quantiles == 1:  # those that are not sorted
            assert regressor.history_["val_loss"][-1] == pytest.approx(
                mean_loss(regressor, X[:9], target[:9]), rel=1e-5
            )


def test_loss_of_several_quantiles_is_that_of_the_sorted_ones_where_they_do_not_cross(X, y):
    regressor = make("GRURegressor", **SEVERAL, epochs=60, optimizer__learning_rate=0.02)
    regressor.fit(X, y, X_val=X, y_val=y)
    outputs = np.asarray(regressor.model_.predict_on_batch(regressor.model_input(X)))
    assert_allclose(np.sort(outputs, axis=1), regressor.predict_quantiles(X), atol=1e-5)
    kept = (np.diff(outputs, axis=1) >= 0).all(axis=1)
    assert kept.sum() > 20
    again = clone(regressor).set_params(epochs=60).fit(X, y, X_val=X[kept], y_val=y[kept])
    assert again.history_["val_loss"][-1] == pytest.approx(mean_loss(regressor, X[kept], y[kept]), rel=1e-5)


@each_loss
def test_columns_of_the_network(params, X, y):
    target = np.column_stack([y, -2 * y, y + 1])
    regressor = make("GRURegressor", **params, epochs=20, optimizer__learning_rate=0.02).fit(X, target)
    outputs = np.asarray(regressor.model_.predict_on_batch(regressor.model_input(X)), dtype=np.float64)
    assert outputs.shape[1] == regressor.n_outputs_
    if params["loss"] == "gaussian":
        mean, std = regressor.predict(X, return_std=True)
        assert_allclose(outputs[:, :3], mean, atol=1e-5)
        assert_allclose(np.log1p(np.exp(outputs[:, 3:])) + 0.001, std, atol=1e-5)
    else:
        quantiles = regressor.predict_quantiles(X)
        assert_allclose(np.sort(outputs.reshape(len(X), -1, 3), axis=1), quantiles, atol=1e-5)


# ---------------------------------------------------------------------- what is learned

DRAWS = np.random.default_rng(0).normal(size=(4000, 3, 2))
SCALES = np.exp(0.6 * DRAWS[:, -1, 1]) / 2
NOISY = DRAWS[:, -1, 0] + SCALES * np.random.default_rng(1).normal(size=4000)
TRAINING, TEST = slice(0, 3000), slice(3000, None)
LEARNS = {"units": 12, "epochs": 30, "optimizer__learning_rate": 0.003, "random_state": 0}


@needs_kernels  # many epochs
def test_quantiles_of_heteroscedastic_data():
    regressor = RecurrentRegressor("rnn", **SEVERAL, **LEARNS).fit(DRAWS[TRAINING], NOISY[TRAINING])
    predicted = regressor.predict_quantiles(DRAWS[TEST])
    coverage = (NOISY[TEST, None] <= predicted).mean(axis=0)
    assert_allclose(coverage, QUANTILES, atol=0.04)
    exact = DRAWS[TEST, -1, 0, None] + SCALES[TEST, None] * norm.ppf(QUANTILES)
    assert np.abs(predicted - exact).mean() < 0.12
    narrow = SCALES[TEST] < np.median(SCALES)  # the coverage is right for each kind of samples
    for kind in (narrow, ~narrow):
        assert_allclose((NOISY[TEST, None] <= predicted)[kind].mean(axis=0), QUANTILES, atol=0.06)
    high = RecurrentRegressor("rnn", loss="quantile", quantile=0.9, **LEARNS).fit(DRAWS[TRAINING], NOISY[TRAINING])
    assert (NOISY[TEST] <= high.predict(DRAWS[TEST])).mean() == pytest.approx(0.9, abs=0.03)


@needs_kernels  # many epochs
def test_normal_distributions_of_heteroscedastic_data():
    regressor = RecurrentRegressor("rnn", **GAUSSIAN, **LEARNS).fit(DRAWS[TRAINING], NOISY[TRAINING])
    mean, std = regressor.predict(DRAWS[TEST], return_std=True)
    assert np.abs(mean - DRAWS[TEST, -1, 0]).mean() < 0.1
    assert np.abs(std / SCALES[TEST] - 1).mean() < 0.15
    assert ((NOISY[TEST] - mean) / std).std() == pytest.approx(1, abs=0.08)


@needs_kernels  # many epochs
def test_the_scale_does_not_collapse_where_targets_are_without_noise():
    series = np.sin(np.arange(400) / 7)
    X, y = np.lib.stride_tricks.sliding_window_view(series[:-1], 8), series[8:]
    regressor = make("GRURegressor", **GAUSSIAN, epochs=60, optimizer__learning_rate=0.005).fit(X, y)
    _, std = regressor.predict(X, return_std=True)
    assert regressor.score(X, y) > 0.99
    assert std.min() > 0.001
    assert std.max() < 0.2


# ---------------------------------------------------------------------- metrics, weights, further training


@needs_kernels
@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dtype": "float64"},
        {"bidirectional": True, "return_sequences": True, "masked": True},
        {"early_stopping": True, "epochs": 6, "patience": 2},
        {"metrics": ["mae", keras.metrics.RootMeanSquaredError()], "weighted": True, "two": True},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@each_loss
def test_kernels_do_what_keras_does(params, options, X, X_masked, y, y_steps, monkeypatch):
    options = dict(options)
    X = X_masked if options.pop("masked", False) else X
    weights = np.linspace(0.5, 3, len(X)) if options.pop("weighted", False) else None
    target = y_steps if options.get("return_sequences") else y
    target = np.column_stack([y, y**2]) if options.pop("two", False) else target
    fits = []
    for engine in ("native", "keras"):
        monkeypatch.setenv("SKRNN_ENGINE", engine)
        regressor = make("GRURegressor", validation_split=0.25, **params, **options)
        fits.append(regressor.fit(X, target, sample_weight=weights))
    natively, by_keras = fits
    assert natively.history_.keys() == by_keras.history_.keys()
    for key, values in by_keras.history_.items():
        assert_allclose(natively.history_[key], values, rtol=1e-5, atol=1e-5, err_msg=key)
    assert_allclose(natively.predict(X), by_keras.predict(X), rtol=0, atol=1e-5)
    assert_allclose(weights_of(natively), weights_of(by_keras), rtol=0, atol=1e-5)


def custom_cell(units, **options):
    return keras.layers.SimpleRNN(units, **options)


@pytest.mark.parametrize("params", [SEVERAL, pytest.param(ONE, marks=pytest.mark.slow), GAUSSIAN], ids=LOSSES)
def test_a_custom_cell_and_an_optimizer_without_a_kernel(params, X, y):
    for options in ({"cell": custom_cell}, {"cell": "rnn", "optimizer__gradient_accumulation_steps": 2}):
        regressor = make("RecurrentRegressor", **params, **options, metrics="mae", epochs=2)
        regressor.fit(X, y, X_val=X[:7], y_val=y[:7])
        expected = mean_absolute_error(y[:7], regressor.predict(X[:7]))
        assert regressor.history_["val_mae"][-1] == pytest.approx(expected, rel=1e-5)
        if params != SEVERAL:
            expected = mean_loss(regressor, X[:7], y[:7])
            assert regressor.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


@needs_kernels
@each_loss
@pytest.mark.parametrize("callbacks", [None, [keras.callbacks.History()]], ids=["alone", "callbacks"])
def test_metrics_are_those_of_predictions(params, callbacks, X, y):
    target = np.column_stack([y, -2 * y])
    metrics = ["mae", keras.metrics.MeanSquaredError(name="squared")]
    weights = np.linspace(0.5, 2, 9)
    for chosen in (metrics, metrics[:1]):  # by Keras, and by kernels
        regressor = make("GRURegressor", **params, metrics=chosen, callbacks=callbacks)
        regressor.fit(X, target, X_val=X[:9], y_val=target[:9], sample_weight_val=weights)
        predicted = regressor.predict(X[:9])
        for name, of_scikit in (("mae", mean_absolute_error), ("squared", mean_squared_error))[: len(chosen)]:
            expected = of_scikit(target[:9], predicted, sample_weight=weights)
            assert regressor.history_[f"val_{name}"][-1] == pytest.approx(expected, rel=1e-5)


@each_loss
def test_weights_are_repetitions(params, X, y):
    weights = np.arange(len(X)) % 3
    repeated = np.repeat(np.arange(len(X)), weights)
    options = {**params, "batch_size": None, "shuffle": False, "dtype": "float64"}
    weighted = make("GRURegressor", **options).fit(X, y, sample_weight=weights)
    plain = make("GRURegressor", **options).fit(X[repeated], y[repeated])
    assert_allclose(weighted.predict(X), plain.predict(X), atol=1e-9)
    assert_allclose(weighted.history_["loss"], plain.history_["loss"], rtol=1e-9)


@each_loss
def test_further_training(params, X, y):
    whole = make("GRURegressor", **params, shuffle=False, epochs=4).fit(X, y)
    resumed = make("GRURegressor", **params, shuffle=False, epochs=2, warm_start=True).fit(X, y).fit(X, y)
    parts = make("GRURegressor", **params, shuffle=False)
    for _ in range(4):
        parts.partial_fit(X, y)
    for regressor in (resumed, parts):
        assert_array_equal(regressor.predict(X), whole.predict(X))
        assert_allclose(regressor.history_["loss"], whole.history_["loss"], rtol=1e-6)


def test_a_resumed_fit_uses_the_quantiles_that_are_set(X, y):
    regressor = make("GRURegressor", loss="quantile", warm_start=True, epochs=60, optimizer__learning_rate=0.01)
    median = regressor.fit(X, y).predict(X)
    assert (y <= median).mean() == pytest.approx(0.5, abs=0.15)
    regressor.set_params(quantile=0.95).fit(X, y)
    assert (y <= regressor.predict(X)).mean() > 0.8
    with pytest.raises(ValueError, match="cannot resume training: a parameter that determines the architecture"):
        regressor.set_params(quantile=QUANTILES).fit(X, y)


@each_loss
def test_early_stopping_keeps_the_best_epoch(params, X, y):
    regressor = make("GRURegressor", **params, early_stopping=True, epochs=40, patience=3, optimizer__learning_rate=0.1)
    regressor.fit(X, y)
    assert regressor.best_epoch_ == np.argmin(regressor.history_["val_loss"]) < regressor.n_iter_ - 1
    if params != SEVERAL:
        held_out = slice(len(X) - 4, None)
        best = regressor.history_["val_loss"][regressor.best_epoch_]
        assert mean_loss(regressor, X[held_out], y[held_out]) == pytest.approx(best, rel=1e-5)


# ---------------------------------------------------------------------- time steps


@each_loss
def test_outputs_per_time_step(params, X_masked, y_steps):
    padding = np.isnan(X_masked[..., 0])
    for target in (y_steps, np.stack([y_steps, -y_steps], axis=2)):
        regressor = make("GRURegressor", **params, return_sequences=True, bidirectional=True).fit(X_masked, target)
        predicted = regressor.predict(X_masked)
        assert predicted.shape == target.shape
        assert np.isnan(predicted[padding]).all()
        assert np.isfinite(predicted[~padding]).all()
        expected = r2_score(target[~padding], predicted[~padding])
        assert regressor.score(X_masked, target) == pytest.approx(expected, rel=1e-5)
        if params["loss"] == "gaussian":
            mean, std = regressor.predict(X_masked, return_std=True)
            assert_array_equal(np.isnan(std), np.isnan(mean))
            assert_array_equal(mean, predicted)
        else:
            quantiles = regressor.predict_quantiles(X_masked)
            n_quantiles = np.size(params["quantile"])
            assert quantiles.shape == (40, 5, n_quantiles, *target.shape[2:])
            assert_array_equal(quantiles[:, :, n_quantiles // 2], predicted)


@each_loss
def test_lists_of_sequences(params, X, y_steps):
    lengths = 2 + np.arange(len(X)) % 4
    sequences = [sequence[:n] for sequence, n in zip(X, lengths, strict=True)]
    targets = [target[:n] for target, n in zip(y_steps, lengths, strict=True)]
    regressor = make("GRURegressor", **params, return_sequences=True).fit(sequences, targets)
    predicted = regressor.predict(sequences)
    if params["loss"] == "gaussian":
        for mean, std, same, n in zip(*regressor.predict(sequences, return_std=True), predicted, lengths, strict=True):
            assert mean.shape == std.shape == (n,)
            assert_array_equal(mean, same)
    else:
        n_quantiles = np.size(params["quantile"])
        for quantiles, median, n in zip(regressor.predict_quantiles(sequences), predicted, lengths, strict=True):
            assert quantiles.shape == (n, n_quantiles)
            assert_array_equal(quantiles[:, n_quantiles // 2], median)


# ---------------------------------------------------------------------- scikit-learn's and Keras's tools


@needs_kernels  # many epochs
def test_searches_over_quantiles(X, y):
    scorer = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
    regressor = make("GRURegressor", loss="quantile", epochs=60, optimizer__learning_rate=0.02)
    search = GridSearchCV(regressor, {"quantile": [0.1, QUANTILES, [0.3, 0.5], 0.9]}, scoring=scorer, cv=3)
    assert search.fit(X, y).best_params_ == {"quantile": 0.9}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@each_loss
def test_clones_and_pickles(params, X, y):
    regressor = make("GRURegressor", **params).fit(X, y)
    assert clone(regressor).get_params() == regressor.get_params()
    assert_array_equal(clone(regressor).fit(X, y).predict(X), regressor.predict(X))
    loaded = pickle.loads(pickle.dumps(regressor))
    assert_array_equal(loaded.predict(X), regressor.predict(X))
    loaded.set_params(quantile=0.3)  # has no effect before the next fit
    if params["loss"] == "gaussian":
        assert_array_equal(loaded.predict(X, return_std=True), regressor.predict(X, return_std=True))
    else:
        assert_array_equal(loaded.predict_quantiles(X), regressor.predict_quantiles(X))


@pytest.mark.filterwarnings("ignore:.*__array__.*copy:DeprecationWarning")  # of TensorFlow before 2.18
@pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
def test_saved_networks_load_where_skrnn_cannot_be_imported(engine, X, X_masked, y, tmp_path, use_engine):
    use_engine(engine)
    for name, params in LOSSES.items():
        checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / f"{name}-epoch.keras")
        regressor = make("GRURegressor", **params, callbacks=[checkpoint]).fit(X_masked, y)
        regressor.model_.save(tmp_path / f"{name}-model.keras")
        np.save(tmp_path / f"{name}.npy", regressor.model_input(X))
        outputs = regressor._outputs(X)[0]
        np.save(tmp_path / f"{name}-expected.npy", outputs)
        assert outputs.std() > 1e-3
    code = """
import sys
sys.modules["skrnn"] = None  # importing it raises from here on
import keras, numpy as np

for name in sys.argv[1:]:
    expected = np.load(f"{name}-expected.npy")
    for saved in ("model", "epoch"):
        model = keras.saving.load_model(f"{name}-{saved}.keras")
        outputs = model.predict_on_batch(np.load(f"{name}.npy"))
        assert outputs.shape == expected.shape
        np.testing.assert_allclose(outputs, expected, atol=1e-5)
"""
    run_code(code, *LOSSES, cwd=tmp_path)


@needs_kernels
@pytest.mark.parametrize("n_series", [1, 2])
@each_loss
def test_forecasts_feed_back_predictions(params, n_series):
    series = np.sin(np.arange(60.0)[:, None] / np.arange(3, 3 + n_series)).squeeze()
    regressor = make("GRURegressor", **params, epochs=5)
    forecaster = SequenceForecaster(regressor, window=6, output_steps=2, **RAW).fit(None, series)
    forecast = forecaster.forecast(6)
    timeline = series.reshape(60, n_series)
    fitted = forecaster.estimator_
    for _ in range(3):
        steps = fitted.predict(timeline[None, -6:]).reshape(2, n_series)
        timeline = np.concatenate([timeline, steps])
    assert_allclose(np.asarray(forecast).reshape(6, n_series), timeline[60:], atol=1e-5)
    seen = series.reshape(1, 60, n_series)[:, -6:]
    native = fitted._closed_loop(seen, np.zeros((1, 12, 0)), 2, 3)
    if params == ONE:
        assert_allclose(native[0], timeline[60:], atol=1e-5)
    else:
        assert native is None


# ---------------------------------------------------------------------- bad input

BAD_QUANTILES = [
    0, 0.0, 1, 1.0, -0.1, 1.5, np.nan, None, "0.5", True, {0.5}, np.array([0.1, 0.5]), (), [], (0.1, 0.9), (0.9, 0.5),
    (0.5, 0.5), (0.1, 0.5, 0.5, 0.9), (0.0, 0.5), (0.5, 1.0), (0.5, np.nan), (np.nan, 0.5), ("0.1", 0.5), (None, 0.5),
    [[0.1, 0.5]], (0.5, True),
]  # fmt: skip


@pytest.mark.parametrize("quantile", BAD_QUANTILES, ids=repr)
@pytest.mark.parametrize("loss", ["quantile", "mse"])
def test_bad_quantiles(quantile, loss, X, y):
    regressor = make("GRURegressor", loss=loss, quantile=quantile)
    message = "The 'quantile' parameter of GRURegressor must be .*" + re.escape(f"Got {quantile!r} instead.")
    for fit in (regressor.fit, regressor.partial_fit):
        with pytest.raises(ValueError, match=f"(?s){message}"):
            fit(X, y)
    assert not hasattr(regressor, "n_features_in_")


@pytest.mark.parametrize("quantile", [np.float32(0.9), np.float64(0.9), [0.1, 0.5], (0.5,), (np.float64(0.2), 0.5)])
def test_good_quantiles(quantile, X, y):
    regressor = make("GRURegressor", loss="quantile", quantile=quantile).fit(X, y)
    assert regressor.predict_quantiles(X).shape == (len(X), np.size(quantile))


def test_predictions_of_another_loss(X, y):
    with pytest.raises(NotFittedError):
        make("GRURegressor", **SEVERAL).predict_quantiles(X)
    with pytest.raises(NotFittedError):
        make("GRURegressor", **GAUSSIAN).predict(X, return_std=True)
    for loss in ("mse", "gaussian"):
        regressor = make("GRURegressor", loss=loss).fit(X, y)
        with pytest.raises(
            ValueError,
            match=f"predict_quantiles requires loss='quantile', but this GRURegressor was fitted with loss='{loss}'.",
        ):
            regressor.set_params(loss="quantile").predict_quantiles(X)
    for loss in ("mse", "quantile"):
        regressor = make("GRURegressor", loss=loss).fit(X, y)
        with pytest.raises(
            ValueError,
            match=f"return_std=True requires loss='gaussian' or n_members > 1, but this GRURegressor was fitted with "
            f"loss='{loss}'.",
        ):
            regressor.set_params(loss="gaussian").predict(X, return_std=True)


@pytest.mark.parametrize("loss", ["quantile", "gaussian"])
def test_losses_and_what_they_are_not_for(loss, X, y, labels):
    with pytest.raises(
        ValueError, match=f"GRUClassifier got loss='{loss}', which is not defined for labels of several"
    ):
        make("GRUClassifier", loss=loss).fit(X, labels)
    with pytest.raises(TypeError, match="unknown parameter 'quantile'"):
        make("GRUClassifier", quantile=0.5)
    with pytest.raises(ValueError, match=f"loss__delta is not an argument of the loss '{loss}' of GRURegressor"):
        make("GRURegressor", loss=loss, loss__delta=1.0).fit(X, y)
    with pytest.raises(ValueError, match=f"Got '{loss[:-1]}' instead. Did you mean '{loss}'?"):
        make("GRURegressor", loss=loss[:-1]).fit(X, y)
    with pytest.warns(UnscaledTargetWarning):
        make("GRURegressor", loss=loss).fit(X, 1000 * y)


def test_a_loss_of_the_same_name_is_custom(X, y):
    def quantile(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    own = make("GRURegressor", loss=quantile, quantile=QUANTILES).fit(X, y)
    assert own.n_outputs_ == 1
    assert_allclose(own.history_["loss"], make("GRURegressor").fit(X, y).history_["loss"], rtol=1e-5)


def test_defaults_are_unchanged(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, other = make("GRURegressor").fit(X, y), make("GRURegressor", quantile=QUANTILES).fit(X, y)
    assert plain.get_params().items() >= {**SMALL, "loss": "mse", "quantile": 0.5}.items()
    assert_array_equal(weights_of(plain), weights_of(other))
