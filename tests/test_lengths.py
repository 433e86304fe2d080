"""How long the time axis of each sequence is, and what batches of similar lengths are made of."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make, needs_kernels
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from skrnn._lengths import length_on_grid, program_lengths

import skrnn._prediction
import skrnn._training
from skrnn import Sequences
from skrnn._batches import Dataset, batch_order, batch_order_by_length, program_batches
from skrnn._targets import Targets

lists_of_lengths = st.lists(st.integers(1, 100), min_size=1, max_size=60)


def ragged(lengths, n_timesteps=None, n_features=1):
    """Sequences of these lengths."""
    lengths = np.asarray(lengths)
    values = np.random.default_rng(0).normal(size=(lengths.sum(), n_features))
    starts = np.cumsum(lengths) - lengths
    return Sequences(values, starts, lengths, np.zeros_like(lengths), 1, n_timesteps or int(lengths.max()))


# ---------------------------------------------------------------------- lengths


@settings(deadline=None)
@given(st.integers(1, 10**7))
def test_lengths_on_the_grid(length):
    on_grid = length_on_grid(length)
    assert length <= on_grid <= max(length + 3, length * 9 / 8)
    assert length_on_grid(on_grid) == on_grid
    assert on_grid <= length_on_grid(length + 1)


def test_the_grid():
    grid = [*range(1, 9), *range(12, 65, 4), *range(72, 129, 8)]
    assert sorted({length_on_grid(length) for length in range(1, 129)}) == grid


@settings(deadline=None)
@given(lists_of_lengths, st.integers(0, 30), st.sampled_from([0, 100, 10**4, 10**9]), st.none() | st.integers(1, 120))
def test_no_sequence_is_cut(lengths, n_absent, min_work, fitted):
    sequences = ragged(lengths, max(lengths) + n_absent)
    chosen = program_lengths(sequences, (3, 2), min_work, masked=True, fitted=fitted)
    assert chosen.shape == (len(lengths),)
    assert (chosen >= sequences.lengths).all()
    axis = chosen.max()
    assert axis in (min(sequences.n_timesteps, length_on_grid(max(lengths))), fitted)
    assert set(chosen) <= {-(-axis // 4), -(-axis // 2), -(-3 * axis // 4), axis}
    saved = axis * len(lengths) - chosen.sum()
    assert saved == 0 or (saved >= 0.15 * axis * len(lengths) and saved * 5 >= min_work)
    unmasked = program_lengths(sequences, (3, 2), min_work, masked=False, fitted=fitted)
    assert_array_equal(unmasked, np.full(len(lengths), sequences.n_timesteps))


@pytest.mark.parametrize(
    ("lengths", "options", "expected"),
    [
        ([40, 10, 11, 20, 21, 30, 31], {}, [40, 10, 20, 20, 30, 30, 40]),
        ([40, 10, 11, 20, 21, 30, 31], {"min_work": 6 * 90}, [40, 10, 20, 20, 30, 30, 40]),  # what is saved times units
        ([40, 10, 11, 20, 21, 30, 31], {"min_work": 6 * 90 + 1}, [40] * 7),
        ([40, 30, 40, 40], {}, [40] * 4),  # a sixteenth is saved
        ([40, 30, 30, 30], {}, [40, 30, 30, 30]),
        ([17, 4], {}, [17, 5]),  # quarters are rounded up
        ([17, 4], {"n_timesteps": 60}, [20, 5]),
        ([5, 5], {"n_timesteps": 60}, [5, 5]),
        ([5, 5], {"fitted": 8, "min_work": 6 * 6 + 1}, [8, 8]),  # compiled already
        ([5, 5], {"fitted": 8, "min_work": 6 * 6}, [5, 5]),
        ([5, 5], {"fitted": 4}, [5, 5]),
        ([40, 9, 9, 9], {"fitted": 44, "min_work": 97}, [44, 11, 11, 11]),
    ],
)
def test_chosen_lengths(lengths, options, expected):
    options = {"min_work": 1, "n_timesteps": None} | options
    sequences = ragged(lengths, options.pop("n_timesteps"))
    assert_array_equal(program_lengths(sequences, (4, 2), options.pop("min_work"), masked=True, **options), expected)


# ---------------------------------------------------------------------- batches


@settings(deadline=None)
@given(lists_of_lengths, st.integers(1, 12), st.none() | st.integers(0, 9))
def test_every_sample_comes_once(lengths, batch_size, seed):
    lengths = np.array(lengths)
    orders = (f(lengths, batch_size, 1.0, seed) for f in (batch_order, batch_order_by_length))
    for order in orders:
        assert order.samples.shape == (-(-len(lengths) // batch_size), batch_size)
        assert_array_equal(np.sort(order.samples[order.samples >= 0]), np.arange(len(lengths)))
        assert (order.samples[:-1] >= 0).all()
        for samples, n_timesteps in zip(order.samples, order.n_timesteps, strict=True):
            assert n_timesteps == lengths[samples[samples >= 0]].max()
        called = [
            (samples.tolist(), n_timesteps)
            for n_timesteps, part, n_batches in order.calls(lambda n_timesteps: 3)
            for samples in part[:n_batches]
        ]
        assert called == list(zip(order.samples.tolist(), order.n_timesteps.tolist(), strict=True))


def test_batches_are_of_about_one_length():
    lengths = np.random.default_rng(0).choice([10, 20, 30, 40], size=1000)
    order = batch_order_by_length(lengths, 16, 1.0, 0)
    by_batch = lengths[order.samples[:-1]]  # all but the last, of eight
    assert (by_batch == by_batch[:, :1]).all(axis=1).sum() == len(by_batch) - 3  # three hold two neighbouring lengths
    assert (np.ptp(by_batch, axis=1) <= 10).all()
    assert (np.diff(order.n_timesteps[:-1]) != 0).sum() < len(order) / 4  # batches of one length follow each other
    assert len(set(lengths[order.samples[-1, :8]])) > 1
    assert_array_equal(order.samples[-1, 8:], np.full(8, -1))
    plain = lengths[batch_order(lengths, 16, 1.0, 0).samples[:-1]]
    assert (np.ptp(plain, axis=1) > 10).all()


def test_seeds_say_who_shares_a_batch():
    lengths = np.random.default_rng(0).choice([10, 20], size=100)
    one, again, other = (batch_order_by_length(lengths, 8, 1.0, [seed, 0]).samples for seed in (0, 0, 1))
    assert_array_equal(one, again)
    assert {frozenset(batch) for batch in one.tolist()}.isdisjoint({frozenset(batch) for batch in other.tolist()})
    # Which samples the last, smaller batch holds, and so those that weigh more in it, is a matter of chance.
    last = np.concatenate([batch_order_by_length(lengths, 8, 1.0, seed).samples[-1, :4] for seed in range(400)])
    assert np.bincount(last, minlength=100).min() > 0
    firsts = {int(lengths[batch_order_by_length(lengths, 8, 1.0, seed).samples[0, 0]]) for seed in range(20)}
    assert firsts == {10, 20}
    assert_array_equal(lengths[batch_order_by_length(lengths, 10, 1.0).samples].ravel(), np.sort(lengths))


def coefficients(sequences, targets, order):
    """What the loss of every row of the targets is multiplied with in an epoch's sum of batch losses."""
    rows = replace(targets, values=np.arange(len(targets.values))[:, None])
    total = np.zeros(len(targets.values))
    for n_timesteps, samples, _ in order.calls(lambda n_timesteps: 2):
        batches = program_batches(Dataset(sequences, rows), order, samples, n_timesteps, 2, tokens=False)
        _, _, y, weights, normalizers, counts = batches
        assert_array_equal(counts, (samples >= 0).sum(axis=1))
        for row, weight, normalizer in zip(y[..., 0], weights, normalizers, strict=True):
            if normalizer:
                np.add.at(total, row.ravel(), weight.ravel() / normalizer)
    return total


@pytest.mark.parametrize("per_step", [False, True], ids=["sample", "step"])
def test_every_sample_weighs_alike_whichever_batch_it_is_in(per_step):
    rng = np.random.default_rng(0)
    sequences = ragged(rng.choice([2, 4, 8], size=48))
    weights = rng.uniform(0.5, 4, size=48) * sequences.lengths  # so that batches of long sequences weigh more
    if per_step:
        steps = np.arange(48 * 8)
        present = steps % 8 < sequences.lengths[steps // 8]
        row_weights = np.repeat(weights, 8)
        targets = Targets(np.zeros((48 * 8, 1)), row_weights, np.arange(48) * 8, per_step)
    else:
        present, row_weights = np.ones(48, dtype=bool), weights
        targets = Targets(np.zeros((48, 1)), weights, np.arange(48), per_step)
    mean = row_weights[present].sum() / 48
    assert targets.mean_weight(sequences.lengths) == pytest.approx(mean)

    grouped = batch_order_by_length(sequences.lengths, 6, mean, 0)
    expected = np.where(present, row_weights, 0) / (6 * mean)
    assert_allclose(coefficients(sequences, targets, grouped), expected, rtol=1e-12)
    plain = batch_order(sequences.lengths, 6, mean, 0)
    assert_allclose(coefficients(sequences, targets, plain), expected, rtol=1e-12)

    # With a last batch of 3 of 48 no epoch is exact, but epochs are on average.
    sums = sum(
        coefficients(sequences, targets, batch_order_by_length(sequences.lengths, 9, mean, seed)) for seed in range(400)
    )
    by_row = (sums / 400)[present] / row_weights[present] * mean * 48 / 6  # of 6 batches
    assert_allclose(by_row, 1, rtol=0.1)
    assert by_row.mean() == pytest.approx(1, abs=5e-3)


# ---------------------------------------------------------------------- training and prediction

# In float64, with steps so small that an epoch's updates add up to those of one on all samples at once.
PARAMS = {"cell": "rnn", "epochs": 1, "dtype": "float64", "optimizer": "sgd"}
RATE = 1e-7


@pytest.fixture
def grouped(monkeypatch):
    """Sequences are grouped by length however few they are."""
    monkeypatch.setattr(skrnn._training, "MIN_TRAINING_WORK", 1)
    monkeypatch.setattr(skrnn._prediction, "MIN_PREDICTION_WORK", 1)


@pytest.fixture
def axes(monkeypatch):
    """Lengths of the time axes that batches are trained on."""
    lengths, original = [], skrnn._training.program_batches

    def recorded(dataset, order, samples, n_timesteps, *others):
        lengths.append(n_timesteps)
        return original(dataset, order, samples, n_timesteps, *others)

    monkeypatch.setattr(skrnn._training, "program_batches", recorded)
    return lengths


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


def weights_of(estimator):
    return np.concatenate([np.ravel(w) for w in estimator._state.weights])


@pytest.mark.slow
@needs_kernels
@pytest.mark.parametrize("per_step", [False, True], ids=["sample", "step"])
def test_an_epoch_of_grouped_batches_follows_the_gradient_of_all_samples(per_step, X, weights, grouped, axes):
    y = targets_of(X, per_step)

    def fitted(batch_size, rate, **options):
        params = PARAMS | {"optimizer__learning_rate": rate, "return_sequences": per_step, "batch_size": batch_size}
        return make("RecurrentRegressor", **params).fit(X, y, weights, **options)

    held_out = X[:20][::-1], y[:20][::-1], weights[:20]
    start = fitted(8, 0.0, X_val=held_out[0], y_val=held_out[1], sample_weight_val=held_out[2])
    assert start.history_["loss"] == pytest.approx([mean_loss(start.predict(X), y, weights)], rel=1e-9)
    assert start.history_["val_loss"] == pytest.approx([mean_loss(start.predict(held_out[0]), *held_out[1:])], rel=1e-9)
    in_batches, at_once = fitted(8, RATE), fitted(None, RATE)
    assert set(axes) == {2, 8}
    assert in_batches.history_["loss"] == pytest.approx(at_once.history_["loss"], rel=1e-5)
    update = weights_of(in_batches) - weights_of(start)
    gradient = weights_of(at_once) - weights_of(start)
    assert_allclose(update, 5 * gradient, rtol=0, atol=1e-5 * np.abs(update).max())
    assert np.abs(gradient).max() > 0.1 * RATE


@pytest.mark.slow
@pytest.mark.parametrize("per_step", [False, True], ids=["sample", "step"])
def test_keras_groups_alike(per_step, X, weights, grouped, monkeypatch):
    y = targets_of(X, per_step)
    params = PARAMS | {"epochs": 2, "return_sequences": per_step, "optimizer__learning_rate": 0.05, "batch_size": 8}
    by_program = make("RecurrentRegressor", **params).fit(X, y, weights, X_val=X[:20], y_val=y[:20])
    expected = by_program.predict(X)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("RecurrentRegressor", **params).fit(X, y, weights, X_val=X[:20], y_val=y[:20])
    for name in ("loss", "val_loss"):
        assert_allclose(by_keras.history_[name], by_program.history_[name], rtol=1e-5)
    assert_allclose(by_keras.predict(X), expected, rtol=0, atol=1e-5)


@needs_kernels
@pytest.mark.parametrize("per_step", [False, True], ids=["sample", "step"])
def test_predictions_are_those_without_grouping(per_step, X, monkeypatch):
    regressor = make("RecurrentRegressor", **PARAMS, return_sequences=per_step, batch_size=None)
    expected = regressor.fit(X, targets_of(X, per_step)).predict(X)
    axes, predict_at = [], skrnn._prediction._predict_at

    def recorded(n_timesteps, *others):
        axes.append(int(n_timesteps))
        return predict_at(n_timesteps, *others)

    monkeypatch.setattr(skrnn._prediction, "MIN_PREDICTION_WORK", 1)
    monkeypatch.setattr(skrnn._prediction, "_predict_at", recorded)
    predictions = regressor.predict(X)
    assert axes == [2, 8]
    assert_allclose(predictions, expected, rtol=0, atol=1e-6)
    assert np.isnan(predictions).sum() == (120 if per_step else 0)
    later = regressor.predict(np.concatenate([np.full((40, 2, 3), np.nan), X], axis=1))
    assert_allclose(later[:, 2:] if per_step else later, expected, rtol=0, atol=1e-6)
    assert_allclose(regressor.predict(X[::-1])[::-1], expected, rtol=0, atol=1e-6)


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
