#include "layers/activation.hpp"

#include <cstring>

namespace chainrule {

template <class T>
void ActivationLayer<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                 const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    std::memcpy(above.pre_activations + i * above.stride, below.activations + i * below.stride, size_ * sizeof(T));
  }
  activate(above, rows);
}

template <class T>
void ActivationLayer<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                  const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    std::memcpy(below.deltas + i * below.stride, above.deltas + i * above.stride, size_ * sizeof(T));
  }
  multiply_by_derivative(below, rows);
}

template class ActivationLayer<float>;
template class ActivationLayer<double>;

}  // namespace chainrule
