"""Utterances of nine speakers: sequences of different lengths, with classes."""

from importlib.resources import files

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def load_japanese_vowels() -> tuple[
    list[NDArray[np.float64]], list[NDArray[np.float64]], NDArray[np.int64], NDArray[np.int64]
]:
    """Load the Japanese Vowels: utterances of different lengths, each by one of nine speakers.

    Nine male speakers said the vowels /ae/ one after the other [1]_; each utterance is a sequence of 7 to 29 frames of
    12 cepstrum coefficients of linear prediction, one frame every 6.4 ms. The task is to tell who spoke. It is shipped
    with skrnn: nothing is downloaded.

    Returns
    -------
    X_train : list of 270 ndarray of shape (n_timesteps, 12)
        Training utterances, 30 of each speaker, sorted by speaker. Coefficients without unit.
    X_test : list of 370 ndarray of shape (n_timesteps, 12)
        Test utterances, recorded on other occasions, 24 to 88 of each speaker.
    y_train : ndarray of shape (270,)
        Speakers, 1 to 9.
    y_test : ndarray of shape (370,)
        Speakers of the test utterances.

    See Also
    --------
    SequenceScaler : Scales sequences of different lengths.
    GRUClassifier : Takes them as they are.

    Notes
    -----
    The split is the published one [2]_. ``data/README`` beside this module says where the numbers come from, and under
    which licence (CC BY 4.0).

    References
    ----------
    .. [1] M. Kudo, J. Toyama and M. Shimbo, "Multidimensional curve classification using passing-through regions",
       Pattern Recognition Letters 20 (1999), 1103-1111. https://doi.org/10.1016/S0167-8655(99)00077-X
    .. [2] M. Kudo, J. Toyama and M. Shimbo, "Japanese Vowels", UCI Machine Learning Repository.
       https://doi.org/10.24432/C5NS47

    Examples
    --------
    >>> from skrnn.datasets import load_japanese_vowels
    >>> X_train, X_test, y_train, y_test = load_japanese_vowels()
    >>> len(X_train), len(X_test)
    (270, 370)
    >>> X_train[0].shape, X_train[1].shape
    ((20, 12), (26, 12))
    """
    with (files("skrnn.datasets") / "data" / "japanese_vowels.csv.gz").open("rb") as file:
        table = pd.read_csv(file, compression="gzip")
    X_train, y_train = _utterances(table[table["part"] == "train"])
    X_test, y_test = _utterances(table[table["part"] == "test"])
    return X_train, X_test, y_train, y_test


def _utterances(frames):
    """Cut frames, one a row, into utterances; return these and their speakers."""
    rows = frames.loc[:, "c1":"c12"].to_numpy()
    starts = np.flatnonzero(np.diff(frames["utterance"], prepend=-1))
    return np.split(rows, starts[1:]), frames["speaker"].to_numpy()[starts]
