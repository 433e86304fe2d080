"""Training and prediction with torch: the same results as the kernels, here on the CPU; and when torch is used."""

import logging
import pickle
import re
import sys

import keras
import numpy as np
import pytest
from children import run_code
from conftest import RAW, make, weights_of
from engines import assert_same, fit_both, fit_with, one_thread_of_torch, sequences_of_many_lengths
from numpy.testing import assert_allclose, assert_array_equal
from problems import spec_of

import skrnn
from skrnn import Checkpoint

torch = pytest.importorskip("torch", reason="Is about torch, which is optional and not installed.")

from skrnn._engine.torch import session  # noqa: E402  (these import torch)

# As in test_resume.py: TensorFlow's variables do not know the copy argument of NumPy 2. Remove once they do.
READS_THE_RATE = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with one_thread_of_torch():
        yield


@pytest.fixture
def X_long():
    return sequences_of_many_lengths()


# ---------------------------------------------------------------------- the same as by kernels

NETWORKS = {
    "gru": {},
    "lstm-stacked": {"cell": "lstm", "units": (6, 4)},
    "rnn-dense": {"cell": "rnn", "dense_units": (5, 3)},
    "gru-bidirectional-stacked": {"units": (5, 3), "bidirectional": True},
    "lstm-bidirectional": {"cell": "lstm", "bidirectional": True},
    "gru-steps": {"return_sequences": True},
    "rnn-steps-bidirectional": {"cell": "rnn", "return_sequences": True, "bidirectional": True, "units": (3, 4)},
}


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("network", NETWORKS)
def test_networks(network, ragged, X, X_long, y):
    params = {"cell": "gru", "batch_size": 16, "dtype": "float64", "metrics": ["mae"], **NETWORKS[network]}
    X = X_long if ragged else X
    y = np.random.default_rng(3).normal(size=X.shape[:2]) if params.get("return_sequences") else y
    weights = np.linspace(0.5, 3, len(X))
    fits = fit_both("RecurrentRegressor", X, y, weights, **params)
    assert_same(fits, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_float32(cell, X_long, y):
    params = {"cell": cell, "units": (8, 6), "batch_size": 12}
    assert_same(fit_both("RecurrentRegressor", X_long, y, **params), 1e-4, 1e-6)


@pytest.mark.parametrize(
    ("loss", "params"),
    {
        "mse": {},
        "mae": {},
        "huber": {"loss__delta": 0.3},
        "log_cosh": {},
        "mape": {},
        "msle": {},
        "quantile": {"quantile": (0.1, 0.5, 0.8)},
        "gaussian": {},
    }.items(),
)
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
def test_losses_of_regressors(loss, params, missing, X):
    y = np.abs(np.stack([X[:, -1, 0], X[:, -2, 1]], axis=1)) + 0.1
    if missing:
        y[::3, 0] = np.nan
        y[5] = np.nan
    params = {"loss": loss, "dtype": "float64", "batch_size": 16, **params}
    assert_same(fit_both("GRURegressor", X, y, **params), 1e-8, 1e-9)


@pytest.mark.parametrize(
    ("target", "params"),
    [
        ("binary", {}),
        ("binary", {"loss__label_smoothing": 0.2}),
        ("binary", {"return_sequences": True}),
        ("three", {"class_weight": "balanced", "metrics": ["accuracy"], "validation_split": 0.25}),
        ("three", {"loss": "categorical_crossentropy", "loss__label_smoothing": 0.1}),
        ("several", {}),
    ],
)
def test_losses_of_classifiers(target, params, X, X_masked, labels, binary_labels):
    y = {"binary": binary_labels, "three": labels, "several": (X[:, -1] > 0).astype(int)}[target]
    if params.get("return_sequences"):
        y = np.where(X[..., 0] > 0, "up", "down")
    params = {"dtype": "float64", "batch_size": 16, **params}
    fits = fit_both("LSTMClassifier", X_masked, y, **params)
    assert_same(fits, rtol=1e-8, atol=1e-9)
    assert_array_equal(fits[1].predict(X_masked), fits[0].predict(X_masked))


OPTIMIZERS = {
    "adam": {},
    "adam-amsgrad": {"amsgrad": True, "epsilon": 1e-3, "weight_decay": 0.1},
    "adam-schedule": {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)},
    "adam-clipnorm": {"clipnorm": 0.05},
    "adam-global_clipnorm": {"global_clipnorm": 0.1},
    "adam-clipvalue": {"clipvalue": 0.01},
    "adamw": {},
    "sgd": {"weight_decay": 0.1},
    "sgd-clipnorm": {"clipnorm": 0.1},
    "sgd-momentum": {"momentum": 0.9, "learning_rate": 0.1},
    "sgd-nesterov": {"momentum": 0.9, "nesterov": True, "learning_rate": 0.1},
    "rmsprop": {},
    "rmsprop-centered": {"centered": True, "momentum": 0.5},
    "adamax": {},
    "nadam": {},
    "adagrad": {"learning_rate": 0.1},
    "adadelta": {"learning_rate": 0.5},
    "lion": {},
}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_optimizers(case, X, y):
    params = {f"optimizer__{key}": value for key, value in OPTIMIZERS[case].items()}
    params = {"optimizer": case.split("-")[0], "dtype": "float64", "batch_size": 12, **params}
    assert_same(fit_both("GRURegressor", X, y, **params), 1e-8, 1e-9)


def test_unshuffled_batches_and_windows_of_a_series():
    rows = np.cumsum(np.random.default_rng(0).normal(size=(60, 2)), axis=0) / 5
    windows = skrnn.sliding_windows(rows, 7, dilation=2)[15:]
    y = rows[15:, 0]
    params = {"shuffle": False, "batch_size": 10, "dtype": "float64"}
    assert_same(fit_both("GRURegressor", windows, y, **params), 1e-9, 1e-10)


def test_windows_with_shifts_of_their_own():
    rows = np.cumsum(np.random.default_rng(0).normal(size=(60, 2)), axis=0)
    windows = skrnn.sliding_windows(rows, 7)
    from dataclasses import replace

    windows = replace(windows, shifts=rows[:, :1].copy(), scales=np.linspace(1, 2, 60)[:, None])
    params = {"batch_size": 16, "dtype": "float64"}
    assert_same(fit_both("LSTMRegressor", windows, rows[:, 1], **params), 1e-9, 1e-9)


def test_tokens():
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 12, size=(40, 6))
    tokens[::3, 4:] = 0
    labels = np.where(tokens[:, 0] > 6, "late", "early")
    params = {"embedding_dim": 4, "batch_size": 16, "dtype": "float64", "optimizer__clipnorm": 0.02}
    assert_same(fit_both("GRUClassifier", tokens, labels, **params), 1e-8, 1e-9)


def test_early_stopping_restores_the_best_weights(X, y):
    params = {"early_stopping": True, "patience": 3, "epochs": 60, "optimizer__learning_rate": 0.1, "dtype": "float64"}
    fits = fit_both("GRURegressor", X, y, validation_split=0.25, **params)
    assert_same(fits, rtol=1e-6, atol=1e-7)
    by_torch = fits[1]
    assert by_torch.n_iter_ == by_torch.best_epoch_ + 4 < 60
    of_best = np.mean((by_torch.predict(X[30:]) - y[30:]) ** 2)
    assert of_best == pytest.approx(min(by_torch.history_["val_loss"]), rel=1e-9)


@READS_THE_RATE
def test_callbacks_are_called_with_the_weights_and_may_change_the_rate(X, y):
    class Note(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.sums = []

        def on_epoch_end(self, epoch, logs=None):
            self.sums.append(sum(float(np.abs(w).sum()) for w in self.model.get_weights()))

    def callbacks():
        return [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)), Note()]

    params = {"dtype": "float64", "validation_split": 0.25}
    fits = [fit_with(e, "GRURegressor", X, y, callbacks=callbacks(), **params) for e in ("native", "torch")]
    assert_same(fits, rtol=1e-8, atol=1e-9)
    sums = [estimator.callbacks[1].sums for estimator in fits]
    assert_allclose(sums[1], sums[0], rtol=1e-8)
    assert len(set(sums[1])) == 3


def test_validation_is_computed_once_per_epoch(X, y, monkeypatch):
    from skrnn._engine.torch.training import Evaluation

    starts, start = [], Evaluation.start
    monkeypatch.setattr(Evaluation, "start", lambda self: (starts.append(self), start(self))[1])
    fit_with("torch", "GRURegressor", X, y, validation_split=0.25, epochs=4)
    assert len(starts) == 4


def test_weights_that_a_callback_sets_before_validation_are_validated(X, y):
    class Zeros(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            self.model.set_weights([np.zeros_like(w) for w in self.model.get_weights()])

    params = {"validation_split": 0.25, "dtype": "float64"}
    fits = [fit_with(e, "GRURegressor", X, y, callbacks=[Zeros()], **params) for e in ("native", "torch")]
    assert_same(fits, rtol=1e-8, atol=1e-9)
    assert fits[1].history_["val_loss"] == pytest.approx([np.mean(y[30:] ** 2)] * 3)


def test_fits_continue_with_either_engine(X, y, monkeypatch):
    predictions = []
    for engines in (("native", "native"), ("native", "torch"), ("torch", "native"), ("torch", "torch")):
        regressor = make("GRURegressor", dtype="float64", batch_size=16, validation_split=0.25, warm_start=True)
        monkeypatch.setenv("SKRNN_ENGINE", engines[0])
        regressor.fit(X, y)
        monkeypatch.setenv("SKRNN_ENGINE", engines[1])
        predictions.append(regressor.fit(X, y).partial_fit(X[:20], y[:20]).predict(X))
        assert regressor.n_iter_ == 7
    for other in predictions[1:]:
        assert_allclose(other, predictions[0], rtol=1e-8, atol=1e-9)


def test_forecasts_are_fed_back(monkeypatch):
    series = np.sin(np.arange(80) / 3)
    forecasts = []
    for engine in ("native", "torch"):
        monkeypatch.setenv("SKRNN_ENGINE", engine)
        estimator = make("GRURegressor", dtype="float64", epochs=5)
        forecaster = skrnn.SequenceForecaster(estimator, window=8, **RAW).fit(None, series)
        forecasts.append(forecaster.forecast(12))
    assert len(forecasts[1]) == 12
    assert_allclose(forecasts[1], forecasts[0], rtol=1e-8)


@pytest.mark.parametrize("params", [{}, {"dropout": 0.3}, {"units": (5, 4), "bidirectional": True}])
def test_equal_seeds_give_equal_bits(params, X, y):
    first, second = (fit_with("torch", "LSTMRegressor", X, y, **params) for _ in range(2))
    assert_array_equal(weights_of(first), weights_of(second))
    other = fit_with("torch", "LSTMRegressor", X, y, **params, random_state=1)
    assert not np.array_equal(weights_of(first), weights_of(other))


def test_dropout_drops_states_and_keeps_their_mean():
    from skrnn._engine.torch.data import Inputs
    from skrnn._engine.torch.network import TorchNetwork

    spec = spec_of(cell="rnn", units=(400,), dropout=0.25, n_outputs=400, n_features=1)
    network = TorchNetwork(spec, session.Session("cpu"))
    kernel = np.ones((1, 400)), np.zeros((400, 400)), np.zeros(400)
    network.load([*kernel, np.eye(400), np.zeros(400)])
    inputs = Inputs(torch.ones(1, 50, 1, dtype=torch.float64), None)
    generator = torch.Generator().manual_seed(0)
    outputs = network.logits(inputs, trains=True, generator=generator).detach().numpy()
    kept = np.tanh(1) / 0.75
    assert_allclose(np.unique(outputs), [0, kept], atol=1e-12)
    assert np.mean(outputs == 0) == pytest.approx(0.25, abs=0.01)
    assert_allclose(network.logits(inputs, trains=False).detach().numpy(), np.tanh(1))


def test_a_checkpoint_resumes_with_the_same_bits(X, y, tmp_path, monkeypatch):
    monkeypatch.setenv("SKRNN_ENGINE", "torch")
    params = {"epochs": 5, "dropout": 0.2, "early_stopping": True}
    expected = make("GRURegressor", **params).fit(X, y)
    train, epochs = skrnn._engine.training_record.TrainingRecord.save, []

    def save_and_interrupt(record, state):
        train(record, state)
        raise KeyboardInterrupt

    def regressor():
        return make("GRURegressor", callbacks=[Checkpoint(tmp_path, every=2)], **params)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("skrnn._engine.training_record.TrainingRecord.save", save_and_interrupt)
        regressor().fit(X, y)
    from skrnn._engine.torch.training import TorchTraining

    train_epoch = TorchTraining.train
    monkeypatch.setattr(TorchTraining, "train", lambda self, epoch: (epochs.append(epoch), train_epoch(self, epoch))[1])
    resumed = regressor().fit(X, y)
    assert epochs == [2, 3, 4]
    assert resumed.history_ == expected.history_
    assert_array_equal(weights_of(resumed), weights_of(expected))


# ---------------------------------------------------------------------- the state of torch, and of processes


def test_the_state_of_torch_is_left_as_it_was(X, y):
    plain = fit_with("torch", "GRURegressor", X, y, dropout=0.2)
    generator = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            inside = fit_with("torch", "GRURegressor", X, y, dropout=0.2)
            assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert_array_equal(weights_of(inside), weights_of(plain))
    assert torch.equal(torch.get_rng_state(), generator)


def test_an_interrupt_ends_a_fit(X, y, monkeypatch):
    from skrnn._engine.torch.training import TorchTraining

    train = TorchTraining.train

    def interrupted(self, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return train(self, epoch)

    monkeypatch.setattr(TorchTraining, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_with("torch", "GRURegressor", X, y)


PREDICT = """
import pickle, sys
import numpy as np



class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError(name)


sys.meta_path.insert(0, Blocked())
estimator, X, expected = pickle.load(open(sys.argv[1], "rb"))
np.testing.assert_allclose(estimator.predict(X), expected, rtol=0, atol=1e-6)
"""

NO_TORCH = """
import sys
import numpy as np
from skrnn import GRURegressor

X = np.random.default_rng(0).normal(size=(20, 5, 2))
GRURegressor(4, epochs=1).fit(X, X[:, -1, 0]).predict(X)
assert "torch" not in sys.modules
"""


def test_estimators_hold_no_objects_of_torch(X, y, tmp_path):
    estimator = fit_with("torch", "GRURegressor", X, y, early_stopping=True)
    outputs = estimator.__dict__.pop("outputs")
    pickled = pickle.dumps((estimator, X, outputs))
    assert b"torch" not in pickled
    (tmp_path / "estimator.pickle").write_bytes(pickled)
    run_code(PREDICT, tmp_path / "estimator.pickle", env={"SKRNN_ENGINE": ""})


def test_torch_is_not_imported_unless_it_is_chosen():
    run_code(NO_TORCH, env={"SKRNN_ENGINE": ""})


def test_a_choice_of_torch_requires_it(X, y, monkeypatch):
    monkeypatch.setenv("SKRNN_ENGINE", "torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="SKRNN_ENGINE is torch, but torch cannot be imported"):
        make("GRURegressor").fit(X, y)


def test_the_weights_on_the_device_end_with_the_fit(X, y):
    import gc
    import weakref

    from skrnn._engine.torch import training

    alive = weakref.WeakSet()
    create = training.TorchTraining.__init__

    def noted(self, *args, **kwargs):
        alive.add(self)
        create(self, *args, **kwargs)

    gc.collect()
    gc.disable()  # what is left must not have to wait for it
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training.TorchTraining, "__init__", noted)
            fit_with("torch", "GRURegressor", X, y, early_stopping=True)
        assert not alive
    finally:
        gc.enable()


# ---------------------------------------------------------------------- what torch does not train


def own_cell(units, **options):
    return keras.layers.SimpleRNN(units, activation="relu", **options)


class EachBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"recurrent_dropout": 0.2}, "trains by native kernels: layers of torch have no recurrent dropout"),
        ({"optimizer": "ftrl"}, "trains by native kernels: the optimizer Ftrl is not one of those of the torch loop"),
        ({"loss": lambda a, b: keras.ops.mean((a - b) ** 2)}, "trains by native kernels: Keras computes the loss"),
        ({"cell": own_cell}, "trains through keras.Model.fit: the cell is a callable"),
        ({"callbacks": [EachBatch()]}, "trains through keras.Model.fit: EachBatch is called for every batch"),
        ({"optimizer__use_ema": True}, "trains through keras.Model.fit: the optimizer averages weights"),
    ],
    ids=lambda value: None if isinstance(value, dict) else re.sub(r"\W+", "-", value)[-30:],
)
def test_the_reason_against_torch_is_logged(params, line, X, y, monkeypatch, caplog):
    monkeypatch.setenv("SKRNN_ENGINE", "torch")
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        fitted = make("RecurrentRegressor", **{"cell": "rnn", "epochs": 1, **params}).fit(X, y)
    lines = [record.message for record in caplog.records if " trains " in record.message]
    assert lines[-1].startswith(f"RecurrentRegressor {line}")
    assert np.isfinite(fitted.predict(X)).all()
