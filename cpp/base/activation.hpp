// An activation: its kind, and the factor α of the kinds that have one, which are leaky_relu and elu. A kind alone
// means the usual α.
#pragma once

#include <stdint.h>

namespace chainrule {

struct Activation {
  enum Kind : uint8_t {
    identity,
    sigmoid,
    tanh,
    relu,
    leaky_relu,
    elu,
    selu,
    softplus,
    softsign,
    gelu,
    silu,
    mish,
    hard_sigmoid,
    exp,
    softmax,
  };

  Kind kind;
  double alpha;

  constexpr Activation(Kind kind = identity) : Activation(kind, kind == leaky_relu ? 0.01 : 1.0) {}
  constexpr Activation(Kind kind, double alpha) : kind(kind), alpha(alpha) {}
  constexpr operator Kind() const { return kind; }
};

}  // namespace chainrule
