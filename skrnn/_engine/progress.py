"""The progress line of a fit: one that is rewritten in a terminal or notebook, one a tenth of the epochs elsewhere."""

from __future__ import annotations

import sys
import time


class ProgressLine:
    """Report epochs as they end.

    Parameters
    ----------
    n_epochs : int
        Epochs that the fit will run at most.
    verbose : int
        Nothing is shown where it is 0.
    """

    def __init__(self, n_epochs, verbose):
        self._n_epochs, self._verbose = n_epochs, verbose
        self._stream = sys.stdout
        self._rewrites = _is_terminal(self._stream) or _is_notebook(self._stream)
        self._start = self._shown_at = time.perf_counter()
        self._n_before = self._tenths = 0  # epochs that the time since the start leaves out; tenths that are shown
        self._has_begun = False
        self._width = 0

    def skip(self, n_before):
        """Count epochs that were trained before, and took no time now."""
        self._n_before, self._tenths = n_before, 10 * n_before // self._n_epochs

    def update(self, n_done, logs):
        """Show the state after an epoch, if it is time for it."""
        if not self._verbose:
            return
        now = time.perf_counter()
        last = n_done == self._n_epochs
        tenths = 10 * n_done // self._n_epochs
        due = now - self._shown_at > 0.1 if self._rewrites else tenths > self._tenths
        if due or last:
            self._shown_at, self._tenths = now, tenths
            self._show(n_done, logs, now - self._start)
        if (
            not self._has_begun
        ):  # kernels are compiled, or Keras traces, in the first epoch: it tells nothing of the others
            self._has_begun, self._start, self._n_before = True, now, n_done

    def close(self):
        """End the line that was being rewritten."""
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
    """Whether what is written to a stream is seen at once, and a carriage return goes back over it."""
    return hasattr(stream, "isatty") and stream.isatty()


def _is_notebook(stream):
    """Whether a stream is a notebook's output, which is no terminal and yet obeys a carriage return."""
    return type(stream).__module__.partition(".")[0] == "ipykernel"
