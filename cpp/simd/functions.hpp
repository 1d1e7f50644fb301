// The elementary functions of the kernels: the same sequence of operations on every machine, and no library's. Results
// too small for a normal number are zero, as everywhere in the core.
#pragma once

#include "simd/vector.hpp"

namespace chainrule::simd::CHAINRULE_ISA {
namespace {

template <class T>
CHAINRULE_INLINE Vector<T> number(double value) {
  return Vector<T>::broadcast(T(value));
}

// c[0] + c[1] x + c[2] x^2 + ...
template <class T, size_t n>
CHAINRULE_INLINE Vector<T> polynomial(const double (&c)[n], const Vector<T>& x) {
  Vector<T> sum = number<T>(c[n - 1]);
#pragma GCC unroll 32
  for (size_t i = 2; i <= n; ++i) sum = fma(sum, x, number<T>(c[n - i]));
  return sum;
}

// What depends on the precision: how long the series must be, where results leave the range, how log 2 is split so that
// the first part times an exponent is exact.
template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr double ln2_high = 0.693359375, ln2_low = -2.12194440054690583e-4;
  static constexpr double exp_lowest = -87.3365447505, exp_highest = 88.7228391116;
  static constexpr double tanh_one = 10;
  static constexpr double normal_lowest = -14;
  static constexpr size_t newton_steps = 3;
  // 1/2!, 1/3!, ...
  static constexpr double exp_series[] = {0.5, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040};
  // 2/3, 2/5, ... for an argument of at most 1/3, squared.
  static constexpr double atanh_series[] = {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15};
  // tools/fit_scaled_erfc.py 12
  static constexpr double scaled_erfc[] = {
      1.2375126308378275819,     -0.14024065901788993062,  0.0035854380164763370478,  0.082278433904752843864,
      -0.10880456454860984163,   0.092290691672078757935,  -0.058688252049401611569,  0.028409430391479109402,
      -0.0097646904977876310997, 0.0016757342508064283394, 0.00032538846455351870171, -0.00022405204951954953205,
      0.000023634820068462685143};
};

template <>
struct Constants<double> {
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  static constexpr double exp_lowest = -708.3964185322641, exp_highest = 709.7827128933840;
  static constexpr double tanh_one = 20;
  static constexpr double normal_lowest = -39;
  static constexpr size_t newton_steps = 4;
  static constexpr double exp_series[] = {0.5,           1.0 / 6,        1.0 / 24,        1.0 / 120,
                                          1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                          1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  static constexpr double atanh_series[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                                            2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23, 2.0 / 25,
                                            2.0 / 27, 2.0 / 29, 2.0 / 31, 2.0 / 33};
  // tools/fit_scaled_erfc.py 22
  static constexpr double scaled_erfc[] = {
      1.2375126308378275819,      -0.14024059858554520883,    0.0035854154854663069087,    0.082276738489991589975,
      -0.108803930141939147,      0.09230432116435615983,     -0.058693398584491847738,    0.028362277371370045731,
      -0.0097465796208150901387,  0.0017556261692276720938,   0.00029371408777227682388,   -0.00029015536563947128413,
      0.000051647371238718376858, 0.000022387592725347689187, -0.000011439615260075949728, -9.7929752909982291765e-7,
      1.7438577411359181137e-6,   -5.0816911811698188253e-8,  -2.4996538037405242395e-7,   1.8778501156468796502e-8,
      3.2564990837985129253e-8,   -1.9527901629748368921e-9,  -2.7293941332533855056e-9};
};

template <class T>
struct Reduced {
  Vector<T> multiple, rest;
};

// x = multiple * log 2 + rest, |rest| <= log 2 / 2.
template <class T>
CHAINRULE_INLINE Reduced<T> reduce(const Vector<T>& x) {
  const Vector<T> n = round_to_even(x * number<T>(1.4426950408889634074));
  const Vector<T> r = fma(n, number<T>(-Constants<T>::ln2_high), x);
  return {n, fma(n, number<T>(-Constants<T>::ln2_low), r)};
}

// e^r - 1 for |r| <= log 2 / 2.
template <class T>
CHAINRULE_INLINE Vector<T> exp_minus_one_near_zero(const Vector<T>& r) {
  return fma(r * r, polynomial(Constants<T>::exp_series, r), r);
}

// NaN stays NaN, wherever the bits of an exponent were put meanwhile.
template <class T>
CHAINRULE_INLINE Vector<T> keep_nan(const Vector<T>& x, const Vector<T>& result) {
  return select(equal(x, x), result, x);
}

template <class T>
CHAINRULE_INLINE Vector<T> exp(const Vector<T>& x) {
  const Vector<T> lowest = number<T>(Constants<T>::exp_lowest);
  const Vector<T> highest = number<T>(Constants<T>::exp_highest);
  const Reduced<T> reduced = reduce(min(highest, max(lowest, x)));
  const Vector<T> power = exp_minus_one_near_zero(reduced.rest) + number<T>(1);
  // One below, then twice: at the upper end 2^n alone is not a number any more.
  const Vector<T> half = ldexp(power, reduced.multiple - number<T>(1));
  Vector<T> result = half + half;
  result = select(less(x, lowest), Vector<T>::zero(), result);
  result = select(less(highest, x), number<T>(__builtin_huge_val()), result);
  return keep_nan(x, result);
}

// e^x - 1, exact to the end for small x.
template <class T>
CHAINRULE_INLINE Vector<T> expm1(const Vector<T>& x) {
  const Vector<T> lowest = number<T>(-Constants<T>::tanh_one * 4);
  const Vector<T> highest = number<T>(Constants<T>::exp_highest - 1);
  const Reduced<T> reduced = reduce(min(highest, max(lowest, x)));
  const Vector<T> scale = ldexp(number<T>(1), reduced.multiple);
  const Vector<T> rest = exp_minus_one_near_zero(reduced.rest);
  Vector<T> result = fma(scale, rest, scale - number<T>(1));
  result = select(less(highest, x), number<T>(__builtin_huge_val()), result);
  return keep_nan(x, result);
}

// log(1 + f) = f - (f^2/2 - s (f^2/2 + R)), s = f / (2 + f), R = 2 s^2/3 + 2 s^4/5 + ..., for |s| <= 1/3.
template <class T>
CHAINRULE_INLINE Vector<T> log_one_plus(const Vector<T>& f) {
  const Vector<T> s = f / (number<T>(2) + f);
  const Vector<T> square = s * s;
  const Vector<T> series = square * polynomial(Constants<T>::atanh_series, square);
  const Vector<T> half_square = number<T>(0.5) * (f * f);
  return f - (half_square - s * (half_square + series));
}

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
  result = select(equal(x, infinity), infinity, result);
  result = select(equal(x, Vector<T>::zero()), -infinity, result);
  result = select(less(x, Vector<T>::zero()), number<T>(__builtin_nan("")), result);
  return keep_nan(x, result);
}

// a / b for positive normal b, within an ulp or so, from multiplications alone: for loops that would wait for the
// divider. The difference of the exponents' bits is a first guess of 1 / b, and Newton's iteration squares its error.
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

template <class T>
CHAINRULE_INLINE Vector<T> sigmoid(const Vector<T>& x) {
  return number<T>(1) / (number<T>(1) + exp(-x));
}

// tanh |x| = t / (t + 2), t = e^(2|x|) - 1.
template <class T>
CHAINRULE_INLINE Vector<T> tanh(const Vector<T>& x) {
  const Vector<T> magnitude = min(number<T>(Constants<T>::tanh_one), abs(x));
  const Vector<T> t = expm1(magnitude + magnitude);
  return keep_nan(x, copysign(t / (t + number<T>(2)), x));
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).
template <class T>
CHAINRULE_INLINE Vector<T> softplus(const Vector<T>& x) {
  return keep_nan(x, max(x, Vector<T>::zero()) + log_one_plus(exp(-abs(x))));
}

// e^(-x^2/2), with the rounding of x^2 put right where the machine can tell it.
template <class T>
CHAINRULE_INLINE Vector<T> gaussian(const Vector<T>& x) {
  const Vector<T> half = number<T>(-0.5) * x;
  const Vector<T> high = half * x;
  const Vector<T> low = fma(half, x, -high);
  const Vector<T> e = exp(high);
  return fma(e, low, e);
}

template <class T>
CHAINRULE_INLINE Vector<T> normal_pdf(const Vector<T>& x) {
  const Vector<T> bounded = max(number<T>(Constants<T>::normal_lowest), -abs(x));
  return keep_nan(x, number<T>(0.39894228040143267794) * gaussian(bounded));
}

// The upper tail 1 - Phi(x) for x >= 0: e^(-u^2) F / (2 (1 + 2u)), u = x / sqrt 2.
template <class T>
CHAINRULE_INLINE Vector<T> normal_tail(const Vector<T>& x) {
  const Vector<T> u = x * number<T>(0.70710678118654752440);
  const Vector<T> t = (u - number<T>(3.75)) / (u + number<T>(3.75));
  const Vector<T> scaled = polynomial(Constants<T>::scaled_erfc, t);
  return gaussian(x) * (scaled / fma(number<T>(4), u, number<T>(2)));
}

template <class T>
CHAINRULE_INLINE Vector<T> normal_cdf(const Vector<T>& x) {
  const Vector<T> tail = normal_tail(min(number<T>(-Constants<T>::normal_lowest), abs(x)));
  return keep_nan(x, select(less(x, Vector<T>::zero()), tail, number<T>(1) - tail));
}

template <class T>
CHAINRULE_INLINE Vector<T> gelu(const Vector<T>& x) {
  const Vector<T> bounded = max(number<T>(Constants<T>::normal_lowest), x);
  return keep_nan(x, bounded * normal_cdf(x));
}

}  // namespace
}  // namespace chainrule::simd::CHAINRULE_ISA
