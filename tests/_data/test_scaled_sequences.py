"""Sequences with shifts and scales of their own, against the arrays that they represent."""

import pickle
from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from skrnn import RecurrentRegressor, SequenceScaler
from skrnn._data.sequences import Sequences

N, WINDOW = 30, 4


def scaled_sequences(seed=0, n_scaled=2, level=0.0, step=1):
    random = np.random.default_rng(seed)
    values = random.normal(size=(60, 3)) + level
    lengths = np.where(np.arange(N) % 5 == 0, 2, WINDOW)
    shifts, scales = random.normal(size=(N, n_scaled)) + level, random.uniform(0.5, 2, size=(N, n_scaled))
    starts = random.integers(0, 60 - step * WINDOW, size=N)
    return Sequences(values, starts, lengths, WINDOW - lengths, step, WINDOW, None, shifts, scales)


def expanded(sequences):
    """The sequences as an array, one number after the other."""
    array = np.full(sequences.shape, np.nan)
    for i in range(len(sequences)):
        for t in range(sequences.lengths[i]):
            row = sequences.values[sequences.starts[i] + sequences.step * t].astype(float)
            n_scaled = sequences.shifts.shape[1]
            row[:n_scaled] = (row[:n_scaled] - sequences.shifts[i]) / sequences.scales[i]
            array[i, sequences.n_leading_padding[i] + t] = row
    return array


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("n_scaled", [1, 2, 3])
def test_every_view_is_of_the_scaled_values(n_scaled, step):
    sequences = scaled_sequences(n_scaled=n_scaled, step=step)
    array = expanded(sequences)
    assert sequences.dtype == np.float64
    assert_array_equal(np.asarray(sequences), array)
    assert_array_equal(sequences[3], array[3])
    assert_array_equal(np.asarray(sequences[5:20:2]), array[5:20:2])
    assert_array_equal(np.asarray(sequences[array[:, -1, 0] > 0]), array[array[:, -1, 0] > 0])
    assert_array_equal(np.asarray(pickle.loads(pickle.dumps(sequences))), array)
    assert_array_equal(np.asarray(sequences.with_applied_scales()), array)
    assert_array_equal(sequences + 1, array + 1)
    full = sequences[sequences.lengths == WINDOW]
    assert_array_equal(full.gather(np.arange(len(full))), array[sequences.lengths == WINDOW])
    assert_array_equal(
        np.asarray(replace(sequences, values=sequences.values.astype(np.float32)))[1, -1, n_scaled:],
        sequences.values.astype(np.float32)[sequences.starts[1] + 3 * step, n_scaled:],
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("params", [{}, {"categorical_features": [2]}])
def test_networks_see_the_scaled_values(dtype, params):
    sequences = scaled_sequences(level=1e6)
    sequences.values[:, 2] = np.arange(60) % 4
    array, y = expanded(sequences), np.sin(np.arange(N))
    fitted, expected = (make("GRURegressor", dtype=dtype, **params).fit(X, y) for X in (sequences, array))
    assert_array_equal(fitted.predict(sequences), expected.predict(array))
    assert_array_equal(fitted.predict(sequences), fitted.predict(array))
    assert np.std(fitted.predict(sequences)) > 1e-3
    assert_allclose(fitted.model_input(sequences), expected.model_input(array), rtol=1e-6)


def test_keras_sees_the_scaled_values():
    sequences, y = scaled_sequences(level=1e6), np.sin(np.arange(N))

    def cell(units, **arguments):
        return keras.layers.GRU(units, **arguments)

    params = {"cell": cell, "units": 3, "epochs": 2, "random_state": 0}
    fitted, expected = (RecurrentRegressor(**params).fit(X, y) for X in (sequences, expanded(sequences)))
    assert_array_equal(fitted.predict(sequences), expected.predict(expanded(sequences)))


def test_scalers_see_the_scaled_values():
    sequences = scaled_sequences()
    scaler, expected = (SequenceScaler(StandardScaler()).fit(X) for X in (sequences, expanded(sequences)))
    assert_allclose(np.asarray(scaler.transform(sequences)), expected.transform(expanded(sequences)))
    assert_allclose(np.asarray(scaler.inverse_transform(scaler.transform(sequences))), expanded(sequences))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scales": None}, "must both be float64 arrays of shape"),
        ({"shifts": np.zeros((N, 4)), "scales": np.ones((N, 4))}, "with n_scaled of at most 3"),
        ({"shifts": np.zeros((N - 1, 2))}, "must both be float64 arrays of shape"),
        ({"shifts": np.full((N, 2), np.nan)}, "shifts of Sequences must be finite"),
        ({"scales": np.zeros((N, 2))}, "scales finite and positive"),
    ],
)
def test_invalid_scales(changed, message):
    with pytest.raises(ValueError, match=message):
        make("GRURegressor").fit(replace(scaled_sequences(), **changed), np.zeros(N))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shifts": np.full((N, 2), np.inf)}, "shifts of Sequences must be finite"),
        ({"scales": np.full((N, 2), np.inf)}, "scales finite and positive"),
        ({"scales": np.full((N, 2), -1.0)}, "scales finite and positive"),
    ],
)
def test_invalid_scales_in_predict_and_in_scalers(changed, message):
    sequences = scaled_sequences()
    fitted, wrong = make("GRURegressor").fit(sequences, np.zeros(N)), replace(sequences, **changed)
    with pytest.raises(ValueError, match=message):
        fitted.predict(wrong)
    with pytest.raises(ValueError, match=message):
        SequenceScaler(StandardScaler()).fit(wrong)


@pytest.mark.parametrize("column", [0, 2])
def test_values_too_large_for_the_dtype_after_scaling(column):
    sequences = scaled_sequences(n_scaled=1)
    if column:
        sequences.values[:, column] = 1e39
    else:
        sequences = replace(sequences, scales=np.full((N, 1), 1e-300))
    message = f"too large for dtype float32.*time step {WINDOW - sequences.lengths[0]}, feature {column}"
    for X in (sequences, expanded(sequences)):
        with pytest.raises(ValueError, match=message):
            make("GRURegressor", dtype="float32").fit(X, np.zeros(N))


def test_values_too_large_before_scaling_or_in_rows_of_no_sequence():
    sequences, y = scaled_sequences(n_scaled=1), np.sin(np.arange(N))
    sequences.values[-1] = 1e39
    sequences = replace(sequences, values=sequences.values * [1e39, 1, 1], starts=np.minimum(sequences.starts, 55))
    sequences = replace(sequences, shifts=sequences.shifts * 1e39, scales=sequences.scales * 1e39)
    fitted, expected = (make("GRURegressor", dtype="float32").fit(X, y) for X in (sequences, expanded(sequences)))
    assert_array_equal(fitted.predict(sequences), expected.predict(expanded(sequences)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shifts_of_codes(dtype):
    sequences, y = scaled_sequences(n_scaled=3), np.sin(np.arange(N))
    sequences.values[:, 2] = np.arange(60) % 4
    sequences.shifts[:, 2], sequences.scales[:, 2] = -(np.arange(N) % 3), 1
    params = {"categorical_features": [2], "dtype": dtype}
    fitted, expected = (make("GRURegressor", **params).fit(X, y) for X in (sequences, expanded(sequences)))
    assert_array_equal(fitted.predict(sequences), expected.predict(expanded(sequences)))
    by_keras = fitted.model_.predict(fitted.model_input(sequences), verbose=0).ravel()
    assert_allclose(fitted.predict(sequences), by_keras, rtol=1e-4, atol=1e-5)
    sequences.shifts[:, 2] = 0.5
    with pytest.raises(ValueError, match="Categorical feature 2 of X contains"):
        make("GRURegressor", **params).fit(sequences, y)


def test_older_pickles_have_no_scales():
    sequences = replace(scaled_sequences(), shifts=None, scales=None)
    create, arguments, state = sequences.__reduce_ex__(4)
    older = create(*arguments)
    vars(older).update({name: value for name, value in state.items() if name not in ("shifts", "scales")})
    loaded = pickle.loads(pickle.dumps(older))
    assert loaded.shifts is None
    assert loaded.scales is None
    assert_array_equal(np.asarray(loaded[::2]), np.asarray(sequences)[::2])


@pytest.mark.parametrize("step", [1, 2])
def test_model_input_equals_that_of_the_array_in_the_dtype_of_the_network(step):
    sequences, y = scaled_sequences(level=1e6, step=step), np.sin(np.arange(N))
    fitted = make("GRURegressor", dtype="float32").fit(sequences, y)
    of_sequences, of_array = fitted.model_input(sequences), fitted.model_input(expanded(sequences))
    assert_array_equal(of_sequences.astype("float32"), of_array)
