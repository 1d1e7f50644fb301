#include "layers/noise.hpp"

namespace chainrule {

template <class T>
void Dropout<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                         const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  if (pass.training) {
    const double rate = rate_in(pass);
    for (size_t i = rows.begin; i < rows.end; ++i) {
      draw_mask(words_of(i, this->index, Purpose::dropout, pass), rate, mask_of(above, i), group_);
      multiply(below.activations + i * below.stride, mask_of(above, i), kept_factor<T>(rate),
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
  const T factor = kept_factor<T>(rate_in(pass));
  for (size_t i = rows.begin; i < rows.end; ++i) {
    multiply(above.deltas + i * above.stride, mask_of(above, i), factor, below.deltas + i * below.stride);
    // The row is still in the first-level cache.
    multiply_by_derivative(below, {i, i + 1});
  }
}

template <class T>
void Dropout<T>::multiply(const T* from, const int8_t* mask, T factor, T* to) const {
  kernels<T>().multiply_masked(
      {.from = from, .mask = mask, .factor = factor, .group = group_, .size = this->size_, .to = to});
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

template <class T>
typename Sampling<T>::Kept Sampling<T>::kept_of(const Signal<T>& above, size_t sample) const {
  T* kept = above.kept + sample * above.kept_stride;
  return {kept, kept + width(), kept + 2 * width()};
}

template <class T>
void Sampling<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                          const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  copy_rows(below.activations, below.stride, above.activations, above.stride, rows, this->size_);
  if (above.kept != nullptr) draw(below, above, rows, pass);
  copy_to_pre_activations(above, rows);
}

template <class T>
void Sampling<T>::draw(const Signal<T>& below, const Signal<T>& above, const Range& rows, const Pass& pass) const {
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* log_variance = below.activations + i * below.stride + this->size_;
    const Kept kept = kept_of(above, i);
    for (size_t k = 0; k < width(); ++k) kept.deviation[k] = k < this->size_ ? log_variance[k] / 2 : T(0);
  }
  kernels<T>().activate({above.kept, above.kept, nullptr, above.kept_stride, this->size_, rows, Activation::exp});
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const Kept kept = kept_of(above, i);
    T* to = above.activations + i * above.stride;
    RandomWords words = words_of(i, this->index, Purpose::layer_noise, pass);
    for (size_t k = 0; k < this->size_; ++k) {
      kept.moved[k] = pass.training ? kept.deviation[k] * T(normal(words.next())) : T(0);
      to[k] += kept.moved[k];
    }
  }
}

template <class T>
void Sampling<T>::add_loss(const Signal<T>& below, const Signal<T>& above, const Range& samples, const T* weights,
                           double* losses) const {
  for (size_t i = samples.begin; i < samples.end; ++i) {
    const T* mean = below.activations + i * below.stride;
    const T* log_variance = mean + this->size_;
    const Kept kept = kept_of(above, i);
    double sum = 0;
    for (size_t k = 0; k < this->size_; ++k) {
      const double m = mean[k], deviation = kept.deviation[k];
      sum += m * m + deviation * deviation - log_variance[k] - 1;
    }
    losses[i] += kl_ * sum / 2;
    *kept.weight = T(kl_) * weights[i];
  }
}

template <class T>
void Sampling<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                           const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const Kept kept = kept_of(above, i);
    const T* mean = below.activations + i * below.stride;
    const T* delta = above.deltas + i * above.stride;
    T* by_mean = below.deltas + i * below.stride;
    T* by_log_variance = by_mean + this->size_;
    for (size_t k = 0; k < this->size_; ++k) {
      const T variance = kept.deviation[k] * kept.deviation[k];
      by_mean[k] = delta[k] + *kept.weight * mean[k];
      by_log_variance[k] = (delta[k] * kept.moved[k] + *kept.weight * (variance - 1)) / 2;
    }
  }
  multiply_by_derivative(below, rows);
}

template class Dropout<float>;
template class Dropout<double>;
template class GaussianNoise<float>;
template class GaussianNoise<double>;
template class Sampling<float>;
template class Sampling<double>;

}  // namespace chainrule
