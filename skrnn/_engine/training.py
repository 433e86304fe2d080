"""A fit from start to end: choose the engine, resume from a checkpoint, train."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from skrnn._engine.callback_model import CallbackModel
from skrnn._engine.callbacks import callback_reason
from skrnn._engine.dataset import Dataset
from skrnn._engine.fallback import fallback_reason
from skrnn._engine.keras_compile import check_callback_arguments, compiled_network
from skrnn._engine.keras_dtype_policy import default_dtype_policy
from skrnn._engine.keras_loop import fit_with_keras
from skrnn._engine.memory_error import memory_error
from skrnn._engine.missing_targets import any_missing, check_metrics_of_missing
from skrnn._engine.native.cache import kernel_hash
from skrnn._engine.native_loop import NativeParts, fit_natively, native_parts
from skrnn._engine.refit_callbacks import callbacks_of_refit, no_validation_values
from skrnn._engine.saved_fit import SavedFit
from skrnn._engine.torch.device import training_device
from skrnn._engine.trained_state import TrainedState
from skrnn._engine.training_plan import TrainingPlan, fit_identity
from skrnn._engine.training_record import TrainingRecord

logger = logging.getLogger("skrnn")


def train(
    plan: TrainingPlan, dataset: Dataset, validation: Dataset | None = None
) -> tuple[TrainedState, TrainingRecord]:
    """Train a network.

    Parameters
    ----------
    plan : TrainingPlan
    dataset : Dataset
        Training data.
    validation : Dataset or None, default=None
        Validation data, evaluated after each epoch.

    Returns
    -------
    state : TrainedState
    record : TrainingRecord
    """
    record = TrainingRecord(plan)
    has_missing = any_missing(dataset, validation)
    if has_missing:
        check_metrics_of_missing(plan.metrics, dataset.targets.values.shape[1], plan.name)
    parts = _parts(plan, dataset, has_missing)
    if not isinstance(parts, str):
        choice = _device(parts, plan, dataset, validation)
        engine = "native kernels" if choice.device is None else f"torch on {choice.label}"
        logger.debug("%s trains by %s: %s", plan.name, engine, choice.reason)
        parts = replace(parts, device=choice.device)
    if plan.checkpoint is not None:
        engine = "keras" if isinstance(parts, str) else _engine_version(parts)
        record.resume_from(SavedFit(plan.checkpoint, plan.name, [engine, fit_identity(plan, dataset, validation)]))
    if record.result is None:
        remedy = "Lower batch_size or units, or cut the sequences into shorter windows."
        try:
            with memory_error(plan.name, plan.batch_size, dataset.sequences.n_timesteps, remedy):
                record.end(_train(parts, plan, record, dataset, validation))
        finally:
            record.progress.close()
    assert record.result is not None
    return record.result, record


def needs_all_cores(plan: TrainingPlan, dataset: Dataset, validation: Dataset | None) -> bool:
    """Return whether Keras, a callback or torch takes part in training, so that fits cannot run in threads."""
    parts = _parts(plan, dataset, any_missing(dataset, validation))
    if plan.callbacks or isinstance(parts, str) or parts.uses_keras:
        return True
    return _device(parts, plan, dataset, validation).device is not None


def _parts(plan, dataset, has_missing):
    """Return what native kernels train with, or the reason to fall back to Keras."""
    return fallback_reason(plan.spec) or native_parts(plan, dataset.targets, has_missing=has_missing)


def _engine_version(parts):
    """Return what distinguishes results of kernels, or of torch, from those of other versions."""
    return kernel_hash() if parts.device is None else f"torch {version('torch')} {parts.device}"


def _device(parts: NativeParts, plan: TrainingPlan, dataset: Dataset, validation: Dataset | None) -> Any:
    """Return the device of torch that trains, None for native kernels, and the reason."""
    data = [d for d in (dataset, validation) if d is not None]
    return training_device(
        plan.spec,
        parts.optimizer,
        parts.loss,
        batch_size=plan.batch_size,
        n_steps=plan.epochs * int(dataset.sequences.lengths.sum()),
        n_numbers=sum(d.sequences.values.size + (0 if d.targets.are_inputs else d.targets.values.size) for d in data),
    )


def _train(parts: Any, plan: TrainingPlan, record: TrainingRecord, dataset: Dataset, validation: Dataset | None) -> Any:
    """Return the state after training by native kernels, or by Keras if ``parts`` is the reason to fall back."""
    if not isinstance(parts, str) and not plan.callbacks:
        check_callback_arguments(plan.callbacks, plan.routed, plan.name)
        return fit_natively(parts, None, plan, record, dataset, validation)
    with default_dtype_policy(), no_validation_values(plan.name) if plan.is_refit else nullcontext():
        model, callbacks = compiled_network(plan, dataset.targets)
        if plan.is_refit:
            callbacks = callbacks_of_refit(callbacks)
        record.callbacks = callbacks
        reason = parts if isinstance(parts, str) else callback_reason(callbacks, validation is not None)
        if reason is None:
            hooks = CallbackModel(model, callbacks, plan, dataset.target_shape) if callbacks else None
            return fit_natively(parts, hooks, plan, record, dataset, validation)
        logger.debug("%s trains through keras.Model.fit: %s", plan.name, reason)
        return fit_with_keras(model, callbacks, plan, record, dataset, validation)
