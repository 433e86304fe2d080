"""Transformations of the target before windows are cut: a transformer, differences, standardization."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone

from skrnn._common.state import stored_as
from skrnn._common.warnings import warn
from skrnn._data.checks import first_position
from skrnn._forecasting.differencing import difference, undo_differences

STANDARD = "standard"
_N_TRIED = 100  # rows that are transformed and transformed back


@stored_as("target transform")
@dataclass(frozen=True, eq=False)
class TargetTransform:
    """Fitted transformations of the target, in the order in which they are applied.

    Parameters
    ----------
    transformers : tuple of transformer
        Empty for none; otherwise one for all series, or one per series.
    lags : tuple of int
        Lags of the differences.
    centers, scales : ndarray of shape (n_series, n_outputs)
        Mean and standard deviation that differences are standardized with; 0 and 1 without standardization.
    spreads : ndarray of shape (n_series, n_outputs)
        Standard deviation of each series in the units of the estimator.
    is_standardized : bool
        Whether values are standardized. If not, their bits are not changed.
    is_per_series : bool
        Whether transformers, centers and scales are those of single series.
    """

    transformers: tuple[Any, ...]
    lags: tuple[int, ...]
    centers: NDArray[Any]
    scales: NDArray[Any]
    spreads: NDArray[Any]
    is_standardized: bool
    is_per_series: bool

    @classmethod
    def fit(cls, transformer, lags, panel, *, per_series):
        """Fit the transformations on a panel in the units of ``y``.

        Parameters
        ----------
        transformer : "standard", transformer or None
        lags : tuple of int
        panel : Panel
        per_series : bool
            Whether to fit the transformer on each series by itself.
        """
        is_standardized, bounds = isinstance(transformer, str), panel.bounds()
        transformers: tuple[Any, ...] = ()
        if transformer is not None and not is_standardized:
            parts = np.split(panel.y, bounds[1:-1]) if per_series else [panel.y]
            transformers = tuple(_fitted(transformer, part) for part in parts)
        unit = np.ones((panel.n_series, panel.y.shape[1]))
        identity = cls(transformers, lags, np.zeros_like(unit), unit, unit, False, per_series)
        values, _ = identity.transform(panel)
        codes = panel.codes if per_series else np.zeros_like(panel.codes)
        centers, scales = (moment[codes[bounds[:-1]]] for moment in moments(values, codes))
        spreads = moments(values, panel.codes)[1]
        # A series without values has no scale of its own: it is standardized as all series together are.
        is_empty = np.logical_and.reduceat(np.isnan(values), bounds[:-1])
        if is_empty.any():
            of_all = moments(values, np.zeros_like(panel.codes))
            centers, scales = (
                np.where(is_empty, pooled, own) for pooled, own in zip(of_all, (centers, scales), strict=True)
            )
        if not is_standardized:
            return replace(identity, spreads=spreads)
        scales = np.where(scales > 0, scales, 1.0)
        return cls(transformers, lags, centers, scales, spreads / scales, True, per_series)

    def of_series(self, panel):
        """Return the transformations for other series; what belongs to single series is fitted on these."""
        if self.is_per_series:
            given = self.transformers[0] if self.transformers else None
            return self.fit(STANDARD if self.is_standardized else given, self.lags, panel, per_series=True)
        centers, scales = (np.repeat(of[:1], panel.n_series, axis=0) for of in (self.centers, self.scales))
        shared = replace(self, centers=centers, scales=scales, spreads=np.ones_like(scales))
        return replace(shared, spreads=moments(shared.transform(panel)[0], panel.codes)[1])

    def of_known_series(self, panel, numbers):
        """Return the transformations for a panel: the fitted ones of known series, as `of_series` of others.

        Parameters
        ----------
        panel : Panel
        numbers : ndarray of int, shape (n_series,)
            Number of each series among the fitted ones; -1 for other series.
        """
        if not self.is_per_series:
            return self.of_series(panel)
        known = replace(
            self,
            transformers=tuple(self.transformers[number] for number in numbers) if self.transformers else (),
            centers=self.centers[numbers],
            scales=self.scales[numbers],
            spreads=self.spreads[numbers],
        )
        is_known = numbers >= 0
        if is_known.all():
            return known
        others = self.of_series(panel)
        pairs = zip(known.transformers, others.transformers, strict=True)
        return replace(
            known,
            transformers=tuple(pair[0] if fitted else pair[1] for fitted, pair in zip(is_known, pairs, strict=False)),
            centers=np.where(is_known[:, None], known.centers, others.centers),
            scales=np.where(is_known[:, None], known.scales, others.scales),
            spreads=np.where(is_known[:, None], known.spreads, others.spreads),
        )

    def with_series_of(self, other, codes):
        """Return the transformations followed by those of some series of another object."""
        transformers = self.transformers
        if self.is_per_series and transformers:
            transformers = (*transformers, *(other.transformers[code] for code in codes))
        centers, scales, spreads = (
            np.concatenate([ours, theirs[codes]])
            for ours, theirs in (
                (self.centers, other.centers),
                (self.scales, other.scales),
                (self.spreads, other.spreads),
            )
        )
        return replace(self, transformers=transformers, centers=centers, scales=scales, spreads=spreads)

    @property
    def n_lost(self):
        """Number of rows at the start of a series that have no difference."""
        return sum(self.lags)

    def transform(self, panel):
        """Return the values of a panel in the units of the estimator, and those before each difference.

        Returns
        -------
        values : ndarray of shape (n_rows, n_outputs)
        levels : tuple of ndarray of shape (n_rows, n_outputs)
            In the order of `lags`, as returned by `difference`.
        """
        values = self._by_transformer("transform", panel.y, panel.codes)
        if self.transformers:
            _check_finite(panel.y, values)
        values, levels = difference(values, panel.positions_in_series(), self.lags)
        if self.is_standardized:
            values = (values - self.centers[panel.codes]) / self.scales[panel.codes]
        return values, levels

    def inverse_transform(self, paths, prepared, origins):
        """Return forecasts in the units of ``y``: (n_origins, n_steps, n_outputs).

        Parameters
        ----------
        paths : ndarray of shape (n_origins, n_steps, n_outputs)
            Forecasts in the units of the estimator, of the steps after each origin.
        prepared : PreparedPanel
        origins : ndarray of int, shape (n_origins,)
            Rows of the prepared panel.
        """
        codes = prepared.codes[origins]
        if self.is_standardized:
            paths = paths * self.scales[codes][:, None] + self.centers[codes][:, None]
        paths = undo_differences(paths, prepared.levels, origins, self.lags)
        return self.without_differences(paths, codes)

    def check_inverse(self, panel):
        """Warn if the inverse of the transformers does not return values of a panel, of which some are tried."""
        rows = np.flatnonzero(~np.isnan(panel.y).any(axis=1))
        rows = rows[:: max(len(rows) // _N_TRIED, 1)]
        if not self.transformers or not len(rows):
            return
        given, codes = panel.y[rows], panel.codes[rows]
        returned = self.without_differences(self._by_transformer("transform", given, codes), codes)
        if not np.allclose(returned, given, rtol=1e-3, atol=1e-3 * np.ptp(given)):
            at = np.unravel_index(np.argmax(np.abs(returned - given)), given.shape)
            warn(
                "SequenceForecaster: inverse_transform of target_transformer is not the inverse of its transform: it "
                f"returns {returned[at]:g} for the value {given[at]:g} of y, so that forecasts are not in the units of "
                "y. FunctionTransformer requires inverse_func, for example FunctionTransformer(np.log, np.exp)."
            )

    def can_invert(self, prepared, origins):
        """Return whether values before the differences of the step after each origin are known: (n, n_outputs)."""
        zeros = np.zeros((len(origins), 1, prepared.n_outputs))
        return ~np.isnan(undo_differences(zeros, prepared.levels, origins, self.lags))[:, 0]

    def without_differences(self, values, codes):
        """Return values of shape (n, ..., n_outputs), before differencing, in the units of ``y``."""
        return self._by_transformer("inverse_transform", values, codes)

    def _by_transformer(self, method, values, codes):
        """Apply a method of the transformers to values of shape (n, ..., n_outputs), of which each has a series."""
        if not self.transformers or not len(values):
            return values
        if len(self.transformers) == 1:
            return _apply(getattr(self.transformers[0], method), values)
        result = np.empty_like(values)
        order = np.argsort(codes, kind="stable")
        series, first = np.unique(codes[order], return_index=True)
        for code, rows in zip(series, np.split(order, first[1:]), strict=True):
            result[rows] = _apply(getattr(self.transformers[code], method), values[rows])
        return result


def _fitted(transformer, values):
    """Return a clone of a transformer, fitted on values of shape (n_rows, n_outputs), NaN where missing."""
    if not np.isnan(values).any():
        return clone(transformer).fit(values)
    with warnings.catch_warnings():
        # FunctionTransformer compares NaN with NaN; `TargetTransform.check_inverse` compares the other values.
        warnings.filterwarnings("ignore", "The provided functions are not strictly inverse")
        return clone(transformer).fit(values)


def _apply(function, values):
    """Apply a function of rows of shape (n_rows, n_outputs) to values of shape (..., n_outputs)."""
    rows = values.reshape(-1, values.shape[-1])
    result = function(rows)
    result = np.asarray(result.toarray() if issparse(result) else result, dtype=np.float64)
    if result.shape not in {rows.shape, rows.shape[: 1 if rows.shape[1] == 1 else 2]}:
        raise ValueError(
            "target_transformer must return as many rows and columns as it is passed. Its "
            f"{function.__name__} returned shape {result.shape} for shape {rows.shape}."
        )
    return result.reshape(values.shape)


def _check_finite(given, values):
    """Raise if a transformer returned NaN or infinity for a value that is not missing."""
    is_wrong = ~np.isfinite(values) & ~np.isnan(given)
    if is_wrong.any():
        at = first_position(is_wrong)
        raise ValueError(
            f"target_transformer returned {values[at]} for the value {given[at]} of y, in column {at[1]}. Pass a "
            "transformer that is defined for all values of y, or values that it is defined for."
        )


def moments(values, codes):
    """Return mean and standard deviation of the values of each series that are not NaN; 0 if there are none.

    The standard deviation of equal values is 0, not the rounding error of their mean.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_outputs)
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row, sorted.
    """
    first = np.searchsorted(codes, np.arange(codes[-1] + 1))
    is_valid = ~np.isnan(values)
    counts = np.maximum(np.add.reduceat(is_valid, first, dtype=np.int64), 1)
    means = np.add.reduceat(np.where(is_valid, values, 0.0), first) / counts
    deviations = np.where(is_valid, values - means[codes], 0.0)
    scales = np.sqrt(np.add.reduceat(deviations**2, first) / counts)
    is_rounding = scales <= counts * np.finfo(np.float64).eps * np.abs(means)
    return means, np.where(is_rounding, 0.0, scales)
