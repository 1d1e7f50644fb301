"""The reference against central differences, numbers computed by hand, and loops over scalars."""

import math

import numpy as np
import pytest

from chainrule import reference
from chainrule.reference import activations
from chainrule.reference.activations import ACTIVATIONS, DERIVATIVES
from chainrule.reference.losses import LOSSES

POINTS = np.array([[-4.1, -2.3, -0.7, -0.1, 0.2, 0.9, 2.6, 4.4]])
H = 1e-5


def central(f, x):
    return (f(x - 2 * H) - 8 * f(x - H) + 8 * f(x + H) - f(x + 2 * H)) / (12 * H)


@pytest.mark.parametrize("name", [*DERIVATIVES, "leaky_relu(0.2)", "elu(1.5)"])
def test_derivative_is_that_of_the_activation(name):
    expected = central(lambda z: activations.value(name, z), POINTS)
    assert activations.derivative(name, POINTS) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "at_one", "at_minus_one"),
    [
        ("identity", 1.0, -1.0),
        ("sigmoid", 0.7310585786300049, 0.2689414213699951),
        ("tanh", 0.7615941559557649, -0.7615941559557649),
        ("relu", 1.0, 0.0),
        ("leaky_relu", 1.0, -0.01),
        ("leaky_relu(0.2)", 1.0, -0.2),
        ("elu", 1.0, -0.6321205588285577),
        ("elu(1.5)", 1.0, -0.9481808382428365),
        ("selu", 1.0507009873554805, -1.1113307378125627),
        ("softplus", 1.3132616875182228, 0.31326168751822286),
        ("softsign", 0.5, -0.5),
        ("gelu", 0.8413447460685429, -0.15865525393145707),
        ("silu", 0.7310585786300049, -0.2689414213699951),
        ("mish", 0.8650983882673103, -0.3034014613741089),
        ("hard_sigmoid", 2 / 3, 1 / 3),
        ("exp", 2.718281828459045, 0.36787944117144233),
    ],
)
def test_activation_has_the_known_values(name, at_one, at_minus_one):
    assert activations.value(name, np.array([1.0, -1.0])) == pytest.approx([at_one, at_minus_one], rel=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_delta_is_the_derivative_of_the_loss_by_z(loss, activation):
    if loss == "cross_entropy" and activation not in ("softmax", "sigmoid"):
        pytest.skip("has no meaning")
    if loss == "poisson" and activation not in ("softplus", "sigmoid", "exp"):
        pytest.skip("has no meaning")
    made, f = LOSSES[loss](), ACTIVATIONS[activation]
    z = np.array([[0.3, -0.8, 1.7, 0.1], [-2.2, 0.4, 0.6, -0.3]])
    t = np.array([[0.2, 0.6, 0.1, 0.1], [0.25, 0.25, 0.4, 0.1]])[:, : made.target_columns(4)]

    def moved(i, j, step):
        there = z.copy()
        there[i, j] += step
        return made.value(there, f(there), t, activation).sum()

    expected = np.array([[central(lambda s, i=i, j=j: moved(i, j, s), 0.0) for j in range(4)] for i in range(2)])
    assert made.delta(z, f(z), t, activation) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_one_step_of_backpropagation_by_hand():
    # x = (1, 0.5) -> one sigmoid unit -> one sigmoid unit, t = 1, rate 0.5.
    net = reference.Network(
        [
            reference.Dense(np.array([[0.2], [-0.4]]), np.array([0.1]), "sigmoid"),
            reference.Dense(np.array([[0.3]]), np.array([-0.2]), "sigmoid"),
        ]
    )
    net.loss_and_gradient(np.array([[1.0, 0.5]]), np.array([[1.0]]), LOSSES["mse"]())
    # z1 = 0.2 - 0.2 + 0.1 = 0.1, a1 = 0.524979; z2 = 0.3 a1 - 0.2 = -0.042506, a2 = 0.489375
    a1 = 0.52497918747894
    a2 = 0.489375038761
    delta2 = (a2 - 1) * a2 * (1 - a2)
    delta1 = 0.3 * delta2 * a1 * (1 - a1)
    assert net.layers[1].activations[0, 0] == pytest.approx(a2, rel=1e-9)
    assert net.gradients == pytest.approx([delta1, 0.5 * delta1, delta1, a1 * delta2, delta2], rel=1e-9)
    net.step(reference.optimizers.SGD(), 0.5)
    assert net.parameters[3] == pytest.approx(0.3 - 0.5 * a1 * delta2, rel=1e-12)


def test_random_network_gradient_is_the_central_difference():
    rng = np.random.default_rng(0)
    shapes = [(5, 7), (7, 4), (4, 3)]
    net = reference.Network(
        [
            reference.Dense(rng.standard_normal(shape), rng.standard_normal(shape[1]), f, l1=0.01, l2=0.1)
            for shape, f in zip(shapes, ("tanh", "gelu", "softmax"), strict=True)
        ]
    )
    X, y, w = rng.standard_normal((6, 5)), rng.integers(0, 3, 6), rng.uniform(0.5, 2, 6)
    loss = reference.losses.CrossEntropy(label_smoothing=0.1)
    net.loss_and_gradient(X, y, loss, w)
    gradient, start = net.gradients, net.parameters

    def objective(step, index):
        moved = start.copy()
        moved[index] += step
        net.parameters = moved
        return net.loss_and_gradient(X, y, loss, w)

    expected = [central(lambda s, i=i: objective(s, i), 0.0) for i in range(start.size)]
    assert gradient == pytest.approx(expected, rel=1e-7, abs=1e-8)


def scalar_steps(name, gradients, rate):
    """Return the results of the textbook's loops over single parameters, without arrays."""
    w, m, v, u, gain, mean, step, before = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, rate, 0.0
    for t, g in enumerate(gradients, start=1):
        if name == "sgd":
            w -= rate * g
        elif name == "momentum":
            v = 0.9 * v - rate * g
            w += v
        elif name == "nesterov":
            v = 0.9 * v - rate * g
            w += 0.9 * v - rate * g
        elif name == "adagrad":
            v += g * g
            w -= rate * g / (math.sqrt(v) + 1e-8)
        elif name == "adadelta":
            v = 0.95 * v + 0.05 * g * g
            d = math.sqrt(u + 1e-6) / math.sqrt(v + 1e-6) * g
            u = 0.95 * u + 0.05 * d * d
            w -= rate * d
        elif name == "rmsprop":
            v = 0.9 * v + 0.1 * g * g
            w -= rate * g / (math.sqrt(v) + 1e-8)
        elif name in ("adam", "adamw", "nadam"):
            if name == "adamw":
                w -= rate * 0.01 * w
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g * g
            hat = m / (1 - 0.9**t)
            if name == "nadam":
                hat = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
            w -= rate * hat / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        elif name == "delta_bar_delta":
            if mean * g > 0:
                gain += 0.05
            elif mean * g < 0:
                gain *= 0.95
            mean = 0.3 * g + 0.7 * mean
            w -= rate * gain * g
        elif name == "irprop":
            if before * g > 0:
                step = min(step * 1.2, 50)
            elif before * g < 0:
                step, g = max(step * 0.5, 1e-6), 0.0
            w -= math.copysign(step, g) if g else 0.0
            before = g
    return w


@pytest.mark.parametrize("name", [*reference.optimizers.OPTIMIZERS, "momentum", "nesterov"])
def test_optimizer_is_the_scalar_loop(name):
    gradients = [0.5, 0.3, -0.2, -0.4, 0.1]
    if name in ("momentum", "nesterov"):
        optimizer = reference.optimizers.SGD(momentum=0.9, nesterov=name == "nesterov")
    else:
        optimizer = reference.optimizers.OPTIMIZERS[name]()
    w = np.array([1.0])
    for g in gradients:
        w = optimizer.update(w, np.array([g]), 0.1, np.array([True]))
    assert w[0] == pytest.approx(scalar_steps(name, gradients, 0.1), rel=1e-13)


def test_decay_leaves_biases_alone():
    w = reference.optimizers.AdamW(weight_decay=0.5).update(np.ones(2), np.zeros(2), 0.1, np.array([True, False]))
    assert w.tolist() == [0.95, 1.0]


def test_philox_gives_the_known_words():
    # Random123's known answer for a key and counter of zeros; NumPy increments its counter before the first block.
    key, counter = np.zeros(2, dtype=np.uint64), np.full(4, 2**64 - 1, dtype=np.uint64)
    known = np.random.Philox(key=key, counter=counter).random_raw(4)
    assert [f"{int(word):016x}" for word in known] == [
        "16554d9eca36314c", "db20fe9d672d0fdc", "d7e772cee186176b", "7e68b68aec7ba23b",
    ]  # fmt: skip


def test_shuffled_order_is_a_permutation():
    order = reference.random.order(500, seed=3, epoch=2)
    assert sorted(order.tolist()) == list(range(500))
    assert not np.array_equal(order, reference.random.order(500, seed=3, epoch=3))


@pytest.mark.parametrize("name", ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"])
def test_initial_weights_have_their_variance(name):
    w = reference.initializers.weights(name, 120, 80, seed=1, layer=0)
    variance = {"glorot": 2 / 200, "he": 2 / 120, "lecun": 1 / 120}[name.split("_")[0]]
    assert w.mean() == pytest.approx(0, abs=4 * math.sqrt(variance / w.size))
    assert w.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize("shape", [(20, 8), (8, 20)])
def test_orthogonal_weights_are_orthonormal(shape):
    w = reference.initializers.weights("orthogonal", *shape, seed=0, layer=0)
    product = w.T @ w if shape[0] > shape[1] else w @ w.T
    assert product == pytest.approx(np.eye(8), abs=1e-12)


def test_cross_entropy_stays_finite():
    z = np.array([[1000.0, -1000.0]])
    for activation in ("softmax", "sigmoid"):
        value = LOSSES["cross_entropy"]().value(z, ACTIVATIONS[activation](z), np.array([[0.0, 1.0]]), activation)
        assert value[0] == pytest.approx(2000.0)
