// Where a layer's gradient goes: into memory, or through the optimiser's rule straight into the parameters. The second
// is what makes small steps fast, as no gradient is stored.
#pragma once

#include "kernels/table.hpp"

namespace chainrule {

// One of the parts in which a gradient can be computed, so that each can be handed on while others are computed.
struct GradientPart {
  size_t index = 0, count = 1;

  bool is_whole() const { return count == 1; }
};

// Where a part is in a gradient: `count` runs of `size` numbers, `stride` apart.
struct GradientRuns {
  size_t begin, size, count = 1, stride = 0;
};

template <class T>
struct GradientTarget {
  T* gradient = nullptr;                    // laid out as the parameters; unused with an update
  bool accumulate = false;                  // add to the sums that are in `gradient`
  const StepSettings<T>* update = nullptr;  // null: store
  T* slots[max_slots] = {};                 // the optimiser's state, laid out as the parameters
  bool every_row = false;                   // update rows that no sample touches, too
  GradientPart part = {};                   // what is computed; the whole with an update
};

// The parameters from an offset on, with their state.
template <class T>
Parameters<T> offset_by(Parameters<T> parameters, size_t offset) {
  parameters.values += offset;
  for (T*& slot : parameters.slots) {
    if (slot != nullptr) slot += offset;
  }
  return parameters;
}

// `count` runs of 16 parameters, `stride` apart, such as a row of weights in its panels.
template <class T>
struct ParameterRuns {
  Parameters<T> first = {};
  size_t count = 0, stride = 0;
};

// Rows of parameters that are next to each other in each run, and those of them that are a thread's.
template <class T>
struct ParameterRowRuns {
  ParameterRuns<T> first = {};  // of row 0
  Range own = {};

  // None if the row is another thread's.
  ParameterRuns<T> row(size_t i) const {
    const bool is_own = i >= own.begin && i < own.end;
    return {offset_by(first.first, i * panel_width), is_own ? first.count : 0, first.stride};
  }
};

// Always inlined: a compiler that finds that a function has no effect on any value leaves out its calls.
template <class T>
__attribute__((always_inline)) inline void prefetch(const ParameterRuns<T>& runs) {
  for (size_t i = 0; i < runs.count; ++i) {
    __builtin_prefetch(runs.first.values + i * runs.stride, 1);
    for (const T* slot : runs.first.slots) {
      if (slot != nullptr) __builtin_prefetch(slot + i * runs.stride, 1);
    }
  }
}

}  // namespace chainrule
