#include "layers/selection.hpp"

#include <cstring>

namespace chainrule {

template <class T>
void Select<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                        const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    const T* x = below.activations + row * below.stride;
    T* z = above.activations + row * above.stride;
    for (size_t place = 0; place < places_; ++place, x += features_, z += chosen_.size()) {
      for (size_t k = 0; k < chosen_.size(); ++k) z[k] = x[chosen_[k]];
    }
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void Select<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                         const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    const T* delta = above.deltas + row * above.stride;
    T* to = below.deltas + row * below.stride;
    std::memset(to, 0, inputs() * sizeof(T));
    for (size_t place = 0; place < places_; ++place, delta += chosen_.size(), to += features_) {
      for (size_t k = 0; k < chosen_.size(); ++k) to[chosen_[k]] += delta[k];
    }
  }
  multiply_by_derivative(below, rows);
}

template class Select<float>;
template class Select<double>;

}  // namespace chainrule
