"""Several networks that predict together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _exact
from .._checks import checked_flag, checked_integer
from ..errors import ModelFileError
from ..exporting.onnx import mean_to_onnx
from ..files import safetensors
from ..network import Network
from .fitting import Fit, checked_networks, fit_many
from .predictor import EnsemblePredictor
from .storage import described, restored

_FORMAT = "ensemble"


class Ensemble:
    """Networks whose predictions are averaged: "deep ensembles" (Lakshminarayanan, Pritzel and Blundell 2017).

    Several networks with other seeds err less than each of them, and where they disagree, they know little.

    Parameters
    ----------
    networks : sequence of Network
        At least one, and each once, with samples and outputs of the same shapes; other seeds give other networks.

    Attributes
    ----------
    networks : tuple of Network

    Raises
    ------
    ValueError
        For networks of different shapes, or one that is there twice.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> x = np.linspace(-1, 1, 200)[:, np.newaxis]
    >>> y = np.sin(3 * x)
    >>> ensemble = cr.Ensemble([cr.Network([1, 16, 2], activation="tanh", seed=i) for i in range(3)])
    >>> fits = ensemble.fit(x, y, loss="gaussian_nll", optimizer=cr.Adam(0.01), epochs=100, verbose=0)
    >>> mean, variance = ensemble.predict_spread([[0.5], [5.0]])
    >>> mean.shape, bool(variance[1, 0] > variance[0, 0])
    ((2, 1), True)
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = tuple(checked_networks(networks))
        shapes = {(each.shown_shapes[0], each.shown_shapes[-1]) for each in self.networks}
        if len(shapes) > 1:
            raise ValueError(
                f"networks must have inputs and outputs of the same shapes, got {sorted(map(str, shapes))}"
            )

    def __len__(self) -> int:
        return len(self.networks)

    def __repr__(self) -> str:
        return f"Ensemble({len(self)} networks, the first {self.networks[0]!r})"

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, bootstrap: bool = False, seed: int = 0, verbose: int = 1, **options: Any
    ) -> list[Fit]:
        """Train all networks side by side, as `chainrule.fit_many` does.

        Parameters
        ----------
        X, y
            As for `Network.fit`.
        bootstrap : bool
            Whether each network is trained with as many samples as there are, drawn with replacement (bagging, Breiman
            1996); else with all.
        seed : int
            Of these draws.
        verbose, **options
            As for `fit_many`.

        Returns
        -------
        list of Fit
            By network.
        """
        if checked_flag(bootstrap, "bootstrap"):
            if options.get("rows") is not None:
                raise ValueError("rows must be None with bootstrap, which draws them; got both")
            count = len(np.atleast_1d(y))
            first = checked_integer(seed, "seed", lowest=0)
            options["rows"] = [
                np.sort(np.random.default_rng([first, i]).integers(0, count, count)) for i in range(len(self))
            ]
        return fit_many(self.networks, X, y, verbose=verbose, **options)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the mean of the networks' outputs, (samples, outputs); of their means after `GaussianNLL`."""
        return self._conclude()(self._outputs(X))

    def predictor(self) -> EnsemblePredictor:
        """Return a function that predicts single samples in microseconds, with the bytes of `predict`.

        It is a copy of the networks as they are, which any number of threads may share: see
        `chainrule.inference.Predictor`.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> ensemble = cr.Ensemble([cr.Network([3, 2], weights=weight) for weight in (1.0, 3.0)])
        >>> predict = ensemble.predictor()
        >>> predict([1, 2, 3])
        array([12., 12.], dtype=float32)
        """
        return EnsemblePredictor(self.networks, self._conclude())

    def predict_spread(self, X: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return mean and variance of what is predicted, (samples, outputs) each.

        The variance is that of the networks' means. After `GaussianNLL` the mean of their variances is added, the noise
        that the networks see in the targets: together the variance of the mixture of their normal distributions
        (Lakshminarayanan et al. 2017, section 2.4).
        """
        outputs = self._outputs(X)
        conclude = self._conclude()
        variance = _exact.variance_of([conclude.mean_in(each) for each in outputs])
        if conclude.is_gaussian:
            log_variances = [each[..., each.shape[-1] // 2 :].astype(np.float64) for each in outputs]
            variance = variance + _exact.mean_of([_exact.exp(each) for each in log_variances])
        return conclude(outputs), variance.astype(conclude.dtype)

    def predict_classes(self, X: ArrayLike) -> NDArray[Any]:
        """Return a label per sample, as `Network.predict_classes` does: the one of the largest mean output.

        Raises
        ------
        ValueError
            When the networks were fitted to other labels.
        """
        known = {None if each.border.classes is None else tuple(each.border.classes) for each in self.networks}
        if len(known) > 1:
            raise ValueError(f"networks must have been fitted to the same labels, got {sorted(map(str, known))}")
        return self.networks[0].labels_of(self.predict(X))

    def to_onnx(self, path: str | PathLike[str], *, dtype: str = "float32") -> None:
        """Write one file of ONNX whose output is the mean of the networks': see `Network.to_onnx`."""
        if self._is_gaussian:
            raise ValueError("an ensemble after GaussianNLL has means and variances, and no one output to write")
        mean_to_onnx(self.networks, path, dtype)

    def save(self, path: str | PathLike[str]) -> None:
        """Write all networks into one safetensors file, as `Network.save` does; read it with `Ensemble.load`."""
        descriptions, tensors = described(self.networks)
        safetensors.write(Path(os.fsdecode(path)), {_FORMAT: descriptions}, tensors)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Ensemble:
        """Read an ensemble from a file that `save` wrote.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ModelFileError
            When the file is truncated or foreign.
        """
        file = Path(os.fsdecode(path))
        with safetensors.whole_model(file):
            description, tensors = safetensors.read(file)
            if _FORMAT not in description:
                raise ModelFileError(f"{file} is no ensemble; read a network with chainrule.load")
            return cls(restored(description[_FORMAT], tensors))

    @property
    def _is_gaussian(self) -> bool:
        """Whether outputs are means and variances; networks without a loss, which were not trained yet, do not tell."""
        kinds = {each.loss.has_variances for each in self.networks if each.loss is not None}
        if len(kinds) > 1:
            raise ValueError("networks must all be trained with GaussianNLL or none of them, got some that are")
        return True in kinds

    def _conclude(self) -> _Mean:
        return _Mean(self._is_gaussian, self.networks[0].dtype)

    def _outputs(self, X: ArrayLike) -> list[NDArray[Any]]:
        """Return what each network predicts."""
        return [network.predict(X) for network in self.networks]


@dataclass(frozen=True)
class _Mean:
    """Turns the outputs of each network into the prediction of the ensemble."""

    is_gaussian: bool
    dtype: str

    def mean_in(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the means that outputs of a network are, or hold."""
        return outputs[..., : outputs.shape[-1] // 2] if self.is_gaussian else outputs

    def __call__(self, outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        mean: NDArray[Any] = _exact.mean_of([self.mean_in(each) for each in outputs]).astype(self.dtype)
        return mean
