"""Update steps of Keras's optimizers.

Each kernel updates ``n`` weights ``w``, a multiple of `LANES`, from their gradient ``g``. Slot k of these weights, such
as a momentum, starts at ``s + k * size``. ``h`` holds the `N_HYPER` hyper-parameters of the step: learning rate, weight
decay, and those listed for each kernel. Operations have the same order as in Keras. Where weights, gradients and slots
are zero, as in the padding of vectors, weights and slots remain zero.
"""

from __future__ import annotations

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.pointers import at
from skrnn._engine.native.tables import LANES
from skrnn._engine.native.vectors import vabs, vload, vmax, vmaximum, vpow, vsign, vsqrt, vstore, vwhere_zero


@inlined
def _decayed(w, i, rate, decay):
    """Return a vector of weights after weight decay."""
    x = vload(w, i)
    if decay != 0.0:
        x = x - x * decay * rate
    return x


@inlined
def _root(x, power):
    """Return a vector to a power, which is 1/2 by default."""
    return vsqrt(x) if power == 0.5 else vpow(x, power)


@kernel("FFFIID")
def optimizer_sgd(w, s, g, n, size, h):
    """SGD: momentum, nesterov; the slot momentum, if it is not zero."""
    rate, decay, momentum, nesterov = h[0], h[1], h[2], h[3] != 0.0
    for i in range(0, n, LANES):
        x, step = _decayed(w, i, rate, decay), vload(g, i) * rate
        if momentum != 0.0:
            m = vload(s, i) * momentum - step
            vstore(s, i, m)
            x = x + (m * momentum - step if nesterov else m)
        else:
            x = x - step
        vstore(w, i, x)


@kernel("FFFIID")
def optimizer_rmsprop(w, s, g, n, size, h):
    """RMSprop: rho, 1 - rho, epsilon, the momentum, whether it is centered; the slots velocity, momentum, average."""
    rate, decay, rho, rest, epsilon, momentum, centered = h[0], h[1], h[2], h[3], h[4], h[5], h[6] != 0.0
    momenta = at(s, size)
    averages = at(s, 2 * size if momentum > 0.0 else size)
    for i in range(0, n, LANES):
        x, gradient = _decayed(w, i, rate, decay), vload(g, i)
        v = rho * vload(s, i) + rest * (gradient * gradient)
        vstore(s, i, v)
        if centered:
            average = rho * vload(averages, i) + rest * gradient
            vstore(averages, i, average)
            v = v - average * average
        step = rate * gradient / vsqrt(v + epsilon)
        if momentum > 0.0:
            step = momentum * vload(momenta, i) + step
            vstore(momenta, i, step)
        vstore(w, i, x - step)


@kernel("FFFIID")
def optimizer_adam(w, s, g, n, size, h):
    """Adam and AdamW: 1 - beta_1, 1 - beta_2, epsilon, the corrected rate, amsgrad; the slots m, v, the largest v."""
    rate, decay, rest_1, rest_2, epsilon, corrected, amsgrad = h[0], h[1], h[2], h[3], h[4], h[5], h[6] != 0.0
    velocities, largest = at(s, size), at(s, 2 * size)
    for i in range(0, n, LANES):
        x, gradient = _decayed(w, i, rate, decay), vload(g, i)
        m, v = vload(s, i), vload(velocities, i)
        m = m + (gradient - m) * rest_1
        v = v + (gradient * gradient - v) * rest_2
        vstore(s, i, m)
        vstore(velocities, i, v)
        if amsgrad:
            v = vmaximum(vload(largest, i), v)
            vstore(largest, i, v)
        vstore(w, i, x - m * corrected / (vsqrt(v) + epsilon))


@kernel("FFFIID")
def optimizer_adamax(w, s, g, n, size, h):
    """Adamax: 1 - beta_1, beta_2, epsilon, 1 - beta_1 ** t; the slots momentum, norm."""
    rate, decay, rest_1, beta_2, epsilon, correction = h[0], h[1], h[2], h[3], h[4], h[5]
    norms = at(s, size)
    for i in range(0, n, LANES):
        x, gradient, m = _decayed(w, i, rate, decay), vload(g, i), vload(s, i)
        m = m + (gradient - m) * rest_1
        u = vmaximum(beta_2 * vload(norms, i), vabs(gradient))
        vstore(s, i, m)
        vstore(norms, i, u)
        vstore(w, i, x - rate * m / (correction * (u + epsilon)))


@kernel("FFFIID")
def optimizer_nadam(w, s, g, n, size, h):
    """Nadam: 1 - beta_1, 1 - beta_2, epsilon, and bias corrections; the slots momentum, velocity.

    The corrections are a factor and a divisor of the momentum, those of the gradient, and a divisor of the velocity.
    """
    rate, decay, rest_1, rest_2, epsilon = h[0], h[1], h[2], h[3], h[4]
    m_factor, m_divisor, g_factor, g_divisor, v_divisor = h[5], h[6], h[7], h[8], h[9]
    velocities = at(s, size)
    for i in range(0, n, LANES):
        x, gradient, m, v = _decayed(w, i, rate, decay), vload(g, i), vload(s, i), vload(velocities, i)
        m = m + (gradient - m) * rest_1
        v = v + (gradient * gradient - v) * rest_2
        vstore(s, i, m)
        vstore(velocities, i, v)
        m = m_factor * m / m_divisor + g_factor * gradient / g_divisor
        vstore(w, i, x - m * rate / (vsqrt(v / v_divisor) + epsilon))


@kernel("FFFIID")
def optimizer_adagrad(w, s, g, n, size, h):
    """Adagrad: epsilon; the slot accumulator."""
    rate, decay, epsilon = h[0], h[1], h[2]
    for i in range(0, n, LANES):
        x, gradient = _decayed(w, i, rate, decay), vload(g, i)
        total = vload(s, i) + gradient * gradient
        vstore(s, i, total)
        vstore(w, i, x - rate * gradient / vsqrt(total + epsilon))


@kernel("FFFIID")
def optimizer_adadelta(w, s, g, n, size, h):
    """Adadelta: rho, 1 - rho, epsilon; the slots of squared gradients and squared steps."""
    rate, decay, rho, rest, epsilon = h[0], h[1], h[2], h[3], h[4]
    steps = at(s, size)
    for i in range(0, n, LANES):
        x, gradient, step = _decayed(w, i, rate, decay), vload(g, i), vload(steps, i)
        squares = rho * vload(s, i) + rest * (gradient * gradient)
        vstore(s, i, squares)
        delta = vsqrt(step + epsilon) * gradient / vsqrt(squares + epsilon)
        vstore(steps, i, rho * step + rest * (delta * delta))
        vstore(w, i, x - rate * delta)


@kernel("FFFIID")
def optimizer_lion(w, s, g, n, size, h):
    """Lion: beta_1, 1 - beta_1, beta_2, 1 - beta_2; the slot momentum."""
    rate, decay, beta_1, rest_1, beta_2, rest_2 = h[0], h[1], h[2], h[3], h[4], h[5]
    for i in range(0, n, LANES):
        x, gradient, m = _decayed(w, i, rate, decay), vload(g, i), vload(s, i)
        vstore(w, i, x - rate * vsign(m * beta_1 + gradient * rest_1))
        vstore(s, i, m * beta_2 + gradient * rest_2)


@kernel("FFFIID")
def optimizer_ftrl(w, s, g, n, size, h):
    """Ftrl: -learning_rate_power, l1, 2 * l2 with beta, 2 * l2_shrinkage; the slots accumulator, linear."""
    rate, decay, power, bound, l2, shrinkage = h[0], h[1], h[2], h[3], h[4], h[5]
    linears = at(s, size)
    for i in range(0, n, LANES):
        x, gradient, old = _decayed(w, i, rate, decay), vload(g, i), vload(s, i)
        new = old + gradient * gradient
        new_root = _root(new, power)
        linear = vload(linears, i) + ((gradient + shrinkage * x) - (new_root - _root(old, power)) / rate * x)
        clipped = 0.0 - vmax(0.0 - vmax(linear, -bound), -bound)
        quadratic = new_root / rate + l2
        vstore(linears, i, linear)
        vstore(s, i, new)
        vstore(w, i, (clipped - linear) / vwhere_zero(quadratic, 1.0))
