import contextlib
import hashlib
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from children import run_code
from conftest import data
from numpy.testing import assert_array_equal

from skrnn import GRURegressor, RecurrentClassifier, RecurrentRegressor

pytestmark = pytest.mark.slow


def dropping_gru(units, **options):
    import keras

    return keras.layers.GRU(units, dropout=0.2, recurrent_dropout=0.2, **options)


COMMON = {"epochs": 2, "optimizer__learning_rate": 0.05, "random_state": 0}
FITS = {
    "plain": lambda **changes: GRURegressor(4, **(COMMON | changes)),
    "dropout": lambda **changes: RecurrentRegressor("rnn", 4, dropout=0.3, recurrent_dropout=0.3, **(COMMON | changes)),
    "callable": lambda **changes: RecurrentRegressor(dropping_gru, 4, **(COMMON | changes)),
}
# Callable cells always train through Keras's own loop; for the others a variable of the environment asks for it.
ways_to_train = pytest.mark.parametrize(
    ("kind", "engine"),
    [
        ("plain", "native"),
        ("dropout", "native"),
        pytest.param("dropout", "keras", marks=pytest.mark.slow),
        pytest.param("callable", "keras", marks=pytest.mark.slow),
    ],
)


@contextlib.contextmanager
def global_states_restored():
    states = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


def weights_of(estimator):
    return np.concatenate([np.ravel(w) for w in estimator.model_.get_weights()])


def digest(estimator):
    """Hash of the bits of the weights and of the predictions."""
    return hashlib.sha256(weights_of(estimator).tobytes() + estimator.predict(data()[0]).tobytes()).hexdigest()


# ---------------------------------------------------------------- equal seeds


@ways_to_train
def test_equal_seeds_give_equal_bits_and_others_do_not(kind, engine, use_engine):
    import keras

    use_engine(engine)
    fits = []
    with global_states_restored():
        for seed, global_seed in ((5, 1), (5, 2), (6, 1)):
            keras.utils.set_random_seed(global_seed)  # must not matter
            fits.append(FITS[kind](random_state=seed).fit(*data()))
    first, again, other = fits
    assert digest(first) == digest(again)
    assert first.history_ == again.history_
    assert (weights_of(first) != weights_of(other)).mean() > 0.9


def test_a_second_fit_of_one_estimator_starts_anew():
    estimator = GRURegressor(4, **COMMON)
    assert digest(estimator.fit(*data())) == digest(estimator.fit(*data()))


def test_a_fresh_process_gives_equal_bits():
    code = """
import numpy as np
from conftest import data
from test_reproducibility import FITS, digest

np.random.seed(123)
for kind, make in reversed(FITS.items()):  # the order must not matter
    print(kind, digest(make().fit(*data())))
"""
    process = run_code(code, env={"PYTHONHASHSEED": "7"})
    elsewhere = dict(line.split() for line in process.stdout.splitlines())
    assert elsewhere == {kind: digest(make().fit(*data())) for kind, make in FITS.items()}


# ---------------------------------------------------------------- what random_state may be


def test_random_state_instances_are_honoured():
    first, again, other = (
        weights_of(GRURegressor(4, **(COMMON | {"random_state": np.random.RandomState(seed)})).fit(*data()))
        for seed in (1, 1, 2)
    )
    assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_random_state_instance_goes_on_from_fit_to_fit():
    estimator = GRURegressor(4, **(COMMON | {"random_state": np.random.RandomState(1)}))
    first, second = (weights_of(estimator.fit(*data())) for _ in range(2))
    assert (first != second).mean() > 0.9


def test_no_random_state_gives_other_weights_each_time():
    estimator = GRURegressor(4, **(COMMON | {"random_state": None}))
    fits = []
    with global_states_restored():
        for _ in range(2):
            np.random.seed(0)  # not even the global state makes such fits equal
            fits.append(weights_of(estimator.fit(*data())))
    assert (fits[0] != fits[1]).mean() > 0.9


def test_numpy_integers_are_seeds_like_others():
    by_int, by_numpy = (
        weights_of(GRURegressor(4, **(COMMON | {"random_state": seed})).fit(*data())) for seed in (3, np.int64(3))
    )
    assert_array_equal(by_int, by_numpy)


def test_the_seed_decides_the_order_of_samples():
    X, y = data()
    shuffled, in_order = (GRURegressor(4, shuffle=shuffle, **COMMON).fit(X, y) for shuffle in (True, False))
    reversed_rows = GRURegressor(4, shuffle=False, **COMMON).fit(X[::-1], y[::-1])
    assert (weights_of(shuffled) != weights_of(in_order)).any()
    assert (weights_of(reversed_rows) != weights_of(in_order)).any()


# ---------------------------------------------------------------- global random states


def global_random_states():
    """All of them; TensorFlow's, which cannot be read, by the number that it gives after it was seeded."""
    import tensorflow as tf
    from keras.src.random.seed_generator import global_seed_generator

    of_keras = global_seed_generator()  # made when first asked for, with a seed that Python's generator gives
    name, keys, *rest = np.random.get_state()
    return {
        "numpy": (name, keys.tobytes(), *rest),
        "python": random.getstate(),
        "keras": np.asarray(of_keras.state.value).tolist(),
        "tensorflow": tf.random.uniform((4,)).numpy().tolist(),
        "environment": os.environ.get("PYTHONHASHSEED"),  # where scikeras leaves its seed
    }


@ways_to_train
def test_global_random_states_stay_untouched(kind, engine, use_engine):
    import keras
    import tensorflow as tf

    use_engine(engine)
    X, y = data()
    with global_states_restored():
        keras.utils.set_random_seed(0)
        expected = global_random_states()
        tf.random.set_seed(0)
        estimator = FITS[kind](validation_split=0.2, random_state=None).fit(X, y)
        estimator.predict(X)
        estimator.partial_fit(X, y)
        estimator.model_.count_params()
        assert global_random_states() == expected


def test_draws_do_change_what_is_compared():
    import keras
    import tensorflow as tf

    with global_states_restored():
        keras.utils.set_random_seed(0)
        before = global_random_states()
        tf.random.set_seed(0)
        for draw in (np.random.random, random.random, lambda: keras.random.uniform(()), lambda: tf.random.uniform(())):
            draw()
        after = global_random_states()
    assert [name for name in before if before[name] != after[name]] == ["numpy", "python", "keras", "tensorflow"]


def test_a_failing_cell_leaves_the_random_states_too():
    def failing(units, **options):
        random.random()
        raise RuntimeError("no such cell")

    state = random.getstate()
    with pytest.raises(RuntimeError, match="no such cell"):
        RecurrentRegressor(failing, 4).fit(*data())
    assert random.getstate() == state


# ---------------------------------------------------------------- threads


def fit_in_threads(makers, X, y):
    """Predictions of estimators that are fitted at once, each in a thread of its own."""
    start = threading.Barrier(len(makers))

    def fit(make):
        estimator = make()
        start.wait()
        return estimator.fit(X, y).predict(X)

    with ThreadPoolExecutor(len(makers)) as pool:
        return list(pool.map(fit, makers))


def test_threads_that_fit_equal_estimators_give_the_bits_of_serial_fits():
    X, y = data()
    expected = GRURegressor(4, **COMMON).fit(X, y).predict(X)
    for predictions in fit_in_threads([lambda: GRURegressor(4, **COMMON)] * 4, X, y):
        assert_array_equal(predictions, expected)


def test_threads_that_fit_different_estimators_give_the_bits_of_serial_fits():
    X, y = data()
    makers = [
        lambda: GRURegressor(4, **COMMON),
        lambda: GRURegressor(4, **(COMMON | {"random_state": 1, "epochs": 4})),
        lambda: RecurrentRegressor("rnn", 4, **COMMON),
        FITS["dropout"],
    ]
    expected = [make().fit(X, y).predict(X) for make in makers]
    for predictions, serial in zip(fit_in_threads(makers, X, y), expected, strict=True):
        assert_array_equal(predictions, serial)


def test_threads_that_fit_through_keras_give_the_bits_of_serial_fits():
    X, y = data()
    makers = [partial(FITS["callable"], random_state=seed, epochs=1) for seed in range(3)]
    expected = [make().fit(X, y).predict(X) for make in makers]
    for predictions, serial in zip(fit_in_threads(makers, X, y), expected, strict=True):
        assert_array_equal(predictions, serial)


def test_threads_that_predict_with_one_estimator():
    X, y = data()
    classifier = RecurrentClassifier("rnn", 4, **COMMON).fit(X, y > 0)
    expected = classifier.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for probabilities in pool.map(classifier.predict_proba, [X] * 16):
            assert_array_equal(probabilities, expected)
