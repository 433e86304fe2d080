"""Sequences and targets on a device, and the gathering of batches from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from skrnn._data.sequences import Sequences
from skrnn._data.targets import Targets
from skrnn._engine.network import NetworkSpec
from skrnn._engine.torch.session import Session


@dataclass(frozen=True)
class Inputs:
    """Inputs of a batch.

    Parameters
    ----------
    values : torch.Tensor of shape (n_timesteps, n_samples, n_features), or (n_timesteps, n_samples) of tokens
        The valid time steps of each sequence, followed by copies of the last one.
    lengths : torch.Tensor of shape (n_samples,), or None
        Number of valid time steps of each sequence. None if all time steps are valid.
    """

    values: torch.Tensor
    lengths: torch.Tensor | None


class DeviceSequences:
    """Rows of sequences on a device, from which batches are gathered; windows that overlap share their rows.

    Parameters
    ----------
    sequences : Sequences
    spec : NetworkSpec
    session : Session
    """

    def __init__(self, sequences: Sequences, spec: NetworkSpec, session: Session) -> None:
        self._session, self._dtype = session, getattr(torch, spec.dtype)
        lengths, step = np.asarray(sequences.lengths, np.int64), sequences.step
        starts = np.asarray(sequences.starts, np.int64)
        ends = starts + step * (lengths - 1)
        first, last = int(min(starts.min(), ends.min())), int(max(starts.max(), ends.max()))
        values = sequences.values[first : last + 1]
        self._is_token = spec.embedding is not None
        self._is_scaled = sequences.shifts is not None and sequences.scales is not None
        if self._is_token:
            self._values = session.tensor(values[:, 0].astype(np.int64))
        else:
            dtype = np.float64 if self._is_scaled else np.dtype(spec.dtype)
            self._values = session.tensor(np.ascontiguousarray(values, dtype))
        self._starts = session.tensor(starts - first)
        self.n_timesteps, self.is_ragged = int(lengths.max()), bool((lengths != lengths[0]).any())
        self._lengths = session.tensor(lengths)
        self.steps = torch.arange(self.n_timesteps, device=session.device)[:, None]  # (n_timesteps, 1)
        self._step = step
        if sequences.shifts is not None and sequences.scales is not None:
            self._shifts = session.tensor(np.asarray(sequences.shifts, np.float64))
            self._scales = session.tensor(np.asarray(sequences.scales, np.float64))

    def batch(self, samples: torch.Tensor) -> Inputs:
        """Return the inputs of samples."""
        starts = self._starts.index_select(0, samples)
        lengths = self._lengths.index_select(0, samples) if self.is_ragged else None
        steps = self.steps if lengths is None else torch.minimum(self.steps, lengths - 1)
        rows = starts + steps * self._step  # (n_timesteps, n_samples)
        values = self._values.index_select(0, rows.view(-1)).view(*rows.shape, *self._values.shape[1:])
        if self._is_scaled:
            shifts, scales = (array.index_select(0, samples) for array in (self._shifts, self._scales))
            n = shifts.shape[1]
            values = torch.cat([(values[..., :n] - shifts) / scales, values[..., n:]], dim=-1)
        return Inputs(values if self._is_token else values.to(self._dtype), lengths)


class DeviceTargets:
    """Targets and weights on a device.

    Parameters
    ----------
    targets : Targets
    sequences : DeviceSequences
    spec : NetworkSpec
    session : Session
    """

    def __init__(self, targets: Targets, sequences: DeviceSequences, spec: NetworkSpec, session: Session) -> None:
        dtype = np.dtype(spec.dtype)
        self._sequences, self._per_step = sequences, targets.per_step
        self._values = session.tensor(np.ascontiguousarray(targets.values, dtype))
        self._weights = session.tensor(np.ascontiguousarray(targets.weights, dtype))
        self._starts = session.tensor(np.asarray(targets.starts, np.int64))
        self.n_rows = len(targets.values)

    def batch(self, samples: torch.Tensor, lengths: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        """Return rows, targets and weights of the outputs of samples, one row per sample, or per time step and sample.

        Rows are those of the targets, or `n_rows` at padded time steps, whose weight is zero.
        """
        rows = self._starts.index_select(0, samples)
        if not self._per_step:
            return rows, self._values.index_select(0, rows), self._weights.index_select(0, rows)
        steps = self._sequences.steps
        if lengths is None:
            rows = (rows + steps).view(-1)
            return rows, self._values.index_select(0, rows), self._weights.index_select(0, rows)
        is_padded = (steps >= lengths).view(-1)
        rows = (rows + torch.minimum(steps, lengths - 1)).view(-1)
        values, weights = self._values.index_select(0, rows), self._weights.index_select(0, rows)
        return rows.masked_fill(is_padded, self.n_rows), values, weights.masked_fill(is_padded, 0)
