// The parameters of a layer: matrices in panels [columns / 16][rows][16], one after the other. They are stored in the
// network's array of parameters; users see plain row-major matrices.
#pragma once

#include <optional>
#include <vector>

#include "base/team.hpp"
#include "layers/gradient_target.hpp"
#include "layers/signal.hpp"

namespace chainrule {

// A vector is a matrix of one row. Weights are penalised and decayed; biases and the like are not.
struct PanelMatrix {
  size_t rows, columns;
  bool is_weight;
  // The columns are divided into so many equal parts, each of which begins a panel.
  size_t parts = 1;
  // Users do not see it, as it is a bias that a layer goes without: zero, and never changed.
  bool is_hidden = false;

  size_t part_columns() const { return columns / parts; }
  size_t part_panels() const { return panel_count(part_columns()); }
  size_t panels() const { return parts * part_panels(); }
  size_t plain_size() const { return is_hidden ? 0 : rows * columns; }
  size_t packed_size() const { return panels() * rows * panel_width; }
};

template <class T>
class PanelParameters {
 public:
  // A layer without parameters.
  PanelParameters() = default;
  PanelParameters(std::vector<PanelMatrix> matrices, double l1, double l2);

  // The number of parameters that users see, and the number that is stored: a multiple of 16, with zeros as padding.
  size_t count() const;
  size_t packed_size() const { return offsets_.back(); }
  void pack(const T* plain, T* packed) const;
  void unpack(const T* packed, T* plain) const;

  size_t matrix_count() const { return matrices_.size(); }
  const PanelMatrix& matrix(size_t i) const { return matrices_[i]; }
  // The bias of a layer that may go without.
  static PanelMatrix bias(size_t columns, bool is_used) {
    return {.rows = 1, .columns = columns, .is_weight = false, .is_hidden = !is_used};
  }
  // Where a matrix begins in arrays that are laid out as the parameters.
  size_t offset(size_t i) const { return offsets_[i]; }

  // The array in which the parameters are from now on.
  void bind(T* values) { values_ = values; }
  const T* panels(size_t i) const { return values_ + offsets_[i]; }
  T* panels(size_t i) { return values_ + offsets_[i]; }
  // A matrix with its optimiser state, as kernels update it.
  Parameters<T> updatable(size_t i, const GradientTarget<T>& target);

  // Adds the penalties' gradient to a stored gradient, and clips it by value.
  void regularize(T* gradient, T clip_value);
  // Updates from a stored gradient, to which the penalties' is added unless it is there already. A team divides the
  // parameters.
  void update(const Team& team, const GradientTarget<T>& target, bool is_regularized);

  // Penalties on the weights: l2 / 2 |w|^2 + l1 |w|_1.
  void set_penalties(double l1, double l2);
  // The factors of a step's rate and weight decay: one per matrix that users see. Without a decay factor, weights have
  // 1 and other matrices 0.
  void set_factors(const std::vector<double>& rate, const std::vector<std::optional<double>>& decay);
  bool penalized() const { return l1_ > 0 || l2_ > 0; }
  double penalty() const;

 private:
  struct Factors {
    T rate, decay;
  };

  std::vector<PanelMatrix> matrices_;
  std::vector<size_t> offsets_{0};
  std::vector<Factors> factors_;  // one per matrix
  double l1_ = 0, l2_ = 0;
  T* values_ = nullptr;
};

// In the header, as it is called for each row of a sparse layer.
template <class T>
Parameters<T> PanelParameters<T>::updatable(size_t i, const GradientTarget<T>& target) {
  const bool is_weight = matrices_[i].is_weight;
  const Parameters<T> all = {.values = values_,
                             .slots = {target.slots[0], target.slots[1], target.slots[2]},
                             .l1 = is_weight ? T(l1_) : T(0),
                             .l2 = is_weight ? T(l2_) : T(0),
                             .rate_factor = factors_[i].rate,
                             .decay_factor = factors_[i].decay};
  return offset_by(all, offsets_[i]);
}

}  // namespace chainrule
