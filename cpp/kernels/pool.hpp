// Pools over images with channels in the lanes of a vector. If a place has fewer channels than lanes, its vector
// overlaps the next place, which is written later. Nothing is written after the last place of a row of the image.
#pragma once

#include "kernels/loss.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// The places of an axis that a window covers.
inline Range window_of(const PoolAxis& axis, size_t output) {
  const size_t begin = output * axis.stride;
  const size_t end = begin + axis.window - axis.before;
  return {begin < axis.before ? 0 : begin - axis.before, end < axis.inputs ? end : axis.inputs};
}

// The outputs whose windows overlap some of the inputs.
inline Range windows_at(const PoolAxis& axis, const Range& inputs) {
  Range outputs = {0, axis.outputs};
  while (outputs.begin < outputs.end && window_of(axis, outputs.begin).end <= inputs.begin) ++outputs.begin;
  while (outputs.begin < outputs.end && window_of(axis, outputs.end - 1).begin >= inputs.end) --outputs.end;
  return outputs;
}

// Stores a vector at row[at], without the lanes that would be at `size` or beyond.
template <class T>
CHAINRULE_INLINE void store_within(const Vector<T>& v, T* row, size_t at, size_t size) {
  if (at + lanes <= size) return v.store(row + at);
  alignas(64) T values[lanes];
  v.store(values);
  for (size_t i = 0; at + i < size; ++i) row[at + i] = values[i];
}

// Calls compute(output offset, window's rows, window's columns, channel) for each vector of some rows of the outputs.
template <class T, class Compute>
CHAINRULE_INLINE void for_each_window(const Pool<T>& pool, const Range& outputs, Compute compute) {
  for (size_t y = outputs.begin; y < outputs.end; ++y) {
    const Range rows = window_of(pool.rows, y);
    for (size_t x = 0; x < pool.columns.outputs; ++x) {
      const Range columns = window_of(pool.columns, x);
      const size_t at = (y * pool.columns.outputs + x) * pool.channels;
      for (size_t c = 0; c < pool.channels; c += lanes) compute(at + c, rows, columns, c);
    }
  }
}

// Calls visit(offset, end of the row) for each place of a window, in row-major order.
template <class T, class Visit>
CHAINRULE_INLINE void for_each_place(const Pool<T>& pool, const Range& rows, const Range& columns, size_t channel,
                                     Visit visit) {
  for (size_t y = rows.begin; y < rows.end; ++y) {
    size_t at = (y * pool.columns.inputs + columns.begin) * pool.channels + channel;
    const size_t end = (y + 1) * pool.columns.inputs * pool.channels;
    for (size_t x = columns.begin; x < columns.end; ++x, at += pool.channels) visit(at, end);
  }
}

template <class T>
size_t input_row(const Pool<T>& pool) {
  return pool.columns.inputs * pool.channels;
}
// Where the outputs of the rows end that are computed. What follows can be another thread's.
template <class T>
size_t output_end(const Pool<T>& pool) {
  return pool.part.end * pool.columns.outputs * pool.channels;
}

template <class T>
CHAINRULE_INLINE T place_count(const Range& rows, const Range& columns) {
  return T(rows.size() * columns.size());
}

template <class T>
void max_pool(const Pool<T>& pool) {
  const size_t end = output_end(pool);
  for_each_window(pool, pool.part, [&](size_t at, const Range& rows, const Range& columns, size_t channel) {
    const T* const inputs = pool.inputs;
    Vector<T> largest =
        Vector<T>::load(inputs + (rows.begin * pool.columns.inputs + columns.begin) * pool.channels + channel);
    for_each_place(pool, rows, columns, channel, [&](size_t place, size_t) {
      const Vector<T> value = Vector<T>::load(inputs + place);
      // max propagates a NaN in `largest`; the select propagates one in `value`.
      largest = select(equal(value, value), max(value, largest), value);
    });
    store_within(largest, pool.outputs, at, end);
  });
}

// Whether each place of an axis is in exactly one window.
inline bool tiles(const PoolAxis& axis) {
  return axis.before == 0 && axis.stride == axis.window && axis.outputs * axis.stride == axis.inputs;
}

// Adds its share of the delta to each place of each window. share_of(output offset, delta, rows, columns)
// returns the function from a place to its share. Lanes beyond the last channel get zero, because they overlap the next
// place.
template <class T, class Share>
CHAINRULE_INLINE void pool_gradient(const Pool<T>& pool, Share share_of) {
  const Mask<T> last_channels = real_lanes<T>(pool.channels, (pool.channels - 1) / lanes);
  // If a place spans several vectors, storing the last one in full would overwrite the start of the next place.
  const bool apart = pool.channels <= lanes || pool.channels % lanes == 0;
  const bool once = apart && tiles(pool.rows) && tiles(pool.columns);
  const size_t begin = pool.part.begin * input_row(pool), part_end = pool.part.end * input_row(pool);
  T* const deltas = pool.input_deltas;
  if (!once) __builtin_memset(deltas + begin, 0, (part_end - begin) * sizeof(T));
  for_each_window(pool, windows_at(pool.rows, pool.part),
                  [&](size_t at, const Range& rows, const Range& columns, size_t channel) {
                    Vector<T> delta = Vector<T>::load(pool.output_deltas + at);
                    if (channel + lanes > pool.channels) delta = select(last_channels, delta, Vector<T>::zero());
                    auto share = share_of(at, delta, rows, columns);
                    for_each_place(pool, rows, columns, channel, [&](size_t place, size_t end) {
                      const Vector<T> gets = share(place);
                      if (place < begin || place >= part_end) return;
                      store_within(once ? gets : Vector<T>::load(deltas + place) + gets, deltas, place, end);
                    });
                  });
}

// The first place that has the maximum gets the delta.
template <class T>
void max_pool_gradient(const Pool<T>& pool) {
  pool_gradient(pool, [&](size_t at, const Vector<T>& delta, const Range&, const Range&) {
    const T* const inputs = pool.inputs;
    const Vector<T> largest = Vector<T>::load(pool.outputs + at);
    return [=, left = delta](size_t place) mutable {
      const Mask<T> wins = equal(Vector<T>::load(inputs + place), largest);
      const Vector<T> gets = select(wins, left, Vector<T>::zero());
      left = select(wins, Vector<T>::zero(), left);
      return gets;
    };
  });
}

template <class T>
void mean_pool(const Pool<T>& pool) {
  const size_t end = output_end(pool);
  for_each_window(pool, pool.part, [&](size_t at, const Range& rows, const Range& columns, size_t channel) {
    const T* const inputs = pool.inputs;
    Vector<T> sum = Vector<T>::zero();
    for_each_place(pool, rows, columns, channel,
                   [&](size_t place, size_t) { sum = sum + Vector<T>::load(inputs + place); });
    const Vector<T> mean = sum / Vector<T>::broadcast(place_count<T>(rows, columns));
    store_within(mean, pool.outputs, at, end);
  });
}

template <class T>
void mean_pool_gradient(const Pool<T>& pool) {
  pool_gradient(pool, [](size_t, const Vector<T>& delta, const Range& rows, const Range& columns) {
    const Vector<T> each = delta / Vector<T>::broadcast(place_count<T>(rows, columns));
    return [=](size_t) { return each; };
  });
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
