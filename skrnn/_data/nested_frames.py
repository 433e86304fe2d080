"""Detection of frames whose cells contain sequences, a layout of sktime."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skrnn._common.guide import see

_NESTED = (pd.Series, np.ndarray, list, tuple)


def check_not_nested(given, name):
    """Raise for a DataFrame with sequences as cells, one row per sample, and for a Series of Series.

    Parameters
    ----------
    given : object
        ``X`` as it was passed; frames of other libraries as those of pandas.
    name : str
        Name of the estimator, for errors.
    """
    if not isinstance(given, (pd.DataFrame, pd.Series)) or not len(given):
        return
    if isinstance(given, pd.Series):
        if not isinstance(given.iloc[0], pd.Series):  # arrays are sequences of a list
            return
        cell, column, remedy = given.iloc[0], "", "[sequence.to_frame() for sequence in X]"
    else:
        columns = [k for k, dtype in enumerate(given.dtypes) if str(dtype) == "object"]
        nested = [k for k in columns if isinstance(given.iloc[0, k], _NESTED)]
        if not nested:
            return
        cell, column = given.iloc[0, nested[0]], f", column {given.columns[nested[0]]!r}"
        remedy = "[pd.DataFrame(dict(row)) for _, row in X.iterrows()]"
    raise TypeError(
        f"{name} does not take frames whose cells contain sequences (nested_univ of sktime). Got a "
        f"{type(cell).__name__} of {len(cell)} values at sample 0{column}. Pass one table of shape (n_timesteps, "
        f"n_features) per sample: {remedy}." + see("layouts", "axes-in-another-order")
    )
