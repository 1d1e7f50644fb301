"""Times of trained models that packages carry, in chainrule and in onnxruntime, on one thread.

    python tools/time_trained.py

It needs the packages silero-vad and speechmos, of which it reads files alone, and prints the median microseconds of
calls that take turns.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

import chainrule as cr
from chainrule.inference import Predictor

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from trained_models import PROBABILITIES, SPECTRUM, carried, cut, parts_of_silero

NOTHING = np.zeros((1, 1, 128), np.float32)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def compare(name, ours, theirs, seconds=4.0):
    np.testing.assert_allclose(ours().ravel(), theirs().ravel(), atol=1e-5)
    times = [], []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for call, of_call in zip((ours, theirs), times, strict=True):
            begin = time.perf_counter()
            call()
            of_call.append(1e6 * (time.perf_counter() - begin))
    print(f"{name:28}" + "".join(f"{statistics.median(of_call):12,.0f}" for of_call in times))


def time_dnsmos(name):
    path = carried("speechmos", f"dnsmos_models/{name}.onnx")
    net, theirs = cr.from_onnx(path), session(path)
    (given,) = theirs.get_inputs()
    X = np.random.default_rng(0).uniform(-1, 1, (1, *given.shape[1:])).astype(np.float32)
    samples = X.reshape(1, *net.shapes[0])
    compare(f"DNSMOS {name}", lambda: net.predict(samples), lambda: theirs.run(None, {given.name: X})[0])


def time_silero(frames, folder):
    path = carried("silero_vad", "data/silero_vad_16k_sequence.onnx")
    encoder, decoder = map(cr.from_onnx, parts_of_silero(path, folder))
    cut(path, SPECTRUM, ["N", 129, 4], PROBABILITIES, folder / "whole.onnx", h=NOTHING, c=NOTHING)
    theirs = session(folder / "whole.onnx")
    X = np.random.default_rng(0).uniform(0, 2, (frames, 129, 4)).astype(np.float32)
    samples = np.ascontiguousarray(np.moveaxis(X, 1, -1))

    def ours():
        return decoder.predict(encoder.predict(samples).reshape(1, frames, 128))

    if frames == 1:
        encode, decode = Predictor(encoder), Predictor(decoder.fixed(np.zeros((1, 1, 128))))

        def ours():
            return decode(encode(samples[0]).reshape(1, 128))

    compare(f"silero-vad, {frames} frames", ours, lambda: theirs.run(None, {SPECTRUM: X})[0])


def main():
    cr.set_num_threads(1)
    print(f"{'microseconds':28}{'chainrule':>12}{'onnxruntime':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for frames in (1, 94, 938):
            time_silero(frames, Path(folder))
    for name in ("model_v8", "sig", "bak_ovr"):
        time_dnsmos(name)


if __name__ == "__main__":
    main()
