"""Missing targets, NaN, of regressors: each is left out of the loss and of the metrics by itself."""

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import N_SAMPLES, make, needs_kernels, weights_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from skrnn import Checkpoint, GRURegressor, compare_cells
from skrnn._engine.loss_targets import ELEMENTWISE
from skrnn._engine.losses import native_loss
from skrnn._engine.native.library import LIBRARIES
from skrnn.inspection import sequence_importance

# The reference: the loss of one number, and its derivative.
TERMS = {
    "huber": lambda p, y: (
        np.where(abs(p - y) <= 1, (p - y) ** 2 / 2, abs(p - y) - 0.5),
        np.clip(p - y, -1, 1),
    ),
    "log_cosh": lambda p, y: (np.log(np.cosh(p - y)), np.tanh(p - y)),
    "mean_absolute_error": lambda p, y: (abs(p - y), np.sign(p - y)),
    "mean_absolute_percentage_error": lambda p, y: (100 * abs(p - y) / y, 100 * np.sign(p - y) / y),
    "mean_squared_error": lambda p, y: ((p - y) ** 2, 2 * (p - y)),
    "mean_squared_logarithmic_error": lambda p, y: (
        np.log((p + 1) / (y + 1)) ** 2,
        2 * np.log((p + 1) / (y + 1)) / (p + 1),
    ),
    "poisson": lambda p, y: (p - y * np.log(p + 1e-7), 1 - y / (p + 1e-7)),
}

# Steps so small that all batches of an epoch see the initial weights: the update is a sum of gradients.
RATE = 1e-7
ONE_EPOCH = {
    "cell": "rnn",
    "epochs": 1,
    "shuffle": False,
    "dtype": "float64",
    "optimizer": "sgd",
    "optimizer__learning_rate": RATE,
}
WEIGHTS = np.random.default_rng(1).uniform(0.2, 3, size=N_SAMPLES)
WHOLE = {"dtype": "float64", "batch_size": None, "shuffle": False}


def with_missing(y, fraction=0.3):
    """A copy of targets with NaN at random."""
    return np.where(np.random.default_rng(3).random(y.shape) < fraction, np.nan, y)


@pytest.fixture
def two_outputs(y):
    """Targets of two outputs, (n_samples, 2), some missing; of the first sample both."""
    targets = with_missing(np.column_stack([y, 1 - y]))
    targets[0] = np.nan
    return targets


@pytest.fixture
def two_outputs_of_steps(y_steps):
    """Targets of two outputs per time step, (n_samples, n_timesteps, 2), some missing; of the first sample all."""
    targets = with_missing(np.stack([y_steps, 1 - y_steps], axis=2))
    targets[0] = np.nan
    return targets


def test_reference_has_all_losses():
    assert TERMS.keys() == ELEMENTWISE - {"gaussian", "quantile"}


@needs_kernels
@pytest.mark.parametrize("loss", TERMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_leave_out_elements(loss, dtype):
    random = np.random.default_rng(0)
    p, y = random.uniform(0.2, 4, size=(2, 20, 3)).astype(dtype)
    y[random.random(y.shape) < 0.4] = np.nan
    w, d = random.uniform(1, 2, size=20).astype(dtype), np.full((20, 3), 7, dtype)
    kernel = native_loss(loss, {}, None)
    pointers = [array.ctypes.data for array in (p, p, y, w, d)]
    parameters = np.array([*kernel.parameters, 0.0])
    total = LIBRARIES[dtype].function(kernel.kernel)(*pointers, 20, 3, 3, 3, True, 0.5, parameters.ctypes.data)
    value, slope = TERMS[loss](p.astype(float), y.astype(float))
    tolerance = {"float32": 1e-5, "float64": 1e-7}[dtype]  # Keras rounds a constant of log_cosh to float32
    assert total == pytest.approx(w @ np.nansum(value, axis=1) / 3, rel=tolerance)
    assert_allclose(d, np.nan_to_num(0.5 * w[:, None] * slope / 3), rtol=tolerance, atol=tolerance)
    assert np.isnan(y).sum() == (d == 0).sum()


def element_weights(errors, weights):
    """Weight of each element, zero for those that are missing."""
    of_samples = weights.reshape(-1, *[1] * (errors.ndim - 1)) / 2
    return np.where(np.isnan(errors), 0, of_samples)


def expected_update(errors, weights, batch_size, divisor):
    """Update of the biases in one epoch for squared errors: each batch divides by its samples and the divisor."""
    gradients = 2 * element_weights(errors, weights) * np.nan_to_num(errors)
    gradients = gradients.reshape(len(errors), -1, 2).sum(axis=1)
    update = np.zeros(2)
    for first in range(0, len(errors), batch_size):
        batch = gradients[first:][:batch_size]
        update -= RATE * batch.sum(axis=0) / (len(batch) * divisor)
    return update


def with_targets(errors, weights):
    """Errors and weights of the samples that have a target; batches consist of these only."""
    has_target = ~np.isnan(errors.reshape(len(errors), -1)).all(axis=1)
    assert not has_target[0]
    return errors[has_target], weights[has_target]


@pytest.mark.parametrize("engine", ["", "keras"])
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("batch_size", [7, pytest.param(None, marks=pytest.mark.slow)])
def test_first_gradient_step(engine, per_step, batch_size, X_masked, two_outputs, two_outputs_of_steps, use_engine):
    use_engine(engine)
    y = two_outputs_of_steps if per_step else two_outputs
    params = {**ONE_EPOCH, "batch_size": batch_size, "return_sequences": per_step}
    params["metrics"] = ["mae", "root_mean_squared_error"]
    held_out = {"X_val": X_masked[:9], "y_val": y[:9], "sample_weight_val": WEIGHTS[:9]}
    regressor = make("RecurrentRegressor", **params).fit(X_masked, y, WEIGHTS, **held_out)
    all_errors = regressor.predict(X_masked) - y
    errors, weights = with_targets(all_errors, WEIGHTS)
    mean_weight = element_weights(errors, weights).sum() / len(errors)
    update = expected_update(errors, weights, batch_size or len(errors), mean_weight)
    assert_allclose(regressor.model_.get_weights()[-1], update, rtol=1e-4)
    history = {name: values[0] for name, values in regressor.history_.items()}
    for prefix, part in {"": slice(None), "val_": slice(9)}.items():
        e, w = np.nan_to_num(all_errors[part]), element_weights(all_errors[part], WEIGHTS[part])
        mse = np.average(e**2, weights=w)
        assert history[f"{prefix}loss"] == pytest.approx(mse, rel=1e-4)
        assert history[f"{prefix}mae"] == pytest.approx(np.average(abs(e), weights=w), rel=1e-4)
        assert history[f"{prefix}root_mean_squared_error"] == pytest.approx(mse**0.5, rel=1e-4)


@pytest.mark.parametrize("engine", ["", "keras"])
def test_first_gradient_step_of_partial_fit(engine, X, two_outputs, use_engine):
    use_engine(engine)
    regressor = make("RecurrentRegressor", **ONE_EPOCH, batch_size=7).partial_fit(X, two_outputs, WEIGHTS)
    errors, weights = with_targets(regressor.predict(X) - two_outputs, WEIGHTS)
    n_terms = (~np.isnan(errors)).sum() / 2  # without the weights of the samples
    assert_allclose(
        regressor.model_.get_weights()[-1], expected_update(errors, weights, 7, n_terms / len(errors)), rtol=1e-4
    )


@pytest.mark.parametrize("engine", ["", pytest.param("keras", marks=pytest.mark.slow)])
@pytest.mark.parametrize("loss", sorted(ELEMENTWISE))
def test_samples_without_target_are_left_out(engine, loss, X, y, use_engine):
    use_engine(engine)
    if loss == "poisson":  # undefined for negative outputs, which a new network has
        X = np.abs(X) * 0
    y = with_missing(np.abs(y) + 0.1)
    is_valid = ~np.isnan(y)
    fitted = make("GRURegressor", loss=loss, **WHOLE).fit(X, y, WEIGHTS)
    expected = make("GRURegressor", loss=loss, **WHOLE).fit(X[is_valid], y[is_valid], WEIGHTS[is_valid])
    assert_allclose(weights_of(fitted), weights_of(expected), rtol=0, atol=1e-6)
    assert fitted.history_["loss"] == pytest.approx(expected.history_["loss"], rel=1e-6)


def test_time_steps_without_target_are_left_out(X, y_steps):
    # The leading time steps have no target: as if the loss were that of the last one.
    missing = np.where(np.arange(5) < 4, np.nan, y_steps)
    fitted = make("GRURegressor", return_sequences=True, **WHOLE).fit(X, missing)
    expected = make("GRURegressor", **WHOLE).fit(X, y_steps[:, -1])
    assert_allclose(fitted.predict(X)[:, -1], expected.predict(X), rtol=0, atol=1e-6)
    assert fitted.history_["loss"] == pytest.approx(expected.history_["loss"], rel=1e-6)


def test_output_without_targets_is_not_trained(X, y):
    fitted = make("GRURegressor", **WHOLE).fit(X, np.column_stack([np.full_like(y, np.nan), y]))
    assert fitted.model_.get_weights()[-1][0] == 0.0  # the initial bias
    assert fitted.model_.get_weights()[-1][1] != 0.0


@needs_kernels
@pytest.mark.parametrize(
    "params",
    [
        {"loss": "mse", "metrics": ["mae", "RootMeanSquaredError"]},
        {"loss": keras.losses.Huber(0.4), "metrics": [keras.metrics.MeanAbsoluteError(name="error")]},
        {"loss": keras.losses.LogCosh, "bidirectional": True},
        {"loss": keras.losses.mean_absolute_error},
        {"loss": keras.losses.MeanSquaredError(dtype="float16")},  # which has no kernel
    ],
    ids=["name", "instance", "class", "function", "without kernel"],
)
def test_as_in_the_loop_of_keras(params, X_masked, two_outputs_of_steps, monkeypatch):
    params = {**params, "dtype": "float64", "batch_size": 16, "return_sequences": True, "validation_split": 0.25}
    fits = []
    for engine in ("native", "keras"):
        monkeypatch.setenv("SKRNN_ENGINE", engine)
        fits.append(make("GRURegressor", **params).fit(X_masked, two_outputs_of_steps))
    ours, theirs = fits
    assert_allclose(weights_of(ours), weights_of(theirs), rtol=0, atol=1e-10)
    assert ours.history_.keys() == theirs.history_.keys()
    for name, values in theirs.history_.items():
        assert_allclose(ours.history_[name], values, rtol=1e-6)  # Keras's metrics are float32


@needs_kernels
def test_loss_without_kernel(X, two_outputs):
    with_kernel = make("GRURegressor", loss="mse", **WHOLE).fit(X, two_outputs, X_val=X, y_val=two_outputs)
    without = make("GRURegressor", loss=keras.losses.MeanSquaredError(dtype="float16"), **WHOLE)
    without.fit(X, two_outputs, X_val=X, y_val=two_outputs)
    assert_allclose(weights_of(without), weights_of(with_kernel), rtol=0, atol=1e-12)
    assert without.history_["val_loss"] == pytest.approx(with_kernel.history_["val_loss"], rel=1e-12)


@pytest.mark.parametrize("engine", ["", "keras"])
def test_any_metric_of_a_single_output(engine, X, y, use_engine):
    use_engine(engine)
    y_val = with_missing(y)
    regressor = make("GRURegressor", metrics=["R2Score"]).fit(X, y, X_val=X, y_val=y_val)
    valid = ~np.isnan(y_val)
    expected = r2_score(y_val[valid], regressor.predict(X)[valid])
    assert regressor.history_["val_R2Score"][-1] == pytest.approx(expected, abs=1e-5)


@needs_kernels
def test_any_metric_of_time_steps(X_masked, y_steps):
    y = with_missing(y_steps)
    regressor = make("RecurrentRegressor", return_sequences=True, metrics=["R2Score"], **ONE_EPOCH).fit(X_masked, y)
    predictions = regressor.predict(X_masked)
    valid = ~np.isnan(predictions) & ~np.isnan(y)
    assert regressor.history_["R2Score"] == pytest.approx([r2_score(y[valid], predictions[valid])], abs=1e-4)


def test_validation_set_is_held_out_of_samples_with_targets(X, y):
    y = with_missing(y)
    is_valid = ~np.isnan(y)
    params = {"early_stopping": True, "patience": 2, "epochs": 30, "optimizer__learning_rate": 0.05}
    fitted = make("GRURegressor", **params).fit(X, y)
    expected = make("GRURegressor", **params).fit(X[is_valid], y[is_valid])
    assert fitted.history_ == expected.history_
    assert fitted.best_epoch_ == expected.best_epoch_


def test_validation_data_alone_may_be_incomplete(X, y, monkeypatch):
    y_val = with_missing(np.column_stack([y, 1 - y]))
    for engine in ("native", "keras"):
        monkeypatch.setenv("SKRNN_ENGINE", engine)
        regressor = make("GRURegressor").fit(X, np.column_stack([y, 1 - y]), X_val=X, y_val=y_val)
        expected = np.nanmean((regressor.predict(X) - y_val) ** 2)
        assert regressor.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "given",
    [
        lambda y: [None if np.isnan(value) else value for value in y],
        lambda y: pd.Series(y, dtype="Float64").where(~np.isnan(y), pd.NA),
        lambda y: pd.Series(y).to_frame(),
        lambda y: y[:, None],
    ],
    ids=["None", "NA", "frame", "column"],
)
def test_missing_values_of_other_kinds(given, X, y):
    y = with_missing(y)
    expected = make("GRURegressor").fit(X, y).predict(X)
    assert_array_equal(make("GRURegressor").fit(X, given(y)).predict(X).reshape(-1), expected)


def test_targets_of_a_list_of_sequences(X, y_steps):
    lengths = np.random.default_rng(2).integers(1, 6, size=N_SAMPLES)
    y_steps = with_missing(y_steps)
    sequences = [x[:length] for x, length in zip(X, lengths, strict=True)]
    targets = [steps[:length] for steps, length in zip(y_steps, lengths, strict=True)]
    padded = np.where((np.arange(5) < lengths[:, None])[..., None], X, np.nan)
    expected = make("GRURegressor", return_sequences=True).fit(padded, y_steps)
    fitted = make("GRURegressor", return_sequences=True).fit(sequences, targets)
    assert fitted.history_ == expected.history_
    assert_array_equal(weights_of(fitted), weights_of(expected))


def test_checkpoint_tells_fits_apart_by_what_is_missing(X, y, tmp_path):
    y = with_missing(np.column_stack([y, 1 - y]))
    checkpoint = Checkpoint(tmp_path, every=1, keep=True)
    first = make("GRURegressor", callbacks=checkpoint).fit(X, y)
    other_bits = np.where(np.isnan(y), -np.float64("nan"), y)
    again = make("GRURegressor", callbacks=checkpoint).fit(X, other_bits)
    assert_array_equal(again.predict(X), first.predict(X))
    assert len([*tmp_path.iterdir()]) == 1
    y[np.argwhere(~np.isnan(y))[0][0]] = np.nan
    make("GRURegressor", callbacks=checkpoint).fit(X, y)
    assert len([*tmp_path.iterdir()]) == 2


# ---------------------------------------------------------------------- errors


def custom(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


class Custom(keras.losses.MeanSquaredError):
    pass


@pytest.mark.parametrize(
    "loss", ["cosine_similarity", custom, Custom(), Custom], ids=["name", "function", "instance", "class"]
)
def test_losses_that_are_not_elementwise(loss, X, two_outputs):
    complete = np.nan_to_num(two_outputs)
    message = r"y contains NaN, first at index \(0, 0\), but loss=.* does not accept missing targets.* gaussian, huber"
    with pytest.raises(ValueError, match=message):
        make("GRURegressor", loss=loss).fit(X, two_outputs)
    regressor = make("GRURegressor", loss=loss).fit(X, complete)
    with pytest.raises(ValueError, match=message):
        regressor.partial_fit(X, two_outputs)
    with pytest.raises(ValueError, match=f"In X_val and y_val: .*{message}"):
        regressor.fit(X, complete, X_val=X, y_val=two_outputs)


@pytest.mark.parametrize("metric", ["R2Score", "cosine_similarity", custom, keras.metrics.R2Score()], ids=[*"abcd"])
@pytest.mark.parametrize("engine", ["", pytest.param("keras", marks=pytest.mark.slow)])
def test_metrics_of_several_outputs_that_are_not_elementwise(metric, engine, X, two_outputs, use_engine):
    use_engine(engine)
    make("GRURegressor", metrics=[metric]).fit(X, np.nan_to_num(two_outputs))
    with pytest.raises(ValueError, match=r"holds .*, which does not accept missing targets of several outputs"):
        make("GRURegressor", metrics=["mse", metric]).fit(X, two_outputs)


def test_infinity_is_an_error(X, y):
    y = with_missing(y)
    y[7] = -np.inf
    with pytest.raises(ValueError, match="infinity or a value too large for dtype 'float32', first at index 7"):
        make("GRURegressor").fit(X, y)


@pytest.mark.parametrize("shape", [(N_SAMPLES,), (N_SAMPLES, 2)])
def test_only_missing(shape, X, y):
    message = "y contains only NaN. GRURegressor requires at least one target that is not missing"
    with pytest.raises(ValueError, match=message):
        make("GRURegressor").fit(X, np.full(shape, np.nan))
    with pytest.raises(ValueError, match=message):
        make("GRURegressor").partial_fit(X, np.full(shape, np.nan))
    with pytest.raises(ValueError, match=f"In X_val and y_val: .*{message}"):
        make("GRURegressor").fit(X, y, X_val=X, y_val=np.full(N_SAMPLES, np.nan))


def test_only_missing_where_there_is_weight(X, y):
    y[3] = np.nan
    with pytest.raises(ValueError, match="y contains only NaN where the weight is not zero"):
        make("GRURegressor").fit(X, y, np.eye(N_SAMPLES)[3])


def test_negative_targets_are_reported(X, y):
    y[3] = np.nan
    with pytest.raises(ValueError, match=f"The smallest one is {np.nanmin(y.astype('float32'))}"):
        make("GRURegressor", loss="poisson").fit(X, y)


SCORED = {
    "mse": {},
    "two members": {"n_members": 2},
    "quantiles": {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)},
    "gaussian": {"loss": "gaussian"},
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("params", SCORED.values(), ids=SCORED)
def test_score_leaves_out_each_output_by_itself(params, weights, X, two_outputs):
    regressor = make("GRURegressor", **params).fit(X, two_outputs)
    predictions, scores = regressor.predict(X), []
    for y, p in zip(two_outputs.T, predictions.T, strict=True):
        known = ~np.isnan(y)
        scores.append(r2_score(y[known], p[known], sample_weight=None if weights is None else weights[known]))
    assert regressor.score(X, two_outputs, weights) == pytest.approx(np.mean(scores))
    assert scores[0] != pytest.approx(scores[1])


def test_score_is_that_of_the_samples_with_a_target(X, y):
    y = with_missing(y) + 1e4  # which float32 rounds
    regressor = make("GRURegressor").fit(X, y - 1e4)
    known = ~np.isnan(y)
    expected = regressor.score(X[known], y[known], WEIGHTS[known])
    objects = [None if np.isnan(value) else value for value in y]
    for given in (y, y[:, None], objects, pd.Series(y, dtype="Float64").where(known, pd.NA)):
        assert regressor.score(X, given, WEIGHTS) == expected


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_score_leaves_out_time_steps(weights, X_masked, two_outputs_of_steps):
    regressor = make("GRURegressor", return_sequences=True).fit(X_masked, two_outputs_of_steps)
    predictions = regressor.predict(X_masked)
    of_steps = None if weights is None else np.repeat(weights[:, None], 5, axis=1)
    scores = []
    for output in range(2):
        y, p = two_outputs_of_steps[..., output], predictions[..., output]
        known = ~np.isnan(y) & ~np.isnan(p)
        scores.append(r2_score(y[known], p[known], sample_weight=None if weights is None else of_steps[known]))
    assert regressor.score(X_masked, two_outputs_of_steps, weights) == pytest.approx(np.mean(scores), rel=1e-6)


def test_score_leaves_out_outputs_without_a_target(X, y):
    both = np.column_stack([np.full_like(y, np.nan), y])
    regressor = make("GRURegressor").fit(X, both)
    assert regressor.score(X, both) == pytest.approx(r2_score(y, regressor.predict(X)[:, 1]))
    # Targets without weight are as good as missing.
    both[:2, 0] = 1, 2
    weights = np.where(np.arange(N_SAMPLES) < 2, 0, WEIGHTS)
    expected = r2_score(y, regressor.predict(X)[:, 1], sample_weight=weights)
    assert regressor.score(X, both, weights) == pytest.approx(expected)


def test_score_of_missing_targets_only(X, y):
    regressor = make("GRURegressor").fit(X, y)
    with pytest.raises(ValueError, match=r"y contains only NaN\. GRURegressor requires at least one target"):
        regressor.score(X, np.full_like(y, np.nan))
    y[3] = np.nan
    with pytest.raises(ValueError, match="y contains only NaN where the weight is not zero"):
        regressor.score(X, y, np.eye(N_SAMPLES)[3])


def test_cross_validation_importance_and_comparison(X, two_outputs):
    regressor = make("RecurrentRegressor")
    for train, test in KFold(3).split(X):
        fitted = clone(regressor).fit(X[train], two_outputs[train])
        assert fitted.score(X[test], two_outputs[test]) in cross_val_score(regressor, X, two_outputs, cv=3)
    importances = sequence_importance(fitted, X, two_outputs, random_state=0).importances
    assert np.isfinite(importances).all() and np.ptp(importances) > 0
    compared = compare_cells(regressor, X, two_outputs, cells=("gru",), cv=3, n_repeats=1, random_state=0)
    assert np.isfinite(compared.scores["test_score"]).all()


def test_scaler_of_missing_targets(X, y):
    # The guide recommends it instead of TransformedTargetRegressor, in which scikit-learn rejects NaN.
    y = with_missing(y)
    with pytest.raises(ValueError, match="contains NaN"):
        TransformedTargetRegressor(make("GRURegressor"), transformer=StandardScaler()).fit(X, y)
    scaled = StandardScaler().fit_transform(y[:, None])
    assert_allclose([np.nanmean(scaled), np.nanstd(scaled)], [0, 1], atol=1e-12)
    assert_array_equal(np.isnan(scaled[:, 0]), np.isnan(y))


@pytest.mark.parametrize("params", [{"loss": "quantile", "quantile": (0.1, 0.5, 0.9)}, {"loss": "gaussian"}])
@pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
def test_distributions_leave_out_missing_targets(params, engine, use_engine):
    use_engine(engine)
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 5, 2)), random.normal(size=(40, 2))
    y[::3, 0] = np.nan
    common = {"units": 4, "epochs": 2, "batch_size": 40, "shuffle": False, "random_state": 0, "metrics": ["mae"]}
    fitted = GRURegressor(**common, **params).fit(X, y)
    # The targets that are missing have no effect: neither has their column where all others are equal.
    kept = ~np.isnan(y[:, 0])
    alone = GRURegressor(**{**common, "epochs": 1}, **params).fit(X[kept], y[kept])
    both = GRURegressor(**{**common, "epochs": 1}, **params).fit(X, np.where(kept[:, None], y, np.nan))
    assert both.history_["loss"] == pytest.approx(alone.history_["loss"], rel=1e-5)
    assert_allclose(both.predict(X), alone.predict(X), atol=1e-5)
    assert np.isfinite(fitted.history_["loss"]).all()
    first = GRURegressor(**{**common, "epochs": 1}, **params).fit(X, y)
    assert fitted.history_["mae"][1] == pytest.approx(np.nanmean(abs(first.predict(X) - y)), rel=1e-5)
