# cython: language_level=3, freethreading_compatible=True
"""Prediction of single samples, for Cython code that calls a network in a loop without the interpreter.

    from chainrule.inference cimport Predictor

    cdef Predictor predictor = Predictor(net)
    with nogil:
        predictor.predict(x, y)

A predictor is a copy of the network as it is when it is made, and never changes: any number of threads may share it.
A call takes no lock, starts no threads, and allocates nothing once as many calls ran at a time before. Networks of float64 have `predict_float64`, which takes doubles. `examples/cython_loop.py` builds a module
that uses a predictor.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uintptr_t

import numpy as np

from . import _core
from .arrays import as_codes, as_parameters, readable


# As in cpp/bindings/register_inference.cpp.
cdef struct SampleFunctions:
    run_float32 float32
    run_float64 float64


cdef const SampleFunctions* _functions = <const SampleFunctions*>PyCapsule_GetPointer(
    _core.sample_functions, "chainrule._core.sample_functions"
)


ctypedef fused real:
    float
    double


cdef bint _are_finite(const real* values, Py_ssize_t count) noexcept nogil:
    # The difference is zero for finite values alone; without a branch, the compiler takes several values at a time.
    cdef int wrong = 0
    cdef Py_ssize_t i
    for i in range(count):
        wrong |= values[i] - values[i] != 0
    return wrong == 0


cdef class Predictor:
    """Predicts single samples with a copy of a network.

    Parameters
    ----------
    network : Network
        Of any layers, in float32 or float64, with a fixed number of steps if its samples are sequences. The scale of
        its `Input` is applied, and tokens are checked, in a call from Python; the C functions take values that are
        scaled already, and the nearest token for a number that is none.

    Attributes
    ----------
    inputs, outputs : int
    dtype : str
        Precision of the network, "float32" or "float64". Cython code calls `predict` of the one and `predict_float64`
        of the other; the wrong one is a TypeError.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> from chainrule.inference import Predictor
    >>> predictor = Predictor(cr.Network([3, 2], weights=1.0))
    >>> predictor([1, 2, 3])
    array([6., 6.], dtype=float32)
    """

    def __cinit__(self, network):
        if not callable(getattr(network, "rebuilt", None)):
            raise TypeError(f"network must be a chainrule.Network, got {network!r}")
        if network.border.target_scale is not None:
            raise ValueError(
                f"network must have no target_scale, which net.folded() merges into the weights; got {network!r}"
            )
        if network.border.shapes_of is not None:
            raise ValueError(
                f"network must have a fixed number of steps, as net.fixed(X) has; got {network!r}"
            )
        self._network = network.rebuilt(lambda description, tensors: None)
        self._owner = self._network.core.sample_predictor()
        self._predictor = <const void*><uintptr_t>self._owner.address
        self._dtype = np.dtype(network.dtype)
        self._row_shape = (self._owner.inputs,)
        self._input_shape = network.border.input_shape
        self._output_shape = network.border.output_shape
        self._scale = network.border.scale
        self._vocabulary = network.border.vocabulary
        self.inputs = self._owner.inputs
        self.outputs = self._owner.outputs
        if network.dtype == "float32":
            self._run_float32 = _functions.float32
        else:
            self._run_float64 = _functions.float64

    @property
    def dtype(self):
        """Precision of the network, "float32" or "float64"."""
        return self._dtype.name

    def __call__(self, x):
        """Return the outputs for one sample, which has the shape that `Input` says, or is a row: as `predict` has them."""
        sample = x if self._is_read_in_place(x) else self._checked(x)
        outputs = np.empty(self.outputs, self._dtype)
        if not _predict(self, sample, outputs):
            self._checked(x)
        return outputs if len(self._output_shape) == 1 else outputs.reshape(self._output_shape)

    def _is_read_in_place(self, x):
        """Tell whether the core can read the sample as it is."""
        if type(x) is not np.ndarray or x.dtype is not self._dtype or x.shape != self._row_shape:
            return False
        if self._scale != 1.0 or self._vocabulary is not None:
            return False
        flags = x.flags
        return flags.c_contiguous and flags.aligned

    def _checked(self, x):
        """Return the sample as a row, times the scale, in the network's precision; an error where it is none."""
        shape = self._row_shape if np.ndim(x) == 1 else self._input_shape
        if self._vocabulary is not None:
            x = as_codes(x, self._vocabulary, "x")
        values = as_parameters(x, shape, np.float64 if self._scale != 1.0 else self._dtype, "x")
        return readable(values.reshape(-1), self._dtype, self._scale)

    def __reduce__(self):
        return type(self), (self._network,)

    def __repr__(self):
        return f"Predictor({self.inputs} inputs, {self.outputs} outputs, {self.dtype})"


cdef bint _predict(Predictor predictor, sample, outputs) except -1:
    """Compute the outputs; False, and no outputs, if the sample has values that are not finite."""
    cdef Py_buffer x, y
    cdef bint is_finite
    PyObject_GetBuffer(sample, &x, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(outputs, &y, PyBUF_WRITABLE)
        try:
            with nogil:
                if predictor._run_float32 is not NULL:
                    is_finite = _are_finite(<const float*>x.buf, predictor.inputs)
                    if is_finite:
                        predictor._run_float32(predictor._predictor, <const float*>x.buf, <float*>y.buf)
                else:
                    is_finite = _are_finite(<const double*>x.buf, predictor.inputs)
                    if is_finite:
                        predictor._run_float64(predictor._predictor, <const double*>x.buf, <double*>y.buf)
        finally:
            PyBuffer_Release(&y)
    finally:
        PyBuffer_Release(&x)
    return is_finite
