"""Progress of a fit: a line that is rewritten in a terminal or notebook, or else ten lines per fit."""

from __future__ import annotations

import sys
import time


class ProgressLine:
    """Report of the epochs of a fit.

    Parameters
    ----------
    n_epochs : int
        Largest number of epochs.
    verbose : int
        Verbosity level. If 0, nothing is printed.
    """

    def __init__(self, n_epochs, verbose):
        self._n_epochs, self._verbose = n_epochs, verbose
        self._stream = sys.stdout
        self._rewrites = _is_terminal(self._stream) or _is_notebook(self._stream)
        self._start = self._shown_at = time.perf_counter()
        self._n_before = self._tenths = 0  # epochs before the start of the clock; tenths reported
        self._has_begun = False
        self._width = 0

    def skip(self, n_before):
        """Set the number of epochs that were trained by an earlier fit."""
        self._n_before, self._tenths = n_before, 10 * n_before // self._n_epochs

    def update(self, n_done, logs):
        """Report an epoch, if it is time to."""
        if not self._verbose:
            return
        now = time.perf_counter()
        last = n_done == self._n_epochs
        tenths = 10 * n_done // self._n_epochs
        due = now - self._shown_at > 0.1 if self._rewrites else tenths > self._tenths
        if due or last:
            self._shown_at, self._tenths = now, tenths
            self._show(n_done, logs, now - self._start)
        if not self._has_begun:  # the first epoch, in which kernels are compiled or Keras traces, takes longer
            self._has_begun, self._start, self._n_before = True, now, n_done

    def close(self):
        """End the line that is rewritten."""
        if self._width:
            print(file=self._stream, flush=True)

    def _show(self, n_done, logs, seconds):
        values = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
        per_epoch = seconds / (n_done - self._n_before)
        left = (self._n_epochs - n_done) * per_epoch
        line = f"Epoch {n_done}/{self._n_epochs}  {values}  {1e3 * per_epoch:.3g} ms/epoch  {left:.0f} s left"
        if self._rewrites:
            padding = " " * (self._width - len(line))
            self._width = len(line)
            print(f"\r{line}{padding}", end="", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)


def _is_terminal(stream):
    """Return whether a stream is a terminal, which obeys a carriage return."""
    return hasattr(stream, "isatty") and stream.isatty()


def _is_notebook(stream):
    """Return whether a stream is the output of a notebook, which also obeys a carriage return."""
    return type(stream).__module__.partition(".")[0] == "ipykernel"
