#include "layers/periodic.hpp"

namespace chainrule {

template <class T>
Periodic<T>::Periodic(size_t features, size_t waves, size_t mixed)
    : StoredGradientLayer<T>({{{.rows = waves, .columns = features, .is_weight = false},
                               {.rows = waves, .columns = features, .is_weight = false},
                               {.rows = waves * mixed, .columns = features, .is_weight = true},
                               {.rows = mixed, .columns = features, .is_weight = false}},
                              0,
                              0}),
      features_(features),
      waves_(waves),
      mixed_(mixed) {}

// A cosine takes about ten multiply-adds.
template <class T>
LayerTraits Periodic<T>::traits() const {
  return {.work = features_ * waves_ * (10 + mixed_)};
}

template <class T>
Waves<T> Periodic<T>::waves_of(const Signal<T>& below, const Signal<T>& above, const Range& rows) const {
  return {.features = features_,
          .waves = waves_,
          .mixed = mixed_,
          .values = {this->panels(frequencies), this->panels(phases), this->panels(weights), this->panels(bias)},
          .rows = rows,
          .inputs = below.activations,
          .input_stride = below.stride,
          .outputs = above.activations,
          .output_stride = above.stride,
          .deltas = above.deltas,
          .input_deltas = below.deltas};
}

template <class T>
void Periodic<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                          const Pass&) const {
  const Range rows = team.share_rows(samples);
  kernels<T>().waves_forward(waves_of(below, above, rows));
  copy_to_pre_activations(above, rows);
}

template <class T>
void Periodic<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                           const Pass&) const {
  const Range rows = team.share_rows(samples);
  kernels<T>().waves_backward(waves_of(below, above, rows));
  multiply_by_derivative(below, rows);
}

template <class T>
void Periodic<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               T* gradient) const {
  Waves<T> args = waves_of(below, above, {0, samples});
  args.gradient = {this->panels_of(gradient, frequencies), this->panels_of(gradient, phases),
                   this->panels_of(gradient, weights), this->panels_of(gradient, bias)};
  kernels<T>().waves_gradient(args, team.share(panel_count(features_)));
}

template class Periodic<float>;
template class Periodic<double>;

}  // namespace chainrule
