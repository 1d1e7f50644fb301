// An embedding of numbers: of each feature x are made `units` values, a piecewise linear function each,
// z = b + x s + sum over bins k of c_k v_k, where c_k is the share of bin k that is below x. The first bin begins, and
// the last one ends, nowhere: their shares have no bounds there. Of one x, all shares but one are 0 or 1, so that the
// sums of the full bins below a bin are computed once per step, and x reads two rows of the table.
#pragma once

#include <vector>

#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct PiecewiseLinearSettings {
  static constexpr const char* name = "PiecewiseLinearSettings";

  std::vector<size_t> bins;  // of each feature, at least one
  size_t units;

  static constexpr auto fields() {
    using S = PiecewiseLinearSettings;
    return std::tuple(field("bins", &S::bins), field("units", &S::units));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class PiecewiseLinear final : public StoredGradientLayer<T> {
 public:
  PiecewiseLinear(const std::vector<size_t>& bins, size_t units);

  size_t inputs() const override { return features_; }
  size_t outputs() const override { return features_ * units_; }
  bool mix() override { return false; }
  LayerTraits traits() const override;

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
  void prepare_backward(bool passes_deltas) override;
  std::span<T> sums_next_to_gradient() override { return {passed_.data(), passed_.size()}; }

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  // Adds what samples in a bin do for the bins below it.
  void complete(const Team&, T* gradient) override;
  bool derives() const override { return true; }
  void derive(const Team&) override;

 private:
  enum Part : size_t { weights, slopes, bias };

  // Where a number is: the row of its bin in the table, and the share of the bin that is below it.
  struct Spot {
    size_t row;
    T width, share;
  };

  size_t row_count() const { return first_row_.back(); }
  Spot spot_of(size_t feature, T x) const;
  // Where a row begins in an array that is laid out as a matrix of so many rows.
  static size_t at(size_t row, size_t panel, size_t rows) { return (panel * rows + row) * panel_width; }

  size_t features_, units_;
  std::vector<size_t> first_row_;  // of each feature in the table; the edges begin at first_row_[f] + f
  AlignedArray<T> below_;          // for each bin, b + sum of v_k over the bins below it
  // For each bin, the deltas of the samples in it, which are added to the gradients of the bins below it once the batch
  // is complete. Zero between steps.
  mutable AlignedArray<T> passed_;
};

template <class T>
std::unique_ptr<Layer<T>> PiecewiseLinearSettings::make(size_t inputs) const {
  constexpr size_t most = size_t(1) << 24;
  if (bins.size() != inputs) {
    throw std::invalid_argument("bins must be one number for each of the " + std::to_string(inputs) + " inputs, got " +
                                std::to_string(bins.size()));
  }
  for (const size_t count : bins) {
    if (count == 0 || count > most) throw std::invalid_argument("bins must be from 1 to " + std::to_string(most));
  }
  if (units == 0) throw std::invalid_argument("units must be at least 1");
  return std::make_unique<PiecewiseLinear<T>>(bins, units);
}

}  // namespace chainrule
