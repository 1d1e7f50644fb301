// The exact values and the allowed errors of elementary functions, for the two programs that test them.
#pragma once

#include <cmath>

namespace chainrule::tests {

#if defined(__FMA__) || defined(__aarch64__)
constexpr bool fused = true;
#else
constexpr bool fused = false;
#endif

// The allowed error, in units of the last place, of functions of e^(-x^2/2). Without fused multiply-add, the rounding
// error of x^2 cannot be corrected.
template <class T>
constexpr double gaussian_allowed = fused ? 2 : (sizeof(T) == 4 ? 70 : 520);

// The upper tail of the normal distribution. The rounding of u = x / sqrt 2 would grow to u^2 times its size in
// erfc(u).
template <class W>
W exact_tail(W x) {
  const W u = x * W(0.707106781186547524400844362104849039L);
  const W tail = W(0.5) * std::erfc(u);
  if (!(u > 1) || std::isinf(u)) return tail;
  const W half = W(0.5) * x * x;
  const W square = u * u;
  const W rest = std::fma(W(0.5) * x, x, -half) - std::fma(u, u, -square);
  return tail - tail * ((half - square) + rest);
}

template <class W>
W exact_gelu(W x) {
  return std::isinf(x) && x < 0 ? W(0) : x * exact_tail(-x);
}

template <class W>
W exact_softplus(W x) {
  if (x > 64) return x;
  if (x < -64) return std::exp(x);
  return std::fmax(x, W(0)) + std::log1p(std::exp(-std::fabs(x)));
}

template <class W>
W exact_log_cosh(W x) {
  const W size = std::fabs(x);
  if (size > 1) return size + (std::log1p(std::exp(-2 * size)) - W(0.693147180559945309417232121458176568L));
  const W half = std::sinh(x / 2);
  return std::log1p(2 * half * half);
}

// sin(2 pi x) and cos(2 pi x), whose zeros are exact as the distance from the next one is.
template <class W>
W exact_sine_near_zero(W turns) {
  return std::sin(W(6.283185307179586476925286766559005768L) * turns);
}

template <class W>
W exact_cos_turns(W x) {
  return exact_sine_near_zero(W(0.25) - std::fabs(x - std::rint(x)));
}

template <class W>
W exact_sin_turns(W x) {
  const W part = x - std::rint(x), magnitude = std::fabs(part);
  return std::copysign(exact_sine_near_zero(std::fmin(magnitude, W(0.5) - magnitude)), part);
}

}  // namespace chainrule::tests
