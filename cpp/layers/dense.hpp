// A fully connected layer: z = x W + b, a = f(z). Weights live in panels [outputs / 16][inputs][16], the bias behind
// them; a transposed copy [inputs / 16][outputs][16] serves the input gradient.
#pragma once

#include "base/aligned.hpp"
#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class Dense final : public Layer<T> {
 public:
  struct Options {
    Activation activation;
    double l1, l2, max_norm;  // max_norm 0: none
  };

  Dense(size_t inputs, size_t outputs, const Options& options);

  size_t inputs() const override { return inputs_; }
  size_t outputs() const override { return outputs_; }
  Activation activation() const override { return options_.activation; }
  bool keeps_pre_activations() const override { return derivative_needs_pre_activation(options_.activation); }
  bool multiplies_rows() const override { return true; }
  size_t work() const override { return inputs_ * panels() * panel_width; }

  size_t parameter_count() const override { return inputs_ * outputs_ + outputs_; }
  size_t packed_size() const override { return weights_size() + panels() * panel_width; }
  void pack(const T* plain, T* packed) const override;
  void unpack(const T* packed, T* plain) const override;
  void bind(T* parameters) override;
  void parameters_changed() override { transposed_current_ = false; }
  // Makes the transposed weights; updates keep them true from then on.
  void prepare_backward() override;

  bool by_samples(const Team&, size_t samples) const override;
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
  size_t parameter_rows() const override { return inputs_; }
  void list_rows(const Team&, const Signal<T>& below, size_t samples, std::vector<uint32_t>& list) const override;
  // Of the weights of one input: runs in some panels, none if the input is not the thread's.
  ParameterRuns<T> parameter_row(const Team&, size_t input, const GradientTarget<T>&) const override;
  void gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                const GradientTarget<T>&) const override;
  SampleLayer<T> sample_layer() const override { return {weights_, bias_, inputs_, outputs_, options_.activation}; }
  void regularize(T* gradient, T clip_value) const override;
  void update(const GradientTarget<T>&) const override;
  void finish_update(const Team&) override;
  void set_penalties(double l1, double l2) override;
  double penalty() const override;
  bool couples_parameters() const override { return options_.max_norm > 0; }
  bool penalized() const override { return options_.l1 > 0 || options_.l2 > 0; }

 private:
  struct Share {
    Range rows, panels;
  };
  size_t panels() const { return panel_count(outputs_); }
  size_t weights_size() const { return panels() * inputs_ * panel_width; }
  // A thread's part of the weights: panels where there are enough for everybody, else rows.
  Share weights_share(const Team& team) const;
  Parameters<T> weights_with(const GradientTarget<T>&) const;
  Parameters<T> bias_with(const GradientTarget<T>&) const;
  void transpose(const Share& part);

  size_t inputs_, outputs_;
  Options options_;
  T* weights_ = nullptr;
  T* bias_ = nullptr;
  AlignedArray<T> transposed_;
  bool transposed_current_ = false;
};

}  // namespace chainrule
