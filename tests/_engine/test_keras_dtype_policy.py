"""Global dtypes of Keras, and numbers of all kinds for the optimizer, change no estimator."""

import keras
import numpy as np
import pytest
from conftest import make
from numpy.testing import assert_allclose, assert_array_equal

from skrnn._engine.keras_dtype_policy import default_dtype_policy

pytestmark = pytest.mark.slow


@pytest.fixture
def set_globally():
    """Set a global dtype or policy, and put the defaults back."""

    def set_one(policy=None, floatx=None):
        if floatx:
            keras.config.set_floatx(floatx)
        if policy:
            keras.config.set_dtype_policy(policy)

    yield set_one
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    "options",
    [{"policy": "mixed_float16"}, {"policy": "mixed_bfloat16"}, {"floatx": "float16"}, {"floatx": "float64"}],
    ids=lambda options: "-".join(*options.items()),
)
@pytest.mark.parametrize("engine", ["", "keras"])
def test_a_global_dtype(engine, options, X, y, set_globally, use_engine):
    use_engine(engine)
    params = {"validation_split": 0.25, "metrics": ["mae"], "optimizer__learning_rate": 0.0123}
    expected = make("GRURegressor", **params).fit(X, y)
    predictions = expected.predict(X)
    set_globally(**options)
    regressor = make("GRURegressor", **params).fit(X, y)
    assert_array_equal(regressor.predict(X), predictions)
    assert_array_equal(expected.predict(X), predictions)
    assert regressor.history_ == expected.history_
    assert {str(w.dtype) for w in regressor.model_.weights} == {"float32"}
    assert_allclose(regressor.model_.predict_on_batch(X)[:, 0], predictions, atol=1e-6)
    assert keras.config.floatx() == options.get("floatx", "float32")
    assert keras.config.dtype_policy().name == options.get("policy", "float32")


@pytest.mark.parametrize("engine", ["", "keras"])
def test_float64_is_float64(engine, X, y, use_engine):
    use_engine(engine)
    regressor = make("GRURegressor", dtype="float64").fit(X, y)
    shifted = regressor.predict(X + 1e-10)
    assert (shifted != regressor.predict(X)).any()  # float32 would round the difference away


def test_defaults_are_shared_by_threads_and_put_back(set_globally):
    set_globally(floatx="float64")
    with default_dtype_policy():
        with default_dtype_policy():
            assert keras.config.floatx() == "float32"
        assert keras.config.floatx() == "float32"
    assert keras.config.floatx() == "float64"
    with pytest.raises(RuntimeError, match="inside"), default_dtype_policy():
        raise RuntimeError("inside")
    assert keras.config.floatx() == "float64"


# ---------------------------------------------------------------------- numbers of the optimizer


@pytest.mark.parametrize("rate", [np.float32(0.5), np.float64(0.5), np.array([0.5])[0]], ids=repr)
def test_scalars_of_numpy(rate, X, y):
    expected = make("GRURegressor", optimizer="sgd", optimizer__learning_rate=0.5).fit(X, y)
    regressor = make("GRURegressor", optimizer="sgd", optimizer__learning_rate=rate).fit(X, y)
    assert_array_equal(regressor.predict(X), expected.predict(X))
    assert regressor.get_params()["optimizer__learning_rate"] is rate


@pytest.mark.parametrize("rate", [1, np.int64(1)], ids=repr)
def test_whole_numbers(rate, X, y):
    expected = make("GRURegressor", optimizer="sgd", optimizer__learning_rate=1.0, optimizer__clipnorm=0.1).fit(X, y)
    params = {"optimizer": "sgd", "optimizer__learning_rate": rate, "optimizer__clipnorm": np.float64(0.1)}
    assert_array_equal(make("GRURegressor", **params).fit(X, y).predict(X), expected.predict(X))


@pytest.mark.parametrize("rate", [-0.1, np.float32(-0.1), -1])
def test_a_negative_rate(rate, X, y):
    with pytest.raises(ValueError, match="'optimizer__learning_rate' parameter of GRURegressor must not be negative"):
        make("GRURegressor", optimizer__learning_rate=rate).fit(X, y)
    with pytest.raises(ValueError, match="learning rate of the optimizer of GRURegressor must not be negative"):
        make("GRURegressor", optimizer=keras.optimizers.SGD(float(rate))).fit(X, y)


def test_schedules_are_left_alone(X, y):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    assert make("GRURegressor", optimizer__learning_rate=schedule).fit(X, y).n_iter_ == 3


def test_no_policy_is_set_where_there_was_none(X, y):
    from keras.src.backend.common import global_state

    global_state.set_global_attribute("dtype_policy", None)  # as in a process, or a thread, that has built nothing yet
    try:
        make("GRURegressor").fit(X, y).predict(X)
        assert global_state.get_global_attribute("dtype_policy") is None
    finally:
        keras.config.set_dtype_policy("float32")
