"""Number of epochs: gradient steps, a loss that no longer falls, and a second training on all samples."""

import warnings

import numpy as np
import pytest
from conftest import SMALL
from numpy.testing import assert_array_equal

from skrnn import Checkpoint, GRUClassifier, GRURegressor, SequenceForecaster

AUTO_STEPS = 2000
# Keras converts its variables so while it saves them. Remove once Variable.__array__ takes `copy` (missing in 3.15).
READS_VARIABLES = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def sums(n_samples, seed=0):
    X = np.random.default_rng(seed).normal(size=(n_samples, 3, 1))
    return X, X.sum(axis=(1, 2))


def weights(net):
    return net._state.weights


@pytest.mark.filterwarnings("ignore:GRURegressor with epochs='auto' reached the limit")  # of test_convergence.py
@pytest.mark.parametrize(
    ("n_samples", "batch_size", "epochs"), [(640, 32, 100), (650, 32, 96), (64, None, 1000), (6400, 32, 10)]
)
def test_auto_is_a_number_of_gradient_steps(n_samples, batch_size, epochs):
    X, y = sums(n_samples)
    net = GRURegressor(2, epochs="auto", tol=0.0, batch_size=batch_size, random_state=0, optimizer__learning_rate=1e-4)
    net.fit(X, y)
    assert net.n_iter_ == epochs == min(-(-AUTO_STEPS // -(-n_samples // (batch_size or n_samples))), 1000)
    if epochs == 10:
        same = GRURegressor(2, epochs=10, random_state=0, optimizer__learning_rate=1e-4).fit(X, y)
        assert_array_equal(net.predict(X), same.predict(X))
        assert net.partial_fit(X, y).n_iter_ == 11


@pytest.mark.parametrize(("patience", "rate"), [(10, 0.01), (10, 0.0004), (40, 0.0004)])
def test_training_ends_when_the_loss_no_longer_falls(patience, rate):
    """The lowest loss of the last epochs is compared with the lowest before, after 1000 steps."""
    X, y = sums(160)
    net = GRURegressor(4, epochs="auto", tol=1e-2, patience=patience, random_state=0, optimizer__learning_rate=rate)
    losses, n = net.fit(X, y).history_["loss"], max(patience, 20)  # 100 steps of 5 batches
    ends = [k for k in range(200, len(losses) + 1) if min(losses[k - n : k]) > min(losses[: k - n]) - 1e-2 * losses[0]]
    assert ends[0] == net.n_iter_ < 400
    assert (net.n_iter_ == 200) == (rate == 0.01)
    exact = GRURegressor(4, epochs=30, tol=1e9, random_state=0).fit(X, y)  # an int is exactly that many
    assert exact.n_iter_ == 30


def test_scale_of_the_loss_does_not_matter():
    X, y = sums(160)
    params = {"epochs": "auto", "tol": 1e-2, "random_state": 0, "dtype": "float64", "optimizer": "sgd"}
    ones = GRURegressor(4, optimizer__learning_rate=0.02, **params).fit(X, y)
    halves = GRURegressor(4, loss=lambda t, p: 0.5 * (t - p) ** 2, optimizer__learning_rate=0.04, **params).fit(X, y)
    assert ones.n_iter_ == halves.n_iter_ < 400


@pytest.mark.parametrize("value", ["all", 0, -1, 2.5, None])
def test_invalid_epochs(value):
    with pytest.raises(ValueError, match="The 'epochs' parameter of GRURegressor must be"):
        GRURegressor(epochs=value).fit(*sums(20))


@pytest.mark.parametrize(("name", "value"), [("tol", -1e-3), ("tol", "low"), ("refit_full", "yes")])
def test_invalid_values(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of GRURegressor must be"):
        GRURegressor(**{name: value}).fit(*sums(20))


def early_stopping(**params):
    params = {"units": 4, "epochs": 60, "validation_split": 0.25, "random_state": 0} | params
    return GRURegressor(early_stopping=True, patience=2, optimizer__learning_rate=0.05, **params)


@pytest.mark.parametrize("batch_size", [16, None])
def test_all_samples_are_trained_on_for_as_many_steps(batch_size):
    X, y = sums(120)
    stopped = early_stopping(batch_size=batch_size).fit(X, y)
    refitted = early_stopping(batch_size=batch_size, refit_full=True).fit(X, y)
    assert refitted.history_ == stopped.history_ and refitted.best_epoch_ == stopped.best_epoch_
    n_steps = (stopped.best_epoch_ + 1) * (6 if batch_size else 1)
    epochs = max(round(n_steps / (8 if batch_size else 1)), 1)
    by_hand = GRURegressor(4, epochs=epochs, batch_size=batch_size, random_state=0, optimizer__learning_rate=0.05)
    assert_array_equal(refitted.predict(X), by_hand.fit(X, y).predict(X))
    assert np.abs(refitted.predict(X) - stopped.predict(X)).max() > 1e-3


def test_refit_with_members_and_weights():
    X, y = sums(120)
    ensemble = early_stopping(refit_full=True, n_members=2).fit(X, y)
    assert_array_equal(ensemble.members_[0].predict(X), early_stopping(refit_full=True).fit(X, y).predict(X))
    is_used = np.arange(120) % 3 > 0
    weighted = early_stopping(refit_full=True).fit(X, y, is_used.astype(float))
    assert_array_equal(weighted.predict(X), early_stopping(refit_full=True).fit(X[is_used], y[is_used]).predict(X))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("n_members", [1, 2])
def test_a_checkpoint_covers_both_trainings(tmp_path, keep, n_members, monkeypatch):
    X, y = sums(120)
    checkpoint = Checkpoint(tmp_path, every=1, keep=keep)
    net = early_stopping(refit_full=True, callbacks=[checkpoint], n_members=n_members)
    expected = early_stopping(refit_full=True, n_members=n_members).fit(X, y)

    # The fit is interrupted at the start of the second training.
    from skrnn._estimators import early_stopping as module

    calls, original = [], module.train

    def interrupted(plan, *data):
        calls.append(len(data))
        if len(data) == 1:
            raise KeyboardInterrupt
        return original(plan, *data)

    monkeypatch.setattr(module, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y)
    assert len(list(tmp_path.iterdir())) >= 1
    monkeypatch.setattr(module, "train", original)
    net.fit(X, y)
    assert_array_equal(net.predict(X), expected.predict(X))
    assert net.history_ == expected.history_
    assert len(list(tmp_path.iterdir())) == (2 * n_members if keep else 0)


def test_what_refit_full_requires():
    X, y = sums(60)
    with pytest.raises(
        ValueError, match=r"refit_full=True of GRURegressor follows early stopping. Set early_stopping=True"
    ):
        GRURegressor(refit_full=True).fit(X, y)
    with pytest.raises(
        ValueError, match=r"trains on the samples of X that were held out, but X_val was passed instead"
    ):
        early_stopping(refit_full=True).fit(X, y, X_val=X, y_val=y)


def test_few_validation_samples():
    X, y = sums(60)
    with pytest.warns(UserWarning, match=r"compares epochs on 6 validation samples, which are too few .*epochs='auto'"):
        GRURegressor(**SMALL, early_stopping=True).fit(X, y)
    labels = np.r_[np.zeros(50), np.ones(10)]
    with pytest.warns(UserWarning, match="23 validation samples with fewer than 2 of a class"):
        GRUClassifier(**SMALL, early_stopping=True).fit(X, labels, X_val=X[:23], y_val=np.r_[np.zeros(22), 1])
    early = early_stopping(validation_split=0.4)
    early.fit(X, y)  # 24
    missing = y.copy()
    missing[-8:] = np.nan
    with pytest.warns(UserWarning, match="16 validation samples"):
        early_stopping(epochs=1).fit(X[:36], y[:36], X_val=X[36:], y_val=missing[36:])
    forecaster = SequenceForecaster(early_stopping(validation_split=0.4), window=3).fit(None, y)
    assert forecaster.estimator_.best_epoch_ <= forecaster.estimator_.n_iter_


def test_targets_of_time_steps_are_counted():
    """Six sequences of four time steps are 24 targets; of three, 18, of which padded and missing ones are none."""
    X = np.random.default_rng(0).normal(size=(60, 4, 1))
    y, params = X[..., 0].copy(), {**SMALL, "return_sequences": True, "early_stopping": True}
    GRURegressor(**params).fit(X, y)
    GRUClassifier(**params).fit(X, (y > 0).astype(int))
    with pytest.warns(UserWarning, match="compares epochs on 18 validation targets, which are too few"):
        GRURegressor(**params).fit(X[:, :3], y[:, :3])
    padded = X.copy()
    padded[-1, 1:] = np.nan
    y[-3:-1, 2:] = np.nan
    with pytest.warns(UserWarning, match="compares epochs on 17 validation targets"):
        GRURegressor(**params).fit(padded, y)


def test_callbacks_that_monitor_validation_values_are_quiet_in_the_second_training(tmp_path):
    import keras

    X, y = sums(120)

    def callbacks():
        return [
            keras.callbacks.ReduceLROnPlateau(patience=50),
            keras.callbacks.EarlyStopping(patience=50),
            keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True),
        ]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with_callbacks = early_stopping(refit_full=True, callbacks=callbacks()).fit(X, y)
    assert [str(warning.message) for warning in caught if "val_loss" in str(warning.message)] == []
    assert_array_equal(with_callbacks.predict(X), early_stopping(refit_full=True).fit(X, y).predict(X))
    for callback in callbacks():  # the filters are those of before
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            GRURegressor(**SMALL, callbacks=[callback]).fit(X, y)
        assert "val_loss" in str([str(warning.message) for warning in caught])


def weights_in(file):
    """Weights in a file of weights alone, of a network of the shape of the fits here."""
    X, y = sums(120)
    network = early_stopping(epochs=1).fit(X, y).model_
    network.load_weights(file)
    return network.get_weights()


@READS_VARIABLES
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
def test_models_that_are_saved_by_a_validation_value_are_those_of_the_first_training(
    engine, nested, tmp_path, use_engine
):
    import keras

    use_engine(engine)
    X, y = sums(120)

    def fit(folder, **params):
        files = ("best.weights.h5", "{epoch}-{val_loss:.3f}.weights.h5", "{epoch}-{loss:.3f}.weights.h5")
        savers = [
            keras.callbacks.ModelCheckpoint(
                tmp_path / folder / file, save_weights_only=True, save_best_only=file.startswith("best")
            )
            for file in files
        ]
        callbacks = [keras.callbacks.CallbackList(savers)] if nested else savers
        return early_stopping(callbacks=callbacks, **params).fit(X, y)

    refitted, fit_once = fit("refit", refit_full=True), fit("once")
    assert refitted.history_ == fit_once.history_
    best = [weights_in(tmp_path / folder / "best.weights.h5") for folder in ("refit", "once")]
    assert_array_equal(np.concatenate([*map(np.ravel, best[0])]), np.concatenate([*map(np.ravel, best[1])]))
    named = {folder: {file.name for file in (tmp_path / folder).iterdir()} for folder in ("refit", "once")}
    by_validation = {f"{k + 1}-{loss:.3f}.weights.h5" for k, loss in enumerate(refitted.history_["val_loss"])}
    assert by_validation <= named["refit"]
    # All others are named by the training loss, which both trainings have.
    assert len(named["once"]) == 1 + 2 * refitted.n_iter_
    assert len(named["refit"] - named["once"]) == refitted_epochs(refitted, X, y)


@READS_VARIABLES
def test_the_second_training_does_not_resume_the_first_one(tmp_path):
    import keras

    X, y = sums(120)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    refitted = early_stopping(refit_full=True, callbacks=[backup]).fit(X, y)
    assert_array_equal(refitted.predict(X), early_stopping(refit_full=True).fit(X, y).predict(X))


@pytest.mark.parametrize("engine", ["native", pytest.param("keras", marks=pytest.mark.slow)])
@pytest.mark.parametrize("n_members", [1, 2])
def test_callbacks_that_read_validation_values_in_the_second_training(n_members, engine, use_engine):
    import keras

    use_engine(engine)
    X, y = sums(120)
    params = {"epochs": 2, "refit_full": True, "n_members": n_members}
    seen = []

    def callback(read):
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(read(logs)))

    fitted = early_stopping(callbacks=[callback(lambda logs: logs.get("val_loss"))], **params).fit(X, y)
    last = fitted if n_members == 1 else fitted.members_[-1]
    assert [value for value in seen if value is not None][-2:] == last.history_["val_loss"]
    assert seen[-1] is None
    message = r"A callback of GRURegressor reads logs\['val_loss'\], but in the second training of refit_full=True"
    message += r".* Use logs\.get\('val_loss'\)"
    with pytest.raises(ValueError, match=message):
        early_stopping(callbacks=[callback(lambda logs: logs["val_loss"])], **params).fit(X, y)
    with pytest.raises(KeyError, match="'other'"):
        early_stopping(callbacks=[callback(lambda logs: logs["other"])], **params).fit(X, y)
    no_validation = early_stopping(callbacks=[callback(lambda logs: logs["val_loss"])])
    with pytest.raises(KeyError, match="'val_loss'"):
        no_validation.set_params(early_stopping=False, validation_split=None).fit(X, y)


def refitted_epochs(refitted, X, y):
    """Number of epochs of the second training, with as many gradient steps as the best epoch of the first one had."""
    n_training = len(X) - round(0.3 * len(X))
    n_steps = (refitted.best_epoch_ + 1) * -(-n_training // refitted.batch_size)
    return max(round(n_steps / -(-len(X) // refitted.batch_size)), 1)
