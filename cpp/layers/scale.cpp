#include "layers/scale.hpp"

#include <algorithm>

namespace chainrule {

template <class T>
Scale<T>::Scale(size_t places, size_t features)
    : StoredGradientLayer<T>({{{.rows = 1, .columns = features, .is_weight = false}}, 0, 0}),
      places_(places),
      features_(features) {}

namespace {

// to = from s, for each place of a row.
template <class T>
void multiply(const T* from, const T* factors, size_t places, size_t features, T* to) {
  for (size_t place = 0; place < places; ++place, from += features, to += features) {
    multiply_values(from, factors, features, to);
  }
}

}  // namespace

template <class T>
void Scale<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                       const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    multiply(below.activations + row * below.stride, this->panels(0), places_, features_,
             above.activations + row * above.stride);
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void Scale<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                        const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    multiply(above.deltas + row * above.stride, this->panels(0), places_, features_, below.deltas + row * below.stride);
  }
  multiply_by_derivative(below, rows);
}

template <class T>
void Scale<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                            T* gradient) const {
  const Range panels = team.share(panel_count(features_));
  const size_t first = panels.begin * panel_width, last = std::min(panels.end * panel_width, features_);
  T* const sums = this->panels_of(gradient, 0);
  for (size_t row = 0; row < samples; ++row) {
    const T* x = below.activations + row * below.stride;
    const T* delta = above.deltas + row * above.stride;
    for (size_t place = 0; place < places_; ++place, x += features_, delta += features_) {
      for (size_t k = first; k < last; ++k) sums[k] += delta[k] * x[k];
    }
  }
}

template class Scale<float>;
template class Scale<double>;

}  // namespace chainrule
