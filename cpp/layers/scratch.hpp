// Memory that a thread needs during a call. It is kept after the call, because new memory is slow; every thread has its
// own, because many threads can use one layer at a time.
#pragma once

#include "base/aligned.hpp"

namespace chainrule {

// An array of `size` numbers with arbitrary contents. Calls with the same Use share it.
template <class T, class Use>
T* scratch(size_t size) {
  thread_local AlignedArray<T> array;
  if (array.size() < size) array = AlignedArray<T>(size);
  return array.data();
}

}  // namespace chainrule
