"""Operators with random attributes: onnxruntime computes what the network does, or the file is refused."""

import numpy as np
import pytest
from onnx_files import made

import chainrule as cr

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def numbers(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def sizes(rng, low, high, count):
    return rng.integers(low, high, count, endpoint=True).tolist()


def transposed(rng):
    kernel, strides = sizes(rng, 1, 4, 2), sizes(rng, 1, 3, 2)
    pads = [int(rng.integers(0, size)) for size in kernel * 2]
    options = {"strides": strides, "pads": pads, "output_padding": [int(rng.integers(0, step)) for step in strides]}
    return ("ConvTranspose", [numbers(rng, 2, 3, *kernel)], options), (2, *sizes(rng, 3, 7, 2))


def convolution(rng):
    options = {"strides": sizes(rng, 1, 2, 2), "dilations": sizes(rng, 1, 2, 2)}
    if rng.random() < 0.5:
        options["auto_pad"] = str(rng.choice(["SAME_UPPER", "VALID"]))
    else:
        options["pads"] = sizes(rng, 0, 2, 4)
    return ("Conv", [numbers(rng, 2, 3, *sizes(rng, 1, 3, 2)), numbers(rng, 2)], options), (3, *sizes(rng, 5, 7, 2))


def pool(rng):
    kernel = sizes(rng, 1, 3, rng.integers(1, 3, endpoint=True))
    options = {"kernel_shape": kernel, "strides": sizes(rng, 1, 3, len(kernel)), "ceil_mode": int(rng.integers(2))}
    options["pads"] = [int(rng.integers(0, size)) for size in kernel * 2]
    options["dilations"] = sizes(rng, 1, 2, len(kernel))
    op = str(rng.choice(["MaxPool", "MaxPool", "AveragePool"]))
    return (op, [], options), (2, *sizes(rng, 5, 7, len(kernel)))


def shape_of(rng, low=1):
    return tuple(sizes(rng, low, 5, rng.integers(1, 3, endpoint=True)))


def reduction(rng):
    shape = shape_of(rng)
    axes = 1 + rng.permutation(len(shape))[: rng.integers(1, len(shape), endpoint=True)]
    op = str(rng.choice(["ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"]))
    return (op, [axes], {"keepdims": int(rng.integers(2))}), shape


def copies_around(rng):
    shape = shape_of(rng, 4)
    pads = np.array([0, *sizes(rng, -1, 2, len(shape)), 0, *sizes(rng, -1, 2, len(shape))])
    return ("Pad", [pads], {"mode": str(rng.choice(["reflect", "edge", "wrap"]))}), shape


def part(rng):
    shape = shape_of(rng, 3)
    axes = 1 + rng.permutation(len(shape))
    begins, steps = np.array(sizes(rng, -6, 6, len(shape))), rng.choice([1, 2, -1, -2], len(shape))
    ends = np.where(rng.random(len(shape)) < 0.5, np.sign(steps) * 2**62, sizes(rng, -6, 6, len(shape)))
    return ("Slice", [begins, ends, axes, steps], {}), shape


def with_constants(rng):
    shape = shape_of(rng)
    op = str(rng.choice(["Add", "Mul", "Sub", "Div", "Max", "Min", "Sum", "Mean", "PRelu"]))
    return (op, [numbers(rng, *(int(rng.choice([1, size])) for size in shape))], {}), shape


def computed(path, X):
    """What onnxruntime computes; None for attributes that it does not take."""
    settings = runtime.SessionOptions()
    settings.log_severity_level = 4
    try:
        session = runtime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        return session.run(None, {"x": X})[0]
    except Exception:  # its errors have no class of their own in common
        return None


IMAGES = (transposed, convolution, pool)


@pytest.mark.parametrize(
    "draw", [*IMAGES, reduction, copies_around, part, with_constants], ids=lambda draw: draw.__name__
)
def test_random_attributes(draw, tmp_path):
    rng, read = np.random.default_rng(0), 0
    for _ in range(25):
        (op, operands, options), shape = draw(rng)
        onnx.save(made([(op, ["x", *operands], ["y"], options)], shape), tmp_path / "net.onnx")
        X = numbers(rng, 3, *shape)
        expected = computed(tmp_path / "net.onnx", X)
        try:
            net = cr.from_onnx(tmp_path / "net.onnx")
        except ValueError:
            continue
        if expected is None:
            continue
        outputs = net.predict(np.moveaxis(X, 1, -1) if draw in IMAGES else X)
        outputs = np.moveaxis(outputs, -1, 1) if draw in IMAGES else outputs.reshape(expected.shape)
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
        read += 1
    assert read >= 8
