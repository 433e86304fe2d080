"""Initial values of a network's variables: those of Keras's default initializers, computed by numpy.

Keras's initializers with an int as seed return the numbers of TensorFlow's stateless random operations on the CPU.
These are counter-based: the i-th number is a function of the seed and of i. So they are reproduced here bit for bit,
for any backend of Keras.
"""

from __future__ import annotations

import math

import numpy as np

# Philox 4x32-10: multipliers of the counters, and increments of the key after each round.
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_INCREMENTS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_N_ROUNDS = 10

_LOW_WORD = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)  # bits

# TensorFlow derives the key and the upper half of the counter from the seed, by the same generator with this key.
_KEY_OF_SEEDS = np.uint64(0x3EC8F720), np.uint64(0x02461E29)

# Keras takes seeds, which are int64, modulo this number, because TensorFlow's compiled operations only support int32.
_SEED_MODULUS = 2**31 - 2

_BLOCK = 2**15  # number of counters at once, whose intermediate results fit the processor's cache

# Smallest uniform number whose logarithm TensorFlow takes, also in float64.
_LEAST_UNIFORM = 1e-7


def initial_value(path, shape, dtype, seed):
    """Return the initial value of a variable, as drawn by Keras's default initializer.

    Parameters
    ----------
    path : str
        Path of the variable in Keras, which ends in its name.
    shape : tuple of int
    dtype : {"float32", "float64"}, or the dtype of the states of Keras's random generators
    seed : int
    """
    name = path.rsplit("/", 1)[-1]
    if name == "seed_generator_state":
        return np.array([seed, 0], dtype=dtype)
    if name == "bias":
        value = np.zeros(shape, dtype=dtype)
        if "lstm_cell" in path:  # forget gate; Jozefowicz et al. 2015
            units = shape[0] // 4
            value[units : 2 * units] = 1
        return value
    initializer = {"kernel": glorot_uniform, "recurrent_kernel": orthogonal, "embeddings": random_uniform}[name]
    return initializer(shape, dtype, seed)


def random_uniform(shape, dtype, seed, limit=0.05):
    """Draw from the uniform distribution over [-limit, limit), as ``keras.initializers.RandomUniform``.

    Parameters
    ----------
    shape : tuple of int
    dtype : {"float32", "float64"}
    seed : int
    limit : float, default=0.05
    """
    limit = np.float32(limit)  # Keras rounds the limits to float32, whatever the dtype
    high, low = np.array([[limit], [-limit]], dtype=dtype)  # arrays, so that each operation rounds to the dtype
    return (_uniform(math.prod(shape), dtype, seed) * (high - low) + low).reshape(shape)


def glorot_uniform(shape, dtype, seed):
    """Draw a kernel as ``keras.initializers.GlorotUniform``, which preserves variances from layer to layer.

    The distribution is uniform with the limit sqrt(6 / (fan_in + fan_out)); Glorot & Bengio 2010, "Understanding the
    difficulty of training deep feedforward neural networks", equation 16.

    Parameters
    ----------
    shape : tuple of int
    dtype : {"float32", "float64"}
    seed : int
    """
    receptive_field = math.prod(shape[:-2])
    fan_in, fan_out = (shape[0], shape[0]) if len(shape) == 1 else (n * receptive_field for n in shape[-2:])
    scale = 1 / max(1, (fan_in + fan_out) / 2)  # in Keras's order of operations, on which the last bit depends
    return random_uniform(shape, dtype, seed, limit=math.sqrt(3 * scale))


def orthogonal(shape, dtype, seed):
    """Draw a matrix with orthonormal rows or columns, whichever are fewer, as ``keras.initializers.Orthogonal``.

    It is the Q of the QR decomposition of normal numbers whose R has a positive diagonal; Saxe et al. 2013, "Exact
    solutions to the nonlinear dynamics of learning in deep linear neural networks". With more than two dimensions,
    all but the last are flattened to the rows of a matrix.

    Parameters
    ----------
    shape : tuple of int
    dtype : {"float32", "float64"}
    seed : int
    """
    n_rows, n_columns = math.prod(shape[:-1]), shape[-1]
    tall = max(n_rows, n_columns), min(n_rows, n_columns)
    vectors = _orthonormal(_normal(math.prod(tall), dtype, seed).reshape(tall).T.astype(np.float64, order="C"))
    return (vectors if n_rows < n_columns else vectors.T).astype(dtype, order="C").reshape(shape)


def _orthonormal(vectors):
    """Return orthonormal rows: the transposed Q of the transposed vectors, by the Gram-Schmidt process.

    A second pass corrects the rounding errors of the first; Giraud et al. 2005, "Rounding error analysis of the
    classical Gram-Schmidt orthogonalization process". ``numpy.linalg.qr`` would be faster, but its last bits depend on
    the number of threads of LAPACK; einsum uses a single thread.
    """
    rows = np.empty_like(vectors)
    for i, vector in enumerate(vectors):
        for _ in range(2):
            projections = np.einsum("ij,j->i", rows[:i], vector)
            vector = vector - np.einsum("i,ij->j", projections, rows[:i])
        norm = np.sqrt(np.einsum("j,j->", vector, vector))
        rows[i] = vector / norm if norm else 0  # as in Keras, which multiplies by the sign of the diagonal
    return rows


def _uniform(n, dtype, seed):
    """Draw `n` numbers from [0, 1), as ``tf.random.stateless_uniform``."""
    return np.concatenate([_fractions(words, dtype).ravel() for words in _random_words(n, dtype, seed)])[:n]


def _normal(n, dtype, seed):
    """Draw `n` standard normal numbers, as ``tf.random.stateless_normal``: by the transform of Box & Muller 1958."""
    values = []
    for words in _random_words(n, dtype, seed):
        # Functions are computed in float64 and then rounded also for float32, where numpy's are less accurate.
        radial, angular = _fractions(words, dtype).reshape(-1, 2).T.astype(np.float64)
        radius = np.sqrt(-2 * np.log(np.maximum(radial, np.array(_LEAST_UNIFORM, dtype))).astype(dtype))
        angle = (2 * np.pi * angular).astype(dtype).astype(np.float64)
        values.append((np.stack([np.sin(angle), np.cos(angle)]).astype(dtype) * radius).T.ravel())
    return np.concatenate(values)[:n]


def _fractions(words, dtype):
    """Return numbers in [0, 1) whose mantissas are random bits: four per row in float32, two in float64.

    They are computed as numbers in [1, 2), all of which have the same exponent, minus 1.
    """
    if np.dtype(dtype) == np.float32:
        return (words.astype(np.uint32) & np.uint32(2**23 - 1) | np.uint32(127 << 23)).view(np.float32) - np.float32(1)
    high, low = words[:, ::2] & np.uint64(2**20 - 1), words[:, 1::2]
    return (high << _WORD | low | np.uint64(1023 << 52)).view(np.float64) - 1


def _random_words(n, dtype, seed):
    """Yield the 32-bit random words of `n` numbers in blocks of shape (n_counters, 4)."""
    n_counters = -(-n * np.dtype(dtype).itemsize // 16)
    key, high = _key_and_counter(seed)
    for start in range(0, n_counters, _BLOCK):
        i = np.arange(start, min(start + _BLOCK, n_counters), dtype=np.uint64)
        yield _philox(np.stack([i & _LOW_WORD, i >> _WORD, *(np.broadcast_to(word, i.shape) for word in high)]), key).T


def _key_and_counter(seed):
    """Return the key of a seed and the upper half of its counters, two words each, of shape (1,)."""
    low, zeros = np.array([seed % _SEED_MODULUS], dtype=np.uint64), np.zeros(1, dtype=np.uint64)
    words = _philox(np.stack([low, zeros, zeros, zeros]), _KEY_OF_SEEDS)
    return words[:2], words[2:]


def _philox(counter, key):
    """Return the random words of 128-bit counters, both of shape (4, n_counters): Philox 4x32-10.

    Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_N_ROUNDS):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1 = (second >> _WORD) ^ c1 ^ k0, second & _LOW_WORD
        c2, c3 = (first >> _WORD) ^ c3 ^ k1, first & _LOW_WORD
        k0, k1 = (k0 + _INCREMENTS[0]) & _LOW_WORD, (k1 + _INCREMENTS[1]) & _LOW_WORD
    return np.stack([c0, c1, c2, c3])
