#include "layers/convolution.hpp"

#include <algorithm>

#include "layers/finish.hpp"

namespace chainrule {

namespace {

struct InputLanes;
struct OutputLanes;

// Calls function(first row, end) for blocks of rows whose vectors fit in the first-level cache.
template <class Function>
void for_each_run(const RowsOfGroup& rows, size_t vectors_a_row, Function function) {
  const size_t step = std::max<size_t>(tuning::convolution_vectors / vectors_a_row, 1);
  for (size_t y = rows.begin; y < rows.end; y += step) function(y, std::min(y + step, rows.end));
}

LaneMap::Direction direction(bool transposed) {
  return transposed ? LaneMap::Direction::transpose : LaneMap::Direction::correlate;
}

}  // namespace

template <class T>
Convolution<T>::Convolution(const ConvolutionShape& shape, bool transposed, Activation activation, double l1, double l2,
                            bool use_bias)
    : StoredGradientLayer<T>(
          {{{.rows = 1, .columns = shape.weight_rows() * shape.result_channels, .is_weight = true},
            PanelParameters<T>::bias(transposed ? shape.image_channels : shape.result_channels, use_bias)},
           l1,
           l2}),
      shape_(shape),
      transposed_(transposed),
      trains_by_places_(shape.sums_by_places(transposed)),
      activation_(activation),
      forward_(shape, direction(transposed)),
      backward_(shape, direction(!transposed)),
      by_places_(shape, forward_),
      back_by_places_(shape, backward_) {
  const Bordered& image = (transposed ? backward_ : forward_).source();
  for (size_t ky = 0; ky < shape.rows.kernel; ++ky) {
    for (size_t kx = 0; kx < shape.columns.kernel; ++kx) {
      const size_t at = image.offset(ky * shape.rows.dilation, kx * shape.columns.dilation);
      for (size_t c = 0; c < shape.image_group(); ++c) {
        window_.push_back(uint32_t(at + c));
        window_in_lanes_.push_back(uint32_t((at + c) * group_samples));
      }
    }
  }
}

// A product with a window of a single channel is one of few factors: it stays in float32.
template <class T>
bool Convolution<T>::mix() {
  if (shape_.each_channel()) return true;
  windows_.emplace(
      WindowMaps{WindowMap<T>(shape_, direction(transposed_)), WindowMap<T>(shape_, direction(!transposed_))});
  return true;
}

template <class T>
void Convolution<T>::derive(const Team& team) {
  if (!windows_) return;
  windows_->forward.derive(team, this->panels(0));
  windows_->backward.derive(team, this->panels(0));
}

template <class T>
LayerTraits Convolution<T>::traits() const {
  const size_t channels = transposed_ ? shape_.image_channels : shape_.result_channels;
  return {.activation = activation_,
          .softmax_places = activation_ == Activation::softmax ? outputs() / channels : 1,
          .work = work(),
          .keeps_pre_activations = derivative_needs_pre_activation(activation_),
          // The inputs in lanes with their border, and the deltas above in lanes, unless the signals have them so.
          .kept_size = windows_ ? 0 : forward_.source().full_size() + backward_.source().full_size(),
          .state_arrays = carried_size() > 0 ? size_t(1) : 0,
          .state_width = carried_size(),
          .takes_lanes = !trains_by_places_ && !windows_,
          .row_work = by_places_.work(),
          .gradient_needs_backward = !windows_,
          .releases_outputs = true,
          .takes_finishers = !windows_ && activation_ != Activation::softmax};
}

template <class T>
size_t Convolution<T>::carried_size() const {
  const ConvolutionAxis &rows = shape_.rows, &steps = shape_.columns;
  const bool one_row = rows.image == 1 && rows.kernel == 1 && rows.result == 1;
  const bool is_causal = steps.stride == 1 && steps.result == steps.image && steps.before == steps.reach();
  return one_row && is_causal && !transposed_ ? steps.before * shape_.image_channels : 0;
}

// Puts what came before into the border of a group of signals, and keeps what comes before the next ones.
template <class T>
void Convolution<T>::carry_on(const Signal<T>& above, size_t group, size_t samples, T* signals) const {
  const size_t size = carried_size();
  const T* const next = signals + shape_.image_size() * group_samples;
  for (size_t lane = 0; lane < samples_in(group, samples); ++lane) {
    T* const state = above.state + (group * group_samples + lane) * above.state_stride;
    for (size_t k = 0; k < size; ++k) signals[k * group_samples + lane] = state[k];
    for (size_t k = 0; k < size; ++k) state[k] = next[k * group_samples + lane];
  }
}

// a = f(b + map(x)) for rows of the outputs of one group.
template <class T>
void Convolution<T>::compute(const T* inputs, const Signal<T>& above, size_t samples, const RowsOfGroup& rows,
                             const Finish<T>& finish) const {
  const size_t row = forward_.target_row(), channels = forward_.target_channels();
  for_each_run(rows, row, [&](size_t begin, size_t end) {
    const Range part = {begin * row, end * row};
    const size_t size = part.size() * group_samples;
    T* const values =
        above.in_lanes ? lanes_as_row(above, rows.group, part).pre_activations : scratch<T, OutputLanes>(size);
    for (size_t y = begin; y < end; ++y) {
      forward_.compute_row(inputs, this->panels(0), this->panels(1), y, values + (y - begin) * row * group_samples);
    }
    if (above.in_lanes) {
      activate(above, rows.group, part);
      return finish.apply(values, part.size() / channels, channels * group_samples);
    }
    if (above.pre_activations != above.activations || activation_ == Activation::softmax) {
      lanes_to_rows(values, above.pre_activations, above.stride, rows.group, samples, part);
    }
    if (activation_ == Activation::softmax) {
      const size_t first = rows.group * group_samples;
      const size_t width = row / (backward_.source().channels);
      return softmax_at_places(above, {first, first + samples_in(rows.group, samples)}, {begin * width, end * width});
    }
    activate_in_place(values, size, activation_);
    finish.apply(values, part.size() / channels, channels * group_samples);
    lanes_to_rows(values, above.activations, above.stride, rows.group, samples, part);
  });
}

template <class T>
void Convolution<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                             const Pass&) const {
  if (windows_) return forward_by_windows(team, below, above, samples);
  if (computes_by_places(below, above, samples)) return forward_by_places(team, below, above, samples);
  const Bordered& image = forward_.source();
  const size_t groups = groups_of(samples);
  const size_t height = forward_.target_height();
  const Finish<T> finish = in_lanes(finish_of(above), forward_.target_channels());
  if (above.kept != nullptr) {
    if (!in_place(below, forward_)) {
      for_each_group(team.share(groups * image.height), image.height, [&](const RowsOfGroup& rows) {
        put_in_border(below, below.activations, samples, Missing::last_sample, image, rows,
                      kept_inputs(above, rows.group));
      });
      team.barrier();
    }
    for_each_group(team.share(groups * height), height, [&](const RowsOfGroup& rows) {
      compute(inputs_of(below, above, rows.group), above, samples, rows, finish);
    });
    return;
  }
  const Range part = team.share(groups);
  const size_t size = image.full_size() * group_samples;
  T* const copy = in_place(below, forward_) ? nullptr : scratch<T, InputLanes>(size);
  if (copy != nullptr && image.has_border()) std::memset(copy, 0, size * sizeof(T));
  for (size_t group = part.begin; group < part.end; ++group) {
    if (copy != nullptr) {
      put_in_border(below, below.activations, samples, Missing::last_sample, image, {group, 0, image.height}, copy);
      if (above.state != nullptr) carry_on(above, group, samples, copy);
    }
    compute(copy != nullptr ? copy : inputs_of(below, above, group), above, samples, {group, 0, height}, finish);
  }
}

// delta below = transposed map(delta above) * f'(z below)
template <class T>
void Convolution<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                              const Pass&) const {
  if (windows_) return backward_by_windows(above, below, team.share(samples));
  if (trains_by_places_) return backward_by_places(above, below, team.share(samples));
  const Bordered& image = backward_.source();
  if (!in_place(above, backward_)) {
    for_each_group(team.share(groups_of(samples) * image.height), image.height, [&](const RowsOfGroup& rows) {
      put_in_border(above, above.deltas, samples, Missing::zero, image, rows, kept_deltas(above, rows.group));
    });
    team.barrier();
  }
  if (below.deltas == nullptr) return;
  const size_t height = backward_.target_height();
  const size_t row = backward_.target_row();
  for_each_group(team.share(groups_of(samples) * height), height, [&](const RowsOfGroup& rows) {
    for_each_run(rows, row, [&](size_t begin, size_t end) {
      const Range part = {begin * row, end * row};
      T* const values = below.in_lanes ? lanes_as_row(below, rows.group, part).deltas
                                       : scratch<T, OutputLanes>(part.size() * group_samples);
      for (size_t y = begin; y < end; ++y) {
        backward_.compute_row<T>(deltas_of(above, rows.group), this->panels(0), nullptr, y,
                                 values + (y - begin) * row * group_samples);
      }
      hand_down(values, below, rows.group, samples, part);
    });
  });
  finish_deltas(team, below, samples);
}

// dE/dW[k] = sum over samples and places of the image times the result that W[k] connects with it, dE/db = sum of the
// deltas. The samples of a group are summed first, then the groups in their order.
template <class T>
void Convolution<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                  T* gradient) const {
  if (windows_) return add_gradient_by_windows(team, below, above, samples, gradient);
  if (trains_by_places_) return add_gradient_by_places(team, below, above, samples, gradient);
  const Range rows = team.share(shape_.weight_rows() * shape_.groups);
  add_gradient_of(rows, team.share(backward_.source().channels), below, above, samples, gradient);
}

template <class T>
void Convolution<T>::add_gradient_of(const Range& rows, const Range& channels, const Signal<T>& below,
                                     const Signal<T>& above, size_t samples, T* gradient) const {
  for (size_t group = 0; group < groups_of(samples); ++group) {
    const T* inputs = inputs_of(below, above, group);
    const T* deltas = deltas_of(above, group);
    add_weight_gradient(transposed_ ? deltas : inputs, transposed_ ? inputs : deltas, rows,
                        this->panels_of(gradient, 0));
    if (!this->matrix(1).is_hidden) add_bias_gradient(deltas, channels, this->panels_of(gradient, 1));
  }
}

template <class T>
size_t Convolution<T>::gradient_parts(size_t) const {
  // The weights of groups of channels are not in rows one after the other.
  if (trains_by_places_ || windows_ || shape_.groups > 1) return 1;
  return std::min(shape_.weight_rows(), tuning::work_parts) + 1;
}

template <class T>
Range Convolution<T>::weight_rows_of(const GradientPart& part) const {
  const size_t rows = shape_.weight_rows(), parts = part.count - 1;
  return {std::min(rows * part.index / parts, rows), std::min(rows * (part.index + 1) / parts, rows)};
}

template <class T>
std::vector<GradientRuns> Convolution<T>::gradient_runs(const GradientPart& part) const {
  if (part.is_whole()) return Layer<T>::gradient_runs(part);
  const size_t bias = this->parameters_.offset(1);
  if (part.index + 1 == part.count) return {{bias, this->parameters_.packed_size() - bias}};
  const Range rows = weight_rows_of(part);
  return {{rows.begin * shape_.result_channels, rows.size() * shape_.result_channels}};
}

template <class T>
void Convolution<T>::add_part(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                              T* gradient, const GradientPart& part) const {
  const Range rows = weight_rows_of(part);
  const Range channels = rows.size() > 0 ? Range{0, 0} : team.share(backward_.source().channels);
  add_gradient_of(team.share(rows), channels, below, above, samples, gradient);
}

template <class T>
void Convolution<T>::add_weight_gradient(const T* image, const T* result, const Range& part, T* gradient) const {
  const Bordered& wide = (transposed_ ? backward_ : forward_).source();
  const Bordered& narrow = (transposed_ ? forward_ : backward_).source();
  // for_each_group divides the rows of weights of groups of channels as it does those of groups of samples.
  for_each_group(part, shape_.weight_rows(), [&](const RowsOfGroup& rows) {
    const size_t columns = shape_.result_group();
    const size_t first_result = narrow.offset(narrow.top, narrow.left) + rows.group * columns;
    kernels<T>().lane_gradient({.a = image + rows.group * shape_.image_group() * group_samples,
                                .offsets = window_in_lanes_.data() + rows.begin,
                                .a_down = wide.offset(shape_.rows.stride, 0) * group_samples,
                                .a_right = wide.offset(0, shape_.columns.stride) * group_samples,
                                .b = result + first_result * group_samples,
                                .b_down = narrow.offset(1, 0) * group_samples,
                                .b_right = narrow.offset(0, 1) * group_samples,
                                .height = narrow.height,
                                .width = narrow.width,
                                .rows = rows.end - rows.begin,
                                .columns = columns,
                                .gradient = gradient + rows.begin * shape_.result_channels + rows.group * columns,
                                .stride = shape_.result_channels});
  });
}

// The product of the deltas with ones.
template <class T>
void Convolution<T>::add_bias_gradient(const T* deltas, const Range& channels, T* gradient) const {
  if (channels.size() == 0) return;
  alignas(64) T ones[group_samples];
  std::fill_n(ones, group_samples, T(1));
  const uint32_t here = 0;
  const Bordered& image = backward_.source();
  const size_t first = image.offset(image.top, image.left) + channels.begin;
  kernels<T>().lane_gradient({.a = ones,
                              .offsets = &here,
                              .a_down = 0,
                              .a_right = 0,
                              .b = deltas + first * group_samples,
                              .b_down = image.offset(1, 0) * group_samples,
                              .b_right = image.offset(0, 1) * group_samples,
                              .height = image.height,
                              .width = image.width,
                              .rows = 1,
                              .columns = channels.size(),
                              .gradient = gradient + channels.begin,
                              .stride = channels.size()});
}

template class Convolution<float>;
template class Convolution<double>;

}  // namespace chainrule
