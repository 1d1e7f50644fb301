"""Hostile arrays, numbers and orders of calls: the result, or the error, is the same as for plain copies.

Two networks get the same calls, one with strange arrays and one with plain, contiguous copies of the values in them.
Whatever the order of the calls, both must give the same bytes or the same error, and follow the reference.
"""

import pickle

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from networks_of_layers import ACTIVATIONS
from strange_arrays import (
    INPUTS,
    LAYOUTS,
    POISON,
    inputs_of,
    plain_copy,
    refused_arrays,
    strange_arrays,
    targets_of,
    weights_of,
)

import chainrule as cr
from chainrule import _core
from chainrule.inference import Predictor
from chainrule.verification.report import compare
from chainrule.verification.twins import reference_loss, reference_of

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.ChainruleWarning")

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}


ERRORS = (ValueError, TypeError, RuntimeError, MemoryError, cr.DivergedError, OverflowError)


def outcome(call):
    """Return a result's bytes, or the type of its error."""
    try:
        result = call()
    except ERRORS as error:
        assert str(error)
        assert "incompatible function arguments" not in str(error), error  # the message of pybind11 explains nothing
        return type(error)
    return as_bytes(result)


def as_bytes(result):
    if isinstance(result, np.ndarray):
        return str(result.dtype), result.shape, result.tobytes()
    if isinstance(result, (list, tuple)):
        return tuple(as_bytes(item) for item in result)
    if isinstance(result, dict):
        return tuple((name, as_bytes(value)) for name, value in result.items())
    return repr(result)


def is_tame(net, *arrays):
    """Tell whether the numbers are so small that precision and order of additions make no relevant difference."""
    return all(np.abs(values).max() < 1e3 for values in (net.parameters, *(a.astype(float) for a in arrays)))


# --- orders of calls
SAMPLES = st.integers(1, 9)


NUMBERS = [0, 1, 2, 3, 0.5, -1, 1.5, 2**31, 2**64, 10**400, 1e300, 1e-320, float("nan"), float("inf"), True, None, "x"]


NUMBERS += ["full", np.float32(0.5), np.int8(2), np.float64(3), np.array(2), np.array([1]), 1j, b"1", [], {}]


OPTIMIZERS = [
    None, "adam", cr.SGD(0.1), cr.SGD(0.01, momentum=0.9, nesterov=True), cr.Adam(0.01, clip_norm=1.0), cr.IRprop(),
    cr.DeltaBarDelta(0.01), cr.Adadelta(), cr.SGD(1e30), cr.SGD(0.0), cr.SGD(cr.Warmup(3, 0.1)), "sgdd", 3,
]  # fmt: skip


LOSSES = [None, None, "mse", "mae", "cross_entropy", "poisson", cr.Huber(0.5), cr.CrossEntropy(0.1), "x", 3]


def options(**choices):
    """Draw a dictionary with a few of the options, most of them valid."""
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in choices.items()})


class Calls(RuleBasedStateMachine):
    """A network and its twin, which is given plain arrays only."""

    own = Bundle("own")  # arrays that the network returned, to be passed to it again

    def __init__(self):
        super().__init__()
        _core.set_work_per_thread(1)

    def teardown(self):
        _core.set_work_per_thread(800_000)
        cr.set_num_threads(None)
        cr.set_isa(None)

    @initialize(
        dtype=st.sampled_from(["float32", "float64"]),
        hidden=st.sampled_from([[], [4], [17, 2]]),
        outputs=st.sampled_from([1, 2, 5]),
        activation=st.sampled_from([name for name in ACTIVATIONS if name != "softmax"]),
        output=st.sampled_from(["identity", "softmax", "sigmoid", "softplus"]),
        l2=st.sampled_from([0.0, 0.01]),
        max_norm=st.sampled_from([None, 2.0]),
    )
    def make(self, dtype, hidden, outputs, activation, output, l2, max_norm):
        sizes = [INPUTS, *hidden, outputs]
        self.net = cr.Network(sizes, activation, output, dtype=dtype, l2=l2, max_norm=max_norm, seed=3)
        self.twin = self.net.copy()

    def both(self, call, *pairs, atomic=True):
        """Call with the strange arrays and with the plain ones; return the bytes of the common result, or its error."""
        before = self.net.parameters.tobytes(), self.net.epochs
        strange = outcome(lambda: call(self.net, *(pair[0] for pair in pairs)))
        plain = outcome(lambda: call(self.twin, *(pair[1] for pair in pairs)))
        assert strange == plain, f"{strange} of strange arrays, {plain} of plain ones"
        if atomic and isinstance(strange, type) and not issubclass(strange, cr.DivergedError):
            assert (self.net.parameters.tobytes(), self.net.epochs) == before, "an error changed the network"
        return strange

    @invariant()
    def twins_are_alike(self):
        if hasattr(self, "net"):
            assert self.net.parameters.tobytes() == self.twin.parameters.tobytes()
            assert repr(dict(self.net.history)) == repr(dict(self.twin.history))

    # --- training

    @rule(
        data=st.data(),
        samples=SAMPLES,
        chosen=options(
            batch_size=[2, 3, "full", *NUMBERS],
            epochs=[1, 2, 0, -1, 1.5, "x", None, True, np.int8(1)],
            optimizer=OPTIMIZERS,
            loss=LOSSES,
            shuffle=[True, False, np.True_, 1],
            input_noise=[0, 0.1, *NUMBERS],
            class_weight=["balanced", {0: 2.0, 1: 0.5}, {0: 0}, {-1: 1}, {2**70: 1}, {0: float("nan")}, "x", 3],
            verbose=[0, 3, None],
        ),
    )
    def fit(self, data, samples, chosen):
        pairs = [data.draw(inputs_of(samples)), data.draw(targets_of(samples, self.net.outputs))]
        pairs.append(data.draw(weights_of(samples)))
        chosen = {"epochs": 1, "verbose": 0, **chosen}
        self.both(lambda net, X, y, w: dict(net.fit(X, y, sample_weight=w, **chosen)), *pairs)

    @rule(data=st.data(), samples=SAMPLES, chosen=options(optimizer=OPTIMIZERS, loss=LOSSES))
    def train_on_batch(self, data, samples, chosen):
        pairs = [data.draw(inputs_of(samples)), data.draw(targets_of(samples, self.net.outputs))]
        pairs.append(data.draw(weights_of(samples)))
        self.both(lambda net, X, y, w: net.train_on_batch(X, y, sample_weight=w, **chosen), *pairs)

    @rule(data=st.data(), samples=SAMPLES)
    def fit_batches_that_come_one_by_one(self, data, samples):
        batches = [(data.draw(inputs_of(n)), data.draw(targets_of(n, self.net.outputs))) for n in (samples, 2)]
        pair = [(X[0], y[0]) for X, y in batches], [(X[1], y[1]) for X, y in batches]
        # Both networks have made the steps of the batches before a bad one.
        self.both(lambda net, source: dict(net.fit(source, epochs=1, verbose=0)), pair, atomic=False)

    # --- using

    @rule(data=st.data(), samples=SAMPLES, how=st.sampled_from(["predict", "predict_classes", "forward"]))
    def predict(self, data, samples, how):
        pair = data.draw(inputs_of(samples))
        result = self.both(lambda net, X: getattr(net, how)(X), pair)
        if not isinstance(result, type) and how != "predict_classes" and is_tame(self.net, pair[1]):
            expected = reference_of(self.net).predict(pair[1].astype(np.float64))
            line = compare(how, "reference", self.net.predict(pair[0]), expected, TOLERANCE[self.net.dtype], scale=1.0)
            assert line.ok, line

    @rule(data=st.data(), samples=SAMPLES, loss=st.sampled_from(LOSSES), gradient=st.booleans())
    def evaluate(self, data, samples, loss, gradient):
        X, y = data.draw(inputs_of(samples)), data.draw(targets_of(samples, self.net.outputs))
        w = data.draw(weights_of(samples))
        name = "loss_and_gradient" if gradient else "evaluate"
        call = lambda net, X, y, w: getattr(net, name)(X, y, loss=loss, sample_weight=w)  # noqa: E731
        result = self.both(call, X, y, w)
        if isinstance(result, type) or not is_tame(self.net, X[1], y[1]):
            return
        value = call(self.net, X[0], y[0], w[0])[0 if gradient else "loss"]
        chosen = self.net.chosen_loss(loss)
        targets = y[1].astype(np.int64) if y[1].ndim == 1 and self.net.outputs > 1 else y[1].reshape(samples, -1)
        weights = None if w[1] is None else w[1].astype(np.float64)
        net = reference_of(self.net)
        evaluated = getattr(net, name)(X[1].astype(np.float64), targets, reference_loss(chosen), weights)
        expected = evaluated if gradient else evaluated[0]
        if np.isfinite(expected):
            assert value == pytest.approx(expected, rel=TOLERANCE[self.net.dtype], abs=TOLERANCE[self.net.dtype])

    @rule(data=st.data(), samples=SAMPLES)
    def back_and_forth(self, data, samples):
        X = data.draw(inputs_of(samples))
        gradient = data.draw(strange_arrays((data.draw(st.sampled_from([samples, samples, 1])), self.net.outputs)))
        self.both(lambda net, X: net.forward(X), X)
        if data.draw(st.booleans()):
            self.both(lambda net, X: net.predict(X), X)
        self.both(lambda net, g: net.backward(g), gradient)
        self.both(lambda net: net.gradients)

    @rule(optimizer=st.sampled_from(OPTIMIZERS))
    def step(self, optimizer):
        self.both(lambda net: net.step(optimizer))

    @rule(
        data=st.data(),
        samples=SAMPLES,
        index=st.sampled_from(["i4", "i8"]),
        format=st.sampled_from(["csr", "csc", "coo"]),
    )
    def sparse(self, data, samples, index, format):
        X = data.draw(strange_arrays((samples, INPUTS), dtypes=("f4", "f8", "u1")))[1]
        assume(np.isfinite(X.astype(float)).all())
        strange = scipy.sparse.csr_array(X)
        for name in ("data", "indices", "indptr"):
            part = getattr(strange, name)
            part = part if name == "data" else part.astype(index)
            layout = data.draw(st.sampled_from(["plain", "unaligned", "read-only", "within"]))
            setattr(strange, name, LAYOUTS[layout](part))
        strange = strange.asformat(format)
        y = data.draw(targets_of(samples, self.net.outputs))
        self.both(lambda net, X: net.predict(X), (strange, scipy.sparse.csr_array(X)))
        self.both(lambda net, X, y: net.evaluate(X, y), (strange, scipy.sparse.csr_array(X)), y)
        self.both(lambda net, X, y: dict(net.fit(X, y, epochs=1, verbose=0)), (strange, scipy.sparse.csr_array(X)), y)

    @rule(data=st.data())
    def single_sample(self, data):
        pair = data.draw(st.one_of(strange_arrays((INPUTS,)), refused_arrays(1)))
        self.both(lambda net, x: Predictor(net)(x), pair)

    # --- parameters

    @rule(target=own, name=st.sampled_from(["parameters", "weights", "bias", "predictions"]))
    def take(self, name):
        if name == "predictions":
            return self.net.predict(np.ones((2, INPUTS)))
        return self.net.parameters if name == "parameters" else getattr(self.net.layers[-1], name)

    @rule(array=own, layout=st.sampled_from(sorted(LAYOUTS)), name=st.sampled_from(["parameters", "weights", "bias"]))
    def give_back(self, array, layout, name):
        strange = LAYOUTS[layout](array)

        def assign(net, values):
            setattr(net if name == "parameters" else net.layers[-1], name, values)

        self.both(assign, (strange, plain_copy(strange)))

    @rule(array=own)
    def scribble(self, array):
        # The array must be a copy; those of parameters refuse to be written.
        array.flags.writeable = True
        array[...] = 1e30

    @rule(data=st.data(), name=st.sampled_from(["parameters", "weights", "bias"]))
    def set_parameters(self, data, name):
        shapes = {
            "parameters": (self.net.parameter_count,),
            "weights": self.net.layers[-1].weights.shape,
            "bias": (self.net.outputs,),
        }
        pair = data.draw(st.one_of(strange_arrays(shapes[name]), strange_arrays(shapes["bias"]), refused_arrays(1)))

        def assign(net, values):
            setattr(net if name == "parameters" else net.layers[-1], name, values)

        self.both(assign, pair)

    @rule(trainable=st.sampled_from([True, False, 1, None, np.False_]))
    def freeze(self, trainable):
        def assign(net):
            net.layers[-1].trainable = trainable

        self.both(assign)

    @rule(pickled=st.booleans())
    def replace_by_a_copy(self, pickled):
        self.net = pickle.loads(pickle.dumps(self.net)) if pickled else self.net.copy()
        self.twin.parameters = self.twin.parameters  # copies and changed networks have no gradients

    @rule(threads=st.sampled_from([1, 2]), isa=st.sampled_from([None, *_core.supported_isas()]))
    def choose_machine(self, threads, isa):
        cr.set_num_threads(threads)
        cr.set_isa(isa)

    @precondition(lambda self: is_tame(self.net))
    @rule()
    def look(self):
        self.both(lambda net: (repr(net), net.history.epochs, [repr(layer) for layer in net.layers]))


TestCalls = Calls.TestCase


# --- cases that the state machine does not cover
@given(data=st.data(), value=st.sampled_from(NUMBERS + POISON))
def test_strange_numbers_are_refused_or_mean_what_they_say(data, value):
    make = data.draw(
        st.sampled_from(
            [
                lambda: cr.SGD(value, momentum=0.5),
                lambda: cr.SGD(0.1, momentum=value),
                lambda: cr.Adam(clip_norm=value),
                lambda: cr.Adam(0.1, beta2=value),
                lambda: cr.SGD(cr.StepDecay(value, 3)),
                lambda: cr.SGD(cr.StepDecay(0.1, value)),
                lambda: cr.SGD(cr.CosineDecay(0.1, 3, 0.0, value)),
                lambda: cr.SGD(cr.InverseTimeDecay(0.1, value)),
                lambda: cr.SGD(cr.ExponentialDecay(0.1, 2, value)),
                lambda: cr.SGD(cr.PiecewiseConstant([value], [value, value])),
                lambda: cr.SGD(cr.Warmup(value, value)),
                lambda: cr.DeltaBarDelta(increase=value, max_gain=value),
                lambda: cr.RMSprop(epsilon=value),
            ]
        )
    )
    optimizer = []
    if outcome(lambda: optimizer.append(make())) == "None":
        net = cr.Network([1, 2, 1], seed=0)
        X, y = cr.data.sine(5)
        result = outcome(lambda: dict(net.fit(X, y, epochs=2, batch_size=3, optimizer=optimizer[0], verbose=0)))
        assert result is cr.DivergedError or np.isfinite(net.parameters).all()
        assert pickle.loads(pickle.dumps(net)).optimizer == net.optimizer


@given(sizes=st.lists(st.sampled_from([1, 2, np.int8(3), *NUMBERS[7:]]), max_size=3), seed=st.sampled_from(NUMBERS))
def test_strange_networks_are_refused(sizes, seed):
    small = all(isinstance(size, (int, np.integer)) and size < 100 for size in sizes)
    assume(small or any(not isinstance(size, int) or size > 2**31 for size in sizes))
    made = outcome(lambda: cr.Network(sizes, seed=seed).parameter_count)
    assert isinstance(made, type) or int(made) > 0


def shared():
    """Return inputs, targets and weights that share memory."""
    memory = np.abs(np.random.default_rng(0).standard_normal((12, 5)))
    return memory[:, :3], memory[:, 1:3], memory[:, 2]


def test_inputs_targets_and_weights_may_share_their_memory():
    nets = [cr.Network([3, 4, 2], seed=0) for _ in range(2)]
    nets[0].fit(*shared()[:2], sample_weight=shared()[2], verbose=0)
    X, y, weights = shared()
    nets[1].fit(X.copy(), y.copy(), sample_weight=weights.copy(), verbose=0)
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()


def test_a_million_rows_of_one_are_read():
    net = cr.Network([3, 2], seed=0)
    row = np.array([1, 2, 3], dtype=np.float32)
    outputs = net.predict(np.broadcast_to(row, (1_000_000, 3)))
    assert (outputs == net.predict(row[None])).all()


def scribbled_labels(X, y):
    y[:] = 2**62


def scribbled_inputs(X, y):
    X.data[:] = np.nan


def scribbled_columns(X, y):
    X.indices[:] = 2**31 - 1


def scribbled_rows(X, y):
    X.indptr[1:] = -(2**31)


def reversed_columns(X, y):
    X.indices[:] = X.indices[::-1].copy()


@pytest.mark.parametrize(
    "scribble", [scribbled_labels, scribbled_inputs, scribbled_columns, scribbled_rows, reversed_columns]
)
@pytest.mark.parametrize("when", ["between epochs", "within one"])
def test_data_may_be_scribbled_on_while_they_are_trained_with(scribble, when, many_threads):
    cr.set_num_threads(2)
    X = scipy.sparse.csr_array(np.random.default_rng(0).standard_normal((40, 30)) > 0, dtype=np.float32)
    y = np.arange(40) % 2
    net = cr.Network([30, 40, 2], output="softmax", seed=0)

    if when == "between epochs":
        result = outcome(lambda: net.fit(X, y, epochs=3, callbacks=[lambda *_: scribble(X, y)], verbose=0))
    else:
        # Values that the core already has.
        data = net.border.batches(X, y, loss=cr.CrossEntropy())
        net.adopt(cr.SGD(0.1), cr.CrossEntropy())
        scribble(X, y)
        scribble(X, data.y)
        result = outcome(lambda: net.core.evaluate(data.X, data.y, None, cr.CrossEntropy().core_loss()))
    assert isinstance(result, (type, str, tuple))
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize(
    "meddle",
    [
        lambda net: net.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=1, verbose=0),
        lambda net: net.train_on_batch(np.ones((4, 3)), np.ones((4, 2)), optimizer="sgd"),
        lambda net: setattr(net, "parameters", np.full(net.parameter_count, 1e30)),
        lambda net: net.core.reset_optimizer(),
        lambda net: net.predict(np.ones((1, 3))),
        lambda net: pickle.loads(pickle.dumps(net)).fit(np.ones((4, 3)), np.ones((4, 2)), epochs=1, verbose=0),
    ],
)
def test_callbacks_may_meddle(meddle):
    net = cr.Network([3, 4, 2], seed=0)
    X = np.random.default_rng(0).standard_normal((10, 3))
    outcome(lambda: net.fit(X, X[:, :2], epochs=3, callbacks=[lambda net, *_: meddle(net)], verbose=0))
    assert np.isfinite(net.parameters).all()
    net.predict(X)
