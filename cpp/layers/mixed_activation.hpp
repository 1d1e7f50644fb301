// An activation that each feature mixes with the identity by a learned share: z = x + s (f(x) - x). A sample's values
// are (places, features), as in normalisation.hpp.
#pragma once

#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct MixedActivationSettings {
  static constexpr const char* name = "MixedActivationSettings";

  size_t features;
  Activation activation;  // not softmax

  static constexpr auto fields() {
    using S = MixedActivationSettings;
    return std::tuple(field("features", &S::features), field("activation", &S::activation));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class MixedActivation final : public StoredGradientLayer<T> {
 public:
  MixedActivation(size_t places, size_t features, Activation activation);

  size_t inputs() const override { return size(); }
  size_t outputs() const override { return size(); }
  LayerTraits traits() const override { return {.work = size(), .kept_size = 3 * width()}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  // dE/ds = sum of delta (f(x) - x), over samples and places in their order.
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;

 private:
  size_t size() const { return places_ * features_; }
  size_t width() const { return whole_panels(size()); }
  // What is kept of a sample: x, f(x), and deltas of f(x) on the way back.
  Rows<T> kept_rows(const Signal<T>& above, const Range& rows) const;

  size_t places_, features_;
  Activation activation_;
};

template <class T>
std::unique_ptr<Layer<T>> MixedActivationSettings::make(size_t inputs) const {
  if (activation == Activation::softmax) throw std::invalid_argument("a softmax cannot be mixed with the identity");
  return std::make_unique<MixedActivation<T>>(quotient(inputs, features, "features"), features, activation);
}

}  // namespace chainrule
