"""Several networks that predict together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _exact
from .._checks import checked_flag, checked_integer
from ..errors import ModelFileError, warn
from ..exporting.onnx import mean_to_onnx
from ..files import safetensors
from ..function_loss import LossLike
from ..metrics import MetricLike, as_metrics, measured, r2
from ..network import Network
from .fitting import Fit, checked_networks, fit_many
from .judging import judged
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
        self._check_labels()
        return self.networks[0].labels_of(self.predict(X))

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the mean probability of each class, as `Network.predict_proba` does.

        Raises
        ------
        ValueError
            When the outputs are no probabilities, or the networks were fitted to other labels.
        """
        self._check_labels()
        return self.networks[0].probabilities_of(self.predict(X))

    def evaluate(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: LossLike | None = None,
        sample_weight: ArrayLike | None = None,
        metrics: Iterable[MetricLike] | MetricLike = (),
    ) -> dict[str, float]:
        """Return mean loss, "accuracy" or "mae", and `metrics` of what `predict` returns, as `Network.evaluate` does.

        After `GaussianNLL` the loss is that of a normal distribution with mean and variance of `predict_spread`
        (Lakshminarayanan et al. 2017, section 2.4). Targets of networks with a `target_scale` are in the unit of the
        first one.

        Raises
        ------
        ValueError
            When the networks were fitted to other labels, or some with `GaussianNLL` and the loss is another one.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> X = np.random.default_rng(0).standard_normal((200, 3))
        >>> y = (X[:, 0] > X[:, 1]).astype(int)
        >>> ensemble = cr.Ensemble([cr.Network([3, 8, 2], output="softmax", seed=i) for i in range(3)])
        >>> fits = ensemble.fit(X, y, epochs=10, verbose=0)
        >>> found = ensemble.evaluate(X, y)
        >>> sorted(found), found["accuracy"] == ensemble.score(X, y)
        (['accuracy', 'loss'], True)
        """
        self._check_labels()
        first = self.networks[0].fixed(X)
        chosen = first.chosen_loss(loss)
        if chosen.has_variances != self._is_gaussian:
            raise ValueError(
                f"loss must be GaussianNLL() for networks trained with it, and for no others; got {chosen!r}"
            )
        data = first.border.batches(X, y, sample_weight, loss=chosen)
        made = as_metrics(metrics, chosen.metric_name(data.outputs, data.y))
        predicted = self.predict(X)
        outputs = self._distributions(X) if chosen.has_variances else predicted
        unit = first.border.scale_of_targets
        found = judged(outputs if unit is None else unit.to_unit(outputs), data, chosen, first.border.activation)
        if not np.isfinite(found[0]):
            warn("the loss of evaluate is not finite: X or y overflows in a layer or in the loss")
        targets = first.border.targets_in_units(data.y)
        return {**chosen.report(*found, data.outputs, data.y), **measured(made, predicted, targets, data.weights)}

    def score(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy for classes, and the coefficient of determination R² (mean over outputs) for numbers."""
        first = self.networks[0].fixed(X)
        chosen = first.chosen_loss(None)
        data = first.border.batches(X, y, sample_weight, loss=chosen)
        if chosen.metric_name(data.outputs, data.y) == "accuracy":
            return self.evaluate(X, y, sample_weight=sample_weight)["accuracy"]
        return r2(self.predict(X), np.asarray(y, dtype=np.float64), data.weights)

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

    def _check_labels(self) -> None:
        known = {None if each.border.classes is None else tuple(each.border.classes) for each in self.networks}
        if len(known) > 1:
            raise ValueError(f"networks must have been fitted to the same labels, got {sorted(map(str, known))}")

    def _distributions(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return means, and after them log variances, as outputs for `GaussianNLL` are."""
        mean, variance = self.predict_spread(X)
        return np.concatenate([mean, _exact.log(variance.astype(np.float64))], axis=-1)

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
