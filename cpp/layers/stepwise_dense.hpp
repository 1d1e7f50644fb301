// A fully connected layer at each step of a sequence: z(t) = x(t) W + b, a = f(z), for samples (steps, features).
#pragma once

#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

template <class T>
class StepwiseDense final : public StoredGradientLayer<T> {
 public:
  struct Options {
    size_t steps, features, units;
    Activation activation;
    double l1, l2;
  };

  explicit StepwiseDense(const Options& options);

  size_t inputs() const override { return options_.steps * options_.features; }
  size_t outputs() const override { return options_.steps * options_.units; }
  LayerTraits traits() const override {
    return {.activation = options_.activation,
            .work = options_.steps * options_.features * columns(),
            .keeps_pre_activations = derivative_needs_pre_activation(options_.activation)};
  }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  bool derives() const override { return true; }
  void derive(const Team&) override;

 private:
  size_t columns() const { return this->matrix(0).panels() * panel_width; }

  Options options_;
  AlignedArray<T> transposed_;
};

}  // namespace chainrule
