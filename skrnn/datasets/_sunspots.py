"""Yearly sunspot numbers, 1700 to 2008."""

from importlib.resources import files

import pandas as pd


def load_sunspots() -> pd.DataFrame:
    """Load yearly sunspot numbers, 1700 to 2008.

    The series has a cycle of about eleven years whose amplitude and length vary. The data are included in skrnn; no
    download is required.

    Returns
    -------
    DataFrame of shape (309, 1)
        Column ``sunspots``: yearly mean sunspot number (dimensionless). The index ``year`` is a yearly PeriodIndex
        without gaps.

    See Also
    --------
    load_airline : Load monthly airline passengers, a series with a trend and a yearly seasonality.

    Notes
    -----
    The numbers were published by the National Geophysical Data Center (NOAA), in the scale that was used until 2015
    [1]_. They are in the public domain. See ``data/README`` in this package for the source.

    References
    ----------
    .. [1] F. Clette, L. Svalgaard, J. M. Vaquero and E. W. Cliver, "Revisiting the Sunspot Number", Space
       Science Reviews 186 (2014), 35-103. https://doi.org/10.1007/s11214-014-0074-2

    Examples
    --------
    >>> from skrnn.datasets import load_sunspots
    >>> sunspots = load_sunspots()
    >>> sunspots.shape
    (309, 1)
    >>> sunspots.loc["1955":"1959"]
          sunspots
    year
    1955      38.0
    1956     141.7
    1957     190.2
    1958     184.8
    1959     159.0
    """
    with (files("skrnn.datasets") / "data" / "sunspots.csv").open(encoding="utf-8") as csv:
        table = pd.read_csv(csv, dtype={"year": str, "sunspots": float})
    # Years as strings: PeriodIndex interprets integers as numbers of years since 1970.
    return table[["sunspots"]].set_index(pd.PeriodIndex(table["year"], freq="Y", name="year"))
