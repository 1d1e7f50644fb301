#include "layers/panel_layer.hpp"

#include <cstring>

namespace chainrule {

namespace {

// Calls move(packed offset, plain offset) for each element of a matrix.
template <class Matrix, class Move>
void for_each_element(const Matrix& matrix, Move move) {
  for (size_t row = 0; row < matrix.rows; ++row) {
    for (size_t column = 0; column < matrix.columns; ++column) {
      const size_t within = column % matrix.part_columns();
      const size_t panel = column / matrix.part_columns() * matrix.part_panels() + within / panel_width;
      move((panel * matrix.rows + row) * panel_width + within % panel_width, row * matrix.columns + column);
    }
  }
}

}  // namespace

template <class T>
PanelLayer<T>::PanelLayer(std::vector<Matrix> matrices, double l1, double l2)
    : matrices_(std::move(matrices)), offsets_(1), l1_(l1), l2_(l2) {
  for (const Matrix& matrix : matrices_) offsets_.push_back(offsets_.back() + matrix.packed_size());
}

template <class T>
size_t PanelLayer<T>::parameter_count() const {
  size_t count = 0;
  for (const Matrix& matrix : matrices_) count += matrix.rows * matrix.columns;
  return count;
}

template <class T>
void PanelLayer<T>::pack(const T* plain, T* packed) const {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    T* to = packed + offsets_[i];
    for_each_element(matrices_[i], [&](size_t at, size_t from) { to[at] = plain[from]; });
    plain += matrices_[i].rows * matrices_[i].columns;
  }
}

template <class T>
void PanelLayer<T>::unpack(const T* packed, T* plain) const {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    const T* from = packed + offsets_[i];
    for_each_element(matrices_[i], [&](size_t at, size_t to) { plain[to] = from[at]; });
    plain += matrices_[i].rows * matrices_[i].columns;
  }
}

template <class T>
void PanelLayer<T>::bind(T* parameters) {
  parameters_ = parameters;
  derive(Team());
}

template <class T>
void PanelLayer<T>::prepare_gradient() {
  if (gradient_.empty()) gradient_ = AlignedArray<T>(packed_size());
}

template <class T>
void PanelLayer<T>::gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                             const GradientTarget<T>& target) const {
  if (target.update == nullptr) {
    if (!target.accumulate) {
      const Range part = team.share(packed_size());
      std::memset(target.gradient + part.begin, 0, part.size() * sizeof(T));
      team.barrier();
    }
    return add_gradient(team, below, above, samples, target.gradient);
  }
  add_gradient(team, below, above, samples, gradient_.data());
  team.barrier();
  for (size_t i = 0; i < matrices_.size(); ++i) {
    const Range part = team.share(matrices_[i].packed_size() / panel_width);
    const size_t begin = part.begin * panel_width;
    T* const gradient = gradient_.data() + offsets_[i] + begin;
    kernels<T>().update(from_place(parameters_of(i, target), begin), gradient, part.size() * panel_width,
                        *target.update);
    std::memset(gradient, 0, part.size() * panel_width * sizeof(T));
  }
}

template <class T>
Parameters<T> PanelLayer<T>::parameters_of(size_t i, const GradientTarget<T>& target) const {
  const bool decays = matrices_[i].is_weight;
  const Parameters<T> all = {parameters_,
                             {target.slots[0], target.slots[1], target.slots[2]},
                             decays ? T(l1_) : T(0),
                             decays ? T(l2_) : T(0),
                             decays ? target.shrink : T(0)};
  return from_place(all, offsets_[i]);
}

template <class T>
void PanelLayer<T>::regularize(T* gradient, T clip_value) const {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    kernels<T>().regularize(parameters_of(i, {}), gradient + offsets_[i], matrices_[i].packed_size(), clip_value);
  }
}

// The stored gradient has been regularised already: the penalties must not come twice.
template <class T>
void PanelLayer<T>::update(const GradientTarget<T>& target) const {
  for (size_t i = 0; i < matrices_.size(); ++i) {
    Parameters<T> parameters = parameters_of(i, target);
    parameters.l1 = parameters.l2 = T(0);
    kernels<T>().update(parameters, target.gradient + offsets_[i], matrices_[i].packed_size(), *target.update);
  }
}

template <class T>
void PanelLayer<T>::finish_update(const Team& team) {
  if (!derives()) return;
  team.barrier();
  derive(team);
}

template <class T>
void PanelLayer<T>::set_penalties(double l1, double l2) {
  l1_ = l1;
  l2_ = l2;
}

template <class T>
double PanelLayer<T>::penalty() const {
  double penalty = 0;
  for (size_t i = 0; i < matrices_.size(); ++i) {
    if (matrices_[i].is_weight) penalty += penalty_of(panels(i), matrices_[i].packed_size(), l1_, l2_);
  }
  return penalty;
}

template class PanelLayer<float>;
template class PanelLayer<double>;

}  // namespace chainrule
