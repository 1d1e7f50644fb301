// What the kernels of convolutions take (table.hpp), with samples in the lanes of vectors or channels.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/activation.hpp"

namespace chainrule {

// What lanes without a sample contain.
enum class Missing { zero, last_sample };

// The values of up to 16 samples, as rows and in the lanes of vectors: a group, [size][16].
template <class T>
struct Lanes {
  T* rows;
  size_t stride, samples;
  T* group;
  size_t size;
  Missing missing = Missing::zero;
};

// The offsets in A and B of the factors of one term of a sum.
struct LaneTerm {
  uint32_t a, b;
};

// c[row][column] = bias[row] + sum over outer and inner terms of a[outer.a + inner.a + row * a_row] *
// b[outer.b + inner.b + column * b_column], one chain of fused multiply-adds in the order of the terms. Elements of A
// and the bias are numbers; those of B and C are vectors of 16 samples.
template <class T>
struct LaneProduct {
  const T* a;
  size_t a_row;
  const T* b;
  size_t b_column;
  const LaneTerm* outer;
  size_t outer_count;
  const LaneTerm* inner;
  size_t inner_count;
  const T* bias;  // null: zero
  T* c;
  size_t c_row, c_column;
  size_t rows, columns;
};

// Some terms in a row: the offset in A advances by a panel from one to the next, that in B by `b_step`.
struct PlaceTerms {
  uint32_t a, b;
  uint32_t count;
  int32_t b_step;
};

// The sums of LaneProduct for places of one sample, in `height` rows of `width`, with channels in the lanes. A vector
// of A holds the weights of a term for a panel of channels, and B is read in place: c[place][panel] = bias[panel] + sum
// over outer and inner terms of a[panel * a_panel + outer.a + inner.a] * b[outer.b + inner.b + place], one chain of
// fused multiply-adds in the order of the terms. If each channel of C has its own in B, elements of B are vectors, too.
// The activation, of a place on its own, is applied to each tile of C.
template <class T>
struct PlaceProduct {
  const T* a;
  size_t a_panel;
  const T* b;
  size_t b_down, b_right;
  const LaneTerm* outer;
  size_t outer_count;
  const PlaceTerms* inner;
  size_t inner_count;
  const T* bias;       // null: zeros
  T *c, *activations;  // in the same layout; the same array if no computation needs both
  size_t c_down, c_right;
  size_t height, width;
  size_t channels;
  bool each_channel;
  Activation activation;
};

// gradient[k * stride + j] += sum over samples and places of a[offsets[k] + place] * b[16 j + place], for `rows` k and
// `columns` j. Places are `height` rows of `width`, with their own steps in A and B, whose elements are vectors of 16
// samples. A lane's sum visits the places in order; lanes are added up in a fixed tree.
template <class T>
struct LaneGradient {
  const T* a;
  const uint32_t* offsets;
  size_t a_down, a_right;
  const T* b;
  size_t b_down, b_right;
  size_t height, width;
  size_t rows, columns;
  T* gradient;
  size_t stride;
};

// The same for one sample, with channels in the lanes: sums[k][panel] += a[k + place] * b[panel + place], one chain of
// fused multiply-adds over the places in their order. What follows the last channel is padding, in `sums` too. If each
// channel of B has its own in A, the rows begin at `offsets`, and elements of A are vectors, too.
template <class T>
struct PlaceGradient {
  const T* a;
  const uint32_t* offsets;
  size_t a_down, a_right;
  const T* b;
  size_t b_down, b_right;
  size_t height, width;
  size_t rows, channels;
  T* sums;
  bool each_channel;
};

}  // namespace chainrule
