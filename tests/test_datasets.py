import hashlib
import socket

import numpy as np
import pandas as pd
import pytest
from children import run
from numpy.testing import assert_allclose

import skrnn
from skrnn.datasets import load_airline, load_japanese_vowels, load_sunspots, make_damped_oscillation


@pytest.fixture
def no_network(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("a data set opened a socket")

    monkeypatch.setattr(socket, "socket", fail)


def test_sunspots_form(no_network):
    frame = load_sunspots()
    assert frame.shape == (309, 1)
    assert list(frame.columns) == ["sunspots"]
    assert frame["sunspots"].dtype == np.float64
    assert frame["sunspots"].notna().all()
    expected = pd.period_range("1700", "2008", freq="Y", name="year")
    pd.testing.assert_index_equal(frame.index, expected)


@pytest.mark.parametrize(
    ("year", "number"),
    [
        ("1700", 5.0),
        ("1712", 0.0),
        ("1749", 80.9),
        ("1778", 154.4),
        ("1810", 0.0),  # the Dalton minimum
        ("1816", 45.8),
        ("1870", 139.0),
        ("1913", 1.4),
        ("1957", 190.2),  # the highest of the series
        ("1979", 155.4),
        ("2000", 119.6),
        ("2008", 2.9),
    ],
)
def test_sunspots_of_known_years(year, number):
    assert load_sunspots().loc[year, "sunspots"] == number


def test_sunspots_are_the_published_series():
    numbers = load_sunspots()["sunspots"]
    assert numbers.idxmax() == pd.Period("1957", freq="Y")
    assert numbers.index[numbers == 0].astype(str).tolist() == ["1711", "1712", "1810"]
    assert_allclose(numbers.sum(), 15373.4)
    text = ",".join(f"{number:.1f}" for number in numbers)
    # Guards against an edit of the data file by mistake; computed from the series as statsmodels ships it.
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "2faa4cb2f22bf0ef37c82019d9b602d78395e1b44964938fcafc062e03ed965f"
    )


def test_every_load_is_a_fresh_frame():
    first = load_sunspots()
    first.iloc[:, 0] = 0.0
    assert load_sunspots().iloc[0, 0] == 5.0


def test_japanese_vowels_are_the_published_split(no_network):
    X_train, X_test, y_train, y_test = load_japanese_vowels()
    assert (len(X_train), len(X_test)) == (270, 370)
    assert np.bincount(y_train)[1:].tolist() == [30] * 9
    # The numbers of test utterances of each speaker, as the description of the data set gives them.
    assert np.bincount(y_test)[1:].tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert (np.diff(y_train) >= 0).all()
    lengths = {len(frames) for frames in [*X_train, *X_test]}
    assert (min(lengths), max(lengths)) == (7, 29)
    assert {frames.shape[1] for frames in [*X_train, *X_test]} == {12}
    # The first coefficient of the first frames of the first utterance, as the UCI file ae.train begins.
    assert X_train[0][:3, 0].tolist() == [1.860936, 1.891651, 1.939205]
    assert sum(map(len, X_train)) + sum(map(len, X_test)) == 9961


def test_airline_is_series_g(no_network):
    frame = load_airline()
    pd.testing.assert_index_equal(frame.index, pd.period_range("1949-01", "1960-12", freq="M", name="month"))
    passengers = frame["passengers"]
    # The first year as Box and Jenkins print it, the extremes, and the sum.
    assert passengers[:12].tolist() == [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]
    assert (passengers.min(), passengers.max(), passengers.idxmax()) == (104, 622, pd.Period("1960-07"))
    assert passengers.sum() == 40363


def test_damped_oscillation(no_network):
    x, y = make_damped_oscillation()
    assert x.shape == y.shape == (200,)
    assert x.dtype == y.dtype == np.float64
    assert x[0] == 0.0
    assert x[-1] == 5 * np.pi
    assert_allclose(np.diff(x), 5 * np.pi / 199)
    assert y[0] == 1.0
    assert_allclose(y[-1], -np.exp(-np.pi))  # five half periods: cos(5 pi) = -1
    assert_allclose(y, [np.exp(-at / 5) * np.cos(at) for at in x])


def test_damped_oscillation_follows_its_recurrence():
    x, y = make_damped_oscillation(n=50, tau=3.0, stop=10.0)
    decay = np.exp(-x[1] / 3.0)
    assert x[-1] == 10.0
    assert_allclose(y[2:], 2 * decay * np.cos(x[1]) * y[1:-1] - decay**2 * y[:-2], atol=1e-14)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n": 1}, r"The 'n' parameter of make_damped_oscillation must be an int in the range \[2, inf\)"),
        ({"n": 10.0}, "The 'n' parameter of make_damped_oscillation must be an int"),
        ({"tau": 0}, r"The 'tau' parameter of make_damped_oscillation must be a float in the range \(0"),
        ({"tau": np.nan}, "The 'tau' parameter of make_damped_oscillation must be a float"),
        ({"stop": -1.0}, "The 'stop' parameter of make_damped_oscillation must be a float"),
        ({"tau": np.inf}, "The 'tau' parameter of make_damped_oscillation must be a float"),
        ({"stop": np.inf}, "The 'stop' parameter of make_damped_oscillation must be a float"),
    ],
)
def test_damped_oscillation_validates(params, message):
    with pytest.raises(ValueError, match=message):
        make_damped_oscillation(**params)


def test_public_names():
    assert skrnn.datasets.__all__ == [
        "load_airline",
        "load_japanese_vowels",
        "load_sunspots",
        "make_damped_oscillation",
    ]
    assert skrnn.datasets.load_sunspots is load_sunspots


def test_datasets_do_not_import_tensorflow():
    code = (
        "import sys, skrnn; skrnn.datasets.load_sunspots();"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    process = run("-c", code)
    assert process.returncode == 0, process.stderr
