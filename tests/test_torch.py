"""Modules of PyTorch become layers that predict the same, and each trap between the two is met."""

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")
nn = torch.nn
# Of the samples, shapes as PyTorch has them; a batch comes in front.
MODULES = {
    "dense": (lambda: [nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3), nn.Softmax(dim=1)], (4,)),
    "without bias": (lambda: [nn.Linear(4, 3, bias=False), nn.GELU()], (4,)),
    "dense at each step": (lambda: [nn.Linear(3, 5), nn.LayerNorm(5), nn.SiLU()], (6, 3)),
    "lenet": (
        lambda: [nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 5)],
        (2, 8, 10),
    ),
    "padding and stride": (lambda: [nn.Conv2d(2, 4, 3, stride=2, padding=1)], (2, 8, 7)),
    "padding same": (lambda: [nn.Conv2d(2, 4, (4, 3), padding="same", dilation=2)], (2, 9, 8)),
    "groups": (lambda: [nn.Conv2d(4, 8, 3, groups=2, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU()], (4, 6, 6)),
    "signals": (lambda: [nn.Conv1d(3, 6, 3, padding=2), nn.AvgPool1d(2), nn.BatchNorm1d(6), nn.ELU()], (3, 9)),
    "transposed": (lambda: [nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1), nn.Tanh()], (3, 4, 5)),
    "transposed, valid": (lambda: [nn.ConvTranspose2d(3, 5, 3)], (3, 4, 5)),
    "transposed, larger stride": (lambda: [nn.ConvTranspose2d(3, 2, 1, stride=2, output_padding=1)], (3, 4, 5)),
    "mean of padding": (lambda: [nn.AvgPool2d(3, stride=2, padding=1)], (3, 6, 6)),
    "mean without padding": (lambda: [nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)], (3, 6, 6)),
    "all places": (lambda: [nn.Conv2d(3, 4, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)], (3, 6, 6)),
    "features after a flatten": (
        lambda: [nn.Conv2d(2, 3, 2), nn.Flatten(), nn.BatchNorm1d(18), nn.ReLU(), nn.Linear(18, 4)],
        (2, 3, 4),
    ),
    "slopes after a flatten": (
        lambda: [nn.Conv2d(2, 3, 2), nn.Flatten(), nn.PReLU(18), nn.Linear(18, 4)],
        (2, 3, 4),
    ),
    "resized": (lambda: [nn.Upsample(scale_factor=2), nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(2, 1, 2)], (2, 3, 4)),
    "transposed and cut": (lambda: [nn.ConvTranspose2d(3, 5, 4, stride=2, padding=2), nn.ReLU()], (3, 4, 5)),
    "slopes": (lambda: [nn.Conv2d(2, 3, 2), nn.PReLU(3), nn.LeakyReLU(0.2), nn.ELU(1.5), nn.PReLU()], (2, 4, 4)),
    "activations": (
        lambda: [nn.Linear(4, 5), nn.SELU(), nn.Softplus(), nn.Softsign(), nn.Mish(), nn.Hardsigmoid(), nn.Sigmoid()],
        (4,),
    ),
    "bounds": (lambda: [nn.Linear(4, 5), nn.Hardtanh(-1.5, 0.5), nn.Linear(5, 5), nn.ReLU6(), nn.CELU(0.7)], (4,)),
    "nested": (lambda: [nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Identity(), nn.Linear(5, 2)], (4,)),
    "lstm": (lambda: [nn.LSTM(3, 5, batch_first=True)], (6, 3)),
    "lstm, the end": (lambda: [nn.LSTM(3, 5, batch_first=True), "last", nn.Linear(5, 2)], (6, 3)),
    "lstm, stacked": (lambda: [nn.LSTM(3, 5, 2, dropout=0.1, batch_first=True), nn.Linear(5, 2)], (6, 3)),
    "lstm, both ways": (lambda: [nn.LSTM(3, 5, bidirectional=True, batch_first=True)], (6, 3)),
    "lstm, both ways, the end": (lambda: [nn.LSTM(3, 5, 2, bidirectional=True, batch_first=True), "last"], (6, 3)),
    "gru": (lambda: [nn.GRU(3, 5, batch_first=True), nn.GRU(5, 4, bias=False, batch_first=True), "last"], (6, 3)),
    "plain": (lambda: [nn.RNN(3, 5, nonlinearity="relu", batch_first=True)], (6, 3)),
}


def filled(modules, seed=0):
    """The modules with other weights and statistics than the first."""
    torch.manual_seed(seed)
    row = nn.ModuleList([module for module in modules if not isinstance(module, str)]).eval()
    for buffer in row.buffers():
        if buffer.dtype == torch.float32:
            buffer.uniform_(0.5, 2)
    for parameter in row.parameters():
        parameter.data.normal_(0, 0.4)
    return modules


def run(modules, x):
    """What PyTorch makes of it, with what "last" means."""
    ends = None
    with torch.no_grad():
        for module in modules:
            x = ends if module == "last" else module(x)
            if isinstance(x, tuple):
                x, state = x
                h = state[0] if isinstance(state, tuple) else state
                ends = torch.cat(list(h[-2 if module.bidirectional else -1 :]), dim=-1)
    return x.numpy()


@pytest.mark.parametrize("name", MODULES)
def test_modules_predict_the_same(name):
    make, shape = MODULES[name]
    modules = filled(make())
    X = np.random.default_rng(0).standard_normal((5, *shape)).astype(np.float32)
    expected = run(modules, torch.from_numpy(X))
    net = cr.from_torch(modules, shape)
    is_image = len(shape) == 3 or name == "signals"
    outputs = net.predict(np.moveaxis(X, 1, -1) if is_image else X)
    expected = np.moveaxis(expected, 1, -1) if is_image and expected.ndim > 2 else expected
    assert outputs.shape == expected.shape
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_settings_come_along():
    net = cr.from_torch(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, momentum=0.3), nn.Dropout(0.25)), (4,))
    assert net.layers[2].momentum == pytest.approx(0.7)
    assert net.layers[3].rate == 0.25
    net = cr.from_torch([nn.Conv2d(1, 2, 3), nn.Dropout2d(0.5)], (1, 5, 5))
    assert net.layers[2].spatial and net.shapes[0] == (5, 5, 1)


def test_what_pytorch_does_not_train_stays_as_it_is():
    """Frozen modules, one parameter of a module, and one of the two biases that are one here."""
    torch.manual_seed(0)
    row = [nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 6), nn.PReLU(6), nn.Linear(6, 3)]
    for parameters in (row[0].parameters(), row[1].parameters(), [row[2].weight], [row[3].weight]):
        for parameter in parameters:
            parameter.requires_grad_(False)
    net = cr.from_torch(row, (4,))
    assert [layer.trainable for layer in net.layers[1:]] == [False, True, True, False, True]
    before = [layer.parameter_arrays() for layer in net.stack]
    means = net.layers[2].running_mean
    X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    net.fit(X, X[:, :3], loss="mse", optimizer=cr.AdamW(0.01, weight_decay=0.1), epochs=2, verbose=0)
    changed = [
        f"{number} {name}"
        for number, (layer, arrays) in enumerate(zip(net.stack, before, strict=True), 1)
        for name, values in layer.parameter_arrays().items()
        if not np.array_equal(values, arrays[name])
    ]
    assert changed == ["3 bias", "5 weights", "5 bias"]
    assert not np.array_equal(net.layers[2].running_mean, means)

    lstm = nn.LSTM(3, 5, batch_first=True)
    lstm.bias_ih_l0.requires_grad_(False)
    assert cr.from_torch([lstm], (6, 3)).layers[1].rate_factor == 1
    lstm.bias_hh_l0.requires_grad_(False)
    factors = cr.from_torch([lstm], (6, 3)).layers[1].rate_factor
    assert factors == {"bias": 0}


def test_steps_first():
    lstm, linear = modules = filled([nn.LSTM(3, 5), nn.Linear(5, 2)])
    X = np.random.default_rng(0).standard_normal((4, 6, 3)).astype(np.float32)
    with torch.no_grad():
        expected = linear(lstm(torch.from_numpy(X.transpose(1, 0, 2)))[0]).numpy().transpose(1, 0, 2)
    np.testing.assert_allclose(cr.from_torch(modules, (6, 3)).predict(X), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (3, 4, 3), (3, 3, 3)])
def test_slopes_are_of_the_channels_where_sizes_are_the_same(shape):
    (prelu,) = filled([nn.PReLU(3)])
    X = np.random.default_rng(0).standard_normal((5, *shape)).astype(np.float32)
    outputs = cr.from_torch(prelu, shape).predict(np.moveaxis(X, 1, -1))
    np.testing.assert_allclose(np.moveaxis(outputs, -1, 1), run([prelu], torch.from_numpy(X)), atol=1e-6)


def test_tokens():
    modules = filled([nn.Embedding(20, 4), nn.GRU(4, 3, batch_first=True), "last", nn.Linear(3, 2)])
    X = np.random.default_rng(0).integers(0, 20, (5, 7))
    expected = run(modules, torch.from_numpy(X))
    np.testing.assert_allclose(cr.from_torch(modules, (7,)).predict(X), expected, atol=1e-5)


def test_a_vector_that_stays_zero_is_that_of_a_missing_token():
    embedding = nn.Embedding(20, 4, padding_idx=0)
    net = cr.from_torch([embedding, nn.Flatten()], (7,))
    assert net.layers[1].zero_is_missing and net.layers[1].weights.shape == (19, 4)
    X = np.random.default_rng(0).integers(0, 20, (5, 7))
    X[:, 0] = 0
    assert np.array_equal(net.predict(X), embedding(torch.from_numpy(X)).detach().reshape(5, -1).numpy())
    assert net.to_torch()[0].padding_idx == 0


@pytest.mark.parametrize(
    ("modules", "shape", "message"),
    [
        ([nn.Linear(4, 2), nn.Bilinear(2, 2, 2)], (4,), r"module 1, Bilinear.* has no layer here"),
        ([nn.LSTM(3, 5, proj_size=2)], (6, 3), r"LSTM\(3, 5, proj_size=2\) has proj_size=2"),
        ([nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")], (1, 5, 5), "padding_mode='reflect'"),
        ([nn.MaxPool2d(2, ceil_mode=True)], (1, 5, 5), "ceil_mode=True"),
        ([nn.GELU(approximate="tanh")], (4,), r"^module 0, GELU\(approximate='tanh'\), has approximate='tanh'"),
        ([nn.Linear(4, 3), nn.Linear(5, 2)], (4,), r"^module 1, Linear\(.*\), reads 5 features, got samples of \(3,\)"),
        ([nn.Conv2d(3, 2, 3)], (1, 8, 8), r"^module 0, Conv2d.*, reads 3 features, got samples of \(1, 8, 8\)"),
        ([nn.ConvTranspose2d(3, 2, 3)], (1, 8, 8), r"^module 0, ConvTranspose2d.*, reads 3 features"),
        ([nn.BatchNorm1d(5)], (4,), r"^module 0, BatchNorm1d.*, reads 5 features, got samples of \(4,\)"),
        ([nn.LSTM(3, 5, batch_first=True)], (6, 4), r"^module 0, LSTM.*, reads 3 features, got samples of \(6, 4\)"),
        ([nn.MaxPool2d(5)], (1, 4, 4), r"^module 0, MaxPool2d.*, does not go with samples of \(1, 4, 4\): MaxPool2D"),
        ([nn.Linear(4, 2), "last"], (4,), "'last' must come after a recurrent module"),
        ([nn.Embedding(20, 4, padding_idx=3)], (7,), "has padding_idx=3, which no layer here has"),
        ([nn.BatchNorm1d(4, track_running_stats=False)], (4,), "track_running_stats=False"),
        ([nn.ConvTranspose2d(3, 5, 4, stride=2, output_padding=1)], (3, 4, 5), "has pads and output_padding="),
        ([nn.Linear(3, 2, dtype=torch.complex64)], (3,), r"got one of shape \(2, 3\) that is torch.complex64"),
        ([nn.Linear(3, 2, device="meta")], (3,), r"real numbers, got one of shape \(2, 3\) that is on no device"),
        ([nn.Softmax()], (6, 3), r"^Softmax\(dim=None\) must have a dim"),
        ([nn.Embedding(20, 4, scale_grad_by_freq=True)], (7,), "has scale_grad_by_freq=True"),
        # Whole steps are dropped in PyTorch, which has them in the place of channels.
        ([nn.Linear(3, 4), nn.Dropout1d()], (6, 3), r"^module 1, Dropout1d.* must have the channels after the samples"),
        ([nn.Conv1d(3, 4, 3)], (3, 6, 7), r"^module 0, Conv1d.*, reads samples of 2 axes, got samples of \(3, 6, 7\)"),
        ([nn.Conv2d(3, 4, 3)], (3, 6), r"^module 0, Conv2d.*, reads samples of 3 axes, got samples of \(3, 6\)"),
        ([nn.ConvTranspose2d(3, 4, 3)], (3, 6), r"reads samples of 3 axes, got samples of \(3, 6\)"),
        ([nn.Upsample(scale_factor=2)], (3, 6), r"^module 0, Upsample.*, reads samples of 3 axes, got samples of \(3"),
        ([nn.ZeroPad2d(1)], (3, 6), r"^module 0, ZeroPad2d.*, reads samples of 3 axes, got samples of \(3, 6\)"),
        ([nn.LSTM(4, 3, batch_first=True)], (4,), r"^module 0, LSTM.*, reads samples of 2 axes, got samples of \(4,\)"),
        # The error is not that of an order of axes which the first module does not take.
        ([nn.Conv2d(3, 4, 3), nn.Linear(4, 2)], (3, 5, 6), r"^module 1, Linear.* must have the features last"),
        ([nn.Conv2d(3, 4, 3), nn.Softmax(-1)], (3, 5, 6), r"^module 1, Softmax\(dim=-1\), has axis=-1"),
    ],
)
def test_what_no_layer_does_is_named(modules, shape, message):
    with pytest.raises(ValueError, match=message):
        cr.from_torch(modules, shape)


def inheriting(kind, **methods):
    """A class of the user's that inherits from one of PyTorch."""
    return type("Own", (kind,), methods)


def test_classes_that_inherit_forward_are_what_they_inherit_from():
    net = cr.from_torch([inheriting(nn.Conv2d)(1, 2, 3), inheriting(nn.Dropout)(0.5)], (1, 5, 5))
    assert net.layers[1].filters == 2 and not net.layers[2].spatial
    kinds = [nn.Conv1d, nn.ReLU, nn.MaxPool1d, nn.AdaptiveMaxPool1d]
    row = [inheriting(kind)(*given) for kind, given in zip(kinds, [(3, 4, 2), (), (2,), (1,)], strict=True)]
    x = np.random.default_rng(0).standard_normal((5, 3, 9)).astype(np.float32)
    expected = run(row, torch.from_numpy(x))
    outputs = cr.from_torch(inheriting(nn.Sequential)(*row), (3, 9)).predict(np.moveaxis(x, 1, -1))
    np.testing.assert_allclose(np.moveaxis(outputs, -1, 1), expected, atol=1e-6)


@pytest.mark.parametrize(
    "module",
    [
        inheriting(nn.Linear, forward=lambda self, x: 2 * nn.Linear.forward(self, x))(4, 4),
        inheriting(nn.Sequential, forward=lambda self, x: x + nn.Sequential.forward(self, x))(nn.Linear(4, 4)),
        type("Linear", (nn.Module,), {"forward": lambda self, x: x})(),
    ],
    ids=["linear", "residual", "a known name"],
)
def test_a_forward_of_its_own_is_refused(module):
    with pytest.raises(ValueError, match=r"^module 1, (Own|Linear), has a forward of its own"):
        cr.from_torch([nn.Linear(4, 4), module], (4,))


@pytest.mark.parametrize("modules", [3, None, "relu", torch.relu, nn.Linear, nn.Linear(2, 2).state_dict()])
def test_what_is_no_module_is_refused(modules):
    with pytest.raises(TypeError, match=f"in a row; got {type(modules).__name__} as number 0"):
        cr.from_torch(modules, (2,))


@pytest.mark.parametrize(("shape", "got"), [(4, "got 4"), ("4", "got '4'"), ((0,), "got 0"), ((2.0,), r"got 2\.0")])
def test_a_shape_is_sizes(shape, got):
    with pytest.raises((TypeError, ValueError), match=f"^input_shape must .*{got}$"):
        cr.from_torch(nn.Linear(4, 4), shape)
