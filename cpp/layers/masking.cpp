#include "layers/masking.hpp"

namespace chainrule {

template <class T>
size_t Masking<T>::length(const T* sample) const {
  const size_t features = size_ / steps_;
  size_t end = size_;
  while (end > 0 && sample[end - 1] == value_) --end;
  return (end + features - 1) / features;
}

template <class T>
void Masking<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                         const Pass&) const {
  const Range rows = team.share_rows(samples);
  copy_rows(below.activations, below.stride, above.activations, above.stride, rows, size_);
  copy_to_pre_activations(above, rows);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    above.kept[row * above.kept_stride] = T(length(below.activations + row * below.stride));
  }
}

template <class T>
void Masking<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                          const Pass&) const {
  pass_deltas_on(above, below, team.share_rows(samples));
}

template class Masking<float>;
template class Masking<double>;

}  // namespace chainrule
