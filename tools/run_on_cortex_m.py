"""Networks as files of C on emulated microcontrollers: a Cortex-M4F and a Cortex-M7 make the bytes of the core.

Needs Debian's gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm:

    python tools/run_on_cortex_m.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from c_files import STRICT, expected_hashes, program_of_hashes
from networks_of_layers import NETWORKS
from onnx_files import samples, shaken

import chainrule as cr

# QEMU's machine, and the flags of its processor: the M4 has an FPU of single precision, the M7 of double.
MACHINES = {
    "mps2-an386": ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"],
    "mps2-an500": ["-mcpu=cortex-m7", "-mfpu=fpv5-d16"],
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


def run_on(machine, flags, files, folder):
    """Build the program for a machine, and return what it prints."""
    program = folder / f"{machine}.elf"
    build = ["arm-none-eabi-gcc", *STRICT, *flags, "-mthumb", "-mfloat-abi=hard", "-O2", "--specs=rdimon.specs"]
    build += ["-T", folder / "memory.ld", folder / "start.c", *files, "-o", program, "-lm"]
    subprocess.run(build, check=True)
    emulate = ["qemu-system-arm", "-machine", machine, "-nographic", "-monitor", "none", "-serial", "none"]
    emulate += ["-semihosting-config", "enable=on,target=native", "-kernel", program]
    return subprocess.run(emulate, check=True, capture_output=True, text=True, timeout=600).stdout


def main():
    """Compare every kind of layer on both machines; the exit status tells whether all agree."""
    nets = {}
    for name, (layers, shape) in NETWORKS.items():
        nets[name] = shaken(cr.Network([cr.Input(*shape), *(make() for make in layers)], seed=0))
    given = {name: samples(net) for name, net in nets.items()}
    expected = expected_hashes(nets, given)
    agree = True
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        files = program_of_hashes(nets, given, folder)
        (folder / "start.c").write_text(START)
        (folder / "memory.ld").write_text(MEMORY)
        for machine, flags in MACHINES.items():
            same = run_on(machine, flags, files, folder) == expected
            agree = agree and same
            print(f"{machine}, {flags[0]}: {len(nets)} networks {'have the same bytes' if same else 'DIFFER'}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
