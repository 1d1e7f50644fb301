// float32 numbers rounded to bfloat16: to the nearest, ties to even. Numbers too small for a normal one become zero,
// and NaN stays NaN. Processors with a matrix unit have an instruction for it, with the same results.
#pragma once

#include "simd/vector.hpp"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace chainrule::simd::CHAINRULE_ISA {
namespace {

// The numbers as float32.
CHAINRULE_INLINE Vector<float> nearest_bfloat16(const Vector<float>& v) {
  return map_parts<float>(
      [](auto x) {
        const auto bits = to_bits<float>(x);
        const auto is_nan = x != x;
        const auto is_normal = (bits & INT32_MAX) >= 0x00800000;
        const auto nearest = (bits & ~is_nan) + 0x7fff + (bits >> 16 & 1 & ~is_nan);
        const auto chosen = is_nan ? bits | 0x00400000 : nearest;
        return from_bits<float>(chosen & ~0xffff & (is_normal | INT32_MIN));
      },
      v);
}

#if defined(__AVX512BF16__)

// The first 16 numbers, then the second.
CHAINRULE_INLINE __m512i rounded(const Vector<float>& first, const Vector<float>& second) {
  return __m512i(_mm512_cvtne2ps_pbh(__m512(second.part[0]), __m512(first.part[0])));
}

// Stores 32 numbers in a row.
CHAINRULE_INLINE void store_row(const Vector<float>& first, const Vector<float>& second, uint16_t* to) {
  _mm512_storeu_si512(to, rounded(first, second));
}

// Two rows of 16 as pairs: a number of `even` is in the lower half of each.
CHAINRULE_INLINE Vector<float> paired(const Vector<float>& even, const Vector<float>& odd) {
  alignas(64) static constexpr uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  Vector<float> pairs;
  pairs.part[0] = typename Vector<float>::Real(
      _mm512_castsi512_ps(_mm512_permutexvar_epi16(_mm512_load_si512(order), rounded(even, odd))));
  return pairs;
}

#else

CHAINRULE_INLINE void store_row(const Vector<float>& first, const Vector<float>& second, uint16_t* to) {
  alignas(64) uint32_t bits[2 * lanes];
  nearest_bfloat16(first).store(reinterpret_cast<float*>(bits));
  nearest_bfloat16(second).store(reinterpret_cast<float*>(bits) + lanes);
  for (size_t i = 0; i < 2 * lanes; ++i) to[i] = uint16_t(bits[i] >> 16);
}

CHAINRULE_INLINE Vector<float> paired(const Vector<float>& even, const Vector<float>& odd) {
  return map_parts<float>(
      [](auto x, auto y) { return from_bits<float>((to_bits<float>(x) >> 16 & 0xffff) | to_bits<float>(y)); },
      nearest_bfloat16(even), nearest_bfloat16(odd));
}

#endif

}  // namespace
}  // namespace chainrule::simd::CHAINRULE_ISA
