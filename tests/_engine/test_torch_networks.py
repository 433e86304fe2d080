"""Patches, pooling, categorical features and autoencoders with torch: the same as by the kernels, here on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RAW, make, weights_of
from engines import assert_same, fit_both, fit_with, one_thread_of_torch, sequences_of_many_lengths, trained_with
from numpy.testing import assert_allclose, assert_array_equal
from problems import Problem, assert_close, assert_gradients_close, spec_of

import skrnn
from skrnn._data.input_targets import InputTargets
from skrnn._engine import native_training
from skrnn._engine.architecture import Architecture
from skrnn._engine.losses import native_loss
from skrnn._engine.optimizers import native_optimizer
from skrnn._engine.trained_state import TrainedState
from skrnn._engine.unknown_codes import key_of_epoch, replace_codes

torch = pytest.importorskip("torch", reason="Is about torch, which is optional and not installed.")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from skrnn._engine.torch import categories, training  # noqa: E402  (these import torch)
from skrnn._engine.torch.prediction import torch_outputs  # noqa: E402
from skrnn._engine.torch.session import Session  # noqa: E402
from skrnn._engine.torch.training import TorchTraining, rows_at_once  # noqa: E402

RATE = 2.0**20  # of the step that gradients are read from: the weights before do not round them off

DEEP = {"units": (7, 5), "bidirectional": True, "dense_units": (5,)}
NETWORKS = {
    "patches": {"patch_size": 3},
    "one patch": {"patch_size": 20},
    "patches of equal number": {"patch_size": 12},  # lengths differ
    "mean": {"pooling": "mean"},
    "max": {"pooling": "max"},
    "mean of patches, deep": {"patch_size": 2, "pooling": "mean", **DEEP},
    "max of patches, deep": {"patch_size": 4, "pooling": "max", **DEEP},
    "tokens": {"embedding": (11, 5), "n_features": 1, "patch_size": 3, "bidirectional": True},
    "max of tokens": {"embedding": (11, 8), "n_features": 1, "pooling": "max"},
    "categories": {"categories": ((0, 4, 2), (3, 12, 6)), "n_features": 5, "patch_size": 3, "pooling": "mean"},
    "categories at all steps": {"categories": ((1, 4, 2),), "return_sequences": True, "bidirectional": True},
    "categories alone": {"categories": ((0, 4, 2), (1, 3, 1)), "n_features": 2},
}
networks = pytest.mark.parametrize("network", NETWORKS)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with one_thread_of_torch():
        yield


@pytest.fixture
def replaced_fraction(monkeypatch):
    """Set the fraction of the codes that training replaces."""

    def use(fraction):
        for module in (native_training, categories):
            monkeypatch.setattr(module, "REPLACED_FRACTION", fraction)

    return use


def training_of(problem, **options):
    """A training by torch that has taken the weights of a problem, with steps so large that they tell gradients."""
    optimizer = native_optimizer("SGD", {"learning_rate": RATE}, "GRURegressor")
    defaults = {"batch_size": len(problem.dataset), "seed": 0, "shuffle": False, "keeps_outputs": False}
    by_torch = TorchTraining(
        Architecture(problem.spec),
        optimizer,
        native_loss("mse", {}, problem.spec.output_activation),
        problem.dataset,
        mean_weight=problem.dataset.mean_weight,
        device="cpu",
        epochs=3,
        **defaults | options,
    )
    shapes = [weight.shape for weight in problem.weights]
    by_torch.load([*problem.weights, *optimizer.variables(shapes, problem.spec.dtype)])
    return by_torch


def loss_and_gradients(problem):
    by_torch = training_of(problem)
    loss = by_torch.train(0)
    after = by_torch.values()[: len(problem.weights)]
    return loss, [(w.astype(np.float64) - a) / RATE for w, a in zip(problem.weights, after, strict=True)]


def outputs_by_torch(problem):
    return torch_outputs(problem.spec, TrainedState(problem.weights, [], ""), problem.sequences, "cpu")


# ---------------------------------------------------------------------- values and gradients


@networks
@pytest.mark.parametrize("ragged", [False, True], ids=["equal lengths", "ragged"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_outputs_and_gradients_equal_those_of_kernels(cell, dtype, ragged, network, replaced_fraction):
    replaced_fraction(0.3)
    problem = Problem(spec_of(cell=cell, dtype=dtype, **NETWORKS[network]), 12, 11, ragged)
    assert_close(outputs_by_torch(problem), problem.outputs(), dtype)
    loss, gradients = loss_and_gradients(problem)
    expected_loss, expected = problem.loss_and_gradients()
    assert loss == pytest.approx(expected_loss, rel=1e-5 if dtype == "float32" else 1e-12)
    assert_gradients_close(gradients, expected, dtype)


@networks
def test_outputs_equal_those_of_keras(network):
    problem = Problem(spec_of(cell="gru", **NETWORKS[network]), 12, 7)
    outputs, *_ = problem.by_keras()
    ours = outputs_by_torch(problem)
    if problem.spec.return_sequences:  # arbitrary at padded steps, here zero
        outputs = np.where(problem.sequences.valid()[..., None], outputs, 0)
    assert_close(ours, outputs, "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shifts_and_scales_are_those_of_numeric_features(dtype):
    """They belong to the first three features, of which one has codes, which are not shifted."""
    spec = spec_of(categories=((1, 4, 2),), n_features=5, patch_size=2, dtype=dtype)
    problem = Problem(spec, 12, 9)
    rng = np.random.default_rng(1)
    scaled = {"shifts": rng.normal(size=(12, 3)), "scales": rng.uniform(0.5, 2, size=(12, 3))}
    plain = problem.outputs()
    problem.dataset = replace(problem.dataset, sequences=replace(problem.sequences, **scaled))
    outputs = problem.outputs()
    assert np.abs(outputs - plain).max() > 0.01
    assert_close(outputs_by_torch(problem), outputs, dtype)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_gradient_of_equal_maxima_goes_to_the_first(direction):
    """A cell without recurrent weights has equal states at time steps of equal inputs."""
    spec = spec_of(cell="rnn", units=(1,), n_features=1, n_outputs=1, pooling="max", bidirectional=True)
    problem = Problem(spec, 3, 4)
    problem.weights = [np.zeros_like(weight) for weight in problem.weights]
    kernel, output = (0, 6) if direction == "forward" else (3, 6)
    problem.weights[kernel][:], problem.weights[output][kernel // 3] = 1.0, 1.0
    values = problem.sequences.values.copy()
    values[problem.sequences.starts[:, None] + np.arange(4)] = np.array([0.5, 2.0, 2.0, 1.0])[:, None]
    lengths = np.array([4, 3, 3])
    problem.dataset = replace(problem.dataset, sequences=replace(problem.sequences, values=values, lengths=lengths))
    _, gradients = loss_and_gradients(problem)
    _, expected = problem.loss_and_gradients()
    recurrent, bias = gradients[kernel + 1], gradients[kernel + 2]
    assert recurrent[0, 0] == pytest.approx(expected[kernel + 1][0, 0], rel=1e-9)
    # The state before the first maximum: tanh(0.5) forward, and backward, where the second one comes before, tanh(2).
    assert recurrent[0, 0] / bias[0] == pytest.approx(np.tanh(0.5 if direction == "forward" else 2.0), rel=1e-9)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_an_autoencoder_has_the_gradients_of_kernels(cell, bidirectional):
    spec = spec_of(
        cell=cell, units=(7, 5), bidirectional=bidirectional, n_components=2, return_sequences=True, n_outputs=3
    )
    problem = Problem(spec, 12, 9)
    weights = np.linspace(0.5, 2, 12)
    problem.dataset = replace(problem.dataset, targets=InputTargets(problem.sequences, weights))
    loss, gradients = loss_and_gradients(problem)
    expected_loss, expected = problem.loss_and_gradients()
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    assert_gradients_close(gradients, expected, "float64")
    evaluation = training_of(problem).evaluation(problem.dataset, keeps_outputs=False)
    assert evaluation.loss() == pytest.approx(expected_loss, rel=1e-12)
    assert_close(outputs_by_torch(problem), problem.outputs(), "float64")


def test_steps_of_patches_are_outputs_of_their_own():
    problem = Problem(spec_of(patch_size=3), 9, 13)
    every_step = replace(problem.spec, return_sequences=True)
    outputs = torch_outputs(every_step, TrainedState(problem.weights, [], ""), problem.sequences, "cpu")
    assert outputs.shape == (9, 5, 2)
    n_patches = -(-problem.sequences.lengths // 3)
    assert_close(outputs[np.arange(9), n_patches - 1], problem.outputs(), "float64")
    assert_array_equal((outputs == 0).all(axis=2), np.arange(5) >= n_patches[:, None])


# ---------------------------------------------------------------------- codes that are replaced


def test_replaced_codes_are_those_of_kernels_and_keras():
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 9, size=(300, 12, 2)).astype(float)
    samples, key = rng.permutation(300), key_of_epoch(7, 3)
    rows = torch.tensor(inputs[samples].astype(np.int64) + 1).transpose(0, 1).reshape(4, 3, 300, 2).transpose(1, 2)
    time_steps = torch.arange(12).view(4, 1, 3)
    replaced = categories.with_replaced(rows, torch.tensor([key]), torch.tensor(samples), time_steps)
    expected = inputs[samples]
    replace_codes(expected, [0, 1], key, samples)
    found = replaced.transpose(1, 2).reshape(12, 300, 2).transpose(0, 1).numpy() - 1
    assert_array_equal(found, expected)
    assert 0.005 < np.mean(found == -1) < 0.015


def test_codes_are_replaced_anew_in_each_epoch(replaced_fraction):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 7, 3))
    X[..., 1] = rng.integers(0, 5, size=(40, 7))
    y = X[:, -1, 0] + (X[:, -1, 1] == 2)
    params = {"categorical_features": [1], "dtype": "float64", "batch_size": 16, "epochs": 4}
    plain = fit_with("torch", "GRURegressor", X, y, **params)
    replaced_fraction(0.4)
    fits = fit_both("GRURegressor", X, y, **params)
    assert_same(fits, rtol=1e-9, atol=1e-10)
    assert abs(plain.history_["loss"][0] - fits[1].history_["loss"][0]) > 1e-3


def test_codes_that_there_are_no_rows_for_are_unknown():
    values = np.array([[0.0, 2.0], [1.0, np.nan], [-1.0, 1e300], [3.0, 1.0]])
    with np.errstate(all="raise"):
        rows = categories.embedding_rows(values, ((1, 4, 2), (0, 3, 1)))
    assert_array_equal(rows, [[3, 1], [0, 2], [0, 0], [2, 0]])


# ---------------------------------------------------------------------- fits of estimators


@pytest.fixture
def X_long():
    return sequences_of_many_lengths()


@pytest.fixture
def y(X_long):
    return np.nanmean(X_long[..., 0], axis=1)


@pytest.mark.parametrize(
    "params",
    [
        {"patch_size": 3, "dense_units": 4},
        {"patch_size": 4, "pooling": "max", "units": (5, 4), "bidirectional": True},
        {"pooling": "mean", "metrics": ["mae"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["GRURegressor", "LSTMRegressor"])
def test_early_stopping_and_validation(name, params, X_long, y):
    params = {"early_stopping": True, "patience": 2, "epochs": 12, "optimizer__learning_rate": 0.05, **params}
    params = {"dtype": "float64", "validation_split": 0.25, "batch_size": 8, **params}
    fits = fit_both(name, X_long, y, **params)
    assert_same(fits, rtol=1e-7, atol=1e-8)
    assert fits[1].n_iter_ > 1


def test_float32(X_long, y):
    params = {"patch_size": 2, "pooling": "max", "units": (8, 6), "batch_size": 12}
    assert_same(fit_both("LSTMRegressor", X_long, y, **params), 1e-4, 1e-6)


def test_texts_of_patches():
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 12, size=(40, 10))
    tokens[::3, 4:] = 0
    labels = np.where(tokens[:, 0] > 6, "late", "early")
    params = {"embedding_dim": 4, "patch_size": 3, "pooling": "mean", "batch_size": 16, "dtype": "float64"}
    fits = fit_both("GRUClassifier", tokens, labels, **params)
    assert_same(fits, 1e-8, 1e-9)


@pytest.mark.parametrize("params", [{"patch_size": 3}, {"pooling": "max"}], ids=str)
def test_forecasts_are_fed_back(params):
    series = np.sin(np.arange(80) / 3)
    forecasts = []
    for engine in ("native", "torch"):
        with trained_with(engine):
            estimator = make("GRURegressor", dtype="float64", epochs=5, **params)
            forecaster = skrnn.SequenceForecaster(estimator, window=8, **RAW).fit(None, series)
            forecasts.append(forecaster.forecast(12))
    assert len(forecasts[1]) == 12
    assert_allclose(forecasts[1], forecasts[0], rtol=1e-8)


@pytest.mark.parametrize("params", [{}, {"units": (5, 4), "bidirectional": True, "batch_size": 8}], ids=str)
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_autoencoders(cell, params, X_long):
    found = []
    for engine in ("native", "torch"):
        with trained_with(engine):
            autoencoder = skrnn.SequenceAutoencoder(
                cell,
                **{"units": 6, "n_components": 2, "epochs": 6, "random_state": 0, "dtype": "float64", **params},
                early_stopping=True,
                optimizer__learning_rate=0.05,
            ).fit(X_long, X_val=X_long[:9])
            codes = autoencoder.transform(X_long)
            found.append(
                [
                    *(np.array(values) for values in autoencoder.history_.values()),
                    weights_of(autoencoder),
                    codes,
                    autoencoder.reconstruct(X_long),
                    autoencoder.score_samples(X_long),
                    autoencoder.inverse_transform(codes, 5),
                ]
            )
    for expected, ours in zip(*found, strict=True):
        assert_allclose(ours, expected, rtol=1e-6, atol=1e-8)
    assert found[1][0][-1] < found[1][0][0]


def test_equal_seeds_give_equal_bits(X_long, y):
    X_long[..., 2] = np.where(np.isnan(X_long[..., 2]), np.nan, np.floor(np.abs(X_long[..., 2] * 2)))
    params = {"categorical_features": [2], "patch_size": 2, "pooling": "max", "dropout": 0.2}
    first, second = (fit_with("torch", "LSTMRegressor", X_long, y, **params) for _ in range(2))
    assert_array_equal(weights_of(first), weights_of(second))


# ---------------------------------------------------------------------- what a GPU requires


class Operations(TorchDispatchMode):
    """Names of the operations of torch in a ``with`` block."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(function.overloadpacket.__name__)
        return function(*args, **kwargs or {})


# They wait for the device, or have results of a shape that depends on data, and cannot be captured in a graph.
WAITING = {"_local_scalar_dense", "item", "nonzero", "masked_select", "unique_dim", "_unique2", "bincount"}
# Their sums have no fixed order on a GPU.
UNORDERED = {"index_add", "index_add_", "index_put", "index_put_", "_index_put_impl_", "scatter_reduce", "cumsum"}


@networks
def test_a_step_can_be_captured_and_is_deterministic(network):
    problem = Problem(spec_of(**NETWORKS[network]), 12, 11)
    by_torch = training_of(problem)
    by_torch.train(0)
    by_torch._batch.zero_()
    with Operations() as operations:
        by_torch._step(len(problem.dataset))
    assert {"gru", "index_select"} & operations.names
    assert not operations.names & WAITING
    assert not operations.names & UNORDERED
    assert ("embedding_dense_backward" in operations.names) == bool(
        {"embedding", "categories"} & NETWORKS[network].keys()
    )


def test_a_step_of_an_autoencoder_can_be_captured():
    problem = Problem(spec_of(n_components=2, return_sequences=True, n_outputs=3), 12, 9)
    problem.dataset = replace(problem.dataset, targets=InputTargets(problem.sequences, np.ones(12)))
    by_torch = training_of(problem)
    by_torch.train(0)
    by_torch._batch.zero_()
    with Operations() as operations:
        by_torch._step(12)
    assert "index_select" in operations.names
    assert not operations.names & (WAITING | UNORDERED)


def test_operations_that_wait_are_seen():
    with Operations() as operations:
        mask = torch.arange(3) > 1
        torch.arange(3)[mask]
        mask.any().item()
    assert {"nonzero", "_local_scalar_dense"} & operations.names


def test_the_length_of_a_step_that_may_be_captured_is_that_of_patches(monkeypatch):
    lengths = []

    class Noted(training.RepeatedCall):
        def __init__(self, *args, n_layer_steps, **options):
            lengths.append(n_layer_steps)
            super().__init__(*args, n_layer_steps=n_layer_steps, **options)

    monkeypatch.setattr(training, "RepeatedCall", Noted)
    problem = Problem(spec_of(units=(3, 3), bidirectional=True, patch_size=100), 4, 2000)
    training_of(problem)
    assert lengths == [20 * 2 * 2]


def test_rows_at_once_follow_from_the_memory_of_a_step():
    session = Session("cpu")
    wide = spec_of(units=(64,), n_features=1, dtype="float32")
    at_once = rows_at_once(wide, 1000, session)
    assert at_once == 2**29 // 32 // (1000 * 8 * 64 * 4)
    assert rows_at_once(replace(wide, patch_size=10), 100, session) == 2**29 // 32 // (100 * 8 * 64 * 4)
    long_patches = replace(wide, patch_size=200)
    assert rows_at_once(long_patches, 5, session) == 2**29 // 32 // (5 * 32 * 200)
