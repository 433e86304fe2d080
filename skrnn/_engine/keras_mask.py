"""Stock networks that train without their mask, which is slow and has no effect where no time step is padded."""

from __future__ import annotations

import inspect
import threading
from typing import Any

from skrnn._engine.dataset import Dataset


def is_padded(dataset: Dataset | None) -> bool:
    """Return whether batches of a dataset have padded time steps: whether its sequences differ in length."""
    if dataset is None:
        return False
    lengths = dataset.sequences.lengths
    return int(lengths.min()) < int(lengths.max())


def train_without_mask(network: Any) -> None:
    """Let recurrent layers ignore the mask in training and validation steps.

    Keras's fast recurrent layers do not accept a mask on all backends (Keras 3.15: not on torch and JAX). The masking
    layer remains, so that the network masks padded time steps when a callback predicts with it, or saves it.

    Parameters
    ----------
    network : keras.Model
        Stock network, compiled, whose batches have no padded time steps.
    """
    state = threading.local()  # tf.distribute traces the step of each device in a thread

    def ignoring_mask(step):
        def ignoring(*arguments):
            data = arguments[-1]
            # Without weights, it is a callback that evaluates the network on other data.
            state.ignores = len(data) == 3 and data[2] is not None
            try:
                return step(*arguments)
            finally:
                state.ignores = False

        return ignoring

    def unless_ignored(call):
        def called(*arguments, mask=None, **options):
            return call(*arguments, mask=None if getattr(state, "ignores", False) else mask, **options)

        return called

    for layer in network.layers:
        if "mask" in inspect.signature(layer.call).parameters:
            layer.call = unless_ignored(layer.call)
    network.train_step = ignoring_mask(network.train_step)
    network.test_step = ignoring_mask(network.test_step)
