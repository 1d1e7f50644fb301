// One learned factor per feature: z = x s. A sample's values are (places, features), as in normalisation.hpp.
#pragma once

#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct ScaleSettings {
  static constexpr const char* name = "ScaleSettings";

  size_t features;

  static constexpr auto fields() { return std::tuple(field("features", &ScaleSettings::features)); }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Scale final : public StoredGradientLayer<T> {
 public:
  Scale(size_t places, size_t features);

  size_t inputs() const override { return places_ * features_; }
  size_t outputs() const override { return places_ * features_; }
  LayerTraits traits() const override { return {.work = places_ * features_, .predicts_in_place = true}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  // dE/ds = sum of delta x, over samples and places in their order.
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;

 private:
  size_t places_, features_;
};

template <class T>
std::unique_ptr<Layer<T>> ScaleSettings::make(size_t inputs) const {
  return std::make_unique<Scale<T>>(quotient(inputs, features, "features"), features);
}

}  // namespace chainrule
