"""Layers that read a sequence step by step; backward goes through all steps from the last to the first.

Input weights are (inputs, gates · units), recurrent weights (units, gates · units), with the columns gate by gate.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import activations, random
from .activations import Array, sigmoid
from .base import Layer, Margin, rounding_scale

__all__ = ["GRU", "LSTM", "SimpleRNN"]

# The arrays of a state, or those that a step stores for backward.
Values = tuple[Array, ...]


class Recurrent(Layer, abstract=True):
    """A layer with a state s, whose first array h is the output: s(t) = step(x(t), s(t−1)).

    Where `is_step` is false, the state stays the same and the output of a sequence is zero. Without
    `return_sequences`, the output is the last h. `initial_state` is zero unless set; forward stores `final_state`, and
    backward stores `initial_state_gradient`. In training, a `stateful` layer starts from the final state of the same
    samples of the previous batch, and from zero in the first batch of an epoch.

    In training, h is multiplied by `factors` in the product with U: with `recurrent_dropout`, the same units of a
    sample are dropped at all its steps (Gal and Ghahramani 2016). With `dropout`, x is multiplied by `input_factors`
    likewise. `step_activation` is that of the candidate and the cell; it is not one of the outputs. Random numbers
    depend on `index`, the number of the layer.
    """

    weight_names: tuple[str, ...] = ("input_weights", "recurrent_weights")
    # The number of arrays of the state.
    state_arrays = 1
    initial_state: Values | None = None
    # Which direction the layer reads.
    direction = 0

    def __init__(
        self,
        parameters: Mapping[str, Array],
        return_sequences: bool = False,
        activation: str = "tanh",
        stateful: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        index: int = 0,
        **learning: Any,
    ) -> None:
        super().__init__(parameters, **learning)
        self.units = len(self.parameters["recurrent_weights"])
        self.return_sequences = return_sequences
        self.step_activation = activation
        self.stateful = stateful
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.index = index

    @property
    def preserves_steps(self) -> bool:  # type: ignore[override]
        return self.return_sequences

    def _activated(self, z: Array) -> Array:
        return activations.value(self.step_activation, z)

    def _slope(self, z: Array) -> Array:
        return activations.derivative(self.step_activation, z)

    @abstractmethod
    def _activation_inputs(self, kept: Values) -> Values:
        """Return the pre-activations that `step_activation` was applied to, from what a step stored."""

    def sides(self) -> list[NDArray[np.int64]]:
        """Return the side of each kink on which the values of the last forward are, and zero at padding."""
        return [
            np.where(self.inside[:, t], activations.sides(self.step_activation, z), 0)
            for t, kept in enumerate(self.kept)
            for z in self._activation_inputs(kept)
        ]

    def margins(self) -> list[Margin]:
        """Return the distances of the last forward's values from each kink; padding is far from all of them.

        So is a value of zero: a cell to which only candidates of zero were added is zero without rounding errors.
        """
        return [
            (np.where(self.inside[:, t] & (z != 0.0), np.abs(z - kink), np.inf), rounding_scale(z))
            for t, kept in enumerate(self.kept)
            for z in self._activation_inputs(kept)
            for kink in activations.kinks(self.step_activation)
        ]

    @abstractmethod
    def _step(self, x: Array, state: Values) -> tuple[Values, Values]:
        """Return the new state, and the arrays that _step_back needs."""

    @abstractmethod
    def _step_back(
        self, x: Array, state: Values, kept: Values, state_gradient: Values
    ) -> tuple[Array, Values, dict[str, Array]]:
        """Return ∂E/∂x, ∂E/∂(state before) and the step's part of the gradients, from ∂E/∂(new state)."""

    def _start(self, samples: int) -> Values:
        if self.initial_state is not None:
            return self.initial_state
        if self.stateful and self.training:
            _, _, first_place = self.draw
            if first_place > 0:
                return tuple(array[:samples] for array in self.final_state)
        return tuple(np.zeros((samples, self.units)) for _ in range(self.state_arrays))

    def _factors(self, samples: int, width: int, rate: float, part: int) -> Array:
        """Return the dropout factors of a vector that has this width; `part` numbers the first direction's draws."""
        if rate == 0.0 or not self.training:
            return np.ones((samples, width))
        return random.keeps(self.draw, self.index, samples, width, rate, part + self.direction) / (1.0 - rate)

    def _forward(self, x: Array) -> Array:
        samples, steps, features = x.shape
        state = self._start(samples)
        self.factors = self._factors(samples, self.units, self.recurrent_dropout, part=0)
        self.input_factors = self._factors(samples, features, self.dropout, part=2)
        self.inside = np.ones((samples, steps, 1), bool) if self.is_step is None else self.is_step[:, :, None]
        self.states, self.kept, outputs = [state], [], []
        for t in range(steps):
            new, kept = self._step(self.input_factors * x[:, t], state)
            state = tuple(np.where(self.inside[:, t], *pair) for pair in zip(new, state, strict=True))
            self.states.append(state)
            self.kept.append(kept)
            outputs.append(np.where(self.inside[:, t], state[0], 0.0))
        self.final_state = state
        return np.stack(outputs, axis=1) if self.return_sequences else state[0]

    def _backward(self, deltas: Array) -> Array:
        gradients = {name: np.zeros_like(values) for name, values in self.parameters.items()}
        x_gradient = np.zeros_like(self.inputs)
        state_gradient = [np.zeros_like(array) for array in self.final_state]
        if not self.return_sequences:
            state_gradient[0] = deltas
        for t in reversed(range(self.inputs.shape[1])):
            inside = self.inside[:, t]
            through = [np.where(inside, gradient, 0.0) for gradient in state_gradient]
            past = [np.where(inside, 0.0, gradient) for gradient in state_gradient]
            if self.return_sequences:
                through[0] = through[0] + np.where(inside, deltas[:, t], 0.0)
            x_share, before, shares = self._step_back(
                self.input_factors * self.inputs[:, t], self.states[t], self.kept[t], tuple(through)
            )
            x_gradient[:, t] = self.input_factors * x_share
            state_gradient = [a + b for a, b in zip(before, past, strict=True)]
            for name, share in shares.items():
                gradients[name] += share
        self._keep(**gradients)
        self.initial_state_gradient = tuple(state_gradient)
        return x_gradient

    def _gates_back(self, x: Array, h: Array, deltas: Array) -> tuple[Array, Array, dict[str, Array]]:
        """Return ∂E/∂x, ∂E/∂h and the gradients of W, U and b, from ∂E/∂(x W + (m h) U + b)."""
        w, u, m = self.parameters["input_weights"], self.parameters["recurrent_weights"], self.factors
        shares = {
            "input_weights": self.multiply(x.T, deltas),
            "recurrent_weights": self.multiply((m * h).T, deltas),
            "bias": deltas.sum(axis=0),
        }
        return self.multiply(deltas, w.T), m * self.multiply(deltas, u.T), shares


class SimpleRNN(Recurrent):
    """h(t) = f(x(t) W + h(t−1) U + b) (Elman 1990)."""

    def __init__(
        self,
        input_weights: Array,
        recurrent_weights: Array,
        bias: Array,
        return_sequences: bool = False,
        **learning: Any,
    ) -> None:
        parameters = {"input_weights": input_weights, "recurrent_weights": recurrent_weights, "bias": bias}
        super().__init__(parameters, return_sequences, **learning)

    def _step(self, x: Array, state: Values) -> tuple[Values, Values]:
        (h,), p, m = state, self.parameters, self.factors
        z = self.multiply(x, p["input_weights"]) + self.multiply(m * h, p["recurrent_weights"]) + p["bias"]
        return (self._activated(z),), (z,)

    def _activation_inputs(self, kept: Values) -> Values:
        return kept

    def _step_back(
        self, x: Array, state: Values, kept: Values, state_gradient: Values
    ) -> tuple[Array, Values, dict[str, Array]]:
        (h,), (z,), (dh,) = state, kept, state_gradient
        x_gradient, h_gradient, shares = self._gates_back(x, h, dh * self._slope(z))
        return x_gradient, (h_gradient,), shares


class LSTM(Recurrent):
    """i, f, o = σ(…), g = φ(…) of x W + h U + b; c ← f c + i g; h ← o φ(c) (Hochreiter and Schmidhuber 1997).

    The forget gate is that of Gers, Schmidhuber and Cummins 2000. Peepholes (Gers and Schmidhuber 2000) have a row for
    each of i, f and o, through which the gates of a unit see its cell: i and f add p c, with c before the step, and o
    adds p c, with c after the step.
    """

    state_arrays = 2

    def __init__(
        self,
        input_weights: Array,
        recurrent_weights: Array,
        bias: Array,
        return_sequences: bool = False,
        peepholes: Array | None = None,
        **learning: Any,
    ) -> None:
        parameters = {"input_weights": input_weights, "recurrent_weights": recurrent_weights, "bias": bias}
        if peepholes is not None:
            parameters["peepholes"] = peepholes
            self.weight_names = ("input_weights", "recurrent_weights", "peepholes")
        super().__init__(parameters, return_sequences, **learning)

    def _peepholes(self) -> Array:
        return self.parameters.get("peepholes", np.zeros((3, self.units)))

    def _step(self, x: Array, state: Values) -> tuple[Values, Values]:
        (h, c), p, m = state, self.parameters, self.factors
        see_i, see_f, see_o = self._peepholes()
        sums = self.multiply(x, p["input_weights"]) + self.multiply(m * h, p["recurrent_weights"]) + p["bias"]
        z_i, z_f, z_g, z_o = np.split(sums, 4, axis=1)
        i, f, g = sigmoid(z_i + see_i * c), sigmoid(z_f + see_f * c), self._activated(z_g)
        new = f * c + i * g
        o = sigmoid(z_o + see_o * new)
        return (o * self._activated(new), new), (i, f, z_g, o, new)

    def _activation_inputs(self, kept: Values) -> Values:
        _, _, z_g, _, new = kept
        return z_g, new

    def _step_back(
        self, x: Array, state: Values, kept: Values, state_gradient: Values
    ) -> tuple[Array, Values, dict[str, Array]]:
        (h, c), (i, f, z_g, o, new), (dh, dc) = state, kept, state_gradient
        g = self._activated(z_g)
        see_i, see_f, see_o = self._peepholes()
        delta_o = dh * self._activated(new) * o * (1.0 - o)
        dc = dc + dh * o * self._slope(new) + see_o * delta_o
        delta_i, delta_f, delta_g = dc * g * i * (1.0 - i), dc * c * f * (1.0 - f), dc * i * self._slope(z_g)
        x_gradient, h_gradient, shares = self._gates_back(x, h, np.hstack([delta_i, delta_f, delta_g, delta_o]))
        if "peepholes" in self.parameters:
            shares["peepholes"] = np.stack([(c * delta_i).sum(0), (c * delta_f).sum(0), (new * delta_o).sum(0)])
        return x_gradient, (h_gradient, dc * f + see_i * delta_i + see_f * delta_f), shares


class GRU(Recurrent):
    """z, r = σ(x W + h U + b); h ← z h + (1 − z) ĥ (Cho et al. 2014).

    ĥ = φ(x W + b + (r h) U) as in the paper, or with `reset_after` φ(x W + b + r (h U + b′)) as in CuDNN,
    where the recurrent part has a second bias b′ for all three gates.
    """

    def __init__(
        self,
        input_weights: Array,
        recurrent_weights: Array,
        bias: Array,
        recurrent_bias: Array | None = None,
        return_sequences: bool = False,
        reset_after: bool = True,
        **learning: Any,
    ) -> None:
        parameters = {"input_weights": input_weights, "recurrent_weights": recurrent_weights, "bias": bias}
        if reset_after:
            parameters["recurrent_bias"] = np.zeros_like(bias) if recurrent_bias is None else recurrent_bias
        super().__init__(parameters, return_sequences, **learning)
        self.reset_after = reset_after

    def _recurrent_bias(self) -> list[Array]:
        return np.split(self.parameters.get("recurrent_bias", np.zeros(3 * self.units)), 3)

    def _step(self, x: Array, state: Values) -> tuple[Values, Values]:
        (h,), p, m = state, self.parameters, self.factors
        u_z, u_r, u_h = np.split(p["recurrent_weights"], 3, axis=1)
        x_z, x_r, x_h = np.split(self.multiply(x, p["input_weights"]) + p["bias"], 3, axis=1)
        b_z, b_r, b_h = self._recurrent_bias()
        z, r = sigmoid(x_z + self.multiply(m * h, u_z) + b_z), sigmoid(x_r + self.multiply(m * h, u_r) + b_r)
        recalled = r * (self.multiply(m * h, u_h) + b_h) if self.reset_after else self.multiply(m * r * h, u_h)
        z_h = x_h + recalled
        return (z * h + (1.0 - z) * self._activated(z_h),), (z, r, z_h)

    def _activation_inputs(self, kept: Values) -> Values:
        return (kept[2],)

    def _step_back(
        self, x: Array, state: Values, kept: Values, state_gradient: Values
    ) -> tuple[Array, Values, dict[str, Array]]:
        (h,), (z, r, z_h), (dh,), p, m = state, kept, state_gradient, self.parameters, self.factors
        u_z, u_r, u_h = np.split(p["recurrent_weights"], 3, axis=1)
        delta_z = dh * (h - self._activated(z_h)) * z * (1.0 - z)
        delta_h = dh * (1.0 - z) * self._slope(z_h)
        if self.reset_after:
            _, _, b_h = self._recurrent_bias()
            r_gradient = delta_h * (self.multiply(m * h, u_h) + b_h)
            h_gradient = m * self.multiply(delta_h * r, u_h.T)
            u_h_share = self.multiply((m * h).T, delta_h * r)
        else:
            back = m * self.multiply(delta_h, u_h.T)
            r_gradient, h_gradient = back * h, back * r
            u_h_share = self.multiply((m * r * h).T, delta_h)
        delta_r = r_gradient * r * (1.0 - r)
        deltas = np.hstack([delta_z, delta_r, delta_h])
        u_shares = [self.multiply((m * h).T, delta) for delta in (delta_z, delta_r)]
        shares = {
            "input_weights": self.multiply(x.T, deltas),
            "recurrent_weights": np.hstack([*u_shares, u_h_share]),
            "bias": deltas.sum(axis=0),
        }
        if self.reset_after:
            shares["recurrent_bias"] = np.hstack([delta_z, delta_r, delta_h * r]).sum(axis=0)
        h_gradient = h_gradient + dh * z + m * (self.multiply(delta_z, u_z.T) + self.multiply(delta_r, u_r.T))
        return self.multiply(deltas, p["input_weights"].T), (h_gradient,), shares
