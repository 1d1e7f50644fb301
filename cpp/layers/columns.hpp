// Columns of codes as flags: of a code c are made `codes` values, of which number c is one and the others are zero.
// Where zero means that the code is missing, it has no flag, and all are zero.
#pragma once

#include <vector>

#include "layers/layer.hpp"
#include "layers/settings.hpp"

namespace chainrule {

struct OneHotSettings {
  static constexpr const char* name = "OneHotSettings";

  std::vector<size_t> codes;  // the number of codes of each column
  bool zero_is_missing;

  static constexpr auto fields() {
    using S = OneHotSettings;
    return std::tuple(field("codes", &S::codes), field("zero_is_missing", &S::zero_is_missing));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class OneHot final : public Layer<T> {
 public:
  OneHot(std::vector<size_t> codes, bool zero_is_missing);

  size_t inputs() const override { return codes_.size(); }
  size_t outputs() const override { return outputs_; }
  LayerTraits traits() const override { return {.work = outputs_}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  std::vector<size_t> codes_;
  size_t unseen_;  // the first codes, which have no flag
  size_t outputs_;
};

template <class T>
std::unique_ptr<Layer<T>> OneHotSettings::make(size_t inputs) const {
  if (codes.size() != inputs) {
    throw std::invalid_argument("codes must be one number for each of the " + std::to_string(inputs) + " inputs, got " +
                                std::to_string(codes.size()));
  }
  for (const size_t count : codes) {
    if (count <= size_t(zero_is_missing)) throw std::invalid_argument("codes must leave a flag for each column");
  }
  return std::make_unique<OneHot<T>>(codes, zero_is_missing);
}

}  // namespace chainrule
