"""One frozen, lazy representation of every layout of ``X``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from types import EllipsisType
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Sequences:
    """Sequences as slices of one buffer of rows, so that windows which overlap share their rows.

    Sequence ``i`` is made of the rows ``starts[i] + step * t`` for ``t < lengths[i]``: its present steps. To numpy and
    scikit-learn it is an array of shape (n_samples, n_timesteps, n_features): ``len``, ``shape``, indexing with ints,
    slices, and integer or boolean arrays, ``np.asarray``, pickling. Indexing copies no row; what is not indexed with
    a single int stays lazy. Its parameters are its attributes.

    :func:`~skrnn.sliding_windows` makes them.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        The rows that all sequences are cut from. Rows that no sequence refers to may hold anything.
    starts : ndarray of int, shape (n_samples,)
        The row of the first present step of each sequence.
    lengths : ndarray of int, shape (n_samples,)
        The number of present steps of each sequence, at least one.
    n_leading_padding : ndarray of int, shape (n_samples,)
        The number of absent steps before the first present one. What follows the last present one is absent too.
    step : int
        The distance in rows between two steps of a sequence.
    n_timesteps : int
        The length of the time axis.
    series : ndarray of int, shape (n_samples,), or None, default=None
        The number of the series that each sequence was cut from. None says that all are of one series, or that
        nothing is known of it.

    See Also
    --------
    sliding_windows : Cuts windows of rows in time order.
    SequenceWindower : Gives them where windows do not lie at even distances.

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

    # ------------------------------------------------------------------ as an array

    ndim = 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the array that these sequences stand for: (n_samples, n_timesteps, n_features)."""
        return len(self.starts), self.n_timesteps, self.values.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the rows."""
        return self.values.dtype

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
        """One sequence as an array, (n_timesteps, n_features), for an int; otherwise the chosen ones, lazily."""
        if isinstance(key, tuple):
            first, *others = key or (Ellipsis,)
            if all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in others):
                return self[first]  # what scikit-learn asks for: X[indices, ...]
            return np.asarray(self)[key]
        if key is Ellipsis:
            return self
        if isinstance(key, Integral) and not isinstance(key, (bool, np.bool_)):
            return np.asarray(self.take(np.array([key])))[0]
        if not isinstance(key, slice):
            key = np.asarray(key)
            key = key.astype(int) if key.size == 0 and key.dtype != bool else key
            if key.ndim != 1:
                raise IndexError(f"Sequences are indexed with ints, slices and 1-D arrays; got {key.ndim} dimensions.")
        return self.take(key)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Every step of every sequence in its place, absent ones NaN: `n_timesteps` times the memory of the rows."""
        if copy is False:
            raise ValueError("Sequences share rows: an array of them is always a copy.")
        steps = np.arange(self.n_timesteps) - self.n_leading_padding[:, None]
        inside = np.clip(steps, 0, self.lengths[:, None] - 1)
        array = self.values.take(self.starts[:, None] + self.step * inside, axis=0)
        if self.has_padding:
            array = array if array.dtype.kind == "f" else array.astype(np.float64)
            array[steps != inside] = np.nan
        return array if dtype is None else array.astype(dtype, copy=False)

    # ------------------------------------------------------------------ as what networks take

    @property
    def n_features(self) -> int:
        """Number of features of every step."""
        return self.values.shape[1]

    @property
    def has_padding(self) -> bool:
        """Whether any sequence is shorter than the time axis."""
        return bool((self.lengths < self.n_timesteps).any())

    def take(self, indices: slice | NDArray[Any]) -> Sequences:
        """Get the chosen sequences, over the same rows.

        Parameters
        ----------
        indices : slice, or ndarray of int or bool
            Which sequences.

        Returns
        -------
        Sequences
            As many as `indices` choose.

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
        )

    def gather(self, indices: NDArray[Any], n_timesteps: int | None = None) -> NDArray[Any]:
        """Get present steps first, tails filled with the last present step.

        Parameters
        ----------
        indices : ndarray of int
            Which sequences, in any arrangement.
        n_timesteps : int or None, default=None
            Length of the time axis that is returned, where it is to be another than `n_timesteps` of the sequences; no
            present step may be cut off.

        Returns
        -------
        ndarray of shape ``indices.shape + (n_timesteps, n_features)``
            The filling is finite and in bounds; who computes with it masks it.

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
        return self.values.take(self.starts[indices][..., None] + self.step * steps, axis=0)

    def valid(self, indices: slice | NDArray[Any] = slice(None), n_timesteps: int | None = None) -> NDArray[np.bool_]:
        """Tell the present steps, in the order of `gather`.

        Parameters
        ----------
        indices : ndarray of int or slice, default=slice(None)
            Which sequences.
        n_timesteps : int or None, default=None
            As in `gather`.

        Returns
        -------
        ndarray of bool, shape ``indices.shape + (n_timesteps,)``
            True for present steps.

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
        """Put one output per step back to where the step stands in the array that these sequences stand for.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_timesteps, ...)
            Outputs in the order of `gather`.
        fill : scalar
            What absent steps get.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, ...)
            The outputs in the places of their steps.

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
