// Samples in blocks, whose values a thread keeps in scratch memory at a time.
#pragma once

#include "base/range.hpp"

namespace chainrule {

// Calls function(block) for consecutive blocks of `size` elements of a range; the last one may be shorter.
template <class Function>
void for_each_block(const Range& range, size_t size, Function function) {
  for (size_t begin = range.begin; begin < range.end; begin += size) {
    function(Range{begin, begin + size < range.end ? begin + size : range.end});
  }
}

}  // namespace chainrule
