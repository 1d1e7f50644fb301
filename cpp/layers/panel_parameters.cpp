#include "layers/panel_parameters.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace chainrule {

namespace {

// Calls move(packed offset, plain offset, count) for each run of a matrix that is contiguous in both layouts.
template <class Move>
void for_each_run(const PanelMatrix& matrix, Move move) {
  for (size_t row = 0; row < matrix.rows; ++row) {
    for (size_t panel = 0; panel < matrix.panels(); ++panel) {
      const size_t first = panel % matrix.part_panels() * panel_width;
      const size_t column = panel / matrix.part_panels() * matrix.part_columns() + first;
      const size_t left = matrix.part_columns() - first;
      move((panel * matrix.rows + row) * panel_width, row * matrix.columns + column,
           left < panel_width ? left : panel_width);
    }
  }
}

}  // namespace

template <class T>
PanelParameters<T>::PanelParameters(std::vector<PanelMatrix> matrices, double l1, double l2)
    : matrices_(std::move(matrices)), l1_(l1), l2_(l2) {
  for (const PanelMatrix& matrix : matrices_) {
    offsets_.push_back(offsets_.back() + matrix.packed_size());
    factors_.push_back({T(1), T(matrix.is_weight)});
  }
}

template <class T>
size_t PanelParameters<T>::count() const {
  size_t count = 0;
  for (const PanelMatrix& matrix : matrices_) count += matrix.plain_size();
  return count;
}

template <class T>
void PanelParameters<T>::pack(const T* plain, T* packed) const {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    T* to = packed + offsets_[i];
    if (matrices_[i].is_hidden) {
      std::fill_n(to, matrices_[i].packed_size(), T(0));
      continue;
    }
    for_each_run(matrices_[i], [&](size_t at, size_t from, size_t count) { copy_panel(plain + from, to + at, count); });
    plain += matrices_[i].plain_size();
  }
}

template <class T>
void PanelParameters<T>::unpack(const T* packed, T* plain) const {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    const T* from = packed + offsets_[i];
    if (matrices_[i].is_hidden) continue;
    for_each_run(matrices_[i], [&](size_t at, size_t to, size_t count) { copy_panel(from + at, plain + to, count); });
    plain += matrices_[i].plain_size();
  }
}

template <class T>
void PanelParameters<T>::regularize(T* gradient, T clip_value) {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    kernels<T>().regularize(updatable(i, {}), gradient + offsets_[i], matrices_[i].packed_size(), clip_value);
  }
}

template <class T>
void PanelParameters<T>::update(const Team& team, const GradientTarget<T>& target, bool is_regularized) {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    Parameters<T> parameters = updatable(i, target);
    if (is_regularized) parameters.l1 = parameters.l2 = T(0);
    const Range own = team.share(matrices_[i].packed_size() / panel_width);
    const size_t begin = own.begin * panel_width;
    kernels<T>().update(offset_by(parameters, begin), target.gradient + offsets_[i] + begin, own.size() * panel_width,
                        *target.update);
  }
}

template <class T>
void PanelParameters<T>::set_penalties(double l1, double l2) {
  l1_ = l1;
  l2_ = l2;
}

template <class T>
void PanelParameters<T>::set_factors(const std::vector<double>& rate, const std::vector<std::optional<double>>& decay) {
  const auto is_seen = [](const PanelMatrix& matrix) { return !matrix.is_hidden; };
  const size_t seen = size_t(std::count_if(matrices_.begin(), matrices_.end(), is_seen));
  if (rate.size() != seen || decay.size() != seen) {
    throw std::invalid_argument("factors must be one per matrix of parameters, of which the layer has " +
                                std::to_string(seen));
  }
  for (size_t i = 0, k = 0; i < matrices_.size(); ++i) {
    if (!is_seen(matrices_[i])) continue;
    factors_[i] = {T(rate[k]), T(decay[k].value_or(matrices_[i].is_weight))};
    ++k;
  }
}

template <class T>
double PanelParameters<T>::penalty() const {
  double sum = 0;
  for (size_t i = 0; i < matrices_.size(); ++i) {
    if (!matrices_[i].is_weight) continue;
    const T* weights = panels(i);
    const size_t count = matrices_[i].packed_size();
    double penalty = 0;
    if (l2_ > 0) penalty += 0.5 * l2_ * kernels<T>().square_sum(weights, count);
    if (l1_ > 0) {
      double absolute = 0;
      for (size_t k = 0; k < count; ++k) absolute += std::abs(double(weights[k]));
      penalty += l1_ * absolute;
    }
    sum += penalty;
  }
  return sum;
}

template class PanelParameters<float>;
template class PanelParameters<double>;

}  // namespace chainrule
