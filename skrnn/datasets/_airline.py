"""Monthly totals of airline passengers, 1949 to 1960."""

from importlib.resources import files

import pandas as pd


def load_airline() -> pd.DataFrame:
    """Load monthly totals of international airline passengers, 1949 to 1960.

    This is series G of Box and Jenkins [1]_, with a trend and a yearly seasonality whose amplitude grows with the
    trend. The data are included in skrnn; no download is required.

    Returns
    -------
    DataFrame of shape (144, 1)
        Column ``passengers``: thousands of passengers per month. The index ``month`` is a monthly PeriodIndex without
        gaps.

    See Also
    --------
    load_sunspots : Load yearly sunspot numbers, a series with a cycle of varying length.

    References
    ----------
    .. [1] G. E. P. Box and G. M. Jenkins, "Time Series Analysis: Forecasting and Control", Holden-Day, 1970, Series G.

    Examples
    --------
    >>> from skrnn.datasets import load_airline
    >>> load_airline().tail(2)
             passengers
    month
    1960-11       390.0
    1960-12       432.0
    """
    with (files("skrnn.datasets") / "data" / "airline.csv").open(encoding="utf-8") as csv:
        table = pd.read_csv(csv, dtype={"month": str, "passengers": float})
    return table[["passengers"]].set_index(pd.PeriodIndex(table["month"], freq="M", name="month"))
