#include "training/source.hpp"

#include <array>
#include <cmath>

namespace chainrule {

namespace {

const char* row_of(const Source& source, size_t row) { return source.data + ptrdiff_t(row) * source.row_stride; }

// Calls use(column, value) along a row; contiguous rows get a loop that the compiler can see through.
template <class S, class Use>
void for_each_value(const Source& source, size_t row, Use use) {
  const char* from = row_of(source, row);
  if (source.column_stride == ptrdiff_t(sizeof(S))) {
    const S* values = reinterpret_cast<const S*>(from);
    for (size_t k = 0; k < source.columns; ++k) use(k, values[k]);
  } else {
    for (size_t k = 0; k < source.columns; ++k) {
      use(k, *reinterpret_cast<const S*>(from + ptrdiff_t(k) * source.column_stride));
    }
  }
}

template <class T>
const std::array<T, 256>& scaled_bytes() {
  static const std::array<T, 256> table = [] {
    std::array<T, 256> values = {};
    for (size_t i = 0; i < values.size(); ++i) values[i] = T(double(i) / 255.0);
    return values;
  }();
  return table;
}

}  // namespace

template <class T>
void gather_row(const Source& source, size_t row, bool scale_bytes, T* to) {
  switch (source.element) {
    case Element::uint8:
      if (scale_bytes) {
        const std::array<T, 256>& table = scaled_bytes<T>();
        for_each_value<uint8_t>(source, row, [&](size_t k, uint8_t value) { to[k] = table[value]; });
      } else {
        for_each_value<uint8_t>(source, row, [&](size_t k, uint8_t value) { to[k] = T(value); });
      }
      break;
    case Element::float32:
      for_each_value<float>(source, row, [&](size_t k, float value) { to[k] = T(value); });
      break;
    case Element::float64:
      for_each_value<double>(source, row, [&](size_t k, double value) { to[k] = T(value); });
      break;
  }
}

bool all_finite(const Source& source) {
  // A value times zero is zero unless the value is not finite: no branch in the loop.
  for (size_t row = 0; row < source.rows; ++row) {
    double sum = 0;
    if (source.element == Element::float32) {
      for_each_value<float>(source, row, [&](size_t, float value) { sum += double(value * 0.0f); });
    } else if (source.element == Element::float64) {
      for_each_value<double>(source, row, [&](size_t, double value) { sum += value * 0.0; });
    }
    if (!(sum == 0)) return false;
  }
  return true;
}

template void gather_row<float>(const Source&, size_t, bool, float*);
template void gather_row<double>(const Source&, size_t, bool, double*);

}  // namespace chainrule
