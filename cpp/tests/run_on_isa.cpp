// Runs a test if this processor has the instruction set that CHAINRULE_ISA names, and says "skipped" if not. A test
// compiled for AVX-512 cannot ask for itself: the question might be compiled to AVX-512 too.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/table.hpp"

int main(int count, char** arguments) {
  const char* wanted = std::getenv("CHAINRULE_ISA");
  if (count < 2 || wanted == nullptr) {
    std::fprintf(stderr, "usage: CHAINRULE_ISA=name run_on_isa program [arguments]\n");
    return 2;
  }
  // Dispatch falls back to another table when the processor lacks the one that was asked for.
  if (wanted != std::string(chainrule::kernel_table().name)) return CHAINRULE_SKIPPED;
  execv(arguments[1], arguments + 1);
  std::perror(arguments[1]);
  return 2;
}
