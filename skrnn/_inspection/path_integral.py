"""Integrals of gradients on the lines from baselines to sequences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

from skrnn._data.sequences import Sequences
from skrnn._engine.input_gradients import LinearOutputs
from skrnn._inspection.baselines import Baseline

_NUMBERS_AT_ONCE = 2**20  # of the inputs of all points that are computed together
_MAX_HALVINGS = 12
_TOLERANCE = 0.01  # of the difference of the outputs
_CANCELLATION = 1e-4  # of the sum of absolute attributions, where they cancel to a difference near zero
_ROUNDING = 1e-6  # of the outputs, in single precision


class PathIntegral:
    """Integrated gradients of the mean of the outputs of networks, for all samples.

    The integral over any part of a line is known: it is the difference of the outputs at the ends. Parts where the
    quadrature differs from it are halved.

    Parameters
    ----------
    networks : list of LinearOutputs
    sequences : Sequences
    baseline : Baseline
    coefficients : ndarray of shape (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs)
        Coefficients of the outputs whose sum is explained.
    n_steps : int
        Number of points of a whole line; that of each part is a tenth of it.

    Attributes
    ----------
    differences : ndarray of shape (n_samples,)
        Explained outputs of the sequences minus those of the baselines.
    tolerances : ndarray of shape (n_samples,)
        Allowed difference between these and the sums of the attributions.
    """

    def __init__(
        self,
        networks: list[LinearOutputs],
        sequences: Sequences,
        baseline: Baseline,
        coefficients: NDArray[np.float64],
        n_steps: int,
    ) -> None:
        self._networks, self._sequences, self._baseline = networks, sequences, baseline
        self._coefficients, self.n_steps = coefficients, n_steps
        # Errors decrease only slowly with the number of points next to a kink, but with the length of the part.
        self._rule, self._rule_of_halves = _gauss_legendre(n_steps), _gauss_legendre(-(-n_steps // 10))
        self.differences, self.tolerances = np.zeros(len(sequences)), np.zeros(len(sequences))

    def attributions(self) -> NDArray[np.float64]:
        """Return the attributions in the order of `Sequences.gather`, zero at padded time steps."""
        sequences = self._sequences
        found = np.zeros(sequences.shape)
        samples_at_once = max(_NUMBERS_AT_ONCE // (sequences.n_timesteps * sequences.n_features), 1)
        for first in range(0, len(sequences), samples_at_once):
            samples = np.arange(first, min(first + samples_at_once, len(sequences)))
            found[samples] = self._of_samples(samples)
        return found

    def _of_samples(self, samples):
        start = self._baseline.gather(samples)
        change = self._sequences.gather(samples) - start
        change[~self._sequences.valid(samples)] = 0
        found = np.zeros_like(change)
        rows, lower, upper = np.arange(len(samples)), np.zeros(len(samples)), np.ones(len(samples))
        for n_halvings in range(_MAX_HALVINGS + 1):
            rule = self._rule_of_halves if n_halvings else self._rule
            parts = change[rows] * self._integrals(samples, start, change, rows, lower, upper, rule)
            ends = [self._explained(samples, start, change, rows, at) for at in (lower, upper)]
            differences, sums = ends[1] - ends[0], parts.sum(axis=(1, 2))
            if n_halvings == 0:
                self.differences[samples] = differences
                self.tolerances[samples] = (
                    _TOLERANCE * np.abs(differences)
                    + _CANCELLATION * np.abs(parts).sum(axis=(1, 2))
                    + _ROUNDING * np.abs(ends).max(axis=0)
                )
            # Errors of n parts, whose signs differ, add up to about the square root of n times one of them.
            allowed = self.tolerances[samples[rows]] * np.sqrt(upper - lower) / 4
            is_exact = np.abs(sums - differences) <= allowed
            is_exact |= n_halvings == _MAX_HALVINGS
            np.add.at(found, rows[is_exact], parts[is_exact])
            rows, lower, upper = (array[~is_exact] for array in (rows, lower, upper))
            if not len(rows):
                break
            middle = (lower + upper) / 2
            rows = np.concatenate([rows, rows])
            lower, upper = np.concatenate([lower, middle]), np.concatenate([middle, upper])
        return found

    def _integrals(self, samples, start, change, rows, lower, upper, rule):
        """Return the integral of the gradients over a part of the line of each row."""
        found = np.zeros((len(rows), *change.shape[1:]))
        size = change[0].size
        n_points = len(rule[0])
        points_at_once = min(n_points, max(_NUMBERS_AT_ONCE // size, 1))
        rows_at_once = max(_NUMBERS_AT_ONCE // (size * points_at_once), 1)
        for first in range(0, len(rows), rows_at_once):
            part = slice(first, first + rows_at_once)
            of_part, width = rows[part], upper[part] - lower[part]
            for begin in range(0, n_points, points_at_once):
                nodes, weights = (array[begin : begin + points_at_once] for array in rule)
                at = lower[part] + nodes[:, None] * width  # (n_points, n_rows)
                points = start[of_part] + at[..., None, None] * change[of_part]
                path = self._as_sequences(points, samples[of_part])
                repeated = np.concatenate([self._coefficients[samples[of_part]]] * len(nodes))
                for network in self._networks:
                    gradients = network.gradients(path, repeated).reshape(points.shape)
                    found[part] += np.tensordot(weights, gradients, axes=1)
            found[part] *= width[:, None, None] / len(self._networks)
        return found

    def _explained(self, samples, start, change, rows, at):
        """Return the explained output at a point of the line of each row."""
        points = start[rows] + at[:, None, None] * change[rows]
        sequences = self._as_sequences(points[None], samples[rows])
        outputs = sum(network.values(sequences).astype(np.float64) for network in self._networks)
        explained = outputs / len(self._networks) * self._coefficients[samples[rows]]
        return explained.reshape(len(rows), -1).sum(axis=1)

    def _as_sequences(self, points, samples):
        """Return an array of shape (n_points, n_samples, n_timesteps, n_features) as sequences."""
        n_points, n_samples, n_timesteps, n_features = points.shape
        return Sequences(
            values=points.reshape(-1, n_features),
            starts=np.arange(n_points * n_samples) * n_timesteps,
            lengths=np.tile(self._sequences.lengths[samples], n_points),
            n_leading_padding=np.zeros(n_points * n_samples, np.int64),
            step=1,
            n_timesteps=n_timesteps,
        )


def _gauss_legendre(n_points):
    """Return the nodes and weights of the quadrature on [0, 1]."""
    nodes, weights = roots_legendre(n_points)
    return (np.asarray(nodes) + 1) / 2, np.asarray(weights) / 2
