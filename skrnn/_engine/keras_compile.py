"""Compiled Keras networks. Only this module uses scikeras: it routes arguments, compiles, and creates callbacks."""

from __future__ import annotations

import contextlib
import inspect
import sys
from typing import Any

import numpy as np

from skrnn._common.nearest import nearest
from skrnn._data.targets import Targets
from skrnn._engine.distribution_losses import DistributionLoss
from skrnn._engine.keras_metrics import built_metrics, check_computed, compute_of_predictions, metric_list
from skrnn._engine.losses import unknown_loss
from skrnn._engine.metrics import as_list, unknown_metric
from skrnn._engine.network import build_network, network_variables
from skrnn._engine.optimizers import unknown_optimizer
from skrnn._engine.other_libraries import check_metric_library
from skrnn._engine.routing import check_learning_rate
from skrnn._engine.training_plan import TrainingPlan


def compiled_network(plan: TrainingPlan, targets: Targets) -> tuple[Any, list[Any]]:
    """Return the compiled stock network of a plan, with a built optimizer, and its callbacks."""
    network, callbacks = _compile_by_scikeras(plan)
    network.optimizer.build(network.trainable_variables)
    if plan.metrics is not None:
        target_shape = (2, *((3,) if targets.per_step else ()), targets.values.shape[1])

        def compute():
            results: dict[str, Any] = {}
            for metric in built_metrics(network, target_shape):
                result = metric.result()
                results.update(result if isinstance(result, dict) else {metric.name: result})
            return results

        check_computed(compute, plan.metrics, plan.name)
    return network, callbacks


def _compile_by_scikeras(plan):
    """Return the compiled network and the callbacks, with arguments routed to all of them by scikeras."""
    wrapper_class = _scikeras_wrapper()
    optimizer = _resolve(plan.optimizer, "optimizer", plan.routed, plan.name)
    loss = _resolve(plan.loss, "loss", plan.routed, plan.name)
    check_callback_arguments(plan.callbacks, plan.routed, plan.name)
    _check_metrics(plan.metrics, plan.name)

    def build_and_compile(compile_kwargs):
        # scikeras would instantiate metrics, so that "mae" became "mean_absolute_error" in the history.
        del compile_kwargs["metrics"]
        model = build_network(plan.spec, plan.seed, mask=plan.mask_layer)
        model.compile(
            **compile_kwargs,
            weighted_metrics=metric_list(plan.metrics),
            jit_compile=jit_compile(),
            auto_scale_loss=False,  # a global policy would turn it on, although the network sets its dtype
        )
        if isinstance(plan.loss, DistributionLoss):
            compute_of_predictions(model, plan.loss)
            del model._compile_config  # so that models saved by callbacks load without skrnn
        return model

    # A dummy row is enough, and scikeras does not accept 3-D targets, NaN and ragged lists.
    wrapper = wrapper_class(
        build_and_compile,
        optimizer=optimizer,
        loss=loss,
        metrics=None,
        callbacks=_tuples_to_lists(plan.callbacks),
        random_state=None,
        **plan.routed,
    )
    row = np.zeros((1, 1), dtype=np.float32)
    wrapper.initialize(row, row[0])
    return wrapper.model_, _flattened(wrapper._fit_callbacks)


def _scikeras_wrapper():
    """Import scikeras, and undo the changes that its import makes to the pickling of Keras's classes."""
    import keras

    patched = (keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)
    names = ("__reduce__", "__deepcopy__")
    first = "scikeras" not in sys.modules  # otherwise, the code that imported it may rely on them
    before = [{name: vars(cls)[name] for name in names if name in vars(cls)} for cls in patched]
    with _tensorflow_only_as_backend():
        from scikeras.wrappers import BaseWrapper

    for cls, attributes in zip(patched, before, strict=True) if first else ():
        for name in names:
            if name in attributes:
                setattr(cls, name, attributes[name])
            elif name in vars(cls):
                delattr(cls, name)
    return BaseWrapper


@contextlib.contextmanager
def _tensorflow_only_as_backend():
    """Let scikeras find no TensorFlow, whose random state it sets, unless it is the backend or already imported."""
    import keras

    if keras.backend.backend() == "tensorflow" or "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # an import of it raises ImportError
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


def _resolve(value, kind, routed, name):
    """Return an optimizer or loss for ``compile``: the class if arguments are routed to it, and optimizers copied."""
    prefix = f"{kind}__"
    arguments = [key.removeprefix(prefix) for key in routed if key.startswith(prefix)]
    if isinstance(value, str):
        found = _by_name(value, kind, name)
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
            f"{name} got {prefix}{arguments[0]}, but its {kind} is an instance, {value!r}, which already has its "
            "arguments. Pass the name or the class to set them from here."
        )
    elif kind == "loss":
        return value  # losses have no state, and the configuration of some is incomplete
    else:
        config = value.get_config()
        check_learning_rate(config.get("learning_rate"), f"learning rate of the optimizer of {name}")
        return type(value).from_config(config)
    _check_routed_arguments(target, kind, arguments, routed, name)
    return target


def _by_name(value, kind, name):
    """Return the optimizer, or the loss class or function, that Keras finds by name."""
    import keras

    try:
        return keras.optimizers.get(value) if kind == "optimizer" else keras.losses.get(value)
    except ValueError as error:
        raise (unknown_optimizer if kind == "optimizer" else unknown_loss)(value, name) from error


def _check_routed_arguments(target, kind, arguments, routed, name):
    """Raise if a class or function does not accept the arguments that are routed to it."""
    prefix, accepted = f"{kind}__", _argument_names(target)
    for argument in arguments:
        if argument not in accepted and "__" not in argument:
            raise ValueError(
                f"{prefix}{argument} is not an argument of {target.__name__}, the {kind} of {name}."
                f"{nearest(argument, accepted, prefix=prefix)}"
            )
        given = routed[prefix + argument]
        of_keras = kind == "optimizer" and target.__module__.startswith("keras.")  # other classes may accept text
        if of_keras and argument != "name" and isinstance(given, str):
            raise ValueError(f"The {prefix + argument!r} parameter of {name} must not be text. Got {given!r} instead.")


def resolved_loss(loss: Any, routed: dict[str, Any], name: str) -> Any:
    """Return a loss with its routed arguments, or the reason why only Keras's built-in loop can use it."""
    found = _resolve(loss, "loss", routed, name)
    arguments = {key.removeprefix("loss__"): value for key, value in routed.items() if key.startswith("loss__")}
    if any("__" in argument for argument in arguments) or (arguments and not inspect.isclass(found)):
        return "arguments are routed to a function, or to arguments of the loss"
    return found(**arguments) if inspect.isclass(found) else found


def check_callback_arguments(callbacks, routed, name):
    """Raise if an item is not a callback, or if a callback class does not accept its routed arguments."""
    items = callbacks if isinstance(callbacks, dict) else dict(enumerate(_flattened([callbacks])))
    for callback in _flattened(items.values()):
        if callback is not None and not inspect.isclass(callback) and not hasattr(callback, "on_epoch_end"):
            raise ValueError(
                f"The 'callbacks' parameter of {name} must hold Keras callbacks or classes of them. Got {callback!r} "
                "instead."
            )
    ignored = [key for key in routed if key.startswith("callbacks__")]
    if ignored and not any(map(inspect.isclass, items.values())):
        raise ValueError(f"{ignored[0]} is for a callback class, but callbacks={callbacks!r} of {name} contains none.")
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
    """Raise if Keras finds no metric by a name."""
    import keras

    for metric in as_list(metrics):
        check_metric_library(metric, name)
        if not isinstance(metric, str) or metric in ("accuracy", "acc"):  # which depend on the loss
            continue
        try:
            keras.metrics.get(metric)
        except ValueError as error:
            raise unknown_metric(metric, name) from error


def _class_of_loss(found):
    """Return the class of a loss that was found by name, since functions do not take its arguments."""
    import keras

    if not inspect.isfunction(found):
        return type(found)
    name = "".join(part.capitalize() for part in found.__name__.split("_"))
    return getattr(keras.losses, name, found)


def _argument_names(target):
    """Return the names of the arguments of a function, or of a class and the bases to which it passes ``**kwargs``."""
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


def _flattened(callbacks):
    """Return callbacks in nested lists as one list."""
    flat: list[Any] = []
    for callback in callbacks:
        flat.extend(_flattened(callback) if isinstance(callback, (list, tuple)) else [callback])
    return flat


def _tuples_to_lists(callbacks):
    """Return callbacks with tuples converted to lists, because scikeras does not accept tuples."""
    return [_tuples_to_lists(item) for item in callbacks] if isinstance(callbacks, (list, tuple)) else callbacks


def jit_compile() -> bool | str:
    """Return whether XLA compiles training steps, as in ``keras.Model.compile``.

    Uncompiled, Keras on JAX traces the loop over time steps again in every step. On TensorFlow, which traces a step
    once, XLA would compile it again for each shape of batches.
    """
    import keras

    return "auto" if keras.backend.backend() == "jax" else False


def training_variables(network: Any) -> list[Any]:
    """Return the variables of a compiled network that training changes: its own and those of its optimizer."""
    return [*network_variables(network), *network.optimizer.variables]
