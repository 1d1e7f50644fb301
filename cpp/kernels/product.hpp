// The one micro-kernel: a tile of rows by panels of C, whose sums stay in registers over the whole inner index. Tiles
// divide the outputs, never the inner index, so that their size does not change a bit of the result.
#pragma once

#include "kernels/paired.hpp"
#include "kernels/tiles.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// The largest number of panels of a tile of R rows.
template <class T, size_t R>
constexpr size_t widest = tile_sums<T> / R < 6 ? tile_sums<T> / R : 6;

// The remaining rows are computed by smaller tiles: 12, 8, 4, 2, 1 or 6, 4, 2, 1.
constexpr size_t smaller_tile(size_t rows) { return rows >= 8 ? 8 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1; }

// The sums of the largest tile, in vectors.
#if defined(CHAINRULE_TILES)
template <class T>
constexpr size_t largest_tile = tile_rows * tile_panels;
#else
template <class T>
constexpr size_t largest_tile = tile_sums<T>;
#endif

// The number of rows that share a list of non-zeros. With wide registers it is faster to load a vector of B for several
// rows, though some of their elements are zero; with narrow ones, to skip every zero.
#if defined(__AVX512F__)
template <class T>
constexpr size_t listed_rows = 4;
#else
template <class T>
constexpr size_t listed_rows = 1;
#endif

// The inner indices that a tile visits: all of them, those of a list, or those of a list with the elements of A packed
// in the same order; or all of them or those of a list, as pairs of bfloat16.
enum class Walk { all, listed, packed, pairs, listed_pairs };

constexpr bool is_paired(Walk walk) { return walk == Walk::pairs || walk == Walk::listed_pairs; }

// The registers of the vectors of a panel in which C has columns.
template <class T>
size_t used_parts(const Product<T>& product, size_t panel) {
  const size_t left = product.columns - panel * panel_width;
  return left >= panel_width ? Vector<T>::parts : (left - 1) / Vector<T>::part_lanes + 1;
}

// Sums are computed in the first P registers of their vectors; in the others they stay as they start.
template <class T, size_t R, size_t Q, Walk walk, size_t P = Vector<T>::parts>
void tile(const Product<T>& product, const Inner<T>& inner, size_t panel, const Sums<T>& sums) {
  if constexpr (walk == Walk::pairs) return paired_tile<R, Q>(product, inner, panel, sums);
  if constexpr (walk == Walk::listed_pairs) return listed_paired_tile<R, Q>(product, inner, panel, sums);
  Vector<T> sum[R][Q];
  start_sums(sums, panel, sum);
  const T* panels = product.b + panel * product.b_panel;
  for (size_t i = 0; i < inner.count; ++i) {
    const size_t k = walk == Walk::all ? i : inner.index[i];
    const T* a = inner.a + (walk == Walk::packed ? i : k * product.a_inner);
    const T* b = panels + k * product.b_inner;
    if constexpr (walk == Walk::all && R == tallest<T>) {
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) __builtin_prefetch(b + q * product.b_panel + product.b_ahead);
    }
    Vector<T> column[Q];
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) column[q] = Vector<T>::load(b + q * product.b_panel);
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) {
      const Vector<T> element = Vector<T>::broadcast(a[r * product.a_row]);
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) sum[r][q] = fma_first<P>(element, column[q], sum[r][q]);
    }
  }
  store_sums(sums, sum);
}

template <size_t value>
struct Constant {
  static constexpr size_t size = value;
};

// Calls function with `value`, from 1 to `most`, as a constant.
template <size_t most, class Function>
CHAINRULE_INLINE void with_constant(size_t value, Function function) {
  if constexpr (most > 1) {
    if (value < most) return with_constant<most - 1>(value, function);
  }
  function(Constant<most>{});
}

// The beginning of a row of A. A tile is within one block.
template <class T>
CHAINRULE_INLINE const T* row_of_a(const Product<T>& product, size_t row) {
  if (product.block_rows == 0) return product.a + row * product.a_row;
  return product.a + row / product.block_rows * product.a_block + row % product.block_rows * product.a_row;
}

// Calls compute(constant, panel) for runs of panels of nearly the same length, each at most as long as a tile of R rows
// allows.
template <class T, size_t R, class Compute>
CHAINRULE_INLINE void for_each_run(const Range& panels, Compute compute) {
  if (panels.size() <= widest<T, R>) {
    if (panels.size() > 0)
      with_constant<widest<T, R>>(panels.size(), [&](auto count) { compute(count, panels.begin); });
    return;
  }
  const size_t runs = (panels.size() + widest<T, R> - 1) / widest<T, R>;
  for (size_t i = 0; i < runs; ++i) {
    const size_t begin = panels.begin + panels.size() * i / runs;
    const size_t end = panels.begin + panels.size() * (i + 1) / runs;
    with_constant<widest<T, R>>(end - begin, [&](auto count) { compute(count, begin); });
  }
}

// The same in mixed precision, where the rows begin at the first one of the product (take_factors).
template <class T>
CHAINRULE_INLINE const T* row_of_factors(const Product<T>& product, size_t row) {
  const size_t i = row - product.rows.begin;
  if (product.block_rows == 0) return product.a + i * product.a_row;
  return product.a + i / product.block_rows * product.a_block + i % product.block_rows * product.a_row;
}

// The loop over rows is the inner one, so that the panels of B stay in the cache.
template <class T, size_t R, Walk walk, size_t Q, size_t P, class Target>
void tiles_in_column(Constant<Q>, Constant<P>, const Product<T>& product, Range rows, size_t panel,
                     const Target& target) {
  for (size_t row = rows.begin; row < rows.end; row += R) {
    const T* a = walk == Walk::pairs ? row_of_factors(product, row) : row_of_a(product, row);
    const Inner<T> inner = {a, nullptr, product.inner};
    const TileOrigin origin = {.row = row, .rows = R, .panel = panel, .panels = Q};
    tile<T, R, Q, walk, P>(product, inner, panel, target.sums(origin));
    target.finish(origin);
  }
}

// A panel that is alone in its tiles, as the last one often is, is computed without the registers of its padding.
template <class T, size_t R, Walk walk, size_t Q, class Target>
CHAINRULE_INLINE void used_tiles_in_column(Constant<Q> count, const Product<T>& product, Range rows, size_t panel,
                                           const Target& target) {
  constexpr size_t all = Vector<T>::parts;
  if constexpr (Q == 1 && walk == Walk::all && all > 1) {
    with_constant<all>(used_parts(product, panel),
                       [&](auto parts) { tiles_in_column<T, R, walk>(count, parts, product, rows, panel, target); });
  } else {
    tiles_in_column<T, R, walk>(count, Constant<all>(), product, rows, panel, target);
  }
}

template <class T, size_t R, Walk walk, class Target>
void all_tiles(const Product<T>& product, Range rows, const Target& target) {
  const size_t whole = rows.begin + rows.size() / R * R;
  if (whole > rows.begin) {
    for_each_run<T, R>(product.panels, [&](auto count, size_t panel) {
      used_tiles_in_column<T, R, walk>(count, product, {rows.begin, whole}, panel, target);
    });
  }
  if constexpr (R > 1) {
    if (whole < rows.end) all_tiles<T, smaller_tile(R - 1), walk>(product, {whole, rows.end}, target);
  }
}

// The tiles of one list: the whole group at once, or row by row if only some of its rows are to be computed.
template <class T, size_t G, Walk walk, size_t Q, class Target>
CHAINRULE_INLINE void tiles_of_list(const Product<T>& product, size_t list, size_t panel, const Target& target) {
  const NonZeros<T>& listed = *product.non_zeros;
  const size_t begin = listed.begin[list];
  const size_t first = listed.row[list];
  const auto compute = [&](auto rows, size_t row) {
    constexpr size_t R = decltype(rows)::size;
    const T* a = walk == Walk::packed ? listed.values + begin
                 : is_paired(walk)    ? row_of_factors(product, row)
                                      : row_of_a(product, row);
    const TileOrigin origin = {.row = row, .rows = R, .panel = panel, .panels = Q};
    tile<T, R, Q, walk>(product, {a, listed.index + begin, listed.count[list]}, panel, target.sums(origin));
    target.finish(origin);
  };
  if (first >= product.rows.begin && first + G <= product.rows.end) return compute(Constant<G>{}, first);
  for (size_t row = first; row < first + listed.group; ++row) {
    if (row >= product.rows.begin && row < product.rows.end) compute(Constant<1>{}, row);
  }
}

template <class T, size_t G, Walk walk, class Target>
void listed_tiles(const Product<T>& product, const Target& target) {
  for_each_run<T, G>(product.panels, [&](auto count, size_t panel) {
    for (size_t list = 0; list < product.non_zeros->lists; ++list) {
      tiles_of_list<T, G, walk, decltype(count)::size>(product, list, panel, target);
    }
  });
}

template <class Target>
CHAINRULE_INLINE void multiply_pairs(const Product<float>& product, const Target& target) {
#if defined(CHAINRULE_TILES)
  matrix_tiles(product, target);
#else
  if (product.non_zeros == nullptr) {
    all_tiles<float, tallest<float>, Walk::pairs>(product, product.rows, target);
  } else if (product.non_zeros->group == listed_rows<float>) {
    listed_tiles<float, listed_rows<float>, Walk::listed_pairs>(product, target);
  } else {
    listed_tiles<float, 1, Walk::listed_pairs>(product, target);
  }
#endif
}

// Computes every tile of C. A target tells where the sums of a tile are stored (sums), and is called after each tile
// (finish).
template <class T, class Target>
CHAINRULE_INLINE void multiply(const Product<T>& product, const Target& target) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (product.b_pairs != nullptr) return multiply_pairs(product, target);
  }
  if (product.non_zeros == nullptr && product.rows.size() == 1) {
    all_tiles<T, 1, Walk::all>(product, product.rows, target);
  } else if (product.non_zeros == nullptr) {
    all_tiles<T, tallest<T>, Walk::all>(product, product.rows, target);
  } else if (product.non_zeros->values != nullptr) {
    listed_tiles<T, 1, Walk::packed>(product, target);
  } else if (product.non_zeros->group == listed_rows<T>) {
    listed_tiles<T, listed_rows<T>, Walk::listed>(product, target);
  } else {
    listed_tiles<T, 1, Walk::listed>(product, target);
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
