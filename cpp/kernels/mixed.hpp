// Factors of products in mixed precision: float32 numbers rounded to bfloat16, in the order in which tiles read them.
#pragma once

#include "kernels/tiles.hpp"
#include "simd/bfloat16.hpp"
#include "simd/transpose.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

CHAINRULE_INLINE void store_pair(const Vector<float>& pair, uint16_t* to) { pair.store(reinterpret_cast<float*>(to)); }

inline void pair(const Pairs<float>& args) {
  const size_t size = paired_size(args.inner);
  for (size_t panel = args.panels.begin; panel < args.panels.end; ++panel) {
    const float* from = args.from + panel * args.from_panel;
    uint16_t* to = args.to + panel * size;
    for (size_t k = 0; k < size / panel_width; k += 2, to += 2 * panel_width) {
      const auto row = [&](size_t i) {
        return i < args.inner ? Vector<float>::load(from + i * args.from_inner) : Vector<float>::zero();
      };
      store_pair(paired(row(k), row(k + 1)), to);
    }
  }
}

// Blocks of 16 inputs by 16 outputs are transposed in scratch memory.
inline void transpose_pairs(const float* weights, size_t inputs, size_t outputs, const Range& panels, uint16_t* to) {
  alignas(64) float rows[lanes * lanes], columns[lanes * lanes];
  for (size_t panel = panels.begin; panel < panels.end; ++panel) {
    const float* from = weights + panel * inputs * panel_width;
    for (size_t input = 0; input < inputs; input += panel_width) {
      const size_t left = inputs - input;
      const float* block = from + input * panel_width;
      if (left < panel_width) {
        __builtin_memset(rows, 0, sizeof(rows));
        __builtin_memcpy(rows, block, left * panel_width * sizeof(float));
        block = rows;
      }
      transpose_block(block, columns, lanes);
      uint16_t* pairs = to + input / panel_width * paired_size(outputs) + panel * panel_width * panel_width;
      for (size_t j = 0; j < panel_width; j += 2, pairs += 2 * panel_width) {
        store_pair(paired(Vector<float>::load(columns + j * lanes), Vector<float>::load(columns + (j + 1) * lanes)),
                   pairs);
      }
    }
  }
}

#if defined(CHAINRULE_TILES)

constexpr bool follows_lists = false;

// Tiles of a matrix unit, [rows / 16][inner / 32][16][32] in bfloat16. Rows and inner indices after the last are zero.
inline uint16_t* tile_at(float* memory, size_t inner, size_t row, size_t k) {
  return reinterpret_cast<uint16_t*>(memory) + row / panel_width * paired_size(inner) + k * panel_width;
}

// The row can be that of a user's array, beyond which nothing may be read.
inline void take_row(const float* from, size_t inner, size_t row, float* memory) {
  const auto store = [&](size_t k, const float* values) {
    store_row(Vector<float>::load(values), Vector<float>::load(values + lanes),
              tile_at(memory, inner, row, k) + row % panel_width * pair_block);
  };
  const size_t whole = inner / pair_block * pair_block;
  for (size_t k = 0; k < whole; k += pair_block) store(k, from + k);
  if (whole == inner) return;
  alignas(64) float values[pair_block] = {};
  __builtin_memcpy(values, from + whole, (inner - whole) * sizeof(float));
  store(whole, values);
}

// Rows of A that are adjacent in memory: 16 rows of a pair of inner indices are in the lanes of a vector.
inline void take_columns(const Product<float>& product, size_t row, float* memory) {
  alignas(64) float pairs[lanes * lanes];
  for (size_t k = 0; k < product.inner; k += pair_block) {
    const auto load = [&](size_t i) {
      if (i >= product.inner) return Vector<float>::zero();
      return Vector<float>::load(product.a + product.rows.begin + row + i * product.a_inner);
    };
    for (size_t i = 0; i < lanes; ++i) paired(load(k + 2 * i), load(k + 2 * i + 1)).store(pairs + i * lanes);
    transpose_block(pairs, reinterpret_cast<float*>(tile_at(memory, product.inner, row, k)), lanes);
  }
}

// Tiles begin at the first row of the product.
inline void take_factors(Product<float>& product, float* memory) {
  const size_t rows = product.rows.size();
  if (product.a_inner == 1) {
    for (size_t row = 0; row < rows; ++row) {
      take_row(product.a + (product.rows.begin + row) * product.a_row, product.inner, row, memory);
    }
  } else {
    for (size_t row = 0; row < rows; row += panel_width) take_columns(product, row, memory);
  }
  product.a = memory;
}

#else

constexpr bool follows_lists = true;

// Rows can be those of a user's array, beyond which nothing may be read.
inline void take_rows(Product<float>& product, float* to) {
  const size_t stride = whole_blocks(product.inner), whole = product.inner / lanes * lanes;
  for (size_t row = product.rows.begin; row < product.rows.end; ++row, to += stride) {
    const float* from = product.a + row * product.a_row;
    for (size_t k = 0; k < whole; k += lanes) nearest_bfloat16(Vector<float>::load(from + k)).store(to + k);
    if (whole == product.inner) continue;
    __builtin_memcpy(to + whole, from + whole, (product.inner - whole) * sizeof(float));
    nearest_bfloat16(Vector<float>::load(to + whole)).store(to + whole);
  }
  product.a_row = stride;
}

// Rows of A that are adjacent in memory, in blocks of as many as the tallest tile has.
inline void take_columns(Product<float>& product, float* to) {
  constexpr size_t width = tallest<float>;
  for (size_t row = product.rows.begin; row < product.rows.end; row += width) {
    const float* from = product.a + row;
    for (size_t k = 0; k < product.inner; ++k, to += width) {
      for (size_t i = 0; i < width; i += lanes) {
        nearest_bfloat16(Vector<float>::load(from + k * product.a_inner + i)).store(to + i);
      }
    }
  }
  product.a_inner = width;
  product.block_rows = width;
  product.a_block = width * product.inner;
}

// Rows begin at the first one of the product.
inline void take_factors(Product<float>& product, float* memory) {
  if (product.a_inner == 1) {
    take_rows(product, memory);
  } else {
    take_columns(product, memory);
  }
  product.a = memory;
}

#endif

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
