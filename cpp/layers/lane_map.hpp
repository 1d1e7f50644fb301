// How a convolution goes from the values on one of its sides to those on the other, for groups of 16 samples in the
// lanes of vectors. The image is its wide side, the result its narrow one:
//   correlate: result[o] = sum over k of image[o * stride + k * dilation - before] w[k]
//   transpose: image[i]  = sum over the (o, k) that meet at i of result[o] w[k]
// Both are sums over a list of terms at each place: one list for all places of the result; for the image a list for
// each remainder of the place by the stride, as only every stride-th k meets it.
#pragma once

#include <vector>

#include "aligned.hpp"
#include "layers/layer.hpp"

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

// An image whose border of zeros is as wide as the sums that read it need.
struct Bordered {
  size_t height, width, channels;
  size_t top, left, full_height, full_width;

  size_t size() const { return height * width * channels; }
  size_t full_size() const { return full_height * full_width * channels; }
  bool has_border() const { return full_size() != size(); }
  size_t offset(size_t y, size_t x) const { return (y * full_width + x) * channels; }
};

// Groups of samples, each cut into rows of an image: what threads share out.
struct RowsOfGroup {
  size_t group, begin, end;
};

constexpr size_t group_samples = panel_width;
inline size_t groups_of(size_t samples) { return (samples + group_samples - 1) / group_samples; }
inline size_t samples_in(size_t group, size_t samples) {
  const size_t left = samples - group * group_samples;
  return left < group_samples ? left : group_samples;
}

// Calls function(rows of a group) for a part of all groups' rows.
template <class Function>
void for_each_group(const Range& part, size_t height, Function function) {
  for (size_t unit = part.begin; unit < part.end;) {
    const size_t group = unit / height;
    const size_t end = part.end < (group + 1) * height ? part.end : (group + 1) * height;
    function(RowsOfGroup{group, unit - group * height, end - group * height});
    unit = end;
  }
}

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
  // Targets first, first + step, ... that the same taps reach; they read the source from `offset` on, each a step on.
  struct Tap {
    size_t kernel, offset;
  };
  struct Phase {
    size_t first, count;
    std::vector<Tap> taps;
  };
  struct Axis {
    size_t target_step, source_step;
    std::vector<Phase> phases;
    size_t before, full;  // of the source, with its border
  };
  static Axis correlate(const ConvolutionAxis& axis);
  static Axis transpose(const ConvolutionAxis& axis);
  void list_terms(const ConvolutionShape& shape, Direction direction);

  Axis rows_, columns_;
  Bordered source_;
  size_t height_, width_, channels_, groups_;
  // What one channel of the target, one group of channels of the source and of the target are apart in the weights.
  size_t weight_step_, weight_group_;
  std::vector<std::vector<LaneTerm>> terms_;  // of each phase of rows with each of columns
};

// Rows of an image in lanes, inside its border, from the samples of a signal.
template <class T>
void rows_to_lanes(T* values, size_t stride, size_t samples, const Bordered& image, const RowsOfGroup& rows, T* group);

}  // namespace chainrule
