"""Sequences and targets on a device, and the gathering of batches from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from skrnn._data.categories import numeric_columns
from skrnn._data.input_targets import InputTargets
from skrnn._data.sequences import Sequences
from skrnn._data.targets import Targets
from skrnn._engine.network import NetworkSpec
from skrnn._engine.torch.categories import embedding_rows, with_replaced
from skrnn._engine.torch.session import Session
from skrnn._engine.torch.steps import is_padded


@dataclass(frozen=True)
class Inputs:
    """Inputs of a batch.

    Each step is a patch of time steps, one by default. The last patch of a sequence ends at its last time step. The
    valid steps are followed by copies of the last time step.

    Parameters
    ----------
    values : torch.Tensor of shape (n_steps, n_samples, patch_size, n_numeric), or None
        Numeric features. None if there are none.
    codes : torch.Tensor of int64, shape (n_steps, n_samples, patch_size, n_embeddings), or None, default=None
        Rows of the embeddings of tokens or categorical features. None if there are no embeddings.
    is_missing : torch.Tensor of bool, shape (n_steps, n_samples, patch_size), or None, default=None
        Mask of the time steps that the first patch lacks. The axis of samples may have length one. None if all patches
        are complete.
    lengths : torch.Tensor of shape (n_samples,), or None, default=None
        Number of valid steps of each sequence. None if all steps are valid.
    """

    values: torch.Tensor | None
    codes: torch.Tensor | None = None
    is_missing: torch.Tensor | None = None
    lengths: torch.Tensor | None = None


class DeviceSequences:
    """Rows of sequences on a device, from which batches are gathered; windows that overlap share their rows.

    Parameters
    ----------
    sequences : Sequences
    spec : NetworkSpec
    session : Session

    Attributes
    ----------
    n_steps : int
        Largest number of steps of a sequence: time steps, or patches of them.
    """

    def __init__(self, sequences: Sequences, spec: NetworkSpec, session: Session) -> None:
        self._dtype, size = getattr(torch, spec.dtype), spec.patch_size
        lengths, step = np.asarray(sequences.lengths, np.int64), sequences.step
        starts = np.asarray(sequences.starts, np.int64)
        ends = starts + step * (lengths - 1)
        first, last = int(min(starts.min(), ends.min())), int(max(starts.max(), ends.max()))
        self._set_rows(sequences, sequences.values[first : last + 1], spec, session)
        self._starts, self._step = session.tensor(starts - first), step
        n_steps = -(-lengths // size)
        self.n_steps, self._patch_size = int(n_steps.max()), size
        self._lengths, self._has_incomplete = session.tensor(lengths), bool((lengths % size).any())
        self._differ, self._n_steps_differ = (bool((n != n[0]).any()) for n in (lengths, n_steps))
        positions = torch.arange(self.n_steps * size, device=session.device).view(-1, 1, size)
        self._positions = positions if self._differ else positions + int(lengths[0] - n_steps[0] * size)

    def _set_rows(self, sequences, values, spec, session):
        """Copy rows of numbers, of codes, and the shifts and scales of the sequences to the device."""
        self._values = self._codes = None
        self._is_scaled = sequences.shifts is not None and sequences.scales is not None
        if spec.embedding is not None:
            self._codes = session.tensor(values[:, :1].astype(np.int64))
            return
        numeric = np.arange(values.shape[1])
        if spec.categories:
            self._codes = session.tensor(embedding_rows(values, spec.categories))
            numeric = numeric_columns(values.shape[1], tuple(column for column, _, _ in spec.categories))
            values = values[:, numeric]
        if len(numeric):
            dtype = np.float64 if self._is_scaled else np.dtype(spec.dtype)
            self._values = session.tensor(np.ascontiguousarray(values, dtype))
        if self._is_scaled:
            scaled = numeric[numeric < sequences.shifts.shape[1]]  # the first ones of the numeric features
            self._shifts = session.tensor(np.asarray(sequences.shifts[:, scaled], np.float64))
            self._scales = session.tensor(np.asarray(sequences.scales[:, scaled], np.float64))

    def batch(self, samples: torch.Tensor, key: torch.Tensor | None = None) -> Inputs:
        """Return the inputs of samples, in which codes are replaced by the unknown one if there is the key of an epoch.

        Codes of tokens are not replaced.
        """
        n_steps, time_steps = None, self._positions  # negative where the first patch lacks a time step
        if self._differ:
            lengths = self._lengths.index_select(0, samples)
            if self._has_incomplete:
                time_steps = time_steps - torch.remainder(-lengths, self._patch_size)[:, None]
            time_steps = torch.minimum(time_steps, lengths[:, None] - 1)
            if self._n_steps_differ:
                n_steps = lengths if self._patch_size == 1 else -(-lengths // self._patch_size)
        in_sequence = time_steps.clamp(min=0) if self._has_incomplete else time_steps
        rows = self._starts.index_select(0, samples)[:, None] + in_sequence * self._step
        values = codes = None
        if self._values is not None:
            values = _taken(self._values, rows)
            if self._is_scaled:
                shifts, scales = (_taken(array, samples)[:, None] for array in (self._shifts, self._scales))
                n = shifts.shape[-1]
                values = torch.cat([(values[..., :n] - shifts) / scales, values[..., n:]], dim=-1)
            values = values.to(self._dtype)
        if self._codes is not None:
            codes = _taken(self._codes, rows)
            if key is not None:
                codes = with_replaced(codes, key, samples, time_steps)
        return Inputs(values, codes, time_steps < 0 if self._has_incomplete else None, n_steps)


class DeviceTargets:
    """Targets and weights on a device.

    Parameters
    ----------
    targets : Targets
    spec : NetworkSpec
    session : Session
    """

    def __init__(self, targets: Targets, spec: NetworkSpec, session: Session) -> None:
        dtype = np.dtype(spec.dtype)
        self._per_step = targets.per_step
        self._values = session.tensor(np.ascontiguousarray(targets.values, dtype))
        self._weights = session.tensor(np.ascontiguousarray(targets.weights, dtype))
        self._starts = session.tensor(np.asarray(targets.starts, np.int64))
        self.n_rows = len(targets.values)

    def batch(self, samples: torch.Tensor, inputs: Inputs, n_steps: int) -> tuple[torch.Tensor, ...]:
        """Return rows, targets and weights of the outputs of samples, one row per sample, or per step and sample.

        Rows are those of the targets, or `n_rows` at padded steps, whose weight is zero.
        """
        rows = self._starts.index_select(0, samples)
        if not self._per_step:
            return rows, self._values.index_select(0, rows), self._weights.index_select(0, rows)
        steps, lengths = torch.arange(n_steps, device=rows.device)[:, None], inputs.lengths
        if lengths is None:
            rows = (rows + steps).view(-1)
            return rows, self._values.index_select(0, rows), self._weights.index_select(0, rows)
        padded = is_padded(n_steps, lengths).view(-1)
        rows = (rows + torch.minimum(steps, lengths - 1)).view(-1)
        values, weights = self._values.index_select(0, rows), self._weights.index_select(0, rows)
        return rows.masked_fill(padded, self.n_rows), values, weights.masked_fill(padded, 0)


class DeviceInputTargets:
    """Inputs of each batch as its targets, and weights of samples on a device.

    Parameters
    ----------
    targets : InputTargets
    spec : NetworkSpec
    session : Session
    """

    def __init__(self, targets: InputTargets, spec: NetworkSpec, session: Session) -> None:
        self._weights = session.tensor(np.ascontiguousarray(targets.weights, np.dtype(spec.dtype)))

    def batch(self, samples: torch.Tensor, inputs: Inputs, n_steps: int) -> tuple[None, torch.Tensor, torch.Tensor]:
        """Return None, as outputs have no rows of their own, targets and weights, one row per time step and sample."""
        assert inputs.values is not None
        weights = self._weights.index_select(0, samples).expand(n_steps, -1)
        if inputs.lengths is not None:
            weights = weights.masked_fill(is_padded(n_steps, inputs.lengths), 0)
        return None, inputs.values.reshape(-1, inputs.values.shape[-1]), weights.reshape(-1)


def _taken(array, at):
    """Return rows of an array, in the shape of their positions."""
    return array.index_select(0, at.reshape(-1)).view(*at.shape, *array.shape[1:])
