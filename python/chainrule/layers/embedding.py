"""Vectors for the tokens of a vocabulary."""

from __future__ import annotations

from dataclasses import replace

from .. import _core
from .._checks import checked_flag, checked_integer
from .base import Place, Shape
from .learning import Factor
from .parameter import Parameter
from .weighted import Initial, WeightedLayer, checked_initial, filled

__all__ = ["Embedding"]


class Embedding(WeightedLayer):
    """Vectors for the tokens of a vocabulary: z = W[x]. The first layer; samples are (steps,) token ids.

    Among `Columns` of a table, it has a vector for each code of a column.

    Parameters
    ----------
    vocabulary : int
        Number of tokens, 1 to 2²⁴, or at least 2 if zero is missing; samples hold ids from 0 to below it.
    units : int
        Length of a vector, >= 1.
    mask_zero : bool
        Whether the token 0 is padding, wherever it is: see `Masking`.
    zero_is_missing : bool
        Whether the token 0 means that a value is missing or unknown: all zeros then stand for its vector.
    weights : str, Normal, Uniform, float or array (vocabulary, units), optional
        Initial vectors, without one for a 0 that is missing, by default uniform in [−0.05, 0.05).
    l1, l2 : float
        Penalty l1 ‖W‖₁ + ½ l2 ‖W‖². May be set at any time.
    rate_factor, decay_factor : float or mapping of str to float
        What the optimiser's steps and its weight decay are multiplied by, >= 0: of all parameters, or of those named.
        By default, weights have a decay factor of 1, and other parameters 0. May be set at any time.
    trainable : bool
        False: training leaves the layer as it is. May be set at any time.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not (steps,), after other layers, and with `mask_zero` if no
        recurrent layer reads the mask. When it is used, before anything is changed: for values that are no token ids.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([cr.Input(6), cr.Embedding(100, 8), cr.LSTM(16), cr.Dense(1, "sigmoid")], seed=0)
    >>> net.predict([[1, 2, 3, 4, 5, 99]]).shape
    (1, 1)
    """

    settings = ("vocabulary", "units", "mask_zero", "zero_is_missing")
    size_settings = ("vocabulary", "units")
    works_step_by_step = True
    vocabulary: int
    column_count = 1

    weights = Parameter("A copy of the vectors, (tokens that have one, units); assign to set them.")

    def __init__(
        self,
        vocabulary: int,
        units: int,
        *,
        mask_zero: bool = False,
        zero_is_missing: bool = False,
        weights: Initial = None,
        l1: float = 0.0,
        l2: float = 0.0,
        rate_factor: Factor = 1.0,
        decay_factor: Factor | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(l1=l1, l2=l2, rate_factor=rate_factor, decay_factor=decay_factor, trainable=trainable)
        self.units = checked_integer(units, "units", lowest=1, highest=2**26)
        self.mask_zero = checked_flag(mask_zero, "mask_zero")
        self.zero_is_missing = checked_flag(zero_is_missing, "zero_is_missing")
        lowest = 1 + self.zero_is_missing
        self.vocabulary = checked_integer(vocabulary, "vocabulary", lowest=lowest, highest=2**24)
        self._initial_weights = checked_initial("uniform" if weights is None else weights, "weights")

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"Embedding takes samples of shape (steps,), got {shape}")
        return (shape[0], self.units)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weights": (self.vocabulary - self.zero_is_missing, self.units)}

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.EmbeddingSettings(
            vocabulary=self.vocabulary,
            units=self.units,
            zero_is_missing=self.zero_is_missing,
            l1=self._l1,
            l2=self._l2,
        )

    @property
    def marks_padding(self) -> bool:  # type: ignore[override]
        return self.mask_zero

    def core_size(self, shape: Shape) -> int:
        return 1 + self.mask_zero

    def enter(self, place: Place) -> int:
        if not place.is_first:
            raise ValueError("Embedding must be the first layer after the Input, or in Columns")
        if not self.mask_zero:
            return super().enter(place)
        place.core.add_layer(_core.MaskingSettings(steps=place.input_shape[0], value=0.0))
        return 1 + super().enter(replace(place, index=place.index + 1, mask_source=place.index))

    @property
    def mask_source_after(self) -> int | None:
        return self.place.mask_source

    def initialize(self, seed: int) -> None:
        shape = (self.vocabulary - self.zero_is_missing, self.units)
        self.weights = filled(self._initial(self._initial_weights, shape, seed), shape)
