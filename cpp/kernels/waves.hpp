// Cosines of features, mixed for each feature: outputs are the features x, followed by `mixed` values for each of them,
// e_j = b_j + sum over waves k of w_kj cos(2 pi (f_k x + p_k)). Output j of feature i is at i + features * j.
#pragma once

#include "kernels/parts.hpp"
#include "simd/functions.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

// A panel of features, of which the last has fewer; the lanes that are missing are zero.
struct FeaturePanel {
  size_t index, first, count;
};

CHAINRULE_INLINE FeaturePanel panel_of(size_t index, size_t features) {
  const size_t first = index * lanes, left = features - first;
  return {index, first, left < lanes ? left : lanes};
}

// Where a panel's vectors are in arrays laid out as the parameters.
template <class T>
struct WavePanel {
  const Waves<T>& args;
  size_t panel;

  size_t wave(size_t k) const { return (panel * args.waves + k) * lanes; }
  size_t weight(size_t k, size_t j) const { return ((panel * args.waves + k) * args.mixed + j) * lanes; }
  size_t bias(size_t j) const { return (panel * args.mixed + j) * lanes; }
  // f_k x + p_k
  CHAINRULE_INLINE Vector<T> turns(size_t k, const Vector<T>& x) const {
    const size_t at = wave(k);
    return fma(Vector<T>::load(args.values.frequencies + at), x, Vector<T>::load(args.values.phases + at));
  }
  // sum over j of w_kj dE/de_j
  CHAINRULE_INLINE Vector<T> by_cosine(size_t k, const T* deltas, const FeaturePanel& of) const {
    Vector<T> sum = Vector<T>::zero();
    for (size_t j = 0; j < args.mixed; ++j) {
      const Vector<T> delta = load_part(deltas + args.features * (1 + j) + of.first, of.count);
      sum = fma(Vector<T>::load(args.values.weights + weight(k, j)), delta, sum);
    }
    return sum;
  }
};

template <class T>
void waves_forward(const Waves<T>& args) {
  for (size_t row = args.rows.begin; row < args.rows.end; ++row) {
    T* const to = args.outputs + row * args.output_stride;
    for (size_t p = 0; p * lanes < args.features; ++p) {
      const FeaturePanel of = panel_of(p, args.features);
      const WavePanel<T> panel = {args, p};
      const Vector<T> x = load_part(args.inputs + row * args.input_stride + of.first, of.count);
      Vector<T> sums[max_mixed];
      for (size_t j = 0; j < args.mixed; ++j) sums[j] = Vector<T>::load(args.values.bias + panel.bias(j));
      for (size_t k = 0; k < args.waves; ++k) {
        const Vector<T> cosine = cos_turns(panel.turns(k, x));
        for (size_t j = 0; j < args.mixed; ++j) {
          sums[j] = fma(Vector<T>::load(args.values.weights + panel.weight(k, j)), cosine, sums[j]);
        }
      }
      store_part(x, to + of.first, of.count);
      for (size_t j = 0; j < args.mixed; ++j) store_part(sums[j], to + args.features * (1 + j) + of.first, of.count);
    }
  }
}

constexpr double two_pi = 6.28318530717958647693;

// dE/dx = dE/dx as an output - 2 pi sum over k of f_k sin(2 pi (f_k x + p_k)) by_cosine(k).
template <class T>
void waves_backward(const Waves<T>& args) {
  for (size_t row = args.rows.begin; row < args.rows.end; ++row) {
    const T* const deltas = args.deltas + row * args.output_stride;
    for (size_t p = 0; p * lanes < args.features; ++p) {
      const FeaturePanel of = panel_of(p, args.features);
      const WavePanel<T> panel = {args, p};
      const Vector<T> x = load_part(args.inputs + row * args.input_stride + of.first, of.count);
      Vector<T> sum = load_part(deltas + of.first, of.count);
      for (size_t k = 0; k < args.waves; ++k) {
        const Vector<T> slope = number<T>(-two_pi) * sin_turns(panel.turns(k, x)) * panel.by_cosine(k, deltas, of);
        sum = fma(Vector<T>::load(args.values.frequencies + panel.wave(k)), slope, sum);
      }
      store_part(sum, args.input_deltas + row * args.input_stride + of.first, of.count);
    }
  }
}

// The gradient of one wave of a panel: the sums over the rows are kept in registers.
template <class T>
CHAINRULE_INLINE void wave_gradient(const Waves<T>& args, const WavePanel<T>& panel, size_t k, const FeaturePanel& of) {
  const size_t at = panel.wave(k);
  Vector<T> by_frequency = Vector<T>::load(args.gradient.frequencies + at);
  Vector<T> by_phase = Vector<T>::load(args.gradient.phases + at);
  Vector<T> by_weight[max_mixed];
  for (size_t j = 0; j < args.mixed; ++j) {
    by_weight[j] = Vector<T>::load(args.gradient.weights + panel.weight(k, j));
  }
  for (size_t row = args.rows.begin; row < args.rows.end; ++row) {
    const T* const deltas = args.deltas + row * args.output_stride;
    const Vector<T> x = load_part(args.inputs + row * args.input_stride + of.first, of.count);
    const Vector<T> turns = panel.turns(k, x);
    const Vector<T> cosine = cos_turns(turns);
    Vector<T> by_cosine = Vector<T>::zero();
    for (size_t j = 0; j < args.mixed; ++j) {
      const Vector<T> delta = load_part(deltas + args.features * (1 + j) + of.first, of.count);
      by_weight[j] = fma(delta, cosine, by_weight[j]);
      by_cosine = fma(Vector<T>::load(args.values.weights + panel.weight(k, j)), delta, by_cosine);
    }
    const Vector<T> slope = number<T>(-two_pi) * sin_turns(turns) * by_cosine;
    by_frequency = fma(slope, x, by_frequency);
    by_phase = by_phase + slope;
  }
  by_frequency.store(args.gradient.frequencies + at);
  by_phase.store(args.gradient.phases + at);
  for (size_t j = 0; j < args.mixed; ++j) by_weight[j].store(args.gradient.weights + panel.weight(k, j));
}

template <class T>
void waves_gradient(const Waves<T>& args, const Range& panels) {
  for (size_t p = panels.begin; p < panels.end; ++p) {
    const FeaturePanel of = panel_of(p, args.features);
    const WavePanel<T> panel = {args, p};
    for (size_t k = 0; k < args.waves; ++k) wave_gradient(args, panel, k, of);
    for (size_t j = 0; j < args.mixed; ++j) {
      Vector<T> sum = Vector<T>::load(args.gradient.bias + panel.bias(j));
      for (size_t row = args.rows.begin; row < args.rows.end; ++row) {
        const T* const deltas = args.deltas + row * args.output_stride;
        sum = sum + load_part(deltas + args.features * (1 + j) + of.first, of.count);
      }
      sum.store(args.gradient.bias + panel.bias(j));
    }
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
