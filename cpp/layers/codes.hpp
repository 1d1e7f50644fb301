// Codes: whole numbers from 0 to below a count that come as floating-point values. Python checks them; here others are
// clamped, so that nothing outside a table is read.
#pragma once

#include <algorithm>
#include <cstddef>

namespace chainrule {

template <class T>
size_t code_of(T input, size_t count) {
  return input > 0 ? std::min(size_t(std::min(input, T(count))), count - 1) : 0;
}

}  // namespace chainrule
