// Chooses the kernel table once, by what the processor and the operating system offer.
#include <cstdlib>
#include <string>

#include "kernels/table.hpp"

namespace chainrule {

namespace baseline {
extern const KernelTable table;
}
#ifdef CHAINRULE_HAS_AVX2
namespace avx2 {
extern const KernelTable table;
}
#endif
#ifdef CHAINRULE_HAS_AVX512
namespace avx512 {
extern const KernelTable table;
}
#endif
#ifdef CHAINRULE_HAS_NEON
namespace neon {
extern const KernelTable table;
}
#endif

namespace {

struct Choice {
  const KernelTable* table;
  bool supported;
};

// Best first. The builtins ask for the operating system's support of the registers too; the names of whole levels
// (x86-64-v3) are unknown to clang 14, so the features are asked for one by one.
const KernelTable& choose() {
  const Choice choices[] = {
#ifdef CHAINRULE_HAS_AVX512
      {&avx512::table, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") &&
                           __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")},
#endif
#ifdef CHAINRULE_HAS_AVX2
      {&avx2::table, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                         __builtin_cpu_supports("bmi2")},
#endif
#ifdef CHAINRULE_HAS_NEON
      {&neon::table, true},
#endif
      {&baseline::table, true},
  };
  const char* wanted = std::getenv("CHAINRULE_ISA");
  for (const Choice& choice : choices) {
    if (choice.supported && (wanted == nullptr || std::string(wanted) == choice.table->name)) return *choice.table;
  }
  return baseline::table;
}

}  // namespace

const KernelTable& kernel_table() {
  static const KernelTable& chosen = choose();
  return chosen;
}

template <>
const Kernels<float>& kernels<float>() {
  return kernel_table().float32;
}
template <>
const Kernels<double>& kernels<double>() {
  return kernel_table().float64;
}

}  // namespace chainrule
