"""Kinks: a ReLU at zero, an absolute error of zero, equal maxima. They have no derivative that could be compared.

Samples on a kink are recognised, left out, and counted, instead of being hidden by a loose tolerance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..losses import Loss
from ..model import Model
from .scales import target_rows
from .twins import reference_loss, reference_of


def sides_of(net: reference.Network, X: NDArray[Any], y: NDArray[Any], loss: Loss) -> list[NDArray[np.int64]]:
    """Return on which side of each kink every value of the samples is."""
    a = net.forward(X)
    sides = [side for leaf in leaves_of(net) for side in leaf.sides()]
    return [*sides, reference_loss(loss).sides(a, target_rows(y, net, loss))]


def kinked_samples(network: Model, X: NDArray[Any], y: NDArray[Any], loss: Loss, tolerance: float) -> NDArray[np.bool_]:
    """Tell the samples that rounding alone may put on different sides of a kink in core and reference."""
    net = reference_of(network)
    a = net.forward(X)
    margins = [margin for leaf in leaves_of(net) for margin in leaf.margins()]
    margins += reference_loss(loss).margins(a, target_rows(y, net, loss))
    near = np.zeros(len(X), dtype=bool)
    for distance, scale in margins:
        near |= (distance < 10 * tolerance * scale).reshape(len(X), -1).any(axis=1)
    return near


def crosses_zero(net: reference.Network, before: float, after: float) -> bool:
    """Tell whether the penalty ‖W‖₁ has a kink between two values of a weight."""
    return any(leaf.l1 > 0 for leaf in leaves_of(net)) and bool(np.sign(before) != np.sign(after))


def leaves_of(net: reference.Network) -> list[reference.Layer]:
    """Return the layers of a reference network, with those of a block one by one."""
    return [leaf for layer in net.layers for leaf in layer.leaves()]
