#include "layers/noise.hpp"

#include <cstring>

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
  const T kept = T(1 / (1 - rate_));
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* from = below.activations + i * below.stride;
    T* to = above.activations + i * above.stride;
    if (pass.training) {
      T* factors = above.kept + i * above.kept_stride;
      RandomWords words = this->words_of(i, Purpose::dropout, pass);
      for (size_t k = 0; k < group_; ++k) factors[k] = uniform(words.next()) < rate_ ? T(0) : kept;
      multiply(from, factors, group_, this->size_, to);
    } else {
      std::memcpy(to, from, this->size_ * sizeof(T));
    }
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void Dropout<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                          const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* from = above.deltas + i * above.stride;
    T* to = below.deltas + i * below.stride;
    if (pass.training) {
      multiply(from, above.kept + i * above.kept_stride, group_, this->size_, to);
    } else {
      std::memcpy(to, from, this->size_ * sizeof(T));
    }
  }
  multiply_by_derivative(below, rows);
}

template <class T>
void GaussianNoise<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                               const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* from = below.activations + i * below.stride;
    T* to = above.activations + i * above.stride;
    std::memcpy(to, from, this->size_ * sizeof(T));
    if (!pass.training) continue;
    RandomWords words = this->words_of(i, Purpose::layer_noise, pass);
    for (size_t k = 0; k < this->size_; ++k) to[k] += T(deviation_ * normal(words.next()));
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void GaussianNoise<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    std::memcpy(below.deltas + i * below.stride, above.deltas + i * above.stride, this->size_ * sizeof(T));
  }
  multiply_by_derivative(below, rows);
}

template class Dropout<float>;
template class Dropout<double>;
template class GaussianNoise<float>;
template class GaussianNoise<double>;

}  // namespace chainrule
