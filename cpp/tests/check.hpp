// Checks for test programs, which count the failures.
#pragma once

#include <cmath>
#include <cstdio>

namespace chainrule::tests {

inline int failures = 0;

inline void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::printf("FAILED: %s\n", what);
}

inline void expect_near(double got, double expected, double tolerance, const char* what) {
  if (std::abs(got - expected) <= tolerance * std::fmax(1.0, std::abs(expected))) return;
  ++failures;
  std::printf("FAILED: %s: got %.17g, expected %.17g\n", what, got, expected);
}

inline int result() {
  std::printf(failures == 0 ? "all passed\n" : "%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace chainrule::tests
