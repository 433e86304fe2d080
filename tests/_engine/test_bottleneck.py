"""Autoencoders by native kernels, against plain NumPy, the network of Keras and its training loop."""

import logging

import numpy as np
import pytest
from conftest import needs_kernels
from numpy.testing import assert_allclose, assert_array_equal
from problems import TOLERANCE, Problem, assert_close, assert_gradients_close, assert_slopes, padding_of, spec_of
from reference import outputs_of_sequence

from skrnn import SequenceAutoencoder
from skrnn._data.input_targets import InputTargets
from skrnn._data.sequences import Sequences
from skrnn._data.targets import Targets
from skrnn._engine.architecture import Architecture
from skrnn._engine.bottleneck import decoded, decoder_of, encoded, encoder_of
from skrnn._engine.dataset import Dataset
from skrnn._engine.losses import native_loss
from skrnn._engine.native_training import NativeTraining
from skrnn._engine.network import build_network, fresh_values, signature, variables_of
from skrnn._engine.optimizers import native_optimizer
from skrnn._engine.trained_state import TrainedState

CELLS = ["gru", "lstm", "rnn"]
NETWORKS = {
    "one layer": {},
    "many components": {"n_components": 19},
    "deep": {"units": (7, 9)},
    "bidirectional": {"units": (5, 12), "bidirectional": True},
    "one component": {"units": (17,), "n_components": 1, "bidirectional": True},
}
networks = pytest.mark.parametrize("network", NETWORKS)


def autoencoder_spec(**params):
    return spec_of(**{"return_sequences": True, "n_components": 3, "n_outputs": 3, **params})


def split(spec, weights):
    """The weights of the encoder, and those of the decoder."""
    n = sum(dtype != "int64" for _, _, dtype in variables_of(encoder_of(spec)))
    return weights[:n], weights[n:]


def plain_outputs(spec, weights, sequence):
    """The reconstruction of a sequence by plain numpy, and its codes."""
    of_encoder, of_decoder = split(spec, weights)
    codes = outputs_of_sequence(encoder_of(spec), of_encoder, sequence[::-1])
    return outputs_of_sequence(decoder_of(spec), of_decoder, np.repeat(codes[None], len(sequence), axis=0)), codes


@needs_kernels
@networks
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_codes_equal_plain_numpy(cell, network):
    problem = Problem(autoencoder_spec(cell=cell, **NETWORKS[network]), 9, 13)
    outputs = problem.outputs()
    variables = variables_of(problem.spec)
    state = TrainedState([*problem.weights, *fresh_values(variables[len(problem.weights) :], 0)], [], "")
    codes = encoded(problem.spec, state, problem.sequences, "layer")
    for i in range(9):
        expected, of_sequence = plain_outputs(problem.spec, problem.weights, problem.sequence(i))
        assert_close(outputs[i, : len(expected)], expected, "float64")
        assert_close(codes[i], np.ravel(of_sequence), "float64")
        again = decoded(problem.spec, state, codes[i : i + 1], len(expected), "layer")
        assert_array_equal(again[0], outputs[i, : len(expected)])


@networks
@pytest.mark.parametrize("ragged", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["ragged", "equal lengths"])
@pytest.mark.parametrize(
    ("cell", "dtype"), [("gru", "float32"), pytest.param("lstm", "float64", marks=pytest.mark.slow)]
)
def test_outputs_and_gradients_equal_keras(cell, dtype, ragged, network):
    problem = Problem(autoencoder_spec(cell=cell, dtype=dtype, **NETWORKS[network]), 12, 7, ragged)
    outputs, loss, gradients = problem.by_keras()
    valid = problem.sequences.valid()
    assert_close(problem.outputs()[valid], outputs[valid], dtype)
    our_loss, our_gradients = problem.loss_and_gradients()
    assert our_loss == pytest.approx(loss, rel=TOLERANCE[dtype])
    assert_gradients_close(our_gradients, gradients, dtype)


def test_gradients_are_slopes():
    problem = Problem(autoencoder_spec(units=(3, 2), n_components=2), 4, 5)

    def loss_of(weights):
        total = 0.0
        for i, start in enumerate(problem.dataset.targets.starts):
            outputs, _ = plain_outputs(problem.spec, weights, problem.sequence(i))
            rows = slice(start, start + len(outputs))
            errors = ((outputs - problem.dataset.targets.values[rows]) ** 2).mean(axis=1)
            total += (errors * problem.dataset.targets.weights[rows]).sum()
        return total / (len(problem.dataset) * problem.dataset.mean_weight)

    _, gradients = problem.loss_and_gradients()
    assert_slopes(problem, gradients, loss_of)


def test_variables_are_those_of_the_network_of_keras():
    spec = autoencoder_spec(units=(5, 4), bidirectional=True, dropout=0.1)
    ours = [(path, shape) for path, shape, dtype in variables_of(spec) if dtype != "int64"]
    keras_variables = signature(build_network(spec, None))
    assert ours == [(path, shape) for path, shape, dtype in keras_variables if dtype != "int64"]
    assert len(variables_of(spec)) == len(keras_variables)


def test_padding_of_weights_remains_zero():
    problem = Problem(autoencoder_spec(units=(5, 4), n_components=3), 9, 6)
    training = problem.training("adam", learning_rate=0.1)
    for epoch in range(3):
        training.train(epoch)
    assert_array_equal(training._weights[padding_of(training.architecture)], 0)


# ---------------------------------------------------------------------- inputs as targets


def windows(dtype="float64"):
    """Overlapping windows of some lengths, of rows two apart; a row that none refers to is infinite."""
    rows = np.random.default_rng(0).normal(size=(41, 3)).astype(dtype)
    rows[40] = np.inf
    starts, lengths = np.arange(20), np.array([7, 3, 10, 1] * 5)
    return Sequences(rows, starts, lengths, 10 - lengths, 2, 10)


def copied(sequences, weights):
    """The same targets, copied to rows of their own."""
    values = sequences.gather(np.arange(len(sequences))).reshape(-1, sequences.n_features)
    of_rows = np.repeat(weights, sequences.n_timesteps)
    return Targets(values, of_rows, np.arange(len(sequences)) * sequences.n_timesteps, True)


def train(spec, dataset):
    optimizer = native_optimizer("adam", {"learning_rate": 0.01}, "SequenceAutoencoder")
    training = NativeTraining(
        Architecture(spec), optimizer, native_loss("mse", {}, None), dataset, mean_weight=dataset.mean_weight,
        batch_size=8, seed=3, shuffle=True, keeps_outputs=False,
    )  # fmt: skip
    shapes = [shape for _, shape, dtype in variables_of(spec) if dtype != "int64"]
    training.load([*fresh_values(variables_of(spec), 0), *optimizer.variables(shapes, spec.dtype)])
    losses = [training.train(epoch) for epoch in range(4)]
    return training, losses, training.evaluation(dataset, keeps_outputs=False).loss()


def test_inputs_as_targets_equal_copies_of_them():
    sequences, weights = windows(), np.random.default_rng(1).uniform(0.5, 2, 20)
    lazy = Dataset(sequences, InputTargets(sequences, weights))
    explicit = Dataset(sequences, copied(sequences, weights))
    assert lazy.mean_weight == pytest.approx(explicit.mean_weight)
    assert lazy.mean_terms == explicit.mean_terms
    assert not lazy.has_missing_targets
    spec = autoencoder_spec()
    (ours, losses, loss), (theirs, expected, expected_loss) = train(spec, lazy), train(spec, explicit)
    assert losses == pytest.approx(expected, rel=1e-14)
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    assert losses[-1] < losses[0]
    assert_allclose(ours._weights, theirs._weights, rtol=1e-12, atol=1e-14)
    chosen = np.array([5, 2, 11])
    for actual, wanted in zip(
        lazy.take(chosen).targets.gather(np.arange(3), sequences.valid(chosen)),
        explicit.take(chosen).targets.gather(np.arange(3), sequences.valid(chosen)),
        strict=True,
    ):
        assert_array_equal(actual, wanted)


def test_terms_and_distinct_terms_of_inputs():
    sequences, weights = windows(), np.random.default_rng(1).uniform(0.5, 2, 20)
    lazy, explicit = (Dataset(sequences, targets(sequences, weights)) for targets in (InputTargets, copied))
    for actual, expected in zip(lazy.terms, explicit.terms, strict=True):
        assert_array_equal(actual, expected)
    values, of_rows = lazy.distinct_terms
    assert np.isfinite(values).all()
    assert len(values) < len(lazy.terms[0])
    y, w = explicit.terms
    assert of_rows.sum() == pytest.approx(w.sum())
    assert_allclose((values * of_rows[:, None]).sum(axis=0), (y * w[:, None]).sum(axis=0))


# ---------------------------------------------------------------------- training by Keras


@needs_kernels
@pytest.mark.parametrize(
    "params",
    [
        {},
        pytest.param({"cell": "lstm", "units": (5, 4), "bidirectional": True}, marks=pytest.mark.slow),
        pytest.param({"cell": "rnn", "optimizer": "sgd"}, marks=pytest.mark.slow),
    ],
    ids=["gru", "lstm, deep", "rnn"],
)
def test_training_equals_that_of_keras(params, monkeypatch, X_masked):
    def fit():
        options = {"units": 6, "n_components": 2, "epochs": 4, "random_state": 0, "batch_size": 16, "dtype": "float64"}
        return SequenceAutoencoder(**options | params).fit(X_masked, X_val=X_masked[:9])

    ours = fit()
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    theirs = fit()
    for name in ("loss", "val_loss"):
        assert_allclose(ours.history_[name], theirs.history_[name], rtol=1e-5)
    assert_allclose(ours.transform(X_masked), theirs.transform(X_masked), atol=1e-5)
    assert_allclose(ours.reconstruct(X_masked), theirs.reconstruct(X_masked), atol=1e-5)
    assert_allclose(ours.score_samples(X_masked), theirs.score_samples(X_masked), atol=1e-5)


def test_custom_cells_are_trained_by_keras(X_masked):
    import keras

    kwargs = {"units": 4, "n_components": 2, "epochs": 2, "random_state": 0}
    custom = SequenceAutoencoder(lambda units, **options: keras.layers.GRU(units, **options), **kwargs).fit(X_masked)
    assert custom.history_["loss"][1] < custom.history_["loss"][0]
    decoded = custom.inverse_transform(custom.transform(X_masked), X_masked.shape[1])
    assert_allclose(decoded[10:], custom.reconstruct(X_masked)[10:], atol=1e-5)


@needs_kernels
def test_torch_trains_autoencoders(monkeypatch, caplog, X):
    pytest.importorskip("torch", reason="Is about torch, which is optional and not installed.")
    expected = SequenceAutoencoder(units=4, epochs=1, random_state=0).fit(X).reconstruct(X)
    monkeypatch.setenv("SKRNN_ENGINE", "torch")
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        autoencoder = SequenceAutoencoder(units=4, epochs=1, random_state=0).fit(X)
    assert "trains by torch on the CPU" in caplog.text
    assert_allclose(autoencoder.reconstruct(X), expected, atol=1e-6)
