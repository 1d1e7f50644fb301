// Layers that draw random numbers in training. In prediction, they pass their inputs on.
#pragma once

#include <algorithm>
#include <vector>

#include "layers/drop_mask.hpp"
#include "layers/settings.hpp"

namespace chainrule {

template <class T>
class Noise : public Layer<T> {
 public:
  explicit Noise(size_t size) : size_(size) {}

  size_t inputs() const override { return size_; }
  size_t outputs() const override { return size_; }
  LayerTraits traits() const override { return {.work = size_, .deltas_in_place = true, .predicts_in_place = true}; }

 protected:
  size_t size_;
};

struct DropoutSettings {
  static constexpr const char* name = "DropoutSettings";

  double rate;
  size_t group;  // values that have the same mask

  static constexpr auto fields() {
    using S = DropoutSettings;
    return std::tuple(field("rate", &S::rate), field("group", &S::group));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// z = x m / (1 - rate), m = 0 with probability `rate`, else 1 (Srivastava et al. 2014). Each run of `group` values has
// the same m: one number per value, or one per channel (Tompson et al. 2015).
template <class T>
class Dropout final : public Noise<T> {
 public:
  Dropout(size_t size, double rate, size_t group) : Noise<T>(size), rates_{rate}, group_(group) {}

  // Keeps the mask.
  LayerTraits traits() const override {
    LayerTraits traits = Noise<T>::traits();
    traits.kept_size = (group_ + sizeof(T) - 1) / sizeof(T);
    return traits;
  }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

  bool takes_schedule() const override { return true; }
  void set_schedule(std::vector<double> rates) override { rates_ = std::move(rates); }

 private:
  static int8_t* mask_of(const Signal<T>& above, size_t sample) {
    return reinterpret_cast<int8_t*>(above.kept + sample * above.kept_stride);
  }
  double rate_in(const Pass& pass) const { return rates_[std::min(pass.step, rates_.size() - 1)]; }
  void multiply(const T* from, const int8_t* mask, T factor, T* to) const;

  std::vector<double> rates_;  // by step
  size_t group_;
};

struct GaussianNoiseSettings {
  static constexpr const char* name = "GaussianNoiseSettings";

  double deviation;

  static constexpr auto fields() {
    using S = GaussianNoiseSettings;
    return std::tuple(field("deviation", &S::deviation));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// z = x + deviation * normal.
template <class T>
class GaussianNoise final : public Noise<T> {
 public:
  GaussianNoise(size_t size, double deviation) : Noise<T>(size), deviation_(deviation) {}

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  double deviation_;
};

struct SamplingSettings {
  static constexpr const char* name = "SamplingSettings";

  double kl;

  static constexpr auto fields() {
    using S = SamplingSettings;
    return std::tuple(field("kl", &S::kl));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

// Inputs are means m, followed by log variances s: z = m + e^(s/2) normal in training, else m. The layer's own loss is
// the divergence of that distribution from the standard normal, kl (m^2 + e^s - s - 1) / 2 (Kingma and Welling 2014).
template <class T>
class Sampling final : public Noise<T> {
 public:
  Sampling(size_t size, double kl) : Noise<T>(size), kl_(kl) {}

  size_t inputs() const override { return 2 * this->size_; }
  LayerTraits traits() const override { return {.work = this->size_, .kept_size = 2 * width() + 1}; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void add_loss(const Signal<T>& below, const Signal<T>& above, const Range& samples, const T* weights,
                double* losses) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  struct Kept {
    T* deviation;  // e^(s/2)
    T* moved;      // the difference from the mean
    T* weight;     // of the divergence; add_loss sets it
  };

  size_t width() const { return whole_panels(this->size_); }
  Kept kept_of(const Signal<T>& above, size_t sample) const;
  void draw(const Signal<T>& below, const Signal<T>& above, const Range& rows, const Pass&) const;

  double kl_;
};

template <class T>
std::unique_ptr<Layer<T>> DropoutSettings::make(size_t inputs) const {
  quotient(inputs, group, "group");
  return std::make_unique<Dropout<T>>(inputs, rate, group);
}

template <class T>
std::unique_ptr<Layer<T>> GaussianNoiseSettings::make(size_t inputs) const {
  return std::make_unique<GaussianNoise<T>>(inputs, deviation);
}

template <class T>
std::unique_ptr<Layer<T>> SamplingSettings::make(size_t inputs) const {
  return std::make_unique<Sampling<T>>(inputs / 2, kl);
}

}  // namespace chainrule
