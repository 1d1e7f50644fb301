"""One network on many machines of which each has samples of its own: the bytes of one process that has all of them."""

import numpy as np
import pytest
import scipy.sparse
from networks_of_layers import NETWORKS
from ranked_fits import LABELS, X, network, outcome
from ranks import on_ranks

import chainrule as cr
from chainrule.communicators import order_of_epoch

PARTS = [48, 32, 70]
WEIGHTS = np.random.default_rng(3).uniform(0, 2, 150)
ARRAYS = ("X", "y", "sample_weight")


def part_of(arrays, rank, parts):
    """Return the samples of a rank, in each of the arrays that all ranks have after each other."""
    begin = sum(parts[:rank])
    return {name: values[begin : begin + parts[rank]] for name, values in arrays.items()}


def given(options):
    """Return arrays with all samples, how the network is made, and the other arguments of a fit."""
    others = {"epochs": 2, "batch_size": 48, "verbose": 0, "optimizer": cr.Adam(0.01), **options}
    arrays = {"X": others.pop("X", X), "y": others.pop("y", LABELS)}
    if "sample_weight" in others:
        arrays["sample_weight"] = others.pop("sample_weight")
    return arrays, others.pop("make", network), others


def on_one(parts, **options):
    """Fit in one process, which takes all samples in the order that is documented."""
    arrays, make, others = given(options)
    net, validation = make(), others.pop("validation", None)
    if validation is not None:
        others["validation_data"] = validation
    steps = {"batch_size": others["batch_size"], "shuffle": others.pop("shuffle", True)}
    for _ in range(others.pop("epochs")):
        order = order_of_epoch(
            parts, **steps, seed=net.seed, epoch=net.epochs, precision=net.numbers.precision
        )  # fmt: skip
        net.partial_fit(**{name: values[order] for name, values in arrays.items()}, **others, shuffle=False)
    return outcome(net)


def on_own(ranks, parts, **options):
    """Fit on one rank, which has its own samples alone."""
    arrays, make, others = given(options)
    validation = others.pop("validation", None)
    if validation is not None:
        sizes = [25, 130, 45]
        held = part_of(dict(zip(ARRAYS, validation, strict=False)), ranks.rank, sizes)
        others["validation_data"] = tuple(held.values())
    net = make()
    net.fit(**part_of(arrays, ranks.rank, parts), **others, communicator=ranks, data="local")
    return outcome(net)


def assert_bytes_of_one(parts=PARTS, **options):
    expected = on_one(parts, **options)
    found = on_ranks(len(parts), lambda ranks: on_own(ranks, parts, **options))
    assert found == [expected] * len(parts), [one for one in found if isinstance(one, BaseException)]


# --- the same bytes


@pytest.mark.parametrize("batch_size", [16, 48, 64, 150])
@pytest.mark.parametrize("parts", [[80, 70], [16, 134], [128, 22], [48, 32, 70], [32, 16, 96, 6]], ids=str)
def test_parts_of_any_sizes_have_the_bytes_of_one_process(parts, batch_size):
    assert_bytes_of_one(parts, batch_size=batch_size)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": cr.SGD(0.1)},
        {"optimizer": cr.Adam(0.01, clip_norm=0.05)},
        {"optimizer": cr.AdamW(cr.InverseTimeDecay(0.01, 0.1), weight_decay=0.1)},
        {"optimizer": cr.IRprop(), "batch_size": 150},
        {"sample_weight": WEIGHTS},
        {"sample_weight": WEIGHTS, "class_weight": "balanced"},
        {"class_weight": {1: 3.0}},
        {"input_noise": 0.1},
        {"shuffle": False, "loss": "mse"},
        {"y": np.eye(5)[LABELS], "loss": "mse"},
        {"y": np.array(list("abcde"))[LABELS]},
        {"X": scipy.sparse.random(150, 20, 0.2, format="csr", random_state=0)},
        {"make": lambda: network(l1=0.01, l2=0.01, max_norm=1.0)},
        {"make": lambda: network(dtype="float64")},
        {
            "make": lambda: cr.Network(
                [cr.Input(20), cr.Dense(9, l2=0.1), cr.Dropout(0.3), cr.Dense(5, "softmax")], seed=1
            )
        },
    ],
    ids=lambda options: ", ".join(f"{name}" for name in options),
)
def test_every_option_has_the_bytes_of_one_process(options):
    assert_bytes_of_one(**options)


@pytest.mark.parametrize("parts", [[64, 86], [32, 96, 22]], ids=str)
def test_mixed_precision_has_blocks_of_32(parts):
    assert_bytes_of_one(parts, make=lambda: network(precision="mixed"), batch_size=64)


@pytest.mark.parametrize(
    "name",
    ["scale of channels", "dropout", "lstm", "masking", "members first", "recurrent dropout", "sampling"],
)
def test_layers_of_all_kinds_have_the_bytes_of_one_process(name):
    layers, shape = NETWORKS[name]
    samples = np.random.default_rng(1).normal(size=(90, *shape))
    samples[::3, -1:] = 0

    def make():
        return cr.Network([cr.Input(*shape), *(one() for one in layers), cr.Flatten(), cr.Dense(3, "softmax")], seed=3)

    assert_bytes_of_one([32, 58], make=make, X=samples, y=np.arange(90) % 3, batch_size=64)


def test_a_single_rank_has_the_bytes_of_a_fit_without_ranks():
    """Then nothing need be a multiple of anything, and what needs all samples is there."""

    def fit(**options):
        net = network()
        y = np.eye(5)[LABELS]
        net.fit(X, y, loss="mse", batch_size=7, epochs=2, validation_split=0.3, metrics="r2", verbose=0, **options)
        return outcome(net)

    assert on_ranks(1, lambda ranks: fit(communicator=ranks, data="local")) == [fit()]


@pytest.mark.parametrize("weighed", [False, True])
def test_validation_data_of_any_sizes_have_the_loss_of_one_process(weighed):
    rng = np.random.default_rng(5)
    held = (rng.normal(size=(200, 20)), rng.integers(0, 5, 200))
    assert_bytes_of_one(validation=(*held, rng.uniform(0, 2, 200)) if weighed else held)


def test_sparse_validation_data_with_a_long_row_on_one_rank_have_the_loss_of_one_process():
    """So long that fewer samples are in memory at a time, which decides how their losses are added up."""
    held = scipy.sparse.random(200, 40_000, 1e-3, format="lil", random_state=0)
    held[199, ::2] = 1
    samples = scipy.sparse.random(150, 40_000, 1e-3, format="csr", random_state=1)
    # Sums of losses alone are exact.
    weights = np.random.default_rng(0).uniform(size=200)
    options = {"X": samples, "epochs": 1, "validation": (held.tocsr(), np.arange(200) % 3, weights)}
    assert_bytes_of_one(make=lambda: cr.Network([40_000, 3], output="softmax", seed=0), y=np.arange(150) % 3, **options)


def test_ranks_stop_early_and_keep_the_best_epoch_together():
    rng = np.random.default_rng(5)
    held = (rng.normal(size=(200, 20)), rng.integers(0, 5, 200))
    options = {"epochs": 30, "validation": held, "callbacks": cr.EarlyStopping(patience=2), "optimizer": cr.Adam(0.05)}
    first, *others = on_ranks(3, lambda ranks: on_own(ranks, PARTS, **options))
    losses = first[2]["val_loss"]
    assert len(losses) < 30 and others == [first] * 2
    best = on_one(PARTS, epochs=int(np.argmin(losses)) + 1, validation=held, optimizer=cr.Adam(0.05))
    assert first[:2] == best[:2]


def test_schedules_that_follow_the_fit_count_the_samples_of_all_ranks():
    net = network()

    def fit(ranks):
        return on_own(ranks, PARTS, optimizer=cr.Adam(cr.CosineDecay(0.01)), epochs=3)

    net.fit(X, LABELS, epochs=3, batch_size=48, verbose=0, optimizer=cr.Adam(cr.CosineDecay(0.01)))
    assert [found[2]["learning_rate"] for found in on_ranks(3, fit)] == [net.history["learning_rate"]] * 3


def test_networks_are_the_same_on_all_ranks():
    """They know the range of all samples, of which one rank has larger ones."""
    larger = X * np.repeat([1, 9, 1], PARTS)[:, None]

    def fit(ranks):
        net = network()
        net.fit(**part_of({"X": larger, "y": LABELS}, ranks.rank, PARTS), batch_size=48, verbose=0, epochs=1,
                communicator=ranks, data="local")  # fmt: skip
        return net.describe()[0]

    first, *others = on_ranks(3, fit)
    assert others == [first] * 2
    assert first["input_range"]["largest"] == pytest.approx(np.abs(larger).max())


# --- checkpoints


@pytest.mark.parametrize("every", [1, "2 steps"])
def test_a_fit_is_resumed_with_the_same_parts_only(every, tmp_path):
    path = tmp_path / "run.safetensors"

    def interrupted(ranks):
        def stop(net, epoch, metrics):
            if epoch == 3:
                raise KeyboardInterrupt

        return on_own(ranks, PARTS, epochs=5, callbacks=[stop], checkpoint=path, checkpoint_every=every)

    def resumed(ranks, parts):
        net = cr.load(path)
        callbacks = [lambda net, epoch, metrics: None]
        return on_own(ranks, parts, make=lambda: net, epochs=5, resume=True, callbacks=callbacks)

    on_ranks(3, interrupted)
    assert on_ranks(3, lambda ranks: resumed(ranks, PARTS)) == [on_one(PARTS, epochs=5)] * 3
    for parts in ([48, 102], [32, 48, 70]):
        for error in on_ranks(len(parts), lambda ranks, parts=parts: resumed(ranks, parts)):
            assert str(error).startswith(f"samples of each rank must be {PARTS} to resume")
    for error in on_ranks(3, lambda ranks: on_own(
        ranks, PARTS, make=lambda: cr.load(path), X=X + (ranks.rank == 1), epochs=5, resume=True, callbacks=[print]
    )):  # fmt: skip
        assert str(error).startswith("X, y and weights must be the same to resume")


# --- errors


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        (
            [48, 40, 62],
            {},
            "X must have a multiple of 16 samples on each rank but the last one with data='local', got 48, 40, 62",
        ),
        (PARTS, {"make": lambda: network(precision="mixed"), "batch_size": 64}, "X must have a multiple of 32 samples"),
        (PARTS, {"batch_size": 50}, "batch_size must be a multiple of 16 or 'full' with data='local', got 50"),
        (PARTS, {"metrics": ["rmse"]}, r"metrics must be () with data='local', got ['rmse']"),
        (PARTS, {"validation_split": 0.2}, "validation_split must be 0 with data='local', got 0.2"),
        (
            PARTS,
            {"make": lambda: cr.Network([20, 5], target_scale="auto", seed=0), "y": np.eye(5)[LABELS]},
            "target_scale must be (mean, std) with data='local'",
        ),
        (PARTS, {"make": lambda: cr.Network([20, 5], output="softmax")}, "seed must be the same on all ranks"),
    ],
)  # fmt: skip
def test_what_cannot_be_shared_out_is_refused_on_all_ranks(parts, options, message):
    for error in on_ranks(len(parts), lambda ranks: on_own(ranks, parts, **options)):
        assert isinstance(error, ValueError) and str(error).startswith(message)


@pytest.mark.parametrize(
    ("differs", "message"),
    [
        ({"y": np.eye(5)[LABELS]}, "the kind of X, y and weights must be the same on all ranks, got 'dense "),
        ({"sample_weight": WEIGHTS}, "the kind of X, y and weights must be the same on all ranks"),
        ({"X": scipy.sparse.csr_matrix(X)}, "the kind of X, y and weights must be the same on all ranks"),
        ({"validation": (X, LABELS)}, "the kind of validation_data must be the same on all ranks, got 'dense"),
        ({"class_weight": "balanced"}, "class_weight must be the same on all ranks"),
        ({"y": np.array(list("abcde"))[LABELS]}, "y must be strings on all ranks or on none"),
        ({"batch_size": 32}, "batch_size must be the same on all ranks"),
    ],
)  # fmt: skip
def test_what_differs_between_ranks_is_refused_by_name(differs, message):
    def fit(ranks):
        return on_own(ranks, [48, 102], **(differs if ranks.rank == 1 else {}))

    for error in on_ranks(2, fit):
        assert isinstance(error, ValueError) and str(error).startswith(message)


def test_ranks_agree_on_whose_samples_they_have():
    def fit(ranks):
        network().fit(X, LABELS, epochs=1, verbose=0, communicator=ranks, data=["global", "local"][ranks.rank])

    for error in on_ranks(2, fit):
        assert str(error) == "data must be the same on all ranks, got 'local' on rank 1 and 'global' on rank 0"
    first, second = on_ranks(
        2, lambda ranks: network().fit(X, LABELS, communicator=ranks, data=["local", 3][ranks.rank])
    )
    assert isinstance(first, cr.RankError) and isinstance(second, TypeError)
    with pytest.raises(ValueError, match="data must be 'global' without a communicator"):
        network().fit(X, LABELS, data="local")
    with pytest.raises(ValueError, match="data must be 'global' without a communicator"):
        cr.fit_many([network()], X, LABELS, data="local")


@pytest.mark.parametrize(
    "wrong",
    [{"y": LABELS + 9}, {"X": X[:, 1:]}, {"callbacks": 3}, {"loss": "what"}, {"sample_weight": -WEIGHTS}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_error_on_one_rank_is_raised_on_all_with_its_text(wrong):
    """Whatever ranks tell each other while they check their arguments."""
    first, second, third = on_ranks(3, lambda ranks: on_own(ranks, PARTS, **(wrong if ranks.rank == 1 else {})))
    assert isinstance(second, (ValueError, TypeError))
    for error in (first, third):
        assert isinstance(error, cr.RankError) and error.rank == 1 and str(second) in str(error)


def test_layers_that_see_whole_batches_are_refused():
    def make():
        return cr.Network([cr.Input(20), cr.BatchNorm(), cr.Dense(5, "softmax")], seed=0)

    for error in on_ranks(2, lambda ranks: on_own(ranks, [48, 102], make=make)):
        assert "communicator must be None for" in str(error)


def test_the_order_has_each_sample_once_and_begins_and_ends_with_whole_shares():
    parts, size = [64, 16, 160, 5], 48
    order = order_of_epoch(parts, size, seed=1, epoch=2)
    assert np.array_equal(np.sort(order), np.arange(sum(parts)))
    owner = np.searchsorted(np.cumsum(parts), order, side="right")
    for begin in range(0, sum(parts), size):
        batch = owner[begin : begin + size]
        assert (np.diff(batch) >= 0).all()
        assert all(np.count_nonzero(batch == rank) % 16 == 0 for rank in range(3))
    assert not np.array_equal(order, order_of_epoch(parts, size, seed=1, epoch=3))


@pytest.mark.parametrize("given", [[40, 16], [], [0, 16]])
def test_orders_that_no_epoch_has_are_refused(given):
    with pytest.raises(ValueError, match="samples"):
        order_of_epoch(given, 16, seed=0, epoch=0)


@pytest.mark.parametrize("parts", [[160] * 8, [160, 1600], [1600, 160], [320, 160, 800, 165]], ids=str)
def test_samples_of_every_rank_are_spread_evenly_over_an_epoch(parts):
    """Else the network would forget the ranks that come first, whose samples may be of a kind of their own."""
    order = order_of_epoch(parts, 64, seed=0, epoch=0)
    owner = np.searchsorted(np.cumsum(parts), order, side="right")
    for rank, samples in enumerate(parts):
        taken = np.cumsum(owner == rank)[63::64]
        even = np.arange(64, sum(parts) + 1, 64) * samples / sum(parts)
        assert np.abs(taken - even).max() < 32
