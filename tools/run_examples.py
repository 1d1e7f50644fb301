"""Run the examples at full size, one after the other, and print what each reaches.

    python tools/run_examples.py DIRECTORY_OF_MNIST

This takes about half an hour on two cores. Pictures are written to the current directory.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
MNIST = "DIRECTORY"
COMMANDS = (
    ("lenet_mnist.py", MNIST),
    ("lenet_mnist.py", MNIST, "--augment"),
    ("lstm_rows.py", MNIST),
    ("lstm_rows.py", MNIST, "--gru"),
    ("char_rnn.py",),
    ("adding_problem.py",),
    ("sine_forecast.py",),
    ("autoencoder.py", MNIST),
    ("denoising.py", MNIST),
    ("vae.py", MNIST),
    ("stacked_pretraining.py", MNIST),
    ("transfer.py", MNIST),
    ("search.py",),
    ("there_and_back.py",),
    ("gan.py", MNIST),
    ("vanishing.py",),
    ("evolve.py",),
)


def main() -> int:
    """Return the number of examples that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", help="folder of MNIST's files")
    directory = str(Path(parser.parse_args().directory).resolve())
    failed = 0
    for name, *arguments in COMMANDS:
        print(f"\n$ python examples/{' '.join([name, *arguments])}", flush=True)
        begin = time.perf_counter()
        given = [directory if argument == MNIST else argument for argument in arguments]
        done = subprocess.run([sys.executable, str(EXAMPLES / name), *given])
        failed += done.returncode != 0
        print(f"({time.perf_counter() - begin:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
