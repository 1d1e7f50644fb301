"""Mutates model files and IDX files, reads them, and fails unless each is refused cleanly or read correctly.

    python tools/fuzz_files.py --files 100000

A file is refused by ModelFileError or DataError. A network that is loaded must predict, must train a step or raise a
clear error, and must survive saving and loading. Reading must not import, compile or start anything, and must need no
more memory than a multiple of the file's size. The files depend on seed and number alone: `--first 4711 --files 1`
makes one again, and `--folder` keeps it. A crash or a hang ends the process; the file is then the last in the folder.
"""

import argparse
import contextlib
import copy
import faulthandler
import gzip
import json
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

Header = dict[str, Any]

HANG = 60  # seconds
# Peak memory that reading may add: fixed bytes, plus a multiple of the file's size, which parsed JSON needs.
MEMORY_FIXED, MEMORY_MULTIPLE = 16 << 20, 40
# Audit events that show that a file made the interpreter do more than read.
FORBIDDEN = ("import", "exec", "compile", "marshal.", "pickle.", "os.", "subprocess.", "socket.", "ctypes.", "shutil.")
LARGE_EVERY, IDX_EVERY = 50, 4

SIZES = [0, -1, 1, 2, 3, 7, 2**16, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**400]
STRANGE = [
    *SIZES, True, False, None, 0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), -float("inf"),
    "", "x", "1", "nan", "\ud800", "\0", "ü" * 1000, [], {}, [[]], [None], [1, "a"], {"": 0}, {"type": None},
    {"type": "Network"}, {"type": "os.system", "command": "true"}, {"type": "SGD", "learning_rate": 1e308},
    {"type": "PiecewiseConstant", "boundaries": [1], "rates": [1e308, 0]}, {"type": "MSE"}, {"type": "Adam"},
    {"type": "CosineDecay", "rate": 1, "steps": 1, "restart_factor": 2**62},
    {"type": "Adam", "beta1": 1 - 2**-53, "beta2": 1 - 2**-53}, "momentum", "delta_bar_delta", "sgd", "float64",
]  # fmt: skip
DTYPES = ["F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "U8", "BOOL", "C64", "F4", "f32", "", None, 5]
NUMBERS = [
    b"\xff" * 8,
    b"\x00" * 8,
    struct.pack("<d", np.inf),
    struct.pack("<d", 1e308),
    struct.pack("<ff", 3e38, 1e-42),
]


# --- whole files


def models(folder: Path) -> tuple[list[bytes], bytes]:
    """Return small model files of many kinds, and a large one."""
    X, y = cr.data.two_spirals(40)
    made = []

    def keep(net: cr.Network, **options: Any) -> bytes:
        net.fit(np.resize(X, (len(X), net.inputs)), y, verbose=0, **{"epochs": 2, **options})
        net.save(folder / "whole")
        return (folder / "whole").read_bytes()

    schedule = cr.Warmup(3, cr.PiecewiseConstant([9], [0.02, 0.01]))
    layers = [cr.Input(2), cr.Dense(3, "gelu", l2=1e-4, max_norm=3.0), cr.Dense(2, "softmax")]
    made.append(keep(cr.Network(layers, seed=2**64 - 1), optimizer=cr.Nadam(schedule, clip_norm=5.0)))
    made.append(keep(cr.Network([2, 1], output="sigmoid", seed=0), optimizer=cr.SGD(0.1, momentum=0.9), epochs=1))
    double = cr.Network([2, 4, 2], output="sigmoid", seed=0, dtype="float64")
    made.append(keep(double, optimizer="irprop", batch_size="full"))
    made.append(keep(cr.Network([2, 4, 2], output="sigmoid", seed=0), optimizer="delta_bar_delta", loss=cr.Huber(0.5)))
    made.append(keep(cr.Network([2, 3, 3, 2], seed=0), epochs=0))
    layers = [cr.Conv2D(2, 3, "relu", padding="same"), cr.MaxPool2D(), cr.Flatten(), cr.BatchNorm(), cr.Dropout(0.1)]
    made.append(keep(cr.Network([cr.Input(4, 4, 1), *layers, cr.Dense(2, "softmax")], seed=0)))
    layers = [cr.Bidirectional(cr.LSTM(2, return_sequences=True)), cr.Residual([cr.Dense(4, "tanh")]), cr.GRU(2)]
    made.append(keep(cr.Network([cr.Input(3, 2), *layers, cr.Dense(2, "softmax")], seed=0)))
    layers = [
        cr.Masking(),
        cr.LSTM(3, return_sequences=True, stateful=True, dropout=0.2, recurrent_dropout=0.1),
        cr.GRU(4),
    ]
    net = cr.Network([cr.Input(3, 2), *layers, cr.Sampling(0.1), cr.Dense(2, "softmax")], seed=0)
    made.append(keep(net, shuffle=False))
    net = cr.Network([2, 3, 2], output="softmax", seed=0)
    net.fit(
        X, y, epochs=2, verbose=0, optimizer=cr.Adam(cr.CosineDecay(0.1, 9, restart_factor=2)),
        callbacks=[cr.EarlyStopping(patience=3), cr.ReduceOnPlateau()],
        checkpoint=folder / "whole", checkpoint_every="1 steps",
    )  # fmt: skip
    made.append((folder / "whole").read_bytes())
    large = cr.Network([2, 300, 300, 2], output="sigmoid", seed=0, dtype="float64")
    return made, keep(large, optimizer="adam", epochs=1)


def split(content: bytes) -> tuple[Header, bytes]:
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def join(text: str | bytes, data: bytes) -> bytes:
    header = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return struct.pack("<Q", len(header)) + header + data


# --- mutations: of bytes, of the header, of the description, of the numbers


def of_bytes(rng: random.Random, content: bytes) -> bytes:
    """Cut, flip, overwrite, remove, repeat or append bytes."""
    changed = bytearray(content)
    # The header is at the beginning, so most mutations are there.
    at = rng.randrange(rng.choice([8, min(1500, len(changed)), len(changed)]))
    length = rng.choice([1, 2, 4, 8, 100])
    kind = rng.randrange(7)
    if kind == 0:
        return content[:at]
    if kind == 1:
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed[rng.randrange(min(at + 1, len(changed)))] ^= 1 << rng.randrange(8)
    elif kind == 2:
        changed[at : at + length] = rng.randbytes(length)
    elif kind == 3:
        del changed[at : at + length]
    elif kind == 4:
        changed[at:at] = changed[at : at + length]
    elif kind == 5:
        changed += rng.randbytes(length)
    else:
        value = rng.choice([0, 1, len(changed), max(0, len(changed) - 8), 2**31, 2**32 - 1, 2**63, 2**64 - 1])
        changed[:8] = struct.pack("<Q", value)
    return bytes(changed)


def of_header(rng: random.Random, content: bytes) -> bytes:
    """Change name, shape, type or offsets of an array in the header, or write a name twice."""
    header, data = split(content)
    name = rng.choice([name for name in header if name != "__metadata__"])
    entry = header[name]
    kind = rng.randrange(7)
    if kind == 0:
        del header[name]
    elif kind == 1:
        other = rng.choice([*header, "", "layers.0.weights", "layers.-1.bias", "optimizer.", "optimizer.m", "\0"])
        header[rng.choice([other, f"callbacks.{rng.choice(SIZES)}.parameters", name + "x"])] = header.pop(name)
    elif kind == 2:
        place = rng.randrange(len(entry["shape"]) + 1)
        entry["shape"][place : place + rng.randrange(2)] = [rng.choice(STRANGE)]
    elif kind == 3:
        entry["shape"] = rng.choice([[], entry["shape"][::-1], [1, *entry["shape"]], rng.choice(STRANGE), [1] * 70])
    elif kind == 4:
        entry["dtype"] = rng.choice(DTYPES)
    elif kind == 5:
        entry["data_offsets"][rng.randrange(2)] = rng.choice([*SIZES, 4, 8, len(data), "0", None])
    else:
        twice = json.dumps({name: rng.choice([entry, header.get("layers.0.bias"), 0])})[1:-1]
        return join(json.dumps(header)[:-1] + ", " + twice + "}", data)
    return join(json.dumps(header), data)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return every container in parsed JSON with each of its keys."""
    pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    return [(node, key) for key, _ in pairs] + [place for _, child in pairs for place in places(child)]


def of_description(rng: random.Random, content: bytes) -> bytes:
    """Change a random entry of the description in the metadata."""
    header, data = split(content)
    metadata = header["__metadata__"]
    description = json.loads(metadata["chainrule"])
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        node, key = rng.choice(places(description))
        kind = rng.randrange(8)
        if kind < 4:
            node[key] = copy.deepcopy(rng.choice(STRANGE))
        elif kind == 4:
            del node[key]
        elif kind == 5 and isinstance(node, dict):
            node[rng.choice(["", "type", "units", "x", "weights", "fit", "seed"])] = node.pop(key)
        elif kind == 6 and isinstance(node, list):
            node += copy.deepcopy(node) * rng.choice([1, 3, 100])
        else:
            other, place = rng.choice(places(description))
            node[key] = copy.deepcopy(other[place])
    text = json.dumps(description)
    if rng.random() < 0.1:
        text = of_text(rng, text)
    metadata["chainrule"] = text
    return join(json.dumps(header), data)


def of_text(rng: random.Random, text: str) -> str:
    """Nest, cut, repeat or replace the description's text."""
    depth = rng.choice([10, 200, 450, 900, 100_000])
    warm = '{"type": "Warmup", "steps": 1, "then": '
    return rng.choice(
        [
            "[" * depth + "]" * depth,
            '{"layers":' * depth,
            text[: rng.randrange(len(text))],
            text[:-1] + ", " + text[1:],
            text[:-1] + ', "optimizer": ' + warm * depth + "1" + "}" * depth + "}",
            text[:-1] + ', "loss": ' + '{"type": "Huber", "delta": ' * depth + "1" + "}" * depth + "}",
            text[:-1] + ', "history": {"loss": [' + "1," * depth + "1]}}",
            text[:-1] + ', "epochs": ' + "9" * depth + "}",
            text[:-1] + ', "layers": [' + "[]," * depth + "0]}",
            text.replace(": ", ":\x00", 1),
        ]
    )


def of_numbers(rng: random.Random, content: bytes) -> bytes:
    """Put strange numbers into the arrays."""
    header, data = split(content)
    changed = bytearray(data)
    for _ in range(rng.choice([1, 3])):
        at = rng.randrange(0, len(changed), 4)
        changed[at : at + 8] = rng.choice(NUMBERS)
    return join(json.dumps(header), bytes(changed[: len(data)]))


MODEL_MUTATIONS = [of_bytes, of_header, of_description, of_description, of_numbers]


def hostile_model(rng: random.Random, whole: list[bytes]) -> bytes:
    content = rng.choice(whole)
    for _ in range(rng.choice([1, 1, 1, 2])):
        try:
            content = rng.choice(MODEL_MUTATIONS)(rng, content)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            content = of_bytes(rng, content) if content else content  # the last mutation left no header to change
    return content


def hostile_idx(rng: random.Random) -> tuple[bytes, int]:
    """Return an IDX file, perhaps gzipped, and the number of dimensions that its reader is told."""
    shape = [rng.randrange(5) for _ in range(rng.randrange(1, 5))]
    content = bytes([0, 0, 8, len(shape)]) + b"".join(struct.pack(">I", size) for size in shape)
    content += rng.randbytes(int(np.prod(shape)))
    if rng.random() < 0.5:
        at = 4 * rng.randrange(1, len(shape) + 1)
        size = rng.choice([0, 1, 5, 2**16, 2**24, 2**31, 2**32 - 1])
        content = content[:at] + struct.pack(">I", size) + content[at + 4 :]
    if rng.random() < 0.4:
        content = of_bytes(rng, content)
    if rng.random() < 0.5:
        content = gzip.compress(content + bytes(rng.choice([0, 0, 0, 1 << 20])), rng.choice([0, 1]), mtime=0)
        if rng.random() < 0.5:
            content = of_bytes(rng, content)
    return content, rng.choice([len(shape), len(shape), len(shape), 1, 3, 32])


# --- reading


def use(network: cr.Network, path: Path) -> None:
    """Use a loaded network in the ordinary ways; an unexpected error is a failure, whatever the file contained."""
    X = np.ones((3, network.inputs))
    with np.errstate(all="ignore"):
        assert network.predict(X).reshape(3, -1).shape == (3, network.outputs)
        repr(network), repr(network.history), repr(network.optimizer), repr(network.layers)
        parameters = network.parameters.tobytes()
        network.save(path)
        assert cr.load(path).parameters.tobytes() == parameters
        with contextlib.suppress(ValueError, cr.DivergedError):
            network.train_on_batch(X, np.eye(network.outputs)[[0, 0, 0]])


def read_model(content: bytes, path: Path) -> Callable[[], None] | None:
    path.write_bytes(content)
    with Watch(content):
        try:
            network = cr.load(path)
        except cr.ModelFileError:
            return None
    return lambda: use(network, path.with_suffix(".again"))


def read_idx(content: bytes, path: Path, dimensions: int) -> Any:
    path.write_bytes(content)
    with Watch(content):
        try:
            array = cr.data.read_idx(path, dimensions)
        except cr.DataError:
            return None
    assert array.ndim == dimensions and array.dtype == np.uint8
    return array


class Watch:
    """Measures time and memory of a block, and fails if it does more than read."""

    slowest = 0.0
    largest = 0  # bytes of memory added
    share = 0.0  # of the allowed memory
    biggest = 0  # bytes of a file
    active = False

    def __init__(self, content: bytes) -> None:
        self.size = len(content)

    def __enter__(self) -> None:
        faulthandler.dump_traceback_later(HANG, exit=True)
        self.before = self.memory(reset=True)
        self.begin = time.perf_counter()
        Watch.active = True

    def __exit__(self, *exception: object) -> None:
        Watch.active = False
        seconds = time.perf_counter() - self.begin
        faulthandler.cancel_dump_traceback_later()
        added = self.memory(reset=False) - self.before
        allowed = MEMORY_FIXED + MEMORY_MULTIPLE * self.size
        assert added <= allowed, f"{added:,} bytes of memory for a file of {self.size:,}"
        Watch.slowest = max(Watch.slowest, seconds)
        Watch.largest = max(Watch.largest, added)
        Watch.share = max(Watch.share, added / allowed)
        Watch.biggest = max(Watch.biggest, self.size)

    @staticmethod
    def memory(reset: bool) -> int:
        """Return the peak of resident memory since the last reset, or of the whole process where it cannot be reset."""
        status = Path("/proc/self/status")
        if not status.exists():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


def audit(event: str, arguments: tuple[Any, ...]) -> None:
    if Watch.active and event.startswith(FORBIDDEN):
        raise AssertionError(f"reading a file led to {event} {arguments}")


def outcome(result: Any) -> str:
    return "refused" if result is None else "read, and valid"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="folder for the file that is being read (default: a temporary one)")
    arguments = parser.parse_args()
    faulthandler.enable()
    # Mutated numbers, such as the range of the inputs, may be warned of.
    warnings.simplefilter("ignore", cr.ChainruleWarning)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(exist_ok=True)
    small, large = models(folder)
    use(cr.load(folder / "whole"), folder / "again")  # imports everything that is needed later
    sys.addaudithook(audit)
    outcomes: Counter[str] = Counter()
    for number in range(arguments.first, arguments.first + arguments.files):
        rng = random.Random(f"{arguments.seed}/{number}")
        try:
            then = read_model(hostile_model(rng, [large] if number % LARGE_EVERY == 0 else small), folder / "model")
            outcomes[f"model files {outcome(then)}"] += 1
            if then is not None:
                then()
            if number % IDX_EVERY == 0:
                content, dimensions = hostile_idx(rng)
                outcomes[f"IDX files {outcome(read_idx(content, folder / 'idx', dimensions))}"] += 1
        except BaseException:
            print(f"file {number} of seed {arguments.seed}, in {folder}:", file=sys.stderr)
            raise
    for name, count in sorted(outcomes.items()):
        print(f"{count:9,} {name}")
    print(f"{Watch.slowest:9.3f} s at most per file")
    print(
        f"{Watch.largest / 2**20:9.1f} MiB of memory at most added by a file; the largest has {Watch.biggest:,} bytes"
    )
    print(
        f"{Watch.share:9.0%} at most of what is allowed: {MEMORY_FIXED >> 20} MiB and {MEMORY_MULTIPLE} times its size"
    )
    if arguments.folder is None:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
