// Fixed affine maps of each feature, which bring samples to the scale on which networks learn. Their two numbers per
// feature are statistics, which no gradient changes. A sample's values are (places, features), as in normalisation.hpp.
#pragma once

#include "layers/layer.hpp"
#include "layers/settings.hpp"

namespace chainrule {

struct NormalizationSettings {
  static constexpr const char* name = "NormalizationSettings";

  size_t features;

  static constexpr auto fields() { return std::tuple(field("features", &NormalizationSettings::features)); }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

struct RescaleSettings {
  static constexpr const char* name = "RescaleSettings";

  size_t features;

  static constexpr auto fields() { return std::tuple(field("features", &RescaleSettings::features)); }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// z = (x - mean) / deviation
struct Normalize {
  template <class T>
  static T value(T x, T mean, T deviation) {
    return (x - mean) / deviation;
  }
  template <class T>
  static T delta(T above, T /*mean*/, T deviation) {
    return above / deviation;
  }
};

// z = x factor + offset
struct Rescale {
  template <class T>
  static T value(T x, T factor, T offset) {
    return x * factor + offset;
  }
  template <class T>
  static T delta(T above, T factor, T /*offset*/) {
    return above * factor;
  }
};

template <class T, class Map>
class Rescaling final : public Layer<T> {
 public:
  Rescaling(size_t places, size_t features) : places_(places), features_(features) {}

  size_t inputs() const override { return places_ * features_; }
  size_t outputs() const override { return places_ * features_; }
  LayerTraits traits() const override {
    return {.work = places_ * features_, .statistics_size = 2 * features_, .predicts_in_place = true};
  }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t places_, features_;
};

template <class T>
std::unique_ptr<Layer<T>> NormalizationSettings::make(size_t inputs) const {
  return std::make_unique<Rescaling<T, Normalize>>(quotient(inputs, features, "features"), features);
}

template <class T>
std::unique_ptr<Layer<T>> RescaleSettings::make(size_t inputs) const {
  return std::make_unique<Rescaling<T, Rescale>>(quotient(inputs, features, "features"), features);
}

}  // namespace chainrule
