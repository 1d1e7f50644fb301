// Kernels on one row of a network's output: softmax, the losses with their deltas, and the metrics.
#pragma once

#include "kernels/activations.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// The lanes of a panel that are outputs and not padding.
template <class T>
CHAINRULE_INLINE Mask<T> real_lanes(size_t outputs, size_t panel) {
  alignas(64) T index[lanes];
  for (size_t i = 0; i < lanes; ++i) index[i] = T(panel * panel_width + i);
  return less(Vector<T>::load(index), Vector<T>::broadcast(T(outputs)));
}

// Combines the lanes by halves: the same tree on every machine.
template <class T, class Combine>
CHAINRULE_INLINE T across(const Vector<T>& v, Combine combine) {
  alignas(64) T lane[lanes];
  v.store(lane);
  for (size_t half = lanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lane[i] = combine(lane[i], lane[i + half]);
  }
  return lane[0];
}

template <class T>
CHAINRULE_INLINE T sum_across(const Vector<T>& v) {
  return across(v, [](T a, T b) { return a + b; });
}
template <class T>
CHAINRULE_INLINE T max_across(const Vector<T>& v) {
  return across(v, [](T a, T b) { return a > b ? a : b; });
}

template <class T>
T largest(const T* row, size_t outputs) {
  T result = row[0];
  for (size_t j = 1; j < outputs; ++j) result = row[j] > result ? row[j] : result;
  return result;
}

template <class T>
CHAINRULE_INLINE size_t panels_of(size_t outputs) {
  return (outputs + panel_width - 1) / panel_width;
}

// a = e^(z - max z) / sum; padding becomes zero.
template <class T>
void row_softmax(const Rows<T>& rows, size_t row) {
  const size_t panels = panels_of<T>(rows.outputs);
  const T* z = rows.pre_activations + row * rows.stride;
  T* a = rows.activations + row * rows.stride;
  const Vector<T> top = Vector<T>::broadcast(largest(z, rows.outputs));
  Vector<T> sum = Vector<T>::zero();
  for (size_t p = 0; p < panels; ++p) {
    const Vector<T> e = exp(Vector<T>::load(z + p * panel_width) - top);
    const Vector<T> real = select(real_lanes<T>(rows.outputs, p), e, Vector<T>::zero());
    sum = sum + real;
    real.store(a + p * panel_width);
  }
  const Vector<T> total = Vector<T>::broadcast(sum_across(sum));
  for (size_t p = 0; p < panels; ++p) {
    (Vector<T>::load(a + p * panel_width) / total).store(a + p * panel_width);
  }
}

// From dE/da to dE/dz of one row, in place.
template <class T>
void row_activation_gradient(const Rows<T>& rows, size_t row) {
  const size_t panels = panels_of<T>(rows.outputs);
  const T* a = rows.activations + row * rows.stride;
  const T* z = rows.pre_activations + row * rows.stride;
  T* delta = rows.deltas + row * rows.stride;
  if (rows.activation == Activation::softmax) {
    Vector<T> sum = Vector<T>::zero();
    for (size_t p = 0; p < panels; ++p) {
      sum = fma(Vector<T>::load(delta + p * panel_width), Vector<T>::load(a + p * panel_width), sum);
    }
    const Vector<T> mean = Vector<T>::broadcast(sum_across(sum));
    for (size_t p = 0; p < panels; ++p) {
      const Vector<T> g = Vector<T>::load(delta + p * panel_width);
      (Vector<T>::load(a + p * panel_width) * (g - mean)).store(delta + p * panel_width);
    }
    return;
  }
  with_activation(rows.activation, [&](auto kind) {
    for (size_t p = 0; p < panels; ++p) {
      const size_t at = p * panel_width;
      const Vector<T> slope = derivative(kind, Vector<T>::load(z + at), Vector<T>::load(a + at));
      (Vector<T>::load(delta + at) * slope).store(delta + at);
    }
  });
}

template <class T>
void activation_gradient(const Rows<T>& rows) {
  for (size_t row = rows.rows.begin; row < rows.rows.end; ++row) row_activation_gradient(rows, row);
}

template <class T>
struct Term {
  Vector<T> loss, gradient;
};

template <class T>
CHAINRULE_INLINE Term<T> squared_error(const Vector<T>& a, const Vector<T>& t) {
  const Vector<T> e = a - t;
  return {constant<T>(0.5) * (e * e), e};
}

template <class T>
CHAINRULE_INLINE Term<T> absolute_error(const Vector<T>& a, const Vector<T>& t) {
  const Vector<T> e = a - t;
  const Vector<T> sign = copysign(constant<T>(1), e);
  return {abs(e), select(equal(e, Vector<T>::zero()), Vector<T>::zero(), sign)};
}

template <class T>
CHAINRULE_INLINE Term<T> huber(const Vector<T>& a, const Vector<T>& t, const Vector<T>& delta) {
  const Vector<T> e = a - t;
  const Mask<T> near = less_equal(abs(e), delta);
  const Vector<T> far = delta * (abs(e) - constant<T>(0.5) * delta);
  return {select(near, constant<T>(0.5) * (e * e), far), select(near, e, copysign(delta, e))};
}

template <class T>
CHAINRULE_INLINE Term<T> log_cosh_error(const Vector<T>& a, const Vector<T>& t) {
  const Vector<T> e = a - t;
  return {log_cosh(e), tanh(e)};
}

// The gradient is zero where the output meets its target.
template <class T>
CHAINRULE_INLINE Term<T> quantile_error(const Vector<T>& a, const Vector<T>& t, const Vector<T>& quantile) {
  const Vector<T> e = a - t;
  const Vector<T> slope = select(less(Vector<T>::zero(), e), constant<T>(1) - quantile, -quantile);
  const Vector<T> gradient = select(equal(e, Vector<T>::zero()), Vector<T>::zero(), slope);
  return {slope * e, gradient};
}

// t = 1 or -1
template <class T>
CHAINRULE_INLINE Term<T> hinge(const Vector<T>& a, const Vector<T>& t) {
  const Vector<T> zero = Vector<T>::zero();
  const Vector<T> lacking = constant<T>(1) - t * a;
  const Mask<T> lacks = less(zero, lacking);
  return {select(lacks, lacking, zero), select(lacks, -t, zero)};
}

// a is a rate; loss a - t log a. For z far below zero, softplus(z) and its derivative are both e^z, whose log is z.
template <class T>
CHAINRULE_INLINE Term<T> poisson(Kind<Activation::softplus>, const Vector<T>& z, const Vector<T>& a,
                                 const Vector<T>& t) {
  const Mask<T> tiny = less(z, constant<T>(sizeof(T) == 4 ? -17 : -37));
  const Vector<T> log_a = select(tiny, z, log(a));
  const Vector<T> slope = sigmoid(z);
  const Vector<T> ratio = select(tiny, constant<T>(1), slope / a);
  return {a - t * log_a, slope - t * ratio};
}
template <class T>
CHAINRULE_INLINE Term<T> poisson(Kind<Activation::sigmoid>, const Vector<T>& z, const Vector<T>& a,
                                 const Vector<T>& t) {
  return {fma(t, softplus(-z), a), (a - t) * sigmoid(-z)};
}

template <class T>
CHAINRULE_INLINE Term<T> poisson(Kind<Activation::exp>, const Vector<T>& z, const Vector<T>& a, const Vector<T>& t) {
  return {a - t * z, a - t};
}

// -t log a - (1 - t) log(1 - a) = softplus(z) - t z, without cancellation for large |z|.
template <class T>
CHAINRULE_INLINE Term<T> binary_cross_entropy(const Vector<T>& z, const Vector<T>& a, const Vector<T>& t) {
  const Vector<T> one = constant<T>(1);
  return {fma(t, softplus(-z), (one - t) * softplus(z)), a - t};
}

// Sum of the terms' losses over a row, panel by panel from the first, weighted by output; the gradients go to the row's
// deltas, zero in the padding.
template <class T, class Compute>
CHAINRULE_INLINE double sum_terms(const LossRows<T>& args, size_t row, Compute compute) {
  const size_t begin = row * args.output.stride;
  Vector<T> sum = Vector<T>::zero();
  for (size_t p = 0; p < panels_of<T>(args.output.outputs); ++p) {
    const size_t at = begin + p * panel_width;
    const Mask<T> real = real_lanes<T>(args.output.outputs, p);
    Term<T> term = compute(Vector<T>::load(args.output.pre_activations + at),
                           Vector<T>::load(args.output.activations + at), Vector<T>::load(args.targets + at));
    if (args.output_weights != nullptr) {
      const Vector<T> weight = Vector<T>::load(args.output_weights + at);
      term = {term.loss * weight, term.gradient * weight};
    }
    sum = sum + select(real, term.loss, Vector<T>::zero());
    select(real, term.gradient, Vector<T>::zero()).store(args.output.deltas + at);
  }
  return double(sum_across(sum));
}

// log a_i = z_i - max z + log(max a), as max a = 1 / sum of e^(z - max z).
template <class T>
CHAINRULE_INLINE Term<T> softmax_term(const Vector<T>& z, const Vector<T>& a, const Vector<T>& t, const Vector<T>& top,
                                      const Vector<T>& log_top, const Vector<T>& target_sum) {
  const Vector<T> log_a = (z - top) + log_top;
  return {-(t * log_a), fma(a, target_sum, -t)};
}

template <class T>
double softmax_cross_entropy(const LossRows<T>& args, size_t row) {
  const size_t begin = row * args.output.stride;
  const size_t panels = panels_of<T>(args.output.outputs);
  const Vector<T> top = Vector<T>::broadcast(largest(args.output.pre_activations + begin, args.output.outputs));
  const Vector<T> log_top = log(Vector<T>::broadcast(largest(args.output.activations + begin, args.output.outputs)));
  Vector<T> total = Vector<T>::zero();
  for (size_t p = 0; p < panels; ++p) total = total + Vector<T>::load(args.targets + begin + p * panel_width);
  const Vector<T> target_sum = Vector<T>::broadcast(sum_across(total));
  return sum_terms(args, row, [&](const Vector<T>& z, const Vector<T>& a, const Vector<T>& t) {
    return softmax_term(z, a, t, top, log_top, target_sum);
  });
}

// Up to 16 numbers; the other lanes are zero.
template <class T>
CHAINRULE_INLINE Vector<T> load_some(const T* from, size_t count) {
  alignas(64) T values[lanes] = {};
  __builtin_memcpy(values, from, count * sizeof(T));
  return Vector<T>::load(values);
}
template <class T>
CHAINRULE_INLINE void store_some(const Vector<T>& v, size_t count, T* to) {
  alignas(64) T values[lanes];
  v.store(values);
  __builtin_memcpy(to, values, count * sizeof(T));
}

template <class T>
struct GaussianTerm {
  Vector<T> loss, by_mean, by_log_variance;
};

// (s + (t - a)^2 e^-s) / 2, s the log variance.
template <class T>
CHAINRULE_INLINE GaussianTerm<T> gaussian(const Vector<T>& a, const Vector<T>& s, const Vector<T>& t) {
  const Vector<T> e = a - t;
  const Vector<T> weighted = e * exp(-s);
  const Vector<T> square = e * weighted;
  return {constant<T>(0.5) * (s + square), weighted, constant<T>(0.5) * (constant<T>(1) - square)};
}

// The means come first, then the log variances. Lanes beyond the last target are zero, also in the sum.
template <class T>
double gaussian_nll(const LossRows<T>& args, size_t row) {
  const size_t begin = row * args.output.stride;
  const size_t targets = args.target_columns;
  Vector<T> sum = Vector<T>::zero();
  for (size_t first = 0; first < targets; first += panel_width) {
    const size_t count = targets - first < lanes ? targets - first : lanes;
    const size_t mean = begin + first, log_variance = mean + targets;
    const GaussianTerm<T> term =
        gaussian(load_some(args.output.activations + mean, count),
                 load_some(args.output.activations + log_variance, count), load_some(args.targets + mean, count));
    sum = sum + term.loss;
    store_some(term.by_mean, count, args.output.deltas + mean);
    store_some(term.by_log_variance, count, args.output.deltas + log_variance);
  }
  return double(sum_across(sum));
}

// The panels of a row have their quantiles in the same order.
template <class T>
double quantile_loss(const LossRows<T>& args, size_t row) {
  const T* next = args.quantiles;
  return sum_terms(args, row, [&next](const Vector<T>&, const Vector<T>& a, const Vector<T>& t) {
    const Vector<T> quantile = Vector<T>::load(next);
    next += panel_width;
    return quantile_error(a, t, quantile);
  });
}

// Calls use(compute) with the function from z, a and t to a Term, for losses that are sums over outputs.
template <class T, class Use>
CHAINRULE_INLINE void with_term(const LossRows<T>& args, Use use) {
  using V = Vector<T>;
  const Activation output = args.output.activation;
  switch (args.loss) {
    case LossKind::cross_entropy:
      return use([](const V& z, const V& a, const V& t) { return binary_cross_entropy(z, a, t); });
    case LossKind::poisson:
      if (output == Activation::softplus) {
        return use([](const V& z, const V& a, const V& t) { return poisson(Kind<Activation::softplus>{}, z, a, t); });
      }
      if (output == Activation::exp) {
        return use([](const V& z, const V& a, const V& t) { return poisson(Kind<Activation::exp>{}, z, a, t); });
      }
      return use([](const V& z, const V& a, const V& t) { return poisson(Kind<Activation::sigmoid>{}, z, a, t); });
    case LossKind::gaussian_nll:
    case LossKind::quantile:
      return;  // their terms depend on two outputs each, or on which output it is
    case LossKind::mse:
      return use([](const V&, const V& a, const V& t) { return squared_error(a, t); });
    case LossKind::mae:
      return use([](const V&, const V& a, const V& t) { return absolute_error(a, t); });
    case LossKind::hinge:
      return use([](const V&, const V& a, const V& t) { return hinge(a, t); });
    case LossKind::log_cosh:
      return use([](const V&, const V& a, const V& t) { return log_cosh_error(a, t); });
    case LossKind::huber: {
      const V delta = V::broadcast(args.huber_delta);
      return use([&](const V&, const V& a, const V& t) { return huber(a, t, delta); });
    }
  }
}

// Whether a Term's gradient is dE/da. Losses that match their activations compute dE/dz directly.
inline bool is_by_activation(LossKind loss) { return loss != LossKind::cross_entropy && loss != LossKind::poisson; }

template <class T>
CHAINRULE_INLINE bool is_softmax_cross_entropy(const LossRows<T>& args) {
  return args.loss == LossKind::cross_entropy && args.output.activation == Activation::softmax;
}

// The loss of one row; deltas become dE/dz, not yet weighted.
template <class T>
double row_loss(const LossRows<T>& args, size_t row) {
  if (is_softmax_cross_entropy(args)) return softmax_cross_entropy(args, row);
  if (args.loss == LossKind::gaussian_nll) return gaussian_nll(args, row);
  double loss = args.loss == LossKind::quantile ? quantile_loss(args, row) : 0;
  with_term(args, [&](auto compute) { loss = sum_terms(args, row, compute); });
  if (is_by_activation(args.loss)) row_activation_gradient(args.output, row);
  return loss;
}

template <class T>
size_t first_largest(const T* row, size_t outputs) {
  size_t best = 0;
  for (size_t j = 1; j < outputs; ++j) best = row[j] > row[best] ? j : best;
  return best;
}

template <class T>
double row_metric(const LossRows<T>& args, size_t row) {
  const size_t columns = args.target_columns;
  const size_t begin = row * args.output.stride + args.first_predicted;
  const T* a = args.output.activations + begin;
  const T* t = args.targets + begin;
  const T* weights = args.output_weights == nullptr ? nullptr : args.output_weights + row * args.output.stride;
  if (args.metric == Metric::largest) return first_largest(a, columns) == first_largest(t, columns) ? 1 : 0;
  double sum = 0;
  for (size_t j = 0; j < columns; ++j) {
    const double weight = weights == nullptr ? 1 : double(weights[j]);
    if (args.metric == Metric::side || args.metric == Metric::sign) {
      const T edge = args.metric == Metric::side ? T(0.5) : T(0);
      sum += (a[j] > edge) == (t[j] > edge) ? weight : 0;
    } else {
      const double error = double(a[j]) - double(t[j]);
      sum += (error < 0 ? -error : error) * weight;
    }
  }
  return sum / double(columns);
}

// The loss and the metric of one row, and its deltas.
template <class T>
void weighted_row_loss(const LossRows<T>& args, size_t row) {
  args.losses[row] = row_loss(args, row);
  args.metrics[row] = row_metric(args, row);
  T* delta = args.output.deltas + row * args.output.stride;
  const Vector<T> weight = Vector<T>::broadcast(args.weights[row]);
  for (size_t p = 0; p < panels_of<T>(args.output.outputs); ++p) {
    (Vector<T>::load(delta + p * panel_width) * weight).store(delta + p * panel_width);
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
