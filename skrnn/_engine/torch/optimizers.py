"""Update steps of Keras's optimizers by torch, as defined by the kernels in ``skrnn._engine.native.optimizers``.

Each function updates all weights ``w`` at once from their gradients ``g``; ``slots`` holds a list of tensors per slot,
``a`` the arguments of the optimizer, and ``h`` the hyper-parameters of the step: learning rate, weight decay, and those
of `skrnn._engine.optimizer_rules`. Hyper-parameters that change from step to step are read from ``h``, whose tensors
are on the device, so that a captured step uses those of its own.
"""

from __future__ import annotations

from typing import Any

import torch

from skrnn._engine.optimizer_rules import cast
from skrnn._engine.optimizers import NativeOptimizer


def _sgd(a, w, slots, g, h):
    steps = torch._foreach_mul(g, h[0])
    if a["momentum"] == 0:
        torch._foreach_sub_(w, steps)
        return
    [m] = slots
    momentum = cast(a["momentum"])
    torch._foreach_mul_(m, momentum)
    torch._foreach_sub_(m, steps)
    if a["nesterov"]:
        torch._foreach_add_(w, m, alpha=momentum)
        torch._foreach_sub_(w, steps)
    else:
        torch._foreach_add_(w, m)


def _rmsprop(a, w, slots, g, h):
    slots = list(slots)
    v = slots.pop(0)
    _average(v, torch._foreach_mul(g, g), 1 - a["rho"])
    momenta = slots.pop(0) if a["momentum"] > 0 else None
    if a["centered"]:
        [averages] = slots
        _average(averages, g, 1 - a["rho"])
        roots = torch._foreach_sub(v, torch._foreach_mul(averages, averages))
        torch._foreach_add_(roots, a["epsilon"])
    else:
        roots = torch._foreach_add(v, a["epsilon"])
    torch._foreach_sqrt_(roots)
    steps = torch._foreach_mul(g, h[0])
    torch._foreach_div_(steps, roots)
    if momenta is not None:
        torch._foreach_mul_(momenta, a["momentum"])
        torch._foreach_add_(momenta, steps)
        steps = momenta
    torch._foreach_sub_(w, steps)


def _adam(a, w, slots, g, h):
    m, v = slots[:2]
    _average(m, g, 1 - a["beta_1"])
    _average(v, torch._foreach_mul(g, g), 1 - a["beta_2"])
    if a["amsgrad"]:
        torch._foreach_maximum_(slots[2], v)
        v = slots[2]
    roots = torch._foreach_sqrt(v)
    torch._foreach_add_(roots, a["epsilon"])  # to the root that is not corrected, unlike torch.optim
    steps = torch._foreach_mul(m, h[5])
    torch._foreach_div_(steps, roots)
    torch._foreach_sub_(w, steps)


def _adamax(a, w, slots, g, h):
    m, u = slots
    _average(m, g, 1 - a["beta_1"])
    torch._foreach_mul_(u, a["beta_2"])
    torch._foreach_maximum_(u, torch._foreach_abs(g))
    divisors = torch._foreach_add(u, a["epsilon"])
    torch._foreach_mul_(divisors, h[5])
    steps = torch._foreach_mul(m, h[0])
    torch._foreach_div_(steps, divisors)
    torch._foreach_sub_(w, steps)


def _nadam(a, w, slots, g, h):
    m, v = slots
    _average(m, g, 1 - cast(a["beta_1"]))
    _average(v, torch._foreach_mul(g, g), 1 - cast(a["beta_2"]))
    m_factor, m_divisor, g_factor, g_divisor, v_divisor = h[5:10]
    roots = torch._foreach_mul(v, 1 / v_divisor)
    torch._foreach_sqrt_(roots)
    torch._foreach_add_(roots, a["epsilon"])
    steps = torch._foreach_mul(m, h[0] * m_factor / m_divisor)
    torch._foreach_add_(steps, torch._foreach_mul(g, h[0] * g_factor / g_divisor))
    torch._foreach_div_(steps, roots)
    torch._foreach_sub_(w, steps)


def _adagrad(a, w, slots, g, h):
    [totals] = slots
    torch._foreach_add_(totals, torch._foreach_mul(g, g))
    roots = torch._foreach_add(totals, a["epsilon"])
    torch._foreach_sqrt_(roots)
    steps = torch._foreach_mul(g, h[0])
    torch._foreach_div_(steps, roots)
    torch._foreach_sub_(w, steps)


def _adadelta(a, w, slots, g, h):
    squares, squared_steps = slots
    _average(squares, torch._foreach_mul(g, g), 1 - a["rho"])
    steps = torch._foreach_add(squared_steps, a["epsilon"])
    torch._foreach_div_(steps, torch._foreach_add(squares, a["epsilon"]))
    torch._foreach_sqrt_(steps)
    torch._foreach_mul_(steps, g)
    _average(squared_steps, torch._foreach_mul(steps, steps), 1 - a["rho"])
    torch._foreach_mul_(steps, h[0])
    torch._foreach_sub_(w, steps)


def _lion(a, w, slots, g, h):
    [m] = slots
    beta_1, beta_2 = cast(a["beta_1"]), cast(a["beta_2"])
    directions = torch._foreach_mul(m, beta_1)
    torch._foreach_add_(directions, g, alpha=1 - beta_1)
    torch._foreach_sign_(directions)
    torch._foreach_mul_(directions, h[0])
    torch._foreach_sub_(w, directions)
    _average(m, g, 1 - beta_2)


def _average(averages, values, rest):
    """Update moving averages, of which the new values have the given part."""
    torch._foreach_lerp_(averages, values, rest)


_UPDATES: dict[str, Any] = {
    "SGD": _sgd,
    "RMSprop": _rmsprop,
    "Adam": _adam,
    "AdamW": _adam,
    "Adamax": _adamax,
    "Nadam": _nadam,
    "Adagrad": _adagrad,
    "Adadelta": _adadelta,
    "Lion": _lion,
}


def optimizer_reason(optimizer: NativeOptimizer) -> str | None:
    """Return the reason why torch does not compute the update steps of an optimizer, or None if it does."""
    if optimizer.name in _UPDATES:
        return None
    return f"the optimizer {optimizer.name} is not one of those of the torch loop"


class TorchOptimizer:
    """Clipping of gradients, weight decay and update steps.

    Parameters
    ----------
    optimizer : NativeOptimizer
        Optimizer without `optimizer_reason`.
    variables : list of int
        For each parameter, the index of its variable in Keras: some are parts of the same.
    like : torch.Tensor
        Tensor with the dtype and device of the parameters.
    """

    def __init__(self, optimizer: NativeOptimizer, variables: list[int], like: torch.Tensor) -> None:
        self._arguments, self._update = optimizer.arguments, _UPDATES[optimizer.name]
        self._decay = optimizer.arguments["weight_decay"] or 0.0
        self._clipping: str | None = None
        if optimizer.clipping is not None:
            self._clipping, self._bound = optimizer.clipping
        if self._clipping in ("clipnorm", "global_clipnorm"):
            of_variable = torch.tensor(variables, device=like.device)
            is_same = of_variable[:, None] == of_variable
            is_same |= self._clipping == "global_clipnorm"
            self._clipped_together = is_same.to(like.dtype)

    @torch.no_grad()
    def step(
        self,
        weights: list[torch.Tensor],
        slots: list[list[torch.Tensor]],
        gradients: tuple[torch.Tensor, ...],
        hyper: tuple[torch.Tensor, ...],
    ) -> None:
        """Update weights and slots in place."""
        clipped = self._clipped([*gradients])
        if self._decay:
            torch._foreach_sub_(weights, torch._foreach_mul(weights, hyper[0] * self._decay))
        self._update(self._arguments, weights, slots, clipped, hyper)

    def _clipped(self, gradients):
        """Return the gradients, clipped by value or by norm."""
        if self._clipping is None:
            return gradients
        if self._clipping == "clipvalue":
            return torch._foreach_clamp_max(torch._foreach_clamp_min(gradients, -self._bound), self._bound)
        squares = torch.square(torch.stack(torch._foreach_norm(gradients)))
        norms = torch.sqrt((self._clipped_together * squares).sum(dim=1))
        factors = self._bound / norms.clamp(min=self._bound)
        return torch._foreach_mul(gradients, factors.unbind())
