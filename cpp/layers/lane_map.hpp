// The two linear maps of a convolution, for groups of 16 samples in the lanes of vectors. One goes from the image to
// the result, the other, its transpose, from the result to the image:
//   correlate: result[o] = sum over k of image[o * stride + k * dilation - before] w[k]
//   transpose: image[i]  = sum over the (o, k) with o * stride + k * dilation - before = i of result[o] w[k]
// Both are sums of terms along the rows and along the columns.
#pragma once

#include <vector>

#include "base/aligned.hpp"
#include "base/fields.hpp"
#include "layers/lanes.hpp"

namespace chainrule {

// One axis of a convolution: sizes of the image, of the result and of the kernel, and where the kernel is placed.
struct ConvolutionAxis {
  static constexpr const char* name = "ConvolutionAxis";

  size_t image, result, kernel, stride, dilation, before;

  // The distance between the first place of the kernel and the last.
  size_t reach() const { return (kernel - 1) * dilation; }

  static constexpr auto fields() {
    using S = ConvolutionAxis;
    return std::tuple(field("image", &S::image), field("result", &S::result), field("kernel", &S::kernel),
                      field("stride", &S::stride), field("dilation", &S::dilation), field("before", &S::before));
  }
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
  // Whether each channel of the result has its own of the image.
  bool each_channel() const { return groups > 1 && image_group() == 1 && result_group() == 1; }
  // Whether training has channels in the lanes of vectors. The shape alone decides.
  bool sums_by_places(bool transposed) const;
};

// An image in a border of zeros, which the sums and the weight gradient read. The source of a transpose has no border:
// its sums leave out the terms that would be outside.
struct Bordered {
  size_t height, width, channels;
  size_t top, left, full_height, full_width;

  size_t size() const { return height * width * channels; }
  size_t full_size() const { return full_height * full_width * channels; }
  Bordered without_border() const { return {height, width, channels, 0, 0, height, width}; }
  bool has_border() const { return full_size() != size(); }
  size_t offset(size_t y, size_t x) const { return (y * full_width + x) * channels; }
};

// One of the two maps, from a source to a target.
class LaneMap {
 public:
  enum class Direction { correlate, transpose };

  // Targets first, first + step, ... that have the same elements of the kernel; the places of the source advance by
  // `source_step` from one to the next.
  struct Run {
    size_t first, count, source_step;
    std::vector<LaneTerm> terms;
  };

  LaneMap(const ConvolutionShape& shape, Direction direction);

  const Bordered& source() const { return source_; }
  size_t target_height() const { return height_; }
  // The number of vectors of a row of the target.
  size_t target_row() const { return width_ * channels_; }
  size_t target_channels() const { return channels_; }
  // The distance in the weights between channels of the target, and that of the targets of a run.
  size_t weight_step() const { return weight_step_; }
  size_t run_step() const { return run_step_; }
  // The distance between rows of the target that can have the same elements of the kernel.
  size_t row_step() const { return row_step_; }
  // The terms of each row of the target, and of the columns of any row.
  const std::vector<std::vector<LaneTerm>>& rows() const { return rows_; }
  const std::vector<Run>& runs() const { return runs_; }

  // Computes a row of the target in lanes from the source in lanes.
  template <class T>
  void compute_row(const T* source, const T* weights, const T* bias, size_t y, T* row) const;

 private:
  // One term of a target along an axis: an element of the kernel, and a place of the source, border included.
  struct Tap {
    size_t kernel, source;
  };
  using Taps = std::vector<Tap>;

  static std::vector<Taps> correlate(const ConvolutionAxis& axis);
  static std::vector<Taps> transpose(const ConvolutionAxis& axis);
  void list_terms(const ConvolutionShape& shape, Direction direction);

  Bordered source_;
  size_t height_, width_, channels_, groups_;
  // The distances in the weights between channels of the target, and between groups of channels.
  size_t weight_step_, weight_group_;
  size_t run_step_, row_step_;
  std::vector<std::vector<LaneTerm>> rows_;  // of each row of the target
  std::vector<Run> runs_;                    // of the columns of any row
};

// Copies some rows of one sample's image in its border of zeros, which are numbered with the border, to memory that
// begins with the first of them.
template <class T>
void put_in_border(const T* image, const Bordered& shape, const Range& rows, T* to);

// Copies rows of an image from the activations or deltas of a group into a bordered image in lanes.
template <class T>
void put_in_border(const Signal<T>& signal, T* values, size_t samples, Missing missing, const Bordered& image,
                   const RowsOfGroup& rows, T* group);

}  // namespace chainrule
