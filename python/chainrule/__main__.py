"""The command line: ``python -m chainrule`` trains handwritten digits and shows what came of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

from . import _checks, plot

WRONG_SHOWN = 4
SHADES = " .:-=+*#%@"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _options(list(sys.argv[1:] if arguments is None else arguments))
    try:
        commands = {"train": train, "check": check, "info": info, "export": export}
        return commands[options.command](options)
    except (cr.ChainruleError, ValueError, OSError, ImportError) as error:
        print(f"chainrule: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def _options(arguments: list[str]) -> argparse.Namespace:
    if arguments[:1] == ["export"]:
        return _export_parser().parse_args(arguments[1:])
    return _parser().parse_args(arguments)


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chainrule export", description="Write a saved network in another form.")
    parser.set_defaults(command="export")
    parser.add_argument("model", help="file of Network.save")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--c", nargs="?", const="", metavar="FILE", help="C99, with a header next to it (default: model.c)"
    )
    form.add_argument("--onnx", nargs="?", const="", metavar="FILE", help="ONNX (default: model.onnx)")
    parser.add_argument("--name", help="of C: what the public names begin with (default: model)")
    parser.add_argument("--weights", help="of C: float32, float64, float16 or int8 (default: as they are)")
    return parser


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chainrule", description="Train a network on handwritten digits, and check every number in it."
    )
    parser.add_argument(
        "command", nargs="?", default="train", choices=["train", "check", "info", "export"],
        help="train (default): the digits; check: the core against its references; info: the build; "
        "export: a saved network in C or ONNX, see chainrule export --help",
    )  # fmt: skip
    parser.add_argument("--data", metavar="DIR", help="folder of the full MNIST (default: the embedded sample)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the data (default %(default)s)")
    parser.add_argument("--hidden", type=int, default=300, help="hidden units (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="samples a step (default %(default)s)")
    parser.add_argument("--rate", type=float, default=0.1, help="learning rate (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and shuffling (default %(default)s)")
    parser.add_argument("--save", metavar="FILE", help="write the trained network (safetensors)")
    parser.add_argument("--plot", metavar="FILE", help="draw learning curve, confusion matrix and first-layer weights")
    return parser


def train(options: argparse.Namespace) -> int:
    """Train on the digits and report."""
    digits = cr.data.mnist_sample() if options.data is None else cr.data.mnist(options.data)
    net = _network(options)
    net.summary()
    print(f"\n{len(digits.X_train):,} training and {len(digits.X_test):,} test images")
    _checks.checked_integer(options.epochs, "--epochs", lowest=1)
    begin = time.perf_counter()
    net.fit(
        digits.X_train,
        digits.y_train,
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer=cr.SGD(options.rate, momentum=0.9),
        loss="cross_entropy",
        validation_data=(digits.X_test, digits.y_test),
        callbacks=[_print_epoch],
        verbose=int(sys.stderr.isatty()),
    )
    seconds = time.perf_counter() - begin
    guesses = net.predict_classes(digits.X_test)
    accuracy = float((guesses == digits.y_test).mean())
    confusion = plot.count_confusions(digits.y_test, guesses, 10)
    print(f"\ntest accuracy {accuracy:.2%}\n\n{_as_table(confusion)}\n")
    _show_wrong(digits.X_test, digits.y_test, guesses)
    speed = options.epochs * len(digits.X_train) / seconds
    print(f"training speed {speed:,.0f} samples a second ({seconds / options.epochs:.3f} s an epoch), {_build()}\n")
    report = net.check(
        digits.X_train[:8], digits.y_train[:8], loss="cross_entropy", optimizer=cr.SGD(options.rate, momentum=0.9)
    )
    print(report)
    if options.save:
        net.save(options.save)
        print(f"saved {options.save}")
    if options.plot:
        plot.training_overview(net, digits.y_test, guesses).savefig(options.plot)
        print(f"drew {options.plot}")
    return 0 if report.ok else 1


def check(options: argparse.Namespace) -> int:
    """Check the digits' network, and the textbook's encoder with the object model."""
    digits = cr.data.mnist_sample()
    reports = {
        f"digits, 784-{options.hidden}-10": _network(options).check(digits.X_train[:8], digits.y_train[:8]),
        "8-3-8 encoder": cr.Network([8, 3, 8], "sigmoid", "sigmoid", seed=options.seed).check(*cr.data.identity8()),
    }
    for name, report in reports.items():
        print(f"{name}\n{report}\n")
    return 0 if all(report.ok for report in reports.values()) else 1


def info(options: argparse.Namespace) -> int:
    """Show version, compiler, instruction set and threads."""
    for name, value in cr.info().items():
        print(f"{name:10}{value}")
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a saved network in another form."""
    model = Path(options.model)
    net = cr.load(model)
    if options.c is None:
        for argument in ("name", "weights"):
            if getattr(options, argument) is not None:
                raise ValueError(f"--{argument} needs --c")
        target = options.onnx or model.with_suffix(".onnx")
        net.to_onnx(target)
        print(f"wrote {target}")
        return 0
    target = Path(options.c or model.with_suffix(".c"))
    sizes = net.to_c(target, name=options.name or "model", weights=options.weights)
    print(f"wrote {target} and {target.with_suffix('.h')}")
    print(f"constants {sizes.constants:,} bytes\nworkspace {sizes.workspace:,} bytes")
    if sizes.state > 0:
        print(f"state     {sizes.state:,} bytes for each stream")
    return 0


def _network(options: argparse.Namespace) -> cr.Network:
    return cr.Network(
        [cr.Input(784, scale=1 / 255), options.hidden, 10], activation="relu", output="softmax", seed=options.seed
    )


def _build() -> str:
    facts = cr.info()
    return f"{facts['isa']}, up to {facts['threads']} threads"


def _print_epoch(net: cr.Network, epoch: int, metrics: Mapping[str, float]) -> None:
    # The bar is on standard error, and clears itself for the line.
    from tqdm import tqdm

    tqdm.write(
        f"epoch {epoch:3}  loss {metrics['loss']:.4f}  accuracy {metrics['accuracy']:.4f}"
        f"  test loss {metrics['val_loss']:.4f}  test accuracy {metrics['val_accuracy']:.4f}",
        file=sys.stdout,
    )


def _as_table(confusion: NDArray[np.int64]) -> str:
    lines = ["digit  read as " + "".join(f"{digit:6}" for digit in range(10))]
    lines += [f"{digit:5}          " + "".join(f"{n or '.':>6}" for n in row) for digit, row in enumerate(confusion)]
    return "\n".join(lines)


def _show_wrong(X: NDArray[np.uint8], truth: NDArray[np.int64], guesses: NDArray[np.int64]) -> None:
    wrong = np.flatnonzero(truth != guesses)
    if wrong.size == 0:
        print("not one digit read wrong\n")
        return
    print(f"{wrong.size} of {len(truth)} read wrong, the first of them:")
    drawn = [_draw(X[i]) for i in wrong[:WRONG_SHOWN]]
    titles = [f"test image {i}: a {truth[i]}, read as {guesses[i]}".ljust(30) for i in wrong[:WRONG_SHOWN]]
    print("  ".join(titles))
    for row in zip(*drawn, strict=True):
        print("  ".join(line.ljust(30) for line in row).rstrip())
    print()


def _draw(image: NDArray[np.uint8]) -> list[str]:
    # Two rows of pixels make one of characters, which are twice as high as wide.
    rows = image.reshape(14, 2, 28).astype(int).mean(axis=1)
    return ["".join(SHADES[int(value) * len(SHADES) // 256] for value in row) for row in rows]


if __name__ == "__main__":
    sys.exit(main())
