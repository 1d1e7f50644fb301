# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""A walk whose steps a network predicts: it reads the state of 8 numbers, and its output moves the first of them."""

from chainrule.inference cimport Predictor


def walk(Predictor predictor, float[::1] state, Py_ssize_t steps):
    """Move the state by the network's output in each of `steps` steps, without the interpreter."""
    if predictor.inputs != state.shape[0] or predictor.outputs != 1:
        raise ValueError("the network must take the state and give one number")
    cdef float change
    cdef Py_ssize_t i
    with nogil:
        for i in range(steps):
            predictor.predict(&state[0], &change)
            state[0] += 0.01 * change
    return state
