#include "layers/layer_norm.hpp"

namespace chainrule {

template <class T>
void LayerNorm<T>::add_gradient(const Team& team, const Signal<T>&, const Signal<T>& above, size_t samples,
                                T* gradient) const {
  kernels<T>().feature_gradient(
      {{0, samples}, this->places_, this->features_, team.share(panel_count(this->features_))},
      {above.deltas, above.stride, above.kept, above.kept_stride}, this->panels_of(gradient, 0),
      this->panels_of(gradient, 1));
}

template <class T>
NormalisedPlaces<T> LayerNorm<T>::sample(const Signal<T>& below, const Signal<T>& above, size_t row) const {
  return {.inputs = below.activations + row * below.stride,
          .gamma = this->gamma(),
          .beta = this->beta(),
          .epsilon = this->epsilon_,
          .places = this->places_,
          .features = this->features_,
          .outputs = above.activations + row * above.stride,
          .kept = above.kept == nullptr ? nullptr : above.kept + row * above.kept_stride};
}

template <class T>
void LayerNorm<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) kernels<T>().normalise_places(sample(below, above, row));
  copy_to_pre_activations(above, rows);
}

template <class T>
void LayerNorm<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    kernels<T>().normalise_places_gradient(sample(below, above, row), above.deltas + row * above.stride,
                                           below.deltas + row * below.stride);
  }
  multiply_by_derivative(below, rows);
}

template class LayerNorm<float>;
template class LayerNorm<double>;

}  // namespace chainrule
