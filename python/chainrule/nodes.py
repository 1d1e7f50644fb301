"""The object model: one Python object for each neuron and each weight, to be read next to the textbook.

It is slow, and means to be: every line is a formula. Units are sigmoid units, the error of a sample is
E = ½ Σ (target − output)², and the weights change after every sample. `chainrule.reference` computes the same with
matrices, and `Network.check` compares them all.

    a network is a list of layers        a layer is a list of nodes, the last of which is constant
    a connection joins two nodes, and holds the weight between them
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

from .model import Model

Vector = Sequence[float]


def sigmoid(z: float) -> float:
    """Return 1 / (1 + e^−z), by the one of two equal forms that does not overflow."""
    if z >= 0:
        return 1.0 / (1.0 + math.exp(-z))
    return math.exp(z) / (1.0 + math.exp(z))


class Node:
    """A neuron: its output, its delta, and its connections to both sides."""

    def __init__(self, layer_index: int, node_index: int) -> None:
        self.layer_index = layer_index
        self.node_index = node_index
        self.upstream: list[Connection] = []
        self.downstream: list[Connection] = []
        self.output = 0.0
        self.delta = 0.0

    def calc_output(self) -> None:
        """Compute y = sigmoid(Σ w x) over the connections from below; the constant node brings the bias."""
        self.output = sigmoid(sum(connection.weight * connection.source.output for connection in self.upstream))

    def calc_output_delta(self, label: float) -> None:
        """Compute δ = ∂E/∂z = −(t − y) · y (1 − y) of an output node."""
        self.delta = -(label - self.output) * self.output * (1.0 - self.output)

    def calc_hidden_delta(self) -> None:
        """Compute δ = y (1 − y) · Σ w δ over the nodes above: the chain rule."""
        above = sum(connection.weight * connection.target.delta for connection in self.downstream)
        self.delta = self.output * (1.0 - self.output) * above

    def __repr__(self) -> str:
        return f"Node({self.layer_index}-{self.node_index}: output {self.output:.6f}, delta {self.delta:.6f})"


class ConstNode(Node):
    """A node whose output is always 1: its weights are the biases of the layer above."""

    def __init__(self, layer_index: int, node_index: int) -> None:
        super().__init__(layer_index, node_index)
        self.output = 1.0

    def calc_output(self) -> None:
        """Nothing to compute."""


class Connection:
    """A weight between two nodes."""

    def __init__(self, source: Node, target: Node, weight: float) -> None:
        self.source = source
        self.target = target
        self.weight = weight
        self.gradient = 0.0

    def calc_gradient(self) -> None:
        """Compute ∂E/∂w = δ of the target · output of the source."""
        self.gradient = self.target.delta * self.source.output

    def update_weight(self, rate: float) -> None:
        """Go down: w ← w − rate · ∂E/∂w."""
        self.calc_gradient()
        self.weight -= rate * self.gradient

    def __repr__(self) -> str:
        source, target = self.source, self.target
        ends = f"{source.layer_index}-{source.node_index} -> {target.layer_index}-{target.node_index}"
        return f"Connection({ends}: weight {self.weight:.6f})"


class Connections(list[Connection]):
    """All connections of a network."""

    def join(self, source: Node, target: Node, weight: float) -> None:
        """Make a connection and tell both its nodes."""
        connection = Connection(source, target, weight)
        source.downstream.append(connection)
        target.upstream.append(connection)
        self.append(connection)


class Layer:
    """Nodes side by side, with a constant node at the end."""

    def __init__(self, layer_index: int, size: int) -> None:
        self.nodes: list[Node] = [Node(layer_index, i) for i in range(size)]
        self.const_node = ConstNode(layer_index, size)

    def set_output(self, sample: Vector) -> None:
        """Let the input nodes show a sample."""
        for node, value in zip(self.nodes, sample, strict=True):
            node.output = float(value)

    def calc_output(self) -> None:
        """Compute the output of every node."""
        for node in self.nodes:
            node.calc_output()

    def sources(self) -> list[Node]:
        """Return what the layer above is connected to."""
        return [*self.nodes, self.const_node]


class Network:
    """A network of such layers.

    Parameters
    ----------
    sizes : sequence of int
        Nodes in each layer, inputs first, without the constant ones.
    seed : int
        Of the initial weights, uniform in [−0.1, 0.1].

    Examples
    --------
    >>> net = Network([2, 2, 1])
    >>> samples, labels = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [0], [0], [1]]
    >>> net.train(labels, samples, rate=1.0, iteration=2000)
    >>> [round(net.predict(sample)[0]) for sample in samples]
    [0, 0, 0, 1]
    """

    def __init__(self, sizes: Sequence[int], seed: int = 0) -> None:
        if len(sizes) < 2 or any(size < 1 for size in sizes):
            raise ValueError(f"sizes must be at least two positive numbers, got {list(sizes)}")
        numbers = random.Random(seed)
        self.sizes = list(sizes)
        self.layers = [Layer(i, size) for i, size in enumerate(sizes)]
        self.connections = Connections()
        for lower, upper in zip(self.layers, self.layers[1:], strict=False):
            for target in upper.nodes:
                for source in lower.sources():
                    self.connections.join(source, target, numbers.uniform(-0.1, 0.1))

    def train(self, labels: Sequence[Vector], data_set: Sequence[Vector], rate: float, iteration: int) -> None:
        """Go over all samples, in order, `iteration` times."""
        if len(labels) != len(data_set):
            raise ValueError(f"labels and data_set must have the same length, got {len(labels)} and {len(data_set)}")
        for _ in range(iteration):
            for label, sample in zip(labels, data_set, strict=True):
                self.train_one_sample(label, sample, rate)

    def train_one_sample(self, label: Vector, sample: Vector, rate: float) -> None:
        """Make one step: forward, backward, update."""
        self.predict(sample)
        self.calc_delta(label)
        self.update_weight(rate)

    def calc_delta(self, label: Vector) -> None:
        """Compute the deltas, from the outputs back to the first hidden layer."""
        for node, target in zip(self.layers[-1].nodes, label, strict=True):
            node.calc_output_delta(float(target))
        for layer in reversed(self.layers[1:-1]):
            for node in layer.nodes:
                node.calc_hidden_delta()

    def update_weight(self, rate: float) -> None:
        """Change every weight."""
        for connection in self.connections:
            connection.update_weight(rate)

    def calc_gradient(self) -> None:
        """Compute every connection's gradient from the deltas."""
        for connection in self.connections:
            connection.calc_gradient()

    def get_gradient(self, label: Vector, sample: Vector) -> list[float]:
        """Return ∂E/∂w of one sample for every connection, in the order of `connections`."""
        self.predict(sample)
        self.calc_delta(label)
        self.calc_gradient()
        return [connection.gradient for connection in self.connections]

    def predict(self, sample: Vector) -> list[float]:
        """Return the outputs for a sample."""
        self.layers[0].set_output(sample)
        for layer in self.layers[1:]:
            layer.calc_output()
        return [node.output for node in self.layers[-1].nodes]

    def error(self, label: Vector, sample: Vector) -> float:
        """Return E = ½ Σ (t − y)² of a sample."""
        return 0.5 * sum((t - y) ** 2 for t, y in zip(label, self.predict(sample), strict=True))

    def dump(self) -> None:
        """Print every node and every connection."""
        for layer in self.layers:
            for node in layer.sources():
                print(node)
        for connection in self.connections:
            print(connection)

    @classmethod
    def from_network(cls, network: Model) -> Network:
        """Return an object model with the sizes and weights of a `chainrule.Network`.

        Raises
        ------
        ValueError
            For layers that are not fully connected sigmoid layers: the object model has no others.
        """
        if refusal := refusal_of(network):
            raise ValueError(refusal)
        made = cls([math.prod(shape) for shape in network.shapes])
        for upper, layer in zip(made.layers[1:], network.stack, strict=True):
            weights, bias = (values.astype(float).tolist() for values in layer.parameter_arrays().values())
            for j, node in enumerate(upper.nodes):
                incoming = [*(row[j] for row in weights), bias[j]]
                for connection, weight in zip(node.upstream, incoming, strict=True):
                    connection.weight = weight
        return made

    def flat(self, values: Iterable[float]) -> list[float]:
        """Bring one value per connection into the order of `chainrule.Network.parameters`."""
        of = dict(zip(map(id, self.connections), values, strict=True))
        ordered: list[float] = []
        for upper in self.layers[1:]:
            rows = zip(*(node.upstream for node in upper.nodes), strict=True)
            ordered += [of[id(connection)] for row in rows for connection in row]
        return ordered


def refusal_of(network: Model) -> str:
    """Return why there is no object model of a network; empty where there is one."""
    for layer in network.stack:
        if not layer.fully_connected or layer.activation != "sigmoid":
            return f"the object model has sigmoid units only, got a layer of {layer.activation!r}"
        if "bias" not in layer.parameter_shapes(layer.place.input_shape):
            return f"the object model has units with a bias only, got {layer!r}"
    return ""
