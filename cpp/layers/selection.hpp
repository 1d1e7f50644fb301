// Some of the features of each place, in a given order: z_k = x_chosen(k). A sample's values are (places, features), as
// in normalisation.hpp.
#pragma once

#include <vector>

#include "layers/layer.hpp"
#include "layers/settings.hpp"

namespace chainrule {

struct SelectSettings {
  static constexpr const char* name = "SelectSettings";

  size_t features;
  std::vector<size_t> chosen;  // each below the number of features

  static constexpr auto fields() {
    using S = SelectSettings;
    return std::tuple(field("features", &S::features), field("chosen", &S::chosen));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Select final : public Layer<T> {
 public:
  Select(size_t places, size_t features, std::vector<size_t> chosen)
      : places_(places), features_(features), chosen_(std::move(chosen)) {}

  size_t inputs() const override { return places_ * features_; }
  size_t outputs() const override { return places_ * chosen_.size(); }
  LayerTraits traits() const override { return {.work = outputs()}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  // A feature that is chosen several times gets the sum of its deltas, in their order.
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t places_, features_;
  std::vector<size_t> chosen_;
};

template <class T>
std::unique_ptr<Layer<T>> SelectSettings::make(size_t inputs) const {
  const size_t places = quotient(inputs, features, "features");
  for (const size_t feature : chosen) {
    if (feature >= features) {
      throw std::invalid_argument("chosen must be below " + std::to_string(features) + ", got " +
                                  std::to_string(feature));
    }
  }
  if (chosen.empty()) throw std::invalid_argument("chosen must have at least one feature, got none");
  return std::make_unique<Select<T>>(places, features, chosen);
}

}  // namespace chainrule
