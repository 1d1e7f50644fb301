// Products in mixed precision, in the order of operations of a matrix unit. Their factors are rounded to bfloat16. The
// inner index is divided into blocks of 32. In each, one chain of fused multiply-adds from zero goes over the even
// indices in ascending order, another over the odd ones; their sum is added to the sum of the blocks before. After the
// last index, zeros would change nothing.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/range.hpp"

namespace chainrule {

constexpr size_t panel_width = 16;
constexpr size_t pair_block = 32;

constexpr size_t whole_blocks(size_t inner) { return (inner + pair_block - 1) / pair_block * pair_block; }

// Factors of B for two consecutive inner indices are adjacent: a panel is [inner / 2][16][2], with zeros up to a whole
// block. So many elements it has.
constexpr size_t paired_size(size_t inner) { return whole_blocks(inner) * panel_width; }

// Elements of memory for the factors of A of the first rows of a product, in the layout of any instruction set.
constexpr size_t factor_memory(size_t rows, size_t inner) {
  return (rows + panel_width) * whole_blocks(inner) + panel_width;
}

// Rounds the vectors of a matrix and pairs them. Vector (panel, k) begins at from[panel * from_panel + k * from_inner].
template <class T>
struct Pairs {
  const T* from;
  size_t from_panel, from_inner, inner;
  uint16_t* to;  // its panels are `paired_size(inner)` apart
  Range panels;
};

// Windows of an image, which are rows of factors: that of place i begins at image[i / width * down + i % width *
// right], and has runs of adjacent values, which begin at `runs` from there. After the image, `panel_width` values may
// be read.
template <class T>
struct Windows {
  const T* image;
  size_t down, right, width;
  const uint32_t* runs;
  size_t run_count, run;
  Range places;
  T* buffer;  // window_buffer(inner()) elements

  size_t inner() const { return run_count * run; }
};

// Elements of memory for some windows while their values are rounded.
constexpr size_t window_row(size_t inner) { return whole_blocks(inner) + panel_width; }
constexpr size_t window_buffer(size_t inner) { return pair_block * window_row(inner); }

template <class T>
struct Product;

// Factors of products in mixed precision; for float32 alone.
template <class T>
struct MixedKernels {
  // Rounds the factors of A that the product reads, and stores them in the order in which its tiles read them, in
  // `factor_memory` elements; from then on, the product reads them there.
  void (*take_factors)(Product<T>&, T* memory);
  void (*pair)(const Pairs<T>&);
  // The same for windows of an image: as the rows of A, whose inner indices are a window's values, and as B, whose
  // inner indices are the windows, with some panels of their values.
  void (*take_windows)(Product<T>&, const Windows<T>&, T* memory);
  void (*pair_windows)(const Windows<T>&, const Range& panels, uint16_t* to);
  // Pairs the outputs of panels of weights [outputs / 16][inputs][16], in panels of 16 inputs: of all inputs, and of
  // the outputs of some panels.
  void (*transpose_pairs)(const T* weights, size_t inputs, size_t outputs, const Range& panels, uint16_t* to);
  // Whether products can follow lists of the non-zeros of A. A matrix unit reads whole tiles.
  bool follows_lists;
};

}  // namespace chainrule
