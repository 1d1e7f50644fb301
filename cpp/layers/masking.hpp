// The padding mask of sequences in one batch: a step whose features all have the padding's value is padding, wherever
// it is. Values pass unchanged; recurrent layers above read which steps are real.
#pragma once

#include <stdexcept>

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

// The indices of the steps of a sample that are not padding, in order.
template <class T>
class RealSteps {
 public:
  RealSteps() = default;
  // Without a mask, all steps are real.
  explicit RealSteps(size_t steps) : size_(steps) {}
  // From what a mask has kept of a sample: the number of real steps, followed by their indices.
  static RealSteps kept(const T* kept) {
    RealSteps real(static_cast<size_t>(kept[0]));
    real.indices_ = kept + 1;
    return real;
  }

  size_t size() const { return size_; }
  size_t operator[](size_t i) const { return indices_ == nullptr ? i : static_cast<size_t>(indices_[i]); }

  // Calls function(index) for the steps that are padding, of `steps` in all.
  template <class Function>
  void for_each_padded(size_t steps, Function function) const {
    size_t next = 0;
    for (size_t step = 0; step < steps; ++step) {
      if (next < size_ && (*this)[next] == step) {
        ++next;
      } else {
        function(step);
      }
    }
  }

 private:
  size_t size_ = 0;
  const T* indices_ = nullptr;  // null: 0, 1, ...
};

template <class T>
class Masking final : public Layer<T> {
 public:
  Masking(size_t size, size_t steps, double value) : size_(size), steps_(steps), value_(T(value)) {}

  size_t inputs() const override { return size_; }
  size_t outputs() const override { return size_; }
  LayerTraits traits() const override { return {.work = size_, .kept_size = 1 + steps_, .mask_steps = steps_}; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  void keep_real_steps(const T* sample, T* kept) const;

  size_t size_, steps_;
  T value_;
};

template <class T>
std::unique_ptr<Layer<T>> MaskingSettings::make(size_t inputs) const {
  quotient(inputs, steps, "steps");
  // Float32 holds each index up to here.
  constexpr size_t most_steps = size_t(1) << 24;
  if (steps > most_steps) throw std::invalid_argument("a mask must have at most 16777216 steps");
  return std::make_unique<Masking<T>>(inputs, steps, value);
}

}  // namespace chainrule
