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

// The inner indices of a block that a tile visits, the even ones (half 0) or the odd ones (half 1).
struct WholeBlock {
  size_t begin, end;

  size_t count(size_t half) const { return (end - begin + 1 - half) / 2; }
  CHAINRULE_INLINE size_t index(size_t half, size_t i) const { return begin + 2 * i + half; }
};

struct ListedBlock {
  uint32_t halves[2][pair_block];
  size_t counts[2];

  size_t count(size_t half) const { return counts[half]; }
  CHAINRULE_INLINE size_t index(size_t half, size_t i) const { return halves[half][i]; }
};

// The sums of half of a block, from zero.
template <size_t R, size_t Q, size_t half, class Block>
CHAINRULE_INLINE void chain(const Product<float>& product, const float* a, const uint16_t* b, const Block& block,
                            Vector<float> (&sum)[R][Q]) {
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q] = Vector<float>::zero();
  }
  for (size_t i = 0; i < block.count(half); ++i) {
    const size_t k = block.index(half, i);
    const float* pair = reinterpret_cast<const float*>(b + k / 2 * 2 * panel_width);
    Vector<float> column[Q];
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) {
      if constexpr (half == 0) __builtin_prefetch(pair + q * product.b_panel / 2 + product.b_ahead / 2);
      column[q] = half_of<half == 1>(Vector<float>::load(pair + q * product.b_panel / 2));
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
class PairedTile {
 public:
  PairedTile(const Product<float>& product, const float* a, size_t panel, const Sums<float>& sums)
      : product_(product), a_(a), b_(product.b_pairs + panel * product.b_panel), sums_(sums) {
    for (size_t r = 0; r < R; ++r) {
      for (size_t q = 0; q < Q; ++q) start_of(sums, panel, r, q).store(total_ + (r * Q + q) * panel_width);
    }
  }

  template <class Block>
  CHAINRULE_INLINE void add(const Block& block, bool is_last) {
    Vector<float> sum[R][Q];
    chain<R, Q, 0>(product_, a_, b_, block, sum);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) sum[r][q].store(even_ + (r * Q + q) * panel_width);
    }
    chain<R, Q, 1>(product_, a_, b_, block, sum);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) {
        const size_t at = (r * Q + q) * panel_width;
        sum[r][q] = Vector<float>::load(total_ + at) + (Vector<float>::load(even_ + at) + sum[r][q]);
        if (!is_last) sum[r][q].store(total_ + at);
      }
    }
    if (is_last) store_sums(sums_, sum);
  }

 private:
  const Product<float>& product_;
  const float* a_;
  const uint16_t* b_;
  const Sums<float>& sums_;
  alignas(64) float total_[R * Q * panel_width], even_[R * Q * panel_width];
};

template <size_t R, size_t Q>
void paired_tile(const Product<float>& product, const Inner<float>& inner, size_t panel, const Sums<float>& sums) {
  PairedTile<R, Q> tile(product, inner.a, panel, sums);
  for (size_t k = 0; k < inner.count; k += pair_block) {
    const size_t end = k + pair_block;
    tile.add(WholeBlock{k, end < inner.count ? end : inner.count}, end >= inner.count);
  }
}

// The same for the inner indices of a list: the others add zero. A block without any is left out, and so is its zero,
// which changes a sum of -0 alone; the first block that is there adds it.
template <size_t R, size_t Q>
void listed_paired_tile(const Product<float>& product, const Inner<float>& inner, size_t panel,
                        const Sums<float>& sums) {
  PairedTile<R, Q> tile(product, inner.a, panel, sums);
  size_t i = 0;
  do {
    ListedBlock block;
    block.counts[0] = block.counts[1] = 0;
    const size_t end = i < inner.count ? inner.index[i] / pair_block * pair_block + pair_block : 0;
    for (; i < inner.count && inner.index[i] < end; ++i) {
      const uint32_t k = inner.index[i];
      block.halves[k % 2][block.counts[k % 2]++] = k;
    }
    tile.add(block, i == inner.count);
  } while (i < inner.count);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
