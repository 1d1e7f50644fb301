"""Other processes: children of every kind train and predict the same bytes, and signals leave a usable network.

Code that forks or is stopped runs as a script, as the process of the tests has threads that a child would lack.
"""

import signal
import subprocess
import sys
import textwrap

import pytest

import chainrule as cr

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks")

# The beginning of every script: networks that use two threads, and hashes of their parameters and predictions.
PRELUDE = """
import hashlib, os, pickle, signal, sys, threading, time
import numpy as np
import chainrule as cr
from chainrule import _core

_core.set_work_per_thread(1)
cr.set_num_threads(2)
X = np.random.default_rng(0).standard_normal((300, 40)).astype(np.float32)

def digest(net):
    return hashlib.sha256(net.parameters.tobytes() + net.predict(X).tobytes()).hexdigest()

def trained(seed, **options):
    net = cr.Network([40, 70, 1], seed=seed)
    net.fit(X, X[:, 0], epochs=3, verbose=0, **options)
    return net

def trained_digest(seed):
    return digest(trained(seed))
"""


def script(path, code):
    path = path / "script.py"
    path.write_text(PRELUDE + textwrap.dedent(code), encoding="utf-8")
    # Python warns of a fork in a process with threads, which is tested here.
    return [sys.executable, "-W", "ignore::DeprecationWarning", str(path)]


def run(path, code):
    done = subprocess.run(script(path, code), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_children_and_grandchildren_of_a_fork_train_with_threads_of_their_own(tmp_path):
    code = """
        net = trained(0)
        expected = digest(net), digest(trained(1))

        def child(work):
            pid = os.fork()
            if pid == 0:
                os._exit(work())
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        def same():
            net.fit(X, X[:, 0], epochs=1, verbose=0)
            return 7 if (digest(trained(0)), trained_digest(1)) == expected and cr.get_num_threads() == 2 else 1

        def threads_seen():
            most, done = 0, threading.Event()

            def look():
                nonlocal most
                while not done.is_set():
                    most = max(most, len(os.listdir("/proc/self/task")))

            looks = threading.Thread(target=look)
            looks.start()
            for seed in range(200):
                trained(seed)
                if most > 2:
                    break
            done.set()
            looks.join()
            return most

        print(child(same), child(lambda: child(same)), digest(net) == expected[0])
        print(child(threads_seen) if sys.platform == "linux" else 3)
    """
    assert run(tmp_path, code) == ["7 7 True", "3"]


def test_a_fork_while_another_thread_trains_leaves_a_child_that_trains(tmp_path):
    code = """
        expected = trained_digest(1)
        net = cr.Network([40, 700, 1], seed=0)
        within, done = threading.Event(), threading.Event()

        def train():
            net.fit(X, X[:, 0], epochs=10**6, verbose=0, callbacks=[lambda *_: within.set() or done.is_set()])

        thread = threading.Thread(target=train)
        thread.start()
        within.wait()
        codes = []
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                try:
                    net.fit(X, X[:, 0], epochs=1, verbose=0)
                except RuntimeError:
                    os._exit(7 if trained_digest(1) == expected else 1)
                os._exit(2)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            time.sleep(0.003)
        done.set()
        thread.join()
        print(codes, net.epochs > 1)
    """
    assert run(tmp_path, code) == ["[7, 7, 7, 7, 7] True"]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing_gets_the_same_bytes(tmp_path, method):
    code = f"""
        if __name__ == "__main__":
            import multiprocessing
            net = trained(0)
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(pool.map(trained_digest, range(4)) == [trained_digest(seed) for seed in range(4)])
                print(pool.map(digest, [net] * 3) == [digest(net)] * 3)
                print(digest(pool.apply(trained, [5])) == trained_digest(5))
    """
    assert run(tmp_path, code) == ["True"] * 3


def test_joblib_with_processes_gets_the_same_bytes(tmp_path):
    code = """
        if __name__ == "__main__":
            import joblib
            nets = joblib.Parallel(n_jobs=2)(joblib.delayed(trained)(seed) for seed in range(4))
            print([digest(net) for net in nets] == [trained_digest(seed) for seed in range(4)])
            print([net.history for net in nets] == [trained(seed).history for seed in range(4)])
    """
    assert run(tmp_path, code) == ["True"] * 2


# What every network must be able to do after it was stopped.
USABLE = """
def usable(net, path=sys.argv[0] + ".safetensors"):
    net.save(path)
    again = cr.load(path)
    assert np.isfinite(net.predict(X)).all()
    assert again.predict(X).tobytes() == net.predict(X).tobytes()
    for one in (net, again):
        epochs = one.epochs
        one.fit(X, X[:, 0], epochs=2, batch_size=32, optimizer="adam", verbose=0)
        assert one.epochs == epochs + 2
    assert again.parameters.tobytes() == net.parameters.tobytes()
    print("usable", flush=True)

def forever(net, **options):
    wide = np.broadcast_to(X[:1], (100_000, 40))
    net.fit(wide, wide[:, 0], epochs=10**6, batch_size="full", **{"verbose": 0, "callbacks": [ready], **options})

def ready(net, epoch, metrics):
    if epoch == 1:
        print("ready", flush=True)

# A process in the background may inherit that interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
net = cr.Network([40, 300, 1], seed=0)
"""


class Signalled:
    """Start a script that receives signals when it asks for them."""

    def __init__(self, path, code, between):
        self.process = subprocess.Popen(
            [*between, *script(path, USABLE + textwrap.dedent(code))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def expect(self, line):
        found = self.process.stdout.readline()
        assert found == f"{line}\n", found + (self.process.stderr.read() if found == "" else "")

    def send(self, number):
        self.process.send_signal(number)

    def ends(self, code=0):
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == code, errors


@pytest.fixture
def signalled(tmp_path):
    started = []

    def start(code, between=()):
        started.append(Signalled(tmp_path, code, between))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_interrupt_stops_and_leaves_a_usable_network(signalled):
    child = signalled("""
        try:
            forever(net)
        except KeyboardInterrupt:
            usable(net)
    """)
    child.expect("ready")
    child.send(signal.SIGINT)
    child.expect("usable")
    child.ends()


def test_a_second_interrupt_is_not_lost(signalled):
    # The first signal comes while the callbacks end the first fit, the next in the second fit.
    child = signalled("""
        class Ends(cr.Callback):
            def on_train_end(self, network):
                print("ending", flush=True)
                time.sleep(60)

        try:
            forever(net, callbacks=[ready, Ends()])
        except KeyboardInterrupt as error:
            print("first", isinstance(error.__context__, KeyboardInterrupt), flush=True)
        try:
            forever(net)
        except KeyboardInterrupt:
            usable(net)
    """)
    child.expect("ready")
    child.send(signal.SIGINT)
    child.expect("ending")
    child.send(signal.SIGINT)
    child.expect("first True")
    child.expect("ready")
    child.send(signal.SIGINT)
    child.expect("usable")
    child.ends()


def test_terminate_through_a_callback_ends_after_the_epoch(signalled):
    child = signalled("""
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        forever(net, callbacks=[ready, lambda *_: stop.is_set()])
        print(net.history.epochs == net.epochs > 0, flush=True)
        usable(net)
        sys.exit(15)
    """)
    child.expect("ready")
    child.send(signal.SIGTERM)
    child.expect("True")
    child.expect("usable")
    child.ends(15)


def test_terminate_as_an_exception_ends_within_the_epoch(signalled):
    child = signalled("""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))
        try:
            forever(net)
        finally:
            usable(net)
    """)
    child.expect("ready")
    child.send(signal.SIGTERM)
    child.expect("usable")
    child.ends(15)


@pytest.mark.parametrize("method", ["on_train_begin", "on_epoch_end", "on_train_end"])
def test_an_exception_in_a_callback_leaves_a_usable_network(tmp_path, method):
    def fail(self, *_):
        raise OSError("mine")

    X, y = cr.data.sine(40)
    net = cr.Network([1, 4, 1], seed=0)
    failing = type("Failing", (cr.Callback,), {method: fail})()
    with pytest.raises(OSError, match="mine"):
        net.fit(X, y, epochs=2, callbacks=[failing], verbose=0)
    net.save(tmp_path / "net.safetensors")
    again = cr.load(tmp_path / "net.safetensors")
    for one in (net, again):
        one.fit(X, y, epochs=2, verbose=0)
    assert again.parameters.tobytes() == net.parameters.tobytes()


def test_ctrl_c_in_a_terminal(signalled):
    # A process between terminal and script passes on input and output.
    between = [sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]
    child = signalled(
        """
        print("terminal" if sys.stderr.isatty() else "no terminal")
        try:
            forever(net, verbose=1)
        except KeyboardInterrupt:
            usable(net)
        """,
        between,
    )
    shown = ""
    while line := child.process.stdout.readline():
        shown += line
        if "ready" in line:
            child.process.stdin.write("\x03")
            child.process.stdin.flush()
    assert shown.startswith("terminal\n")
    assert shown.endswith("usable\n")
    child.ends()


@pytest.mark.parametrize(
    "work",
    [
        "while True: net.predict(X)",
        "net.fit(X, X[:, 0], epochs=10**6, verbose=0)",
        "net.fit(X, X[:, 0], epochs=10**6, verbose=0, checkpoint=path, checkpoint_every='1000 seconds')",
        "net.fit(lambda: ((X, X[:, 0]) for _ in range(100)), epochs=10**6, verbose=0)",
    ],
    ids=["predict", "fit", "poll", "stream"],
)
def test_a_daemon_thread_does_not_abort_the_exit(tmp_path, work):
    code = f"""
    def forever():
        net = cr.Network([40, 70, 1], seed=0)
        path = sys.argv[0] + ".safetensors"
        {work}

    threading.Thread(target=forever, daemon=True).start()
    time.sleep(0.3)
    """
    done = subprocess.run(script(tmp_path, code), timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_subinterpreter_is_told_that_it_cannot_import(tmp_path):
    code = """
    try:
        import _interpreters as interpreters
        failure = interpreters.exec(interpreters.create(), "import chainrule")
        text = failure.formatted
    except ModuleNotFoundError:
        import _xxsubinterpreters as interpreters
        try:
            interpreters.run_string(interpreters.create(), "import chainrule")
        except Exception as error:
            text = str(error)
    assert "chainrule cannot be imported in a subinterpreter" in text, text
    """
    done = subprocess.run(script(tmp_path, code), timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
