"""Sequences of different lengths: how a batch of them is cut into shards, and that every step counts alike."""

import numpy as np
import pytest
from conftest import make, needs_kernels, weights_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skrnn._engine.dataset import sample_order
from skrnn._engine.shard_order import ShardOrder

lists_of_lengths = st.lists(st.integers(1, 100), min_size=1, max_size=200)

# ---------------------------------------------------------------------- batches


@settings(deadline=None)
@given(lists_of_lengths, st.integers(1, 80), st.none() | st.integers(0, 9), st.sampled_from([1, 10**5, 10**9]))
def test_batches_hold_the_samples_that_keras_gets(lengths, batch_size, seed, work):
    lengths = np.array(lengths)
    order = ShardOrder(lengths, batch_size, work)
    expected = sample_order(len(lengths), seed)
    samples, positions = order.of_epoch(expected)
    if positions is None:  # all lengths are equal
        positions = np.arange(len(lengths))
    assert_array_equal(samples, expected[positions])
    for first, last, n_shards in order.batches:
        assert_array_equal(np.sort(positions[first:last]), np.arange(first, last))
        assert 1 <= n_shards <= max((last - first) // 16, 1)
    assert_array_equal(order.batches[:, 0], np.arange(0, len(lengths), batch_size))
    assert order.batches[-1, 1] == len(lengths)


def test_shards_of_a_batch_have_equal_work():
    lengths = np.random.default_rng(0).integers(1, 101, size=400)
    order = ShardOrder(lengths, 200, 10**6)
    samples, _ = order.of_epoch(sample_order(400, 0))
    assert order.batches[:, 2].tolist() == [12, 12]  # of 16 sequences at least
    for first, last, n_shards in order.batches:
        shards = np.array_split(lengths[samples[first:last]], n_shards)
        assert all((np.diff(shard) <= 0).all() for shard in shards)  # longest first
        steps = np.array([shard.sum() for shard in shards])
        assert np.ptp(steps) < 0.2 * steps.mean()  # some two sequences' more


# ---------------------------------------------------------------------- training and prediction

# In float64, with steps so small that an epoch's updates add up to those of one on all samples at once.
PARAMS = {"cell": "rnn", "epochs": 1, "dtype": "float64", "optimizer": "sgd"}
RATE = 1e-7


@pytest.fixture
def X():
    """Sequences of 2 and of 8 steps."""
    X = np.random.default_rng(0).normal(size=(40, 8, 3))
    X[::2, 2:] = np.nan
    return X


@pytest.fixture
def weights():
    """Samples of 8 steps weigh more."""
    return np.random.default_rng(1).uniform(0.5, 1.5, size=40) * np.tile([1, 3], 20)


def targets_of(X, per_step):
    return np.cumsum(np.nan_to_num(X[..., 0]), axis=1) if per_step else np.nansum(X[..., 1], axis=1)


def mean_loss(predictions, y, weights):
    """Mean over samples, or over their present steps, weighted."""
    errors = (predictions - y) ** 2
    weights = np.where(np.isnan(errors), 0, weights.reshape(-1, *[1] * (errors.ndim - 1)))
    return (weights * np.nan_to_num(errors)).sum() / weights.sum()


@needs_kernels
@pytest.mark.parametrize("per_step", [False, True], ids=["sample", "step"])
def test_an_epoch_of_batches_follows_the_gradient_of_all_samples(per_step, X, weights):
    y = targets_of(X, per_step)

    def fitted(batch_size, rate, **options):
        params = PARAMS | {"optimizer__learning_rate": rate, "return_sequences": per_step, "batch_size": batch_size}
        return make("RecurrentRegressor", **params).fit(X, y, weights, **options)

    held_out = X[:20][::-1], y[:20][::-1], weights[:20]
    start = fitted(8, 0.0, X_val=held_out[0], y_val=held_out[1], sample_weight_val=held_out[2])
    assert start.history_["loss"] == pytest.approx([mean_loss(start.predict(X), y, weights)], rel=1e-9)
    assert start.history_["val_loss"] == pytest.approx([mean_loss(start.predict(held_out[0]), *held_out[1:])], rel=1e-9)
    in_batches, at_once = fitted(8, RATE), fitted(None, RATE)
    assert in_batches.history_["loss"] == pytest.approx(at_once.history_["loss"], rel=1e-5)
    update = weights_of(in_batches) - weights_of(start)
    gradient = weights_of(at_once) - weights_of(start)
    assert_allclose(update, 5 * gradient, rtol=0, atol=1e-5 * np.abs(update).max())
    assert np.abs(gradient).max() > 0.1 * RATE


@needs_kernels
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("per_step", [False, True], ids=["sample", "step"])
def test_predictions_depend_on_no_other_sequence(per_step, cell, X):
    params = PARAMS | {"cell": cell, "bidirectional": True, "units": (5, 4)}
    regressor = make("RecurrentRegressor", **params, return_sequences=per_step, batch_size=None)
    expected = regressor.fit(X, targets_of(X, per_step)).predict(X)
    assert np.isnan(expected).sum() == (120 if per_step else 0)
    alone = np.concatenate([regressor.predict(x[None]) for x in X])
    assert_allclose(alone, expected, rtol=0, atol=1e-12)
    later = regressor.predict(np.concatenate([np.full((40, 2, 3), np.nan), X], axis=1))
    assert_allclose(later[:, 2:] if per_step else later, expected, rtol=0, atol=1e-12)
    assert_allclose(regressor.predict(X[::-1])[::-1], expected, rtol=0, atol=1e-12)
    cut = X[1:2].copy()
    cut[0, 2:] = np.nan
    assert np.abs(regressor.predict(cut) - expected[1])[..., :2].max() > 1e-3  # steps that are there do count


@pytest.mark.parametrize("where", ["head", "tail"])
def test_steps_in_which_every_sequence_is_absent(where, X):
    """The time axis that is computed is shorter than that of the array."""
    regressor = make("RecurrentRegressor", **PARAMS, return_sequences=True, batch_size=None)
    expected = regressor.fit(X, targets_of(X, True)).predict(X)
    shift = 4 if where == "head" else 0
    padded = np.full((40, 12, 3), np.nan)
    padded[:, shift : shift + 8] = X
    predictions = regressor.predict(padded)
    assert predictions.shape == (40, 12)
    assert_allclose(predictions[:, shift : shift + 8], expected, rtol=0, atol=1e-6)
    assert np.isnan(predictions).sum() == 120 + 4 * 40
