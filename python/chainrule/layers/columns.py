"""Columns of different kinds in one row of a table: numbers, codes as flags, and codes with learned vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from .. import _core
from .._checks import checked_flag, checked_integer
from .base import Layer, Place, Shape, shapes_through
from .composite import Composite, Concatenate
from .selection import Select
from .shape import Flatten

__all__ = ["Columns", "Numbers", "OneHot"]

# Codes are exact in float32 up to this one.
_MOST_CODES = 2**24


class OneHot(Layer):
    """Columns of codes as flags: of a code are made as many features as there are codes, all zero but that of the code.

    The first layer, or one of the kinds of `Columns`.

    Parameters
    ----------
    codes : int or sequence of int
        Number of codes, of one column or of several; samples hold whole numbers from 0 to below it. 1 to 2²⁴.
    zero_is_missing : bool
        Whether the code 0 means that the value is missing or unknown: it has no flag, so that all flags are zero.

    Raises
    ------
    ValueError
        When the network is made: for another number of columns, or after other layers. When it is used, before
        anything is changed: for values that are no codes.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Network([cr.Input(2), cr.OneHot([3, 2])]).predict([[2, 0]]).tolist()
    [[0.0, 0.0, 1.0, 1.0, 0.0]]
    >>> cr.Network([cr.Input(1), cr.OneHot(3, zero_is_missing=True)]).predict([[0], [2]]).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """

    settings = ("codes", "zero_is_missing")
    works_step_by_step = True

    def __init__(self, codes: int | Sequence[int], *, zero_is_missing: bool = False, trainable: bool = True) -> None:
        super().__init__(trainable=trainable)
        self.zero_is_missing = checked_flag(zero_is_missing, "zero_is_missing")
        several = list(codes) if hasattr(codes, "__iter__") else [codes]
        if not several:
            raise ValueError("codes must be of at least one column, got none")
        lowest = 1 + self.zero_is_missing
        self.codes = [checked_integer(count, "codes", lowest=lowest, highest=_MOST_CODES) for count in several]

    @property
    def vocabulary(self) -> tuple[int, ...]:  # type: ignore[override]
        return tuple(self.codes)

    @property
    def column_count(self) -> int:  # type: ignore[override]
        return len(self.codes)

    def joined(self, other: Layer) -> OneHot | None:
        """Return a layer of the columns of this one and then those of another, if that is one too and alike."""
        if not isinstance(other, OneHot) or other.zero_is_missing != self.zero_is_missing:
            return None
        return OneHot([*self.codes, *other.codes], zero_is_missing=self.zero_is_missing)

    def output_shape(self, shape: Shape) -> Shape:
        if shape != (len(self.codes),):
            raise ValueError(f"OneHot takes samples of shape {(len(self.codes),)}, a code for each column, got {shape}")
        return (sum(self.codes) - self.zero_is_missing * len(self.codes),)

    def core_settings(self, shape: Shape) -> _core.LayerSettings:
        return _core.OneHotSettings(codes=self.codes, zero_is_missing=self.zero_is_missing)

    def enter(self, place: Place) -> int:
        if not place.is_first:
            raise ValueError("OneHot must be the first layer after the Input, or in Columns")
        return super().enter(place)


class Numbers:
    """Columns of numbers in `Columns`, as they are or through layers of their own.

    Parameters
    ----------
    count : int
        Number of columns, >= 1.
    layers : layer or sequence of layers
        What is made of these columns, such as `Periodic` or `PiecewiseLinear`.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Numbers(12, [cr.Scale(), cr.Periodic(4)])
    Numbers(12, [Scale(), Periodic()])
    """

    def __init__(self, count: int = 1, layers: Layer | Sequence[Layer] = ()) -> None:
        self.count = checked_integer(count, "count", lowest=1, highest=2**31)
        self.layers = [layers] if isinstance(layers, Layer) else list(layers)
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"layers must be layers, got {layer!r}")

    def __repr__(self) -> str:
        return f"Numbers({self.count}{f', {self.layers!r}' if self.layers else ''})"


Kind: TypeAlias = Numbers | Layer


class Columns(Concatenate):
    """A row of a table whose columns are of different kinds, as first layer: numbers, codes, and codes with vectors.

    The kinds come in the order of the columns, and so do the features that are made of them, in one row. `Numbers`
    are passed on, or go through layers of their own; `OneHot` makes flags of a column of codes; `Embedding` has a
    learned vector for each code of a column. Codes are whole numbers, stored as numbers of any type.

    Parameters
    ----------
    columns : sequence of Numbers, OneHot and Embedding
        Neighbours that are `OneHot` become one.

    Raises
    ------
    ValueError
        When the network is made: for samples that are not a row of as many columns, and after other layers. When it is
        used, before anything is changed: for values of a column of codes that are none; the column is named.
    TypeError
        For what is not one of the kinds.

    Examples
    --------
    Two numbers with their cosines, a code of 3 and one of 100, of which 0 means that it is missing:

    >>> import chainrule as cr
    >>> kinds = [cr.Numbers(2, cr.Periodic(4)), cr.OneHot(3), cr.Embedding(100, 8, zero_is_missing=True)]
    >>> net = cr.Network([cr.Input(4), cr.Columns(kinds), cr.Dense(32, "relu"), cr.Dense(1)], seed=0)
    >>> net.shapes[1], net.predict([[0.5, -1.2, 2, 99]]).shape
    ((19,), (1, 1))
    >>> net.predict([[0.5, -1.2, 3, 99]])
    Traceback (most recent call last):
    ValueError: X[:, 2] must hold whole numbers in [0, 3), got 3.0
    """

    settings = ("columns",)
    branches_read_inputs = True

    def __init__(self, columns: Sequence[Kind]) -> None:
        if not isinstance(columns, (list, tuple)):
            raise TypeError(f"columns must be a list of kinds, got {columns!r}")
        self.columns = _joined(list(columns))
        if not self.columns:
            raise ValueError("columns must have at least one kind, got none")
        self._counts = [_count(kind) for kind in self.columns]
        ends = [sum(self._counts[: i + 1]) for i in range(len(self._counts))]
        self._made = [_layers(kind) for kind in self.columns]
        for leaf in [leaf for layers in self._made for layer in layers[1:] for leaf in layer.leaves()]:
            if leaf.vocabulary is not None:
                raise ValueError(f"codes must be read by the first layer of their columns, got {leaf!r} after others")
        # The vectors of an `Embedding` are a sequence, whose steps are put into a row.
        self._flattened = [
            len(shapes_through((count,), layers)[-1]) > 1
            for layers, count in zip(self._made, self._counts, strict=True)
        ]
        branches = [
            [_selected(end - count, end), *layers, *flattened * [Flatten()]]
            for layers, count, end, flattened in zip(self._made, self._counts, ends, self._flattened, strict=True)
        ]
        self.branches = branches
        Composite.__init__(self, branches)

    @property
    def vocabulary(self) -> tuple[int, ...] | None:  # type: ignore[override]
        codes: list[int] = []
        for layers, count in zip(self._made, self._counts, strict=True):
            of_kind = layers[0].vocabulary if layers else None
            codes += of_kind if isinstance(of_kind, tuple) else count * [of_kind or 0]
        return tuple(codes) if any(codes) else None

    def output_shape(self, shape: Shape) -> Shape:
        if shape != (sum(self._counts),):
            raise ValueError(f"Columns takes samples of {sum(self._counts)} columns in a row, got shape {shape}")
        return super().output_shape(shape)

    def enter(self, place: Place) -> int:
        if not place.is_first:
            raise ValueError("Columns must be the first layer after the Input")
        return super().enter(place)

    def config_of(self, branches: list[list[dict[str, Any]]]) -> dict[str, Any]:
        kinds = [
            {"count": count, "layers": layers[1:-1] if flattened else layers[1:]}
            for layers, count, flattened in zip(branches, self._counts, self._flattened, strict=True)
        ]
        return {"type": "Columns", "columns": kinds}

    @classmethod
    def from_config(cls, config: dict[str, Any], make: Callable[[Any], Layer]) -> Layer:
        return cls(
            [_kind(kind["count"], [make(of_layer) for of_layer in kind["layers"]]) for kind in config["columns"]]
        )


def _selected(begin: int, end: int) -> Select:
    """Return the layer that selects the columns of a kind, whose codes the network checks."""
    select = Select(slice(begin, end))
    select.passes_codes_on = True
    return select


def _count(kind: Any) -> int:
    """Return the number of columns of a kind."""
    count = kind.count if isinstance(kind, Numbers) else getattr(kind, "column_count", None)
    if count is None:
        raise TypeError(f"columns must be Numbers, OneHot or Embedding, got {kind!r}; put other layers into Numbers")
    return int(count)


def _layers(kind: Kind) -> list[Layer]:
    """Return the layers that the columns of a kind go through."""
    return kind.layers if isinstance(kind, Numbers) else [kind]


def _kind(count: int, layers: list[Layer]) -> Kind:
    """Return the kind of so many columns that go through these layers."""
    return layers[0] if len(layers) == 1 and layers[0].column_count == count else Numbers(count, layers)


def _joined(kinds: list[Kind]) -> list[Kind]:
    """Return the kinds, with neighbours that are `OneHot` in one, as a layer for each column would be slow."""
    joined: list[Kind] = []
    for kind in kinds:
        last = joined[-1] if joined else None
        both = last.joined(kind) if isinstance(last, OneHot) and isinstance(kind, Layer) else None
        if both is None:
            joined.append(kind)
        else:
            joined[-1] = both
    return joined
