"""A fit: what trains it, from where it goes on, and what it ends with."""

from __future__ import annotations

import logging

from skrnn._engine.callback_model import CallbackModel
from skrnn._engine.callbacks import callback_reason
from skrnn._engine.checkpoint import SavedFit
from skrnn._engine.choice import fallback_reason
from skrnn._engine.keras_compile import check_callback_arguments, compiled_network
from skrnn._engine.keras_defaults import keras_defaults
from skrnn._engine.keras_loop import fit_with_keras
from skrnn._engine.memory import memory_error
from skrnn._engine.native.cache import kernel_hash
from skrnn._engine.native_loop import fit_natively, native_parts
from skrnn._engine.record import TrainingRecord, identity_of

logger = logging.getLogger("skrnn")


def train(plan, dataset, validation=None):
    """Train a network.

    Parameters
    ----------
    plan : TrainingPlan
    dataset : Dataset
        What to train on.
    validation : Dataset or None, default=None
        What to validate on after each epoch.

    Returns
    -------
    state : TrainedState
    record : TrainingRecord
    """
    record, name = TrainingRecord(plan), plan.compile_arguments["name"]
    parts = fallback_reason(plan.spec) or native_parts(plan, dataset.targets)
    if plan.checkpoint is not None:
        engine = "keras" if isinstance(parts, str) else kernel_hash()
        record.resume_from(SavedFit(plan.checkpoint, name, [engine, identity_of(plan, dataset, validation)]))
    if record.result is None:
        remedy = "Lower batch_size or units, or cut the sequences into shorter windows."
        try:
            with memory_error(name, plan.batch_size, dataset.sequences.n_timesteps, remedy):
                record.end(_train(parts, plan, record, dataset, validation))
        finally:
            record.progress.close()
    return record.result, record


def _train(parts, plan, record, dataset, validation):
    """Train by native kernels, or through Keras where ``parts`` says why these cannot; return the state at the end."""
    arguments = plan.compile_arguments
    if not isinstance(parts, str) and not arguments["callbacks"]:
        check_callback_arguments(arguments["callbacks"], arguments["routed"], arguments["name"])
        return fit_natively(parts, None, plan, record, dataset, validation)
    with keras_defaults():
        model, callbacks = compiled_network(plan, dataset.targets)
        record.callbacks = callbacks
        reason = parts if isinstance(parts, str) else callback_reason(callbacks, validation is not None)
        if reason is None:
            hooks = CallbackModel(model, callbacks, plan, dataset.target_shape) if callbacks else None
            return fit_natively(parts, hooks, plan, record, dataset, validation)
        logger.debug("%s trains through keras.Model.fit: %s", arguments["name"], reason)
        return fit_with_keras(model, callbacks, plan, record, dataset, validation)
