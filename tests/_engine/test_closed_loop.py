"""Closed loops by native kernels: the bits of one prediction after another, and what Keras's network gives."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from children import started
from conftest import RAW, make
from numpy.testing import assert_allclose, assert_array_equal

from skrnn import SequenceForecaster
from skrnn._data.sequences import Sequences
from skrnn._engine import native_pass
from skrnn._engine.architecture import architecture_of
from skrnn._engine.closed_loop import closed_loop
from skrnn._engine.native.tables import PREDICTED_AT_ONCE
from skrnn._engine.native_pass import outputs_of
from skrnn._engine.network import NetworkSpec, assign, build_network, fresh_values, network_variables, variables_of

TESTS = Path(__file__).parents[1]
WINDOW = 5

NETWORKS = {
    "gru": {"cell": "gru"},
    "lstm": {"cell": "lstm"},
    "rnn": {"cell": "rnn"},
    "stacked": {"cell": "gru", "units": (5, 9), "dense_units": (8,)},
    "bidirectional": {"cell": "lstm", "units": (6, 7), "bidirectional": True},
    "patches": {"cell": "gru", "patch_size": 2, "pooling": "mean"},
    "pooled": {"cell": "lstm", "bidirectional": True, "pooling": "max"},
}
# Series, covariates and steps of an output.
SHAPES = {"one": (1, 0, 1), "covariates": (1, 2, 1), "steps": (1, 0, 3), "all": (2, 3, 3)}


def spec_of(network, shape, dtype):
    n_series, n_covariates, output_steps = shape
    defaults = {"units": (6,), "bidirectional": False, "dense_units": ()}
    return NetworkSpec(
        **{**defaults, **network},
        dropout=0.2,  # does nothing here
        recurrent_dropout=0.0,
        return_sequences=False,
        n_features=n_series + n_covariates,
        embedding=None,
        n_outputs=n_series * output_steps,
        output_activation=None,
        dtype=dtype,
    )


def weights_of(spec):
    """Weights that are no fixed point of anything, biases neither."""
    rng = np.random.default_rng(7)
    weights = fresh_values(variables_of(spec), 3)[: architecture_of(spec).n_variables]
    return [weight + rng.normal(0, 0.4, weight.shape).astype(spec.dtype) for weight in weights]


def past(shape, n, n_blocks):
    n_series, n_covariates, output_steps = shape
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, WINDOW, n_series)), rng.normal(size=(n, WINDOW + n_blocks * output_steps, n_covariates))


def repeated(predict, seen, covariates, output_steps, n_blocks):
    """Continue series, each block predicted from an array of windows of its own."""
    n, window, n_series = seen.shape
    for first in range(0, n_blocks * output_steps, output_steps):
        known = covariates[:, first + output_steps :][:, :window]
        later = predict(np.concatenate([seen[:, first:], known], axis=2))
        seen = np.concatenate([seen, later.reshape(n, output_steps, n_series)], axis=1)
    return seen[:, window:]


def by_kernels(spec, weights):
    """Return a function that predicts windows by the kernels, one pass a call."""
    architecture = architecture_of(spec)
    packed = architecture.pack(weights)

    def predict(windows):
        n, window, n_features = windows.shape
        rows, lengths = windows.reshape(-1, n_features), np.full(n, window)
        return outputs_of(architecture, packed, Sequences(rows, np.arange(n) * window, lengths, 0 * lengths, 1, window))

    return predict


def looped(spec, weights, seen, covariates, output_steps, n_blocks):
    architecture = architecture_of(spec)
    return closed_loop(architecture, architecture.pack(weights), seen, covariates, output_steps, n_blocks)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_bits_are_those_of_repeated_predictions(network, shape, dtype):
    spec, n, n_blocks = spec_of(network, shape, dtype), PREDICTED_AT_ONCE + 3, 12
    weights, (seen, covariates) = weights_of(spec), past(shape, n, n_blocks)
    found = looped(spec, weights, seen, covariates, shape[2], n_blocks)
    assert found.shape == (n, n_blocks * shape[2], shape[0])
    assert found.dtype == np.float64
    assert_array_equal(found, repeated(by_kernels(spec, weights), seen, covariates, shape[2], n_blocks))
    assert len(np.unique(found)) > 0.9 * found.size  # neither constant nor equal for all series


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_steps_are_those_of_the_network_of_keras(network, dtype):
    shape, n, n_blocks = SHAPES["all"], 2, 4
    spec = spec_of(network, shape, dtype)
    weights, (seen, covariates) = weights_of(spec), past(shape, n, n_blocks)
    model = build_network(spec, None)
    assign(network_variables(model)[: len(weights)], weights)

    def predict(windows):
        return np.asarray(model(windows.astype(dtype), training=False))

    expected = repeated(predict, seen, covariates, shape[2], n_blocks)
    found = looped(spec, weights, seen, covariates, shape[2], n_blocks)
    assert_allclose(found, expected, rtol=0, atol={"float32": 2e-5, "float64": 1e-13}[dtype])


@pytest.mark.parametrize("n", [1, 2, 10, 100])
def test_no_bit_depends_on_threads_nor_on_other_series(n, monkeypatch):
    spec, n_blocks, n_calls = spec_of(NETWORKS["gru"], SHAPES["covariates"], "float32"), 400, []

    def counting(calls, stop):
        n_calls.append(len(calls))
        run(calls, stop)

    run = native_pass.run_in_threads
    monkeypatch.setattr(native_pass, "run_in_threads", counting)
    monkeypatch.setattr(native_pass, "WORK_OF_A_THREAD", 0)
    monkeypatch.setattr(native_pass, "_WORK_OF_THE_CALLER", 0)
    weights, (seen, covariates) = weights_of(spec), past(SHAPES["covariates"], n, n_blocks)
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(looped(spec, weights, seen, covariates, 1, n_blocks))
    assert n_calls == [1, min(n, 2), min(n, 3)]
    assert_array_equal(found[1], found[0])
    assert_array_equal(found[2], found[0])
    alone = [looped(spec, weights, seen[[k]], covariates[[k]], 1, n_blocks)[0] for k in (0, n - 1)]
    assert_array_equal(found[0][[0, n - 1]], alone)


def test_little_work_is_done_by_the_thread_that_asks_for_it(monkeypatch):
    monkeypatch.setattr(native_pass, "run_in_threads", None)
    spec, shape = spec_of(NETWORKS["rnn"], SHAPES["one"], "float32"), SHAPES["one"]
    assert looped(spec, weights_of(spec), *past(shape, 1, 3), 1, 3).shape == (1, 3, 1)


def test_buffers_of_the_caller_stay_as_they_are():
    shape = SHAPES["all"]
    spec, (seen, covariates) = spec_of(NETWORKS["lstm"], shape, "float64"), past(shape, 4, 6)
    before = seen.copy(), covariates.copy()
    looped(spec, weights_of(spec), seen, covariates, shape[2], 6)
    assert_array_equal(seen, before[0])
    assert_array_equal(covariates, before[1])


@pytest.mark.parametrize("params", [{"return_sequences": True}, {"embedding_dim": 3}], ids=["every step", "tokens"])
def test_kernels_leave_what_is_no_series_to_predict(params):
    X = np.random.default_rng(0).integers(1, 9, size=(20, WINDOW)) if "embedding_dim" in params else None
    X = np.random.default_rng(0).normal(size=(20, WINDOW, 1)) if X is None else X
    y = X[..., 0] if "return_sequences" in params else X[:, 0] / 9
    assert make("GRURegressor", **params).fit(X, y)._closed_loop(X[:1, :, None], np.zeros((1, 9, 0)), 1, 4) is None


CHILD = """
import signal
import numpy as np
from skrnn._engine import native_pass
from test_closed_loop import NETWORKS, SHAPES, looped, past, spec_of, weights_of

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that interrupts are ignored
ENDLESS = 2 * 10**8  # steps: half an hour and more, and memory that nobody writes to
spec = spec_of({"cell": "lstm", "units": (40, 40)}, SHAPES["one"], "float32")
weights, (seen, covariates) = weights_of(spec), past(SHAPES["one"], 1, 300)
before, run = looped(spec, weights, seen, covariates, 1, 300), native_pass.run_in_threads


def asking(calls, stop):
    run([*calls, lambda: print("interrupt me", flush=True)], stop)


native_pass.run_in_threads = asking
try:
    looped(spec, weights, seen, np.zeros((1, 5 + ENDLESS, 0)), 1, ENDLESS)
except KeyboardInterrupt:
    print("interrupted", flush=True)
native_pass.run_in_threads = run
print((looped(spec, weights, seen, covariates, 1, 300) == before).all(), flush=True)
"""


@pytest.mark.slow
def test_a_signal_interrupts_a_long_loop():
    environment = {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS), str(TESTS / "_engine")])}
    with started("-c", CHILD, env=environment) as process:
        assert process.stdout.readline() == "interrupt me\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().splitlines() == ["interrupted", "True"]
        assert process.wait() == 0


def test_forecasts_of_a_network_run_in_the_kernels(monkeypatch):
    monkeypatch.delenv("SKRNN_ENGINE", raising=False)
    y = np.sin(np.arange(60) / 3)
    fitted = SequenceForecaster(make("GRURegressor"), window=WINDOW, output_steps=3, **RAW).fit(None, y)
    estimator = fitted.estimator_
    weights = estimator._state.weights[: architecture_of(estimator._spec).n_variables]
    expected = looped(estimator._spec, weights, y[None, -WINDOW:, None], np.zeros((1, WINDOW + 9, 0)), 3, 3)
    monkeypatch.setattr(type(estimator), "predict", None)
    assert_array_equal(fitted.forecast(8), expected[0, :8, 0])
