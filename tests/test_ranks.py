"""One network on many machines: any number of ranks ends with the bytes of one process, and fails as one."""

import io
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from networks_of_layers import NETWORKS
from ranked_fits import LABELS, RNG, X, assert_same_on, fitted, network, outcome
from ranks import connected, on_ranks

import chainrule as cr
from chainrule import _core
from chainrule.training.ranks import Ranks

HELPERS = Path(__file__).parent / "helpers"
# --- the same bytes


@pytest.mark.parametrize("batch_size", [1, 16, 50, 64, "full"])
def test_any_number_of_ranks_has_the_bytes_of_one_process(batch_size):
    assert_same_on([1, 2, 3, 4], lambda ranks: fitted(communicator=ranks, batch_size=batch_size))


def of_layers(name, **options):
    layers, shape = NETWORKS[name]
    made = [make() for make in layers]
    words = made[0].vocabulary is not None
    samples = RNG.integers(0, 9, (41, *shape)) if words else np.random.default_rng(1).normal(size=(41, *shape))
    if "masking" in name:
        samples[::3, 2:] = 0

    def make():
        again = [make() for make in layers]
        return cr.Network([cr.Input(*shape), *again, cr.Flatten(), cr.Dense(3, "softmax")], seed=3, **options)

    return make, samples, np.arange(41) % 3


def sees_whole_batches(net):
    return any(type(leaf).__name__ == "BatchNorm" or leaf.stateful for leaf in net.leaves)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_is_shared_out_or_refused_by_name(name):
    make, samples, y = of_layers(name)

    def fit(ranks):
        return fitted(make, samples, y, ranks, epochs=1, batch_size=35, shuffle="stateful" not in name)

    if not sees_whole_batches(make()):
        return assert_same_on([2, 3], fit)
    for error in on_ranks(2, fit):
        assert isinstance(error, ValueError)
        assert "communicator must be None for" in str(error) and "all samples of a batch together" in str(error)


@pytest.mark.parametrize("name", ["convolution", "convolution, groups", "convolution, transposed"])
def test_convolutions_in_mixed_precision_are_shared_out(name):
    make, samples, y = of_layers(name, precision="mixed")
    assert_same_on([2, 3], lambda ranks: fitted(make, samples, y, ranks, epochs=1, batch_size=35))


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": cr.SGD(0.1)},
        {"optimizer": cr.SGD(0.1, momentum=0.9, nesterov=True)},
        {"optimizer": cr.Adam(0.01, clip_norm=0.05)},
        {"optimizer": cr.Adam(0.01, clip_value=0.001)},
        {"optimizer": cr.IRprop(), "batch_size": "full"},
        {"optimizer": cr.AdamW(cr.CosineDecay(0.01, 5), weight_decay=0.1)},
        {"sample_weight": RNG.uniform(0, 2, 150)},
        {"class_weight": "balanced"},
        {"input_noise": 0.1},
        {"shuffle": False, "loss": "mse"},
        {"X": scipy.sparse.random(150, 20, 0.2, format="csr", random_state=0)},
        {"make": lambda: network(l1=0.01, l2=0.01, max_norm=1.0)},
        {"make": lambda: network(dtype="float64")},
        {"make": lambda: network(precision="mixed"), "batch_size": 100},
        {
            "make": lambda: cr.Network(
                [cr.Input(20), cr.Dense(9, l2=0.1), cr.Dropout(0.3), cr.Dense(5, "softmax")], seed=1
            )
        },
    ],
    ids=lambda options: ", ".join(f"{name}" for name in options),
)
def test_every_option_has_the_bytes_of_one_process(options):
    assert_same_on([2, 4], lambda ranks: fitted(communicator=ranks, **options))


def test_frozen_layers_stay_as_they_are():
    def make():
        net = network()
        net.layers[1].trainable = False
        return net

    assert_same_on([3], lambda ranks: fitted(make, communicator=ranks))


def with_frozen_norm():
    """A network whose running statistics are those of some steps, and stay as they are."""
    net = cr.Network([cr.Input(20), cr.Dense(9), cr.BatchNorm(), cr.Dropout(0.3), cr.Dense(5, "softmax")], seed=0)
    net.fit(X, LABELS, epochs=1, verbose=0)
    net.layers[2].trainable = False
    return net


@pytest.mark.parametrize("batch_size", [50, "full"])
def test_a_frozen_batch_norm_is_shared_out(batch_size):
    """It computes with each sample by itself."""
    assert_same_on([2, 3], lambda ranks: fitted(with_frozen_norm, communicator=ranks, batch_size=batch_size))


def test_a_batch_norm_that_a_callback_thaws_is_refused_on_all_ranks():
    def thaw(net, epoch, metrics):
        net.layers[2].trainable = True

    for error in on_ranks(2, lambda ranks: fitted(with_frozen_norm, communicator=ranks, callbacks=[thaw])):
        assert isinstance(error, ValueError) and "must see whole" in str(error)


def test_ranks_may_have_other_numbers_of_threads(many_threads):
    assert_same_on([2, 3], lambda ranks: fitted(communicator=ranks))


def test_validation_is_shared_out_and_stopping_decided_once():
    held = (RNG.normal(size=(700, 20)), RNG.integers(0, 5, 700))

    def fit(ranks):
        stopping = cr.EarlyStopping(patience=2)
        plateau = cr.ReduceOnPlateau(patience=1)
        return fitted(
            communicator=ranks, epochs=30, validation_data=held, callbacks=[plateau, stopping], keep="val_accuracy"
        )

    assert len(fit(None)[2]["loss"]) < 30
    assert_same_on([2, 3], fit)


def test_metrics_and_what_callbacks_add_are_in_every_history():
    def twice(net, epoch, metrics):
        metrics["twice"] = 2 * metrics["loss"]
        if epoch == 2:
            net.layers[1].weights = net.layers[1].weights * 0.5

    y = np.eye(5)[LABELS]

    def fit(ranks):
        return fitted(communicator=ranks, y=y, loss="mse", epochs=3, metrics=["r2"], callbacks=[twice])

    assert "r2[4]" in fit(None)[2] and "twice" in fit(None)[2]
    assert_same_on([3], fit)


def test_what_callbacks_set_for_the_training_of_layers_holds_on_every_rank():
    """Layers that thaw, and factors that change, in the middle of a fit; a composite layer has layers of its own."""

    def thaw(net, epoch, metrics):
        first, second = net.layers[1].layers
        first.trainable = epoch != 2
        second.rate_factor, second.l2, net.rate_factor = {"weights": 0.5}, 0.1 * epoch, 0.9

    def make():
        block = cr.Residual([cr.Dense(9, "relu", trainable=False), cr.Dense(20)])
        return cr.Network([cr.Input(20), block, cr.Dense(5, "softmax")], seed=0)

    assert_same_on([3], lambda ranks: fitted(make, communicator=ranks, epochs=4, callbacks=[thaw]))


def test_a_seed_that_a_callback_sets_is_that_of_every_rank():
    """Ranks that shuffle or drop by other numbers would end with other bytes, without an error."""

    def reseed(net, epoch, metrics):
        net.seed = 10 + epoch

    def make():
        return cr.Network([cr.Input(20), cr.Dense(9), cr.Dropout(0.3), cr.Dense(5, "softmax")], seed=0)

    assert_same_on([2], lambda ranks: fitted(make, communicator=ranks, epochs=4, callbacks=[reseed]))


def train_on_batch(net, epoch, metrics):
    net.train_on_batch(X, LABELS)


def step_by_another_optimizer(net, epoch, metrics):
    net.forward(X)
    net.backward(np.ones((150, 5)))
    net.step(cr.SGD(0.1))


@pytest.mark.parametrize("callback", [train_on_batch, step_by_another_optimizer])
def test_callbacks_that_train_are_refused(callback):
    """The other ranks would lack the steps."""
    first, *others = on_ranks(3, lambda ranks: fitted(communicator=ranks, callbacks=[callback]))
    assert isinstance(first, ValueError) and str(first).startswith("callbacks must not train the network")
    assert all(isinstance(error, cr.RankError) and str(first) in str(error) for error in others)


def test_each_rank_sends_the_gradient_once():
    """The ranks between the first and the last one hand on as many numbers as the network has, and the sums."""
    sent = {}

    def fit(ranks):
        net = network()
        net.fit(X, LABELS, epochs=1, batch_size=50, verbose=0, communicator=ranks)
        before = ranks.sent
        net.fit(X, LABELS, epochs=3, batch_size=50, verbose=0, communicator=ranks)
        sent[ranks.rank] = ranks.sent - before
        return net.parameter_count

    count = on_ranks(3, fit)[0]
    padded = 4 * (48 * 20 + 48 + 16 * 33 + 16)
    assert 9 * 4 * count < sent[1] < 9 * (padded + 64) + 20_000


@pytest.mark.parametrize("count", [96, 2400])
@pytest.mark.parametrize("precision", ["full", "mixed"])
@pytest.mark.parametrize("threads", [1, 3])
def test_large_layers_are_handed_on_in_parts(threads, precision, count, many_threads):
    """Large batches are packed for the gradient, small ones are not."""
    cr.set_num_threads(threads)
    samples = np.random.default_rng(2).normal(size=(count, 203))
    y, messages = np.arange(count) % 300, []

    def fit(ranks):
        def make():
            return cr.Network([203, 310, 300], output="softmax", seed=0, precision=precision)

        found = fitted(make, samples, y, ranks, batch_size=count, epochs=1)
        if ranks is not None and ranks.rank == 0:
            messages.append(ranks.messages)
        return found

    assert_same_on([3], fit)
    assert messages[0] > 12


def test_a_rank_reads_the_samples_of_its_shares_alone():
    """What is in the rows of other ranks changes nothing: here it is NaN, which the checks of `fit` would refuse."""
    rates, order = np.full(3, 0.01), _core.shuffled_order(150, 1, 0)

    def fit(communicator):
        ranks = Ranks(communicator)
        # Batches of 64, 64 and 22 samples have 4, 4 and 2 blocks of 16, which two ranks halve.
        own = [range(0, 32), range(64, 96), range(128, 144)]
        others = [range(32, 64), range(96, 128), range(144, 150)]
        mine = X.copy()
        for places in {None: (), 0: others, 1: own}[None if communicator is None else communicator.rank]:
            mine[order[places.start : places.stop]] = np.nan
        options = _core.EpochOptions(
            loss=cr.CrossEntropy().core_loss(), optimizer=cr.Adam().core_optimizer(), rates=rates, batch_size=64,
            shuffle=True, seed=1, epoch=0,
        )  # fmt: skip
        net = network()
        net.core.train_epoch(mine, LABELS, None, options, _core.EpochPart(), None, ranks.for_core)
        return net.parameters.tobytes()

    assert_same_on([2], fit)


# --- one rank prints, logs and writes


def test_the_first_rank_alone_prints_logs_and_calls_callbacks(capfd, caplog):
    called = []

    def fit(ranks):
        return fitted(communicator=ranks, verbose=2, callbacks=[lambda net, epoch, metrics: called.append(epoch)])

    with caplog.at_level(logging.INFO, logger="chainrule"):
        on_ranks(3, fit)
    assert called == [1, 2]
    assert capfd.readouterr().err.count("epoch 2/2") == 1
    assert sum("fit ended" in message for message in caplog.messages) == 1


@pytest.mark.parametrize("every", [1, "2 steps"])
def test_a_fit_is_resumed_with_another_number_of_ranks(every, tmp_path):
    expected = fitted(epochs=5)

    def interrupted(ranks):
        def stop(net, epoch, metrics):
            if epoch == 3:
                raise KeyboardInterrupt

        path = tmp_path / "run.safetensors"
        return fitted(communicator=ranks, epochs=5, callbacks=[stop], checkpoint=path, checkpoint_every=every)

    def resumed(ranks):
        net = cr.load(tmp_path / "run.safetensors")
        net.fit(
            X, LABELS, epochs=5, batch_size=50, verbose=0, optimizer=cr.Adam(0.01), communicator=ranks, resume=True,
            callbacks=[lambda net, epoch, metrics: None],
        )  # fmt: skip
        return outcome(net)

    first, second = on_ranks(2, interrupted)
    assert isinstance(first, KeyboardInterrupt) and isinstance(second, cr.RankError)
    assert on_ranks(3, resumed) == [expected] * 3
    assert resumed(None) == expected


# --- errors


def test_an_error_on_one_rank_is_raised_on_all_with_its_text():
    def fit(ranks):
        y = LABELS + (9 if ranks.rank == 1 else 0)
        return fitted(y=y, communicator=ranks)

    first, second, third = on_ranks(3, fit)
    assert isinstance(second, ValueError) and "y as labels must be in" in str(second)
    for error in (first, third):
        assert isinstance(error, cr.RankError) and error.rank == 1
        assert str(second) in str(error) and "ValueError" in str(error)


def test_an_error_of_a_callback_is_raised_on_all():
    def fails(net, epoch, metrics):
        raise OSError("the disk is full")

    first, *others = on_ranks(3, lambda ranks: fitted(communicator=ranks, callbacks=[fails]))
    assert isinstance(first, OSError)
    assert [str(error) for error in others] == ["rank 0 has failed: OSError: the disk is full"] * 2


def test_an_error_of_what_is_written_is_raised_on_all(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError("nobody reads")

    monkeypatch.setattr("sys.stderr", Closed())
    first, *others = on_ranks(3, lambda ranks: fitted(communicator=ranks, verbose=2))
    assert isinstance(first, BrokenPipeError)
    for error in others:
        assert isinstance(error, cr.RankError) and "BrokenPipeError: nobody reads" in str(error)


def test_divergence_is_seen_by_all_ranks():
    errors = on_ranks(3, lambda ranks: fitted(communicator=ranks, optimizer=cr.SGD(1e30), loss="mse"))
    assert all(isinstance(error, cr.DivergedError) for error in errors)
    assert len({str(error) for error in errors}) == 1


def test_what_cannot_be_shared_out_is_refused():
    def loss(outputs, targets):
        return ((outputs - targets) ** 2).sum(axis=1), 2 * (outputs - targets)

    (error, _) = on_ranks(2, lambda ranks: fitted(communicator=ranks, loss=loss, y=np.eye(5)[LABELS]))
    assert "loss must be no function with a communicator" in str(error)
    net = network()
    (error, _) = on_ranks(2, lambda ranks: net.fit([(X, LABELS)], epochs=1, communicator=ranks))
    assert "X must be an array with a communicator" in str(error)


@pytest.mark.parametrize("communicator", ["COMM_WORLD", object(), 3])
def test_what_is_no_communicator_is_refused(communicator):
    with pytest.raises(TypeError, match=r"communicator must be one of mpi4py, such as MPI.COMM_WORLD"):
        fitted(communicator=communicator)


def test_a_communicator_cannot_read_the_memory_of_the_core_later():
    kept = []

    def fit(ranks):
        def send(data, to):
            kept.append(data)
            type(ranks).send(ranks, data, to)

        ranks.send = send
        return fitted(communicator=ranks)

    expected = fitted()
    assert on_ranks(2, fit) == [expected] * 2
    with pytest.raises(ValueError, match="released memoryview"):
        kept[-1].tobytes()


SCRIPT = """
import os, signal, socket, sys, threading, time
sys.path.insert(0, {helpers!r})
from ranks import Pipes
import numpy as np
import chainrule as cr

rank, todo = int(sys.argv[1]), sys.argv[2]
# A process that was started in the background may ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
sockets = [None if number == "-" else socket.socket(fileno=int(number)) for number in sys.argv[3:]]
ranks = Pipes(rank, sockets)
number = {{"die": signal.SIGKILL, "interrupt": signal.SIGINT}}[todo]

def at_first_epoch(network, epoch, metrics):
    if epoch == 1:
        print("trains", flush=True)

net = cr.Network([20, 30, 5], seed=0)

def end_while_it_trains():
    while net.epochs == 0:
        time.sleep(0.01)
    os.kill(os.getpid(), number)

if rank == 1:
    threading.Thread(target=end_while_it_trains, daemon=True).start()
X = np.random.default_rng(0).normal(size=(1000, 20))
try:
    y, options = np.zeros((1000, 5)), {{"batch_size": 100, "verbose": 0, "callbacks": at_first_epoch}}
    net.fit(X, y, epochs=10**6, communicator=ranks, **options)
finally:
    print(net.core.optimizer_steps, flush=True)
"""


def job(todo, tmp_path):
    """Run the script on three ranks, of which the second ends early; return exit codes, outputs and errors."""
    script = tmp_path / "job.py"
    script.write_text(SCRIPT.format(helpers=str(HELPERS)))
    processes = []
    for ranks in connected(3):
        numbers = [None if one is None else one.fileno() for one in ranks.sockets]
        arguments = ["-" if number is None else str(number) for number in numbers]
        command = [sys.executable, str(script), str(ranks.rank), todo, *arguments]
        passed = [number for number in numbers if number is not None]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append((ranks, subprocess.Popen(command, pass_fds=passed, **pipes)))
    for ranks, _ in processes:
        ranks.close()
    ended = [process.communicate(timeout=60) for _, process in processes]
    return [process.returncode for _, process in processes], *zip(*ended, strict=True)


def test_a_rank_that_dies_ends_the_others(tmp_path):
    begin = time.monotonic()
    codes, _, errors = job("die", tmp_path)
    assert codes == [1, -signal.SIGKILL, 1]
    assert time.monotonic() - begin < 30
    assert "ConnectionError: rank" in errors[0] and "ConnectionError: rank" in errors[2]


def test_an_interrupt_of_one_rank_ends_all_after_the_same_step(tmp_path):
    codes, outputs, errors = job("interrupt", tmp_path)
    assert codes == [1, -signal.SIGINT, 1]
    assert errors[1].strip().endswith("KeyboardInterrupt")
    for error in (errors[0], errors[2]):
        assert "rank 1 has failed: KeyboardInterrupt" in error
    assert outputs[0].startswith("trains") and len({output.split()[-1] for output in outputs}) == 1
