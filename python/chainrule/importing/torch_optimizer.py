"""The optimiser of modules of PyTorch: its settings, and its state in the layout of a network's parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..layers.base import Arrays
from ..network import Network
from ..optimizers import SGD, Adam, AdamW, Optimizer
from .torch_graph import Reader, numbers_of

# Returns the network, in float64, of the modules with other numbers in place of their parameters. Each parameter here
# is a sum of some of theirs, which may be subtracted from 1: of a recurrent layer's two biases, and else of one.
Image: TypeAlias = Callable[[Reader], Network]
# Settings of an optimiser there by their names.
Settings: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class _Group:
    """The learning rate and the weight decay that some parameters have."""

    rate: float
    decay: float


# What a parameter has that is not trained.
_NONE = _Group(0.0, 0.0)


@dataclass(frozen=True)
class _Learning:
    """How a parameter here learns.

    Attributes
    ----------
    group : _Group
    count : float
        Number of parameters in PyTorch that it is the sum of: all of them move when it does.
    is_shifted : bool
        Whether it is 1 less than a parameter.
    """

    group: _Group
    count: float
    is_shifted: bool


@dataclass(frozen=True)
class _Kind:
    """A kind of optimiser.

    Attributes
    ----------
    off : tuple of str
        Settings that no optimiser here has.
    shared : tuple of str
        Settings that are the same for all parameters here.
    kept : tuple of str
        Names of what it keeps for each parameter.
    make : callable
        Returns the optimiser here; it is given the settings, and the rate and the decay that factors are of.
    state : callable
        Returns the core's name of the rule, and its state; it is given the settings, what is kept, which is averaged
        over the parameters that one here is a sum of, and the rate of each parameter here.
    """

    off: tuple[str, ...]
    shared: tuple[str, ...]
    kept: tuple[str, ...]
    make: Callable[[Settings, _Group], Optimizer]
    state: Callable[[Settings, Arrays, NDArray[np.float64]], tuple[str, Arrays]]


def _adam(settings: Settings, base: _Group) -> Optimizer:
    beta1, beta2 = map(float, settings["betas"])
    options = {"beta1": beta1, "beta2": beta2, "epsilon": float(settings["eps"])}
    if _is_decoupled(settings):
        return AdamW(base.rate, weight_decay=base.decay, **options)
    return Adam(base.rate, **options)


def _adam_state(settings: Settings, kept: Arrays, rates: NDArray[np.float64]) -> tuple[str, Arrays]:
    # Squares are the same for a parameter that is subtracted from 1.
    return "adam", {"m": kept["exp_avg"], "v": np.abs(kept["exp_avg_sq"])}


def _sgd(settings: Settings, base: _Group) -> Optimizer:
    if settings["momentum"] and settings["dampening"]:
        # The first step goes without it there.
        raise ValueError(f"optimizer has dampening={settings['dampening']:g}, which SGD does not have here")
    return SGD(base.rate, momentum=float(settings["momentum"]), nesterov=bool(settings["nesterov"]))


def _sgd_state(settings: Settings, kept: Arrays, rates: NDArray[np.float64]) -> tuple[str, Arrays]:
    # There, the rate comes after the sum of gradients: it is a part of the velocity here.
    return "nesterov" if settings["nesterov"] else "momentum", {"velocity": -rates * kept["momentum_buffer"]}


_ADAM = _Kind(
    ("amsgrad", "maximize"),
    ("betas", "eps", "decoupled_weight_decay"),
    ("exp_avg", "exp_avg_sq"),
    _adam,
    _adam_state,
)
_KINDS = {
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "SGD": _Kind(
        ("maximize",), ("momentum", "dampening", "nesterov"), ("momentum_buffer",), _sgd, _sgd_state
    ),
}  # fmt: skip


def take_optimizer(network: Network, optimizer: Any, parameters: Sequence[Any], image: Image) -> None:
    """Give the network of modules the optimiser that trains their parameters, with its state.

    Raises
    ------
    ValueError
        For an optimiser, or a setting of it, that is not here.
    """
    kind, settings = _read(optimizer)
    groups = {
        id(parameter): _Group(float(group["lr"]), float(group["weight_decay"]))
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.requires_grad
    }
    trained = [parameter for parameter in parameters if id(parameter) in groups]
    if not trained:
        raise ValueError("optimizer must train parameters of the modules, got one that has none of them")
    base = _base([groups[id(parameter)] for parameter in trained])
    places = _Places(network, parameters, image)
    places.check_that_none_is_shared(trained)
    chosen = kind.make(settings, base)
    chosen.check_precision(network.dtype)
    for layer, learning in places.learning(groups):
        _set_factors(layer, learning, base, _is_decoupled(settings))
    network.adopt(chosen, None)
    kept = {name: _kept(optimizer, trained, name) for name in kind.kept}
    if any(kept.values()):
        arrays = {name: places.mean(values) for name, values in kept.items()}
        rates = np.abs(places.sum({of: group.rate for of, group in groups.items()}))
        rule, state = kind.state(settings, arrays, rates)
        dtype: Any = network.dtype
        slots = {name: values.astype(dtype) for name, values in state.items()}
        network.core.set_optimizer_state(rule, _steps(optimizer, trained), slots)


def _read(optimizer: Any) -> tuple[_Kind, Settings]:
    """Return the kind of an optimiser, and the settings that all its groups have."""
    names = [of.__name__ for of in type(optimizer).__mro__ if of.__module__.startswith("torch.optim")]
    # A class of the user's may make other steps.
    steps_in = getattr(getattr(type(optimizer), "step", None), "__module__", "")
    if not steps_in.startswith("torch.optim") or names[0] not in _KINDS:
        raise ValueError(f"optimizer must be an Adam, AdamW or SGD of torch.optim, got {type(optimizer).__name__}")
    kind, first = _KINDS[names[0]], optimizer.param_groups[0]
    for group in optimizer.param_groups:
        for name in kind.off:
            if group[name]:
                raise ValueError(f"optimizer has {name}={group[name]!r}, which {names[0]} does not have here")
        for name in kind.shared:
            if group.get(name) != first.get(name):
                raise ValueError(
                    f"optimizer must have one {name} for all parameters, got {first[name]!r} and {group[name]!r}"
                )
    return kind, first


def _is_decoupled(settings: Settings) -> bool:
    """Tell whether weights decay by themselves, and not by a part of their gradient."""
    return bool(settings.get("decoupled_weight_decay", False))


def _base(groups: Sequence[_Group]) -> _Group:
    """Return the rate and the decay that factors are of: the first ones that are not zero."""
    rate = next((group.rate for group in groups if group.rate), 0.0)
    if not rate:
        raise ValueError("optimizer must have a learning rate that is not 0: set it in optimizer.param_groups before")
    return _Group(rate, next((group.rate / rate * group.decay for group in groups if group.rate * group.decay), 0.0))


def _kept(optimizer: Any, trained: Sequence[Any], name: str) -> dict[int, Any]:
    """Return what the optimiser keeps of parameters by this name, where it has begun to."""
    found = {id(parameter): optimizer.state.get(parameter, {}).get(name) for parameter in trained}
    return {of: numbers_of(tensor) for of, tensor in found.items() if tensor is not None}


def _steps(optimizer: Any, trained: Sequence[Any]) -> int:
    """Return the number of steps so far; SGD does not count them."""
    steps = {int(optimizer.state.get(parameter, {}).get("step", 0)) for parameter in trained}
    if len(steps) > 1:
        raise ValueError(f"optimizer must have made as many steps with all parameters, got {sorted(steps)}")
    return steps.pop()


class _Places:
    """Where the parameters of modules are in a network."""

    def __init__(self, network: Network, parameters: Sequence[Any], image: Image) -> None:
        self._network, self._image = network, image
        known = {id(parameter) for parameter in parameters}

        def read(tensor: Any) -> NDArray[np.float64]:
            if tensor.requires_grad and id(tensor) not in known:
                made = "is computed from others in each step, as weight_norm and pruning do"
                raise ValueError(f"optimizer must train what modules read; one of shape {tuple(tensor.shape)} {made}")
            return np.zeros(tuple(tensor.shape))

        self._plain = image(read)
        # Of how many parameters one here is the sum.
        self._counts = np.abs(self.sum({id(parameter): 1.0 for parameter in parameters}))

    def sum(self, values: Mapping[int, Any]) -> NDArray[np.float64]:
        """Return the sum of numbers of parameters, 0 for those that are not named, for each parameter here."""

        def read(parameter: Any) -> NDArray[np.float64]:
            return np.broadcast_to(values.get(id(parameter), 0.0), tuple(parameter.shape))

        return np.asarray(self._image(read).parameters - self._plain.parameters)

    def mean(self, values: Mapping[int, Any]) -> NDArray[np.float64]:
        """Return the mean of numbers of parameters, 0 for those that are not named, for each parameter here."""
        return self.sum(values) / np.maximum(self._counts, 1)

    def check_that_none_is_shared(self, trained: Sequence[Any]) -> None:
        """Refuse parameters of which a number is in several places, which would learn apart here."""
        own = list({id(parameter): parameter for parameter in trained}.values())
        # All numbers have a name: 1, 2 and so on.
        starts = np.cumsum([1] + [parameter.numel() for parameter in own])
        names = {
            id(parameter): np.arange(start, start + parameter.numel()).reshape(tuple(parameter.shape))
            for parameter, start in zip(own, starts, strict=False)
        }
        found = np.abs(self.sum(names))
        found, times = np.unique(found[(self._counts == 1) & (found > 0)], return_counts=True)
        if (times > 1).any():
            shape = tuple(own[np.searchsorted(starts, found[times.argmax()], "right") - 1].shape)
            raise ValueError(
                f"optimizer must train parameters that are in one place here, but one of shape {shape} is in several: "
                "a module may be in the row once, and a PReLU must have a slope for each feature or channel"
            )

    def learning(self, groups: Mapping[int, _Group]) -> Iterator[tuple[Any, dict[str, _Learning]]]:
        """Return each layer that has parameters, with how these learn by their public names."""
        # The mean of two powers of four is none, unless they are the same.
        codes = {group: 4.0**number for number, group in enumerate(dict.fromkeys(groups.values()))}
        known = {0.0: _NONE, **{code: group for group, code in codes.items()}}
        found = np.abs(self.mean({of: codes[group] for of, group in groups.items()}))
        by_layer = [self._by_layer(values) for values in (found, self._counts, self._plain.parameters)]
        for layer, *arrays in zip(self._network.leaves, *by_layer, strict=True):
            if arrays[0]:
                yield layer, _learning(layer, known, *arrays)

    def _by_layer(self, values: NDArray[np.float64]) -> list[Arrays]:
        """Return numbers of all parameters for each layer by their names."""
        twin = self._plain.copy()
        twin.parameters = values
        return [layer.parameter_arrays() for layer in twin.leaves]


def _learning(
    layer: Any, known: Mapping[float, _Group], codes: Arrays, counts: Arrays, plain: Arrays
) -> dict[str, _Learning]:
    """Return how the parameters of a layer learn, each of which has one number in the first two of the arrays."""
    learning: dict[str, _Learning] = {}
    for name, public in layer.public_names(layer.place.input_shape).items():
        group = known.get(float(codes[name].flat[0]))
        of_name = None if group is None else _Learning(group, float(counts[name].flat[0]), bool(plain[name].any()))
        if of_name is None or learning.setdefault(public, of_name) != of_name:
            one = "one learning rate and weight decay"
            raise ValueError(f"optimizer must have {one} for all that becomes {public} of {layer!r}")
    return learning


def _set_factors(layer: Any, learning: Mapping[str, _Learning], base: _Group, is_decoupled: bool) -> None:
    """Let the parameters of a layer learn as they do in PyTorch."""
    groups = {name: of.group for name, of in learning.items()}
    for name, of in learning.items():
        if of.group.decay and of.is_shifted:
            raise ValueError(f"optimizer must have weight_decay=0 for slopes: {name} of {layer!r} are 1 less these")
    layer.rate_factor = _short({name: of.count * of.group.rate / base.rate for name, of in learning.items()})
    if not is_decoupled:
        _set_penalty(layer, groups)
    elif base.decay:
        shares = {name: group.rate / base.rate for name, group in groups.items()}
        layer.decay_factor = _short({name: shares[name] * group.decay / base.decay for name, group in groups.items()})


def _set_penalty(layer: Any, groups: Mapping[str, _Group]) -> None:
    """Give a layer the penalty whose gradient is a decay of its weights."""
    decays = {group.decay for name, group in groups.items() if name.endswith("weights")} or {0.0}
    others = [name for name, group in groups.items() if group.decay and not name.endswith("weights")]
    if others:
        raise ValueError(
            f"optimizer must have weight_decay=0 for {others[0]} of {layer!r}, as here only weights are penalised; "
            'vectors need a group of their own: {"params": [p for p in model.parameters() if p.ndim < 2], '
            '"weight_decay": 0}'
        )
    if len(decays) > 1:
        raise ValueError(f"optimizer must have one weight_decay for all weights of {layer!r}, got {sorted(decays)}")
    if any(decays):
        layer.l2 = decays.pop()


def _short(factors: dict[str, float]) -> float | dict[str, float]:
    """Return factors by name as one, if all are the same."""
    return factors if len(set(factors.values())) > 1 else next(iter(factors.values()))
