// How a convolution goes from the values on one of its sides to those on the other, for groups of 16 samples in the
// lanes of vectors. The image is its wide side, the result its narrow one:
//   correlate: result[o] = sum over k of image[o * stride + k * dilation - before] w[k]
//   transpose: image[i]  = sum over the (o, k) that meet at i of result[o] w[k]
// Both are sums over what each place meets along the rows, and along the columns.
#pragma once

#include <vector>

#include "base/aligned.hpp"
#include "layers/lanes.hpp"

namespace chainrule {

struct ConvolutionAxis {
  size_t image, result, kernel, stride, dilation, before;
};

struct ConvolutionShape {
  ConvolutionAxis rows, columns;
  size_t image_channels, result_channels, groups;

  size_t image_group() const { return image_channels / groups; }
  size_t result_group() const { return result_channels / groups; }
  // Weights (kernel, kernel, image_group, result_channels).
  size_t weight_rows() const { return rows.kernel * columns.kernel * image_group(); }
  size_t image_size() const { return rows.image * columns.image * image_channels; }
  size_t result_size() const { return rows.result * columns.result * result_channels; }
};

// An image in a border of zeros, which the gradient of the weights reads as the sums do. Where the map is a transpose,
// sums leave out what would lie outside, and there is none.
struct Bordered {
  size_t height, width, channels;
  size_t top, left, full_height, full_width;

  size_t size() const { return height * width * channels; }
  size_t full_size() const { return full_height * full_width * channels; }
  bool has_border() const { return full_size() != size(); }
  size_t offset(size_t y, size_t x) const { return (y * full_width + x) * channels; }
};

// Sums over one side at the places of the other.
class LaneMap {
 public:
  enum class Direction { correlate, transpose };

  LaneMap(const ConvolutionShape& shape, Direction direction);

  const Bordered& source() const { return source_; }
  size_t target_height() const { return height_; }
  // Vectors of a row of the target.
  size_t target_row() const { return width_ * channels_; }

  // A row of the target in lanes, from all of the source in lanes.
  template <class T>
  void compute_row(const T* source, const T* weights, const T* bias, size_t y, T* row) const;

 private:
  // What a target meets along an axis: an element of the kernel, and a place of the source, with its border.
  struct Tap {
    size_t kernel, source;
  };
  using Taps = std::vector<Tap>;
  // Targets first, first + step, ... that meet the same elements of the kernel, each so many places of the source on.
  struct Run {
    size_t first, count, source_step;
    std::vector<LaneTerm> terms;
  };

  static std::vector<Taps> correlate(const ConvolutionAxis& axis);
  static std::vector<Taps> transpose(const ConvolutionAxis& axis);
  void list_terms(const ConvolutionShape& shape, Direction direction);

  Bordered source_;
  size_t height_, width_, channels_, groups_;
  // What one channel of the target, one group of channels of the source and of the target are apart in the weights.
  size_t weight_step_, weight_group_;
  size_t run_step_;
  std::vector<std::vector<LaneTerm>> rows_;  // of each row of the target
  std::vector<Run> runs_;                    // of the columns of any row
};

// Rows of an image in lanes, inside its border, from a group of a signal's activations or deltas.
template <class T>
void put_in_border(const Signal<T>& signal, T* values, size_t samples, Missing missing, const Bordered& image,
                   const RowsOfGroup& rows, T* group);

}  // namespace chainrule
