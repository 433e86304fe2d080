"""Native kernels compute what Keras's layers compute, and no bit of it depends on what must not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from problems import (
    TOLERANCE,
    Problem,
    assert_close,
    assert_gradients_close,
    assert_slopes,
    padding_of,
    problems,
    spec_of,
)
from reference import outputs_of_sequence

from skrnn._engine import native_pass, shard_order
from skrnn._engine.architecture import Architecture
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.optimizer_arguments import OPTIMIZERS

CELLS = ["gru", "lstm", "rnn"]
DTYPES = ["float32", "float64"]
DEEP = {"units": (7, 9), "bidirectional": True, "dense_units": (5,)}


def assert_as_keras(problem):
    dtype = problem.spec.dtype
    outputs, loss, gradients = problem.by_keras()
    ours = problem.outputs()
    present = problem.sequences.valid() if problem.spec.return_sequences else slice(None)
    assert ours.dtype == dtype
    assert_close(ours[present], outputs[present], dtype)
    our_loss, our_gradients = problem.loss_and_gradients()
    assert our_loss == pytest.approx(loss, rel=TOLERANCE[dtype])
    assert_gradients_close(our_gradients, gradients, dtype)


@pytest.mark.parametrize(("cell", "dtype"), [("gru", "float32"), ("lstm", "float64"), ("rnn", "float32")])
def test_values_and_gradients_equal_those_of_keras(cell, dtype):
    assert_as_keras(Problem(spec_of(cell=cell, dtype=dtype, return_sequences=True, **DEEP), 9, 4))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(problem=problems())
def test_values_and_gradients_equal_those_of_keras_for_any_shape(problem):
    assert_as_keras(problem)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_token_ids_equal_keras(cell, dtype):
    spec = spec_of(cell=cell, dtype=dtype, embedding=(11, 5), n_features=1, bidirectional=True, units=(6, 4))
    problem = Problem(spec, 12, 7)
    assert_as_keras(problem)
    used = np.unique(np.concatenate([problem.sequence(i) for i in range(12)]))
    assert len(used) < sum(problem.sequences.lengths) / 3  # tokens recur in the batch
    (embedding, *_), untouched = problem.loss_and_gradients()[1], np.setdiff1d(np.arange(11), used)
    assert len(untouched)
    assert_array_equal(embedding[untouched], 0.0)
    assert (embedding[used] != 0).all()


@pytest.mark.parametrize("kind", ["int8", "uint16", "int32", "int64", ">i4"])
def test_token_ids_of_any_kind_of_integers(kind):
    problem = Problem(spec_of(embedding=(11, 5), n_features=1), 12, 7)
    expected = problem.outputs()
    problem.with_values(problem.sequences.values.clip(0).astype(kind))
    assert_array_equal(problem.outputs(), expected)


@pytest.mark.parametrize(
    "kind", ["float16", "float32", "float64", "int8", "int64", "bool", ">f8", "fortran", "every-other"]
)
def test_features_of_any_kind_of_numbers(kind):
    problem = Problem(spec_of(), 12, 7)
    values = np.round(np.nan_to_num(problem.sequences.values))
    if kind == "bool":
        values = values > 0
    problem.with_values(values.astype(float))
    expected = problem.outputs()
    if kind == "fortran":
        values = np.asfortranarray(values)
    elif kind == "every-other":
        values = np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)[::2, ::-3][:, ::-1]
    else:
        values = values.astype(kind)
    problem.with_values(values)
    assert_array_equal(problem.outputs(), expected)


@pytest.mark.parametrize("params", [{}, {"return_sequences": True, "bidirectional": True, "dropout": 0.5}], ids=str)
def test_tables_of_samples_may_be_of_either_width(params, monkeypatch):
    problem = Problem(spec_of(**params), 12, 7)
    outputs, (loss, gradients) = problem.outputs(), problem.loss_and_gradients(batch_size=5)
    monkeypatch.setattr(native_pass, "positions_dtype", lambda n_rows: np.int64)
    assert_array_equal(problem.outputs(), outputs)
    wide_loss, wide_gradients = problem.loss_and_gradients(batch_size=5)
    assert wide_loss == loss
    for wide, narrow in zip(wide_gradients, gradients, strict=True):
        assert_array_equal(wide, narrow)


@pytest.mark.parametrize("params", [{}, {"return_sequences": True, "bidirectional": True}, DEEP], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_values_equal_those_of_plain_numpy(cell, params):
    problem = Problem(spec_of(cell=cell, output_activation="softmax", **params), 9, 12)
    outputs = problem.outputs()
    for i, length in enumerate(problem.sequences.lengths):
        expected = outputs_of_sequence(problem.spec, problem.weights, problem.sequence(i))
        if problem.spec.return_sequences:
            assert_array_equal(outputs[i, length:], 0.0)
            assert_close(outputs[i, :length], expected, "float64")
        else:
            assert_close(outputs[i], expected, "float64")


@pytest.mark.parametrize(
    "params", [{"units": (3,)}, {"units": (2, 1), "bidirectional": True, "return_sequences": True}]
)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_the_slopes_of_the_loss(cell, params):
    problem = Problem(spec_of(cell=cell, n_features=2, n_outputs=1, **params), 3, 4)
    loss, gradients = problem.loss_and_gradients()
    assert loss == pytest.approx(problem.plain_loss(problem.weights), rel=1e-12)
    assert_slopes(problem, gradients, problem.plain_loss)


# What no bit may depend on.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "params",
    [{"return_sequences": True}, DEEP, {"embedding": (9, 3)}, {"categories": ((0, 5, 2), (2, 9, 4))}],
    ids=str,
)
@pytest.mark.parametrize("cell", CELLS)
def test_no_bit_of_an_output_depends_on_other_rows(cell, params, dtype):
    problem = Problem(spec_of(cell=cell, dtype=dtype, output_activation="softmax", **params), 40, 9)
    assert_rows_alone(problem, np.random.default_rng(1))


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(problem=problems())
def test_no_bit_of_an_output_depends_on_other_rows_for_any_shape(problem):
    assert_rows_alone(problem, np.random.default_rng(problem.seed))


def assert_rows_alone(problem, rng):
    """Assert that outputs are the same for any rows among others, in any order, padded or not, with spoilt others."""
    n = len(problem.dataset)
    expected = problem.outputs()
    order = rng.permutation(n)
    assert_array_equal(problem.outputs(order), expected[order])
    for size in {1, 2, 3, n // 2 or 1}:
        some = rng.choice(n, size=min(size, n), replace=False)
        assert_array_equal(problem.outputs(some), expected[some])
    assert_array_equal(problem.outputs(order[:1].repeat(20)), expected[order[:1].repeat(20)])
    lengths = problem.sequences.lengths
    of_one_length = np.flatnonzero(lengths == lengths[order[0]])
    alone = problem.outputs(of_one_length)
    assert_array_equal(alone, expected[of_one_length])
    if problem.spec.embedding is None:
        spoilt = np.flatnonzero(np.arange(n) % 2)
        problem.spoil(spoilt, [np.nan, np.inf, 1e30])
        kept = np.setdiff1d(np.arange(n), spoilt)
        assert_array_equal(problem.outputs()[kept], expected[kept])


@pytest.fixture
def in_threads(monkeypatch):
    """Work is cut as if there were much of it, and so many threads."""
    monkeypatch.setattr(native_pass, "WORK_OF_A_THREAD", 0)
    monkeypatch.setattr(shard_order, "_WORK_OF_A_SHARD", 1)

    def use(n):
        monkeypatch.setattr(native_pass, "n_threads", lambda: n)

    return use


TRAININGS = [
    {"return_sequences": True, "optimizer": "Adam", "clipnorm": 0.05},
    {**DEEP, "optimizer": "RMSprop", "clipvalue": 0.01},
    {"embedding": (9, 20), "n_features": 1, "optimizer": "Nadam", "global_clipnorm": 0.05, "units": (30,)},
    {**DEEP, "optimizer": "Adam", "dropout": 0.3, "recurrent_dropout": 0.2, "shuffle": True},
    {**DEEP, "categories": ((0, 41, 20), (2, 3, 1)), "optimizer": "Adam", "clipnorm": 0.05, "shuffle": True},
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("params", TRAININGS, ids=["norm", "value", "tokens", "dropout", "categories"])
@pytest.mark.parametrize("cell", CELLS)
def test_no_bit_of_a_training_depends_on_threads(cell, params, dtype, in_threads):
    names = {"optimizer", "clipnorm", "clipvalue", "global_clipnorm", "shuffle"}
    fit = {name: params[name] for name in names & set(params)}
    spec = spec_of(cell=cell, dtype=dtype, **{name: params[name] for name in set(params) - names})
    problem = Problem(spec, 150, 9)
    results = []
    for n in (1, 2, 5, 5, 5):
        in_threads(n)
        training = problem.training(batch_size=90, **fit)
        assert training._workers.n == n
        losses = [training.train(epoch) for epoch in range(3)]
        results.append([np.array(losses), *training.values()])
    start = [np.array(0.0), *problem.weights]
    assert all((after != before).any() for after, before in zip(results[0], start, strict=False))
    for others in results[1:]:
        for ours, theirs in zip(results[0], others, strict=True):
            assert_array_equal(ours, theirs)


@pytest.mark.parametrize("cell", CELLS)
def test_no_bit_of_an_output_depends_on_threads(cell, in_threads):
    problem = Problem(spec_of(cell=cell, return_sequences=True), 100, 9)
    expected = problem.outputs()
    for n in (2, 5):
        in_threads(n)
        assert_array_equal(problem.outputs(), expected)


def test_the_loss_of_an_evaluation_is_that_of_its_outputs(in_threads):
    problem = Problem(spec_of(return_sequences=True, dropout=0.5, recurrent_dropout=0.5), 70, 9)
    in_threads(3)
    evaluation = problem.training().evaluation(problem.dataset, keeps_outputs=True)
    expected = problem.plain_loss(problem.weights)
    for _ in range(2):
        assert evaluation.loss() == pytest.approx(expected, rel=1e-12)
    present = problem.sequences.valid().ravel()
    assert_array_equal(evaluation.outputs[present], problem.outputs().reshape(-1, 2)[present])
    assert_array_equal(evaluation.outputs[~present], 0.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_fills_vectors_up_stays_zero(optimizer, dtype):
    spec = spec_of(dtype=dtype, embedding=(9, 3), n_features=1, units=(5, 9), bidirectional=True, dense_units=(3,))
    training = Problem(spec, 20, 5).training(optimizer, batch_size=7, learning_rate=0.01)
    fills = padding_of(training.architecture)
    assert 0.3 < fills.mean() < 0.7
    for epoch in range(3):
        training.train(epoch)
    assert (training._weights[~fills] != 0).mean() > 0.9
    assert_array_equal(training._weights[fills], 0.0)
    for slot in training._slots:
        assert_array_equal(slot[fills], 0.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_weights_come_out_as_they_went_in(cell, dtype):
    problem = Problem(
        spec_of(cell=cell, dtype=dtype, units=(25, 9), bidirectional=True, embedding=(7, 30), n_features=1)
    )
    architecture = Architecture(problem.spec)
    packed = architecture.pack(problem.weights)
    assert (packed != 0).sum() == sum(weight.size for weight in problem.weights)
    for ours, given_ in zip(architecture.unpack(packed), problem.weights, strict=True):
        assert_array_equal(ours, given_, strict=True)


# The hyperbolic tangent of vectors.


def tanh(x):
    """The states of a simple recurrent network after its first step, whose weights are one: tanh(x)."""
    function = LIBRARIES[x.dtype.name].function("rnn_step")
    filled = np.concatenate([x, np.zeros(-len(x) % 8, x.dtype)])
    out = np.empty_like(filled)
    address = filled.ctypes.data
    function(address, address, address, out.ctypes.data, address, address, 1, len(filled), 0)
    return out[: len(x)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_over_the_whole_range(dtype):
    rng = np.random.default_rng(0)
    smallest = -37 if dtype == "float32" else -307
    x = np.concatenate(
        [
            np.linspace(-25, 25, 100_001),
            np.linspace(-1, 1, 100_001),
            rng.normal(size=50_000) * 10 ** rng.uniform(-6, 1, size=50_000),
            10.0 ** np.arange(smallest, 38),
            -(10.0 ** np.arange(smallest, 38)),
        ]
    ).astype(dtype)
    exact = np.tanh(x.astype(np.longdouble))
    error = np.abs(tanh(x) - exact)
    if dtype == "float32":
        assert (error <= np.maximum(4e-7 * np.abs(exact), np.finfo(dtype).tiny)).all()
    else:
        assert (error <= 3 * np.spacing(np.abs(exact).astype(dtype))).all()
    assert (np.abs(tanh(x)) <= 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_of_what_is_no_number_and_of_no_end(dtype):
    x = np.array([np.nan, np.inf, -np.inf, np.finfo(dtype).max, 0.0, 1e-20], dtype)
    assert_allclose(tanh(x), np.array([np.nan, 1, -1, 1, 0, 1e-20]), rtol={"float32": 4e-7, "float64": 0}[dtype])
