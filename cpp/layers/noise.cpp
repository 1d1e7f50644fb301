#include "layers/noise.hpp"

namespace chainrule {

namespace {

// to = from * factors, where the factors are repeated.
template <class T>
void multiply(const T* from, const T* factors, size_t group, size_t size, T* to) {
  for (size_t first = 0; first < size; first += group) {
    for (size_t k = 0; k < group; ++k) to[first + k] = from[first + k] * factors[k];
  }
}

}  // namespace

template <class T>
void Dropout<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                         const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  if (pass.training) {
    for (size_t i = rows.begin; i < rows.end; ++i) {
      T* factors = above.kept + i * above.kept_stride;
      RandomWords words = words_of(i, this->index, Purpose::dropout, pass);
      for (size_t k = 0; k < group_; ++k) factors[k] = dropout_factor<T>(words, rate_);
      multiply(below.activations + i * below.stride, factors, group_, this->size_,
               above.activations + i * above.stride);
    }
  } else {
    copy_rows(below.activations, below.stride, above.activations, above.stride, rows, this->size_);
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void Dropout<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                          const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  if (!pass.training) return pass_deltas_on(above, below, rows);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    multiply(above.deltas + i * above.stride, above.kept + i * above.kept_stride, group_, this->size_,
             below.deltas + i * below.stride);
  }
  multiply_by_derivative(below, rows);
}

template <class T>
void GaussianNoise<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  copy_rows(below.activations, below.stride, above.activations, above.stride, rows, this->size_);
  for (size_t i = rows.begin; i < rows.end && pass.training; ++i) {
    T* to = above.activations + i * above.stride;
    RandomWords words = words_of(i, this->index, Purpose::layer_noise, pass);
    for (size_t k = 0; k < this->size_; ++k) to[k] += T(deviation_ * normal(words.next()));
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void GaussianNoise<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                const Pass&) const {
  pass_deltas_on(above, below, team.share_rows(samples));
}

template class Dropout<float>;
template class Dropout<double>;
template class GaussianNoise<float>;
template class GaussianNoise<double>;

}  // namespace chainrule
