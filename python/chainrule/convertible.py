"""A model that is written in the forms of other packages."""

from __future__ import annotations

from os import PathLike
from typing import Any

from ._checks import checked_flag
from .exporting.c import Sizes, to_c
from .exporting.keras import to_keras
from .exporting.onnx import step_to_onnx, to_onnx
from .exporting.sklearn import to_sklearn
from .exporting.torch import to_torch
from .model import Model


class Convertible(Model):
    """The ways out of a model."""

    def to_torch(self) -> Any:
        """Return a `torch.nn.Sequential` that predicts the same, and can be trained on in PyTorch.

        Images have their channels first there, in samples and outputs alike, and so have signals where a convolution,
        a pool or a `BatchNorm` is the first layer to ask; sequences are (samples, steps, features).

        Raises
        ------
        ImportError
            Without PyTorch.
        ValueError
            For a layer that PyTorch has no module for: one that skips padding, a recurrent one with peepholes or
            another activation, a `Dropout` whose rate changes.
        """
        return to_torch(self)

    def to_keras(self) -> Any:
        """Return a `keras.Model` that predicts the same, and can be trained on in Keras 3, on the backend it is set to.

        Raises
        ------
        ImportError
            Without Keras.
        ValueError
            For a layer that Keras has none for: `Sampling`, an `LSTM` with peepholes, a `Dropout` whose rate changes.
        """
        return to_keras(self)

    def to_sklearn(self) -> Any:
        """Return a fitted `MLPClassifier` or `MLPRegressor` of scikit-learn that predicts the same.

        It is a classifier where the output is a sigmoid or softmax. Normalisations are merged into the weights.

        Raises
        ------
        ImportError
            Without scikit-learn.
        ValueError
            For a network that is no row of `Dense`, with one activation in hidden layers.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> net = cr.Network([3, 8, 2], output="softmax", seed=0)
        >>> mlp = net.to_sklearn()
        >>> mlp.predict(np.ones((1, 3))) == net.predict_classes(np.ones((1, 3)))
        array([ True])
        """
        return to_sklearn(self)

    def to_onnx(self, path: str | PathLike[str], *, dtype: str = "float32", by_step: bool = False) -> None:
        """Write a file of ONNX that predicts the same: "input" (N, …) to "output" (N, …) for any number N of samples.

        The scale of the `Input` and the unit of the targets are part of it, layers that work in training alone are left
        out. Samples that are tokens or codes alone are int64. Operators are those of version 20, the format is version
        9. It needs the package onnx (`pip install "chainrule[onnx]"`).

        Parameters
        ----------
        path : str or path
            Its folder must exist.
        dtype : {"float32", "float64"}
            Of inputs, weights and outputs. Few runtimes have recurrent layers and convolutions in float64.
        by_step : bool
            Whether "input" is a single step of each sequence, (N, features), as for `Stepper.step`. What the layers
            remember of the steps before are inputs by the names that `Stepper.state` has, such as "1.h", zero at first,
            and outputs "1.h.next", (N, ...) each. Without it, layers that are `stateful` alone have them.

        Raises
        ------
        ImportError
            Without the package onnx.
        ValueError
            For a layer that ONNX has no operator for: a recurrent one with an activation such as "gelu". With
            `by_step`, for a network that cannot be read step by step.
        OSError
            When the file cannot be written; one that was there before is left as it was.

        Warns
        -----
        ChainruleWarning
            When numbers of a float64 network are rounded to float32.

        Examples
        --------
        >>> import tempfile, pathlib, chainrule as cr
        >>> net = cr.Network([4, 8, 3], output="softmax", seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.to_onnx(pathlib.Path(folder) / "net.onnx")
        """
        write = step_to_onnx if checked_flag(by_step, "by_step") else to_onnx
        write(self, path, dtype)

    def to_c(self, path: str | PathLike[str], *, name: str = "model", weights: str | None = None) -> Sizes:
        """Write the network in C99: a file, and next to it a header that says how to call it.

        `model_predict(x, y)` makes the outputs of a sample with the bytes of `predict`. Weights are constants, the
        values between layers have a workspace whose size the header tells, and nothing is allocated. A network that a
        `Stepper` can read has `model_reset` and `model_step`, too, for sequences that arrive step by step, and these
        alone after an `Input` of any number of steps. Of the library of C it needs fma, and sqrt for `LayerNorm`.

        Parameters
        ----------
        path : str or path
            Of the file, which ends in ".c"; its folder must exist.
        name : str
            What the public names begin with: a name in C.
        weights : {"float32", "float64", "float16", "int8"} or None
            How weights are stored: as they are, or rounded to fewer bits that become numbers of the network's type as
            they are read. "int8" has a factor for each output. Biases and other numbers stay as they are.

        Returns
        -------
        Sizes
            Bytes of constants, workspace and state.

        Raises
        ------
        ValueError
            For an `Input` of any number of steps where no stepper can be, weights that are not finite or beyond the
            range of float16, weights of fewer bits in mixed precision, and a name or path that is none.
        OSError
            When a file cannot be written; one that was there before is left as it was.

        Examples
        --------
        >>> import tempfile, pathlib, chainrule as cr
        >>> net = cr.Network([4, 8, 3], output="softmax", seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.to_c(pathlib.Path(folder) / "model.c")
        Sizes(constants=268, workspace=32, state=0)
        """
        return to_c(self, path, name, weights)
