// An embedding of numbers: each feature x is followed by mixtures of its cosines, e_j = b_j + sum over waves k of w_kj
// cos(2 pi (f_k x + p_k)), with frequencies, phases, weights and biases of its own (kernels/waves.hpp).
#pragma once

#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct PeriodicSettings {
  static constexpr const char* name = "PeriodicSettings";

  size_t waves;
  size_t mixed;  // values in addition to x, at most max_mixed

  static constexpr auto fields() {
    using S = PeriodicSettings;
    return std::tuple(field("waves", &S::waves), field("mixed", &S::mixed));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Periodic final : public StoredGradientLayer<T> {
 public:
  Periodic(size_t features, size_t waves, size_t mixed);

  size_t inputs() const override { return features_; }
  size_t outputs() const override { return features_ * (1 + mixed_); }
  bool mix() override { return false; }
  LayerTraits traits() const override;

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;

 private:
  enum Part : size_t { frequencies, phases, weights, bias };

  Waves<T> waves_of(const Signal<T>& below, const Signal<T>& above, const Range& rows) const;

  size_t features_, waves_, mixed_;
};

template <class T>
std::unique_ptr<Layer<T>> PeriodicSettings::make(size_t inputs) const {
  if (waves == 0 || mixed == 0 || mixed > max_mixed) {
    throw std::invalid_argument("waves must be at least 1, and mixed 1 to " + std::to_string(max_mixed));
  }
  return std::make_unique<Periodic<T>>(inputs, waves, mixed);
}

}  // namespace chainrule
