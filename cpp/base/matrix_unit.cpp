#include "base/matrix_unit.hpp"

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace chainrule {

namespace {

#if defined(__linux__) && defined(__x86_64__)

bool has_matrix_unit() {
  constexpr unsigned bfloat16_bit = 22, tile_bit = 24;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> bfloat16_bit & 1) != 0 && (d >> tile_bit & 1) != 0;
}

// The registers of the unit are 8 KB a thread, which Linux saves for a process that asks for it.
bool ask_for_permission() {
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

#else

bool has_matrix_unit() { return false; }
bool ask_for_permission() { return false; }

#endif

}  // namespace

bool may_use_matrix_unit() {
  static const bool may = has_matrix_unit() && ask_for_permission();
  return may;
}

}  // namespace chainrule
