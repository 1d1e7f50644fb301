#include "layers/masking.hpp"

#include <algorithm>

namespace chainrule {

template <class T>
void Masking<T>::keep_real_steps(const T* sample, T* kept) const {
  const size_t features = size_ / steps_;
  size_t count = 0;
  for (size_t step = 0; step < steps_; ++step, sample += features) {
    const bool is_padding = std::all_of(sample, sample + features, [this](T feature) { return feature == value_; });
    if (!is_padding) kept[1 + count++] = T(step);
  }
  kept[0] = T(count);
}

template <class T>
void Masking<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                         const Pass&) const {
  const Range rows = team.share_rows(samples);
  copy_rows(below.activations, below.stride, above.activations, above.stride, rows, size_);
  copy_to_pre_activations(above, rows);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    keep_real_steps(below.activations + row * below.stride, above.kept + row * above.kept_stride);
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
