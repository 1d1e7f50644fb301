// A layer that only applies an activation: z = x, a = f(z).
#pragma once

#include <optional>
#include <string>

#include "layers/layer.hpp"
#include "layers/settings.hpp"

namespace chainrule {

// Throws std::invalid_argument for an unknown name, and for an alpha that is not above zero or that it does not have.
Activation activation_named(const std::string& name, std::optional<double> alpha);

struct ActivationSettings {
  static constexpr const char* name = "ActivationSettings";

  Activation activation;
  size_t places;  // steps or pixels, at each of which a softmax is taken

  static constexpr auto fields() {
    using S = ActivationSettings;
    return std::tuple(field("activation", &S::activation), field("places", &S::places));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class ActivationLayer final : public Layer<T> {
 public:
  ActivationLayer(size_t size, Activation activation, size_t places)
      : size_(size), activation_(activation), places_(places) {}

  size_t inputs() const override { return size_; }
  size_t outputs() const override { return size_; }
  LayerTraits traits() const override {
    return {.activation = activation_,
            .softmax_places = activation_ == Activation::softmax ? places_ : 1,
            .work = size_,
            .keeps_pre_activations = derivative_needs_pre_activation(activation_),
            .keeps_layout = activation_ != Activation::softmax,
            .deltas_in_place = true,
            .trains_in_place = true,
            .predicts_in_place = true,
            .finishing = activation_ == Activation::softmax ? Finishing::none : Finishing::activation};
  }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
  void add_to(Finish<T>&) const override;

 private:
  size_t size_;
  Activation activation_;
  size_t places_;
};

template <class T>
std::unique_ptr<Layer<T>> ActivationSettings::make(size_t inputs) const {
  quotient(inputs, places, "places");
  return std::make_unique<ActivationLayer<T>>(inputs, activation, places);
}

}  // namespace chainrule
