// The padding mask of sequences with different lengths in one batch: a sample ends with its last step that has any
// feature other than the padding's value. Values pass unchanged; recurrent layers above read the lengths, which are
// kept.
#pragma once

#include "layers/layer.hpp"
#include "layers/settings.hpp"

namespace chainrule {

struct MaskingSettings {
  static constexpr const char* name = "MaskingSettings";

  size_t steps;
  double value;  // every feature of a padding step has it

  static constexpr auto fields() {
    using S = MaskingSettings;
    return std::tuple(field("steps", &S::steps), field("value", &S::value));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Masking final : public Layer<T> {
 public:
  Masking(size_t size, size_t steps, double value) : size_(size), steps_(steps), value_(T(value)) {}

  size_t inputs() const override { return size_; }
  size_t outputs() const override { return size_; }
  LayerTraits traits() const override { return {.work = size_, .kept_size = 1, .length_steps = steps_}; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  size_t length(const T* sample) const;

  size_t size_, steps_;
  T value_;
};

template <class T>
std::unique_ptr<Layer<T>> MaskingSettings::make(size_t inputs) const {
  quotient(inputs, steps, "steps");
  return std::make_unique<Masking<T>>(inputs, steps, value);
}

}  // namespace chainrule
