#include "layers/mixed_activation.hpp"

#include <algorithm>

namespace chainrule {

template <class T>
MixedActivation<T>::MixedActivation(size_t places, size_t features, Activation activation)
    : StoredGradientLayer<T>({{{.rows = 1, .columns = features, .is_weight = false}}, 0, 0}),
      places_(places),
      features_(features),
      activation_(activation) {}

namespace {

// to = from + share (mixed - from), for each place of a row.
template <class T>
void mix(const T* from, const T* mixed, const T* shares, size_t places, size_t features, T* to) {
  for (size_t place = 0; place < places; ++place, from += features, mixed += features, to += features) {
    for (size_t k = 0; k < features; ++k) to[k] = from[k] + shares[k] * (mixed[k] - from[k]);
  }
}

}  // namespace

template <class T>
Rows<T> MixedActivation<T>::kept_rows(const Signal<T>& above, const Range& rows) const {
  return {.pre_activations = above.kept,
          .activations = above.kept + width(),
          .deltas = above.kept + 2 * width(),
          .stride = above.kept_stride,
          .outputs = size(),
          .rows = rows,
          .activation = activation_};
}

// In prediction, f(x) is where z is stored after it.
template <class T>
void MixedActivation<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                 const Pass&) const {
  const Range rows = team.share_rows(samples);
  Rows<T> computed = {.pre_activations = above.activations,
                      .activations = above.activations,
                      .deltas = nullptr,
                      .stride = above.stride,
                      .outputs = size(),
                      .rows = rows,
                      .activation = activation_};
  if (above.kept != nullptr) computed = kept_rows(above, rows);
  copy_rows(below.activations, below.stride, computed.pre_activations, computed.stride, rows, size());
  kernels<T>().activate(computed);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    mix(below.activations + row * below.stride, computed.activations + row * computed.stride, this->panels(0), places_,
        features_, above.activations + row * above.stride);
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void MixedActivation<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                  const Pass&) const {
  const Range rows = team.share_rows(samples);
  const Rows<T> kept = kept_rows(above, rows);
  copy_rows(above.deltas, above.stride, kept.deltas, kept.stride, rows, size());
  kernels<T>().activation_gradient(kept);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    mix(above.deltas + row * above.stride, kept.deltas + row * kept.stride, this->panels(0), places_, features_,
        below.deltas + row * below.stride);
  }
  multiply_by_derivative(below, rows);
}

template <class T>
void MixedActivation<T>::add_gradient(const Team& team, const Signal<T>&, const Signal<T>& above, size_t samples,
                                      T* gradient) const {
  const Range panels = team.share(panel_count(features_));
  const size_t first = panels.begin * panel_width, last = std::min(panels.end * panel_width, features_);
  T* const sums = this->panels_of(gradient, 0);
  const Rows<T> kept = kept_rows(above, {0, samples});
  for (size_t row = 0; row < samples; ++row) {
    const T* x = kept.pre_activations + row * kept.stride;
    const T* f = kept.activations + row * kept.stride;
    const T* delta = above.deltas + row * above.stride;
    for (size_t place = 0; place < places_; ++place, x += features_, f += features_, delta += features_) {
      for (size_t k = first; k < last; ++k) sums[k] += delta[k] * (f[k] - x[k]);
    }
  }
}

template class MixedActivation<float>;
template class MixedActivation<double>;

}  // namespace chainrule
