"""Training that PyTorch began continues here as it does there: the optimiser comes along with its state."""

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")
prune = pytest.importorskip("torch.nn.utils.prune")
nn = torch.nn
BATCHES, SIZE = 12, 8
# Of the samples, shapes as PyTorch has them.
MODULES = {
    "dense": (lambda: [nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)], (4,)),
    # A bias before a normalisation has no gradient but rounding errors, which Adam would enlarge.
    "images": (
        lambda: [nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.PReLU(3), nn.Flatten(), nn.Linear(36, 2)],
        (2, 6, 5),
    ),
    "signals": (lambda: [nn.Conv1d(3, 4, 3), nn.Flatten(), nn.LayerNorm(28), nn.Linear(28, 2, bias=False)], (3, 9)),
    "transposed": (lambda: [nn.ConvTranspose2d(1, 2, 3), nn.ELU(), nn.Flatten(), nn.Linear(40, 2)], (1, 3, 2)),
    "lstm": (lambda: [nn.LSTM(3, 5, 2, bidirectional=True, batch_first=True), "last", nn.Linear(10, 2)], (6, 3)),
    "gru": (lambda: [nn.GRU(3, 5, batch_first=True), "last", nn.Linear(5, 2)], (6, 3)),
    "plain": (lambda: [nn.RNN(3, 5, bias=False, batch_first=True), "last", nn.Linear(5, 2)], (6, 3)),
}


def in_groups(row, **of_vectors):
    """Matrices, and vectors such as biases with other settings, as PyTorch's optimisers take them."""
    of_rank = [[p for p in row.parameters() if (p.ndim > 1) is is_matrix] for is_matrix in (True, False)]
    return [{"params": of_rank[0]}, {"params": of_rank[1], "weight_decay": 0.0, **of_vectors}]


OPTIMIZERS = {
    "adam": lambda row: torch.optim.Adam(row.parameters(), 0.01, betas=(0.8, 0.95), eps=1e-6),
    "adam with a penalty": lambda row: torch.optim.Adam(in_groups(row, lr=0.02), 0.01, weight_decay=0.1),
    "adamw": lambda row: torch.optim.AdamW(in_groups(row, lr=0.02), 0.01, weight_decay=0.1),
    "descent": lambda row: torch.optim.SGD(row.parameters(), 0.05),
    "momentum": lambda row: torch.optim.SGD(in_groups(row, lr=0.02), 0.01, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda row: torch.optim.SGD(row.parameters(), 0.01, momentum=0.9, nesterov=True),
}


class Training:
    """Training in PyTorch, batch by batch, of a loss that is here "mse"."""

    def __init__(self, make, shape, optimizer, dtype=torch.float64):
        torch.manual_seed(0)
        self.modules = [module if isinstance(module, str) else module.to(dtype) for module in make()]
        self.row = nn.ModuleList([module for module in self.modules if not isinstance(module, str)])
        self.optimizer = optimizer(self.row)
        rng = np.random.default_rng(0)
        self.X, self.y = rng.standard_normal((BATCHES * SIZE, *shape)), rng.standard_normal((BATCHES * SIZE, 2))
        self.shape, self.dtype = shape, dtype

    def outputs(self, x):
        ends = None
        for module in self.modules:
            x = ends if module == "last" else module(x)
            if isinstance(x, tuple):
                x, state = x
                h = state[0] if isinstance(state, tuple) else state
                ends = torch.cat(list(h[-2 if module.bidirectional else -1 :]), dim=-1)
        return x

    def train(self, begin, end):
        for batch in range(begin, end):
            X, y = (
                torch.tensor(array[batch * SIZE : (batch + 1) * SIZE], dtype=self.dtype) for array in (self.X, self.y)
            )
            self.optimizer.zero_grad()
            (0.5 * ((self.outputs(X) - y) ** 2).sum(1).mean()).backward()
            self.optimizer.step()

    def imported(self, **options):
        return cr.from_torch(self.modules, self.shape, **options)

    def goes_on_here(self, begin, tolerance):
        """Continue here and in PyTorch, and compare all parameters."""
        net = self.imported(optimizer=self.optimizer)
        start = net.parameters
        X = np.moveaxis(self.X, 1, -1) if len(self.shape) == 3 or self.shape == (3, 9) else self.X
        rest = slice(begin * SIZE, None)
        net.fit(X[rest], self.y[rest], epochs=1, batch_size=SIZE, shuffle=False, loss="mse", verbose=0)
        self.train(begin, BATCHES)
        expected = self.imported().parameters
        assert np.abs(expected - start).max() > 1e-3
        np.testing.assert_allclose(net.parameters, expected, rtol=0, atol=tolerance)
        return net


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODULES)
def test_training_continues_as_in_pytorch(name, optimizer):
    training = Training(*MODULES[name], OPTIMIZERS[optimizer])
    training.train(0, 5)
    training.goes_on_here(5, tolerance=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", ["dense", "lstm"])
def test_training_continues_in_float32(name, optimizer):
    training = Training(*MODULES[name], OPTIMIZERS[optimizer], torch.float32)
    training.train(0, 5)
    assert training.goes_on_here(5, tolerance=1e-5).dtype == "float32"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_that_has_not_begun_begins_as_in_pytorch(optimizer):
    Training(*MODULES["dense"], OPTIMIZERS[optimizer]).goes_on_here(0, tolerance=1e-12)


def test_settings_come_along():
    make, shape = MODULES["dense"]
    training = Training(make, shape, lambda row: torch.optim.AdamW(row.parameters(), 0.02, (0.8, 0.95), 1e-6, 0.1))
    training.train(0, 3)
    net = training.imported(optimizer=training.optimizer)
    assert net.optimizer == cr.AdamW(0.02, 0.8, 0.95, 1e-6, 0.1)
    # PyTorch's decay is that of biases too.
    assert [net.layers[i].decay_factor for i in (1, 2)] == [1.0, 1.0]
    assert net.core.optimizer_steps == 3
    again = net.copy()
    for each in (net, again):
        each.fit(training.X, training.y, loss="mse", epochs=1, verbose=0)
    assert net.parameters.tobytes() == again.parameters.tobytes()


def test_decay_of_biases_comes_along():
    training = Training(*MODULES["lstm"], lambda row: torch.optim.AdamW(row.parameters(), 0.01, weight_decay=0.3))
    training.train(0, 4)
    training.goes_on_here(4, tolerance=1e-12)


def test_what_is_frozen_stays_as_it_is():
    def optimizer(row):
        row[0].requires_grad_(False)
        row[2].bias.requires_grad_(False)
        return torch.optim.AdamW(row.parameters(), 0.01, weight_decay=0.1)

    training = Training(*MODULES["dense"], optimizer)
    training.train(0, 3)
    before = training.imported()
    net = training.goes_on_here(3, tolerance=1e-12)
    assert np.array_equal(net.layers[1].weights, before.layers[1].weights)
    assert np.array_equal(net.layers[2].bias, before.layers[2].bias)
    assert not np.array_equal(net.layers[2].weights, before.layers[2].weights)


def test_a_part_of_the_modules_can_be_trained():
    training = Training(*MODULES["dense"], lambda row: torch.optim.SGD(row[2].parameters(), 0.1, momentum=0.5))
    training.train(0, 3)
    training.goes_on_here(3, tolerance=1e-12)


def lstm_groups(row):
    """The two biases of a recurrent module, which are one here, at different rates."""
    return [{"params": [p for n, p in row.named_parameters() if ("bias_hh" in n) is later]} for later in (False, True)]


class OwnSteps(torch.optim.Adam):
    """An optimiser of the user's, which makes other steps than the one that it inherits from."""

    def step(self, closure=None):
        """Make no step."""


@pytest.mark.parametrize(
    ("name", "optimizer", "message"),
    [
        ("dense", lambda row: torch.optim.NAdam(row.parameters()), "an Adam, AdamW or SGD of torch.optim, got NAdam"),
        ("dense", lambda row: OwnSteps(row.parameters()), "an Adam, AdamW or SGD of torch.optim, got OwnSteps"),
        ("dense", lambda row: torch.optim.Adam(row.parameters(), amsgrad=True), "amsgrad=True"),
        ("dense", lambda row: torch.optim.SGD(row.parameters(), 0.1, maximize=True), "maximize=True"),
        ("dense", lambda row: torch.optim.SGD(row.parameters(), 0.1, momentum=0.9, dampening=0.5), "dampening=0.5"),
        (
            "dense",
            lambda row: torch.optim.Adam(in_groups(row, betas=(0.5, 0.9))),
            r"one betas for all parameters, got \(0.9, 0.999\) and \(0.5, 0.9\)",
        ),
        (
            "dense",
            lambda row: torch.optim.SGD(row.parameters(), 0.1, weight_decay=0.1),
            r"weight_decay=0 for bias of Dense\(6, activation='tanh'\)",
        ),
        ("images", lambda row: torch.optim.AdamW(row.parameters()), "weight_decay=0 for slopes"),
        ("dense", lambda row: torch.optim.Adam(nn.Linear(4, 6).parameters()), "got one that has none of them"),
        # The factors of layers, and the velocities, would be lost.
        ("dense", lambda row: torch.optim.SGD(row.parameters(), 0.0, momentum=0.9), "a learning rate that is not 0"),
        (
            "lstm",
            lambda row: torch.optim.SGD([{**g, "lr": 0.1 * (1 + i)} for i, g in enumerate(lstm_groups(row))]),
            "one learning rate and weight decay for all that becomes bias of Bidirectional",
        ),
    ],
)
def test_what_no_optimizer_does_is_named(name, optimizer, message):
    training = Training(*MODULES[name], optimizer)
    with pytest.raises(ValueError, match=message):
        training.imported(optimizer=training.optimizer)


def test_steps_that_differ_are_refused():
    training = Training(*MODULES["dense"], OPTIMIZERS["adam"])
    training.train(0, 2)
    training.optimizer.state[training.row[2].bias]["step"] += 1
    with pytest.raises(ValueError, match=r"as many steps with all parameters, got \[2, 3\]"):
        training.imported(optimizer=training.optimizer)


LINEAR = nn.Linear(4, 4)


@pytest.mark.parametrize(
    ("modules", "size"),
    [
        ([LINEAR, nn.ReLU(), LINEAR], r"\(4, 4\)"),
        ([nn.Embedding(5, 4, padding_idx=0), nn.PReLU()], r"\(1,\)"),
        ([nn.Linear(4, 3), nn.PReLU(3), nn.Linear(3, 2), nn.PReLU()], r"\(1,\)"),
    ],
    ids=["a module that is in the row twice", "one slope for all", "one slope of two"],
)
def test_parameters_that_would_learn_apart_are_refused(modules, size):
    optimizer = torch.optim.Adam(nn.ModuleList(modules).parameters())
    with pytest.raises(ValueError, match=f"one of shape {size} is in several"):
        cr.from_torch(modules, (4,), optimizer=optimizer)


def test_a_slope_of_all_features_may_be_frozen():
    def optimizer(row):
        row[1].requires_grad_(False)
        return torch.optim.Adam(row.parameters(), 0.01)

    training = Training(lambda: [nn.Linear(4, 6), nn.PReLU(), nn.Linear(6, 2)], (4,), optimizer)
    training.train(0, 3)
    training.goes_on_here(3, tolerance=1e-12)


def test_a_penalty_of_all_parameters_can_be_split_later():
    training = Training(*MODULES["dense"], lambda row: torch.optim.Adam(row.parameters(), 0.01, weight_decay=0.1))
    training.train(0, 3)
    with pytest.raises(ValueError, match=r"vectors need a group of their own: .*p.ndim < 2"):
        training.imported(optimizer=training.optimizer)
    # As docs/coming_from.md has it.
    group = training.optimizer.param_groups[0]
    vectors = [p for p in group["params"] if p.ndim < 2]
    group["params"] = [p for p in group["params"] if p.ndim > 1]
    training.optimizer.add_param_group({**group, "params": vectors, "weight_decay": 0})
    training.goes_on_here(3, tolerance=1e-12)


def test_losses_of_pytorch_that_contain_the_last_activation():
    X, y = np.random.default_rng(0).standard_normal((16, 4)), np.arange(16) % 3
    model = nn.Sequential(nn.Linear(4, 3)).double()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    net = cr.from_torch(nn.Sequential(model, nn.Softmax(1)), (4,), optimizer=optimizer)
    nn.functional.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(y)).backward()
    optimizer.step()
    net.fit(X, y, epochs=1, batch_size="full", verbose=0)
    np.testing.assert_allclose(net.parameters, cr.from_torch(model, (4,)).parameters, atol=1e-12)


def test_an_optimizer_that_inherits_its_steps_comes_along():
    own = type("Own", (torch.optim.Adam,), {})
    training = Training(*MODULES["dense"], lambda row: own(row.parameters(), 0.01))
    training.train(0, 3)
    training.goes_on_here(3, tolerance=1e-12)


def test_weights_that_are_computed_in_each_step_are_refused():
    linear = nn.Linear(3, 2)
    prune.l1_unstructured(linear, "weight", 0.5)
    with pytest.raises(ValueError, match=r"of shape \(2, 3\) is computed from others in each step"):
        cr.from_torch(linear, (3,), optimizer=torch.optim.Adam(linear.parameters()))
    # Without an optimizer, the weights are those of the moment.
    assert np.count_nonzero(cr.from_torch(linear, (3,)).layers[1].weights) == 3
