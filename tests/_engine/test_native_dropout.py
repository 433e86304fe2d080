"""Native dropout drops the right share, independently, and its gradient is that of what was computed."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import Problem, assert_close, assert_slopes, spec_of
from reference import outputs_of_sequence

from skrnn._engine import native_pass, shard_order
from skrnn._engine.native import tables
from skrnn._engine.native.library import LIBRARIES

CELLS = ["gru", "lstm", "rnn"]


def draw(key, position, stream, step, n, rate, dtype="float32"):
    kept = np.full(n, np.nan, dtype)
    LIBRARIES[dtype].function("draw_kept")(kept.ctypes.data, key, position, stream, step, n, rate)
    return kept


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_the_rate_is_right_and_what_is_kept_makes_up_for_it(rate, dtype):
    n = 1_000_000
    kept = draw(3, 1, 4, 1, n, rate, dtype)
    assert set(kept) == {0, np.dtype(dtype).type(1 / (1 - rate))}
    dropped = (kept == 0).sum()
    assert abs(dropped - rate * n) < 5 * np.sqrt(n * rate * (1 - rate))


def test_nothing_is_dropped_at_a_rate_of_zero():
    assert_array_equal(draw(3, 1, 4, 1, 1000, 0.0), 1.0)


def test_what_is_dropped_is_independent_along_every_axis():
    sizes = keys, positions, streams, steps, units = 3, 20, 12, 20, 40
    random_keys = np.random.default_rng(0).integers(2**63, size=keys)
    dropped = np.empty(sizes)
    for k, p, s, t in np.ndindex(sizes[:-1]):
        dropped[k, p, s, t] = draw(random_keys[k], p, s, t, units, 0.5) == 0
    assert len({row.tobytes() for row in dropped.reshape(-1, units)}) == keys * positions * streams * steps
    signs = 2 * dropped - 1
    for axis, size in enumerate(sizes):
        bound = 5 * np.sqrt(size / signs.size)  # of the share that one index has
        means = signs.mean(axis=tuple(other for other in range(5) if other != axis))
        assert np.abs(means).max() < bound
        for lag in range(1, min(size, 9)):
            products = np.take(signs, range(size - lag), axis) * np.take(signs, range(lag, size), axis)
            assert abs(products.mean()) < 5 / np.sqrt(products.size)
    for first, second in ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)):  # no axis stands for another one
        n = min(sizes[first], sizes[second])
        swapped = np.swapaxes(signs, first, second)
        same = tuple(slice(n) if axis in (first, second) else slice(None) for axis in range(5))
        differ = ~np.eye(n, dtype=bool)
        products = np.moveaxis(signs[same] * swapped[same], (first, second), (0, 1))[differ]
        assert abs(products.mean()) < 5 * np.sqrt(2 / products.size)  # each pair comes twice


def test_keys_of_epochs_and_of_fits_differ():
    problem = Problem(spec_of(dropout=0.5), 10, 3)
    keys = []
    for seed in (0, 1):
        training = problem.training(seed=seed)
        for epoch in range(50):
            training.train(epoch)
            keys.append(training._job.table[tables.DROPOUT_KEY])
    assert len(set(keys)) == 100


class Kept:
    """The factors of one sample of a training."""

    def __init__(self, problem, key, position):
        self.spec, self.key, self.position = problem.spec, key, position

    def state(self, depth, direction):
        if not self.spec.recurrent_dropout:
            return 1.0
        stream = tables.N_STREAMS * depth + 1 + direction
        return draw(self.key, self.position, stream, 0, self.spec.units[depth], self.spec.recurrent_dropout, "float64")

    def outputs(self, depth, n_steps):
        if not self.spec.dropout:
            return 1.0
        n = self.spec.units[depth] * (1 + self.spec.bidirectional)
        stream = tables.N_STREAMS * depth
        return np.array(
            [draw(self.key, self.position, stream, t, n, self.spec.dropout, "float64") for t in range(n_steps)]
        )


RATES = [{"dropout": 0.4}, {"recurrent_dropout": 0.4}, {"dropout": 0.3, "recurrent_dropout": 0.5}]
NETWORKS = [
    {"units": (3, 2)},
    {"units": (2, 1), "bidirectional": True, "return_sequences": True},
]


@pytest.mark.parametrize("rates", RATES, ids="-".join)
@pytest.mark.parametrize("params", NETWORKS, ids=["last", "sequences"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_under_dropout_are_the_slopes_of_the_loss(cell, params, rates):
    problem = Problem(spec_of(cell=cell, n_features=2, n_outputs=1, **params, **rates), 4, 3)
    rate = 2.0**20
    training = problem.training(learning_rate=rate)
    loss = training.train(0)
    after = training.values()[: len(problem.weights)]
    gradients = [(before - w) / rate for before, w in zip(problem.weights, after, strict=True)]
    key = training._job.table[tables.DROPOUT_KEY]

    def plain_loss(weights):
        return problem.plain_loss(weights, lambda sample: Kept(problem, key, sample))

    assert loss == pytest.approx(plain_loss(problem.weights), rel=1e-12)
    assert loss != pytest.approx(problem.plain_loss(problem.weights), rel=1e-6)
    assert_slopes(problem, gradients, plain_loss)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("params", NETWORKS, ids=["last", "sequences"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_position_in_the_epoch_has_its_factors_whatever_the_batches_and_threads(cell, params, dtype, monkeypatch):
    monkeypatch.setattr(native_pass, "WORK_OF_A_THREAD", 0)
    monkeypatch.setattr(shard_order, "_WORK_OF_A_SHARD", 1)
    spec = spec_of(cell=cell, dtype=dtype, dropout=0.3, recurrent_dropout=0.3, **params)
    problem = Problem(spec, 70, 6)
    outputs = []
    for n_threads, batch_size in ((1, 70), (5, 70), (2, 40), (1, 3), (3, 200)):
        monkeypatch.setattr(native_pass, "n_threads", lambda n=n_threads: n)
        training = problem.training(batch_size=batch_size, shuffle=True, keeps_outputs=True, learning_rate=1e-30)
        training.train(0)
        first = training.outputs.copy()
        training.train(1)
        assert (training.outputs != first).any()
        training.train(0)
        assert_array_equal(training.outputs, first)
        outputs.append(first)
    for others in outputs[1:]:
        assert_array_equal(others, outputs[0])
    key, order = training._job.table[tables.DROPOUT_KEY], np.random.default_rng([0, 0]).permutation(70)
    for position, sample in enumerate(order):
        start = problem.dataset.targets.starts[sample]
        kept = Kept(problem, key, position)
        expected = np.atleast_2d(outputs_of_sequence(spec, problem.weights, problem.sequence(sample), kept))
        assert_close(outputs[0][start : start + len(expected)], expected, dtype)
