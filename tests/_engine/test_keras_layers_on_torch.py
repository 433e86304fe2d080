"""Keras's recurrent layers computed by torch's kernels: outputs and gradients of stock layers on the same backend."""

from importlib.util import find_spec

import numpy as np
import pytest
from children import LONG, run_code
from numpy.testing import assert_allclose

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

# Saves outputs and gradients of each case, by the stock layer and by torch's kernels.
COMPARISON = """
import sys
from itertools import product

import keras
import numpy as np
import torch

from skrnn._engine.torch.keras_layers import compute_by_torch

folder = sys.argv[1]
rng = np.random.default_rng(0)
inputs = rng.normal(size=(4, 6, 3))
lengths = np.array([6, 2, 4, 0])  # the last sequence has no valid time step
steps = np.arange(6)
masks = {"none": None, "padded": steps < lengths[:, None], "leading": steps >= 6 - lengths[:, None]}
upstream = rng.normal(size=(4, 6, 10))
results = {}


def outputs_and_gradients(layer, mask):
    layer.zero_grad()
    outputs = layer(torch.tensor(inputs), mask=None if mask is None else torch.tensor(mask))
    weights = torch.tensor(upstream[:, : outputs.shape[1] if outputs.ndim == 3 else 1, : outputs.shape[-1]])
    (outputs * weights.reshape(outputs.shape)).sum().backward()
    return [outputs.detach().numpy(), *(v.value.grad.numpy().copy() for v in layer.trainable_variables)]


layers = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}
for (name, cls), every_step, kind in product(layers.items(), (False, True), ("forward", "backward", "both")):
    layer = cls(5, return_sequences=every_step, go_backwards=kind == "backward", dtype="float64")
    if kind == "both":
        layer = keras.layers.Bidirectional(layer, dtype="float64")
    layer.build((None, None, 3))
    for variable in layer.trainable_variables:  # biases too, which start at zero
        variable.assign(rng.normal(size=variable.shape))
    stock = {mask: outputs_and_gradients(layer, masks[mask]) for mask in masks}
    network = keras.Sequential([layer])
    compute_by_torch(network)
    n_calls = 0
    cell = type(getattr(layer, "forward_layer", layer).cell)
    call = cell.call

    def counted(*args, **kwargs):
        global n_calls
        n_calls += 1
        return call(*args, **kwargs)

    cell.call = counted
    for mask in masks:
        n_calls = 0
        by_torch = outputs_and_gradients(layer, masks[mask])
        for which, arrays in ("stock", stock[mask]), ("torch", by_torch):
            for i, array in enumerate(arrays):
                results[f"{which}/{name},{every_step},{kind},{mask}/{i}"] = array
        results[f"steps/{name},{every_step},{kind},{mask}"] = n_calls
    cell.call = call
np.savez(folder + "/results.npz", **results)
"""

WITHOUT_KERNEL = """
import keras

from skrnn._engine.torch.keras_layers import compute_by_torch

GRU, LSTM = keras.layers.GRU, keras.layers.LSTM


class Custom(GRU):
    pass


layers = [
    GRU(2, activation="relu"),
    GRU(2, recurrent_activation="hard_sigmoid"),
    GRU(2, reset_after=False),
    GRU(2, use_bias=False),
    GRU(2, dropout=0.1),
    LSTM(2, recurrent_dropout=0.1),
    LSTM(2, unroll=True),
    LSTM(2, stateful=True),
    LSTM(2, dtype="float16"),
    Custom(2),
    keras.layers.RNN(keras.layers.GRUCell(2)),
]
for layer in layers:
    network = keras.Sequential([keras.Input((3, 1), batch_size=2), layer])
    compute_by_torch(network)
    assert "inner_loop" not in vars(layer), layer.get_config()
kept = GRU(2)
network = keras.Sequential([keras.Input((3, 1)), kept])
compute_by_torch(network)
assert "inner_loop" in vars(kept)
assert "inner_loop" not in vars(keras.models.clone_model(network).layers[0])
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    run_code(COMPARISON, folder, env={"KERAS_BACKEND": "torch"}, seconds=LONG)
    with np.load(folder / "results.npz") as arrays:
        return dict(arrays)


def test_outputs_and_gradients_equal_those_of_stock_layers(results):
    names = [name for name in results if name.startswith("stock/")]
    assert len(names) == 3 * 2 * 3 * 3 * 4 + 3 * 2 * 3 * 3  # cells, outputs, directions, masks; arrays of two layers
    for name in names:
        by_torch = results[name.replace("stock", "torch")]
        # Cells that Keras on torch calls for each time step round float64 to float32 (Keras 3.15).
        is_exact = ",none/" in name and not name.startswith("stock/rnn")
        atol = 1e-12 if is_exact else 1e-5
        assert_allclose(by_torch, results[name], rtol=0, atol=atol, err_msg=name)


def test_padding_of_other_sequences_does_not_round_float64(results):
    for name in (name for name in results if name.startswith("torch/") and name.endswith(",padded/0")):
        full = results[name.replace("padded", "none")][0]  # the first sequence is not padded
        assert_allclose(results[name][0], full, rtol=0, atol=1e-12, err_msg=name)


def test_only_leading_padding_is_computed_step_by_step(results):
    for name in results:
        if name.startswith("steps/"):
            assert (results[name] > 0) == name.endswith(",leading"), name


@pytest.mark.slow
def test_other_layers_are_those_of_keras():
    run_code(WITHOUT_KERNEL, env={"KERAS_BACKEND": "torch"}, seconds=LONG)
