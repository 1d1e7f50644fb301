"""Mixed precision: the core against its order of operations in NumPy, bit by bit, and against the reference."""

import copy
import hashlib
import itertools
import math
import pickle
from functools import partial

import numpy as np
import pytest
import scipy.sparse
from networks_of_layers import NETWORKS

import chainrule as cr
from chainrule import reference
from chainrule.inference import Predictor
from chainrule.reference.precision import bfloat16
from chainrule.sklearn import MLPClassifier, MLPRegressor
from chainrule.verification.twins import reference_of

FUSED = [isa for isa in cr.info()["isas"].split(", ") if isa != "baseline"]
BLOCK = 32


def numbers(*shape, seed=0):
    """Numbers between ±1 of a few bits, whose products and sums float64 holds without rounding."""
    words = np.random.Philox(key=[seed, np.prod(shape)]).random_raw(int(np.prod(shape)))
    return (((words >> 40) % 4096).astype(np.float64) / 2048 - 1).reshape(shape).astype(np.float32)


def product(a, b, start):
    """The product as it is documented: in each block of 32, a chain over the even inner indices and one over the odd.

    A product of factors in bfloat16 is exact in float64, and so is its sum with a float32 of about its size: rounded to
    float32 that is a fused multiply-add.
    """
    a, b = bfloat16(a), bfloat16(b)
    total = np.broadcast_to(np.float32(start), (len(a), b.shape[1])).astype(np.float32)
    for begin in range(0, len(b), BLOCK):
        chains = []
        for first in (begin, begin + 1):
            chain = np.zeros(total.shape, np.float32)
            for k in range(first, min(begin + BLOCK, len(b)), 2):
                chain = (chain.astype(np.float64) + a[:, k, None] * b[None, k]).astype(np.float32)
            chains.append(chain)
        total = total + (chains[0] + chains[1])
    return total


def mixed(sizes, seed=0, activation="relu", output="identity", **options):
    return cr.Network(sizes, activation, output, precision="mixed", seed=seed, **options)


def test_rounding_of_the_reference():
    """Every bfloat16, and numbers between it and the next: the nearer of both, or the even one."""
    high = np.arange(2**16, dtype=np.uint32) << 16
    high = high[np.isfinite(high.view(np.float32)) & ((high >> 23 & 0xFF) > 0)]
    above = high + 0x10000
    even = np.where(high >> 16 & 1, above, high)
    for low, expected in {0: high, 1: high, 0x7FFF: high, 0x8000: even, 0x8001: above, 0xFFFF: above}.items():
        got = bfloat16((high + np.uint32(low)).view(np.float32))
        np.testing.assert_array_equal(got, expected.astype(np.uint32).view(np.float32))


def test_rounding_of_what_is_no_normal_number():
    tiny = np.finfo(np.float32).tiny
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, tiny / 2, -np.nextafter(tiny, 0), tiny, 3.4e38], np.float32)
    np.testing.assert_array_equal(bfloat16(values), [0, 0, np.inf, -np.inf, np.nan, 0, 0, tiny, np.inf])


def test_rounding_of_the_core_is_that_of_the_reference():
    net = mixed([1, 1], weights=1.0)
    net.layers[1].bias = [0.0]
    words = np.random.Philox(3).random_raw(20_000).astype(np.uint32)
    values = words[(words >> 23 & 0xFF) < 254].view(np.float32)
    np.testing.assert_array_equal(net.predict(values[:, None])[:, 0], bfloat16(values))


@pytest.mark.parametrize("isa", FUSED)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 31, 5), (7, 32, 16), (13, 33, 17), (50, 130, 101), (65, 64, 40)])
def test_products_have_the_documented_order_of_operations(shape, isa, many_threads):
    samples, inputs, outputs = shape
    cr.set_isa(isa)
    net = mixed([inputs, outputs])
    X, W, b = numbers(samples, inputs), numbers(inputs, outputs, seed=1), numbers(outputs, seed=2)
    net.layers[1].weights, net.layers[1].bias = W, b
    deltas = numbers(samples, outputs, seed=3)
    for threads in (1, 2, 3):
        cr.set_num_threads(threads)
        np.testing.assert_array_equal(net.predict(X), product(X, W, b))
        np.testing.assert_array_equal(net.forward(X), product(X, W, b))
        np.testing.assert_array_equal(net.backward(deltas), product(deltas, W.T, 0))
        gradient, _ = net.gradients[0]
        np.testing.assert_array_equal(gradient, product(X.T, deltas, 0))


@pytest.mark.parametrize("isa", FUSED)
def test_products_that_skip_zeros_have_the_same_order_of_operations(isa, many_threads):
    cr.set_isa(isa)
    X, y = numbers(70, 300), numbers(70, 33, seed=1)
    X[numbers(70, 300, seed=2) > -0.7] = 0
    X[3], X[:, 64:130] = 0, 0
    net = mixed([300, 33])
    W, b = net.layers[1].weights, net.layers[1].bias
    for threads in (1, 2, 3):
        cr.set_num_threads(threads)
        np.testing.assert_array_equal(net.predict(X), product(X, W, b))
        net.loss_and_gradient(X, y)
        np.testing.assert_array_equal(net.gradients[0][0], product(X.T, net.core.deltas(0), 0))
        twin = net.copy()
        twin.train_on_batch(X, y, optimizer=cr.SGD(0.5))
        step = np.float32(0.5) * net.gradients[0][0]
        np.testing.assert_allclose(twin.layers[1].weights, W - step, rtol=1e-6, atol=1e-9)


def test_products_of_steps_add_up_the_samples_one_by_one():
    net = cr.Network([cr.Input(40, 6), cr.Dense(19)], precision="mixed", seed=0)
    X, deltas = numbers(5, 40, 6), numbers(5, 40, 19, seed=1)
    W, b = net.layers[1].weights, net.layers[1].bias
    np.testing.assert_array_equal(net.forward(X), [product(x, W, b) for x in X])
    np.testing.assert_array_equal(net.backward(deltas), [product(delta, W.T, 0) for delta in deltas])
    expected = np.zeros((6, 19), np.float32)
    for x, delta in zip(X, deltas, strict=True):
        expected = product(x.T, delta, expected)
    np.testing.assert_array_equal(net.gradients[0][0], expected)


def places_met(target, axis, transposed):
    """The pairs of a place of the source, which may be outside of it, and an element of the kernel, by the place."""
    kernel, stride, dilation, before = axis
    if not transposed:
        return [(target * stride + k * dilation - before, k) for k in range(kernel)]
    reached = [(target + before - k * dilation, k) for k in range(kernel)]
    return sorted((place // stride, k) for place, k in reached if place % stride == 0)


def mapped(source, weights, bias, shape, axes, transposed=False):
    """A map of a convolution, whose weights are (rows, columns, channels of the source, channels of the target)."""
    result = np.zeros((*shape, weights.shape[3]), np.float32)
    for y, x in np.ndindex(shape):
        pairs = itertools.product(places_met(y, axes[0], transposed), places_met(x, axes[1], transposed))
        factors, elements = [np.zeros((0, source.shape[2]))], [weights[0, 0, :0]]
        for (row, ky), (column, kx) in pairs:
            inside = 0 <= row < source.shape[0] and 0 <= column < source.shape[1]
            factors.append(source[[row], column] if inside else np.zeros((1, source.shape[2])))
            elements.append(weights[ky, kx])
        window = np.concatenate(factors).reshape(1, -1)
        result[y, x] = product(window, np.concatenate(elements), bias)
    return result


def weight_gradient(images, results, axes, kernel):
    """The samples one by one, each with its places in order."""
    sums = np.zeros((math.prod(kernel) * images.shape[-1], results.shape[-1]), np.float32)
    for image, result in zip(images, results, strict=True):
        rows = [places_met(y, axes[0], False) for y in range(result.shape[0])]
        columns = [places_met(x, axes[1], False) for x in range(result.shape[1])]
        padded = np.pad(image, [(20, 20), (20, 20), (0, 0)])
        windows = [
            [padded[row + 20, column + 20] for (row, _), (column, _) in itertools.product(of_row, of_column)]
            for of_row in rows
            for of_column in columns
        ]
        windows = np.array(windows).reshape(result.shape[0] * result.shape[1], -1)
        sums = product(windows.T, result.reshape(-1, result.shape[-1]), sums)
    return sums


# Layers with the axes of their windows: kernel, stride, dilation, and places before the image.
CONVOLUTIONS = {
    "few channels": (cr.Conv2D(6, 5), (9, 8, 1), [(5, 1, 1, 0), (5, 1, 1, 0)]),
    "same, whole blocks": (cr.Conv2D(18, 3, padding="same"), (5, 6, 32), [(3, 1, 1, 1), (3, 1, 1, 1)]),
    "whole panels": (cr.Conv2D(33, (2, 1)), (4, 5, 16), [(2, 1, 1, 0), (1, 1, 1, 0)]),
    "strides": (cr.Conv2D(5, 3, strides=(2, 3), padding=((1, 0), (2, 2))), (8, 9, 4), [(3, 2, 1, 1), (3, 3, 1, 2)]),
    "gaps": (cr.Conv2D(4, 3, dilation=(2, 3)), (7, 9, 3), [(3, 1, 2, 0), (3, 1, 3, 0)]),
    "gaps and strides": (cr.Conv2D(3, 3, strides=2, dilation=(3, 2)), (11, 9, 2), [(3, 2, 3, 0), (3, 2, 2, 0)]),
    "windows apart": (cr.Conv2D(4, 1, strides=2), (5, 4, 3), [(1, 2, 1, 0), (1, 2, 1, 0)]),
    "signal": (cr.Conv1D(20, 4, padding="causal"), (50, 3), [(1, 1, 1, 0), (4, 1, 1, 3)]),
}


@pytest.mark.parametrize("isa", FUSED)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_the_documented_order_of_operations(name, isa, many_threads):
    layer, shape, axes = CONVOLUTIONS[name]
    cr.set_isa(isa)
    net = cr.Network([cr.Input(*shape), copy.deepcopy(layer)], precision="mixed", seed=0)
    X = numbers(3, *shape)
    image = (1, *shape) if len(shape) == 2 else shape
    net.layers[1].bias = numbers(net.layers[1].filters, seed=2)
    weights, bias = net.layers[1].weights.reshape(axes[0][0], axes[1][0], image[2], -1), net.layers[1].bias
    result = net.layers[1].output_shape(shape)
    places = result[:-1] if len(result) == 3 else (1, result[0])
    deltas = numbers(3, *result, seed=3)
    for threads in (1, 2, 3):
        cr.set_num_threads(threads)
        expected = [mapped(x.reshape(image), weights, bias, places, axes) for x in X]
        np.testing.assert_array_equal(net.predict(X).reshape(3, *places, -1), expected)
        np.testing.assert_array_equal(net.forward(X).reshape(3, *places, -1), expected)
        back = [
            mapped(d.reshape(*places, -1), weights.swapaxes(2, 3), np.float32(0), image[:2], axes, transposed=True)
            for d in deltas
        ]
        np.testing.assert_array_equal(net.backward(deltas).reshape(3, *image), back)
        got = net.gradients[0][0].reshape(-1, weights.shape[3])
        images, results = X.reshape(3, *image), deltas.reshape(3, *places, -1)
        np.testing.assert_array_equal(got, weight_gradient(images, results, axes, weights.shape[:2]))


@pytest.mark.parametrize("isa", FUSED)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_convolutions_have_the_documented_order_of_operations(padding, isa, many_threads):
    cr.set_isa(isa)
    layer = cr.Conv2DTranspose(5, (3, 2), strides=(2, 3), padding=padding)
    net = cr.Network([cr.Input(4, 3, 6), layer], precision="mixed", seed=0)
    X, shape = numbers(3, 4, 3, 6), layer.output_shape((4, 3, 6))
    before = [window.before for window in layer.moves((4, 3, 6))]
    axes = [(3, 2, 1, before[0]), (2, 3, 1, before[1])]
    deltas = numbers(3, *shape, seed=3)
    for threads in (1, 2, 3):
        cr.set_num_threads(threads)
        weights = layer.weights.swapaxes(2, 3)
        expected = [mapped(x, weights, layer.bias, shape[:2], axes, transposed=True) for x in X]
        np.testing.assert_array_equal(net.predict(X), expected)
        np.testing.assert_array_equal(net.forward(X), expected)
        back = [mapped(d, layer.weights, np.float32(0), (4, 3), axes) for d in deltas]
        np.testing.assert_array_equal(net.backward(deltas), back)
        got = net.gradients[0][0].reshape(-1, 6)
        np.testing.assert_array_equal(got, weight_gradient(deltas, X, axes, (3, 2)))


def test_groups_of_channels_are_convolutions_of_their_own():
    X = numbers(3, 6, 5, 8)
    net = cr.Network([cr.Input(6, 5, 8), cr.Conv2D(6, 3, groups=2)], precision="mixed", seed=0)
    deltas = numbers(3, 4, 3, 6, seed=1)
    z, back = net.forward(X), net.backward(deltas)
    for group in range(2):
        channels, filters = slice(4 * group, 4 * group + 4), slice(3 * group, 3 * group + 3)
        alone = cr.Network([cr.Input(6, 5, 4), cr.Conv2D(3, 3)], precision="mixed", seed=0)
        alone.layers[1].weights = net.layers[1].weights[..., filters]
        alone.layers[1].bias = net.layers[1].bias[filters]
        np.testing.assert_array_equal(alone.forward(X[..., channels]), z[..., filters])
        np.testing.assert_array_equal(alone.backward(deltas[..., filters]), back[..., channels])
        np.testing.assert_array_equal(alone.gradients[0][0], net.gradients[0][0][..., filters])


def test_a_filter_of_each_channel_is_in_full_precision():
    X, deltas = numbers(3, 6, 5, 8), numbers(3, 4, 3, 8, seed=1)
    layers = [cr.Input(6, 5, 8), cr.Conv2D(8, 3, groups=8)]
    mixed_net, full = (cr.Network(layers, precision=precision, seed=0) for precision in ("mixed", "full"))
    np.testing.assert_array_equal(mixed_net.forward(X), full.forward(X))
    np.testing.assert_array_equal(mixed_net.backward(deltas), full.backward(deltas))
    np.testing.assert_array_equal(mixed_net.gradients[0][0], full.gradients[0][0])


def network_of_images():
    layers = [
        *(cr.Conv2D(6, 5, "relu", padding="same"), cr.MaxPool2D(), cr.Conv2D(32, 3), cr.BatchNorm()),
        *(cr.Activation("silu"), cr.Conv2D(32, 3, "gelu", strides=2, padding="same"), cr.Flatten()),
        cr.Dense(10, "softmax"),
    ]
    return cr.Network([cr.Input(14, 14, 1), *layers], precision="mixed", seed=0)


def test_threads_and_instruction_sets_change_no_byte_of_convolutions(many_threads):
    X, y = numbers(90, 14, 14, 1), numbers(90, 10, seed=1).argmax(axis=1)
    results, digests = [], set()
    for isa, threads in itertools.product(FUSED, (1, 2, 3)):
        cr.set_isa(isa)
        cr.set_num_threads(threads)
        net = network_of_images()
        net.fit(X, y, epochs=2, batch_size=32, optimizer=cr.Adam(), verbose=0)
        digests.add(digest(net))
        results.append(net.predict(X))
        np.testing.assert_array_equal(np.concatenate([net.predict(x[None]) for x in X[:5]]), results[-1][:5])
    assert digests == {"5e156e150fa1353f"}
    assert all((result == results[0]).all() for result in results)


def trained(isa=None, threads=1, sizes=(100, 72, 150, 10), **options):
    cr.set_isa(isa)
    cr.set_num_threads(threads)
    X, y = numbers(330, 100), numbers(330, 10, seed=1).argmax(axis=1)
    net = mixed(list(sizes), output="softmax", seed=3)
    net.fit(X, y, **{"epochs": 3, "batch_size": 100, "optimizer": cr.SGD(0.1, momentum=0.9), "verbose": 0, **options})
    return net


def digest(net):
    return hashlib.sha256(net.parameters.tobytes()).hexdigest()[:16]


def test_trained_bytes(many_threads):
    assert {digest(trained(isa, threads)) for isa in FUSED for threads in (1, 2, 3)} == {"a48796047f05d468"}


@pytest.mark.parametrize("optimizer", [cr.SGD(0.1), cr.Adam(), cr.RMSprop(clip_norm=0.5)])
@pytest.mark.parametrize("batch_size", [3, 37, "full"])
def test_threads_and_instruction_sets_change_no_byte(optimizer, batch_size, many_threads):
    runs = [(isa, threads) for isa in FUSED for threads in (1, 2, 3)]
    nets = [trained(*run, epochs=1, batch_size=batch_size, optimizer=optimizer) for run in runs]
    assert len({digest(net) for net in nets}) == 1


def test_a_batch_in_chunks_has_the_blocks_of_the_whole(many_threads):
    """Samples have so many values that a large batch is computed in chunks, whose sizes depend on the threads."""
    X, y = numbers(700, 2), numbers(700, 1, seed=1)
    nets = []
    for threads in (1, 2, 3):
        cr.set_num_threads(threads)
        net = mixed([2, 3000, 1], seed=0)
        net.fit(X, y, epochs=1, batch_size="full", optimizer=cr.SGD(0.01), verbose=0)
        nets.append(net.parameters)
    core = mixed([2, 3000, 1], seed=0)
    core.loss_and_gradient(X, y)
    deltas = ((core.predict(X) - y) / np.float32(700)).astype(np.float32)
    hidden = core.truncated(1).predict(X)
    expected = core.layers[2].weights - np.float32(0.01) * product(hidden.T, deltas, 0)
    np.testing.assert_allclose(nets[0][-3001:-1, None], expected, atol=1e-6)
    assert all((parameters == nets[0]).all() for parameters in nets)


def test_one_sample_has_the_bytes_that_it_has_in_a_batch():
    net = trained()
    X = numbers(70, 100, seed=5)
    together = net.predict(X)
    np.testing.assert_array_equal(np.concatenate([net.predict(x[None]) for x in X]), together)
    predictor = Predictor(net)
    np.testing.assert_array_equal([predictor(x) for x in X], together)
    np.testing.assert_array_equal(cr.predict_population(net, np.stack([net.parameters] * 2), X), [together] * 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_agrees_with_its_twin_or_says_that_it_has_no_mixed_precision(name):
    layers, shape = NETWORKS[name]
    made = [cr.Input(*shape), *(layer() for layer in layers), cr.Flatten(), cr.Dense(3, "softmax")]
    if not all(leaf.takes_mixed for layer in made[1:] for leaf in layer.leaves()):
        with pytest.raises(ValueError, match=r"precision must be 'full' with \w+\(.*\), which has no mixed precision"):
            cr.Network(made, precision="mixed")
        return
    net = cr.Network(made, precision="mixed", seed=1)
    tokens = np.arange(40 * np.prod(shape)).reshape(40, *shape) % 3
    X, y = numbers(40, *shape) if net.stack[0].vocabulary is None else tokens, np.arange(40) % 3
    twin = reference_of(net)
    objective, gradient = net.loss_and_gradient(X, y)
    expected = twin.loss_and_gradient(X.reshape(40, -1), y, reference.losses.CrossEntropy())
    assert abs(objective - expected) < 1e-4
    np.testing.assert_allclose(gradient, twin.gradients, atol=3e-3 * np.abs(twin.gradients).max())


@pytest.mark.parametrize("name", ["activation", "dense at each step", "lstm", "convolution", "convolution, groups"])
def test_it_is_checked(name):
    layers, shape = NETWORKS[name]
    net = cr.Network(
        [cr.Input(*shape), *(layer() for layer in layers), cr.Flatten(), cr.Dense(3)], precision="mixed", seed=1
    )
    assert net.check(numbers(6, *shape), numbers(6, 3), strict=True).ok


def test_a_stepper_gives_the_bytes_of_the_sequence():
    X = numbers(2, 9, 5)
    net = cr.Network([cr.Input(9, 5), cr.GRU(20, return_sequences=True), cr.Dense(3)], precision="mixed", seed=0)
    stepper = net.stepper(2)
    np.testing.assert_array_equal(np.stack([stepper.step(X[:, t]) for t in range(9)], axis=1), net.predict(X))


def test_a_stepper_of_convolutions_gives_the_bytes_of_the_signal():
    X = numbers(3, 40, 5)
    layers = [cr.Conv1D(20, 3, "tanh", padding="causal", dilation=2), cr.Conv1D(7, 4, padding="causal"), cr.Dense(2)]
    net = cr.Network([cr.Input(40, 5), *layers], precision="mixed", seed=0)
    stepper = net.stepper(3)
    np.testing.assert_array_equal(np.stack([stepper.step(X[:, t]) for t in range(40)], axis=1), net.predict(X))


def test_sequences_of_a_batch_in_chunks_have_the_blocks_of_the_whole(many_threads):
    """Each sample begins a block, however many of its steps are padding, so that chunks change no byte."""
    X = numbers(300, 37, 8)
    X[np.arange(300)[:, None] % 37 < np.arange(37)] = 0
    results = []
    for threads in (1, 2, 3):
        cr.set_num_threads(threads)
        layers = [cr.Masking(), cr.Bidirectional(cr.LSTM(20, return_sequences=True)), cr.GRU(17), cr.Dense(2)]
        net = cr.Network([cr.Input(37, 8), *layers], precision="mixed", seed=0)
        net.fit(X, numbers(300, 2), epochs=1, batch_size="full", verbose=0)
        results.append(digest(net))
    assert len(set(results)) == 1


def test_it_is_near_full_precision_and_another():
    X = numbers(20, 30, seed=1)
    net, full = mixed([30, 20, 3]), cr.Network([30, 20, 3], seed=0)
    np.testing.assert_allclose(net.predict(X), full.predict(X), atol=0.02)
    assert (net.predict(X) != full.predict(X)).all()


def test_the_reference_rounds_factors_alone():
    twin = reference.Dense(np.full((1, 1), 1 + 2.0**-12), np.array([2.0**-20]), "identity")
    twin.mixed = True
    assert twin.forward(np.full((1, 1), 1 - 2.0**-12)) == 1 + 2.0**-20
    assert twin.backward(np.full((1, 1), 1 + 2.0**-12)) == 1
    assert twin.weight_gradient == 1
    assert twin.bias_gradient == 1 + 2.0**-12


def test_it_learns_as_in_full_precision():
    X, y = numbers(600, 20), numbers(600, 20).reshape(600, 20)[:, :4].argmax(axis=1)
    scores = []
    for precision in ("full", "mixed"):
        net = cr.Network([20, 64, 4], output="softmax", precision=precision, seed=0)
        net.fit(X, y, epochs=20, optimizer=cr.Adam(0.01), verbose=0)
        scores.append(net.evaluate(X, y)["accuracy"])
    assert min(scores) > 0.97


def test_files_pickles_and_copies_are_mixed(tmp_path):
    net = trained(epochs=1)
    net.save(tmp_path / "net.safetensors")
    X = numbers(3, 100)
    for twin in (cr.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(net)), net.copy()):
        assert twin.precision == net.precision == "mixed"
        assert repr(twin) == repr(net) == "Network([100, 72, 150, 10], 19,732 parameters, mixed, seed=3)"
        np.testing.assert_array_equal(twin.predict(X), net.predict(X))
        twin.fit(X, [0, 1, 2], epochs=1, verbose=0)
    assert net.truncated(1).numbers.precision == net.folded().numbers.precision == "mixed"
    assert "19,732 parameters, mixed" in net.summary()


def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    X, y = numbers(40, 5), numbers(40, 2, seed=1)
    options = {"batch_size": 16, "optimizer": cr.Adam(), "verbose": 0}
    whole = mixed([5, 20, 2])
    whole.fit(X, y, epochs=4, **options)
    part = mixed([5, 20, 2])
    part.fit(X, y, epochs=2, checkpoint=tmp_path / "net", **options)
    resumed = cr.load(tmp_path / "net")
    resumed.fit(X, y, epochs=4, resume=True, checkpoint=tmp_path / "net", **options)
    assert digest(resumed) == digest(whole)


@pytest.mark.parametrize("precision", ["half", "float32", "", None, 16, ["mixed"]])
def test_other_precisions_are_refused(precision):
    with pytest.raises((ValueError, TypeError), match="precision"):
        cr.Network([2, 1], precision=precision)


def test_float64_has_no_mixed_precision():
    with pytest.raises(ValueError, match="dtype must be 'float32' with precision 'mixed', got 'float64'"):
        cr.Network([2, 1], dtype="float64", precision="mixed")


def test_sparse_rows_are_refused_before_anything_is_changed():
    net, X = mixed([8, 2]), scipy.sparse.random(5, 8, 0.5, format="csr", random_state=0)
    uses = [net.predict, *(partial(use, y=np.zeros((5, 2))) for use in (net.fit, net.evaluate, net.loss_and_gradient))]
    for use in uses:
        with pytest.raises(ValueError, match="X must be dense with precision 'mixed', got a sparse matrix"):
            use(X)
    assert net.optimizer is None
    assert net.loss is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_have_it():
    X, y = numbers(300, 8), numbers(300, 8)[:, :3].argmax(axis=1)
    options = {"hidden_layer_sizes": (16,), "precision": "mixed", "max_iter": 30, "random_state": 0}
    for data in (X, X.astype(np.float64)):
        model = MLPClassifier(learning_rate_init=0.02, **options).fit(data, y)
        assert model.network_.numbers.precision == "mixed"
        assert model.score(data, y) > 0.9
    model = MLPClassifier(warm_start=True, **options).fit(X[y < 2], y[y < 2]).fit(X, y)
    assert repr(model.network_).startswith("Network([8, 16, 3], 195 parameters, mixed")
    assert MLPRegressor(**options).fit(X, y).network_.numbers.precision == "mixed"


@pytest.mark.parametrize(
    ("options", "sparse"), [({"solver": "lbfgs"}, False), ({}, True), ({"precision": "half"}, False)]
)
def test_estimators_refuse_what_has_no_mixed_precision(options, sparse):
    X, y = numbers(20, 3), np.arange(20) % 2
    model = MLPClassifier(**{"precision": "mixed", **options})
    with pytest.raises(ValueError, match="precision"):
        model.fit(scipy.sparse.csr_matrix(X) if sparse else X, y)
    assert not hasattr(model, "network_")
