"""Patches of time steps and pooling by native kernels, against plain NumPy and the network of Keras."""

from dataclasses import replace

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
from skrnn._engine.keras_steps import MASK_VALUE
from skrnn._engine.native_pass import outputs_of
from skrnn._engine.network import build_network, signature, variables_of
from skrnn._engine.unknown_codes import key_of_epoch, replace_codes

CELLS = ["gru", "lstm", "rnn"]
DTYPES = ["float32", "float64"]
DEEP = {"units": (7, 9), "bidirectional": True, "dense_units": (5,)}
NETWORKS = {
    "patches": {"patch_size": 3},
    "one patch": {"patch_size": 20},
    "mean": {"pooling": "mean"},
    "max": {"pooling": "max"},
    "mean of patches, deep": {"patch_size": 2, "pooling": "mean", **DEEP},
    "max of patches, deep": {"patch_size": 4, "pooling": "max", **DEEP},
    "tokens": {"embedding": (11, 5), "n_features": 1, "patch_size": 3, "bidirectional": True},
    "max of tokens": {"embedding": (11, 8), "n_features": 1, "pooling": "max"},
    "categories": {"categories": ((0, 4, 2), (3, 12, 6)), "n_features": 5, "patch_size": 3, "pooling": "mean"},
}
EMBEDDINGS = {"embedding", "categories"}
networks = pytest.mark.parametrize("network", NETWORKS)


@pytest.fixture
def replaced_fraction(monkeypatch):
    """Set the fraction of the codes that training replaces."""

    def use(fraction):
        for module in (native_training, unknown_codes):
            monkeypatch.setattr(module, "REPLACED_FRACTION", fraction)

    return use


# ---------------------------------------------------------------------- values and gradients


@networks
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_equal_plain_numpy(cell, network):
    problem = Problem(spec_of(cell=cell, **NETWORKS[network]), 9, 13)
    outputs = problem.outputs()
    for i in range(9):
        assert_close(outputs[i], outputs_of_sequence(problem.spec, problem.weights, problem.sequence(i)), "float64")


@networks
@pytest.mark.parametrize("ragged", [True, False], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize(
    ("cell", "dtype"), [("gru", "float32"), pytest.param("lstm", "float64", marks=pytest.mark.slow)]
)
def test_outputs_and_gradients_equal_keras(cell, dtype, ragged, network, replaced_fraction):
    replaced_fraction(0.0)
    problem = Problem(spec_of(cell=cell, dtype=dtype, **NETWORKS[network]), 12, 7, ragged)
    outputs, loss, gradients = problem.by_keras()
    assert_close(problem.outputs(), outputs, dtype)
    our_loss, our_gradients = problem.loss_and_gradients()
    assert our_loss == pytest.approx(loss, rel=TOLERANCE[dtype])
    assert_gradients_close(our_gradients, gradients, dtype)


@pytest.mark.parametrize(
    "params",
    [
        {"patch_size": 2, "pooling": "mean", "bidirectional": True, "units": (2, 1)},
        {"patch_size": 2, "pooling": "max", "bidirectional": True, "units": (2, 1)},
        {"patch_size": 3, "embedding": (5, 2), "n_features": 1},
        {"patch_size": 3, "pooling": "max", "categories": ((1, 3, 2),)},
    ],
    ids=str,
)
def test_gradients_are_the_slopes_of_the_loss(params, replaced_fraction):
    replaced_fraction(0.0)
    problem = Problem(spec_of(n_outputs=1, **{"n_features": 2, "units": (2,), **params}), 3, 5)
    loss, gradients = problem.loss_and_gradients()
    assert loss == pytest.approx(problem.plain_loss(problem.weights), rel=1e-12)
    assert_slopes(problem, gradients, problem.plain_loss)


def test_the_gradient_of_equal_maxima_goes_to_the_first():
    """A cell without bias and recurrent weights has equal states at time steps of equal inputs."""
    problem = Problem(spec_of(cell="rnn", units=(1,), n_features=1, n_outputs=1, pooling="max"), 2, 3, ragged=False)
    kernel, recurrent, bias, output, output_bias = (np.zeros_like(weight) for weight in problem.weights)
    kernel[:], output[:] = 1.0, 1.0
    problem.weights = [kernel, recurrent, bias, output, output_bias]
    values = problem.sequences.values.copy()
    values[problem.sequences.starts[:, None] + np.arange(3)] = np.array([0.5, 2.0, 2.0])[:, None]
    problem.with_values(values)
    recurrent_gradient, bias_gradient = problem.loss_and_gradients()[1][1:3]
    # The state before the first maximum is tanh(0.5), that before the second one tanh(2).
    assert recurrent_gradient[0, 0] / bias_gradient[0] == pytest.approx(np.tanh(0.5), rel=1e-9)


def test_dropout_acts_on_the_pooled_vector():
    spec = spec_of(units=(40,), n_outputs=1, pooling="mean", dropout=0.5, n_features=1)
    problem = Problem(spec, 30, 6)
    training = problem.training(learning_rate=0.0, keeps_outputs=True)
    training.train(0)
    kernel, bias = problem.weights[3:5]
    plain = Architecture(replace(spec, dropout=0.0))
    # The states of a network whose output layer is the identity.
    pooled = outputs_of(
        Architecture(replace(plain.spec, n_outputs=40)),
        Architecture(replace(plain.spec, n_outputs=40)).pack([*problem.weights[:3], np.eye(40), np.zeros(40)]),
        problem.sequences,
    )
    # Each output is a sum over units of which each is dropped for all time steps, or doubled.
    terms = 2 * pooled * kernel[:, 0]
    kept = np.array([_kept(0, sample, 40) for sample in range(30)])
    assert 0.4 < kept.mean() < 0.6
    np.testing.assert_allclose(training.outputs[:, 0], (terms * kept).sum(axis=1) + bias, rtol=1e-9)


def _kept(seed, position, n_units):
    """Units that are not dropped, by the random numbers of `native.dropout` for the first layer and step."""
    golden, first, second = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

    def mixed(z):
        z &= 2**64 - 1
        z = ((z ^ (z >> 30)) * first) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * second) & (2**64 - 1)
        return z ^ (z >> 31)

    key = key_of_epoch(seed, 0)
    for number in (position, 0, 0):
        key = mixed(key + golden * (number + 1))
    return [mixed(key + golden * (unit + 1)) >> 40 >= 0.5 * 2**24 for unit in range(n_units)]


# ---------------------------------------------------------------------- what no bit may depend on


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("network", [name for name, params in NETWORKS.items() if not params.keys() & EMBEDDINGS])
def test_patches_equal_features_of_patched_rows(network, dtype):
    """A network of patches is the network of as many features that is given the patches."""
    params = NETWORKS[network]
    size = params.get("patch_size", 1)
    problem = Problem(spec_of(dtype=dtype, **params), 9, 13)
    plain = replace(problem.spec, patch_size=1, n_features=3 * size)
    lengths = -(-problem.sequences.lengths // size)
    rows = np.zeros((9, 13 + size, 3 * size))
    for i, length in enumerate(lengths):
        steps = problem.sequence(i)
        flat = np.concatenate([np.zeros((length * size - len(steps), 3)), steps])
        rows[i, :length] = flat.reshape(length, -1)
    sequences = replace(
        problem.sequences,
        values=rows.reshape(-1, 3 * size),
        starts=np.arange(9) * (13 + size),
        lengths=lengths,
        n_timesteps=int(lengths.max()),
        n_leading_padding=np.zeros(9, int),
    )
    architecture = Architecture(plain)
    assert_array_equal(problem.outputs(), outputs_of(architecture, architecture.pack(problem.weights), sequences))
    by_hand = Problem(plain, 9, int(lengths.max()))
    by_hand.weights, by_hand.dataset = problem.weights, replace(problem.dataset, sequences=sequences)
    for ours, expected in zip(problem.loss_and_gradients()[1], by_hand.loss_and_gradients()[1], strict=True):
        assert_array_equal(ours, expected)


@networks
def test_results_do_not_depend_on_threads(network, monkeypatch):
    monkeypatch.setattr(native_pass, "WORK_OF_A_THREAD", 0)
    monkeypatch.setattr(shard_order, "_WORK_OF_A_SHARD", 1)
    results = []
    for n in (1, 3):
        monkeypatch.setattr(native_pass, "n_threads", lambda n=n: n)
        problem = Problem(spec_of(dropout=0.2, **NETWORKS[network]), 70, 9)
        training = problem.training("adam", batch_size=33, shuffle=True)
        training.train(0)
        results.append([*training.values(), problem.outputs()])
    for one, three in zip(*results, strict=True):
        assert_array_equal(one, three)


@networks
def test_no_output_depends_on_other_rows(network):
    problem = Problem(spec_of(**NETWORKS[network]), 20, 9)
    outputs = problem.outputs()
    for chosen in ([3], [7, 2, 11], np.arange(20)[::-1]):
        assert_array_equal(problem.outputs(np.array(chosen)), outputs[chosen])


def test_padding_of_packed_weights_remains_zero():
    problem = Problem(spec_of(patch_size=3, pooling="max", **DEEP), 20, 9)
    training = problem.training("adam", batch_size=7)
    training.train(0)
    padding = padding_of(training.architecture)
    assert padding.any()
    assert_array_equal(training._weights[padding], 0.0)


# ---------------------------------------------------------------------- agreement with the network of Keras


@networks
def test_variables_are_those_of_the_network(network):
    spec = spec_of(dropout=0.1, **NETWORKS[network])
    expected = [(path, shape, dtype) for path, shape, dtype in signature(build_network(spec, 0)) if dtype != "int64"]
    assert [variable for variable in variables_of(spec) if variable[2] != "int64"] == expected


def test_replaced_codes_do_not_depend_on_where_the_first_valid_step_is():
    codes = np.random.default_rng(0).integers(0, 9, size=(300, 8, 2)).astype(float)
    shifted = np.concatenate([np.full((300, 3, 2), MASK_VALUE), codes], axis=1)
    for inputs in (codes, shifted):
        replace_codes(inputs, [0, 1], 5, np.arange(300))
    assert (codes == -1).any()
    assert_array_equal(shifted[:, 3:], codes)
    assert (shifted[:, :3] == MASK_VALUE).all()
