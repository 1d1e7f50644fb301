// Convolutions with 16 samples in the lanes of a vector. All lanes are used, however few the channels, and no patch of
// an image is copied: lists of offsets locate its vectors.
#pragma once

#include "base/tuning.hpp"
#include "kernels/loss.hpp"
#include "kernels/product.hpp"
#include "simd/transpose.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

template <class T>
void to_lanes(const Lanes<T>& args) {
  for (size_t i = 0; i < args.size; i += lanes) {
    const size_t columns = args.size - i < lanes ? args.size - i : lanes;
    T* const to = args.group + i * lanes;
    if (args.samples == lanes) {
      transpose_block(args.rows + i, args.stride, to, lanes, columns);
      continue;
    }
    alignas(64) T block[lanes * lanes] = {};
    for (size_t r = 0; r < lanes; ++r) {
      const bool there = r < args.samples;
      if (!there && args.missing == Missing::zero) break;
      const size_t row = there ? r : args.samples - 1;
      __builtin_memcpy(block + r * lanes, args.rows + row * args.stride + i, columns * sizeof(T));
    }
    transpose_block(block, to, columns);
  }
}

template <class T>
void from_lanes(const Lanes<T>& args) {
  size_t i = 0;
  for (; i + lanes <= args.size; i += lanes) {
    transpose_block(args.group + i * lanes, lanes, args.rows + i, args.stride, args.samples);
  }
  // The rows may be followed by other values, which must not be overwritten.
  for (; i < args.size; ++i) {
    for (size_t r = 0; r < args.samples; ++r) args.rows[r * args.stride + i] = args.group[i * lanes + r];
  }
}

template <class T, size_t R, size_t Q>
void lane_tile(const LaneProduct<T>& args, size_t row, size_t column) {
  Vector<T> sum[R][Q];
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
    const Vector<T> start = args.bias == nullptr ? Vector<T>::zero() : Vector<T>::broadcast(args.bias[row + r]);
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q] = start;
  }
  const T* const a_begin = args.a + row * args.a_row;
  const T* const b_begin = args.b + column * args.b_column;
  const size_t a_row = args.a_row, b_column = args.b_column;
  for (size_t o = 0; o < args.outer_count; ++o) {
    const T* const a_outer = a_begin + args.outer[o].a;
    const T* const b_outer = b_begin + args.outer[o].b;
    for (size_t i = 0; i < args.inner_count; ++i) {
      const T* a = a_outer + args.inner[i].a;
      const T* b = b_outer + args.inner[i].b;
      Vector<T> vector[Q];
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) vector[q] = Vector<T>::load(b + q * b_column);
#pragma GCC unroll 12
      for (size_t r = 0; r < R; ++r) {
        const Vector<T> element = Vector<T>::broadcast(a[r * a_row]);
#pragma GCC unroll 6
        for (size_t q = 0; q < Q; ++q) sum[r][q] = fma(element, vector[q], sum[r][q]);
      }
    }
  }
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q].store(args.c + (row + r) * args.c_row + (column + q) * args.c_column);
  }
}

// Calls compute(constant, row) for runs of rows of nearly the same length, at most `longest`.
template <class T, class Compute>
CHAINRULE_INLINE void for_each_run_of_rows(size_t rows, size_t longest, Compute compute) {
  const size_t runs = (rows + longest - 1) / longest;
  for (size_t i = 0; i < runs; ++i) {
    const size_t begin = rows * i / runs;
    with_constant<tallest<T>>(rows * (i + 1) / runs - begin, [&](auto count) { compute(count, begin); });
  }
}

template <class T>
void lane_product(const LaneProduct<T>& args) {
  for_each_run_of_rows<T>(args.rows, tallest<T>, [&](auto rows, size_t row) {
    constexpr size_t R = decltype(rows)::size;
    for_each_run<T, R>({0, args.columns}, [&](auto columns, size_t column) {
      lane_tile<T, R, decltype(columns)::size>(args, row, column);
    });
  });
}

// The sums over the lanes of 16 vectors, by halves, in the fixed tree of sum_across.
template <class T>
CHAINRULE_INLINE Vector<T> sums_across(const T* vectors) {
  alignas(64) T lane[lanes * lanes];
  transpose_block(vectors, lane, lanes);
  Vector<T> sum[lanes / 2];
#pragma GCC unroll 8
  for (size_t i = 0; i < lanes / 2; ++i) {
    sum[i] = Vector<T>::load(lane + i * lanes) + Vector<T>::load(lane + (i + lanes / 2) * lanes);
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) sum[i] = sum[i] + sum[i + 4];
#pragma GCC unroll 2
  for (size_t i = 0; i < 2; ++i) sum[i] = sum[i] + sum[i + 2];
  return sum[0] + sum[1];
}

// R vectors of B by Q of A, so that a row of the gradient is contiguous.
template <class T, size_t R, size_t Q>
void lane_gradient_tile(const LaneGradient<T>& args, size_t column, size_t row) {
  Vector<T> sum[R][Q];
#pragma GCC unroll 12
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; ++q) sum[r][q] = Vector<T>::zero();
  }
  const T* a_of[Q];
#pragma GCC unroll 6
  for (size_t q = 0; q < Q; ++q) a_of[q] = args.a + args.offsets[row + q];
  const size_t a_right = args.a_right, b_right = args.b_right;
  for (size_t y = 0; y < args.height; ++y) {
    const T* b = args.b + column * lanes + y * args.b_down;
    size_t a = y * args.a_down;
    for (size_t x = 0; x < args.width; ++x, a += a_right, b += b_right) {
      Vector<T> vector[Q];
#pragma GCC unroll 6
      for (size_t q = 0; q < Q; ++q) vector[q] = Vector<T>::load(a_of[q] + a);
#pragma GCC unroll 12
      for (size_t r = 0; r < R; ++r) {
        const Vector<T> element = Vector<T>::load(b + r * lanes);
#pragma GCC unroll 6
        for (size_t q = 0; q < Q; ++q) sum[r][q] = fma(element, vector[q], sum[r][q]);
      }
    }
  }
  constexpr size_t blocks = (R * Q + lanes - 1) / lanes;
  alignas(64) T vectors[blocks * lanes * lanes];
  alignas(64) T totals[blocks * lanes];
#pragma GCC unroll 6
  for (size_t q = 0; q < Q; ++q) {
#pragma GCC unroll 12
    for (size_t r = 0; r < R; ++r) sum[r][q].store(vectors + (q * R + r) * lanes);
  }
  for (size_t i = R * Q; i < blocks * lanes; ++i) Vector<T>::zero().store(vectors + i * lanes);
  for (size_t i = 0; i < blocks; ++i) sums_across(vectors + i * lanes * lanes).store(totals + i * lanes);
  for (size_t q = 0; q < Q; ++q) {
    T* to = args.gradient + (row + q) * args.stride + column;
    for (size_t r = 0; r < R; ++r) to[r] += totals[q * R + r];
  }
}

// Tiles are nearly square, because both sides are vectors that must be loaded. They have fewer rows if B then stays in
// the first-level cache while all tiles next to it are computed.
template <class T>
void lane_gradient(const LaneGradient<T>& args) {
  constexpr size_t square = tile_sums<T> < 24 ? 3 : 6;
  constexpr size_t high = square < tallest<T> ? square : tallest<T>;
  constexpr size_t low = high < 4 ? high : 4;
  const bool stays = args.height * args.width * low * lanes * sizeof(T) <= tuning::lane_gradient_bytes;
  for_each_run_of_rows<T>(args.columns, stays ? low : high, [&](auto columns, size_t column) {
    constexpr size_t R = decltype(columns)::size;
    for_each_run<T, R>({0, args.rows}, [&](auto rows, size_t row) {
      lane_gradient_tile<T, R, decltype(rows)::size>(args, column, row);
    });
  });
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
