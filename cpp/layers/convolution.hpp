// Convolutions and transposed ones: z = b + what the layer's map (lane_map.hpp) makes of x, a = f(z); the delta below
// is what the other map makes of the delta above. Weights (kernel, kernel, channels of the image / groups, channels of
// the result) lie in a row, as users see them, and the bias behind them.
#pragma once

#include "layers/lane_map.hpp"
#include "layers/panel_layer.hpp"

namespace chainrule {

template <class T>
class Convolution final : public PanelLayer<T> {
 public:
  // From the image to the result, or, transposed, from the result to the image.
  Convolution(const ConvolutionShape& shape, bool transposed, Activation activation, double l1, double l2);

  size_t inputs() const override { return forward_.source().size(); }
  size_t outputs() const override { return backward_.source().size(); }
  Activation activation() const override { return activation_; }
  bool keeps_pre_activations() const override { return derivative_needs_pre_activation(activation_); }
  // The inputs in lanes with their border, and the deltas above in lanes, where they do not lie so in the signals.
  size_t kept_size() const override { return forward_.source().full_size() + backward_.source().full_size(); }
  bool gradient_needs_backward() const override { return true; }
  size_t work() const override;

  bool takes_lanes() const override { return true; }
  // Threads share out rows of images, whichever samples they are of.
  bool by_samples(const Team&, size_t) const override { return false; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  void compute(const T* inputs, const Signal<T>& above, size_t samples, const RowsOfGroup& rows) const;
  void add_weight_gradient(const T* image, const T* result, const Range& part, T* gradient) const;
  void add_bias_gradient(const T* deltas, const Range& channels, T* gradient) const;

  // Whether what a map reads lies in its signal as it needs it.
  static bool in_place(const Signal<T>& signal, const LaneMap& map) {
    return signal.in_lanes && !map.source().has_border();
  }
  T* kept_inputs(const Signal<T>& above, size_t group) const { return group_at(above.kept, above.kept_stride, group); }
  T* kept_deltas(const Signal<T>& above, size_t group) const {
    return kept_inputs(above, group) + forward_.source().full_size() * group_samples;
  }
  // Where a group's inputs and deltas lie in lanes.
  const T* inputs_of(const Signal<T>& below, const Signal<T>& above, size_t group) const {
    return in_place(below, forward_) ? group_at(below.activations, below.stride, group) : kept_inputs(above, group);
  }
  const T* deltas_of(const Signal<T>& above, size_t group) const {
    return in_place(above, backward_) ? group_at(above.deltas, above.stride, group) : kept_deltas(above, group);
  }

  ConvolutionShape shape_;
  bool transposed_;
  Activation activation_;
  LaneMap forward_, backward_;
  // Of the image's vectors that the weights of a group meet, from where the window begins.
  std::vector<uint32_t> window_;
};

}  // namespace chainrule
