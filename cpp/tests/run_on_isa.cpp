// Runs a test if this processor has the instruction set that CHAINRULE_ISA names, else reports that it is skipped. A
// test compiled for AVX-512 cannot check this itself: the check could be compiled to AVX-512 instructions.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/dispatch.hpp"

int main(int count, char** arguments) {
  const char* wanted = std::getenv("CHAINRULE_ISA");
  if (count < 2 || wanted == nullptr) {
    std::fprintf(stderr, "usage: CHAINRULE_ISA=name run_on_isa program [arguments]\n");
    return 2;
  }
  const std::vector<std::string> supported = chainrule::supported_isas();
  if (std::find(supported.begin(), supported.end(), wanted) == supported.end()) return CHAINRULE_SKIPPED;
  execvp(arguments[1], arguments + 1);
  std::perror(arguments[1]);
  return 2;
}
