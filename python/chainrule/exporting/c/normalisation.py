"""Normalisation over a batch, by running statistics, and over a sample."""

from __future__ import annotations

import numpy as np

from ...layers.normalisation import BatchNorm, LayerNorm
from .elementary import FLUSHED
from .function import Function
from .program import Routine, Value, code_of

_BY_STATISTICS = Function(
    """
/* gamma (x - mean) factor + beta in place, with numbers for each feature */
static void normalise(real *x, size_t places, const real *mean, const real *factor, const real *gamma,
                      const real *beta, size_t features) {
  for (size_t place = 0; place < places; ++place, x += features) {
    for (size_t k = 0; k < features; ++k) {
      x[k] = flushed(gamma[k] * ((x[k] - mean[k]) * factor[k]) + beta[k]);
    }
  }
}
""",
    (FLUSHED,),
)

_PLACES = Function(
    """
/* The sum of 16 partial sums, in pairs. */
static double sum_in_pairs(double *sum) {
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t k = 0; k < half; ++k) sum[k] += sum[k + half];
  }
  return sum[0];
}

/* gamma (x - mean) / sqrt(variance + epsilon) + beta in place, with the mean and variance of each place */
static void normalise_places(real *x, size_t places, double epsilon, const real *gamma, const real *beta,
                             size_t features) {
  for (size_t place = 0; place < places; ++place, x += features) {
    double sums[16] = {0}, squares[16] = {0};
    for (size_t k = 0; k < features; ++k) sums[k % 16] += (double)x[k];
    const double mean = sum_in_pairs(sums) / (double)features;
    for (size_t k = 0; k < features; ++k) {
      const double apart = (double)x[k] - mean;
      squares[k % 16] += apart * apart;
    }
    const double variance = sum_in_pairs(squares) / (double)features;
    const real middle = (real)mean, factor = (real)(1 / sqrt(variance + epsilon));
    for (size_t k = 0; k < features; ++k) x[k] = flushed(gamma[k] * ((x[k] - middle) * factor) + beta[k]);
  }
}
""",
    (FLUSHED,),
)


@code_of.register
def _(layer: BatchNorm, routine: Routine, x: Value) -> Value:
    routine.use(_BY_STATISTICS)
    z = routine.changeable(x)
    features = len(layer.gamma)
    dtype = routine.unit.dtype
    variance = layer.running_variance.astype(np.float64)
    mean = routine.numbers("mean", layer.running_mean)
    factor = routine.numbers("factor", (1 / np.sqrt(variance + layer.epsilon)).astype(dtype))
    gamma, beta = routine.numbers("gamma", layer.gamma), routine.numbers("beta", layer.beta)
    routine.run(f"normalise({z}, {z.size // features}, {mean}, {factor}, {gamma}, {beta}, {features});", values=[z])
    return z


@code_of.register
def _(layer: LayerNorm, routine: Routine, x: Value) -> Value:
    routine.use(_PLACES)
    z = routine.changeable(x)
    features = len(layer.gamma)
    gamma, beta = routine.numbers("gamma", layer.gamma), routine.numbers("beta", layer.beta)
    places = z.size // features
    routine.run(f"normalise_places({z}, {places}, {layer.epsilon!r}, {gamma}, {beta}, {features});", values=[z])
    return z
