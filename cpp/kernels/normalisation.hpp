// Sums over samples and places in float64, and what normalisations compute from them. The places of a sample are added
// up first, then the samples in their order.
#pragma once

#include "kernels/activations.hpp"
#include "kernels/loss.hpp"
#include "kernels/parts.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

CHAINRULE_INLINE Vector<double> load_double(const double* from) { return Vector<double>::load(from); }
CHAINRULE_INLINE Vector<double> load_double(const float* from) {
  typedef float Half __attribute__((vector_size(native_bytes / 2)));
  Vector<double> v;
#pragma GCC unroll 8
  for (size_t i = 0; i < Vector<double>::parts; ++i) {
    Half half;
    __builtin_memcpy(&half, from + i * Vector<double>::part_lanes, sizeof(Half));
    v.part[i] = __builtin_convertvector(half, NativeDouble);
  }
  return v;
}

// Calls visit(offset) for each place of a sample, in order: of a panel in an array with this stride.
template <class Visit>
CHAINRULE_INLINE void for_each_place(const FeaturePlaces& at, size_t sample, size_t panel, size_t stride, Visit visit) {
  size_t offset = sample * stride + panel * panel_width;
  for (size_t place = 0; place < at.places; ++place, offset += at.features) visit(offset);
}

template <class T>
void feature_sums(const FeaturePlaces& at, const T* x, size_t stride, double* sums) {
  for (size_t panel = at.panels.begin; panel < at.panels.end; ++panel) {
    Vector<double> sum = Vector<double>::zero();
    for (size_t sample = at.samples.begin; sample < at.samples.end; ++sample) {
      Vector<double> of_sample = Vector<double>::zero();
      for_each_place(at, sample, panel, stride, [&](size_t i) { of_sample = of_sample + load_double(x + i); });
      sum = sum + of_sample;
    }
    sum.store(sums + panel * panel_width);
  }
}

template <class T>
void feature_squares(const FeaturePlaces& at, const T* x, size_t stride, const double* means, double* sums) {
  for (size_t panel = at.panels.begin; panel < at.panels.end; ++panel) {
    const Vector<double> mean = Vector<double>::load(means + panel * panel_width);
    Vector<double> sum = Vector<double>::zero();
    for (size_t sample = at.samples.begin; sample < at.samples.end; ++sample) {
      Vector<double> of_sample = Vector<double>::zero();
      for_each_place(at, sample, panel, stride, [&](size_t i) {
        const Vector<double> apart = load_double(x + i) - mean;
        of_sample = of_sample + apart * apart;
      });
      sum = sum + of_sample;
    }
    sum.store(sums + panel * panel_width);
  }
}

// (x - mean) * inverse of a panel of features.
template <class T>
struct PanelNormalisation {
  Vector<T> mean, inverse;

  PanelNormalisation(const FeatureScales<T>& scales, size_t panel)
      : mean(Vector<T>::load(scales.means + panel * panel_width)),
        inverse(Vector<T>::load(scales.inverses + panel * panel_width)) {}
  CHAINRULE_INLINE Vector<T> of(const Vector<T>& x) const { return (x - mean) * inverse; }
};

template <class T>
void feature_products(const FeaturePlaces& at, const FeatureDeltas<T>& d, double* sums, double* products) {
  for (size_t panel = at.panels.begin; panel < at.panels.end; ++panel) {
    const PanelNormalisation<T> normalisation(d.scales, panel);
    Vector<double> sum = Vector<double>::zero(), product = Vector<double>::zero();
    for (size_t sample = at.samples.begin; sample < at.samples.end; ++sample) {
      const T* delta = d.deltas + sample * d.stride + panel * panel_width;
      const T* x = d.inputs + sample * d.input_stride + panel * panel_width;
      Vector<double> of_sample = Vector<double>::zero(), product_of_sample = Vector<double>::zero();
      for (size_t place = 0; place < at.places; ++place, delta += at.features, x += at.features) {
        alignas(64) T normalised[lanes];
        normalisation.of(Vector<T>::load(x)).store(normalised);
        const Vector<double> value = load_double(delta);
        of_sample = of_sample + value;
        product_of_sample = product_of_sample + value * load_double(normalised);
      }
      sum = sum + of_sample;
      product = product + product_of_sample;
    }
    sum.store(sums + panel * panel_width);
    product.store(products + panel * panel_width);
  }
}

// Chains of additions that go on from what is in the gradient.
template <class T>
void feature_gradient(const FeaturePlaces& at, const NormalisedDeltas<T>& d, T* of_gamma, T* of_beta) {
  for (size_t panel = at.panels.begin; panel < at.panels.end; ++panel) {
    const size_t first = panel * panel_width;
    Vector<T> gamma = Vector<T>::load(of_gamma + first), beta = Vector<T>::load(of_beta + first);
    for (size_t sample = at.samples.begin; sample < at.samples.end; ++sample) {
      const T* delta = d.deltas + sample * d.stride + first;
      const T* normalised = d.normalised + sample * d.normalised_stride + first;
      for (size_t i = 0; i < at.places * at.features; i += at.features) {
        gamma = gamma + Vector<T>::load(delta + i) * Vector<T>::load(normalised + i);
        beta = beta + Vector<T>::load(delta + i);
      }
    }
    store_part(gamma, of_gamma + first, at.features - first);
    store_part(beta, of_beta + first, at.features - first);
  }
}

// A constant of each of fewer features than lanes, as they follow each other along the places.
template <class T>
class RepeatedConstants {
 public:
  RepeatedConstants(const T* constants, size_t features) {
    for (size_t k = 0; k < 2 * lanes; ++k) values_[k] = constants[k % features];
  }
  // Those of a vector that begins with any feature.
  CHAINRULE_INLINE Vector<T> from(size_t feature) const { return Vector<T>::load(values_ + feature); }

 private:
  alignas(64) T values_[2 * lanes];
};

// Calls visit(sample, offset, first feature, values left) for vectors of the values of samples with fewer features than
// lanes, which are next to each other from place to place. All features are in one panel, which a thread can be
// without.
template <class Visit>
CHAINRULE_INLINE void for_each_vector_of_places(const FeaturePlaces& at, Visit visit) {
  if (at.panels.size() == 0) return;
  const size_t size = at.places * at.features, step = lanes % at.features;
  for (size_t sample = at.samples.begin; sample < at.samples.end; ++sample) {
    size_t feature = 0;
    for (size_t i = 0; i < size; i += lanes) {
      visit(sample, i, feature, size - i);
      feature += step;
      if (feature >= at.features) feature -= at.features;
    }
  }
}

template <class T, class ActivationKind>
CHAINRULE_INLINE void normalise_few_features(const FeaturePlaces& at, const NormalisedFeatures<T>& f,
                                             ActivationKind kind) {
  const RepeatedConstants<T> means(f.scales.means, at.features), inverses(f.scales.inverses, at.features);
  const RepeatedConstants<T> gamma(f.gamma, at.features), beta(f.beta, at.features);
  for_each_vector_of_places(at, [&](size_t sample, size_t i, size_t first, size_t left) {
    const size_t to = sample * f.stride + i;
    const Vector<T> x = load_part(f.inputs + sample * f.input_stride + i, left);
    const Vector<T> normalised = (x - means.from(first)) * inverses.from(first);
    const Vector<T> z = gamma.from(first) * normalised + beta.from(first);
    store_part(activate(kind, z), f.activations + to, left);
    if (f.pre_activations != f.activations) store_part(z, f.pre_activations + to, left);
  });
}

template <class T, class ActivationKind>
CHAINRULE_INLINE void normalise_panels(const FeaturePlaces& at, const NormalisedFeatures<T>& f, ActivationKind kind) {
  for (size_t panel = at.panels.begin; panel < at.panels.end; ++panel) {
    const size_t first = panel * panel_width, left = at.features - first;
    const PanelNormalisation<T> normalisation(f.scales, panel);
    const Vector<T> gamma = Vector<T>::load(f.gamma + first), beta = Vector<T>::load(f.beta + first);
    for (size_t sample = at.samples.begin; sample < at.samples.end; ++sample) {
      const T* x = f.inputs + sample * f.input_stride + first;
      const size_t to = sample * f.stride + first;
      for (size_t i = 0; i < at.places * at.features; i += at.features) {
        const Vector<T> z = gamma * normalisation.of(load_part(x + i, left)) + beta;
        store_part(activate(kind, z), f.activations + to + i, left);
        if (f.pre_activations != f.activations) store_part(z, f.pre_activations + to + i, left);
      }
    }
  }
}

template <class T>
void normalise_features(const FeaturePlaces& at, const NormalisedFeatures<T>& f) {
  with_activation(f.activation, [&](auto kind) {
    if (at.features < lanes) return normalise_few_features(at, f, kind);
    normalise_panels(at, f, kind);
  });
}

template <class T>
void normalise_few_deltas(const FeaturePlaces& at, const FeatureDeltas<T>& d, const DeltaFactors<T>& f, T* to,
                          size_t to_stride) {
  const RepeatedConstants<T> means(d.scales.means, at.features), inverses(d.scales.inverses, at.features);
  const RepeatedConstants<T> mean_deltas(f.means, at.features), along(f.along, at.features);
  const RepeatedConstants<T> factors(f.factors, at.features);
  for_each_vector_of_places(at, [&](size_t sample, size_t i, size_t first, size_t left) {
    const Vector<T> x = Vector<T>::load(d.inputs + sample * d.input_stride + i);
    const Vector<T> normalised = (x - means.from(first)) * inverses.from(first);
    const Vector<T> delta = Vector<T>::load(d.deltas + sample * d.stride + i);
    const Vector<T> rest = delta - mean_deltas.from(first) - normalised * along.from(first);
    store_part(factors.from(first) * rest, to + sample * to_stride + i, left);
  });
}

template <class T>
void normalise_deltas(const FeaturePlaces& at, const FeatureDeltas<T>& d, const DeltaFactors<T>& f, T* to,
                      size_t to_stride) {
  if (at.features < lanes) return normalise_few_deltas(at, d, f, to, to_stride);
  for (size_t panel = at.panels.begin; panel < at.panels.end; ++panel) {
    const size_t first = panel * panel_width, left = at.features - first;
    const PanelNormalisation<T> normalisation(d.scales, panel);
    const Vector<T> mean = Vector<T>::load(f.means + first), along = Vector<T>::load(f.along + first);
    const Vector<T> factor = Vector<T>::load(f.factors + first);
    for (size_t sample = at.samples.begin; sample < at.samples.end; ++sample) {
      const T* delta = d.deltas + sample * d.stride + first;
      const T* x = d.inputs + sample * d.input_stride + first;
      T* below = to + sample * to_stride + first;
      for (size_t i = 0; i < at.places * at.features; i += at.features) {
        const Vector<T> rest = Vector<T>::load(delta + i) - mean - normalisation.of(Vector<T>::load(x + i)) * along;
        store_part(factor * rest, below + i, left);
      }
    }
  }
}

// The sum over the features of a place: 16 sums of every sixteenth value, which are then added by halves. Value(k,
// count) returns the values from k, of which `count` are there and the others zero.
template <class Value>
CHAINRULE_INLINE double sum_of_features(size_t features, Value value) {
  Vector<double> sum = Vector<double>::zero();
  for (size_t k = 0; k < features; k += lanes) sum = sum + value(k, features - k);
  return sum_across(sum);
}

// Lanes without a feature become zero.
CHAINRULE_INLINE Vector<double> real_part(const Vector<double>& v, size_t count) {
  if (count >= lanes) return v;
  alignas(64) double values[lanes];
  v.store(values);
  return load_part(values, count);
}

template <class T>
CHAINRULE_INLINE Vector<double> load_double_part(const T* from, size_t count) {
  if (count >= lanes) return load_double(from);
  alignas(64) T values[lanes] = {};
  copy_part(from, values, count);
  return load_double(values);
}

template <class T>
void normalise_places(const NormalisedPlaces<T>& p) {
  for (size_t place = 0; place < p.places; ++place) {
    const T* const x = p.inputs + place * p.features;
    T* const z = p.outputs + place * p.features;
    const double mean =
        sum_of_features(p.features, [&](size_t k, size_t count) { return load_double_part(x + k, count); }) /
        double(p.features);
    const Vector<double> mean_of_all = Vector<double>::broadcast(mean);
    const double squares = sum_of_features(p.features, [&](size_t k, size_t count) {
      const Vector<double> apart = load_double_part(x + k, count) - mean_of_all;
      return real_part(apart * apart, count);
    });
    const T inverse = T(1 / __builtin_sqrt(squares / double(p.features) + p.epsilon));
    const Vector<T> middle = Vector<T>::broadcast(T(mean)), factor = Vector<T>::broadcast(inverse);
    for (size_t k = 0; k < p.features; k += lanes) {
      const size_t count = p.features - k;
      const Vector<T> normalised = (load_part(x + k, count) - middle) * factor;
      if (p.kept != nullptr) store_part(normalised, p.kept + place * p.features + k, count);
      store_part(Vector<T>::load(p.gamma + k) * normalised + Vector<T>::load(p.beta + k), z + k, count);
    }
    if (p.kept != nullptr) p.kept[p.places * p.features + place] = inverse;
  }
}

// dE/dx = (g - mean g - x^ mean(g x^)) / sqrt(variance + epsilon), g = gamma delta
template <class T>
void normalise_places_gradient(const NormalisedPlaces<T>& p, const T* deltas, T* to) {
  for (size_t place = 0; place < p.places; ++place) {
    const T* const delta = deltas + place * p.features;
    const T* const kept = p.kept + place * p.features;
    T* const below = to + place * p.features;
    const auto g = [&](size_t k, size_t count) { return Vector<T>::load(p.gamma + k) * load_part(delta + k, count); };
    alignas(64) T values[lanes];
    const auto g_double = [&](size_t k, size_t count) {
      g(k, count).store(values);
      return load_double(values);
    };
    const T mean = T(sum_of_features(p.features, g_double) / double(p.features));
    const double products = sum_of_features(
        p.features, [&](size_t k, size_t count) { return g_double(k, count) * load_double_part(kept + k, count); });
    const Vector<T> mean_of_all = Vector<T>::broadcast(mean);
    const Vector<T> along = Vector<T>::broadcast(T(products / double(p.features)));
    const Vector<T> inverse = Vector<T>::broadcast(p.kept[p.places * p.features + place]);
    for (size_t k = 0; k < p.features; k += lanes) {
      const size_t count = p.features - k;
      store_part((g(k, count) - mean_of_all - load_part(kept + k, count) * along) * inverse, below + k, count);
    }
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
