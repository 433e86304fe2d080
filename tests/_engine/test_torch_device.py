"""When torch trains and predicts, how its calls are captured, and the layout of its weights."""

import logging
import sys
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import shapes_of, spec_of

from skrnn import RecurrentRegressor
from skrnn._engine.losses import NativeLoss, native_loss
from skrnn._engine.optimizers import native_optimizer

torch = pytest.importorskip("torch", reason="Is about torch, which is optional and not installed.")

from skrnn._engine.torch import device, session  # noqa: E402  (these import torch)
from skrnn._engine.torch.session import RepeatedCall  # noqa: E402
from skrnn._engine.torch.weights import WeightLayout  # noqa: E402

# ---------------------------------------------------------------------- the choice without a setting


def choice(spec, batch_size=512, n_steps=10**8, n_numbers=1000, optimizer="adam", loss="mse"):
    optimizer = native_optimizer(optimizer, {}, "GRURegressor")
    loss = native_loss(loss, {}, None) or NativeLoss(f"loss_{loss}", False, ())
    return device.training_device(spec, optimizer, loss, batch_size=batch_size, n_steps=n_steps, n_numbers=n_numbers)


@pytest.fixture
def with_gpu(monkeypatch):
    """Let torch have a GPU with 1 GiB of free memory, as far as the choice of the engine knows."""
    monkeypatch.delenv("SKRNN_ENGINE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30, 2**31))
    monkeypatch.setattr(device, "n_threads", lambda: 8)


LARGE = spec_of(units=(128, 128), n_features=8, dtype="float32")


def test_large_networks_are_trained_on_a_gpu(with_gpu, monkeypatch):
    assert choice(LARGE).device == "cuda"
    assert device.prediction_device(LARGE, 5000, 10**6, 10**6) == "cuda"
    assert device.prediction_device(LARGE, 5000, 10**6, 2**27) is None  # larger than the memory
    monkeypatch.setenv("SKRNN_ENGINE", "native")
    assert choice(LARGE).device is None
    assert device.prediction_device(LARGE, 5000, 10**6, 10**6) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"spec": spec_of()}, "too small to gain"),
        ({"spec": spec_of(units=(16,), n_features=8, dtype="float32"), "batch_size": 4}, "too small to gain"),
        ({"n_steps": 1000}, "too small to gain"),
        ({"n_numbers": 2**27}, "the data take 1.0 GiB, of 1.0 GiB of free memory of the GPU"),
        ({"optimizer": "ftrl"}, "the optimizer Ftrl"),
        ({"loss": "unknown"}, "the loss unknown"),
        ({"spec": spec_of(units=(128,), recurrent_dropout=0.1)}, "recurrent dropout"),
    ],
)
def test_other_networks_are_not(arguments, reason, with_gpu):
    found = choice(**{"spec": LARGE, **arguments})
    assert found.device is None
    assert reason in found.reason


@pytest.mark.parametrize("params", [{"patch_size": 10}, {"pooling": "max"}, {"categories": ((0, 9, 4),)}], ids=str)
def test_networks_with_patches_pooling_or_categories_are(params, with_gpu):
    assert choice(replace(LARGE, **params)).device == "cuda"


def test_an_autoencoder_is(with_gpu):
    assert choice(replace(LARGE, return_sequences=True, n_components=4)).device == "cuda"


def test_the_gain_is_that_of_the_steps_of_the_layers(with_gpu):
    """Between those of 20 patches and of as many time steps, the work of a layer differs by that of its inputs."""
    patches = replace(LARGE, patch_size=20)
    as_features = replace(LARGE, n_features=20 * LARGE.n_features)
    for n_steps in (10**4, 10**5, 10**6, 10**7):
        assert choice(patches, n_steps=20 * n_steps).device == choice(as_features, n_steps=n_steps).device
    assert choice(patches, n_steps=20 * 10**4).device is None
    assert choice(patches, n_steps=20 * 10**7).device == "cuda"


def test_a_gpu_is_used_where_torch_is_imported_already(with_gpu, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    assert choice(LARGE) == device.DeviceChoice(None, "torch is not imported")
    assert device.prediction_device(LARGE, 5000, 10**6, 10**6) is None
    assert "torch" not in sys.modules


def test_without_a_gpu_kernels_train_and_predict(monkeypatch):
    monkeypatch.delenv("SKRNN_ENGINE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choice(LARGE) == device.DeviceChoice(None, "torch has no GPU")
    assert device.prediction_device(LARGE, 5000, 10**6, 10**6) is None


def test_a_process_forked_after_the_use_of_a_gpu_cannot_use_it(with_gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    assert choice(LARGE).device is None


def test_a_small_prediction_does_not_ask_for_a_gpu(with_gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("asked"))
    assert device.prediction_device(LARGE, 1, 20, 20) is None


# ---------------------------------------------------------------------- captured calls


class Graph:
    """Stand-in for a CUDA graph, which records what is called while it captures."""

    captured, fails = None, False

    def replay(self):
        self.captured()


@pytest.fixture
def repeated(monkeypatch):
    """A repeated call on a GPU as far as it knows, the calls so far, and the class of its graph."""
    calls, state = [], SimpleNamespace(n_captures=0, fails=False)

    class capture(nullcontext):
        def __init__(self, graph, stream, capture_error_mode):
            super().__init__()
            graph.captured = lambda: calls.append("replayed")

        def __exit__(self, *_):
            state.n_captures += 1
            calls.pop()  # operations are recorded, not done
            if state.fails:
                raise RuntimeError("not permitted")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)

    def make_repeated(n_calls=100, n_layer_steps=10):
        gpu = SimpleNamespace(is_gpu=True)
        return RepeatedCall(lambda: calls.append("called"), gpu, n_calls=n_calls, n_layer_steps=n_layer_steps)

    return make_repeated, calls, state


def test_a_call_is_captured_after_warming_up(repeated):
    make_repeated, calls, state = repeated
    call = make_repeated()
    for _ in range(6):
        call()
    assert calls == ["called"] * 3 + ["replayed"] * 3
    assert state.n_captures == 1


@pytest.mark.parametrize("few", [{"n_calls": 10}, {"n_layer_steps": 20_000}])
def test_a_capture_that_does_not_pay_is_not_made(few, repeated):
    make_repeated, calls, state = repeated
    call = make_repeated(**few)
    for _ in range(6):
        call()
    assert calls == ["called"] * 6
    assert state.n_captures == 0


def test_what_cannot_be_captured_is_called(repeated, caplog):
    make_repeated, calls, state = repeated
    state.fails = True
    call = make_repeated()
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        for _ in range(6):
            call()
    assert calls == ["called"] * 6
    assert state.n_captures == 1
    assert "torch cannot capture a CUDA graph, and calls each operation instead: not permitted" in caplog.text


# ---------------------------------------------------------------------- weights


@pytest.mark.parametrize(
    "params",
    [{"embedding": (7, 3)}, {"categories": ((0, 4, 2), (2, 3, 1)), "patch_size": 2}, {"n_components": 2}],
    ids=["tokens", "categories", "autoencoder"],
)
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_the_layout_of_weights_is_undone(cell, params):
    spec = spec_of(cell=cell, units=(3, 2), bidirectional=True, dense_units=(4,), **params)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes_of(spec)]
    layout = WeightLayout(spec)
    back = layout.to_keras(layout.to_torch(arrays))
    assert len(back) == len(arrays)
    for ours, array in zip(back, arrays, strict=True):
        assert_array_equal(ours, array)


def test_the_gates_of_a_gru_are_reordered():
    spec = spec_of(cell="gru", units=(2,), n_features=1, n_outputs=1)
    kernel = np.array([[10, 11, 20, 21, 30, 31]])  # update, reset, candidate
    biases = np.stack([kernel[0], -kernel[0]])
    arrays = [kernel, np.zeros((2, 6)), biases, np.zeros((2, 1)), np.zeros(1)]
    of_inputs, _, bias, state_bias, *_ = WeightLayout(spec).to_torch(arrays)
    assert_array_equal(of_inputs, [[20], [21], [10], [11], [30], [31]])
    assert_array_equal(bias, [20, 21, 10, 11, 30, 31])
    assert_array_equal(state_bias, [-20, -21, -10, -11, -30, -31])


# ---------------------------------------------------------------------- settings of torch


def test_threads_share_the_settings_of_cudnn():
    settings = session._CudnnSettings()
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32
    first, second = settings.set(), settings.set()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32) == (True, False)
    second.__exit__(None, None, None)
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32) == before == (False, True)
    torch.set_float32_matmul_precision("high")
    try:
        with settings.set():
            assert torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.fixture
def medium_precision(monkeypatch):
    """Torch's setting for products in bfloat16, on a device whose recurrent layers can compute them."""
    monkeypatch.setattr(session, "_has_bfloat16", lambda device: True)
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("cell", ["gru", *(pytest.param(cell, marks=pytest.mark.slow) for cell in ("lstm", "rnn"))])
def test_medium_precision_rounds_recurrent_layers_to_bfloat16(medium_precision, monkeypatch, cell):
    monkeypatch.setenv("SKRNN_ENGINE", "torch")
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 3)) for n in rng.integers(3, 9, size=160)]
    y = np.array([x[-3:, 0].sum() for x in X])
    params = {"units": (12, 8), "bidirectional": True, "epochs": 40, "random_state": 0}
    estimator = RecurrentRegressor(cell, optimizer__learning_rate=0.01, **params).fit(X[:120], y[:120])
    assert estimator._state.weights[0].dtype == np.float32
    rounded = estimator.predict(X)
    monkeypatch.setenv("SKRNN_ENGINE", "native")
    exact = estimator.predict(X)
    assert 1e-5 < np.abs(rounded - exact).max() < 0.1  # bfloat16 has 8 significant bits
    in_float32 = RecurrentRegressor(cell, optimizer__learning_rate=0.01, **params).fit(X[:120], y[:120])
    assert abs(estimator.score(X[120:], y[120:]) - in_float32.score(X[120:], y[120:])) < 0.05


def test_medium_precision_rounds_only_float32_and_only_where_cudnn_does(medium_precision, monkeypatch):
    monkeypatch.setenv("SKRNN_ENGINE", "torch")
    X = np.random.default_rng(0).normal(size=(64, 5, 2))

    def loss(**params):
        return RecurrentRegressor("gru", 4, epochs=2, random_state=0, **params).fit(X, X[:, 0, 0]).history_["loss"][-1]

    rounded, rounded64 = loss(), loss(dtype="float64")
    monkeypatch.setattr(session, "_has_bfloat16", lambda device: False)
    assert loss() != rounded and loss(dtype="float64") == rounded64


def test_cudnn_does_not_compute_on_the_cpu():
    assert not session._has_bfloat16(torch.device("cpu"))
