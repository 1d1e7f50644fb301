"""Searches, guided by coverage, for a file that is not refused cleanly: atheris on `load` and on `read_idx`.

    python tools/fuzz_coverage.py {model,description,idx} [folder] [libFuzzer's options, such as -max_total_time=600]

It needs atheris (`pip install atheris`). "model" mutates whole files; "description" mutates the JSON in the metadata of
a file and leaves its arrays unchanged. The folder keeps the corpus, from which the next run continues.
"""

import json
import struct
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["chainrule", "json", "gzip", "safetensors"]):
    import chainrule as cr

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))


def whole_model() -> bytes:
    X, y = cr.data.two_spirals(40)
    net = cr.Network([2, 3, 2], output="softmax", seed=0)
    net.fit(X, y, epochs=2, optimizer=cr.Adam(cr.Warmup(3, 0.1)), verbose=0, callbacks=[cr.EarlyStopping()],
            checkpoint=FOLDER / "whole")  # fmt: skip
    return (FOLDER / "whole").read_bytes()


WHOLE = whole_model()
END = 8 + int.from_bytes(WHOLE[:8], "little")
HEADER = json.loads(WHOLE[8:END])
DESCRIPTION = HEADER["__metadata__"]["chainrule"]


def read_model(content: bytes) -> None:
    (FOLDER / "file").write_bytes(content)
    try:
        network = cr.load(FOLDER / "file")
    except cr.ModelFileError:
        return
    assert network.predict([[0.0] * network.inputs]).shape == (1, network.outputs)
    repr(network.history)
    network.save(FOLDER / "again")
    cr.load(FOLDER / "again")


def read_description(content: bytes) -> None:
    HEADER["__metadata__"]["chainrule"] = content.decode("utf-8", "replace")
    header = json.dumps(HEADER).encode()
    read_model(struct.pack("<Q", len(header)) + header + WHOLE[END:])


def read_idx(content: bytes) -> None:
    (FOLDER / "file").write_bytes(content)
    for dimensions in (1, 3):
        try:
            array = cr.data.read_idx(FOLDER / "file", dimensions)
        except cr.DataError:
            continue
        assert array.ndim == dimensions


TARGETS = {
    "model": (read_model, WHOLE),
    "description": (read_description, DESCRIPTION.encode()),
    "idx": (read_idx, bytes([0, 0, 8, 1, 0, 0, 0, 3]) + b"abc"),
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    read, seed = TARGETS[sys.argv[1]]
    (FOLDER / "seeds").mkdir()
    (FOLDER / "seeds" / "whole").write_bytes(seed)
    atheris.Setup([sys.argv[0], *sys.argv[2:], str(FOLDER / "seeds")], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
