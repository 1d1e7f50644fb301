"""The network for a table, and how it is trained: after RealMLP (Holzmüller, Grinsztajn and Steinwart 2024)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..layers.base import Layer, shapes_through
from ..layers.columns import Columns, Kind, Numbers
from ..layers.dense import Dense
from ..layers.embedding import Embedding
from ..layers.initializers import Normal
from ..layers.input import Input
from ..layers.noise import Dropout
from ..layers.periodic import Periodic
from ..layers.scale import Scale
from ..losses import MSE, CrossEntropy, Loss
from ..network import Network
from ..optimizers import AdamW, Optimizer
from ..schedules import Coslog, FlatCosine
from .encoding import Encoding

# What becomes of a number: itself, and mixtures of so many cosines.
_EMBEDDING, _WAVES = 3, 8
# Length of the vector that a code becomes.
_VECTOR = 8


@dataclass(frozen=True)
class Task:
    """What differs between labels and numbers.

    Attributes
    ----------
    activation : str
        Of hidden layers.
    output : str
        Activation of the last layer.
    rate : float
        Highest learning rate of a layer of one input; one of n inputs has 1/√n of it.
    loss : Loss
        What is trained; what is validated is the loss itself, without label smoothing.
    """

    activation: str
    output: str
    rate: float
    loss: Loss


LABELS = Task("selu", "softmax", 0.04, CrossEntropy(label_smoothing=0.1))
NUMBERS = Task("mish", "identity", 0.2, MSE())


@dataclass(frozen=True)
class Recipe:
    """How large a network is, how long it is trained, and how many there are.

    Attributes
    ----------
    members : int
        Number of networks, whose predictions are averaged.
    width, hidden : int
        Units of a hidden layer, and how many of these there are.
    epochs : int
        Passes over the rows, unless these are fewer or more than the steps below.
    fewest_steps, most_steps : int
        Bounds of the number of steps.
    batches : int
        An epoch has about so many steps, unless a batch would have fewer than 32 rows or more than 256.
    dropout, decay : float
        Rate of dropout and weight decay in the first half of the training; then they fall to zero.
    """

    members: int
    width: int
    hidden: int
    epochs: int
    fewest_steps: int
    most_steps: int
    batches: int = 24
    dropout: float = 0.0
    decay: float = 0.02

    def batch_size(self, rows: int) -> int:
        """Return a power of two from 32 to 256: about a 24th of the rows."""
        return int(np.clip(2 ** round(math.log2(max(rows / self.batches, 1.0))), 32, 256))

    def epochs_for(self, rows: int) -> int:
        """Return the number of epochs that makes enough steps, and not too many."""
        steps = -(-rows // self.batch_size(rows))
        wanted = np.clip(self.epochs * steps, self.fewest_steps, max(self.most_steps, 3 * steps))
        return max(1, round(float(wanted) / steps))

    def optimizer(self, task: Task) -> Optimizer:
        """Return AdamW with four growing cosines, as RealMLP has it."""
        return AdamW(Coslog(task.rate), weight_decay=FlatCosine(self.decay), beta2=0.95)

    def network(self, task: Task, features: int, encoding: Encoding, outputs: int, seed: int) -> Network:
        """Return the network for so many features, as an encoding makes them."""
        embedding = _embedding(features, encoding)
        layers: list[Any] = [Input(features), *embedding, Scale(rate_factor=6.0)]
        (size,) = shapes_through((features,), embedding)[-1]
        for _ in range(self.hidden):
            layers.append(_dense(size, self.width, task.activation))
            layers += [Dropout(FlatCosine(self.dropout))] if self.dropout > 0 else []
            size = self.width
        layers.append(_dense(size, outputs, task.output))
        return Network(layers, seed=seed)


# Tables of fewer different rows are trained by the recipe for few rows.
_FEW_ROWS = 2_500


@dataclass(frozen=True)
class Preset:
    """A recipe for few rows, and one for many.

    Where rows are few, the held-back ones choose the epoch by chance: several small networks then score better than one
    that takes as long.
    """

    few: Recipe
    many: Recipe

    def recipe(self, rows: int) -> Recipe:
        """Return the recipe for a table of so many different rows."""
        return self.few if rows < _FEW_ROWS else self.many


_SMALL = Recipe(members=5, width=64, hidden=2, epochs=30, fewest_steps=300, most_steps=12_000, dropout=0.15)
_MEDIUM = Recipe(members=3, width=64, hidden=3, epochs=50, fewest_steps=800, most_steps=12_000)
_LARGE = Recipe(members=8, width=128, hidden=3, epochs=100, fewest_steps=1_000, most_steps=40_000)

PRESETS = {
    "fast": Preset(_SMALL, _MEDIUM),
    "accurate": Preset(replace(_SMALL, members=10), _LARGE),
    "ensemble": Preset(replace(_SMALL, members=20), replace(_MEDIUM, members=10)),
}


def _embedding(features: int, encoding: Encoding) -> list[Layer]:
    """Return the layer that gives each number cosines of it and each code a vector, and leaves flags as they are."""
    numbers, codes = encoding.numbers, encoding.codes
    flags = features - numbers - len(codes)
    periodic = Periodic(_EMBEDDING, waves=_WAVES, rate_factor=0.1)
    if flags == features:
        return []
    if numbers == features:
        return [periodic]
    kinds: list[Kind] = [Numbers(numbers, periodic)] if numbers else []
    kinds += [Numbers(flags)] if flags else []
    return [Columns(kinds + [Embedding(count, _VECTOR, weights=Normal(1.0), zero_is_missing=True) for count in codes])]


def _dense(inputs: int, units: int, activation: str) -> Dense:
    """Return a layer that learns as if its weights were divided by √inputs (Jacot, Gabriel and Hongler 2018)."""
    return Dense(units, activation, rate_factor={"weights": 1 / math.sqrt(inputs), "bias": 0.1})
