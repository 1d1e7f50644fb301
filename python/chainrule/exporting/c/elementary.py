"""The elementary functions, by the formulas and in the order of operations of cpp/simd/functions.hpp."""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from typing import Any

from .function import Function, numbers

# Coefficients of (e^r − 1 − r) / r² for |r| ≤ log 2 / 2, and of the tail of the normal distribution.
_EXP = {
    "float32": [0.49999997, 0.16666542, 0.0416675285, 0.00836668536, 0.0013862116],
    "float64": [
        0.50000000000000056, 0.16666666666666599, 0.041666666666573725, 0.0083333333333835101, 0.0013888888932347286,
        0.00019841269731657186, 2.480150447123126e-5, 2.7557396518999472e-6, 2.7626322633079058e-7,
        2.5057206025354131e-8,
    ],
}  # fmt: skip
_TAIL = {
    "float32": [
        0.0463131741, -0.0525986478, -0.157797143, -0.0720231235, -0.0056424588, 0.0180293862, 0.0170797687,
        0.00876002572, 0.00257464731, -0.000469363149, -0.00334775518, -0.00413254509, -0.00092861848, 0.0013723966,
        0.000686521525,
    ],
    "float64": [
        0.046313167460493479, -0.052598740829981491, -0.15779622248993583, -0.072018870819541114,
        -0.0056616491400590394, 0.01797128655266262, 0.017224577471796915, 0.0091197978259700118,
        0.0020825566252532695, -0.0016349694545265997, -0.0026071606853028759, -0.0021044165389856209,
        -0.0011583729940599574, -0.00033950364630454586, 0.00016104434911953165, 0.0003628858296109255,
        0.0003401140452348008, 0.00020297017213464572, 0.00015659644167285755, 0.00020049982828258879,
        -0.00010071732725990099, -0.00054184312776011105, 7.7024820297888046e-5, 0.0010559897791084199,
        -0.00014573278914246503, -0.0018851777722246649, -4.2767698358532677e-5, 0.002436567076512602,
        0.0003507960730424252, -0.0023326304989480717, -0.00057224472330010987, 0.0016160365001974977,
        0.00055497538357559769, -0.0007431447535913852, -0.0003215987610606819, 0.00019875086403137567,
        0.00010120751188200656, -2.3206584032435316e-5, -1.3313171274745024e-5,
    ],
}  # fmt: skip
# Terms of the logarithm, and of the sine.
_ATANH_TERMS = {"float32": 7, "float64": 16}
_SINE_TERMS = {"float32": 7, "float64": 12}


@dataclass(frozen=True)
class _Format:
    """Facts of a type of numbers."""

    dtype: str
    bits: str
    fraction: int
    bias: int
    smallest: float
    ln2_high: float
    ln2_low: float
    exp_zero: float
    exp_infinite: float
    tanh_one: float
    tail_zero: float

    def values(self) -> dict[str, Any]:
        shift = 1.5 * 2.0**self.fraction + self.bias
        atanh = [2.0 / (2 * k + 3) for k in range(_ATANH_TERMS[self.dtype])]
        return {
            "bits": self.bits,
            "fraction": str(self.fraction),
            "fabs": "fabsf" if self.dtype == "float32" else "fabs",
            "copysign": "copysignf" if self.dtype == "float32" else "copysign",
            "smallest": self.smallest,
            "shift": shift,
            "largest_shifted": shift + self.bias,
            "log2_e": 1.4426950408889634074,
            "minus_ln2_high": -self.ln2_high,
            "minus_ln2_low": -self.ln2_low,
            "exp_zero": self.exp_zero,
            "minus_exp_zero": -self.exp_zero,
            "exp_infinite": self.exp_infinite,
            "exp_series": _EXP[self.dtype],
            "tanh_one": self.tanh_one,
            "tanh_shift": -2.8853900817779268147,
            "half_ln2": 0.34657359027997265471,
            "tanh_series": [2.0 * 2.0**k * c for k, c in enumerate(_EXP[self.dtype])],
            "atanh_series": atanh,
            "tail_zero": self.tail_zero,
            "tail_series": _TAIL[self.dtype],
            "largest_turn": 2.0 ** (self.fraction - 1),
            "sine_series": _sine(_SINE_TERMS[self.dtype]),
        }


def _sine(terms: int) -> list[float]:
    """Return the coefficients of sin(2πt) / t in powers of t²."""
    factors = [6.28318530717958647693]
    for n in range(1, terms):
        factors.append(-factors[-1] * 39.47841760435743447534 / float(2 * n * (2 * n + 1)))
    return factors


_FLOAT = _Format("float32", "uint32_t", 23, 127, 2.0**-126, 0.693359375, -2.12194440054690583e-4, -88, 89, 10, 13.2)
_DOUBLE = _Format(
    "float64", "uint64_t", 52, 1023, 2.0**-1022, 6.93147180369123816490e-01, 1.90821492927058770002e-10, -709, 710, 20,
    37.63,
)  # fmt: skip


def _function(text: str, *needs: Function) -> Function:
    return Function(text, needs)


def in_type(text: str, dtype: str) -> str:
    """Return the text of a function for a type of numbers, with its constants in their places."""
    return string.Template(text).substitute(_words(dtype))


@cache
def _words(dtype: str) -> dict[str, str]:
    values = (_FLOAT if dtype == "float32" else _DOUBLE).values()
    return {name: value if isinstance(value, str) else numbers(value, dtype) for name, value in values.items()}


FLUSHED = _function("""
/* Numbers that are too small for a normal one are zero, as in the core of chainrule. */
static real flushed(real x) {
  return x < $smallest && x > -$smallest ? x * 0.0 : x;
}
""")

SMALLER = _function("""
static real smaller(real a, real b) {
  return a < b ? a : b;
}
""")

LARGER = _function("""
static real larger(real a, real b) {
  return a > b ? a : b;
}
""")

_SERIES = _function("""
/* c[0] + c[1] x + c[2] x^2 + ... */
static real series(const real *c, size_t count, real x) {
  real sum = c[count - 1];
  for (size_t k = count - 1; k > 0; --k) sum = fma(sum, x, c[k - 1]);
  return sum;
}
""")

# Adding this to a number leaves the nearest whole one, plus the bias of an exponent, in its lowest bits.
_SHIFT = _function("""
#define SHIFT $shift
""")

_EXPONENT = _function(
    """
/* x = n log 2 + r: n, rounded by adding SHIFT, which leaves it in the lowest bits of the sum */
static real shifted_exponent(real x) {
  return fma(x, $log2_e, SHIFT);
}
""",
    _SHIFT,
)

_REST = _function(
    """
/* r */
static real rest_of_power(real x, real shifted) {
  const real n = shifted - SHIFT;
  return fma(n, $minus_ln2_low, fma(n, $minus_ln2_high, x));
}
""",
    _SHIFT,
)

_POWER = _function("""
/* 2^n */
static real power_of_two(real shifted) {
  union { real value; $bits bits; } power;
  power.value = shifted;
  power.bits <<= $fraction;
  return power.value;
}
""")

_EXP_SERIES = _function(
    """
static const real exp_series[] = {$exp_series};
""",
    _SERIES,
)

_NEAR_ZERO = _function(
    """
/* e^r - 1 */
static real expm1_near_zero(real r) {
  return fma(r * r, series(exp_series, sizeof exp_series / sizeof *exp_series, r), r);
}
""",
    _EXP_SERIES,
)

EXP = _function(
    """
/* e^x */
static real exponential(real x) {
  const real bounded = smaller($exp_infinite, larger($exp_zero, x));
  const real shifted = shifted_exponent(bounded);
  /* At the upper end of the range 2^n would overflow: then the scale is 2^(n - 1). */
  const real below = smaller($largest_shifted, shifted);
  const real over = shifted - below;
  const real power = power_of_two(below) * (1 + expm1_near_zero(rest_of_power(bounded, shifted)));
  return flushed(fma(power, over, power));
}
""",
    FLUSHED,
    SMALLER,
    LARGER,
    _EXPONENT,
    _REST,
    _POWER,
    _NEAR_ZERO,
)

EXPM1 = _function(
    """
/* e^x - 1 */
static real exponential_minus_one(real x) {
  const real bounded = larger($exp_zero, x);
  const real shifted = shifted_exponent(bounded);
  const real scale = power_of_two(shifted);
  return fma(scale, expm1_near_zero(rest_of_power(bounded, shifted)), scale - 1);
}
""",
    LARGER,
    _EXPONENT,
    _REST,
    _POWER,
    _NEAR_ZERO,
)

SIGMOID = _function(
    """
/* 1 / (1 + e^-x) */
static real sigmoid(real x) {
  const real bounded = smaller($minus_exp_zero, larger($exp_zero, -x));
  const real shifted = shifted_exponent(bounded);
  const real scale = power_of_two(shifted);
  return flushed(1 / (fma(scale, expm1_near_zero(rest_of_power(bounded, shifted)), 1) + scale));
}
""",
    FLUSHED,
    SMALLER,
    LARGER,
    _EXPONENT,
    _REST,
    _POWER,
    _NEAR_ZERO,
)

TANH = _function(
    """
static const real tanh_series[] = {$tanh_series};

/* tanh |x| = n / d, n = (1 - e) / 2, d = (1 + e) / 2, e = e^(-2|x|), corrected for the rounding error of d. */
static real hyperbolic_tangent(real x) {
  const real magnitude = smaller($tanh_one, $fabs(x));
  const real shifted = fma(magnitude, $tanh_shift, SHIFT);
  const real r = fma(shifted - SHIFT, -$half_ln2, -magnitude);
  const real p = fma(r * r, series(tanh_series, sizeof tanh_series / sizeof *tanh_series, r), r);
  const real scale = power_of_two(shifted);
  const real d = fma(scale, p, fma(scale, 0.5, 0.5));
  const real lost = fma(-scale, p, fma(-scale, 0.5, d - 0.5));
  const real first = (1 - d) / d;
  const real inverse = 1 + first;
  return $copysign(fma(lost * inverse, inverse, first), x);
}
""",
    SMALLER,
    _SHIFT,
    _SERIES,
    _POWER,
)

SOFTPLUS = _function(
    """
static const real atanh_series[] = {$atanh_series};

/* log(1 + e^x) = max(x, 0) + log(1 + f), f = e^-|x|, corrected for the rounding error of f. */
static real softplus(real x) {
  const real bounded = larger($exp_zero, -$fabs(x));
  const real shifted = shifted_exponent(bounded);
  const real scale = power_of_two(shifted);
  const real rest = expm1_near_zero(rest_of_power(bounded, shifted));
  const real power = 1 + rest;
  const real f = flushed(scale * power);
  const real lost = flushed(scale * (rest - (power - 1)));
  const real s = f / (2 + f);
  const real square = s * s;
  const real half_square = 0.5 * (f * f);
  const real sum = fma(square, series(atanh_series, sizeof atanh_series / sizeof *atanh_series, square), half_square);
  const real small = fma(fma(1.5, s, -1.0), lost, fma(-s, sum, half_square));
  return (larger(0, x) - small) + f;
}
""",
    FLUSHED,
    LARGER,
    _EXPONENT,
    _REST,
    _POWER,
    _NEAR_ZERO,
)

GELU = _function(
    """
static const real tail_series[] = {$tail_series};

/* x times the normal distribution's share below x: max(x, 0) - z tail(z), z = |x|, with the small terms added first. */
static real gelu(real x) {
  const real z = smaller($tail_zero, $fabs(x));
  const real half = -0.5 * z;
  const real high = half * z;
  const real shifted = shifted_exponent(high);
  const real r = rest_of_power(high, shifted) + fma(half, z, -high);
  const real square = r * r;
  const real of_exp = series(exp_series, sizeof exp_series / sizeof *exp_series, r);
  const real rest = fma(square, of_exp, r);
  const real share = 1 / (1 + z);
  const real y = half * share;
  const real left = share * fma(-2.0, share, 3.0);
  const real lost = fma(-y, z, half - y) * share * left;
  const real f = series(tail_series, sizeof tail_series / sizeof *tail_series, fma(-4.0, y, -1.0));
  const real small = fma(f, rest, fma(square, of_exp, f));
  const real sum = y + fma(y, r, fma(y, small, fma(lost, rest, lost)));
  return fma(power_of_two(shifted), sum, larger(0, x));
}
""",
    SMALLER,
    LARGER,
    _EXPONENT,
    _REST,
    _POWER,
    _EXP_SERIES,
)

COSINE = _function(
    """
static const real sine_series[] = {$sine_series};

/* sin(2 pi t), |t| <= 1/4 */
static real sine_near_zero(real t) {
  return t * series(sine_series, sizeof sine_series / sizeof *sine_series, t * t);
}

/* cos(2 pi x), from the distance of x from the nearest whole number */
static real cosine_of_turns(real x) {
  const real whole = $fabs(x) > $largest_turn ? x : fma(x, 1.0, SHIFT) - SHIFT;
  return sine_near_zero(0.25 - $fabs(x - whole));
}
""",
    _SHIFT,
    _SERIES,
)
