// The activations and their derivatives: for each name, two small functions on a vector. The derivative is computed
// from the activation a if that is enough, else from the pre-activation z.
#pragma once

#include "kernels/table.hpp"
#include "simd/functions.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

using namespace chainrule::simd::CHAINRULE_ISA;

template <Activation::Kind kind>
struct Kind {
  double alpha = 1;  // of the kinds that have one
};

template <class T>
CHAINRULE_INLINE Vector<T> constant(double value) {
  return Vector<T>::broadcast(T(value));
}

// Klambauer et al. 2017, Self-Normalizing Neural Networks.
constexpr double selu_lambda = 1.0507009873554804934193349852946;
constexpr double selu_alpha = 1.6732632423543772848170429916717;

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::identity>, const Vector<T>& z) {
  return z;
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::identity>, const Vector<T>&, const Vector<T>&) {
  return constant<T>(1);
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::sigmoid>, const Vector<T>& z) {
  return sigmoid(z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::sigmoid>, const Vector<T>&, const Vector<T>& a) {
  return a * (constant<T>(1) - a);
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::tanh>, const Vector<T>& z) {
  return tanh(z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::tanh>, const Vector<T>&, const Vector<T>& a) {
  return fma(-a, a, constant<T>(1));
}

// max(0, z) in this order propagates a NaN.
template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::relu>, const Vector<T>& z) {
  return max(Vector<T>::zero(), z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::relu>, const Vector<T>&, const Vector<T>& a) {
  return select(less(Vector<T>::zero(), a), constant<T>(1), Vector<T>::zero());
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::leaky_relu> kind, const Vector<T>& z) {
  return select(less(Vector<T>::zero(), z), z, constant<T>(kind.alpha) * z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::leaky_relu> kind, const Vector<T>&, const Vector<T>& a) {
  return select(less(Vector<T>::zero(), a), constant<T>(1), constant<T>(kind.alpha));
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::elu> kind, const Vector<T>& z) {
  return select(less(Vector<T>::zero(), z), z, constant<T>(kind.alpha) * expm1(z));
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::elu> kind, const Vector<T>&, const Vector<T>& a) {
  return select(less(Vector<T>::zero(), a), constant<T>(1), a + constant<T>(kind.alpha));
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::selu>, const Vector<T>& z) {
  return select(less(Vector<T>::zero(), z), constant<T>(selu_lambda) * z,
                constant<T>(selu_lambda * selu_alpha) * expm1(z));
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::selu>, const Vector<T>&, const Vector<T>& a) {
  return select(less(Vector<T>::zero(), a), constant<T>(selu_lambda), a + constant<T>(selu_lambda * selu_alpha));
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::softplus>, const Vector<T>& z) {
  return softplus(z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::softplus>, const Vector<T>& z, const Vector<T>&) {
  return sigmoid(z);
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::softsign>, const Vector<T>& z) {
  return z / (constant<T>(1) + abs(z));
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::softsign>, const Vector<T>&, const Vector<T>& a) {
  const Vector<T> rest = constant<T>(1) - abs(a);
  return rest * rest;
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::gelu>, const Vector<T>& z) {
  return gelu(z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::gelu>, const Vector<T>& z, const Vector<T>&) {
  return fma(z, normal_pdf(z), normal_cdf(z));
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::silu>, const Vector<T>& z) {
  return z * sigmoid(z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::silu>, const Vector<T>& z, const Vector<T>&) {
  const Vector<T> s = sigmoid(z);
  return s * fma(z, constant<T>(1) - s, constant<T>(1));
}

// z tanh(log(1 + e)), e = e^z, is z n / (n + 2) with n = e (e + 2); its derivative is n / (n + 2) + 4 z e (e + 1) /
// (n + 2)^2. From 20 on the first factor is 1, and e^4 does not overflow there.
template <class T>
CHAINRULE_INLINE Vector<T> mish_exponential(const Vector<T>& z) {
  return exp(min(constant<T>(20), z));
}
template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::mish>, const Vector<T>& z) {
  const Vector<T> e = mish_exponential(z);
  const Vector<T> n = e * (e + constant<T>(2));
  return z * (n / (n + constant<T>(2)));
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::mish>, const Vector<T>& z, const Vector<T>&) {
  const Vector<T> e = mish_exponential(z);
  const Vector<T> n = e * (e + constant<T>(2));
  const Vector<T> d = constant<T>(1) / (n + constant<T>(2));
  const Vector<T> bend = constant<T>(4) * (e * d) * ((e + constant<T>(1)) * d);
  return fma(min(constant<T>(20), z), bend, n * d);
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::hard_sigmoid>, const Vector<T>& z) {
  const Vector<T> line = z / constant<T>(6) + constant<T>(0.5);
  return min(constant<T>(1), max(Vector<T>::zero(), line));
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::hard_sigmoid>, const Vector<T>&, const Vector<T>& a) {
  const Vector<T> below_one = select(less(a, constant<T>(1)), constant<T>(1.0 / 6), Vector<T>::zero());
  return select(less(Vector<T>::zero(), a), below_one, Vector<T>::zero());
}

template <class T>
CHAINRULE_INLINE Vector<T> activate(Kind<Activation::exp>, const Vector<T>& z) {
  return exp(z);
}
template <class T>
CHAINRULE_INLINE Vector<T> derivative(Kind<Activation::exp>, const Vector<T>&, const Vector<T>& a) {
  return a;
}

// Calls function(Kind<...>{}) for an element-wise activation; does nothing for softmax, which is computed on whole
// rows.
template <class Function>
CHAINRULE_INLINE void with_activation(Activation activation, Function function) {
  switch (activation) {
    case Activation::identity:
      return function(Kind<Activation::identity>{});
    case Activation::sigmoid:
      return function(Kind<Activation::sigmoid>{});
    case Activation::tanh:
      return function(Kind<Activation::tanh>{});
    case Activation::relu:
      return function(Kind<Activation::relu>{});
    case Activation::leaky_relu:
      return function(Kind<Activation::leaky_relu>{activation.alpha});
    case Activation::elu:
      return function(Kind<Activation::elu>{activation.alpha});
    case Activation::selu:
      return function(Kind<Activation::selu>{});
    case Activation::softplus:
      return function(Kind<Activation::softplus>{});
    case Activation::softsign:
      return function(Kind<Activation::softsign>{});
    case Activation::gelu:
      return function(Kind<Activation::gelu>{});
    case Activation::silu:
      return function(Kind<Activation::silu>{});
    case Activation::mish:
      return function(Kind<Activation::mish>{});
    case Activation::hard_sigmoid:
      return function(Kind<Activation::hard_sigmoid>{});
    case Activation::exp:
      return function(Kind<Activation::exp>{});
    case Activation::softmax:
      return;
  }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
