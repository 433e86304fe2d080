"""Utterances of nine speakers: labeled sequences of different lengths."""

from importlib.resources import files

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def load_japanese_vowels() -> tuple[
    list[NDArray[np.float64]], list[NDArray[np.float64]], NDArray[np.int64], NDArray[np.int64]
]:
    """Load the Japanese Vowels data set (classification of sequences of different lengths).

    Nine male speakers uttered the two vowels /ae/ successively [1]_. Each utterance is a sequence of 7 to 29 frames of
    12 linear prediction cepstral coefficients, with a frame shift of 6.4 ms. The task is to identify the speaker. The
    data are included in skrnn; no download is required.

    Returns
    -------
    X_train : list of 270 ndarray of shape (n_timesteps, 12)
        Training utterances, 30 per speaker, sorted by speaker. The coefficients are dimensionless.
    X_test : list of 370 ndarray of shape (n_timesteps, 12)
        Test utterances, recorded on other occasions, 24 to 88 per speaker.
    y_train : ndarray of shape (270,)
        Speakers of the training utterances, from 1 to 9.
    y_test : ndarray of shape (370,)
        Speakers of the test utterances.

    See Also
    --------
    SequenceScaler : Scaler for sequences of different lengths.
    GRUClassifier : Classifier of such sequences.

    Notes
    -----
    The training and test sets are those of the publication [2]_. See ``data/README`` in this package for the source
    and the license (CC BY 4.0).

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
    """Split rows of frames into utterances; return the utterances and their speakers."""
    rows = frames.loc[:, "c1":"c12"].to_numpy()
    starts = np.flatnonzero(np.diff(frames["utterance"], prepend=-1))
    return np.split(rows, starts[1:]), frames["speaker"].to_numpy()[starts]
