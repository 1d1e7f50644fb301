#include "layers/activation.hpp"

namespace chainrule {

template <class T>
void ActivationLayer<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                 const Pass&) const {
  const Range rows = team.share_rows(samples);
  copy_rows(below.activations, below.stride, above.pre_activations, above.stride, rows, size_);
  activate(above, rows);
}

template <class T>
void ActivationLayer<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                  const Pass&) const {
  pass_deltas_on(above, below, team.share_rows(samples));
}

template class ActivationLayer<float>;
template class ActivationLayer<double>;

}  // namespace chainrule
