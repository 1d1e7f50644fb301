# cython: language_level=3, freethreading_compatible=True
"""Prediction of single samples, for Cython code that calls a network in a loop without the interpreter.

    from chainrule.inference cimport Predictor

    cdef Predictor predictor = Predictor(net)
    with nogil:
        predictor.predict(x, y)

A predictor is a copy of the network's parameters as they are when it is made, and never changes: any number of threads
may share it. `examples/cython_loop.py` builds a module that uses one.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uintptr_t

import numpy as np

from . import _core
from .arrays import as_parameters, readable


# As in cpp/bindings/register_inference.cpp.
cdef struct SampleFunctions:
    run_float32 float32
    run_float64 float64


cdef const SampleFunctions* _functions = <const SampleFunctions*>PyCapsule_GetPointer(
    _core.sample_functions, "chainrule._core.sample_functions"
)


def _sample_predictor(network, dtype):
    if getattr(network, "dtype", None) != dtype:
        raise TypeError(f"network must be a chainrule.Network of {dtype}, got {network!r}")
    if network.border.target_scale is not None:
        raise ValueError(f"network must have no target_scale, which net.folded() merges into the weights; got {network!r}")
    if not all(layer.fully_connected for layer in network.computing):
        raise ValueError(f"network must have dense layers alone, got {network!r}")
    return network.core.sample_predictor()


def _scaled(x, inputs, dtype, scale):
    values = as_parameters(x, (inputs,), np.float64 if scale != 1.0 else dtype, "x")
    return readable(values, dtype, scale)


cdef class Predictor:
    """Predicts single samples with a copy of a float32 network's parameters.

    Parameters
    ----------
    network : Network
        Of float32; `Predictor64` takes float64. The scale of its `Input` is applied in a call from Python; the C
        function `predict` takes values that are scaled already.

    Attributes
    ----------
    inputs, outputs : int

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> from chainrule.inference import Predictor
    >>> predictor = Predictor(cr.Network([3, 2], weights=1.0))
    >>> predictor([1, 2, 3])
    array([6., 6.], dtype=float32)
    """

    def __cinit__(self, network):
        self._owner = _sample_predictor(network, "float32")
        self._predictor = <const void*><uintptr_t>self._owner.address
        self._run = _functions.float32
        self.inputs = self._owner.inputs
        self.outputs = self._owner.outputs
        self._scale = network.border.scale

    def __call__(self, x):
        """Return the outputs for one sample, (outputs,)."""
        cdef const float[::1] sample = _scaled(x, self.inputs, np.float32, self._scale)
        result = np.empty(self.outputs, dtype=np.float32)
        cdef float[::1] y = result
        with nogil:
            self.predict(&sample[0], &y[0])
        return result

    def __repr__(self):
        return f"Predictor({self.inputs} inputs, {self.outputs} outputs, float32)"


cdef class Predictor64:
    """As `Predictor`, for a float64 network.

    Parameters
    ----------
    network : Network
        Of float64.
    """

    def __cinit__(self, network):
        self._owner = _sample_predictor(network, "float64")
        self._predictor = <const void*><uintptr_t>self._owner.address
        self._run = _functions.float64
        self.inputs = self._owner.inputs
        self.outputs = self._owner.outputs
        self._scale = network.border.scale

    def __call__(self, x):
        """Return the outputs for one sample, (outputs,)."""
        cdef const double[::1] sample = _scaled(x, self.inputs, np.float64, self._scale)
        result = np.empty(self.outputs, dtype=np.float64)
        cdef double[::1] y = result
        with nogil:
            self.predict(&sample[0], &y[0])
        return result

    def __repr__(self):
        return f"Predictor64({self.inputs} inputs, {self.outputs} outputs, float64)"
