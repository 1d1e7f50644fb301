#include "kernels/dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "base/matrix_unit.hpp"

namespace chainrule {

#ifdef CHAINRULE_HAS_BASELINE
namespace baseline {
extern const KernelTable table;
}
#endif
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
#ifdef CHAINRULE_HAS_AMX
namespace amx {
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

#if defined(CHAINRULE_HAS_AVX512) || defined(CHAINRULE_HAS_AMX)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2");
}
#endif

// Best first. The builtins also check that the operating system supports the registers. clang 14 does not know the
// names of whole levels (x86-64-v3), so the features are checked one by one.
std::vector<const KernelTable*> supported_tables() {
  const Choice choices[] = {
#ifdef CHAINRULE_HAS_AMX
      {&amx::table, has_avx512() && __builtin_cpu_supports("avx512bf16") && may_use_matrix_unit()},
#endif
#ifdef CHAINRULE_HAS_AVX512
      {&avx512::table, has_avx512()},
#endif
#ifdef CHAINRULE_HAS_AVX2
      {&avx2::table, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                         __builtin_cpu_supports("bmi2")},
#endif
#ifdef CHAINRULE_HAS_NEON
      {&neon::table, true},
#endif
#ifdef CHAINRULE_HAS_BASELINE
      {&baseline::table, true},
#endif
  };
  std::vector<const KernelTable*> tables;
  for (const Choice& choice : choices) {
    if (choice.supported) tables.push_back(choice.table);
  }
  return tables;
}

const KernelTable& named(const std::string& name) {
  std::string known;
  for (const KernelTable* table : supported_tables()) {
    if (name == table->name) return *table;
    known += (known.empty() ? "" : ", ") + std::string(table->name);
  }
  throw std::invalid_argument("unknown instruction set '" + name + "'; this processor has " + known);
}

const KernelTable& at_start() {
  const char* wanted = std::getenv("CHAINRULE_ISA");
  return wanted == nullptr ? *supported_tables().front() : named(wanted);
}

std::atomic<const KernelTable*>& chosen() {
  static std::atomic<const KernelTable*> table{&at_start()};
  return table;
}

}  // namespace

const KernelTable& kernel_table() { return *chosen().load(std::memory_order_relaxed); }

void choose_kernels(const std::string& isa) { chosen() = isa.empty() ? &at_start() : &named(isa); }

std::vector<std::string> supported_isas() {
  std::vector<std::string> names;
  for (const KernelTable* table : supported_tables()) names.emplace_back(table->name);
  return names;
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
