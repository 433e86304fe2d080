"""Faults in the middle of fits: interrupts, callbacks that raise, losses that diverge, memory that runs out.

Whatever happens, the estimator is as it was before, and the next fit gives what one of a fresh estimator gives.
"""

import copy
import os
import re
import signal
import sys
import time

import keras
import numpy as np
import pytest
from children import PYTHONPATH, started
from conftest import make, needs_kernels
from numpy.testing import assert_array_equal

import skrnn._engine.native_pass
from skrnn._common.guide import see
from skrnn._engine.architecture import aligned_zeros

both_engines = pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])


def assert_equal_fits(estimator, expected, X):
    assert_array_equal(estimator.predict(X), expected.predict(X))
    assert estimator.history_ == expected.history_
    pairs = zip(estimator.model_.get_weights(), expected.model_.get_weights(), strict=True)
    assert all(np.array_equal(weight, other) for weight, other in pairs)


def assert_unchanged_by(fault, error, match, estimator, X):
    """Let a fit or a partial fit fail, and see that nothing of the estimator has changed."""
    before, predictions = dict(vars(estimator)), estimator.predict(X)
    with pytest.raises(error, match=match):
        fault()
    assert vars(estimator) == before
    assert_array_equal(estimator.predict(X), predictions)


class Fuse(keras.callbacks.Callback):
    """Raises when it is called as often as it may be."""

    def __init__(self, error, calls):
        super().__init__()
        self.error, self.calls = error, calls

    def on_epoch_end(self, epoch, logs=None):
        self.calls -= 1
        if self.calls == 0:
            raise self.error


# ---------------------------------------------------------------------- callbacks that raise


@both_engines
def test_a_callback_that_raises_changes_nothing(engine, X, y, use_engine):
    use_engine(engine)
    regressor = make("GRURegressor").fit(X, y)
    expected = copy.deepcopy(regressor)
    regressor.set_params(callbacks=[Fuse(KeyboardInterrupt("by hand"), 2)])
    assert_unchanged_by(lambda: regressor.fit(X, -y), KeyboardInterrupt, "by hand", regressor, X)
    regressor.set_params(callbacks=[Fuse(RuntimeError("no space left"), 1)])
    assert_unchanged_by(lambda: regressor.partial_fit(X, -y), RuntimeError, "no space left", regressor, X)
    regressor.set_params(callbacks=None)
    assert_equal_fits(regressor.fit(X, y), expected, X)
    if engine == "native":
        regressor.set_params(callbacks=[Fuse(RuntimeError("again"), 1)])
        assert_unchanged_by(lambda: regressor.partial_fit(X, -y), RuntimeError, "again", regressor, X)
        assert_equal_fits(regressor.set_params(callbacks=None).partial_fit(X, y), expected.partial_fit(X, y), X)


# ---------------------------------------------------------------------- losses that diverge


@both_engines
def test_a_loss_that_diverges_changes_nothing(engine, X, y, use_engine):
    use_engine(engine)
    regressor = make("GRURegressor").fit(X, y)
    expected = copy.deepcopy(regressor)
    advice = r"training diverges\. Clip the gradient \(optimizer__clipnorm=1\.0\), lower optimizer__learning_rate"
    regressor.set_params(optimizer__learning_rate=1e30)
    message = rf"The loss of GRURegressor became (nan|inf) in epoch [12]: {advice}"
    assert_unchanged_by(lambda: regressor.fit(X, y), ValueError, message, regressor, X)
    # Infinite weights after the only step, whose own loss is still finite.
    regressor.set_params(optimizer__learning_rate=1e39, epochs=1)
    message = f"The weights of GRURegressor became NaN or infinite in epoch 1: {advice}"
    assert_unchanged_by(lambda: regressor.fit(X[:32], y[:32]), ValueError, message, regressor, X)
    regressor.set_params(optimizer__learning_rate=0.001, epochs=3)
    assert_equal_fits(regressor.fit(X, y), expected, X)


def test_epochs_of_a_warm_start_are_counted_on_where_it_diverges(X, y):
    regressor = make("GRURegressor", warm_start=True).fit(X, y).set_params(optimizer__learning_rate=1e30)
    assert_unchanged_by(lambda: regressor.fit(X, y), ValueError, "GRURegressor became .* in epoch [45]:", regressor, X)


def test_a_first_validation_loss_of_nan_is_not_the_best(X, y):
    def spoil(epoch, logs):
        logs["val_loss"] = np.nan if epoch == 0 else logs["val_loss"]

    spoiler = keras.callbacks.LambdaCallback(on_epoch_end=spoil)
    regressor = make("GRURegressor", early_stopping=True, callbacks=[spoiler])
    expected = make("GRURegressor").fit(X, y)
    assert regressor.fit(X, y, X_val=X, y_val=y).best_epoch_ == 2
    assert np.isnan(regressor.history_["val_loss"][0])
    assert_array_equal(regressor.predict(X), expected.predict(X))


# ---------------------------------------------------------------------- callbacks that ask more of the model


@both_engines
def test_callbacks_may_be_a_tuple_monitor_a_metric_and_add_to_the_logs(engine, X, y, use_engine):
    use_engine(engine)
    stop = keras.callbacks.EarlyStopping(monitor="val_mae", min_delta=1e6, patience=1)
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(noted=epoch + 0.5))
    regressor = make("GRURegressor", epochs=5, metrics=["mae"], validation_split=0.25, callbacks=(note, stop))
    assert regressor.fit(X, y).n_iter_ == 2
    assert regressor.history_["noted"] == [0.5, 1.5]  # as Keras's own history has it
    assert set(regressor.history_) == {"loss", "mae", "val_loss", "val_mae", "noted"}


# ---------------------------------------------------------------------- signals and memory, in a process of their own

CHILD = """
import os
import resource
import signal
import sys

import keras
import numpy as np
from conftest import SMALL
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from skrnn import GRURegressor

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that interrupts are ignored
X = np.random.default_rng(0).normal(size=(40, 5, 3))
y = X[:, -1, 0] - X[:, -2, 1]
ENDLESS = 10**9


def asks_for_an_interrupt(waits=False):
    def ask(epoch, logs):
        if epoch >= 2:
            print("interrupt me", flush=True)
            signal.pause() if waits else None

    return [keras.callbacks.LambdaCallback(on_epoch_end=ask)]


def interrupted(call):
    try:
        call()
    except KeyboardInterrupt:
        return True
    return False


def fresh():
    return GRURegressor(**SMALL).fit(X, y)


regressor, expected = fresh(), fresh().predict(X)

# The callback goes on, and asks again after every epoch: the signal comes wherever training is by then.
regressor.set_params(epochs=ENDLESS, callbacks=asks_for_an_interrupt())
assert interrupted(lambda: regressor.fit(X, -y))
print("interrupted: fit", flush=True)
assert_array_equal(regressor.predict(X), expected)
assert regressor.n_iter_ == 3

# A single epoch, which might end before a signal comes: the callback waits for it.
regressor.set_params(callbacks=asks_for_an_interrupt(waits=True))
assert interrupted(lambda: regressor.partial_fit(X, -y))
print("interrupted: partial_fit", flush=True)
assert_array_equal(regressor.predict(X), expected)
regressor.set_params(callbacks=None)
assert_array_equal(regressor.partial_fit(X, y).predict(X), fresh().partial_fit(X, y).predict(X))
regressor.set_params(epochs=3)
assert_array_equal(regressor.fit(X, y).predict(X), expected)

searched = GRURegressor(**SMALL | {"epochs": ENDLESS, "callbacks": asks_for_an_interrupt()})
search = GridSearchCV(searched, {"shuffle": [True, False]}, cv=2, error_score=0.0)
assert interrupted(lambda: search.fit(X, y))
print("interrupted: search", flush=True)
assert not hasattr(search, "cv_results_") and not hasattr(searched, "n_iter_")
search.set_params(estimator__epochs=3, estimator__callbacks=None).fit(X, y)
assert search.cv_results_["rank_test_score"].tolist() in ([1, 2], [2, 1])


if sys.platform != "linux" or os.environ.get("SKRNN_ENGINE") == "keras":
    sys.exit()  # as the reason of the test on memory says


def out_of_memory(call):
    # 1 GiB: more than the arrays of the data take, and less than the gates of all their steps.
    [size] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize:")]
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1024 * int(size) + 2**30, before[1]))
    try:
        call()
    except MemoryError as error:
        print(f"{type(error).__name__} from {type(error.__cause__).__name__}: {error}", flush=True)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


wide = GRURegressor(units=30, epochs=1, random_state=0).fit(X, y)
before = wide.predict(X)
out_of_memory(lambda: wide.fit(np.zeros((40, 200_000, 3), dtype="float32"), y))
assert_array_equal(wide.predict(X), before)
out_of_memory(lambda: wide.predict(np.zeros((8, 2_000_000, 3), dtype="float32")))
assert_array_equal(wide.predict(X), before)
assert_array_equal(wide.fit(X, y).predict(X), before)
"""


@pytest.fixture(scope="session")
def lines_of_a_process_with_faults(tmp_path_factory):
    """What a process printed that got a signal whenever it asked for one."""
    log = tmp_path_factory.mktemp("faults") / "stderr.txt"  # a pipe that nobody reads yet would hold it up when full
    lines, asks, sent = [], False, 0.0
    with log.open("w") as stderr, started("-c", CHILD, env={"PYTHONPATH": PYTHONPATH}, stderr=stderr) as process:
        for line in process.stdout:
            asked, asks = asks, line == "interrupt me\n"
            if not asks:
                lines.append(line.rstrip())
            # Once, and again where it still asks: code in C that clears errors of Python can lose an interrupt.
            elif not asked or time.monotonic() - sent > 20:
                process.send_signal(signal.SIGINT)
                sent = time.monotonic()
        status = process.wait()
    assert status == 0, log.read_text()
    return lines


@pytest.mark.slow
def test_a_signal_interrupts_and_changes_nothing(lines_of_a_process_with_faults):
    assert [line for line in lines_of_a_process_with_faults if line.startswith("interrupted")] == [
        "interrupted: fit",
        "interrupted: partial_fit",
        "interrupted: search",
    ]


TRAINING_MESSAGE = (
    "GRURegressor ran out of memory with batches of {} sequences of {} time steps. Lower batch_size or units, or cut "
    "the sequences into shorter windows." + see("speed", "memory")
)
PREDICTION_MESSAGE = (
    "GRURegressor ran out of memory with batches of {} sequences of {} time steps. Cut the sequences into shorter "
    "windows, or fit with fewer units." + see("speed", "memory")
)


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or os.environ.get("SKRNN_ENGINE") == "keras",
    reason="Reads /proc for what memory is in use; Keras's own prediction ends the process where memory runs out.",
)
def test_memory_that_runs_out_names_batches_and_steps(lines_of_a_process_with_faults):
    training, predicting = [line for line in lines_of_a_process_with_faults if line.startswith("MemoryError")]
    assert re.fullmatch(
        rf"MemoryError from \w*MemoryError: {re.escape(TRAINING_MESSAGE.format(32, 200_000))}", training
    )
    message = re.escape(PREDICTION_MESSAGE.format(8, 2_000_000))
    for line, message in (
        (training, TRAINING_MESSAGE.format(32, 200_000)),
        (predicting, PREDICTION_MESSAGE.format(8, 2_000_000)),
    ):
        assert re.fullmatch(rf"MemoryError from \w*MemoryError: {re.escape(message)}", line)


@needs_kernels
def test_memory_that_threads_do_not_get_changes_nothing(X, y, monkeypatch):
    regressor = make("GRURegressor").fit(X, y)
    expected = copy.deepcopy(regressor)
    with monkeypatch.context() as patch:

        def refused(n, dtype):
            raise MemoryError("all is taken") if n > 1000 else None
            return aligned_zeros(n, dtype)

        patch.setattr(skrnn._engine.native_pass, "aligned_zeros", refused)
        message = re.escape(TRAINING_MESSAGE.format(32, 5))
        before = dict(vars(regressor))
        for call in (regressor.fit, regressor.partial_fit):
            with pytest.raises(MemoryError, match=f"^{message}$"):
                call(X, y)
            assert vars(regressor) == before
        with pytest.raises(MemoryError, match=f"^{re.escape(PREDICTION_MESSAGE.format(16, 5))}$"):
            regressor.predict(X)
    assert_equal_fits(regressor.fit(X, y), expected, X)
