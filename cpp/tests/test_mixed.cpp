// Mixed precision by the kernels of each instruction set.
#include "base/flush_denormals.hpp"
#include "tests/mixed.hpp"

int main() {
  const chainrule::FlushDenormals flush;
  const chainrule::Kernels<float>& table = chainrule::kernels<float>();
  chainrule::tests::test_mixed({table.mixed, table.forward, table.weight_gradient});
  return chainrule::tests::result();
}
