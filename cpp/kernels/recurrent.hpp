// The element-wise part of a step of a recurrent layer, from the pre-activations of its gates to the state, and its way
// back. One vector is 16 units of one gate.
#pragma once

#include "kernels/activations.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// One vector of units in one step: its blocks in the record of the step before, in the record of this step, and in the
// deltas.
template <class T>
struct CellVector {
  const T* before;
  T* record;
  T* deltas;
  T* state_gradient;
  size_t units;
  const T* peepholes;  // of the panel; null: none

  CHAINRULE_INLINE Vector<T> past(size_t block) const { return Vector<T>::load(before + block * units); }
  CHAINRULE_INLINE Vector<T> get(size_t block) const { return Vector<T>::load(record + block * units); }
  CHAINRULE_INLINE void set(size_t block, const Vector<T>& v) const { v.store(record + block * units); }
  CHAINRULE_INLINE void set_delta(size_t block, const Vector<T>& v) const { v.store(deltas + block * units); }
  CHAINRULE_INLINE Vector<T> gradient(size_t state) const { return Vector<T>::load(state_gradient + state * units); }
  CHAINRULE_INLINE void set_gradient(size_t state, const Vector<T>& v) const {
    v.store(state_gradient + state * units);
  }
  // x + p y, with the peephole p of a gate: 0 for i, 1 for f, 2 for o.
  CHAINRULE_INLINE Vector<T> see(size_t gate, const Vector<T>& y, const Vector<T>& x) const {
    return peepholes == nullptr ? x : fma(Vector<T>::load(peepholes + gate * panel_width), y, x);
  }
};

template <class T>
CHAINRULE_INLINE Vector<T> one_minus(const Vector<T>& x) {
  return constant<T>(1) - x;
}
// The derivative of tanh, from its value.
template <class T>
CHAINRULE_INLINE Vector<T> slope_of_tanh(const Vector<T>& x) {
  return fma(-x, x, constant<T>(1));
}

// The activation of a step. Others than tanh keep the pre-activation in a block of the record, because the slope may
// need it.
struct Tanh {
  template <class T>
  CHAINRULE_INLINE Vector<T> value(const CellVector<T>&, size_t, const Vector<T>& z) const {
    return tanh(z);
  }
  template <class T>
  CHAINRULE_INLINE Vector<T> slope(const CellVector<T>&, size_t, const Vector<T>& a) const {
    return slope_of_tanh(a);
  }
};

// These two are functions, so that the code of all activations is not repeated at each place that calls them.
template <class T>
void activate_with(Activation activation, const Vector<T>& z, Vector<T>& a) {
  with_activation(activation, [&](auto kind) { a = activate(kind, z); });
}
template <class T>
void slope_with(Activation activation, const Vector<T>& z, const Vector<T>& a, Vector<T>& slope) {
  with_activation(activation, [&](auto kind) { slope = derivative(kind, z, a); });
}

struct OtherActivation {
  Activation activation;

  template <class T>
  CHAINRULE_INLINE Vector<T> value(const CellVector<T>& v, size_t block, const Vector<T>& z) const {
    v.set(block, z);
    Vector<T> a = z;
    activate_with(activation, z, a);
    return a;
  }
  template <class T>
  CHAINRULE_INLINE Vector<T> slope(const CellVector<T>& v, size_t block, const Vector<T>& a) const {
    Vector<T> slope = a;
    slope_with(activation, v.get(block), a, slope);
    return slope;
  }
};

template <CellStep step>
struct StepKind {};

// Blocks: i, f, g, o, h, c, f(c), and the pre-activation of g unless f is tanh.
template <class F, class T>
CHAINRULE_INLINE void step_forward(StepKind<CellStep::lstm>, const F& function, const CellVector<T>& v) {
  const Vector<T> past = v.past(5);
  const Vector<T> i = sigmoid(v.see(0, past, v.get(0)));
  const Vector<T> f = sigmoid(v.see(1, past, v.get(1)));
  const Vector<T> g = function.value(v, 7, v.get(2));
  const Vector<T> c = fma(i, g, f * past);
  const Vector<T> o = sigmoid(v.see(2, c, v.get(3)));
  const Vector<T> f_of_c = function.value(v, 5, c);
  v.set(0, i);
  v.set(1, f);
  v.set(2, g);
  v.set(3, o);
  v.set(4, o * f_of_c);
  v.set(5, c);
  v.set(6, f_of_c);
}
template <class F, class T>
CHAINRULE_INLINE void step_backward(StepKind<CellStep::lstm>, const F& function, const CellVector<T>& v) {
  const Vector<T> i = v.get(0), f = v.get(1), g = v.get(2), o = v.get(3), f_of_c = v.get(6);
  const Vector<T> by_h = v.gradient(0);
  const Vector<T> delta_o = by_h * f_of_c * (o * one_minus(o));
  const Vector<T> by_c = v.see(2, delta_o, fma(by_h * o, function.slope(v, 5, f_of_c), v.gradient(1)));
  const Vector<T> delta_i = by_c * g * (i * one_minus(i));
  const Vector<T> delta_f = by_c * v.past(5) * (f * one_minus(f));
  v.set_delta(0, delta_i);
  v.set_delta(1, delta_f);
  v.set_delta(2, by_c * i * function.slope(v, 7, g));
  v.set_delta(3, delta_o);
  v.set_gradient(0, Vector<T>::zero());
  v.set_gradient(1, v.see(1, delta_f, v.see(0, delta_i, by_c * f)));
}

template <class T>
CHAINRULE_INLINE Vector<T> mix(const Vector<T>& z, const Vector<T>& past, const Vector<T>& candidate) {
  return fma(z, past - candidate, candidate);
}

// Blocks: z, r, candidate, the recurrent term h U + b', h, and the pre-activation of the candidate unless f is tanh.
template <class F, class T>
CHAINRULE_INLINE void step_forward(StepKind<CellStep::gru_after>, const F& function, const CellVector<T>& v) {
  const Vector<T> z = sigmoid(v.get(0));
  const Vector<T> r = sigmoid(v.get(1));
  const Vector<T> candidate = function.value(v, 5, fma(r, v.get(3), v.get(2)));
  v.set(0, z);
  v.set(1, r);
  v.set(2, candidate);
  v.set(4, mix(z, v.past(4), candidate));
}
template <class F, class T>
CHAINRULE_INLINE void step_backward(StepKind<CellStep::gru_after>, const F& function, const CellVector<T>& v) {
  const Vector<T> z = v.get(0), r = v.get(1), candidate = v.get(2);
  const Vector<T> by_h = v.gradient(0);
  const Vector<T> delta = by_h * one_minus(z) * function.slope(v, 5, candidate);
  v.set_delta(0, by_h * (v.past(4) - candidate) * (z * one_minus(z)));
  v.set_delta(1, delta * v.get(3) * (r * one_minus(r)));
  v.set_delta(2, delta);
  v.set_delta(3, delta * r);
  v.set_gradient(0, by_h * z);
}

// Blocks: z, r, candidate, the reset state r h (h of the step before), h, and the pre-activation of the candidate
// unless f is tanh. The fourth block of the deltas is the gradient by the reset state.
template <class F, class T>
CHAINRULE_INLINE void step_forward(StepKind<CellStep::gru_reset>, const F&, const CellVector<T>& v) {
  const Vector<T> r = sigmoid(v.get(1));
  v.set(0, sigmoid(v.get(0)));
  v.set(1, r);
  v.set(3, r * v.past(4));
}
template <class F, class T>
CHAINRULE_INLINE void step_backward(StepKind<CellStep::gru_reset>, const F&, const CellVector<T>& v) {
  const Vector<T> r = v.get(1);
  const Vector<T> by_product = Vector<T>::load(v.deltas + 3 * v.units);
  v.set_delta(1, by_product * v.past(4) * (r * one_minus(r)));
  v.set_gradient(0, fma(by_product, r, v.gradient(0)));
}
template <class F, class T>
CHAINRULE_INLINE void step_forward(StepKind<CellStep::gru_before>, const F& function, const CellVector<T>& v) {
  const Vector<T> candidate = function.value(v, 5, v.get(2));
  v.set(2, candidate);
  v.set(4, mix(v.get(0), v.past(4), candidate));
}
template <class F, class T>
CHAINRULE_INLINE void step_backward(StepKind<CellStep::gru_before>, const F& function, const CellVector<T>& v) {
  const Vector<T> z = v.get(0), candidate = v.get(2);
  const Vector<T> by_h = v.gradient(0);
  v.set_delta(0, by_h * (v.past(4) - candidate) * (z * one_minus(z)));
  v.set_delta(2, by_h * one_minus(z) * function.slope(v, 5, candidate));
  v.set_gradient(0, by_h * z);
}

// Blocks: the pre-activation, h.
template <class F, class T>
CHAINRULE_INLINE void step_forward(StepKind<CellStep::simple>, const F& function, const CellVector<T>& v) {
  v.set(1, function.value(v, 0, v.get(0)));
}
template <class F, class T>
CHAINRULE_INLINE void step_backward(StepKind<CellStep::simple>, const F& function, const CellVector<T>& v) {
  v.set_delta(0, v.gradient(0) * function.slope(v, 0, v.get(1)));
  v.set_gradient(0, Vector<T>::zero());
}

// Calls function(kind, vector) for each vector of units of some rows.
template <CellStep step, class T, class Function>
CHAINRULE_INLINE void for_each_cell(const CellRows<T>& cells, Function function) {
  for (size_t row = 0; row < cells.rows; ++row) {
    for (size_t unit = 0; unit < cells.units; unit += panel_width) {
      const size_t at = row * cells.stride + unit;
      const T* peepholes = cells.peepholes == nullptr ? nullptr : cells.peepholes + 3 * unit;
      CellVector<T> vector = {.before = cells.before + at,
                              .record = cells.record + at,
                              .deltas = nullptr,
                              .state_gradient = nullptr,
                              .units = cells.units,
                              .peepholes = peepholes};
      if (cells.deltas != nullptr) {
        vector.deltas = cells.deltas + at;
        vector.state_gradient = cells.state_gradient + row * cells.gradient_stride + unit;
      }
      function(StepKind<step>{}, vector);
    }
  }
}

template <class T, class Function>
CHAINRULE_INLINE void with_step(const CellRows<T>& cells, Function function) {
  switch (cells.step) {
    case CellStep::lstm:
      return for_each_cell<CellStep::lstm>(cells, function);
    case CellStep::gru_after:
      return for_each_cell<CellStep::gru_after>(cells, function);
    case CellStep::gru_reset:
      return for_each_cell<CellStep::gru_reset>(cells, function);
    case CellStep::gru_before:
      return for_each_cell<CellStep::gru_before>(cells, function);
    case CellStep::simple:
      return for_each_cell<CellStep::simple>(cells, function);
  }
}

template <class Function>
CHAINRULE_INLINE void with_function(Activation activation, Function function) {
  if (activation == Activation::tanh) return function(Tanh{});
  function(OtherActivation{activation});
}

template <class T>
void cells_forward(const CellRows<T>& cells) {
  with_function(cells.activation, [&](auto function) {
    with_step(cells, [&](auto kind, const CellVector<T>& v) { step_forward(kind, function, v); });
  });
}

template <class T>
void cells_backward(const CellRows<T>& cells) {
  with_function(cells.activation, [&](auto function) {
    with_step(cells, [&](auto kind, const CellVector<T>& v) { step_backward(kind, function, v); });
  });
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
