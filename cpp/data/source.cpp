#include "data/source.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/team.hpp"
#include "base/tuning.hpp"
#include "kernels/table.hpp"

namespace chainrule {

namespace {

const char* row_of(const Source& source, size_t row) { return source.data + ptrdiff_t(row) * source.row_stride; }

// Calls use(column, value) for some columns of a row. Contiguous rows have their own loop, which the compiler can
// vectorise.
template <class S, class Use>
void for_each_value(const Source& source, size_t row, Range columns, Use use) {
  const char* from = row_of(source, row);
  if (source.column_stride == ptrdiff_t(sizeof(S))) {
    const S* values = reinterpret_cast<const S*>(from);
    for (size_t k = columns.begin; k < columns.end; ++k) use(k, values[k]);
  } else {
    for (size_t k = columns.begin; k < columns.end; ++k) {
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

// Some elements of a sparse source, as one dense row.
Source elements(const Source& source, size_t begin, size_t count) {
  const size_t bytes = source.element == Element::uint8 ? 1 : source.element == Element::float32 ? 4 : 8;
  return {source.data + begin * bytes, source.element, 0, ptrdiff_t(bytes), 1, count};
}

// The elements of a source as a single row, if they are contiguous.
Source in_one_row(const Source& source) {
  if (source.sparse()) return elements(source, 0, source.stored);
  const bool contiguous =
      source.column_stride > 0 && source.row_stride == ptrdiff_t(source.columns) * source.column_stride;
  return contiguous ? Source{source.data, source.element, 0, source.column_stride, 1, source.rows * source.columns}
                    : source;
}

template <class S>
bool row_is_finite_as(const Source& source, size_t row, Range columns, S largest) {
  if (source.column_stride == ptrdiff_t(sizeof(S)) && largest == std::numeric_limits<S>::max()) {
    return kernels<S>().all_finite(reinterpret_cast<const S*>(row_of(source, row)) + columns.begin, columns.size());
  }
  bool finite = true;
  for_each_value<S>(source, row, columns, [&](size_t, S value) { finite &= std::fabs(value) <= largest; });
  return finite;
}

bool row_is_finite(const Source& source, size_t row, Range columns, double largest) {
  return source.element == Element::float32
             ? row_is_finite_as<float>(source, row, columns, std::numeric_limits<float>::max())
             : row_is_finite_as<double>(source, row, columns, largest);
}

// Whether a thread's share is finite: of the rows, or of the columns of a single row.
bool part_is_finite(const Source& source, const Team& team, double largest) {
  const bool single = source.rows == 1;
  const Range rows = single ? Range{0, 1} : team.share(source.rows);
  const Range columns = single ? team.share(source.columns) : Range{0, source.columns};
  for (size_t row = rows.begin; row < rows.end; ++row) {
    if (!row_is_finite(source, row, columns, largest)) return false;
  }
  return true;
}

}  // namespace

template <class T>
void gather_row(const Source& source, size_t row, bool scale_bytes, T* to) {
  const Range all = {0, source.columns};
  switch (source.element) {
    case Element::uint8:
      if (scale_bytes) {
        const std::array<T, 256>& table = scaled_bytes<T>();
        for_each_value<uint8_t>(source, row, all, [&](size_t k, uint8_t value) { to[k] = table[value]; });
      } else {
        for_each_value<uint8_t>(source, row, all, [&](size_t k, uint8_t value) { to[k] = T(value); });
      }
      break;
    case Element::float32:
      for_each_value<float>(source, row, all, [&](size_t k, float value) { to[k] = T(value); });
      break;
    case Element::float64:
      for_each_value<double>(source, row, all, [&](size_t k, double value) { to[k] = T(value); });
      break;
  }
}

void prefetch_row(const Source& source, size_t row) {
  constexpr ptrdiff_t line = 64;
  if (source.sparse() || source.column_stride < 0 || source.column_stride > line) return;
  const char* from = row_of(source, row);
  const ptrdiff_t bytes = ptrdiff_t(source.columns) * source.column_stride;
  for (ptrdiff_t offset = 0; offset < bytes; offset += line) __builtin_prefetch(from + offset);
}

// The matrix was checked when it was passed in, but its arrays belong to the user, who may have changed them since.
// Whatever they contain, nothing outside of them is read, and no more is written than the longest row had.
template <class T>
size_t gather_sparse_row(const Source& source, size_t row, uint32_t* columns, T* values) {
  const size_t begin = std::min(source.index_at(source.row_begins, row), source.stored);
  const size_t end = std::min(source.index_at(source.row_begins, row + 1), source.stored);
  const size_t count = std::min(end - std::min(begin, end), source.longest_row);
  for (size_t i = 0; i < count; ++i) {
    columns[i] = uint32_t(std::min(source.index_at(source.indices, begin + i), source.columns - 1));
  }
  gather_row(elements(source, begin, count), 0, true, values);
  return count;
}

bool all_finite(const Source& source, double largest) {
  if (source.element == Element::uint8) return true;
  const Source dense = in_one_row(source);
  const size_t worthwhile = 1 + dense.rows * dense.columns / tuning::elements_per_thread;
  const size_t threads = worthwhile == 1 ? 1 : std::min(max_threads(), worthwhile);
  if (threads == 1) return part_is_finite(dense, Team(), largest);
  std::atomic<bool> finite{true};
  run_team(threads, [&](const Team& team) {
    if (!part_is_finite(dense, team, largest)) finite = false;
  });
  return finite;
}

template void gather_row<float>(const Source&, size_t, bool, float*);
template void gather_row<double>(const Source&, size_t, bool, double*);
template size_t gather_sparse_row<float>(const Source&, size_t, uint32_t*, float*);
template size_t gather_sparse_row<double>(const Source&, size_t, uint32_t*, double*);

}  // namespace chainrule
