// Memory of a thread for what does not outlive a call. It is kept from call to call, as a step must not allocate; each
// use has its own, so that layers may call one another.
#pragma once

#include "aligned.hpp"

namespace chainrule {

template <class Use, class T>
T* scratch(size_t size) {
  thread_local AlignedArray<T> array;
  if (array.size() < size) array = AlignedArray<T>(size);
  return array.data();
}

}  // namespace chainrule
