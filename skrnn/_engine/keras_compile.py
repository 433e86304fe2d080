"""The only contact with scikeras: routed arguments, compiling, and the set-up of callbacks."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from skrnn._common.nearest import nearest
from skrnn._engine.network import build_network
from skrnn._engine.routing import check_learning_rate


def compile_network(build, *, optimizer, loss, metrics, callbacks, routed, name):
    """Let scikeras route arguments, compile a network and set up its callbacks.

    Parameters
    ----------
    build : callable
        Returns the network, not yet compiled.
    optimizer, loss, metrics, callbacks
        Parameters of the estimator.
    routed : dict
        Its routed parameters, such as ``{"optimizer__learning_rate": 0.01}``.
    name : str
        Name of the estimator, for errors.

    Returns
    -------
    model : keras.Model
        The compiled network; its metrics are weighted as its loss is.
    callbacks : list of keras.callbacks.Callback
    """
    wrapper_class = _scikeras_wrapper()
    optimizer = _resolve(optimizer, "optimizer", routed, name)
    loss = _resolve(loss, "loss", routed, name)
    check_callback_arguments(callbacks, routed, name)
    _check_metrics(metrics, name)

    def build_and_compile(compile_kwargs):
        # scikeras would turn metrics into instances, and so "mae" into "mean_absolute_error" in the history.
        del compile_kwargs["metrics"]
        model = build()
        model.compile(
            **compile_kwargs,
            weighted_metrics=metric_list(metrics),
            jit_compile=False,
            auto_scale_loss=False,  # which a global policy would ask for, although the network has a dtype of its own
        )
        return model

    # One dummy row: scikeras refuses targets of three dimensions, NaN and ragged lists, and needs none of them.
    wrapper = wrapper_class(
        build_and_compile,
        optimizer=optimizer,
        loss=loss,
        metrics=None,
        callbacks=_in_lists(callbacks),
        random_state=None,
        **routed,
    )
    row = np.zeros((1, 1), dtype=np.float32)
    wrapper.initialize(row, row[0])
    return wrapper.model_, _flat(wrapper._fit_callbacks)


def _scikeras_wrapper():
    """Import scikeras, and undo what its import does to the pickling of Keras's own classes."""
    import keras

    patched = (keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)
    names = ("__reduce__", "__deepcopy__")
    first = "scikeras" not in sys.modules  # else whoever imported it may count on it
    before = [{name: vars(cls)[name] for name in names if name in vars(cls)} for cls in patched]
    from scikeras.wrappers import BaseWrapper

    for cls, attributes in zip(patched, before, strict=True) if first else ():
        for name in names:
            if name in attributes:
                setattr(cls, name, attributes[name])
            elif name in vars(cls):
                delattr(cls, name)
    return BaseWrapper


def metric_list(metrics):
    """Return the metrics parameter as a list of metrics that belong to one model alone."""
    if metrics is None:
        return []
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    is_instance = [hasattr(m, "get_config") and not inspect.isclass(m) for m in metrics]
    return [type(m).from_config(m.get_config()) if made else m for m, made in zip(metrics, is_instance, strict=True)]


def _resolve(value, kind, routed, name):
    """Return a fresh optimizer or loss where an instance was given, and a class where routed arguments want one."""
    import keras

    module = getattr(keras, f"{kind}s" if kind == "optimizer" else "losses")
    prefix = f"{kind}__"
    arguments = [key.removeprefix(prefix) for key in routed if key.startswith(prefix)]
    if isinstance(value, str):
        known = module.get  # raises ValueError for a name it does not know
        try:
            found = known(value)
        except ValueError as error:
            raise ValueError(
                f"The {kind!r} parameter of {name} must be a name that Keras knows, or an instance. Got {value!r} "
                "instead."
            ) from error
        if not arguments:
            return value
        target = type(found) if kind == "optimizer" else _class_of_loss(found)
    elif inspect.isfunction(value) and arguments:
        raise ValueError(
            f"{name} got {prefix}{arguments[0]}, but its {kind} is a function, {value.__name__}. Pass a "
            "functools.partial of it, or a class, to set its arguments."
        )
    elif inspect.isclass(value) or inspect.isfunction(value):
        target = value
    elif arguments:
        raise ValueError(
            f"{name} got {prefix}{arguments[0]}, but its {kind} is an instance, {value!r}, which has its arguments "
            f"already. Pass the name or the class to set them from here."
        )
    else:
        # A loss holds no state, and the configuration of some leaves arguments out: only optimizers are copied.
        if kind == "loss":
            return value
        config = value.get_config()
        check_learning_rate(config.get("learning_rate"), f"learning rate of the optimizer of {name}")
        return type(value).from_config(config)

    accepted = _argument_names(target)
    for argument in arguments:
        if argument not in accepted and "__" not in argument:
            raise ValueError(
                f"{prefix}{argument} is not an argument of {target.__name__}, the {kind} of {name}."
                f"{nearest(argument, accepted, prefix=prefix)}"
            )
        given = routed[prefix + argument]
        of_keras = kind == "optimizer" and target.__module__.startswith("keras.")  # others may take text
        if of_keras and argument != "name" and isinstance(given, str):
            raise ValueError(f"The {prefix + argument!r} parameter of {name} must not be text. Got {given!r} instead.")
    return target


def resolved_loss(loss: Any, routed: dict[str, Any], name: str) -> Any:
    """Return a loss with its routed arguments, or the reason why only Keras's own loop takes it."""
    found = _resolve(loss, "loss", routed, name)
    arguments = {key.removeprefix("loss__"): value for key, value in routed.items() if key.startswith("loss__")}
    if any("__" in argument for argument in arguments) or (arguments and not inspect.isclass(found)):
        return "arguments are routed to a function, or to arguments of the loss"
    return found(**arguments) if inspect.isclass(found) else found


def check_callback_arguments(callbacks, routed, name):
    """Raise for what is no callback, and for routed arguments that one given as a class does not take."""
    items = callbacks if isinstance(callbacks, dict) else dict(enumerate(_flat([callbacks])))
    for callback in _flat(items.values()):
        if callback is not None and not inspect.isclass(callback) and not hasattr(callback, "on_epoch_end"):
            raise ValueError(
                f"The 'callbacks' parameter of {name} must hold Keras callbacks or classes of them. Got {callback!r} "
                "instead."
            )
    ignored = [key for key in routed if key.startswith("callbacks__")]
    if ignored and not any(map(inspect.isclass, items.values())):
        raise ValueError(
            f"{ignored[0]} is for a callback that {name} makes, but callbacks={callbacks!r} holds no class of one."
        )
    for key, callback in items.items():
        if not inspect.isclass(callback):
            continue
        accepted = _argument_names(callback)
        for prefix in ("callbacks__", f"callbacks__{key}__"):
            for argument in (k.removeprefix(prefix) for k in routed if k.startswith(prefix)):
                if "__" not in argument and argument not in accepted:
                    raise ValueError(
                        f"{prefix}{argument} is not an argument of {callback.__name__}, a callback of {name}."
                        f"{nearest(argument, accepted, prefix=prefix)}"
                    )


def _check_metrics(metrics, name):
    """Refuse names of metrics that Keras does not know."""
    import keras

    of_compile = ("accuracy", "acc")  # whose metric depends on the loss
    for metric in [metrics] if isinstance(metrics, str) else metrics if isinstance(metrics, (list, tuple)) else ():
        if not isinstance(metric, str) or metric in of_compile:
            continue
        try:
            keras.metrics.get(metric)
        except ValueError as error:
            raise ValueError(
                f"The 'metrics' parameter of {name} must hold names that Keras knows, or metrics. Got {metric!r} "
                "instead."
            ) from error


def _class_of_loss(found):
    """Return the class of a loss found by name, which takes arguments where the function of that name does not."""
    import keras

    if not inspect.isfunction(found):
        return type(found)
    name = "".join(part.capitalize() for part in found.__name__.split("_"))
    return getattr(keras.losses, name, found)


def _argument_names(target):
    """Names of the arguments of a class and, where it passes others on, of its bases; of a function, its own."""
    owners = target.__mro__[:-1] if inspect.isclass(target) else (target,)
    names = set()
    for owner in owners:
        callee = owner.__dict__.get("__init__") if inspect.isclass(owner) else owner
        if callee is None:
            continue
        parameters = inspect.signature(callee).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self"}


def _flat(callbacks):
    """Callbacks that may stand in nested lists, in one list."""
    flat: list[Any] = []
    for callback in callbacks:
        flat.extend(_flat(callback) if isinstance(callback, (list, tuple)) else [callback])
    return flat


def _in_lists(callbacks):
    """Callbacks with lists for tuples, which scikeras refuses."""
    return [_in_lists(item) for item in callbacks] if isinstance(callbacks, (list, tuple)) else callbacks


def compiled_network(plan: Any, targets: Any) -> tuple[Any, list[Any]]:
    """Return the stock network of a plan, compiled, its optimizer's variables made, and its callbacks."""
    network, callbacks = compile_network(
        lambda: build_network(plan.spec, plan.seed, mask=plan.mask_layer), **plan.compile_arguments
    )
    network.optimizer.build(network.trainable_variables)
    if plan.compile_arguments["metrics"] is not None:
        target_shape = (2, *((3,) if targets.per_step else ()), targets.values.shape[1])

        def compute():
            results: dict[str, Any] = {}
            for metric in built_metrics(network, target_shape):
                result = metric.result()
                results.update(result if isinstance(result, dict) else {metric.name: result})
            return results

        check_computed(compute, plan.compile_arguments["metrics"], plan.compile_arguments["name"])
    return network, callbacks


def check_computed(compute: Callable[[], dict[str, Any]], metrics: Any, name: str) -> None:
    """Raise for metrics that ``compute()`` fails to compute over samples or time steps, or that are no number."""
    try:
        results = compute()
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


def built_metrics(network: Any, target_shape: tuple[int, ...]) -> list[Any]:
    """Return metrics of a compiled network, their variables created by a first, empty update."""
    y = np.zeros(target_shape, dtype="float32")
    outputs = np.zeros((*target_shape[:-1], network.output.shape[-1]), dtype=network.output.dtype)
    network.compute_metrics(None, y, outputs, np.ones(target_shape[:-1], dtype="float32"))
    network.reset_metrics()
    return [metric for metric in network.metrics if metric.name != "loss"]
