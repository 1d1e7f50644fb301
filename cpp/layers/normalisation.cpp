#include "layers/normalisation.hpp"

#include <algorithm>
#include <cmath>

namespace chainrule {

namespace {

// The sum of value(0) ... value(count - 1): 16 sums of every sixteenth value, which are then added by halves.
template <class Value>
double sum_of(size_t count, Value value) {
  double lane[panel_width] = {};
  size_t k = 0;
  for (; k + panel_width <= count; k += panel_width) {
    for (size_t i = 0; i < panel_width; ++i) lane[i] += value(k + i);
  }
  for (size_t i = 0; k + i < count; ++i) lane[i] += value(k + i);
  for (size_t half = panel_width / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

// Adjacent features of all samples and places.
struct Features {
  size_t first, width;
  size_t samples, places, features;

  // Calls visit(row, at) for each place of each sample in order; the first of these features is value `at` of the row.
  template <class Visit>
  void for_each_place(Visit visit) const {
    for (size_t row = 0; row < samples; ++row) {
      for (size_t place = 0; place < places; ++place) visit(row, place * features + first);
    }
  }
};

// Calls use(part) for each run of at most 16 features of a thread's share.
template <class Use>
void for_each_panel(const Team& team, size_t samples, size_t places, size_t features, Use use) {
  const Range part = team.share(panel_count(features));
  for (size_t panel = part.begin; panel < part.end; ++panel) {
    const size_t first = panel * panel_width;
    use(Features{first, std::min(panel_width, features - first), samples, places, features});
  }
}

// Calls each(k) for k < width; the loop over a whole panel has a constant length.
template <class Each>
void for_each_lane(size_t width, Each each) {
  if (width == panel_width) {
    for (size_t k = 0; k < panel_width; ++k) each(k);
  } else {
    for (size_t k = 0; k < width; ++k) each(k);
  }
}

template <class T>
T inverse_deviation(double variance, double epsilon) {
  return T(1 / std::sqrt(variance + epsilon));
}

}  // namespace

template <class T>
Normalisation<T>::Normalisation(size_t size, size_t features, double epsilon)
    : StoredGradientLayer<T>(
          {{{.rows = 1, .columns = features, .is_weight = false}, {.rows = 1, .columns = features, .is_weight = false}},
           0,
           0}),
      places_(size / features),
      features_(features),
      epsilon_(epsilon) {}

template <class T>
void Normalisation<T>::add_gradient(const Team& team, const Signal<T>&, const Signal<T>& above, size_t samples,
                                    T* gradient) const {
  for_each_panel(team, samples, places_, features_, [&](const Features& part) {
    T* of_gamma = this->panels_of(gradient, 0) + part.first;
    T* of_beta = this->panels_of(gradient, 1) + part.first;
    part.for_each_place([&](size_t row, size_t at) {
      const T* delta = above.deltas + row * above.stride + at;
      const T* normalised = above.kept + row * above.kept_stride + at;
      for_each_lane(part.width, [&](size_t k) {
        of_gamma[k] += delta[k] * normalised[k];
        of_beta[k] += delta[k];
      });
    });
  });
}

template <class T>
void LayerNorm<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass&) const {
  const size_t features = this->features_;
  const T* const gamma = this->gamma();
  const T* const beta = this->beta();
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    T* const kept = above.kept == nullptr ? nullptr : above.kept + row * above.kept_stride;
    for (size_t place = 0; place < this->places_; ++place) {
      const T* x = below.activations + row * below.stride + place * features;
      T* z = above.activations + row * above.stride + place * features;
      const double mean = sum_of(features, [&](size_t k) { return double(x[k]); }) / double(features);
      const double squares = sum_of(features, [&](size_t k) { return (x[k] - mean) * (x[k] - mean); });
      const T middle = T(mean);
      const T inverse = inverse_deviation<T>(squares / double(features), this->epsilon_);
      for (size_t k = 0; k < features; ++k) z[k] = (x[k] - middle) * inverse;
      if (kept != nullptr) {
        std::memcpy(kept + place * features, z, features * sizeof(T));
        kept[this->inputs() + place] = inverse;
      }
      for (size_t k = 0; k < features; ++k) z[k] = gamma[k] * z[k] + beta[k];
    }
  }
  copy_to_pre_activations(above, rows);
}

// dE/dx = (g - mean g - x^ mean(g x^)) / sqrt(variance + epsilon), g = gamma delta
template <class T>
void LayerNorm<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const size_t features = this->features_;
  const T* const gamma = this->gamma();
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    const T* const kept = above.kept + row * above.kept_stride;
    for (size_t place = 0; place < this->places_; ++place) {
      const T* delta = above.deltas + row * above.stride + place * features;
      const T* normalised = kept + place * features;
      T* to = below.deltas + row * below.stride + place * features;
      for (size_t k = 0; k < features; ++k) to[k] = gamma[k] * delta[k];
      const T mean = T(sum_of(features, [&](size_t k) { return double(to[k]); }) / double(features));
      const double products = sum_of(features, [&](size_t k) { return double(to[k]) * normalised[k]; });
      const T along = T(products / double(features));
      const T inverse = kept[this->inputs() + place];
      for (size_t k = 0; k < features; ++k) to[k] = (to[k] - mean - normalised[k] * along) * inverse;
    }
  }
  multiply_by_derivative(below, rows);
}

template <class T>
BatchNorm<T>::BatchNorm(size_t size, size_t features, double momentum, double epsilon)
    : Normalisation<T>(size, features, epsilon), momentum_(momentum) {}

template <class T>
void BatchNorm<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass& pass) const {
  const double count = double(samples * this->places_);
  for_each_panel(team, samples, this->places_, this->features_, [&](const Features& part) {
    const T* const gamma = this->gamma() + part.first;
    const T* const beta = this->beta() + part.first;
    double mean[panel_width] = {}, variance[panel_width] = {};
    if (is_by_batch(pass)) {
      part.for_each_place([&](size_t row, size_t at) {
        const T* x = below.activations + row * below.stride + at;
        for_each_lane(part.width, [&](size_t k) { mean[k] += double(x[k]); });
      });
      for (double& of_feature : mean) of_feature /= count;
      part.for_each_place([&](size_t row, size_t at) {
        const T* x = below.activations + row * below.stride + at;
        for_each_lane(part.width, [&](size_t k) { variance[k] += (x[k] - mean[k]) * (x[k] - mean[k]); });
      });
      for (double& of_feature : variance) of_feature /= count;
      std::copy_n(mean, part.width, above.batch_kept + part.first);
      std::copy_n(variance, part.width, above.batch_kept + this->features_ + part.first);
    } else {
      std::copy_n(this->statistics_ + part.first, part.width, mean);
      std::copy_n(this->statistics_ + this->features_ + part.first, part.width, variance);
    }
    T middle[panel_width], inverse[panel_width];
    for (size_t k = 0; k < panel_width; ++k) {
      middle[k] = T(mean[k]);
      inverse[k] = inverse_deviation<T>(variance[k], this->epsilon_);
    }
    part.for_each_place([&](size_t row, size_t at) {
      const T* x = below.activations + row * below.stride + at;
      T* z = above.pre_activations + row * above.stride + at;
      T* a = above.activations + row * above.stride + at;
      T normalised[panel_width];
      for_each_lane(part.width, [&](size_t k) {
        normalised[k] = (x[k] - middle[k]) * inverse[k];
        z[k] = a[k] = gamma[k] * normalised[k] + beta[k];
      });
      if (above.kept != nullptr) std::copy_n(normalised, part.width, above.kept + row * above.kept_stride + at);
    });
  });
}

// As in LayerNorm, with means over samples and places; running statistics are constants.
template <class T>
void BatchNorm<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass& pass) const {
  const double count = double(samples * this->places_);
  for_each_panel(team, samples, this->places_, this->features_, [&](const Features& part) {
    double sum[panel_width] = {}, products[panel_width] = {};
    if (is_by_batch(pass)) {
      part.for_each_place([&](size_t row, size_t at) {
        const T* delta = above.deltas + row * above.stride + at;
        const T* normalised = above.kept + row * above.kept_stride + at;
        for_each_lane(part.width, [&](size_t k) {
          sum[k] += double(delta[k]);
          products[k] += double(delta[k]) * normalised[k];
        });
      });
    }
    T mean[panel_width], along[panel_width], factor[panel_width];
    for (size_t k = 0; k < part.width; ++k) {
      const size_t feature = part.first + k;
      const double variance = is_by_batch(pass) ? above.batch_kept[this->features_ + feature]
                                                : double(this->statistics_[this->features_ + feature]);
      mean[k] = T(sum[k] / count);
      along[k] = T(products[k] / count);
      factor[k] = this->gamma()[feature] * inverse_deviation<T>(variance, this->epsilon_);
    }
    part.for_each_place([&](size_t row, size_t at) {
      const T* delta = above.deltas + row * above.stride + at;
      const T* normalised = above.kept + row * above.kept_stride + at;
      T* to = below.deltas + row * below.stride + at;
      for_each_lane(part.width, [&](size_t k) { to[k] = factor[k] * (delta[k] - mean[k] - normalised[k] * along[k]); });
    });
  });
  if (below.activation == Activation::identity) return;
  team.barrier();
  multiply_by_derivative(below, team.share_rows(samples));
}

template <class T>
void BatchNorm<T>::update_statistics(const Team& team, const Signal<T>& above) {
  if (!this->trainable) return;
  for_each_panel(team, 0, 0, this->features_, [&](const Features& part) {
    for (const size_t begin : {part.first, this->features_ + part.first}) {
      for (size_t k = begin; k < begin + part.width; ++k) {
        T& running = this->statistics_[k];
        running = T(momentum_ * double(running) + (1 - momentum_) * above.batch_kept[k]);
      }
    }
  });
}

template class Normalisation<float>;
template class Normalisation<double>;
template class LayerNorm<float>;
template class LayerNorm<double>;
template class BatchNorm<float>;
template class BatchNorm<double>;

}  // namespace chainrule
