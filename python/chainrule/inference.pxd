# cython: language_level=3
"""What other Cython code cimports: prediction of single samples without the interpreter."""

ctypedef void (*run_float32)(const void*, const float*, float*) noexcept nogil
ctypedef void (*run_float64)(const void*, const double*, double*) noexcept nogil


cdef class Predictor:
    """Of a float32 or a float64 network."""

    cdef object _network
    cdef object _owner
    cdef object _dtype
    cdef object _row_shape
    cdef object _input_shape
    cdef object _output_shape
    cdef object _scale
    cdef object _vocabulary
    cdef const void* _predictor
    # The one that is not of the network's precision is NULL.
    cdef run_float32 _run_float32
    cdef run_float64 _run_float64
    cdef readonly Py_ssize_t inputs
    cdef readonly Py_ssize_t outputs

    # `inputs` numbers are stored one after the other at x, and room for `outputs` numbers is at y; nothing is checked
    # but the precision.
    cdef inline int predict(self, const float* x, float* y) except -1 nogil:
        if self._run_float32 is NULL:
            with gil:
                raise TypeError("predict is for a network of float32, got one of float64: call predict_float64")
        self._run_float32(self._predictor, x, y)
        return 0

    cdef inline int predict_float64(self, const double* x, double* y) except -1 nogil:
        if self._run_float64 is NULL:
            with gil:
                raise TypeError("predict_float64 is for a network of float64, got one of float32: call predict")
        self._run_float64(self._predictor, x, y)
        return 0
