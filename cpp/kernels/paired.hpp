// The tile of a product in mixed precision (pairs.hpp), by ordinary fused multiply-adds.
#pragma once

#include "kernels/sums.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// The even or the odd ones of two rows of 16 bfloat16, which are paired.
template <bool odd>
CHAINRULE_INLINE Vector<float> half_of(const Vector<float>& pairs) {
  return map_parts<float>(
      [](auto x) {
        const auto bits = to_bits<float>(x);
        return from_bits<float>(odd ? bits & ~0xffff : bits << 16);
      },
      pairs);
}

// The sums of the even or the odd ones among `count` inner indices, from zero.
template <size_t R, size_t Q, bool odd>
CHAINRULE_INLINE void chain(const Product<float>& product, const float* a, const uint16_t* b, size_t count,
                            Vector<float> (&sum)[R][Q]) {
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q] = Vector<float>::zero();
  }
  for (size_t k = odd; k < count; k += 2) {
    const float* pair = reinterpret_cast<const float*>(b + k / 2 * 2 * panel_width);
    Vector<float> column[Q];
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) {
      if constexpr (!odd) __builtin_prefetch(pair + q * product.b_panel / 2 + product.b_ahead / 2);
      column[q] = half_of<odd>(Vector<float>::load(pair + q * product.b_panel / 2));
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) {
      const Vector<float> element = Vector<float>::broadcast(a[k * product.a_inner + r * product.a_row]);
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) sum[r][q] = fma(element, column[q], sum[r][q]);
    }
  }
}

// A tile of bfloat16 factors. The registers hold one chain of a block at a time; the even chain and the sum of the
// blocks before are in memory.
template <size_t R, size_t Q>
void paired_tile(const Product<float>& product, const Inner<float>& inner, size_t panel, const Sums<float>& sums) {
  Vector<float> sum[R][Q];
  alignas(64) float total[R * Q * panel_width], even[R * Q * panel_width];
  const uint16_t* b = product.b_pairs + panel * product.b_panel;
  for (size_t k = 0; k < inner.count; k += pair_block, b += pair_block * panel_width) {
    const size_t left = inner.count - k, count = left < pair_block ? left : pair_block;
    const float* a = inner.a + k * product.a_inner;
    chain<R, Q, false>(product, a, b, count, sum);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) sum[r][q].store(even + (r * Q + q) * panel_width);
    }
    chain<R, Q, true>(product, a, b, count, sum);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) {
        const size_t at = (r * Q + q) * panel_width;
        const Vector<float> before = k == 0 ? start_of(sums, panel, r, q) : Vector<float>::load(total + at);
        sum[r][q] = before + (Vector<float>::load(even + at) + sum[r][q]);
        if (left > pair_block) sum[r][q].store(total + at);
      }
    }
  }
  store_sums(sums, sum);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
