// A half-open range of indices. Kernels include it, so it includes nothing of the standard library.
#pragma once

#include <stddef.h>

namespace chainrule {

struct Range {
  size_t begin, end;
  size_t size() const { return end - begin; }
};

}  // namespace chainrule
