"""Layers that draw random numbers in training alone."""

from __future__ import annotations

from ...layers.noise import Dropout, GaussianNoise, Sampling
from .program import COPY, Routine, Value, code_of


@code_of.register(Dropout)
@code_of.register(GaussianNoise)
def _(layer: Dropout | GaussianNoise, routine: Routine, x: Value) -> Value:
    return x


@code_of.register
def _(layer: Sampling, routine: Routine, x: Value) -> Value:
    routine.use(COPY)
    means = routine.value(x.size // 2)
    routine.run(f"copy({x}, {means.size}, {means});", values=[x, means])
    return means
