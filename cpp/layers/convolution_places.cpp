// The computations of a convolution for one sample after the other, with channels in the lanes of vectors.
#include <algorithm>

#include "layers/convolution.hpp"
#include "layers/finish.hpp"

namespace chainrule {

namespace {

struct BorderedImage;
struct PackedWeights;
struct GradientSums;
struct BiasSums;

// The weights as a map takes them, in memory of the thread.
template <class T>
const T* packed_for(const PlaceMap& map, const T* weights) {
  T* const packed = scratch<T, PackedWeights>(map.packed_size());
  map.pack(weights, packed);
  return packed;
}

}  // namespace

template <class T>
bool Convolution<T>::computes_by_places(const Signal<T>& below, const Signal<T>& above, size_t samples) const {
  if (trains_by_places_) return true;
  const bool is_possible = !below.in_lanes && !above.in_lanes && above.kept == nullptr;
  return is_possible && !lanes_pay(samples, double(work()), double(by_places_.work()));
}

template <class T>
const T* Convolution<T>::inputs_of_sample(const Signal<T>& below, const Signal<T>& above, size_t sample) const {
  return forward_.source().has_border() ? above.kept + sample * above.kept_stride
                                        : below.activations + sample * below.stride;
}

template <class T>
const T* Convolution<T>::deltas_of_sample(const Signal<T>& above, size_t sample) const {
  return deltas_image().has_border() ? above.kept + sample * above.kept_stride + forward_.source().full_size()
                                     : above.deltas + sample * above.stride;
}

// The rows of a result that are computed at a time. In prediction, what they read of an image with a border is copied
// to memory that stays in the cache.
template <class T>
size_t Convolution<T>::rows_at_a_time(const Signal<T>& above) const {
  const Bordered& image = forward_.source();
  if (!image.has_border() || above.kept != nullptr) return forward_.target_height();
  const size_t overlap = shape_.rows.reach() + 1;
  const size_t fitting = tuning::bordered_bytes / (image.offset(1, 0) * sizeof(T));
  return std::max(fitting, 2 * overlap) / shape_.rows.stride;
}

// Some rows of a sample's values in their border, followed by `panel_width` values that may be read.
template <class T>
T* Convolution<T>::in_border(const T* values, const Bordered& image, const Range& rows) {
  T* const bordered = scratch<T, BorderedImage>(image.offset(rows.size(), 0) + panel_width);
  put_in_border(values, image, rows, bordered);
  return bordered;
}

// The same of the inputs. With a state, whose image has one row, what came before is in the border, and is replaced by
// what comes before the next inputs.
template <class T>
T* Convolution<T>::copy_in_border(const Signal<T>& below, const Signal<T>& above, size_t sample, const Bordered& image,
                                  const Range& rows) const {
  T* const bordered = in_border(below.activations + sample * below.stride, image, rows);
  if (above.state != nullptr) {
    T* const state = above.state + sample * above.state_stride;
    std::memcpy(bordered, state, carried_size() * sizeof(T));
    std::memcpy(state, bordered + image.size(), carried_size() * sizeof(T));
  }
  return bordered;
}

// The image of a sample in its border, from the row on that the sums of some rows of the result read first. What the
// way back needs is copied whole.
template <class T>
PlaceMap::Source<T> Convolution<T>::bordered_inputs(const Signal<T>& below, const Signal<T>& above, size_t sample,
                                                    const Range& rows) const {
  const Bordered& image = forward_.source();
  const T* const inputs = below.activations + sample * below.stride;
  if (!image.has_border()) return {inputs, 0};
  if (above.kept != nullptr) {
    T* const bordered = above.kept + sample * above.kept_stride;
    put_in_border(inputs, image, {0, image.full_height}, bordered);
    return {bordered, 0};
  }
  const Range read = {rows.begin * shape_.rows.stride, (rows.end - 1) * shape_.rows.stride + shape_.rows.reach() + 1};
  return {copy_in_border(below, above, sample, image, read), read.begin};
}

// Threads divide samples. In prediction, where a single sample can be all there is, they divide rows of images.
template <class T>
void Convolution<T>::forward_by_places(const Team& team, const Signal<T>& below, const Signal<T>& above,
                                       size_t samples) const {
  const size_t height = forward_.target_height(), step = rows_at_a_time(above);
  const Range own = team.share(samples);
  const Range part = above.kept == nullptr ? team.share(samples * height) : Range{own.begin * height, own.end * height};
  if (part.size() == 0) return;
  const T* const weights = packed_for(by_places_, this->panels(0));
  const Finish<T> finish = finish_of(above);
  for_each_group(part, height, [&](const RowsOfGroup& piece) {
    for (size_t y = piece.begin; y < piece.end; y += step) {
      compute_by_places(below, above, piece.group, {y, std::min(y + step, piece.end)}, weights, finish);
    }
  });
}

template <class T>
size_t Convolution<T>::rows_to_finish(const Finish<T>& finish) const {
  if (finish.is_empty()) return forward_.target_height();
  return std::max<size_t>(1, tuning::finished_bytes / (forward_.target_row() * sizeof(T)));
}

// a = f(b + map(x)) for some rows of a sample's result, and what finishes them.
template <class T>
void Convolution<T>::compute_by_places(const Signal<T>& below, const Signal<T>& above, size_t sample, const Range& rows,
                                       const T* weights, const Finish<T>& finish) const {
  const bool is_softmax = activation_ == Activation::softmax;
  const PlaceMap::Source<T> source = bordered_inputs(below, above, sample, rows);
  const PlaceMap::Target<T> target = {.pre_activations = above.pre_activations + sample * above.stride,
                                      .activations = above.activations + sample * above.stride,
                                      .activation = is_softmax ? Activation() : activation_};
  const size_t step = rows_to_finish(finish), row = forward_.target_row(), channels = forward_.target_channels();
  for (size_t y = rows.begin; y < rows.end; y += step) {
    const Range part = {y, std::min(y + step, rows.end)};
    by_places_.compute<T>(source, weights, this->panels(1), target, part);
    finish.apply(target.activations + part.begin * row, part.size() * row / channels, channels);
  }
  softmax_of_rows(above, sample, rows);
}

template <class T>
void Convolution<T>::softmax_of_rows(const Signal<T>& above, size_t sample, const Range& rows) const {
  if (activation_ != Activation::softmax) return;
  const size_t places = outputs() / forward_.target_height() / backward_.source().channels;
  softmax_at_places(above, {sample, sample + 1}, {rows.begin * places, rows.end * places});
}

template <class T>
void Convolution<T>::backward_by_places(const Signal<T>& above, const Signal<T>& below, const Range& samples) const {
  if (samples.size() == 0) return;
  const Bordered& image = backward_.source();
  const T* const weights = below.deltas == nullptr ? nullptr : packed_for(back_by_places_, this->panels(0));
  for (size_t sample = samples.begin; sample < samples.end; ++sample) {
    if (image.has_border()) {
      put_in_border(above.deltas + sample * above.stride, image, {0, image.full_height},
                    above.kept + sample * above.kept_stride + forward_.source().full_size());
    }
    if (below.deltas == nullptr) continue;
    T* const deltas = below.deltas + sample * below.stride;
    back_by_places_.compute<T>({deltas_of_sample(above, sample), 0}, weights, nullptr,
                               {.pre_activations = deltas, .activations = deltas, .activation = Activation::identity},
                               {0, backward_.target_height()});
    multiply_by_derivative(below, {sample, sample + 1});
  }
}

// Some samples, which hold enough places, are added up first; then these sums.
template <class T>
size_t Convolution<T>::samples_of_sum() const {
  const size_t places = shape_.rows.result * shape_.columns.result;
  return std::clamp<size_t>(tuning::places_of_sum / places, 1, group_samples);
}

template <class T>
void Convolution<T>::add_gradient_by_places(const Team& team, const Signal<T>& below, const Signal<T>& above,
                                            size_t samples, T* gradient) const {
  const Range rows = team.share(gradient_rows());
  const size_t columns = gradient_columns(), stride = whole_panels(columns), step = samples_of_sum();
  T* const sums = scratch<T, GradientSums>(rows.size() * stride);
  for (size_t first = 0; first < samples; first += step) {
    std::fill_n(sums, rows.size() * stride, T(0));
    for (size_t i = first; i < std::min(first + step, samples); ++i) {
      const T *const inputs = inputs_of_sample(below, above, i), *const deltas = deltas_of_sample(above, i);
      add_weight_places(transposed_ ? deltas : inputs, transposed_ ? inputs : deltas, rows, sums);
    }
    T* const weights = this->panels_of(gradient, 0);
    for (size_t r = 0; r < rows.size(); ++r) {
      const size_t row = rows.begin + r;
      T* const to =
          weights + row % shape_.weight_rows() * shape_.result_channels + row / shape_.weight_rows() * columns;
      for (size_t k = 0; k < columns; ++k) to[k] += sums[r * stride + k];
    }
  }
  if (!this->matrix(1).is_hidden) add_bias_by_places(team, above, samples, this->panels_of(gradient, 1));
}

template <class T>
void Convolution<T>::add_bias_by_places(const Team& team, const Signal<T>& above, size_t samples, T* gradient) const {
  const Range channels = team.share(backward_.source().channels);
  const size_t size = whole_panels(channels.size()), step = samples_of_sum();
  T* const sums = scratch<T, BiasSums>(size);
  for (size_t first = 0; first < samples; first += step) {
    std::fill_n(sums, size, T(0));
    for (size_t i = first; i < std::min(first + step, samples); ++i) {
      add_bias_places(deltas_of_sample(above, i), channels, sums);
    }
    for (size_t k = 0; k < channels.size(); ++k) gradient[channels.begin + k] += sums[k];
  }
}

// Blocks of rows of the result stay in the first-level cache, with what they are multiplied by, for all weights.
template <class T>
void Convolution<T>::add_weight_places(const T* image, const T* result, const Range& rows, T* sums) const {
  const Bordered& wide = (transposed_ ? backward_ : forward_).source();
  const Bordered& narrow = (transposed_ ? forward_ : backward_).source();
  const bool each_channel = shape_.each_channel();
  const size_t columns = gradient_columns(), stride = whole_panels(columns);
  const size_t a_down = wide.offset(shape_.rows.stride, 0), b_down = narrow.offset(1, 0);
  const size_t block = std::max<size_t>(tuning::place_gradient_bytes / ((a_down + b_down) * sizeof(T)), 1);
  for (size_t y = 0; y < narrow.height; y += block) {
    for (size_t row = rows.begin; row < rows.end;) {
      // Rows of a kernel's row begin one after the other.
      const size_t group = row / shape_.weight_rows(), first = row % shape_.weight_rows();
      size_t end = first + 1;
      const size_t last = std::min(shape_.weight_rows(), first + rows.end - row);
      while (end < last && (each_channel || window_[end] == window_[end - 1] + 1)) ++end;
      kernels<T>().place_gradient(
          {.a = image + y * a_down + group * shape_.image_group() + (each_channel ? 0 : window_[first]),
           .offsets = window_.data() + first,
           .a_down = a_down,
           .a_right = wide.offset(0, shape_.columns.stride),
           .b = result + narrow.offset(narrow.top + y, narrow.left) + group * columns,
           .b_down = b_down,
           .b_right = narrow.offset(0, 1),
           .height = std::min(block, narrow.height - y),
           .width = narrow.width,
           .rows = end - first,
           .channels = columns,
           .sums = sums + (row - rows.begin) * stride,
           .each_channel = each_channel});
      row += end - first;
    }
  }
}

// The product of the deltas with one.
template <class T>
void Convolution<T>::add_bias_places(const T* deltas, const Range& channels, T* sums) const {
  const Bordered image = deltas_image();
  const T one = 1;
  const uint32_t here = 0;
  kernels<T>().place_gradient({.a = &one,
                               .offsets = &here,
                               .a_down = 0,
                               .a_right = 0,
                               .b = deltas + image.offset(image.top, image.left) + channels.begin,
                               .b_down = image.offset(1, 0),
                               .b_right = image.offset(0, 1),
                               .height = image.height,
                               .width = image.width,
                               .rows = 1,
                               .channels = channels.size(),
                               .sums = sums,
                               .each_channel = false});
}

template class Convolution<float>;
template class Convolution<double>;

}  // namespace chainrule
