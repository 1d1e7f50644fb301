"""Coefficients of the polynomials in cpp/simd/functions.hpp: `fit_functions.py exp|tail float|double`.

Least squares at Chebyshev points, weighted for the relative error of the result, comes close to the best polynomial.
Each coefficient is rounded to the precision before the next ones are fitted, so that these compensate its rounding.
"""

import sys
from collections.abc import Callable
from typing import Any

import mpmath

Real = Any
Function = Callable[[Real], Real]

DIGITS = {"float": 24, "double": 53}
DEGREES = {"exp": {"float": 4, "double": 9}, "tail": {"float": 14, "double": 38}}
TAIL_ZERO = {"float": "13.25", "double": "37.7"}


def expm1_curve(r: Real) -> Real:
    """Return (e^r - 1 - r) / r^2."""
    return (mpmath.expm1(r) - r) / r**2


def expm1_weight(r: Real) -> Real:
    """Return the factor from an error of expm1_curve to the relative error of e^r - 1."""
    return r**2 / mpmath.expm1(r)


def tail(t: Real) -> Real:
    """Return (1 + z) exp(z^2 / 2) erfc(z / sqrt 2) - 1 for t = (z - 1) / (z + 1)."""
    z = (1 + t) / (1 - t)
    return (1 + z) * mpmath.exp(z**2 / 2) * mpmath.erfc(z / mpmath.sqrt(2)) - 1


def tail_weight(t: Real) -> Real:
    """Return the factor from an error of tail to the relative error of 1 + tail."""
    return 1 / (1 + tail(t))


def fit(function: Function, weight: Function, interval: tuple[Real, Real], degree: int, digits: int) -> list[Real]:
    """Return the rounded coefficients, lowest first."""
    middle, radius = sum(interval) / 2, (interval[1] - interval[0]) / 2
    count = 6 * (degree + 1)
    points = [middle + radius * mpmath.cos(mpmath.pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    weights = [weight(x) for x in points]
    rest = [function(x) for x in points]
    coefficients = []
    for power in range(degree + 1):
        matrix = mpmath.matrix(
            [[w * x**j for j in range(power, degree + 1)] for w, x in zip(weights, points, strict=True)]
        )
        solution = mpmath.lu_solve(matrix, mpmath.matrix([w * r for w, r in zip(weights, rest, strict=True)]))
        with mpmath.workprec(digits):
            coefficients.append(+solution[0])
        rest = [r - coefficients[-1] * x**power for r, x in zip(rest, points, strict=True)]
    return coefficients


def main() -> None:
    """Print the coefficients and the largest relative error."""
    mpmath.mp.dps = 60
    name, precision = sys.argv[1:]
    if name == "tail":
        function, weight = tail, tail_weight
        zero = mpmath.mpf(TAIL_ZERO[precision])
        interval = (mpmath.mpf(-1), (zero - 1) / (zero + 1))
    else:
        function, weight = expm1_curve, expm1_weight
        # The ends are a little beyond half of log 2, as the reduction to a multiple of log 2 is not exact.
        interval = (-mpmath.mpf("0.3468"), mpmath.mpf("0.3468"))
    coefficients = fit(function, weight, interval, DEGREES[name][precision], DIGITS[precision])
    points = [interval[0] + (interval[1] - interval[0]) * (i + mpmath.mpf("0.5")) / 1000 for i in range(1000)]
    error = max(abs(weight(x) * (function(x) - mpmath.polyval(coefficients[::-1], x))) for x in points)
    print(f"// relative error {mpmath.nstr(error, 3)}")
    for coefficient in coefficients:
        print(f"{mpmath.nstr(coefficient, 9 if precision == 'float' else 17)},")


if __name__ == "__main__":
    main()
