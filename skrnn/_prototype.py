"""What a fit needs to know of its compiled network, learned once and kept for the next fit of the same kind.

Building a ``keras.Model`` and compiling it takes longer than many a fit through a warm program, and leaves memory
behind in TensorFlow that it does not give back. A fit without callbacks needs neither: initial weights are drawn by
the names and shapes of the variables, and the rest is here.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np

from skrnn._engine.limits import ENGINE_VARIABLE
from skrnn._keras import compile_network, metric_list
from skrnn._network import build_network, signature
from skrnn._parameters import LEARNING_RATE
from skrnn._programs import ProgramCache, built_metrics, clipping_of, loss_per_row


@dataclass(frozen=True)
class Prototype:
    """What a fit needs to know of a compiled network.

    Parameters
    ----------
    variables : tuple
        Path, shape and type of each of the network's variables.
    optimizer_name : str
        Class of the optimizer.
    optimizer_values : tuple of ndarray
        Values of its variables before the first step.
    is_rate : tuple of bool
        Which of them is the learning rate.
    clip : float
        The bound that it puts on gradients; 0.0 where it has none.
    key : tuple
        What of the optimizer, the loss and the metrics shapes a program; the learning rate and the bound do not.
    obstacle : str or None
        Why no program can compute it, if so.
    """

    variables: tuple[Any, ...]
    optimizer_name: str
    optimizer_values: tuple[Any, ...]
    is_rate: tuple[bool, ...]
    clip: float
    key: tuple[Any, ...]
    obstacle: str | None


_PROTOTYPES = ProgramCache(256)


def compiled_network(plan, seed, targets):
    """Return the stock network of a plan, compiled, its optimizer's variables made, and its callbacks."""
    network, callbacks = compile_network(
        lambda: build_network(plan.spec, seed, mask=plan.mask_layer), **plan.compile_arguments
    )
    network.optimizer.build(network.trainable_variables)
    _check_metrics(network, plan, targets)
    return network, callbacks


def find_prototype(plan, targets):
    """Return the prototype of a plan's network, or None where the network itself has to be built for every fit."""
    arguments = dict(plan.compile_arguments)
    if arguments.pop("callbacks") is not None or callable(plan.spec.cell):
        return None
    del arguments["name"]
    # Of a rate that is a float only its own variable depends: a search over rates needs one prototype.
    routed = dict(arguments["routed"])
    rate = routed.pop(LEARNING_RATE) if isinstance(routed.get(LEARNING_RATE), float) else None
    arguments["routed"] = sorted(routed.items())
    description = _as_key(list(arguments.values()))
    if description is None:
        return None
    key = plan.spec, plan.mask_layer, description, rate is None, targets.values.shape[1], str(targets.values.dtype)
    found = _PROTOTYPES.get(
        "prototype", key, lambda: prototype_of(compiled_network(plan, None, targets)[0], plan, targets)
    )
    if rate is None:
        return found
    with np.errstate(over="ignore"):  # an infinite rate shows in the weights
        values = [
            np.asarray(rate, value.dtype) if is_rate else value
            for value, is_rate in zip(found.optimizer_values, found.is_rate, strict=True)
        ]
    return replace(found, optimizer_values=tuple(values))


def prototype_of(network, plan, targets):
    """Return the prototype of a compiled network."""
    optimizer = network.optimizer
    clipping = clipping_of(optimizer)
    return Prototype(
        variables=signature(network),
        optimizer_name=type(optimizer).__name__,
        optimizer_values=tuple(v.numpy() for v in optimizer.variables),
        is_rate=rates_of(optimizer),
        clip=0.0 if clipping is None else float(getattr(optimizer, clipping)),
        key=_compile_key(network, plan.compile_arguments["metrics"]),
        obstacle=_optimizer_obstacle(optimizer)
        or _loss_obstacle(network.loss, plan.spec, targets)
        or _metric_obstacle(plan.compile_arguments["metrics"]),
    )


def check_unchanged(network, prototype, plan):
    """Raise where a callback has changed what a program was compiled from: programs see weights and rates alone."""
    trains_all = all(layer.trainable for layer in network.layers)
    if trains_all and _compile_key(network, plan.compile_arguments["metrics"]) == prototype.key:
        return
    raise ValueError(
        f"A callback of {plan.compile_arguments['name']} has changed the optimizer, or which layers are trained, when "
        "training began. Compiled programs see changes of weights and learning rates only: set the environment "
        f"variable {ENGINE_VARIABLE}=keras to train through Keras's own loop, which sees all."
    )


def rates_of(optimizer):
    """Return which of an optimizer's variables is the learning rate; none, where it follows a schedule."""
    return tuple(v.path.endswith("learning_rate") for v in optimizer.variables)


def _as_key(value):
    """Return a value as part of a key, or None where it can change and so be no part of one."""
    if isinstance(value, (list, tuple)):
        parts = tuple(map(_as_key, value))
        return None if None in parts else parts
    if value is None or isinstance(value, (str, Number, type)) or inspect.isfunction(value):
        return type(value), value
    return None


def _compile_key(network, metrics):
    optimizer = network.optimizer.get_config()
    del optimizer["name"]
    if isinstance(optimizer["learning_rate"], float):
        del optimizer["learning_rate"]
    clipping = clipping_of(network.optimizer)
    optimizer.pop(clipping, None)
    return (
        type(network.optimizer),
        clipping,
        _as_json(optimizer),
        _identity(network.loss),
        *map(_identity, metric_list(metrics)),
    )


def _identity(value):
    """Return a loss or a metric as part of a key: instances by what they hold, functions by identity."""
    if inspect.isfunction(value):
        return value
    if not type(value).__module__.startswith("keras."):
        return value, _as_json(getattr(value, "__dict__", None))  # which may have been changed since the last fit
    if hasattr(value, "call"):  # a loss; its configuration may leave arguments out, as that of Huber in Keras 3.15
        return type(value), _as_json(vars(value))
    return type(value), _as_json(value.get_config())


def _as_json(config):
    return json.dumps(config, sort_keys=True, default=repr)


def _optimizer_obstacle(optimizer):
    """Say why no program can train with an optimizer, or None where one can."""
    if not type(optimizer).__module__.startswith("keras."):
        return f"the optimizer {type(optimizer).__name__} is not one of Keras's"
    if optimizer.use_ema or optimizer.gradient_accumulation_steps or hasattr(optimizer, "inner_optimizer"):
        return "the optimizer averages weights, accumulates gradients or scales the loss"
    return None


def _check_metrics(network, plan, targets):
    """Raise for metrics that are not computed as a weighted mean over samples or time steps, or are no number."""
    metrics, name = plan.compile_arguments["metrics"], plan.compile_arguments["name"]
    if metrics is None:
        return
    target_shape = (2, *((3,) if targets.per_step else ()), targets.values.shape[1])
    results = {}
    try:
        for metric in built_metrics(network, target_shape):
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
    except Exception as error:  # each of Keras's backends has errors of its own
        raise ValueError(
            f"The 'metrics' parameter of {name} holds one that cannot be computed for its outputs. A function must "
            f"return a value for each sample, or each time step. Got {metrics!r}: {error}"
        ) from error
    for metric, value in results.items():
        if np.ndim(value):
            raise ValueError(
                f"The 'metrics' parameter of {name} holds {metric!r}, which has several values, but history_ takes one "
                "for each epoch. Set its average, or pass one metric for each."
            )


def _metric_obstacle(metrics):
    """Return which metric may count samples without looking at their weights, which are zero in places; or None."""
    for metric in metric_list(metrics):
        owner = metric if inspect.isclass(metric) else type(metric)
        if hasattr(owner, "update_state") and not owner.__module__.startswith("keras."):
            return f"the metric {owner.__name__} is not one of Keras's"
    return None


def _loss_obstacle(loss, spec, targets):
    """Say why the loss cannot be weighted by rows, as where it does not give one value a row; None where it can."""
    shape = (2, 3) if spec.return_sequences else (2,)
    y = np.zeros((*shape, targets.values.shape[1]), dtype=targets.values.dtype)
    values = loss_per_row(loss, y, np.full((*shape, spec.n_outputs), 0.5, dtype=spec.dtype))
    if tuple(values.shape) != shape:
        return f"the loss has shape {tuple(values.shape)} where one value a row has {shape}"
    return None
