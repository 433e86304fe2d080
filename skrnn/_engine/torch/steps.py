"""Steps of sequences of different lengths: in another order, and reduced to the last one, their mean or their maximum.

Valid steps come first. Arrays of steps have shape (n_steps, n_samples, width), and ``lengths`` is the number of valid
steps of each sequence, (n_samples,), or None if all are valid. Gradients are sums in a fixed order: each index of a
``gather`` occurs once, so that its gradient is a sum of one term.
"""

from __future__ import annotations

import torch


def is_padded(n_steps: int, lengths: torch.Tensor) -> torch.Tensor:
    """Return a mask of the padded steps, (n_steps, n_samples)."""
    return torch.arange(n_steps, device=lengths.device)[:, None] >= lengths


def steps_at(steps: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Return the steps at positions of shape (n, n_samples), (n, n_samples, width)."""
    return steps.gather(0, positions[..., None].expand(-1, -1, steps.shape[2]))


def reversed_steps(steps: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Return the valid steps in reverse order; padded ones stay where they are."""
    if lengths is None:
        return steps.flip(0)
    positions = torch.arange(len(steps), device=steps.device)[:, None]
    return steps_at(steps, torch.where(positions < lengths, lengths - 1 - positions, positions))


def last_step(steps: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Return the last valid step of each sequence, (n_samples, width)."""
    return steps_at(steps, (lengths - 1)[None])[0]


def mean_of_steps(steps: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Return the mean over the valid steps of each sequence, (n_samples, width)."""
    if lengths is None:
        return steps.mean(dim=0)
    return steps.masked_fill(is_padded(len(steps), lengths)[..., None], 0).sum(dim=0) / lengths[:, None]


def maximum_of_steps(steps: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Return the maximum over the valid steps of each sequence, (n_samples, width).

    The gradient is that of the first step that has the maximum, as torch defines the index of a maximum.
    """
    if lengths is not None:
        steps = steps.masked_fill(is_padded(len(steps), lengths)[..., None], -torch.inf)
    return steps.max(dim=0).values
