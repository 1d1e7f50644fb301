# cython: language_level=3
"""What other Cython code cimports: prediction of single samples without the interpreter."""

ctypedef void (*run_float32)(const void*, const float*, float*) noexcept nogil
ctypedef void (*run_float64)(const void*, const double*, double*) noexcept nogil


cdef class Predictor:
    """Of a float32 network."""

    cdef object _owner
    cdef object _scale
    cdef const void* _predictor
    cdef run_float32 _run
    cdef readonly Py_ssize_t inputs
    cdef readonly Py_ssize_t outputs

    # `inputs` and `outputs` numbers lie one behind the other at x and y; nothing is checked.
    cdef inline void predict(self, const float* x, float* y) noexcept nogil:
        self._run(self._predictor, x, y)


cdef class Predictor64:
    """Of a float64 network."""

    cdef object _owner
    cdef object _scale
    cdef const void* _predictor
    cdef run_float64 _run
    cdef readonly Py_ssize_t inputs
    cdef readonly Py_ssize_t outputs

    cdef inline void predict(self, const double* x, double* y) noexcept nogil:
        self._run(self._predictor, x, y)
