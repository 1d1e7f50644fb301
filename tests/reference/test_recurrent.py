"""Recurrent layers against central differences, PyTorch, steps computed by hand, and sequences without padding."""

import numpy as np
import pytest

from chainrule.reference import GRU, LSTM, Bidirectional, Embedding, Masking, SimpleRNN

INPUTS, UNITS, STEPS = 3, 2, 4
KINDS = ["rnn", "lstm", "peepholes", "gru", "gru_before"]
LENGTHS = np.array([4, 2, 1, 0, 3])
AFTER = np.arange(STEPS) < LENGTHS[:, None]
BETWEEN = AFTER[:, [2, 0, 3, 1]]


def make(rng, kind, **options):
    def w(*shape):
        return rng.standard_normal(shape)

    gates = {"rnn": 1, "lstm": 4, "peepholes": 4, "gru": 3, "gru_before": 3}[kind] * UNITS
    arrays = w(INPUTS, gates), w(UNITS, gates), w(gates)
    if kind == "rnn":
        return SimpleRNN(*arrays, **options)
    if kind == "lstm":
        return LSTM(*arrays, **options)
    if kind == "peepholes":
        return LSTM(*arrays, peepholes=w(3, UNITS), **options)
    if kind == "gru":
        return GRU(*arrays, w(gates), **options)
    return GRU(*arrays, reset_after=False, **options)


def with_state(rng, layer, samples=5):
    layer.initial_state = tuple(rng.standard_normal((samples, UNITS)) for _ in range(layer.state_arrays))
    return layer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("is_step", [None, AFTER, BETWEEN])
def test_gradients(rng, assert_gradients_are_differences, kind, return_sequences, is_step):
    layer = with_state(rng, make(rng, kind, return_sequences=return_sequences))
    layer.is_step = is_step
    assert_gradients_are_differences(layer, rng.standard_normal((5, STEPS, INPUTS)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_step", [None, AFTER, BETWEEN])
def test_gradient_of_the_initial_state(rng, kind, is_step):
    layer, x = with_state(rng, make(rng, kind, return_sequences=True)), rng.standard_normal((5, STEPS, INPUTS))
    layer.is_step = is_step
    projection = rng.standard_normal(layer.forward(x).shape)
    layer.backward(projection)
    for array, gradient in zip(layer.initial_state, layer.initial_state_gradient, strict=True):
        for i in range(array.size):
            sums = []
            for step in (1e-5, -2e-5):
                array.flat[i] += step
                sums.append((layer.forward(x) * projection).sum())
            array.flat[i] += 1e-5
            assert gradient.flat[i] == pytest.approx((sums[0] - sums[1]) / 2e-5, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("is_step", [None, AFTER, BETWEEN])
def test_bidirectional_gradients(rng, assert_gradients_are_differences, kind, return_sequences, is_step):
    layer = Bidirectional(*(make(rng, kind, return_sequences=return_sequences) for _ in range(2)))
    layer.is_step = is_step
    assert_gradients_are_differences(layer, rng.standard_normal((5, STEPS, INPUTS)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_gradients_of_other_activations(rng, assert_gradients_are_differences, kind, activation):
    layer = make(rng, kind, return_sequences=True, activation=activation)
    for values in layer.parameters.values():
        values *= 0.3
    layer.is_step = BETWEEN
    assert_gradients_are_differences(layer, rng.standard_normal((5, STEPS, INPUTS)))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_with_dropped_states_and_inputs(rng, assert_gradients_are_differences, kind):
    layer = make(rng, kind, return_sequences=True, recurrent_dropout=0.5, dropout=0.5)
    layer.training = True
    layer.set_draw(1, 2, 3)
    assert_gradients_are_differences(layer, rng.standard_normal((5, STEPS, INPUTS)))
    assert set(layer.factors.flat) == {0.0, 2.0}
    assert set(layer.input_factors.flat) == {0.0, 2.0}


def test_both_directions_draw(rng):
    layer = Bidirectional(*(make(rng, "lstm", recurrent_dropout=0.5) for _ in range(2)))
    layer.training = True
    layer.set_draw(1, 2, 3)
    layer.forward(rng.standard_normal((20, STEPS, INPUTS)))
    assert not np.array_equal(layer.ahead.factors, layer.back.factors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stateful_layer_goes_on_in_training(rng, kind):
    layer = make(rng, kind, return_sequences=True, stateful=True)
    x = rng.standard_normal((5, 2 * STEPS, INPUTS))
    whole = layer.forward(x)
    layer.training = True
    layer.set_draw(0, 0, 0)
    first = layer.forward(x[:, :STEPS])
    layer.set_draw(0, 0, 5)
    np.testing.assert_allclose(np.concatenate([first, layer.forward(x[:, STEPS:])], axis=1), whole, rtol=1e-12)
    layer.set_draw(0, 1, 0)
    np.testing.assert_array_equal(layer.forward(x[:, :STEPS]), first)


def test_padding_is_where_all_features_have_its_value():
    x = np.array([[[1, 0], [0, 0], [0, 2], [0, 0]], [[7, 7], [0, 0], [7, 7], [7, 7]], np.zeros((4, 2))], dtype=float)
    for value, is_step in [(0.0, [[1, 0, 1, 0], [1, 0, 1, 1], [0] * 4]), (7.0, [[1] * 4, [0, 1, 0, 0], [1] * 4])]:
        masking = Masking(value)
        assert np.array_equal(masking.forward(x), x)
        assert masking.is_step_after.tolist() == [[bool(each) for each in row] for row in is_step]
    embedding = Embedding(np.ones((3, 2)), mask_zero=True)
    embedding.forward(np.array([[1, 0, 2, 0], [0, 0, 0, 0]]))
    assert embedding.is_step_after.tolist() == [[True, False, True, False], [False] * 4]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_one_unit_by_hand():
    x, h, c = 0.5, 0.25, -0.75
    column = np.array([[x]])[:, :, None]

    rnn = SimpleRNN(np.array([[2.0]]), np.array([[3.0]]), np.array([0.1]))
    rnn.initial_state = (np.array([[h]]),)
    assert rnn.forward(column)[0, 0] == pytest.approx(np.tanh(2 * x + 3 * h + 0.1))

    w, u, b, p = [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2], [1.3, 1.4, 1.5]
    lstm = LSTM(np.array([w]), np.array([u]), np.array(b), peepholes=np.array(p)[:, None])
    lstm.initial_state = np.array([[h]]), np.array([[c]])
    i = sigmoid(0.1 * x + 0.5 * h + 0.9 + 1.3 * c)
    f = sigmoid(0.2 * x + 0.6 * h + 1.0 + 1.4 * c)
    g = np.tanh(0.3 * x + 0.7 * h + 1.1)
    new = f * c + i * g
    o = sigmoid(0.4 * x + 0.8 * h + 1.2 + 1.5 * new)
    assert lstm.forward(column)[0, 0] == pytest.approx(o * np.tanh(new))
    assert lstm.final_state[1][0, 0] == pytest.approx(new)

    z, r = sigmoid(0.1 * x + 0.5 * h + 0.9 + 0.01), sigmoid(0.2 * x + 0.6 * h + 1.0 + 0.02)
    candidate = np.tanh(0.3 * x + 1.1 + r * (0.7 * h + 0.03))
    gru = GRU(np.array([w[:3]]), np.array([u[:3]]), np.array(b[:3]), np.array([0.01, 0.02, 0.03]))
    gru.initial_state = (np.array([[h]]),)
    assert gru.forward(column)[0, 0] == pytest.approx(z * h + (1 - z) * candidate)


def test_reset_before_and_after_differ_by_the_place_of_the_product(rng):
    before, x = make(rng, "gru_before"), rng.standard_normal((1, 1, INPUTS))
    before.initial_state = (rng.standard_normal((1, UNITS)),)
    p, (h,) = before.parameters, before.initial_state
    from_x = x[0, 0] @ p["input_weights"] + p["bias"]
    from_h = h[0] @ p["recurrent_weights"]
    z, r = np.split(sigmoid((from_x + from_h)[: 2 * UNITS]), 2)
    inside = np.tanh(from_x[-UNITS:] + (r * h[0]) @ p["recurrent_weights"][:, -UNITS:])
    outside = np.tanh(from_x[-UNITS:] + r * from_h[-UNITS:])
    after = GRU(p["input_weights"], p["recurrent_weights"], p["bias"])
    after.initial_state = (h,)
    assert before.forward(x)[0] == pytest.approx(z * h[0] + (1 - z) * inside)
    assert after.forward(x)[0] == pytest.approx(z * h[0] + (1 - z) * outside)


@pytest.mark.parametrize("kind", [*KINDS, "bidirectional"])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("is_step", [AFTER, BETWEEN])
def test_a_masked_sample_is_the_sequence_without_its_padding(rng, kind, return_sequences, is_step):
    if kind == "bidirectional":
        layer = Bidirectional(*(make(rng, "lstm", return_sequences=return_sequences) for _ in range(2)))
    else:
        layer = make(rng, kind, return_sequences=return_sequences)
    x = rng.standard_normal((5, STEPS, INPUTS))
    layer.is_step = is_step
    z = layer.forward(x)
    deltas = rng.standard_normal(z.shape)
    x_gradient = layer.backward(deltas)
    gradients = {name: gradient.copy() for name, gradient in layer.gradients.items()}
    layer.is_step = None
    sums = {name: np.zeros_like(gradient) for name, gradient in gradients.items()}
    for i, inside in enumerate(is_step):
        assert not np.any(x_gradient[i, ~inside])
        if not inside.any():
            assert not np.any(z[i])
            continue
        cut = layer.forward(x[i : i + 1, inside])
        if return_sequences:
            assert z[i, inside] == pytest.approx(cut[0], rel=1e-12)
            assert not np.any(z[i, ~inside])
            cut_gradient = layer.backward(deltas[i : i + 1, inside])
        else:
            assert z[i] == pytest.approx(cut[0], rel=1e-12)
            cut_gradient = layer.backward(deltas[i : i + 1])
        assert x_gradient[i, inside] == pytest.approx(cut_gradient[0], rel=1e-10, abs=1e-13)
        for name in sums:
            sums[name] += layer.gradients[name]
    for name in sums:
        assert gradients[name] == pytest.approx(sums[name], rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_final_state_goes_on_where_the_sequence_was_cut(rng, kind):
    layer, x = make(rng, kind, return_sequences=True), rng.standard_normal((5, STEPS, INPUTS))
    whole = layer.forward(x)
    first = layer.forward(x[:, :2])
    layer.initial_state = layer.final_state
    assert np.concatenate([first, layer.forward(x[:, 2:])], axis=1) == pytest.approx(whole, rel=1e-12)


def test_weights_and_biases_are_told_apart(rng):
    names = {"lstm": ("input_weights", "recurrent_weights")}
    names["gru"] = names["lstm"]
    names["peepholes"] = (*names["lstm"], "peepholes")
    for kind, expected in names.items():
        assert make(rng, kind).weight_names == expected
    assert set(make(rng, "gru").parameters) - set(names["gru"]) == {"bias", "recurrent_bias"}


def torch_arrays(layer, order):
    """Return the weights in PyTorch's form: transposed, with its order of gates and two biases."""
    p = layer.parameters

    def arranged(values):
        blocks = np.split(values, len(order), axis=-1)
        return np.concatenate([blocks[i] for i in order], axis=-1).T

    second = p.get("recurrent_bias", np.zeros_like(p["bias"]))
    return [arranged(a).copy() for a in (p["input_weights"], p["recurrent_weights"], p["bias"], second)], arranged


@pytest.mark.parametrize(
    ("kind", "name", "order"), [("rnn", "RNN", [0]), ("lstm", "LSTM", [0, 1, 2, 3]), ("gru", "GRU", [1, 0, 2])]
)
def test_forward_and_backward_are_those_of_pytorch(rng, kind, name, order):
    torch = pytest.importorskip("torch")
    layer = with_state(rng, make(rng, kind, return_sequences=True))
    x = rng.standard_normal((5, STEPS, INPUTS))
    arrays, arranged = torch_arrays(layer, order)
    theirs = getattr(torch.nn, name)(INPUTS, UNITS, batch_first=True, dtype=torch.float64)
    for parameter, values in zip(theirs.parameters(), arrays, strict=True):
        parameter.data = torch.tensor(values)
    inputs = torch.tensor(x, requires_grad=True)
    state = tuple(torch.tensor(array[None].copy()) for array in layer.initial_state)
    outputs, final = theirs(inputs, state if kind == "lstm" else state[0])
    assert layer.forward(x) == pytest.approx(outputs.detach().numpy(), rel=1e-12)
    for ours, other in zip(layer.final_state, final if kind == "lstm" else (final,), strict=True):
        assert ours == pytest.approx(other[0].detach().numpy(), rel=1e-12)
    deltas = rng.standard_normal(outputs.shape)
    outputs.backward(torch.tensor(deltas))
    assert layer.backward(deltas) == pytest.approx(inputs.grad.numpy(), rel=1e-10, abs=1e-13)
    theirs_by_name = dict(zip(["input_weights", "recurrent_weights", "bias"], theirs.parameters(), strict=False))
    if kind == "gru":
        theirs_by_name["recurrent_bias"] = theirs.bias_hh_l0
    for key, parameter in theirs_by_name.items():
        assert arranged(layer.gradients[key]) == pytest.approx(parameter.grad.numpy(), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_masked_bidirectional_lstm_is_that_of_pytorch(rng, return_sequences):
    torch = pytest.importorskip("torch")
    layer = Bidirectional(*(make(rng, "lstm", return_sequences=return_sequences) for _ in range(2)))
    lengths = np.array([4, 2, 1, 4, 3])
    layer.is_step = np.arange(STEPS) < lengths[:, None]
    x = rng.standard_normal((5, STEPS, INPUTS))
    theirs = torch.nn.LSTM(INPUTS, UNITS, batch_first=True, bidirectional=True, dtype=torch.float64)
    arrays = [a for part in (layer.ahead, layer.back) for a in torch_arrays(part, [0, 1, 2, 3])[0]]
    for parameter, values in zip(theirs.parameters(), arrays, strict=True):
        parameter.data = torch.tensor(values)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    outputs, (final, _) = theirs(packed)
    if return_sequences:
        expected, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
    else:
        expected = torch.cat([final[0], final[1]], dim=1)
    assert layer.forward(x) == pytest.approx(expected.detach().numpy(), rel=1e-12, abs=1e-15)
