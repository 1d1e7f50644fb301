// Normalisation over the features of each place (Ba, Kiros and Hinton 2016).
#pragma once

#include "layers/normalisation.hpp"

namespace chainrule {

struct LayerNormSettings {
  static constexpr const char* name = "LayerNormSettings";

  size_t features;
  double epsilon;

  static constexpr auto fields() {
    using S = LayerNormSettings;
    return std::tuple(field("features", &S::features), field("epsilon", &S::epsilon));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class LayerNorm final : public Normalisation<T> {
 public:
  LayerNorm(size_t size, size_t features, double epsilon) : Normalisation<T>(size, features, epsilon) {}

  // Keeps x^, and 1 / sqrt(variance + epsilon) of each place.
  LayerTraits traits() const override {
    LayerTraits traits = Normalisation<T>::traits();
    traits.kept_size = this->places_ * this->features_ + this->places_;
    return traits;
  }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  // dE/dgamma = sum of delta x^, dE/dbeta = sum of delta, over samples and places in their order.
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  NormalisedPlaces<T> sample(const Signal<T>& below, const Signal<T>& above, size_t row) const;
};

template <class T>
std::unique_ptr<Layer<T>> LayerNormSettings::make(size_t inputs) const {
  quotient(inputs, features, "features");
  return std::make_unique<LayerNorm<T>>(inputs, features, epsilon);
}

}  // namespace chainrule
