"""Hyperbolic tangent of vectors, which is also the basis of the logistic sigmoid."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from skrnn._engine.native.tables import LANES
from skrnn._engine.native.vectors import FUSED, constant

# float32: tanh(x) = x P(x^2) / Q(x^2) up to a bound, beyond which it is 1; coefficients from Eigen.
_P = (
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
)  # fmt: skip
_Q = 1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03
_LARGEST = 7.90531110763549805

# float64: tanh(x) = e / (e + 2) with e = exp(2 x) - 1; exp by argument reduction with log(2) in two parts (Cody and
# Waite 1980), and the Taylor series of exp(r) - 1 for |r| <= log(2) / 2, whose first omitted term is below 2e-18.
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_TERMS = 14
_ROUNDING = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer in the low bits


def _polynomial(builder, kind, coefficients, x):
    value = constant(kind, coefficients[0])
    for c in coefficients[1:]:
        value = builder.fadd(builder.fmul(value, x, flags=FUSED), constant(kind, c), flags=FUSED)
    return value


def _clamped(builder, kind, x, largest):
    for comparison, bound in ((">", largest), ("<", -largest)):
        x = builder.select(builder.fcmp_ordered(comparison, x, constant(kind, bound)), constant(kind, bound), x)
    return x


def _tanh_float32(builder, kind, x):
    x = _clamped(builder, kind, x, _LARGEST)
    square = builder.fmul(x, x)
    numerator = builder.fmul(x, _polynomial(builder, kind, _P, square))
    return builder.fdiv(numerator, _polynomial(builder, kind, _Q, square))


def _tanh_float64(builder, kind, x):
    factorial, coefficients = 1.0, []
    for k in range(2, _TERMS + 1):
        factorial *= k
        coefficients.append(1 / factorial)
    doubled = builder.fmul(_clamped(builder, kind, x, 20.0), constant(kind, 2))
    shifted = builder.fadd(builder.fmul(doubled, constant(kind, 1.4426950408889634074)), constant(kind, _ROUNDING))
    whole = builder.fsub(shifted, constant(kind, _ROUNDING))
    rest = builder.fsub(doubled, builder.fmul(whole, constant(kind, _LOG2_HIGH)), flags=FUSED)
    rest = builder.fsub(rest, builder.fmul(whole, constant(kind, _LOG2_LOW)), flags=FUSED)
    # exp(rest) - 1 as rest plus a correction, so that tiny values are rounded only once.
    added = builder.fmul(builder.fmul(rest, rest), _polynomial(builder, kind, coefficients[::-1], rest), flags=FUSED)
    minus_one = builder.fadd(rest, added, flags=FUSED)
    integers = ir.VectorType(ir.IntType(64), LANES)

    def integer(value):
        return ir.Constant(integers, [value] * LANES)

    exponent = builder.add(builder.bitcast(shifted, integers), integer(1023))
    power = builder.bitcast(builder.shl(exponent, integer(52)), kind.llvm)  # 2 ** padded_size
    e = builder.fadd(builder.fmul(power, minus_one), builder.fsub(power, constant(kind, 1)))
    return builder.fdiv(e, builder.fadd(e, constant(kind, 2)))


@intrinsic
def vtanh(typingctx, vector):
    """Return the elementwise hyperbolic tangent; that of NaN is NaN."""

    def codegen(context, builder, sig, args):
        emit = _tanh_float32 if vector.number is types.float32 else _tanh_float64
        return emit(builder, vector, args[0])

    return vector(vector), codegen
