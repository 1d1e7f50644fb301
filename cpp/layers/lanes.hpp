// Groups of 16 samples in the lanes of vectors: the layout of a signal, its conversion from and to rows, and the
// division of groups among threads.
#pragma once

#include <algorithm>

#include "layers/layer.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

constexpr size_t group_samples = panel_width;
inline size_t groups_of(size_t samples) { return (samples + group_samples - 1) / group_samples; }
inline size_t samples_in(size_t group, size_t samples) {
  const size_t left = samples - group * group_samples;
  return left < group_samples ? left : group_samples;
}

// Whether a layer computes some samples with less work if they are in lanes, by the multiply-adds of one sample in a
// lane, and in a row, where some are for padding. Conversions count for a row.
inline bool lanes_pay(size_t samples, double lane_work, double row_work) {
  return double(groups_of(samples) * group_samples) * lane_work < double(samples) * row_work;
}

// Some rows of the images of a group: the unit of work that threads divide.
struct RowsOfGroup {
  size_t group, begin, end;
};

// Calls function(rows of a group) for a share of the rows of all groups.
template <class Function>
void for_each_group(const Range& part, size_t height, Function function) {
  for (size_t unit = part.begin; unit < part.end;) {
    const size_t group = unit / height;
    const size_t end = part.end < (group + 1) * height ? part.end : (group + 1) * height;
    function(RowsOfGroup{group, unit - group * height, end - group * height});
    unit = end;
  }
}

// The beginning of the values of a group, in rows or in lanes.
template <class T>
T* group_at(T* values, size_t stride, size_t group) {
  return values + group * group_samples * stride;
}

// The activations or deltas of a group in lanes: in place, or a copy. Calls with the same Use share the memory of the
// copy.
template <class T, class Use>
T* group_in_lanes(const Signal<T>& signal, T* values, size_t group, size_t samples, Missing missing) {
  T* const first = group_at(values, signal.stride, group);
  if (signal.in_lanes) return first;
  T* const copy = scratch<T, Use>(signal.size * group_samples);
  kernels<T>().to_lanes({first, signal.stride, samples_in(group, samples), copy, signal.size, missing});
  return copy;
}

// Copies some values of a group from lanes to the rows of a signal.
template <class T>
void lanes_to_rows(T* lanes, T* values, size_t stride, size_t group, size_t samples, const Range& part) {
  kernels<T>().from_lanes(
      {group_at(values, stride, group) + part.begin, stride, samples_in(group, samples), lanes, part.size()});
}

// Copies some outputs of a group, which have no activation, from lanes to a signal in rows.
template <class T>
void outputs_to_rows(T* lanes, const Signal<T>& above, size_t group, size_t samples, const Range& part) {
  lanes_to_rows(lanes, above.activations, above.stride, group, samples, part);
  if (above.pre_activations == above.activations) return;
  lanes_to_rows(lanes, above.pre_activations, above.stride, group, samples, part);
}

// A constant of each of some features, in all lanes of its vector.
template <class T>
T* in_all_lanes(const T* constants, const Range& features, T* lanes) {
  for (size_t k = features.begin; k < features.end; ++k) {
    std::fill_n(lanes + k * group_samples, group_samples, constants[k]);
  }
  return lanes;
}

// Some values of a group of a signal in lanes, as one row for element-wise kernels.
template <class T>
Rows<T> lanes_as_row(const Signal<T>& signal, size_t group, const Range& part) {
  const size_t first = part.begin * group_samples;
  return {group_at(signal.pre_activations, signal.stride, group) + first,
          group_at(signal.activations, signal.stride, group) + first,
          signal.deltas == nullptr ? nullptr : group_at(signal.deltas, signal.stride, group) + first,
          0,
          part.size() * group_samples,
          {0, 1},
          signal.activation};
}

// a = f(a) for values that are next to each other.
template <class T>
void activate_in_place(T* values, size_t size, Activation activation) {
  if (activation == Activation::identity) return;
  kernels<T>().activate({.pre_activations = values,
                         .activations = values,
                         .deltas = nullptr,
                         .stride = 0,
                         .outputs = size,
                         .rows = {0, 1},
                         .activation = activation});
}

template <class T>
void activate(const Signal<T>& signal, size_t group, const Range& part) {
  if (signal.activation != Activation::identity) kernels<T>().activate(lanes_as_row(signal, group, part));
}

template <class T>
void multiply_by_derivative(const Signal<T>& signal, size_t group, const Range& part) {
  if (signal.activation != Activation::identity) kernels<T>().activation_gradient(lanes_as_row(signal, group, part));
}

// Turns gradients by activations of a group, in lanes, into deltas of a signal. A signal in lanes has them in place
// already, and only the derivative is applied. To a signal in rows they are copied; finish_deltas applies the
// derivative later.
template <class T>
void hand_down(T* lanes, const Signal<T>& below, size_t group, size_t samples, const Range& part) {
  if (below.in_lanes) return multiply_by_derivative(below, group, part);
  lanes_to_rows(lanes, below.deltas, below.stride, group, samples, part);
}

// Called after all groups have been handed down. Threads divide the samples differently here, hence the barrier.
template <class T>
void finish_deltas(const Team& team, const Signal<T>& below, size_t samples) {
  if (below.in_lanes || below.activation == Activation::identity) return;
  team.barrier();
  multiply_by_derivative(below, team.share_rows(samples));
}

}  // namespace chainrule
