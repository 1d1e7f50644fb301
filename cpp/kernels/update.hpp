// The optimisers' rules: how a gradient changes parameters and optimiser state. docs/formulas.md gives each with its
// source.
#pragma once

#include "kernels/table.hpp"
#include "simd/functions.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

template <class T>
struct RuleVectors {
  using V = Vector<T>;
  RuleVectors(const StepSettings<T>& s, T rate_factor)
      : rate(V::broadcast(s.rate * rate_factor)),
        momentum(V::broadcast(s.momentum)),
        decay1(V::broadcast(s.decay1)),
        decay2(V::broadcast(s.decay2)),
        rest1(V::broadcast(T(1) - s.decay1)),
        rest2(V::broadcast(T(1) - s.decay2)),
        correction(V::broadcast(s.correction)),
        lookahead(V::broadcast(s.lookahead)),
        now(V::broadcast(s.now)),
        epsilon(V::broadcast(s.epsilon)),
        increase(V::broadcast(s.increase)),
        decrease(V::broadcast(s.decrease)),
        minimum(V::broadcast(s.minimum)),
        maximum(V::broadcast(s.maximum)),
        smoothing(V::broadcast(s.smoothing)),
        rest_smoothing(V::broadcast(T(1) - s.smoothing)) {}

  V rate, momentum, decay1, decay2, rest1, rest2, correction, lookahead, now, epsilon;
  V increase, decrease, minimum, maximum, smoothing, rest_smoothing;
};

template <class T>
CHAINRULE_INLINE Vector<T> sign(const Vector<T>& v) {
  const Vector<T> one = Vector<T>::broadcast(T(1));
  return select(equal(v, Vector<T>::zero()), Vector<T>::zero(), copysign(one, v));
}

template <Rule rule>
struct RuleTag {};

// Each rule returns the new w, and updates the state vectors s.
template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::sgd>, const RuleVectors<T>& k, const Vector<T>& w, const Vector<T>& g,
                                 Vector<T>*) {
  return fma(-k.rate, g, w);
}

template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::momentum>, const RuleVectors<T>& k, const Vector<T>& w,
                                 const Vector<T>& g, Vector<T>* s) {
  s[0] = fma(k.momentum, s[0], -(k.rate * g));
  return w + s[0];
}

template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::nesterov>, const RuleVectors<T>& k, const Vector<T>& w,
                                 const Vector<T>& g, Vector<T>* s) {
  s[0] = fma(k.momentum, s[0], -(k.rate * g));
  return fma(-k.rate, g, fma(k.momentum, s[0], w));
}

template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::adagrad>, const RuleVectors<T>& k, const Vector<T>& w,
                                 const Vector<T>& g, Vector<T>* s) {
  s[0] = fma(g, g, s[0]);
  return w - quotient(k.rate * g, sqrt(s[0]) + k.epsilon);
}

template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::adadelta>, const RuleVectors<T>& k, const Vector<T>& w,
                                 const Vector<T>& g, Vector<T>* s) {
  s[0] = fma(k.decay1, s[0], k.rest1 * (g * g));
  const Vector<T> change = g * (sqrt(s[1] + k.epsilon) / sqrt(s[0] + k.epsilon));
  s[1] = fma(k.decay1, s[1], k.rest1 * (change * change));
  return fma(-k.rate, change, w);
}

template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::rmsprop>, const RuleVectors<T>& k, const Vector<T>& w,
                                 const Vector<T>& g, Vector<T>* s) {
  s[0] = fma(k.decay1, s[0], k.rest1 * (g * g));
  return w - quotient(k.rate * g, sqrt(s[0]) + k.epsilon);
}

template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::adam>, const RuleVectors<T>& k, const Vector<T>& w, const Vector<T>& g,
                                 Vector<T>* s) {
  s[0] = fma(k.decay1, s[0], k.rest1 * g);
  s[1] = fma(k.decay2, s[1], k.rest2 * (g * g));
  return w - quotient(k.rate * s[0], fma(sqrt(s[1]), k.correction, k.epsilon));
}

template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::nadam>, const RuleVectors<T>& k, const Vector<T>& w, const Vector<T>& g,
                                 Vector<T>* s) {
  s[0] = fma(k.decay1, s[0], k.rest1 * g);
  s[1] = fma(k.decay2, s[1], k.rest2 * (g * g));
  return w - quotient(k.rate * fma(k.lookahead, s[0], k.now * g), fma(sqrt(s[1]), k.correction, k.epsilon));
}

// State: gain, averaged gradient, velocity.
template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::delta_bar_delta>, const RuleVectors<T>& k, const Vector<T>& w,
                                 const Vector<T>& g, Vector<T>* s) {
  const Vector<T> agreement = s[1] * g;
  const Vector<T> grown = min(k.maximum, s[0] + k.increase);
  const Vector<T> shrunk = max(k.minimum, s[0] * (Vector<T>::broadcast(T(1)) - k.decrease));
  s[0] = select(less(Vector<T>::zero(), agreement), grown, select(less(agreement, Vector<T>::zero()), shrunk, s[0]));
  s[1] = fma(k.smoothing, s[1], k.rest_smoothing * g);
  s[2] = fma(k.momentum, s[2], -(k.rate * s[0] * g));
  return w + s[2];
}

// State: step size, gradient of the step before.
template <class T>
CHAINRULE_INLINE Vector<T> apply(RuleTag<Rule::irprop>, const RuleVectors<T>& k, const Vector<T>& w, const Vector<T>& g,
                                 Vector<T>* s) {
  const Vector<T> agreement = sign(s[1]) * sign(g);
  const Mask<T> turned = less(agreement, Vector<T>::zero());
  const Vector<T> grown = min(k.maximum, s[0] * k.increase);
  const Vector<T> shrunk = max(k.minimum, s[0] * k.decrease);
  s[0] = select(less(Vector<T>::zero(), agreement), grown, select(turned, shrunk, s[0]));
  s[1] = select(turned, Vector<T>::zero(), g);
  return w - sign(s[1]) * s[0] * k.rate;
}

constexpr size_t slots_of(Rule rule) {
  switch (rule) {
    case Rule::sgd:
      return 0;
    case Rule::momentum:
    case Rule::nesterov:
    case Rule::adagrad:
    case Rule::rmsprop:
      return 1;
    case Rule::adadelta:
    case Rule::adam:
    case Rule::nadam:
    case Rule::irprop:
      return 2;
    case Rule::delta_bar_delta:
      return 3;
  }
  return 0;
}

template <class Function>
CHAINRULE_INLINE void with_rule(Rule rule, Function function) {
  switch (rule) {
    case Rule::sgd:
      return function(RuleTag<Rule::sgd>{});
    case Rule::momentum:
      return function(RuleTag<Rule::momentum>{});
    case Rule::nesterov:
      return function(RuleTag<Rule::nesterov>{});
    case Rule::adagrad:
      return function(RuleTag<Rule::adagrad>{});
    case Rule::adadelta:
      return function(RuleTag<Rule::adadelta>{});
    case Rule::rmsprop:
      return function(RuleTag<Rule::rmsprop>{});
    case Rule::adam:
      return function(RuleTag<Rule::adam>{});
    case Rule::nadam:
      return function(RuleTag<Rule::nadam>{});
    case Rule::delta_bar_delta:
      return function(RuleTag<Rule::delta_bar_delta>{});
    case Rule::irprop:
      return function(RuleTag<Rule::irprop>{});
  }
}

// g + l2 w + l1 sign(w), clipped to [-clip_value, clip_value] where that is not zero.
template <class T>
CHAINRULE_INLINE Vector<T> regularized(const Parameters<T>& parameters, T clip_value, const Vector<T>& w, Vector<T> g) {
  g = fma(Vector<T>::broadcast(parameters.l2), w, g);
  g = fma(Vector<T>::broadcast(parameters.l1), sign(w), g);
  if (clip_value > T(0)) {
    g = min(Vector<T>::broadcast(clip_value), max(Vector<T>::broadcast(-clip_value), g));
  }
  return g;
}

// The share of each parameter that weight decay takes away.
template <class T>
CHAINRULE_INLINE T shrink_of(const Parameters<T>& parameters, const StepSettings<T>& settings) {
  return settings.shrink * parameters.decay_factor;
}

// Whether the update depends on the gradient alone: no penalty, weight decay or clipping.
template <class T>
bool is_plain(const Parameters<T>& parameters, const StepSettings<T>& settings) {
  return parameters.l1 == T(0) && parameters.l2 == T(0) && shrink_of(parameters, settings) == T(0) &&
         settings.clip_value == T(0) && settings.scale == T(1);
}

// The update of a run of `count` parameters, a multiple of 16.
template <class T>
using UpdateRun = void(const Parameters<T>&, const T* gradient, size_t count, const StepSettings<T>&);

template <class T, Rule rule>
void update_run(const Parameters<T>& parameters, const T* gradient, size_t count, const StepSettings<T>& settings) {
  const RuleVectors<T> k(settings, parameters.rate_factor);
  const Vector<T> keep = Vector<T>::broadcast(T(1) - shrink_of(parameters, settings));
  const Vector<T> scale = Vector<T>::broadcast(settings.scale);
  const bool plain = is_plain(parameters, settings);
  for (size_t i = 0; i < count; i += lanes) {
    Vector<T> w = Vector<T>::load(parameters.values + i);
    Vector<T> g = Vector<T>::load(gradient + i);
    if (!plain) {
      g = scale * regularized(parameters, settings.clip_value, w, g);
      w = w * keep;
    }
    Vector<T> s[max_slots];
    for (size_t slot = 0; slot < slots_of(rule); ++slot) s[slot] = Vector<T>::load(parameters.slots[slot] + i);
    apply(RuleTag<rule>{}, k, w, g, s).store(parameters.values + i);
    for (size_t slot = 0; slot < slots_of(rule); ++slot) s[slot].store(parameters.slots[slot] + i);
  }
}

template <class T, Rule rule>
constexpr UpdateRun<T>* run_for(RuleTag<rule>) {
  return update_run<T, rule>;
}

template <class T>
UpdateRun<T>* update_run_of(Rule rule) {
  UpdateRun<T>* run = nullptr;
  with_rule(rule, [&](auto tag) { run = run_for<T>(tag); });
  return run;
}

template <class T>
void update(const Parameters<T>& parameters, const T* gradient, size_t count, const StepSettings<T>& settings) {
  update_run_of<T>(settings.rule)(parameters, gradient, count, settings);
}

// The same as offset_by in layers/, which kernels cannot share: inline functions of theirs must be internal.
template <class T>
Parameters<T> at_offset(Parameters<T> parameters, size_t offset) {
  parameters.values += offset;
  for (T*& slot : parameters.slots) {
    if (slot != nullptr) slot += offset;
  }
  return parameters;
}

// Some runs of 16 parameters together, for which a step's constants are loaded once.
template <size_t Q, class T, Rule rule>
void catch_up_with(RuleTag<rule> tag, const Parameters<T>& first, size_t stride, const MissedSteps<T>& missed) {
  Vector<T> w[Q], s[Q][max_slots];
  for (size_t q = 0; q < Q; ++q) {
    w[q] = Vector<T>::load(first.values + q * stride);
    for (size_t slot = 0; slot < slots_of(rule); ++slot) s[q][slot] = Vector<T>::load(first.slots[slot] + q * stride);
  }
  const bool is_penalized = first.l1 != T(0) || first.l2 != T(0);
  for (size_t i = 0; i < missed.count; ++i) {
    const StepSettings<T>& step = missed.steps[i];
    const RuleVectors<T> k(step, first.rate_factor);
    const T shrink = shrink_of(first, step);
    const Vector<T> keep = Vector<T>::broadcast(T(1) - shrink);
#pragma GCC unroll 4
    for (size_t q = 0; q < Q; ++q) {
      const Vector<T> zero = Vector<T>::zero();
      const Vector<T> g = is_penalized ? regularized(first, step.clip_value, w[q], zero) : zero;
      if (shrink != T(0)) w[q] = w[q] * keep;
      w[q] = apply(tag, k, w[q], g, s[q]);
    }
  }
  for (size_t q = 0; q < Q; ++q) {
    w[q].store(first.values + q * stride);
    for (size_t slot = 0; slot < slots_of(rule); ++slot) s[q][slot].store(first.slots[slot] + q * stride);
  }
}

template <class T>
void catch_up(const Parameters<T>& parameters, size_t panels, size_t stride, const MissedSteps<T>& missed) {
  constexpr size_t together = registers<T> == 1 ? 2 : 1;
  with_rule(missed.steps->rule, [&](auto tag) {
    size_t panel = 0;
    for (; panel + together <= panels; panel += together) {
      catch_up_with<together>(tag, at_offset(parameters, panel * stride), stride, missed);
    }
    for (; panel < panels; ++panel) catch_up_with<1>(tag, at_offset(parameters, panel * stride), stride, missed);
  });
}

template <class T>
CHAINRULE_INLINE void prefetch_run(const Parameters<T>& parameters, size_t count) {
  constexpr size_t line = 64 / sizeof(T);
  for (size_t i = 0; i < count; i += line) __builtin_prefetch(parameters.values + i, 1);
  for (const T* slot : parameters.slots) {
    if (slot == nullptr) break;
    for (size_t i = 0; i < count; i += line) __builtin_prefetch(slot + i, 1);
  }
}

template <class T>
void regularize(const Parameters<T>& parameters, T* gradient, size_t count, T clip_value) {
  for (size_t i = 0; i < count; i += lanes) {
    const Vector<T> w = Vector<T>::load(parameters.values + i);
    regularized(parameters, clip_value, w, Vector<T>::load(gradient + i)).store(gradient + i);
  }
}

template <class T>
double square_sum(const T* values, size_t count) {
  double sums[lanes] = {};
  for (size_t i = 0; i < count; i += lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      const double value = double(values[i + lane]);
      sums[lane] += value * value;
    }
  }
  double sum = 0;
  for (double part : sums) sum += part;
  return sum;
}

template <class T>
void max_norm(T* panels, size_t inputs, Range range, T longest) {
  for (size_t panel = range.begin; panel < range.end; ++panel) {
    T* weights = panels + panel * inputs * panel_width;
    Vector<T> squares = Vector<T>::zero();
    for (size_t k = 0; k < inputs; ++k) {
      const Vector<T> w = Vector<T>::load(weights + k * panel_width);
      squares = fma(w, w, squares);
    }
    const Vector<T> norm = sqrt(squares);
    const Vector<T> limit = Vector<T>::broadcast(longest);
    const Vector<T> factor = select(less(limit, norm), limit / norm, Vector<T>::broadcast(T(1)));
    for (size_t k = 0; k < inputs; ++k) {
      T* w = weights + k * panel_width;
      (Vector<T>::load(w) * factor).store(w);
    }
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
