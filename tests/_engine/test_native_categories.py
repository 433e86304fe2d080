"""Embeddings of categorical features by native kernels, against plain NumPy and the network of Keras."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import (
    TOLERANCE,
    Problem,
    assert_close,
    assert_gradients_close,
    assert_slopes,
    padding_of,
    spec_of,
)
from reference import outputs_of_sequence

from skrnn._engine import native_pass, native_training, shard_order, unknown_codes
from skrnn._engine.architecture import Architecture
from skrnn._engine.network import build_network, signature, variables_of
from skrnn._engine.unknown_codes import key_of_epoch, replace_codes

CELLS = ["gru", "lstm", "rnn"]
DTYPES = ["float32", "float64"]
TABLES = {
    "one": {"categories": ((1, 5, 2),)},
    "several": {"categories": ((0, 4, 2), (3, 12, 6)), "n_features": 5, "bidirectional": True, "units": (5, 3)},
    "all": {"categories": ((0, 4, 2), (1, 30, 15)), "n_features": 2, "return_sequences": True},
}
tables = pytest.mark.parametrize("table", TABLES)


@pytest.fixture
def replace(monkeypatch):
    """Set the fraction of the codes that training replaces."""

    def use(fraction):
        for module in (native_training, unknown_codes):
            monkeypatch.setattr(module, "REPLACED_FRACTION", fraction)

    return use


def replaced(problem, key):
    """The problem with the codes that training replaces in an epoch."""
    values = problem.sequences.values.copy()
    columns = [column for column, _, _ in problem.spec.categories]
    for sample, (start, length) in enumerate(zip(problem.sequences.starts, problem.sequences.lengths, strict=True)):
        replace_codes(values[None, start : start + length], columns, key, np.array([sample]))
    again = Problem(*problem.description)
    again.with_values(values)
    return again


@tables
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_equal_plain_numpy(cell, table):
    problem = Problem(spec_of(cell=cell, **TABLES[table]), 9, 12)
    outputs = problem.outputs()
    for i, length in enumerate(problem.sequences.lengths):
        expected = outputs_of_sequence(problem.spec, problem.weights, problem.sequence(i))
        assert_close(outputs[i, :length] if problem.spec.return_sequences else outputs[i], expected, "float64")


@tables
@pytest.mark.parametrize(("cell", "dtype"), [("gru", "float32"), ("lstm", "float64"), ("rnn", "float32")])
def test_outputs_and_gradients_equal_keras(cell, dtype, table, replace):
    replace(0.0)
    problem = Problem(spec_of(cell=cell, dtype=dtype, **TABLES[table]), 12, 7)
    outputs, loss, gradients = problem.by_keras()
    valid = problem.sequences.valid() if problem.spec.return_sequences else slice(None)
    assert_close(problem.outputs()[valid], outputs[valid], dtype)
    our_loss, our_gradients = problem.loss_and_gradients()
    assert our_loss == pytest.approx(loss, rel=TOLERANCE[dtype])
    assert_gradients_close(our_gradients, gradients, dtype)


@tables
def test_gradients_with_replaced_codes_are_the_slopes_of_the_loss(table, replace):
    replace(0.3)
    problem = Problem(spec_of(n_outputs=1, **{**TABLES[table], "units": (2,)}), 5, 4)
    loss, gradients = problem.loss_and_gradients()
    with_replaced = replaced(problem, key_of_epoch(0, 0))
    assert loss == pytest.approx(with_replaced.plain_loss(problem.weights), rel=1e-12)
    assert loss != pytest.approx(problem.plain_loss(problem.weights), rel=1e-6)
    assert_slopes(problem, gradients, with_replaced.plain_loss)


def test_rows_of_codes_that_do_not_occur_get_no_gradient(replace):
    replace(0.0)
    problem = Problem(spec_of(categories=((1, 50, 9),)), 12, 7)
    codes = np.concatenate([problem.sequence(i)[:, 1] for i in range(12)])
    rows = np.unique(np.where(codes < 49, codes + 1, 0)).astype(int)
    table = problem.loss_and_gradients()[1][0]
    assert len(rows) < 50
    assert (table[rows] != 0).all()
    assert_array_equal(np.delete(table, rows, axis=0), 0.0)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int8", "int64", ">f8", "fortran", "every-other"])
def test_codes_of_any_kind_of_numbers(kind):
    problem = Problem(spec_of(categories=((1, 5, 2),)), 12, 7)
    values = np.round(np.nan_to_num(problem.sequences.values))
    problem.with_values(values)
    expected = problem.outputs()
    if kind == "fortran":
        values = np.asfortranarray(values)
    elif kind == "every-other":
        values = np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)[::2, ::-3][:, ::-1]
    else:
        values = values.astype(kind)
    problem.with_values(values)
    assert_array_equal(problem.outputs(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_replaced_codes_depend_on_the_sample_not_on_order_batches_and_threads(dtype, monkeypatch, replace):
    replace(0.3)
    monkeypatch.setattr(native_pass, "WORK_OF_A_THREAD", 0)
    monkeypatch.setattr(shard_order, "_WORK_OF_A_SHARD", 1)
    problem = Problem(spec_of(dtype=dtype, **TABLES["several"]), 70, 6)
    cases = ((1, 70, True), (5, 70, False), (2, 40, True), (1, 3, True), (3, 200, False))
    outputs = []
    for n_threads, batch_size, shuffle in cases:
        monkeypatch.setattr(native_pass, "n_threads", lambda n=n_threads: n)
        training = problem.training(batch_size=batch_size, shuffle=shuffle, keeps_outputs=True, learning_rate=1e-30)
        training.train(0)
        outputs.append(training.outputs.copy())
        training.train(1)
        assert (training.outputs != outputs[0]).any()
    for others in outputs[1:]:
        assert_array_equal(others, outputs[0])
    with_replaced = replaced(problem, key_of_epoch(0, 0))
    for sample in range(70):
        expected = outputs_of_sequence(problem.spec, problem.weights, with_replaced.sequence(sample))
        assert_close(outputs[0][sample], expected, dtype)


def test_one_percent_of_the_codes_is_replaced_in_each_epoch():
    inputs = np.full((500, 40, 3), 7.0)
    inputs[:100, 30:] = -1e30  # masked
    epochs = []
    for epoch in (0, 1):
        given = inputs.copy()
        replace_codes(given, [0, 2], key_of_epoch(3, epoch), np.arange(500))
        assert_array_equal(given[..., 1], inputs[..., 1])
        assert_array_equal(given[:100, 30:], inputs[:100, 30:])
        changed = given != inputs
        assert (given[changed] == -1).all()
        for column in (0, 2):
            assert changed[..., column].sum() / 19_000 == pytest.approx(0.01, abs=0.003)
        epochs.append(changed)
    assert (epochs[0] & epochs[1]).sum() < 0.05 * epochs[0].sum()
    assert (epochs[0][..., 0] & epochs[0][..., 2]).sum() < 0.05 * epochs[0].sum()


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_that_pad_vectors_stay_zero(dtype):
    training = Problem(spec_of(dtype=dtype, **TABLES["several"]), 20, 5).training("Adam", batch_size=7)
    padding = padding_of(training.architecture)
    for epoch in range(3):
        training.train(epoch)
    assert_array_equal(training._weights[padding], 0.0)
    for slot in training._slots:
        assert_array_equal(slot[padding], 0.0)


@tables
def test_packed_weights_are_unpacked_unchanged(table):
    problem = Problem(spec_of(**TABLES[table]))
    architecture = Architecture(problem.spec)
    unpacked = architecture.unpack(architecture.pack(problem.weights))
    for ours, given in zip(unpacked, problem.weights, strict=True):
        assert_array_equal(ours, given, strict=True)


@tables
def test_variables_are_those_of_the_stock_network(table):
    spec = spec_of(**TABLES[table], dropout=0.1)
    built = signature(build_network(spec, 0))
    ours = variables_of(spec)
    n_weights = len([1 for *_, dtype in ours if dtype != "int64"])
    assert ours[:n_weights] == built[:n_weights]
    assert [shape for _, shape, _ in ours] == [shape for _, shape, _ in built]
