"""Keras's loop on each backend: masks only where time steps are padded, compiled steps, and no import of TensorFlow."""

import os
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from children import VERY_LONG, run_code
from conftest import data, make, with_padded_steps
from numpy.testing import assert_allclose, assert_array_equal

from skrnn import GRURegressor
from skrnn._engine.keras_batches import as_keras_dataset
from skrnn._engine.keras_prediction import _predictor

# Fits and predicts by both engines, where any import of TensorFlow fails, and counts how often the layer is called.
WITHOUT_TENSORFLOW = """
import functools
import os
import pickle
import sys
from importlib.machinery import ModuleSpec

class Blocked:
    attempts = 0

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == "tensorflow" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        Blocked.attempts += 1
        raise ImportError("TensorFlow is blocked.")

sys.meta_path.insert(0, Blocked())

import keras
import numpy as np
from conftest import data, with_padded_steps
from test_backends import estimator

folder = sys.argv[1]
X, y = data()
masked = with_padded_steps(X)
call, n_calls = keras.layers.GRU.call, 0

@functools.wraps(call)
def counted(*args, **kwargs):
    global n_calls
    n_calls += 1
    return call(*args, **kwargs)

results = {}
for engine in ("native", "keras"):
    os.environ["SKRNN_ENGINE"] = engine
    fitted = estimator().fit(X, y)
    results[engine] = fitted.predict(masked)
    results[engine + "_masked"] = estimator().fit(masked, y).predict(masked)
    loaded = pickle.loads(pickle.dumps(fitted))
    results[engine + "_loaded"] = loaded.predict(masked)
    results[engine + "_rows"] = np.concatenate([fitted.predict(masked[i : i + 1]) for i in range(6)])
assert not Blocked.attempts, "TensorFlow was imported"

keras.layers.GRU.call = counted
for epochs in (1, 4):
    n_calls = 0
    estimator(epochs=epochs).fit(X, y)
    results[f"calls_{epochs}"] = n_calls
keras.layers.GRU.call = call
fitted.model_.save(folder + "/network.keras")  # here Keras itself tries to import TensorFlow
results["saved"] = keras.saving.load_model(folder + "/network.keras").predict_on_batch(fitted.model_input(masked))[:, 0]
np.savez(folder + "/results.npz", **results)
"""


def estimator(**changes):
    params = {"units": 4, "epochs": 3, "batch_size": 16, "validation_split": 0.2, "metrics": ["mae"], "random_state": 0}
    return GRURegressor(**(params | changes))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_do_what_kernels_do_without_tensorflow(backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    run_code(WITHOUT_TENSORFLOW, tmp_path, env={"KERAS_BACKEND": backend}, seconds=VERY_LONG)
    results = np.load(tmp_path / "results.npz")
    for case in ("", "_masked", "_loaded"):
        assert_allclose(results["keras" + case], results["native" + case], rtol=0, atol=1e-5, err_msg=case)
    assert_allclose(results["saved"], results["native"], rtol=0, atol=1e-5)
    assert_array_equal(results["keras_rows"], results["keras"][:6])
    if backend == "jax":  # traced once per shape: further epochs trace nothing
        assert results["calls_4"] == results["calls_1"]
    else:
        assert results["calls_4"] > results["calls_1"]


def test_batches_of_an_evaluation_are_copies():
    batches = [(np.ones((2, 3, 1)), np.ones((2, 1)))]
    given = as_keras_dataset(batches)[0]
    for array, kept in zip(given, batches[0], strict=True):
        array[:] = 0  # as TensorFlow does, which then evaluates other data in later epochs
        assert kept.all()


# ---------------------------------------------------------------------- masks


@pytest.fixture
def masks(monkeypatch):
    """Whether the recurrent layer got a mask, for each of its calls by Keras's loop; TensorFlow traces each step."""
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    calls, call = [], keras.layers.GRU.call

    def recorded(self, sequences, initial_state=None, mask=None, training=False):
        if not isinstance(sequences, keras.KerasTensor):
            calls.append((training, mask is not None))
        return call(self, sequences, initial_state=initial_state, mask=mask, training=training)

    _predictor.cache_clear()  # networks that other tests have traced are not called again
    monkeypatch.setattr(keras.layers.GRU, "call", recorded)
    return calls


def test_networks_train_without_a_mask_where_no_time_step_is_padded(masks):
    X, y = data()
    fitted = estimator(epochs=1).fit(X, y)
    assert (True, False) in masks and (True, True) not in masks
    masks.clear()
    fitted.predict(X)
    assert set(masks) == {(False, False)}


@pytest.mark.parametrize("where", ["training", "validation"])
def test_padded_time_steps_of_training_and_validation_are_masked(masks, where):
    X, y = data()
    padded = with_padded_steps(X)
    training, validation = (padded, X) if where == "training" else (X, padded)
    fitted = estimator(epochs=1, validation_split=None).fit(training, y, X_val=validation, y_val=y)
    assert (True, True) in masks
    errors = fitted.predict(validation) - y
    assert_allclose(fitted.history_["val_loss"], [np.mean(errors**2)], rtol=1e-5)


def test_equal_lengths_after_padding_need_no_mask(masks):
    X, y = data()
    late = np.concatenate([np.full_like(X[:, :2], np.nan), X], axis=1)
    fitted = estimator(epochs=2).fit(late, y)
    assert (True, True) not in masks
    assert fitted.history_ == estimator(epochs=2).fit(X, y).history_


def test_training_with_and_without_a_mask_agree(masks):
    X, y = data()
    weights = np.ones(len(X))
    weights[-1] = 0  # the sample that is padded is not trained on
    padded = X.copy()
    padded[-1, :2] = np.nan
    plain = estimator(validation_split=None).fit(X[:-1], y[:-1])
    assert (True, True) not in masks
    masked = estimator(validation_split=None).fit(padded[:-1], y[:-1], X_val=padded[-2:], y_val=y[-2:])
    assert (True, True) in masks
    assert_allclose(masked.history_["loss"], plain.history_["loss"], rtol=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"embedding_dim": 3},
        pytest.param({"categorical_features": [2]}, marks=pytest.mark.slow),
        pytest.param({"bidirectional": True}, marks=pytest.mark.slow),
    ],
)
def test_padded_time_steps_are_masked_after_training_without_a_mask(params, X, y, monkeypatch):
    rng = np.random.default_rng(0)
    if "embedding_dim" in params:
        X = rng.integers(2, 9, size=X.shape[:2])
        padded = X.copy()
        padded[1, 3:] = 0
    else:
        X[..., 2] = rng.integers(3, size=X.shape[:2])
        padded = with_padded_steps(X)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    fitted = make("GRURegressor", **params).fit(X, y)
    by_keras = fitted.predict(padded)
    stock = fitted.model_.predict_on_batch(fitted.model_input(padded))[:, 0]
    assert_allclose(stock, by_keras, rtol=0, atol=1e-6)
    assert_allclose(fitted.predict(X)[5:], by_keras[5:], rtol=0, atol=1e-6)
    monkeypatch.setenv("SKRNN_ENGINE", "native")
    assert_allclose(fitted.predict(padded), by_keras, rtol=0, atol=1e-5)


# Keras converts its variables so while it saves them. Remove once Variable.__array__ takes `copy` (missing in 3.15).
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_callbacks_see_a_network_that_masks(X, y, X_masked, tmp_path, monkeypatch):
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    inputs = make("GRURegressor", epochs=1).fit(X, y).model_input(X_masked)
    losses, path = [], os.fspath(tmp_path / "network.keras")

    class Elsewhere(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            losses.append(self.model.evaluate(inputs, y[:, None], verbose=0))
            self.model.save(path)

    fitted = make("GRURegressor", epochs=1, callbacks=[Elsewhere()]).fit(X, y)
    expected = fitted.predict(X_masked)
    assert_allclose(keras.saving.load_model(path).predict_on_batch(inputs)[:, 0], expected, rtol=0, atol=1e-6)
    assert_allclose(losses, [np.mean((expected - y) ** 2)], rtol=1e-5)
