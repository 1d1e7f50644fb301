"""Files of C make the bytes of the core on other processors, under emulation."""

import pytest
from c_files import STRICT, everything, expected_hashes, from_table, has, program_of_hashes, run
from onnx_files import samples


@pytest.mark.parametrize(
    ("compiler", "emulator"),
    [
        ("aarch64-linux-gnu-gcc", "qemu-aarch64"),
        ("arm-linux-gnueabihf-gcc", "qemu-arm"),
        ("riscv64-linux-gnu-gcc", "qemu-riscv64"),
    ],
)
def test_processors_make_the_same_bytes(compiler, emulator, tmp_path):
    for command in (compiler, emulator):
        if not has(command):
            pytest.skip(f"there is no {command}")
    nets = everything("float32") | {"double": from_table("columns", dtype="float64")}
    given = {name: samples(net) for name, net in nets.items()}
    files = program_of_hashes(nets, given, tmp_path)
    run(compiler, *STRICT, "-O1", "-static", *files, "-o", tmp_path / "program", "-lm")
    printed = run(emulator, tmp_path / "program")
    assert printed == expected_hashes(nets, given)
