// A fully connected layer at each step of a sequence: z(t) = x(t) W + b, a = f(z), for samples (steps, features).
#pragma once

#include "layers/product_weights.hpp"
#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct StepwiseDenseSettings {
  static constexpr const char* name = "StepwiseDenseSettings";

  size_t steps;
  size_t units;
  Activation activation;
  double l1;
  double l2;
  bool use_bias = true;

  static constexpr auto fields() {
    using S = StepwiseDenseSettings;
    return std::tuple(field("steps", &S::steps), field("units", &S::units), field("activation", &S::activation),
                      field("l1", &S::l1), field("l2", &S::l2), field("use_bias", &S::use_bias));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class StepwiseDense final : public StoredGradientLayer<T> {
 public:
  struct Options {
    size_t steps, features, units;
    Activation activation;
    double l1, l2;
    bool use_bias = true;
  };

  explicit StepwiseDense(const Options& options);

  size_t inputs() const override { return options_.steps * options_.features; }
  size_t outputs() const override { return options_.steps * options_.units; }
  bool mix() override;
  LayerTraits traits() const override {
    return {.activation = options_.activation,
            .softmax_places = options_.activation == Activation::softmax ? options_.steps : 1,
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
  ProductWeights<T> weights_;
  bool mixed_ = false;
};

template <class T>
std::unique_ptr<Layer<T>> StepwiseDenseSettings::make(size_t inputs) const {
  const size_t features = quotient(inputs, steps, "steps");
  return std::make_unique<StepwiseDense<T>>(typename StepwiseDense<T>::Options{.steps = steps,
                                                                               .features = features,
                                                                               .units = units,
                                                                               .activation = activation,
                                                                               .l1 = l1,
                                                                               .l2 = l2,
                                                                               .use_bias = use_bias});
}

}  // namespace chainrule
