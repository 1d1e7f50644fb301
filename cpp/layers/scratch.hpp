// Memory that a thread needs for the length of a call. It outlives the call, as fresh memory is slow memory; it belongs
// to the thread, as many threads may use one layer at a time.
#pragma once

#include "base/aligned.hpp"

namespace chainrule {

// Room for `size` numbers, with anything in it. Calls with the same Use share it.
template <class T, class Use>
T* scratch(size_t size) {
  thread_local AlignedArray<T> array;
  if (array.size() < size) array = AlignedArray<T>(size);
  return array.data();
}

}  // namespace chainrule
