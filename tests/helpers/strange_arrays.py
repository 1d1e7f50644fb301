"""Strategies that draw strange arrays, each with a plain copy of its values."""

import numpy as np
from hypothesis import strategies as st

import chainrule as cr

INPUTS = 3


class Subclass(np.ndarray):
    """A subclass that returns nonsense to all who do not ask the array below it."""

    def __getitem__(self, key):
        return "nonsense"

    def __len__(self):
        return 10**9

    def astype(self, *arguments, **options):
        return self

    def __repr__(self):
        return "nonsense"


class Protocol:
    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Interface:
    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


def unaligned(a):
    raw = np.zeros(a.nbytes + 1, dtype=np.uint8)
    strange = raw[1:].view(a.dtype).reshape(a.shape)
    strange[...] = a
    return strange


def within(a):
    """Return a view of every other element on each axis; the elements between must not be read."""
    room = np.full([2 * size + 1 for size in a.shape], np.nan if a.dtype.kind == "f" else 1, dtype=a.dtype)
    strange = room[tuple(slice(1, None, 2) for _ in a.shape)]
    strange[...] = a
    return strange


def backwards(a):
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return a[flip].copy()[flip]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def field_of(align):
    def strange(a):
        records = np.zeros(
            a.shape, dtype=np.dtype([("before", "u1"), ("value", a.dtype), ("after", "u1")], align=align)
        )
        records["value"] = a
        return records["value"]

    return strange


def overlapping(a):
    """Return an array whose rows overlap in memory."""
    if a.ndim != 2 or a.size == 0:
        return a
    return np.lib.stride_tricks.sliding_window_view(np.resize(a, a.shape[0] + a.shape[1] - 1), a.shape[1])


LAYOUTS = {
    "plain": lambda a: a,
    "Fortran": np.asfortranarray,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": unaligned,
    "within": within,
    "backwards": backwards,
    "read-only": read_only,
    "packed records": field_of(align=False),
    "aligned records": field_of(align=True),
    "zero strides": lambda a: np.broadcast_to(a[:1], a.shape) if a.ndim else a,
    "overlapping": overlapping,
    "subclass": lambda a: a.view(Subclass),
    "nothing masked": np.ma.MaskedArray,
    "memory view": lambda a: memoryview(a) if a.size and a.dtype.char in "fdBbl" else a,
    "list": lambda a: a.tolist() if a.size else a,
    "protocol": Protocol,
    "interface": lambda a: Interface(a) if a.size else a,
}


REAL = ["f4", "f8", "u1", "f2", "g", "i1", "i8", "u8", "?", ">f4", ">i8"]


POISON = [float("nan"), float("inf"), -float("inf"), 1e39, 1e300, 1e-320, -0.0, 2.0**53]


def plain_copy(strange):
    """Return the values that NumPy reads, in a plain array."""
    seen = np.asarray(strange)
    return np.array(seen, dtype=seen.dtype.newbyteorder("="), order="C", copy=True)


@st.composite
def strange_arrays(draw, shape, dtypes=tuple(REAL), low=-4, high=4):
    """Draw a strange array and its plain copy."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    integers = dtype.kind in "bui"
    if dtype.kind in "bu":
        low = max(low, 0)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    # Every float type represents eighths exactly.
    per_unit = 1 if integers else 8
    values = rng.integers(low * per_unit, high * per_unit, shape, endpoint=True) / per_unit
    if not integers and values.size and draw(st.integers(0, 9)) == 0:
        values.flat[draw(st.integers(0, values.size - 1))] = draw(st.sampled_from(POISON))
    with np.errstate(over="ignore"):
        a = values.astype(dtype)
    strange = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](a)
    return strange, plain_copy(strange)


def refused_arrays(samples):
    """Draw an array that every call must refuse, and the same array as its copy."""
    arrays = [
        np.ones((samples, INPUTS), dtype=object),
        np.ones((samples, INPUTS), dtype=complex),
        np.full((samples, INPUTS), "1"),
        np.full((samples, INPUTS), b"1"),
        np.zeros((samples, INPUTS), dtype="M8[s]"),
        np.zeros((samples, INPUTS), dtype="f4, f4"),
        np.ma.masked_all((samples, INPUTS)),
        np.broadcast_to(np.float32(0), (2**40, INPUTS + 1)),
        np.broadcast_to(np.int64(0), (2**40, 2**16)),
        np.zeros((0, INPUTS)), np.zeros((samples, 0)), np.zeros((0, 0)), np.zeros(()), np.zeros((samples, INPUTS, 1)),
        np.zeros((1,) * 32), None, "text", b"bytes", [[1, 2], [3]], {1: 2}, object(), cr, np.ndarray, 7, [],
    ]  # fmt: skip
    return st.integers(0, len(arrays) - 1).map(lambda index: (arrays[index], arrays[index]))


@st.composite
def inputs_of(draw, samples):
    if draw(st.integers(0, 11)) == 0:
        return draw(refused_arrays(samples))
    return draw(strange_arrays((samples, draw(st.sampled_from([INPUTS] * 12 + [1, 4])))))


@st.composite
def targets_of(draw, samples, outputs):
    kind = draw(st.integers(0, 7))
    if kind == 0:
        return draw(refused_arrays(samples))
    if kind <= 3:  # labels, sometimes with one that is out of range
        high = outputs - draw(st.sampled_from([1, 1, 1, 0]))
        strange = draw(
            strange_arrays((samples,), dtypes=("i8", "u1", "i4", "u8", "?", ">i8", "f8", ">f4"), low=0, high=high)
        )
        whole = LAYOUTS[draw(st.sampled_from(["plain", "unaligned", "within", "backwards"]))](np.floor(strange[1]))
        return strange if draw(st.booleans()) else (whole, plain_copy(whole))
    if kind <= 5:
        rows = np.eye(outputs)[np.arange(samples) % outputs].astype(
            draw(st.sampled_from(["f4", "f8", "u1", "f2", "?"]))
        )
        strange = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](rows)
        return strange, plain_copy(strange)
    return draw(strange_arrays((samples, outputs)))


@st.composite
def weights_of(draw, samples):
    if draw(st.integers(0, 2)):
        return None, None
    return draw(strange_arrays((draw(st.sampled_from([samples] * 8 + [samples + 1])),), low=0))
