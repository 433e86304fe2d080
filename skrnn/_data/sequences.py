"""One frozen, lazy representation of every layout of ``X``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Integral
from types import EllipsisType
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from skrnn._common.state import PublicNameMixin

_NUMBERS_AT_ONCE = 2**18  # of an array that is filled block by block
_MANY = 32  # sequences from which a view of all windows is faster than indexing


@dataclass(frozen=True, eq=False, repr=False)
class Sequences(PublicNameMixin, NDArrayOperatorsMixin):
    """Lazy 3-D array of sequences that are slices of one array of rows, which overlapping windows share.

    Sequence ``i`` consists of the rows ``starts[i] + step * t`` for ``t < lengths[i]``, its valid time steps; all other
    time steps are padded. For NumPy and scikit-learn, it is an array-like of shape (n_samples, n_timesteps,
    n_features): it has ``len``, ``shape``, ``ndim``, ``size`` and ``dtype``, can be iterated over, pickled, and indexed
    with ints, slices, and integer or boolean arrays, and NumPy functions such as ``np.isnan`` accept it. Selecting
    samples with a slice or an array returns `Sequences` over the same rows; no row is copied. All other operations,
    such as arithmetic and comparison operators, return arrays. ``np.asarray`` converts it to an array, which requires
    up to `n_timesteps` times the memory; array methods such as ``reshape`` and ``mean`` are available only after this
    conversion.

    :func:`~skrnn.sliding_windows` and :class:`~skrnn.SequenceWindower` return `Sequences`. The parameters are available
    as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        The rows of all sequences. Rows that no sequence refers to may contain any values.
    starts : ndarray of int, shape (n_samples,)
        Row of the first valid time step of each sequence.
    lengths : ndarray of int, shape (n_samples,)
        Number of valid time steps of each sequence, at least one.
    n_leading_padding : ndarray of int, shape (n_samples,)
        Number of padded time steps before the first valid one. Time steps after the last valid one are padded, too.
    step : int
        Distance in rows between consecutive time steps of a sequence.
    n_timesteps : int
        Length of the time axis.
    series : ndarray of int, shape (n_samples,), or None, default=None
        Number of the series that each sequence is taken from. If None, all sequences are from one series, or their
        series are unknown.
    shifts, scales : ndarray of float64, shape (n_samples, n_scaled), or None, default=None
        Shift and scale of the first `n_scaled` features of each sequence: these are ``(value - shift) / scale``,
        computed in double precision. If None, features are the values of the rows.

    See Also
    --------
    sliding_windows : Cut windows of time-ordered rows.
    SequenceWindower : Transformer that cuts the same windows.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import sliding_windows
    >>> windows = sliding_windows(np.arange(6.0)[:, None], window=3)
    >>> windows
    Sequences(shape=(6, 3, 1), dtype=float64)
    >>> windows[0][:, 0]
    array([nan, nan,  0.])
    >>> np.asarray(windows[[2, 5]])[:, :, 0]
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """

    values: NDArray[Any]
    starts: NDArray[Any]
    lengths: NDArray[Any]
    n_leading_padding: NDArray[Any]
    step: int
    n_timesteps: int
    series: NDArray[Any] | None = None
    shifts: NDArray[Any] | None = None
    scales: NDArray[Any] | None = None

    # ------------------------------------------------------------------ array interface

    ndim = 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the 3-D array: (n_samples, n_timesteps, n_features)."""
        return len(self.starts), self.n_timesteps, self.values.shape[1]

    @property
    def size(self) -> int:
        """Number of elements of the 3-D array."""
        return len(self.starts) * self.n_timesteps * self.values.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the array: that of the rows, or float64 for sequences with their own shifts and scales."""
        return self.values.dtype if self.shifts is None else np.dtype(np.float64)

    def __len__(self) -> int:
        return len(self.starts)

    def __repr__(self) -> str:
        return f"Sequences(shape={self.shape}, dtype={self.dtype})"

    @overload
    def __getitem__(self, key: int | np.integer[Any]) -> NDArray[Any]: ...

    @overload
    def __getitem__(self, key: slice | list[int] | list[bool] | NDArray[Any] | EllipsisType) -> Sequences: ...

    @overload
    def __getitem__(self, key: tuple[Any, ...]) -> Any: ...

    def __getitem__(self, key: Any) -> Any:
        """Return one sequence as an array of shape (n_timesteps, n_features) for an int, otherwise `Sequences`."""
        if isinstance(key, tuple):
            first, *others = key or (Ellipsis,)
            if all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in others):
                return self[first]  # scikit-learn indexes X[indices, ...]
            # Only the selected samples are expanded. Arrays in other axes would be broadcast with an int.
            if _is_int(first) and all(k is Ellipsis or isinstance(k, slice) or _is_int(k) for k in others):
                return self[first][tuple(others)]
            if isinstance(first, slice):
                array, in_array = np.asarray(self.take(first)), (slice(None), *others)
                return array[in_array]
            return np.asarray(self)[key]
        if key is Ellipsis:
            return self
        if _is_int(key):
            return np.asarray(self.take(np.array([key])))[0]
        if not isinstance(key, slice):
            key = np.asarray(key)
            key = key.astype(int) if key.size == 0 and key.dtype != bool else key
            if key.ndim != 1:
                raise IndexError(
                    f"Sequences can be indexed with ints, slices and 1-D arrays. Got an array of {key.ndim} dimensions."
                )
        return self.take(key)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield each sequence as an array of shape (n_timesteps, n_features)."""
        for sample in range(len(self)):
            yield self[sample]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return an array of shape (n_samples, n_timesteps, n_features), with NaN in padded time steps."""
        if copy is False:
            raise ValueError("Sequences share rows, so that an array of them is always a copy.")
        is_padded = self.lengths < self.n_timesteps
        as_float = is_padded.any() and self.dtype.kind != "f"
        array = np.empty(self.shape, dtype=np.float64 if as_float else self.dtype)
        n_samples = max(_NUMBERS_AT_ONCE // max(self.n_timesteps * self.n_features, 1), 1)
        for first in range(0, len(self), n_samples):
            block = slice(first, first + n_samples)
            if len(self) >= _MANY and self.step > 0 and not is_padded[block].any():
                array[block] = self._scaled(self._windows_of_rows()[_as_slice(self.starts[block])], block)
                continue
            steps = np.arange(self.n_timesteps) - self.n_leading_padding[block, None]
            valid = np.clip(steps, 0, self.lengths[block, None] - 1)
            array[block] = self._scaled(self.values.take(self.starts[block, None] + self.step * valid, axis=0), block)
            if as_float or self.dtype.kind == "f":
                array[block][steps != valid] = np.nan
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply a NumPy function, or an operator such as ``==``, to the array of all time steps."""
        if any(isinstance(value, Sequences) for value in options.get("out", ())):
            raise TypeError("Sequences are immutable. Convert them by np.asarray, and modify the array.")
        arrays = [np.asarray(value) if isinstance(value, Sequences) else value for value in inputs]
        return getattr(ufunc, method)(*arrays, **options)

    def __contains__(self, value: object) -> bool:
        return bool((np.asarray(self) == value).any())

    def to_numpy(self) -> NDArray[Any]:
        """Return an array of shape (n_samples, n_timesteps, n_features), as ``np.asarray`` does.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_features)
            The sequences, with NaN in padded time steps.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import sliding_windows
        >>> sliding_windows(np.arange(3.0)[:, None], window=2).to_numpy()[:, :, 0]
        array([[nan,  0.],
               [ 0.,  1.],
               [ 1.,  2.]])
        """
        return np.asarray(self)

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            hint = ""
            if not name.startswith("_") and hasattr(np.ndarray, name):
                hint = ", which arrays have: convert them by np.asarray"
            raise AttributeError(f"Sequences have no attribute {name!r}{hint}.")

    def _windows_of_rows(self):
        """View the rows as all sequences without padding, by first row: (n_windows, n_timesteps, n_features)."""
        n_rows = self.step * (self.n_timesteps - 1) + 1
        return sliding_window_view(self.values, n_rows, axis=0)[..., :: self.step].swapaxes(1, 2)

    def _scaled(self, steps, indices):
        """Return time steps of some sequences, (..., n_timesteps, n_features), with their shifts and scales."""
        if self.shifts is None or self.scales is None:
            return steps
        n_scaled, steps = self.shifts.shape[1], steps.astype(np.float64)
        steps[..., :n_scaled] -= self.shifts[indices][..., None, :]
        steps[..., :n_scaled] /= self.scales[indices][..., None, :]
        return steps

    def with_applied_scales(self) -> Sequences:
        """Return equal sequences without shifts and scales, over rows of their own if there were any.

        Returns
        -------
        Sequences
            The same sequences.

        Examples
        --------
        >>> import numpy as np
        >>> from dataclasses import replace
        >>> from skrnn import sliding_windows
        >>> windows = sliding_windows(np.arange(3.0)[:, None], window=2)
        >>> relative = replace(windows, shifts=np.arange(3.0)[:, None], scales=np.ones((3, 1)))
        >>> relative.with_applied_scales().to_numpy()[:, :, 0]
        array([[nan,  0.],
               [-1.,  0.],
               [-1.,  0.]])
        """
        if self.shifts is None:
            return self
        n_samples, n_timesteps, n_features = self.shape
        return replace(
            self,
            values=self.gather(np.arange(n_samples)).reshape(-1, n_features),
            starts=np.arange(n_samples) * n_timesteps,
            step=1,
            shifts=None,
            scales=None,
        )

    # ------------------------------------------------------------------ input of networks

    @property
    def n_features(self) -> int:
        """Number of features of each time step."""
        return self.values.shape[1]

    @property
    def has_padding(self) -> bool:
        """Whether any sequence has padded time steps."""
        return bool((self.lengths < self.n_timesteps).any())

    def take(self, indices: slice | NDArray[Any]) -> Sequences:
        """Return the selected sequences, over the same rows.

        Parameters
        ----------
        indices : slice, or ndarray of int or bool
            Sequences to select.

        Returns
        -------
        Sequences
            The selected sequences.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import sliding_windows
        >>> windows = sliding_windows(np.arange(6.0)[:, None], window=3)
        >>> windows.take(np.array([5, 2]))
        Sequences(shape=(2, 3, 1), dtype=float64)
        """
        return replace(
            self,
            starts=self.starts[indices],
            lengths=self.lengths[indices],
            n_leading_padding=self.n_leading_padding[indices],
            series=None if self.series is None else self.series[indices],
            shifts=None if self.shifts is None else self.shifts[indices],
            scales=None if self.scales is None else self.scales[indices],
        )

    def gather(self, indices: NDArray[Any], n_timesteps: int | None = None) -> NDArray[Any]:
        """Return the valid time steps of sequences, followed by copies of the last one.

        Parameters
        ----------
        indices : ndarray of int
            Sequences to select, of any shape.
        n_timesteps : int or None, default=None
            Length of the time axis of the output, at least that of the longest selected sequence. If None,
            `n_timesteps` of the sequences is used.

        Returns
        -------
        ndarray of shape ``indices.shape + (n_timesteps, n_features)``
            The time steps. :meth:`valid` returns the mask of the valid ones.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import sliding_windows
        >>> windows = sliding_windows(np.arange(6.0)[:, None], window=3)
        >>> windows.gather(np.array([0, 5]))[:, :, 0]
        array([[0., 0., 0.],
               [3., 4., 5.]])
        """
        n_timesteps = self.n_timesteps if n_timesteps is None else n_timesteps
        steps = np.minimum(np.arange(n_timesteps), self.lengths[indices][..., None] - 1)
        return self._scaled(self.values.take(self.starts[indices][..., None] + self.step * steps, axis=0), indices)

    def valid(self, indices: slice | NDArray[Any] = slice(None), n_timesteps: int | None = None) -> NDArray[np.bool_]:
        """Return the mask of the valid time steps in the output of :meth:`gather`.

        Parameters
        ----------
        indices : ndarray of int or slice, default=slice(None)
            Sequences to select.
        n_timesteps : int or None, default=None
            As in :meth:`gather`.

        Returns
        -------
        ndarray of bool, shape ``indices.shape + (n_timesteps,)``
            True for valid time steps.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import sliding_windows
        >>> windows = sliding_windows(np.arange(6.0)[:, None], window=3)
        >>> windows.valid(np.array([0, 5]))
        array([[ True, False, False],
               [ True,  True,  True]])
        """
        n_timesteps = self.n_timesteps if n_timesteps is None else n_timesteps
        return np.arange(n_timesteps) < self.lengths[indices][..., None]

    def to_layout(self, outputs: NDArray[Any], fill: Any) -> NDArray[Any]:
        """Rearrange outputs in the order of :meth:`gather` to the time steps of the 3-D array, with padding.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_timesteps, ...)
            Outputs in the order of :meth:`gather`.
        fill : scalar
            Value of padded time steps.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, ...)
            The outputs, with leading and trailing padding.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import sliding_windows
        >>> windows = sliding_windows(np.arange(6.0)[:, None], window=3)
        >>> outputs = windows.gather(np.arange(6))
        >>> windows.to_layout(outputs, fill=-1)[:2, :, 0]
        array([[-1., -1.,  0.],
               [-1.,  0.,  1.]])
        """
        if not self.has_padding:
            return outputs
        restored = np.full_like(outputs, fill)
        rows, steps = np.nonzero(self.valid())
        restored[rows, steps + self.n_leading_padding[rows]] = outputs[rows, steps]
        return restored


def _is_int(key):
    return isinstance(key, Integral) and not isinstance(key, (bool, np.bool_))


def _as_slice(indices):
    """Return consecutive indices as a slice, which numpy copies faster, and others as they are."""
    first, last = int(indices[0]), int(indices[-1])
    is_consecutive = last - first == len(indices) - 1 and (np.diff(indices) == 1).all()
    return slice(first, last + 1) if is_consecutive else indices
