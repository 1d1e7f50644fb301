// The elementary functions of the kernels. Every machine runs the same sequence of operations; no library function is
// called. Results too small for a normal number are zero, as everywhere in the core. exp, tanh, sigmoid, log, softplus
// and gelu are within 2 units in the last place (tests/exhaustive_functions.cpp); where multiply-add is not fused, all
// but gelu, which is within 70 in float and 520 in double.
#pragma once

#include "simd/vector.hpp"

namespace chainrule::simd::CHAINRULE_ISA {
namespace {

template <class T>
CHAINRULE_INLINE Vector<T> number(double value) {
  return Vector<T>::broadcast(T(value));
}

// first * (c[0] + c[1] (ratio x) + c[2] (ratio x)^2 + ...)
template <class T, size_t n>
CHAINRULE_INLINE Vector<T> polynomial(const double (&c)[n], const Vector<T>& x, double first = 1, double ratio = 1) {
  double factor = first;
#pragma GCC unroll 64
  for (size_t i = 1; i < n; ++i) factor *= ratio;
  Vector<T> sum = number<T>(factor * c[n - 1]);
#pragma GCC unroll 64
  for (size_t i = 2; i <= n; ++i) {
    factor /= ratio;
    sum = fma(sum, x, number<T>(factor * c[n - i]));
  }
  return sum;
}

// Constants of each precision: log 2 in two parts, of which the first times an exponent is exact; the ends of the
// range; and the coefficients of the series.
template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr double ln2_high = 0.693359375, ln2_low = -2.12194440054690583e-4;
  static constexpr double exp_zero = -88, exp_infinite = 89;
  static constexpr double tanh_one = 10;
  static constexpr double tail_zero = 13.2;
  static constexpr size_t newton_steps = 3;
  // 2/3, 2/5, ... for an argument of at most 1/3, squared.
  static constexpr double atanh_series[] = {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15};
  // tools/fit_functions.py exp float
  static constexpr double exp_series[] = {0.49999997, 0.16666542, 0.0416675285, 0.00836668536, 0.0013862116};
  // tools/fit_functions.py tail float
  static constexpr double tail_series[] = {0.0463131741,   -0.0525986478,   -0.157797143,   -0.0720231235,
                                           -0.0056424588,  0.0180293862,    0.0170797687,   0.00876002572,
                                           0.00257464731,  -0.000469363149, -0.00334775518, -0.00413254509,
                                           -0.00092861848, 0.0013723966,    0.000686521525};
};

template <>
struct Constants<double> {
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  static constexpr double exp_zero = -709, exp_infinite = 710;
  static constexpr double tanh_one = 20;
  static constexpr double tail_zero = 37.63;
  static constexpr size_t newton_steps = 4;
  static constexpr double atanh_series[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                                            2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23, 2.0 / 25,
                                            2.0 / 27, 2.0 / 29, 2.0 / 31, 2.0 / 33};
  // tools/fit_functions.py exp double
  static constexpr double exp_series[] = {0.50000000000000056,   0.16666666666666599,   0.041666666666573725,
                                          0.0083333333333835101, 0.0013888888932347286, 0.00019841269731657186,
                                          2.480150447123126e-5,  2.7557396518999472e-6, 2.7626322633079058e-7,
                                          2.5057206025354131e-8};
  // tools/fit_functions.py tail double
  static constexpr double tail_series[] = {
      0.046313167460493479,    -0.052598740829981491,   -0.15779622248993583,    -0.072018870819541114,
      -0.0056616491400590394,  0.01797128655266262,     0.017224577471796915,    0.0091197978259700118,
      0.0020825566252532695,   -0.0016349694545265997,  -0.0026071606853028759,  -0.0021044165389856209,
      -0.0011583729940599574,  -0.00033950364630454586, 0.00016104434911953165,  0.0003628858296109255,
      0.0003401140452348008,   0.00020297017213464572,  0.00015659644167285755,  0.00020049982828258879,
      -0.00010071732725990099, -0.00054184312776011105, 7.7024820297888046e-5,   0.0010559897791084199,
      -0.00014573278914246503, -0.0018851777722246649,  -4.2767698358532677e-5,  0.002436567076512602,
      0.0003507960730424252,   -0.0023326304989480717,  -0.00057224472330010987, 0.0016160365001974977,
      0.00055497538357559769,  -0.0007431447535913852,  -0.0003215987610606819,  0.00019875086403137567,
      0.00010120751188200656,  -2.3206584032435316e-5,  -1.3313171274745024e-5};
};

// x = n log 2 + r, |r| <= log 2 / 2: n as shifted_round returns it, and r. These are two functions because compilers
// keep a structure of both in memory.
template <class T>
CHAINRULE_INLINE Vector<T> exponent_of_power(const Vector<T>& x) {
  return shifted_round(x, 1.4426950408889634074);
}
template <class T>
CHAINRULE_INLINE Vector<T> rest_of_power(const Vector<T>& x, const Vector<T>& shifted) {
  const Vector<T> n = unshifted(shifted);
  return fma(n, number<T>(-Constants<T>::ln2_low), fma(n, number<T>(-Constants<T>::ln2_high), x));
}

// e^r - 1 for |r| <= log 2 / 2.
template <class T>
CHAINRULE_INLINE Vector<T> expm1_near_zero(const Vector<T>& r) {
  return fma(r * r, polynomial(Constants<T>::exp_series, r), r);
}

// min and max in this order propagate a NaN, so that no function below has to test for it.
template <class T>
CHAINRULE_INLINE Vector<T> exp(const Vector<T>& x) {
  const Vector<T> bounded = min(number<T>(Constants<T>::exp_infinite), max(number<T>(Constants<T>::exp_zero), x));
  const Vector<T> shifted = exponent_of_power(bounded);
  const Vector<T> r = rest_of_power(bounded, shifted);
  // At the upper end of the range 2^n would overflow: then the scale is 2^(n-1), and `over` is 1.
  const Vector<T> below = min(number<T>(exponent_shift<T> + Format<T>::bias), shifted);
  const Vector<T> over = shifted - below;
  const Vector<T> power = power_of_two(below) * (number<T>(1) + expm1_near_zero(r));
  return fma(power, over, power);
}

// e^x - 1, accurate for small x too, for x at which e^x does not overflow.
template <class T>
CHAINRULE_INLINE Vector<T> expm1(const Vector<T>& x) {
  const Vector<T> bounded = max(number<T>(Constants<T>::exp_zero), x);
  const Vector<T> shifted = exponent_of_power(bounded);
  const Vector<T> scale = power_of_two(shifted);
  return fma(scale, expm1_near_zero(rest_of_power(bounded, shifted)), scale - number<T>(1));
}

// With f = x - 1: log x = f - (f^2/2 - s (f^2/2 + R)), s = f / (2 + f), R = 2 s^2/3 + 2 s^4/5 + ..., for |s| <= 1/3.
template <class T>
CHAINRULE_INLINE Vector<T> log(const Vector<T>& x) {
  Vector<T> m = mantissa(x);
  Vector<T> e = exponent(x);
  const Mask<T> upper = less(number<T>(1.41421356237309504880), m);
  m = select(upper, number<T>(0.5) * m, m);
  e = select(upper, e + number<T>(1), e);
  const Vector<T> f = m - number<T>(1);
  const Vector<T> s = f / (number<T>(2) + f);
  const Vector<T> square = s * s;
  const Vector<T> series = square * polynomial(Constants<T>::atanh_series, square);
  const Vector<T> half_square = number<T>(0.5) * (f * f);
  const Vector<T> low = fma(e, number<T>(Constants<T>::ln2_low), s * (half_square + series));
  Vector<T> result = fma(e, number<T>(Constants<T>::ln2_high), f - (half_square - low));
  const Vector<T> infinity = number<T>(__builtin_huge_val());
  result = select(less(x, infinity), result, x);
  result = select(equal(x, Vector<T>::zero()), -infinity, result);
  return select(less(x, Vector<T>::zero()), number<T>(__builtin_nan("")), result);
}

// a / b for positive normal b, within about one ulp, from multiplications alone: the divider would be the bottleneck of
// the loops that use it. A subtraction of the bits gives a first approximation of 1 / b, and each Newton iteration
// squares its error.
template <class T>
CHAINRULE_INLINE Vector<T> quotient(const Vector<T>& a, const Vector<T>& b) {
  const Vector<T> one = number<T>(1);
  Vector<T> reciprocal = reciprocal_guess(b);
#pragma GCC unroll 4
  for (size_t i = 0; i < Constants<T>::newton_steps; ++i) {
    reciprocal = fma(reciprocal, fma(-b, reciprocal, one), reciprocal);
  }
  const Vector<T> first = a * reciprocal;
  return fma(fma(-b, first, a), reciprocal, first);
}

// 1 / (1 + e^-x). 1 is added before scaling, because the scaled value can be too large to represent the sum.
template <class T>
CHAINRULE_INLINE Vector<T> sigmoid(const Vector<T>& x) {
  const Vector<T> end = number<T>(-Constants<T>::exp_zero);
  const Vector<T> bounded = min(end, max(-end, -x));
  const Vector<T> shifted = exponent_of_power(bounded);
  const Vector<T> scale = power_of_two(shifted);
  return number<T>(1) / (fma(scale, expm1_near_zero(rest_of_power(bounded, shifted)), number<T>(1)) + scale);
}

// tanh |x| = n / d with n = (1 - e) / 2, d = (1 + e) / 2 = 1 - n, e = e^(-2|x|) = scale (1 + 2p) and p = (e^(2r) - 1) /
// 2. The rounding error of d is corrected at the end: the derivative of n / (1 - n) is 1 / d^2 = (1 + n / d)^2.
template <class T>
CHAINRULE_INLINE Vector<T> tanh(const Vector<T>& x) {
  const Vector<T> magnitude = min(number<T>(Constants<T>::tanh_one), abs(x));
  const Vector<T> shifted = shifted_round(magnitude, -2.8853900817779268147);
  const Vector<T> r = fma(unshifted(shifted), number<T>(-0.34657359027997265471), -magnitude);
  const Vector<T> p = fma(r * r, polynomial(Constants<T>::exp_series, r, 2, 2), r);
  const Vector<T> scale = power_of_two(shifted);
  const Vector<T> half = number<T>(0.5);
  const Vector<T> d = fma(scale, p, fma(scale, half, half));
  const Vector<T> lost = fma(-scale, p, fma(-scale, half, d - half));
  const Vector<T> first = (number<T>(1) - d) / d;
  const Vector<T> inverse = number<T>(1) + first;
  return copysign(fma(lost * inverse, inverse, first), x);
}

// log(1 + e^x) = max(x, 0) + log(1 + f), f = e^-|x|. The logarithm is computed as above, with its largest term added
// last, and corrected for the rounding error of f: its derivative 1 / (1 + f) is nearly 1 - 3/2 s.
template <class T>
CHAINRULE_INLINE Vector<T> softplus(const Vector<T>& x) {
  const Vector<T> bounded = max(number<T>(Constants<T>::exp_zero), -abs(x));
  const Vector<T> shifted = exponent_of_power(bounded);
  const Vector<T> scale = power_of_two(shifted);
  const Vector<T> rest = expm1_near_zero(rest_of_power(bounded, shifted));
  const Vector<T> power = number<T>(1) + rest;
  const Vector<T> f = scale * power;
  const Vector<T> lost = scale * (rest - (power - number<T>(1)));
  const Vector<T> s = f / (number<T>(2) + f);
  const Vector<T> square = s * s;
  const Vector<T> half_square = number<T>(0.5) * (f * f);
  const Vector<T> sum = fma(square, polynomial(Constants<T>::atanh_series, square), half_square);
  const Vector<T> small = fma(fma(number<T>(1.5), s, number<T>(-1)), lost, fma(-s, sum, half_square));
  return (max(Vector<T>::zero(), x) - small) + f;
}

// log((e^x + e^-x) / 2): near zero 2 atanh(s) = 2 s + s R with s = tanh^2(x / 2) and R as for the logarithm, which has
// no cancellation; elsewhere |x| + log(1 + e^(-2|x|)) - log 2, which does not overflow.
template <class T>
CHAINRULE_INLINE Vector<T> log_cosh(const Vector<T>& x) {
  const Vector<T> half = tanh(number<T>(0.5) * x);
  const Vector<T> s = half * half, twice = (half + half) * half;
  const Vector<T> square = s * s;
  const Vector<T> series = square * polynomial(Constants<T>::atanh_series, square);
  const Vector<T> magnitude = abs(x);
  const Vector<T> far = magnitude + (softplus(number<T>(-2) * magnitude) - number<T>(0.69314718055994530942));
  return select(less(magnitude, number<T>(1)), fma(s, series, twice), far);
}

// |x|, limited to where the tail of the normal distribution becomes zero.
template <class T>
CHAINRULE_INLINE Vector<T> bounded_magnitude(const Vector<T>& x) {
  return min(number<T>(Constants<T>::tail_zero), abs(x));
}

// e^(-z^2/2) likewise, corrected for the rounding error of z^2 if multiply-add is fused.
template <class T>
CHAINRULE_INLINE Vector<T> exponent_of_gaussian(const Vector<T>& z) {
  return exponent_of_power(number<T>(-0.5) * z * z);
}
template <class T>
CHAINRULE_INLINE Vector<T> rest_of_gaussian(const Vector<T>& z, const Vector<T>& shifted) {
  const Vector<T> half = number<T>(-0.5) * z;
  const Vector<T> high = half * z;
  return rest_of_power(high, shifted) + fma(half, z, -high);
}

template <class T>
CHAINRULE_INLINE Vector<T> normal_pdf(const Vector<T>& x) {
  const Vector<T> z = bounded_magnitude(x);
  const Vector<T> shifted = exponent_of_gaussian(z);
  const Vector<T> peak = number<T>(0.39894228040143267794);
  return power_of_two(shifted) * fma(peak, expm1_near_zero(rest_of_gaussian(z, shifted)), peak);
}

// The tail at z = |x| is e^(-z^2/2) (1 + f) / (2 (1 + z)), f a polynomial in (z - 1) / (z + 1).
template <class T>
CHAINRULE_INLINE Vector<T> normal_cdf(const Vector<T>& x) {
  const Vector<T> z = bounded_magnitude(x);
  const Vector<T> shifted = exponent_of_gaussian(z);
  const Vector<T> rest = expm1_near_zero(rest_of_gaussian(z, shifted));
  const Vector<T> share = number<T>(1) / (number<T>(1) + z);
  const Vector<T> f = polynomial(Constants<T>::tail_series, fma(number<T>(-2), share, number<T>(1)));
  const Vector<T> half = number<T>(0.5) * share;
  const Vector<T> tail = power_of_two(shifted) * fma(half, fma(f, rest, f + rest), half);
  return select(less(x, Vector<T>::zero()), tail, number<T>(1) - tail);
}

// max(x, 0) - z tail(z), z = |x|, and z tail(z) = -e^(-z^2/2) (1 + f) y, y = -z/2 share. Small terms are added first. f
// compensates for a part of the rounding error of y: nearly share (3 - 2 share) of it remains.
template <class T>
CHAINRULE_INLINE Vector<T> gelu(const Vector<T>& x) {
  const Vector<T> z = bounded_magnitude(x);
  const Vector<T> shifted = exponent_of_gaussian(z);
  const Vector<T> r = rest_of_gaussian(z, shifted);
  const Vector<T> square = r * r;
  const Vector<T> series = polynomial(Constants<T>::exp_series, r);
  const Vector<T> rest = fma(square, series, r);
  const Vector<T> half = number<T>(-0.5) * z;
  const Vector<T> share = number<T>(1) / (number<T>(1) + z);
  const Vector<T> y = half * share;
  const Vector<T> left = share * fma(number<T>(-2), share, number<T>(3));
  const Vector<T> lost = fma(-y, z, half - y) * share * left;
  const Vector<T> f = polynomial(Constants<T>::tail_series, fma(number<T>(-4), y, number<T>(-1)));
  const Vector<T> small = fma(f, rest, fma(square, series, f));
  const Vector<T> sum = y + fma(y, r, fma(y, small, fma(lost, rest, lost)));
  return fma(power_of_two(shifted), sum, max(Vector<T>::zero(), x));
}

// sin(2 pi t) for |t| <= 1/4, a series in t^2: its term n is (-1)^n (2 pi t)^(2n + 1) / (2n + 1)!.
template <class T>
CHAINRULE_INLINE Vector<T> sine_near_zero(const Vector<T>& t) {
  constexpr size_t terms = sizeof(T) == 4 ? 7 : 12;
  constexpr double square = 39.47841760435743447534;  // (2 pi)^2
  double factor[terms] = {6.28318530717958647693};
#pragma GCC unroll 16
  for (size_t n = 1; n < terms; ++n) factor[n] = -factor[n - 1] * square / double(2 * n * (2 * n + 1));
  const Vector<T> x = t * t;
  Vector<T> sum = number<T>(factor[terms - 1]);
#pragma GCC unroll 16
  for (size_t n = terms - 1; n > 0; --n) sum = fma(sum, x, number<T>(factor[n - 1]));
  return t * sum;
}

// The distance from the nearest whole number, which is exact. Numbers that are too large to be rounded count as whole;
// infinity gives NaN.
template <class T>
CHAINRULE_INLINE Vector<T> part_of_turn(const Vector<T>& turns) {
  const Vector<T> largest = number<T>(double(int64_t(1) << (Format<T>::fraction_bits - 1)));
  return turns - select(less(largest, abs(turns)), turns, unshifted(shifted_round(turns, 1)));
}

// cos(2 pi x) and sin(2 pi x).
template <class T>
CHAINRULE_INLINE Vector<T> cos_turns(const Vector<T>& x) {
  return sine_near_zero(number<T>(0.25) - abs(part_of_turn(x)));
}
template <class T>
CHAINRULE_INLINE Vector<T> sin_turns(const Vector<T>& x) {
  const Vector<T> part = part_of_turn(x);
  const Vector<T> magnitude = abs(part);
  return sine_near_zero(copysign(min(number<T>(0.5) - magnitude, magnitude), part));
}

}  // namespace
}  // namespace chainrule::simd::CHAINRULE_ISA
