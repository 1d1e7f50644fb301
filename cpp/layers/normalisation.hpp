// Normalisation: z = gamma x^ + beta, x^ = (x - mean) / sqrt(variance + epsilon), with one gamma and beta per feature.
// A sample's values are (places, features): the places of an image, the steps of a sequence, or the one place of a row.
// Means and variances are summed in float64.
#pragma once

#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

template <class T>
class Normalisation : public StoredGradientLayer<T> {
 public:
  size_t inputs() const override { return places_ * features_; }
  size_t outputs() const override { return places_ * features_; }
  LayerTraits traits() const override {
    return {.work = 4 * places_ * features_, .releases_outputs = true, .predicts_in_place = true};
  }

 protected:
  Normalisation(size_t size, size_t features, double epsilon)
      : StoredGradientLayer<T>({{{.rows = 1, .columns = features, .is_weight = false},
                                 {.rows = 1, .columns = features, .is_weight = false}},
                                0,
                                0}),
        places_(size / features),
        features_(features),
        epsilon_(epsilon) {}

  const T* gamma() const { return this->panels(0); }
  const T* beta() const { return this->panels(1); }

  size_t places_, features_;
  double epsilon_;
};

}  // namespace chainrule
