#include "layers/rescaling.hpp"

namespace chainrule {

template <class T, class Map>
void Rescaling<T, Map>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                const Pass&) const {
  const T* const first = this->statistics_;
  const T* const second = this->statistics_ + features_;
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    const T* x = below.activations + row * below.stride;
    T* z = above.activations + row * above.stride;
    for (size_t place = 0; place < places_; ++place, x += features_, z += features_) {
      for (size_t k = 0; k < features_; ++k) z[k] = Map::value(x[k], first[k], second[k]);
    }
  }
  copy_to_pre_activations(above, rows);
}

template <class T, class Map>
void Rescaling<T, Map>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                 const Pass&) const {
  const T* const first = this->statistics_;
  const T* const second = this->statistics_ + features_;
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    const T* delta = above.deltas + row * above.stride;
    T* to = below.deltas + row * below.stride;
    for (size_t place = 0; place < places_; ++place, delta += features_, to += features_) {
      for (size_t k = 0; k < features_; ++k) to[k] = Map::delta(delta[k], first[k], second[k]);
    }
  }
  multiply_by_derivative(below, rows);
}

template class Rescaling<float, Normalize>;
template class Rescaling<float, Rescale>;
template class Rescaling<double, Normalize>;
template class Rescaling<double, Rescale>;

}  // namespace chainrule
