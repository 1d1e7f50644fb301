#include "layers/piecewise_linear.hpp"

#include <algorithm>
#include <numeric>

namespace chainrule {

namespace {

size_t total(const std::vector<size_t>& bins) { return std::accumulate(bins.begin(), bins.end(), size_t(0)); }

// A panel of a row, or as much as there is of it.
template <class T>
struct Run {
  T values[panel_width] = {};

  Run() = default;
  Run(const T* from, size_t count) { copy_panel(from, values, count); }
};

// to += factor * from
template <class T>
void add_product(T factor, const Run<T>& from, T* to) {
  for (size_t k = 0; k < panel_width; ++k) to[k] += factor * from.values[k];
}

template <class T>
void add_panel(const T* from, T* to) {
  for (size_t k = 0; k < panel_width; ++k) to[k] += from[k];
}

template <class T>
T dot(const T* a, const T* b, size_t count) {
  T sum = 0;
  for (size_t k = 0; k < count; ++k) sum += a[k] * b[k];
  return sum;
}

}  // namespace

template <class T>
PiecewiseLinear<T>::PiecewiseLinear(const std::vector<size_t>& bins, size_t units)
    : StoredGradientLayer<T>({{{.rows = total(bins), .columns = units, .is_weight = true},
                               {.rows = bins.size(), .columns = units, .is_weight = false},
                               {.rows = bins.size(), .columns = units, .is_weight = false}},
                              0,
                              0}),
      features_(bins.size()),
      units_(units),
      first_row_(features_ + 1),
      below_(this->matrix(weights).packed_size()) {
  std::partial_sum(bins.begin(), bins.end(), first_row_.begin() + 1);
}

// To find a bin takes about as long as 16 multiply-adds.
template <class T>
LayerTraits PiecewiseLinear<T>::traits() const {
  return {.work = features_ * (panel_width + 2 * whole_panels(units_)), .statistics_size = row_count() + features_};
}

// The number of inner edges up to x, which is that of its bin, without branches that no one can predict.
template <class T>
auto PiecewiseLinear<T>::spot_of(size_t feature, T x) const -> Spot {
  const T* const edges = this->statistics_ + first_row_[feature] + feature;
  const T* inner = edges + 1;
  size_t left = first_row_[feature + 1] - first_row_[feature] - 1;
  for (; left > 1; left -= left / 2) inner += size_t(inner[left / 2 - 1] <= x) * (left / 2);
  const size_t bin = size_t(inner - edges) - 1 + size_t(left == 1 && *inner <= x);
  const T width = edges[bin + 1] - edges[bin];
  return {first_row_[feature] + bin, width, (x - edges[bin]) / width};
}

template <class T>
void PiecewiseLinear<T>::derive(const Team& team) {
  const Range own = team.share(features_);
  for (size_t panel = 0; panel < panel_count(units_); ++panel) {
    for (size_t f = own.begin; f < own.end; ++f) {
      const T* before = this->panels(bias) + at(f, panel, features_);
      T* to = below_.data() + at(first_row_[f], panel, row_count());
      const T* from = this->panels(weights) + at(first_row_[f], panel, row_count());
      copy_panel(before, to, panel_width);
      for (size_t row = first_row_[f] + 1; row < first_row_[f + 1]; ++row, to += panel_width, from += panel_width) {
        for (size_t k = 0; k < panel_width; ++k) to[panel_width + k] = to[k] + from[k];
      }
    }
  }
}

template <class T>
void PiecewiseLinear<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                 const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    for (size_t f = 0; f < features_; ++f) {
      const T x = below.activations[i * below.stride + f];
      const Spot spot = spot_of(f, x);
      T* to = above.activations + i * above.stride + f * units_;
      for (size_t panel = 0; panel * panel_width < units_; ++panel, to += panel_width) {
        const size_t row = at(spot.row, panel, row_count());
        Run<T> sum(below_.data() + row, panel_width);
        add_product(x, Run<T>(this->panels(slopes) + at(f, panel, features_), panel_width), sum.values);
        add_product(spot.share, Run<T>(this->panels(weights) + row, panel_width), sum.values);
        copy_panel(sum.values, to, std::min(panel_width, units_ - panel * panel_width));
      }
    }
  }
  copy_to_pre_activations(above, rows);
}

// dE/dx = sum of delta (s + v / width), v of the bin of x
template <class T>
void PiecewiseLinear<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                  const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    for (size_t f = 0; f < features_; ++f) {
      const Spot spot = spot_of(f, below.activations[i * below.stride + f]);
      const T* delta = above.deltas + i * above.stride + f * units_;
      T by_slope = 0, by_share = 0;
      for (size_t panel = 0; panel * panel_width < units_; ++panel, delta += panel_width) {
        const size_t count = std::min(panel_width, units_ - panel * panel_width);
        by_slope += dot(delta, this->panels(slopes) + at(f, panel, features_), count);
        by_share += dot(delta, this->panels(weights) + at(spot.row, panel, row_count()), count);
      }
      below.deltas[i * below.stride + f] = by_slope + by_share / spot.width;
    }
  }
  multiply_by_derivative(below, rows);
}

// An epoch that stopped within a batch may have left sums.
template <class T>
void PiecewiseLinear<T>::prepare_backward(bool passes_deltas) {
  StoredGradientLayer<T>::prepare_backward(passes_deltas);
  const size_t size = this->matrix(weights).packed_size();
  if (passed_.empty()) passed_ = AlignedArray<T>(size);
  std::fill_n(passed_.data(), size, T(0));
}

template <class T>
void PiecewiseLinear<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                      T* gradient) const {
  const Range own = team.share(features_);
  for (size_t i = 0; i < samples; ++i) {
    for (size_t f = own.begin; f < own.end; ++f) {
      const T x = below.activations[i * below.stride + f];
      const Spot spot = spot_of(f, x);
      const T* from = above.deltas + i * above.stride + f * units_;
      for (size_t panel = 0; panel * panel_width < units_; ++panel, from += panel_width) {
        const Run<T> delta(from, std::min(panel_width, units_ - panel * panel_width));
        const size_t row = at(spot.row, panel, row_count());
        add_product(x, delta, this->panels_of(gradient, slopes) + at(f, panel, features_));
        add_product(spot.share, delta, this->panels_of(gradient, weights) + row);
        add_panel(delta.values, passed_.data() + row);
      }
    }
  }
}

template <class T>
void PiecewiseLinear<T>::complete(const Team& team, T* gradient) {
  const Range features = team.share(features_);
  for (size_t panel = 0; panel < panel_count(units_); ++panel) {
    for (size_t f = features.begin; f < features.end; ++f) {
      Run<T> sum;
      for (size_t row = first_row_[f + 1]; row-- > first_row_[f];) {
        const size_t of_row = at(row, panel, row_count());
        add_panel(sum.values, this->panels_of(gradient, weights) + of_row);
        add_panel(passed_.data() + of_row, sum.values);
        std::fill_n(passed_.data() + of_row, panel_width, T(0));
      }
      add_panel(sum.values, this->panels_of(gradient, bias) + at(f, panel, features_));
    }
  }
}

template class PiecewiseLinear<float>;
template class PiecewiseLinear<double>;

}  // namespace chainrule
