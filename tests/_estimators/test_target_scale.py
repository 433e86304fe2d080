"""Warnings of targets and of validation data that are on a scale of their own."""

import numpy as np
import pytest
from conftest import make
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from skrnn._engine.validation_scale import warn_of_validation_scale
from skrnn._estimators.target_scale import warn_of_unscaled_target
from skrnn.exceptions import UnscaledTargetWarning

NORMAL = np.random.default_rng(0).normal(size=40)
NORMAL = (NORMAL - NORMAL.mean()) / NORMAL.std()


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (101 * NORMAL, "y has mean .* and standard deviation 101, a scale that Name takes many epochs to reach"),
        (NORMAL + 101, "y has mean 101 and standard deviation 1,"),
        (np.column_stack([NORMAL, 101 * NORMAL]), "Output 1 of y has mean"),
        (np.column_stack([np.full(41, np.nan), [np.nan, *(101 * NORMAL)]]), "Output 1 of y has .* deviation 101,"),
    ],
)
def test_what_is_not_scaled(y, said):
    with pytest.warns(UnscaledTargetWarning, match=said):
        warn_of_unscaled_target(y, "mse", "Name")


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        (99 * NORMAL, "mse"),
        (NORMAL + 99, "mse"),
        (np.full(40, 1000.0), "mse"),  # one value only
        (1000 * NORMAL[:19], "mse"),
        ([*(1000 * NORMAL[:19]), *[np.nan] * 20], "mse"),
        (1000 * NORMAL, "mape"),
        (1000 * NORMAL, "MeanSquaredLogarithmicError"),
        (1e-9 * NORMAL, "mse"),
    ],
)
def test_what_is(y, loss):
    warn_of_unscaled_target(np.asarray(y), loss, "Name")  # a warning would be an error


def test_a_fit_warns_once(X, y):
    with pytest.warns(UnscaledTargetWarning) as caught:
        regressor = make("GRURegressor").fit(X, 1000 * y)
    assert (len(caught), caught[0].filename) == (1, __file__)
    regressor.partial_fit(X, 1000 * y)
    TransformedTargetRegressor(make("GRURegressor"), transformer=StandardScaler()).fit(X, 1000 * y)


def test_of_time_steps_those_count_that_are_not_padding(X, X_masked, y_steps):
    y_steps = np.where(np.isnan(X_masked[..., 0]), 1e9, y_steps)
    assert make("GRURegressor", return_sequences=True).fit(X_masked, y_steps).n_iter_ == 3
    with pytest.warns(UnscaledTargetWarning):
        make("GRURegressor", return_sequences=True).fit(X, 1000 * y_steps)


# ---------------------------------------------------------------------- validation data


@pytest.mark.parametrize(
    ("training", "validation", "warns"),
    [(1.0, 101.0, True), (1.0, 99.0, False), (0.0, 0.1, True), (-1.0, 0.1, False), (1e-9, 1e-6, True)],
)
def test_validation_loss_beside_the_training_loss(training, validation, warns):
    if warns:
        with pytest.warns(UserWarning, match="more than 100 times the training loss on the same weights"):
            warn_of_validation_scale(training, validation, "Name")
    else:
        warn_of_validation_scale(training, validation, "Name")


@pytest.mark.parametrize("engine", ["", "keras"])
def test_validation_data_on_another_scale(engine, X, y, use_engine):
    use_engine(engine)
    # The loss after the epoch, without dropout: in the epoch itself it was far higher.
    params = {"dropout": 0.5, "epochs": 2, "batch_size": 4, "optimizer__learning_rate": 0.02}
    with pytest.warns(UserWarning, match="The validation loss of GRURegressor after the first epoch") as caught:
        regressor = make("GRURegressor", **params).fit(X, y, X_val=X, y_val=20 * y)
    assert (len(caught), caught[0].filename) == (1, __file__)
    after_first = make("GRURegressor", **{**params, "epochs": 1}).fit(X, y)
    loss = np.mean((after_first.predict(X) - y) ** 2)
    assert f"training loss on the same weights, {loss:.3g}" in str(caught[0].message)
    alone = make("GRURegressor", **params).fit(X, y)
    np.testing.assert_allclose(regressor.predict(X), alone.predict(X), atol=1e-6)  # looking changed nothing
    assert regressor.history_["loss"] == pytest.approx(alone.history_["loss"], rel=1e-6)


def test_losses_that_are_nearly_nothing(X):
    y = np.zeros(len(X))
    fitted = make("GRURegressor", epochs=1, optimizer__learning_rate=1e-9)
    fitted.fit(X / 1e6, y, X_val=X / 1e4, y_val=y)  # both below 1e-6, one 100 times the other
    assert 100 * fitted.history_["loss"][0] < fitted.history_["val_loss"][0] < 1e-6


def test_a_fit_that_continues_is_not_warned_of(X, y):
    params = {"epochs": 60, "optimizer__learning_rate": 0.05, "warm_start": True, "batch_size": 8}
    regressor = make("GRURegressor", **params).fit(X, y)  # it has learned these by heart
    regressor.set_params(epochs=1).fit(X, y, X_val=X, y_val=y + 5)
    assert regressor.history_["val_loss"][-1] > 100 * regressor.history_["loss"][-1]
