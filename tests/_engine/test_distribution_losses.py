"""Losses of quantiles and of normal distributions: kernels against scikit-learn and scipy, and as losses of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

from skrnn._engine.distribution_losses import SCALE_FLOOR, GaussianLoss, QuantileLoss, outputs_per_target
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native.tables import padded

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
N_ROWS = 40
LOSSES = [QuantileLoss((0.9,)), QuantileLoss((0.05, 0.25, 0.5, 0.95)), GaussianLoss()]
MANY = QuantileLoss(tuple(np.arange(1, 100) / 100))


def call(loss, p, y, w, *, scale=1.0, gradient=True):
    """Value and gradient of a kernel, on rows that are padded with what must not be read."""
    n_out, dtype = p.shape[1], p.dtype.name
    rows = np.full((len(p), padded(n_out)), np.nan, dtype)
    rows[:, :n_out] = p
    d = np.full_like(rows, 7)
    parameters = np.array(loss.native.parameters)
    pointers = [array.ctypes.data for array in (rows, rows, y, w, d)]
    value = LIBRARIES[dtype].function(loss.native.kernel)(
        *pointers, len(p), n_out, rows.shape[1], y.shape[1], gradient, scale, parameters.ctypes.data
    )
    assert_array_equal(d[:, n_out:], 0 if gradient else 7)
    return value, d[:, :n_out]


def problem(loss, n_targets, dtype="float64"):
    rng = np.random.default_rng(n_targets)
    p = (2 * rng.normal(size=(N_ROWS, n_targets * loss.outputs_per_target))).astype(dtype)
    y = rng.normal(size=(N_ROWS, n_targets)).astype(dtype)
    w = rng.uniform(0.1, 2, size=N_ROWS).astype(dtype)
    return p, y, w


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("loss", [*LOSSES[:2], MANY], ids=lambda loss: len(loss.quantiles))
def test_quantile_loss_is_the_mean_pinball_loss_of_scikit_learn(loss, n_targets):
    p, y, w = problem(loss, n_targets)
    value, _ = call(loss, p, y, w, gradient=False)
    blocks = p.reshape(N_ROWS, len(loss.quantiles), n_targets)  # quantiles vary slowest
    each = [mean_pinball_loss(y, blocks[:, k], alpha=q, sample_weight=w) for k, q in enumerate(loss.quantiles)]
    assert value / w.sum() == pytest.approx(np.mean(each), rel=1e-12)


@pytest.mark.parametrize("n_targets", [1, 3])
def test_gaussian_loss_is_the_negative_log_likelihood(n_targets):
    p, y, w = problem(GaussianLoss(), n_targets)
    p[:2, n_targets:] = [[-1000.0], [1000.0]]  # the smallest scale, and one for which exp overflows
    value, d = call(GaussianLoss(), p, y, w)
    scale = np.logaddexp(0, p[:, n_targets:]) + SCALE_FLOOR
    assert_array_equal(scale[0], SCALE_FLOOR)
    expected = -norm.logpdf(y, p[:, :n_targets], scale).mean(axis=1) @ w
    assert value == pytest.approx(expected, rel=1e-12)
    assert_array_equal(d[0, n_targets:], 0)
    assert np.isfinite(d).all()


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss, n_targets):
    p, y, w = problem(loss, n_targets)
    _, d = call(loss, p, y, w, scale=0.25)
    step = 1e-6
    for column in range(p.shape[1]):
        slopes = np.empty(N_ROWS)
        for row in range(N_ROWS):
            ends = []
            for sign in (1, -1):
                moved = p[row : row + 1].copy()
                moved[0, column] += sign * step
                ends.append(call(loss, moved, y[row : row + 1], w[row : row + 1], gradient=False)[0])
            slopes[row] = 0.25 * (ends[0] - ends[1]) / (2 * step)
        assert_allclose(d[:, column], slopes, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_keras_computes_the_same_values_and_gradients(loss, n_targets, dtype):
    p, y, w = problem(loss, n_targets, dtype)
    p[0] = np.tile(y[0], loss.outputs_per_target)  # no error: the pinball loss has a kink there
    outputs = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = tf.reduce_sum(loss(tf.constant(y), outputs) * w)
    value, d = call(loss, p, y, w)
    assert value == pytest.approx(float(total), rel=TOLERANCE[dtype])
    expected = tape.gradient(total, outputs).numpy()
    assert_allclose(d, expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())


@pytest.mark.parametrize("loss", LOSSES)
def test_keras_takes_time_steps(loss):
    p, y, _ = problem(loss, 3)
    by_row = loss(tf.constant(y), tf.constant(p)).numpy()
    by_step = loss(tf.constant(y.reshape(8, 5, 3)), tf.constant(p.reshape(8, 5, -1))).numpy()
    assert_array_equal(by_step, by_row.reshape(8, 5))


@pytest.mark.parametrize("loss", LOSSES)
def test_rows_without_weight_are_ignored_and_others_that_are_nan_are_seen(loss):
    p, y, w = problem(loss, 2)
    w[::3] = 0
    p[::3] = np.nan
    value, d = call(loss, p, y, w)
    assert value == call(loss, p[w > 0], y[w > 0], w[w > 0])[0]
    assert_array_equal(d[::3], 0)
    p[1, 0] = np.nan
    assert np.isnan(call(loss, p, y, w)[0])


def test_quantiles_are_sorted_and_the_median_is_the_one_in_the_middle():
    loss = QuantileLoss((0.1, 0.5, 0.7))
    outputs = np.array([[1.0, 10.0, 2.0, 30.0, 3.0, 20.0], [6.0, 1.0, 5.0, 2.0, 4.0, 3.0]])
    assert_array_equal(loss.sorted(outputs), [[[1, 10], [2, 20], [3, 30]], [[4, 1], [5, 2], [6, 3]]])
    assert_array_equal(loss.point(outputs), [[2, 20], [5, 2]])
    assert_array_equal(loss.point(tf.constant(outputs), keras.ops), [[2, 20], [5, 2]])
    assert_array_equal(QuantileLoss((0.9,)).point(outputs), outputs)
    assert_array_equal(GaussianLoss().point(tf.constant(outputs), keras.ops), outputs[:, :3])


def test_number_of_outputs_for_each_target():
    assert [outputs_per_target(loss) for loss in (*LOSSES, "mse", keras.losses.Huber())] == [1, 4, 2, 1, 1]
