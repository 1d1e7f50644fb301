"""Coefficients of the polynomial behind the normal distribution in cpp/simd/functions.hpp.

F(t) = (1 + 2u) exp(u^2) erfc(u) at u = k (1 + t) / (1 - t), which maps all u >= 0 to -1 <= t < 1 (Shepherd and
Laframboise 1981). Prints the Chebyshev interpolant's coefficients in powers of t, lowest first.
"""

import sys

import mpmath

K = mpmath.mpf("3.75")


def scaled_erfc(t: mpmath.mpf) -> mpmath.mpf:
    """F(t); its limit at t = 1 is 2/sqrt(pi)."""
    if t == 1:
        return 2 / mpmath.sqrt(mpmath.pi)
    u = K * (1 + t) / (1 - t)
    if u > 1e6:
        return (1 + 2 * u) / (u * mpmath.sqrt(mpmath.pi))
    return (1 + 2 * u) * mpmath.exp(u * u) * mpmath.erfc(u)


def chebyshev_powers(degree: int) -> list[mpmath.mpf]:
    """Interpolate at the Chebyshev points and expand into powers of t."""
    n = degree + 1
    angles = [mpmath.pi * (i + mpmath.mpf(1) / 2) / n for i in range(n)]
    values = [scaled_erfc(mpmath.cos(angle)) for angle in angles]
    series = [2 * mpmath.fsum(v * mpmath.cos(j * a) for v, a in zip(values, angles, strict=True)) / n for j in range(n)]
    series[0] /= 2
    powers = [mpmath.mpf(0)] * n
    before, current = [mpmath.mpf(1)], [mpmath.mpf(0), mpmath.mpf(1)]
    for j, coefficient in enumerate(series):
        for i, c in enumerate(before):
            powers[i] += coefficient * c
        following = [mpmath.mpf(0), *(2 * c for c in current)]
        for i, c in enumerate(before):
            following[i] -= c
        before, current = current, following
        assert j <= degree
    return powers


def main() -> None:
    """Print the coefficients and the largest relative error for the degree on the command line."""
    mpmath.mp.dps = 60
    degree = int(sys.argv[1])
    powers = chebyshev_powers(degree)
    points = [mpmath.mpf(i) / 500 for i in range(-500, 500)]
    error = max(abs(mpmath.polyval(powers[::-1], t) / scaled_erfc(t) - 1) for t in points)
    print(f"// relative error {mpmath.nstr(error, 3)}")
    for coefficient in powers:
        print(f"{mpmath.nstr(coefficient, 20)},")


if __name__ == "__main__":
    main()
