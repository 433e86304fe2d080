"""Optimizers by name, class and instance, and the arguments routed to them and to the loss."""

import keras
import numpy as np
import pytest
from conftest import make
from numpy.testing import assert_allclose, assert_array_equal


@pytest.mark.parametrize(
    "optimizer", ["adam", "sgd", "rmsprop", "adamw", "nadam", "adamax", "adagrad", "adadelta", "lion", "ftrl"]
)
def test_every_optimizer_trains(optimizer, X, y):
    rate = 10.0 if optimizer == "adadelta" else 0.05  # adadelta's steps start small
    regressor = make("GRURegressor", epochs=30, optimizer=optimizer, optimizer__learning_rate=rate).fit(X, y)
    losses = regressor.history_["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "rmsprop"])
def test_optimizers_by_name_class_and_instance(optimizer, X, y):
    of_keras = type(keras.optimizers.get(optimizer))
    expected = make("GRURegressor", optimizer=optimizer, optimizer__learning_rate=0.01).fit(X, y).predict(X)
    by_class = make("GRURegressor", optimizer=of_keras, optimizer__learning_rate=0.01).fit(X, y)
    assert_array_equal(by_class.predict(X), expected)
    by_instance = make("GRURegressor", optimizer=of_keras(learning_rate=0.01)).fit(X, y)
    assert_array_equal(by_instance.predict(X), expected)


def test_an_optimizer_instance_is_copied_each_fit(X, y):
    optimizer = keras.optimizers.Adam(0.01)
    n_variables = len(optimizer.variables)
    regressor = make("GRURegressor", optimizer=optimizer).fit(X, y)
    first = regressor.predict(X)
    assert_array_equal(regressor.fit(X, y).predict(X), first)
    assert_array_equal(make("GRURegressor", optimizer=optimizer).fit(X, y).predict(X), first)
    assert len(optimizer.variables) == n_variables
    assert int(optimizer.iterations) == 0
    assert regressor.optimizer is optimizer


def test_a_learning_rate_schedule(X, y):
    # Two batches an epoch: after one epoch the rate is nothing.
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.01, 1e-30])
    regressor = make("GRURegressor", optimizer=keras.optimizers.Adam(schedule)).fit(X, y)
    expected = make("GRURegressor", epochs=1, optimizer__learning_rate=0.01).fit(X, y)
    assert_allclose(regressor.predict(X), expected.predict(X), atol=1e-6)


def test_the_clipping_norm_bounds_the_step(X, y):
    params = {"optimizer": "sgd", "optimizer__learning_rate": 1.0, "epochs": 1, "batch_size": None}
    start = make("GRURegressor", **{**params, "optimizer__learning_rate": 1e-30}).fit(X, y).model_.get_weights()

    def longest_step(**routed):
        stepped = make("GRURegressor", **params, **routed).fit(X, y).model_.get_weights()
        return max(np.linalg.norm(b - a) for a, b in zip(start, stepped, strict=True))

    assert longest_step() > 0.1
    assert longest_step(optimizer__clipnorm=0.01) == pytest.approx(0.01, rel=1e-3)


def test_the_learning_rate_is_routed(X, y):
    fast = make("GRURegressor", epochs=10, optimizer__learning_rate=0.03).fit(X, y)
    slow = make("GRURegressor", epochs=10, optimizer__learning_rate=1e-5).fit(X, y)
    assert fast.history_["loss"][-1] < 0.7 * slow.history_["loss"][-1]
    default = make("GRURegressor", epochs=10).fit(X, y)
    given = make("GRURegressor", epochs=10, optimizer__learning_rate=0.001).fit(X, y)
    assert_array_equal(given.predict(X), default.predict(X))


def test_arguments_of_the_loss_are_routed(X, y):
    huge = make("GRURegressor", loss="huber", loss__delta=1e6).fit(X, y)
    squared = make("GRURegressor").fit(X, y)  # huber is half the square below delta
    assert_allclose(huge.history_["loss"][0], squared.history_["loss"][0] / 2, rtol=1e-2)
    small = make("GRURegressor", loss="huber", loss__delta=1e-3).fit(X, y)
    assert small.history_["loss"][0] < 1e-2 * huge.history_["loss"][0]
    by_instance = make("GRURegressor", loss=keras.losses.Huber(delta=1e-3)).fit(X, y)
    assert_allclose(by_instance.history_["loss"], small.history_["loss"], rtol=1e-6)
    default = make("GRURegressor", loss="huber").fit(X, y)
    one = make("GRURegressor", loss="huber", loss__delta=1.0).fit(X, y)
    assert_allclose(one.history_["loss"], default.history_["loss"], rtol=1e-6)


@pytest.mark.slow
def test_an_optimizer_of_ones_own_may_take_text(X, y):
    class Signed(keras.optimizers.SGD):
        def __init__(self, learning_rate=0.01, direction="down", **options):
            super().__init__(learning_rate if direction == "down" else -learning_rate, **options)

    params = {"epochs": 2, "optimizer": Signed, "optimizer__learning_rate": 0.05}
    losses = {
        direction: make("GRURegressor", **params, optimizer__direction=direction).fit(X, y).history_["loss"]
        for direction in ("down", "up")
    }
    assert losses["down"][1] < losses["down"][0]
    assert losses["up"][1] > losses["up"][0]
