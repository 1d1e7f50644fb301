# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""A walk whose steps a network predicts: it reads the state of 8 numbers, and its output moves the first of them."""

from chainrule.inference cimport Predictor

ctypedef fused real:
    float
    double


def walk(Predictor predictor, real[::1] state, Py_ssize_t steps):
    """Move the state, of the network's precision, by the output in each of `steps` steps, without the interpreter."""
    if predictor.inputs != state.shape[0] or predictor.outputs != 1:
        raise ValueError("the network must take the state and give one number")
    cdef real change
    cdef Py_ssize_t i
    with nogil:
        for i in range(steps):
            if real is float:
                predictor.predict(&state[0], &change)
            else:
                predictor.predict_float64(&state[0], &change)
            state[0] += <real>0.01 * change
    return state
