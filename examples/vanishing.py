"""The share of the gradient that reaches the first of 30 layers: by activation, with batch norm, and with residuals.

python examples/vanishing.py [FILE.png]        the picture needs chainrule[plot]
"""

import sys

import numpy as np

import chainrule as cr

DEPTH, UNITS = 30, 32


def deep(activation, kind):
    """Return a network of DEPTH layers of one kind, and its dense layers."""
    dense = [cr.Dense(UNITS, "identity", weights="glorot_normal") for _ in range(DEPTH)]
    layers = []
    for layer in dense:
        block = [layer, *([cr.BatchNorm()] if kind == "batch norm" else []), cr.Activation(activation)]
        layers += [cr.Residual(block)] if kind == "residual" else block
    return cr.Network([cr.Input(UNITS), *layers], seed=0), dense


def gradient_by_depth(activation, kind, X, output_gradient):
    """Return the root mean square of ∂E/∂weights of each layer."""
    net, dense = deep(activation, kind)
    net.forward(X, training=True)
    net.backward(output_gradient)
    by_layer = [np.sqrt(np.mean(gradients[0] ** 2)) for gradients in net.gradients if gradients[0].size == UNITS**2]
    assert len(by_layer) == len(dense)
    return np.array(by_layer)


rng = np.random.default_rng(0)
X, output_gradient = rng.standard_normal((2, 256, UNITS))
curves = {}
print(f"gradient of the first of {DEPTH} layers, as a share of the last one's")
print(f"{'':9}{'plain':>12}{'batch norm':>12}{'residual':>12}")
for activation in ("sigmoid", "tanh", "relu"):
    for kind in ("plain", "batch norm", "residual"):
        curves[activation, kind] = gradient_by_depth(activation, kind, X, output_gradient)
    shares = [
        curves[activation, kind][0] / curves[activation, kind][-1] for kind in ("plain", "batch norm", "residual")
    ]
    print(f"{activation:9}" + "".join(f"{share:12.1e}" for share in shares))

try:
    from matplotlib.figure import Figure
except ImportError:
    sys.exit()
figure = Figure(figsize=(10, 3.5), layout="constrained")
for axes, activation in zip(figure.subplots(1, 3, sharey=True), ("sigmoid", "tanh", "relu"), strict=True):
    for kind in ("plain", "batch norm", "residual"):
        axes.semilogy(range(1, DEPTH + 1), curves[activation, kind], label=kind)
    axes.set(title=activation, xlabel="layer")
    axes.legend()
figure.axes[0].set_ylabel("root mean square of ∂E/∂weights")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "vanishing.png")
