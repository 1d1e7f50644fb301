"""Networks as files of C on emulated processors: all of them must print the hashes of the core's outputs.

    python tools/run_on_processors.py

Needs Debian's cross compilers, qemu-user, and for the microcontrollers gcc-arm-none-eabi, libnewlib-arm-none-eabi and
qemu-system-arm; what is missing is left out.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from c_files import STRICT, everything, expected_hashes, from_table, has, program_of_hashes, run
from networks_of_layers import NETWORKS
from onnx_files import samples

LINUX = ["-O2", "-static"]
# The machines of QEMU are bare: the file says where they have memory, and how they begin.
BARE = ["-O2", "-mthumb", "-mfloat-abi=hard", "--specs=rdimon.specs", "-T", "memory.ld", "start.c"]
BOARD = ["-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]

# How to compile for each processor, and how to run. The Cortex-M4 has an FPU of single precision, the M7 of double.
PROCESSORS = {
    "x86-64": (["cc", *LINUX], []),
    "x86-64, AVX2": (["cc", *LINUX, "-mavx2", "-mfma"], []),
    "aarch64": (["aarch64-linux-gnu-gcc", *LINUX], ["qemu-aarch64"]),
    "armhf": (["arm-linux-gnueabihf-gcc", *LINUX], ["qemu-arm"]),
    "riscv64": (["riscv64-linux-gnu-gcc", *LINUX], ["qemu-riscv64"]),
    "Cortex-M4F": (
        ["arm-none-eabi-gcc", *BARE, "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"],
        ["qemu-system-arm", "-machine", "mps2-an386", *BOARD, "-kernel"],
    ),
    "Cortex-M7": (
        ["arm-none-eabi-gcc", *BARE, "-mcpu=cortex-m7", "-mfpu=fpv5-d16"],
        ["qemu-system-arm", "-machine", "mps2-an500", *BOARD, "-kernel"],
    ),
}

# The processor begins with the stack and the address in the first two words; the FPU is off at first.
START = """
#include <stdint.h>

extern uint32_t stack_top;
extern void _start(void);

void reset(void) {
  *(volatile uint32_t *)0xE000ED88 |= 0xF << 20;
  __asm volatile("dsb\\nisb");
  _start();
}

typedef struct {
  uint32_t *stack;
  void (*reset)(void);
} vector_table;

__attribute__((section(".vectors"), used)) static const vector_table vectors = {&stack_top, reset};
"""

MEMORY = """
ENTRY(reset)
MEMORY {
  FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4M
  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M
}
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) KEEP(*(.init)) KEEP(*(.fini)) } > FLASH
  .ARM.exidx : { *(.ARM.exidx*) } > FLASH
  .init_array : { KEEP(*(SORT(.init_array*))) } > FLASH
  .data : { *(.data*) } > RAM
  .bss : { __bss_start__ = .; *(.bss*) *(COMMON) __bss_end__ = .; end = .; __end__ = .; } > RAM
  stack_top = ORIGIN(RAM) + LENGTH(RAM);
}
"""


def run_on(compile_for, emulate, files, folder):
    """Build the program for a processor, and return what it prints."""
    compiler, *flags = compile_for
    run(compiler, *STRICT, *flags, *files, "-o", "program", "-lm", cwd=folder)
    return run(*emulate, folder / "program", timeout=600)


def main():
    """Compare all kinds of layers on all processors; the exit status tells whether they agree."""
    nets = {name: from_table(name) for name in NETWORKS} | everything("float32")
    given = {name: samples(net) for name, net in nets.items()}
    expected = expected_hashes(nets, given)
    print(f"{len(nets)} networks in the core: {short(expected)}")
    agree = True
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        files = program_of_hashes(nets, given, folder)
        (folder / "start.c").write_text(START)
        (folder / "memory.ld").write_text(MEMORY)
        for name, (compile_for, emulate) in PROCESSORS.items():
            needed = [compile_for[0], *emulate[:1]]
            if not has(*needed):
                print(f"{name}: left out, as it needs {' and '.join(needed)}")
                continue
            printed = run_on(compile_for, emulate, files, folder)
            agree = agree and printed == expected
            print(f"{name}: {short(printed)}, {'the same' if printed == expected else 'DIFFERS'}", flush=True)
    return 0 if agree else 1


def short(hashes):
    """One hash of all."""
    return hashlib.sha256(hashes.encode()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
