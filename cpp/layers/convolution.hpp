// Convolutions and transposed convolutions: z = b + map(x), a = f(z), and the delta below is the transposed map of the
// delta above (lane_map.hpp). Weights (kernel, kernel, channels of the image / groups, channels of the result) are
// stored row-major, as users see them, followed by the bias.
#pragma once

#include <optional>

#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"
#include "layers/window_map.hpp"

namespace chainrule {

struct ConvolutionSettings {
  static constexpr const char* name = "ConvolutionSettings";

  ConvolutionAxis rows;
  ConvolutionAxis columns;
  size_t image_channels;
  size_t result_channels;
  size_t groups;
  bool transposed;  // from the result to the image
  Activation activation;
  double l1;
  double l2;
  bool use_bias = true;

  static constexpr auto fields() {
    using S = ConvolutionSettings;
    return std::tuple(
        field("rows", &S::rows), field("columns", &S::columns), field("image_channels", &S::image_channels),
        field("result_channels", &S::result_channels), field("groups", &S::groups), field("transposed", &S::transposed),
        field("activation", &S::activation), field("l1", &S::l1), field("l2", &S::l2), field("use_bias", &S::use_bias));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Convolution final : public StoredGradientLayer<T> {
 public:
  // From the image to the result, or, transposed, from the result to the image.
  Convolution(const ConvolutionShape& shape, bool transposed, Activation activation, double l1, double l2,
              bool use_bias);

  size_t inputs() const override { return forward_.source().size(); }
  size_t outputs() const override { return backward_.source().size(); }
  bool mix() override;
  LayerTraits traits() const override;

  // Threads divide rows of images, across samples.
  bool by_samples(const Team&, size_t) const override { return false; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
  // Some of the weights of a window each, and the bias.
  size_t gradient_parts(size_t) const override;
  std::vector<GradientRuns> gradient_runs(const GradientPart& part) const override;

 private:
  // Multiply-adds of one sample.
  size_t work() const {
    return shape_.rows.result * shape_.columns.result * shape_.weight_rows() * shape_.result_channels;
  }
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  void add_part(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, T* gradient,
                const GradientPart&) const override;
  bool derives() const override { return windows_.has_value(); }
  void derive(const Team&) override;
  // The size of the part of a signal that came before, which a step of the result depends on, if it depends on no later
  // step and there are as many steps after the layer as before; else 0.
  size_t carried_size() const;
  void carry_on(const Signal<T>& above, size_t group, size_t samples, T* signals) const;
  void compute(const T* inputs, const Signal<T>& above, size_t samples, const RowsOfGroup& rows,
               const Finish<T>& finish) const;
  // Whether channels are in the lanes, and not samples (convolution_places.cpp): signals have the same bytes in both
  // ways. Training, whose weight gradient is a sum in another order, chooses by the shape alone.
  bool computes_by_places(const Signal<T>& below, const Signal<T>& above, size_t samples) const;
  void softmax_of_rows(const Signal<T>& above, size_t sample, const Range& rows) const;
  void forward_by_places(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples) const;
  void compute_by_places(const Signal<T>& below, const Signal<T>& above, size_t sample, const Range& rows,
                         const T* weights, const Finish<T>& finish) const;
  // The number of rows of a sample's result that stay in the first-level cache until they are finished.
  size_t rows_to_finish(const Finish<T>& finish) const;
  size_t rows_at_a_time(const Signal<T>& above) const;
  static T* in_border(const T* values, const Bordered& image, const Range& rows);
  T* copy_in_border(const Signal<T>& below, const Signal<T>& above, size_t sample, const Bordered& image,
                    const Range& rows) const;
  PlaceMap::Source<T> bordered_inputs(const Signal<T>& below, const Signal<T>& above, size_t sample,
                                      const Range& rows) const;
  void backward_by_places(const Signal<T>& above, const Signal<T>& below, const Range& samples) const;
  size_t samples_of_sum() const;
  void add_gradient_by_places(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                              T* gradient) const;
  void add_weight_places(const T* image, const T* result, const Range& rows, T* sums) const;
  void add_bias_by_places(const Team&, const Signal<T>& above, size_t samples, T* gradient) const;
  void add_bias_places(const T* deltas, const Range& channels, T* sums) const;
  // How the deltas of a sample are stored for their sums.
  Bordered deltas_image() const { return windows_ ? backward_.source().without_border() : backward_.source(); }
  // In mixed precision (convolution_windows.cpp).
  void forward_by_windows(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples) const;
  void backward_by_windows(const Signal<T>& above, const Signal<T>& below, const Range& samples) const;
  void add_gradient_by_windows(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               T* gradient) const;
  void add_weights_by_windows(const Signal<T>& below, const Signal<T>& above, size_t samples, size_t group,
                              const Range& panels, T* gradient) const;
  const T* inputs_of_sample(const Signal<T>& below, const Signal<T>& above, size_t sample) const;
  const T* deltas_of_sample(const Signal<T>& above, size_t sample) const;
  // The rows and columns of the weights as their gradient by places divides them.
  size_t gradient_rows() const {
    return shape_.each_channel() ? shape_.weight_rows() : shape_.weight_rows() * shape_.groups;
  }
  size_t gradient_columns() const { return shape_.each_channel() ? shape_.result_channels : shape_.result_group(); }
  // The rows of weights that are a part of the gradient; none if the part is the bias.
  Range weight_rows_of(const GradientPart& part) const;
  // Adds to the weights of some rows, and to the biases of some channels.
  void add_gradient_of(const Range& rows, const Range& channels, const Signal<T>& below, const Signal<T>& above,
                       size_t samples, T* gradient) const;
  void add_weight_gradient(const T* image, const T* result, const Range& part, T* gradient) const;
  void add_bias_gradient(const T* deltas, const Range& channels, T* gradient) const;

  // Whether a map can read its signal in place.
  static bool in_place(const Signal<T>& signal, const LaneMap& map) {
    return signal.in_lanes && !map.source().has_border();
  }
  T* kept_inputs(const Signal<T>& above, size_t group) const { return group_at(above.kept, above.kept_stride, group); }
  T* kept_deltas(const Signal<T>& above, size_t group) const {
    return kept_inputs(above, group) + forward_.source().full_size() * group_samples;
  }
  // The inputs and the deltas of a group in lanes.
  const T* inputs_of(const Signal<T>& below, const Signal<T>& above, size_t group) const {
    return in_place(below, forward_) ? group_at(below.activations, below.stride, group) : kept_inputs(above, group);
  }
  const T* deltas_of(const Signal<T>& above, size_t group) const {
    return in_place(above, backward_) ? group_at(above.deltas, above.stride, group) : kept_deltas(above, group);
  }

  ConvolutionShape shape_;
  bool transposed_, trains_by_places_;
  Activation activation_;
  LaneMap forward_, backward_;
  PlaceMap by_places_, back_by_places_;
  // In mixed precision, the two maps.
  struct WindowMaps {
    WindowMap<T> forward, backward;
  };
  std::optional<WindowMaps> windows_;
  // The offsets, from the beginning of a window, of the image's values that the weights of a group multiply; and those
  // of its vectors in lanes.
  std::vector<uint32_t> window_, window_in_lanes_;
};

template <class T>
std::unique_ptr<Layer<T>> ConvolutionSettings::make(size_t /*inputs*/) const {
  const ConvolutionShape shape = {rows, columns, image_channels, result_channels, groups};
  return std::make_unique<Convolution<T>>(shape, transposed, activation, l1, l2, use_bias);
}

}  // namespace chainrule
