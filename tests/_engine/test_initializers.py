"""Initial values against the published words of their generator, and against the initializers of Keras."""

import keras
import numpy as np
import pytest
from children import run
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from skrnn._engine.initializers import (
    _normal,
    _orthonormal,
    _philox,
    glorot_uniform,
    initial_value,
    orthogonal,
    random_uniform,
)

against_keras = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Other backends of Keras draw other numbers."
)

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])

# The last three: Keras takes seeds modulo 2**31 - 2.
SEEDS = (0, 1, 12345, 2**30 + 7, 2**31 - 3, 2**31 - 2, 2**31 - 1)

# Below, at and beyond whole groups of numbers, which hold four in float32 and two in float64; kernels of each cell.
SHAPES = ((1, 1), (1, 2), (1, 7), (3, 1), (5, 5), (2, 21), (8, 24), (8, 32), (33, 96), (64, 256))

# Around the number of counters that are drawn at once, in either dtype, and beyond it many times.
LARGE_SHAPES = ((2**15 - 1, 4), (2**15, 4), (2**15 + 1, 4), (2**15, 2), (30000, 64))


def drawn_by_keras(initializer, shape, dtype):
    return keras.ops.convert_to_numpy(initializer(shape, dtype=dtype))


def check_same_bits(actual, expected):
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    assert actual.tobytes() == expected.tobytes()


# ---------------------------------------------------------------- the generator


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        # Of the file kat_vectors of Random123, which its authors published with the paper.
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_the_generator_gives_the_published_words(counter, key, words):
    counter, key, words = (
        np.array([int(word, 16) for word in text.split()], dtype=np.uint64)[:, np.newaxis]
        for text in (counter, key, words)
    )
    assert_array_equal(_philox(counter, key), words)


# ---------------------------------------------------------------- Keras's initializers


@against_keras
@DTYPES
@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_values_equal_those_of_keras_bit_for_bit(seed, dtype):
    for shape in SHAPES:
        expected = drawn_by_keras(keras.initializers.GlorotUniform(seed=seed), shape, dtype)
        check_same_bits(glorot_uniform(shape, dtype, seed), expected)
        expected = drawn_by_keras(keras.initializers.RandomUniform(seed=seed), shape, dtype)
        check_same_bits(random_uniform(shape, dtype, seed), expected)


@against_keras
@DTYPES
@pytest.mark.parametrize("shape", LARGE_SHAPES)
def test_many_uniform_values_equal_those_of_keras_bit_for_bit(shape, dtype):
    expected = drawn_by_keras(keras.initializers.GlorotUniform(seed=2**31 - 1), shape, dtype)
    check_same_bits(glorot_uniform(shape, dtype, 2**31 - 1), expected)
    expected = drawn_by_keras(keras.initializers.RandomUniform(seed=3), shape, dtype)
    check_same_bits(random_uniform(shape, dtype, 3), expected)


@against_keras
@DTYPES
@pytest.mark.parametrize("shape", [(6,), (3, 4, 5)])
def test_kernels_that_are_no_matrices(shape, dtype):
    expected = drawn_by_keras(keras.initializers.GlorotUniform(seed=4), shape, dtype)
    check_same_bits(glorot_uniform(shape, dtype, 4), expected)


@against_keras
@DTYPES
@pytest.mark.parametrize("seed", SEEDS)
def test_normal_values_equal_those_of_keras(seed, dtype):
    expected = keras.ops.convert_to_numpy(keras.random.normal((200_001,), dtype=dtype, seed=seed))
    values = _normal(200_001, dtype, seed)
    assert values.dtype == dtype
    # Some last bits differ: logarithm, sine and cosine are those of other libraries.
    assert_allclose(values, expected, rtol=0, atol=4 * np.finfo(dtype).eps)
    assert (values == expected).mean() > 0.9


@against_keras
@DTYPES
@pytest.mark.parametrize("units", [1, 2, 3, 8, 40, 64, 100])
def test_orthogonal_values_equal_those_of_keras(units, dtype):
    for seed in SEEDS:
        for n_gates in (3, 4):
            shape = (units, n_gates * units)
            expected = drawn_by_keras(keras.initializers.Orthogonal(seed=seed), shape, dtype)
            values = orthogonal(shape, dtype, seed)
            assert values.dtype == dtype
            assert_allclose(values, expected, rtol=0, atol={"float32": 1e-6, "float64": 1e-12}[dtype])
            assert_allclose(orthogonal(shape[::-1], dtype, seed), values.T, rtol=0, atol=0)


@against_keras
@DTYPES
@pytest.mark.parametrize("units", [1, 2, 3, 8, 40, 64, 100])
def test_square_orthogonal_values_equal_those_of_keras(units, dtype):
    for seed in SEEDS:
        values = orthogonal((units, units), dtype, seed)
        # The decomposition of a square matrix is ill-conditioned. Keras decomposes in float32 and is off by some 1e-5
        # from that of its own normal numbers in float64.
        normal = keras.ops.convert_to_numpy(keras.random.normal((units, units), dtype=dtype, seed=seed))
        q, r = np.linalg.qr(normal.astype(np.float64))
        assert_allclose(values, q * np.sign(np.diag(r)), rtol=0, atol={"float32": 2e-6, "float64": 1e-12}[dtype])
        expected = drawn_by_keras(keras.initializers.Orthogonal(seed=seed), (units, units), dtype)
        assert_allclose(values, expected, rtol=0, atol={"float32": 5e-5, "float64": 1e-12}[dtype])


@DTYPES
@pytest.mark.parametrize("shape", [(5, 5), (4, 12), (12, 4), (1, 3), (2, 3, 4)])
def test_orthogonal_values_are_orthonormal(shape, dtype):
    values = orthogonal(shape, dtype, 0).reshape(-1, shape[-1])
    assert values.flags.c_contiguous
    gram = values @ values.T if len(values) < shape[-1] else values.T @ values
    assert_allclose(gram, np.eye(len(gram)), atol=10 * np.finfo(dtype).eps)


def test_orthogonal_values_do_not_depend_on_the_number_of_threads():
    values = []
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads):
            values.append(orthogonal((129, 387), "float64", 3))  # those of LAPACK do
    check_same_bits(values[0], values[1])
    check_same_bits(values[0], values[2])


def test_a_vector_of_zeros_stays():
    assert_array_equal(_orthonormal(np.zeros((1, 1))), [[0]])


# ---------------------------------------------------------------- which variable starts how


@DTYPES
def test_each_variable_has_its_initializer(dtype):
    drawn = {"kernel": glorot_uniform, "recurrent_kernel": orthogonal, "embeddings": random_uniform}
    for name, initializer in drawn.items():
        assert_array_equal(initial_value(f"layer/{name}", (4, 12), dtype, 5), initializer((4, 12), dtype, 5))
    for path, shape, expected in [
        ("recurrent_0/gru_cell/bias", (2, 12), np.zeros((2, 12))),
        ("recurrent_0/lstm_cell/bias", (12,), np.repeat([0, 1, 0, 0], 3)),  # the forget gate is open
        ("output/bias", (3,), np.zeros(3)),
    ]:
        value = initial_value(path, shape, dtype, 5)
        assert value.dtype == dtype
        assert_array_equal(value, expected)


def test_a_random_generator_starts_from_its_seed():
    state = initial_value("seed_generator_3/seed_generator_state", (2,), "int64", 2**31 - 1)
    assert state.dtype == np.int64
    assert_array_equal(state, [2**31 - 1, 0])
    made_by_keras = np.asarray(keras.random.SeedGenerator(seed=7).state)
    assert_array_equal(initial_value("seed_generator_state", (2,), "int64", 7), made_by_keras)


def test_a_start_needs_numpy_alone():
    program = """
import sys
from skrnn._engine.network import NetworkSpec, fresh_values, variables_of
spec = NetworkSpec("lstm", (4, 3), True, 0.1, 0.1, (2,), True, 3, (7, 3), 1, None, "float32")
assert sum(value.size for value in fresh_values(variables_of(spec), 0)) > 100
assert not {"keras", "tensorflow"} & set(sys.modules)
"""
    ended = run("-c", program)
    assert ended.returncode == 0, ended.stderr
