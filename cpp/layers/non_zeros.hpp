// Lists of the non-zeros of a chunk of dense rows: of columns per group of samples, for the forward product, and of
// samples per group of columns, for the weight gradient. Each thread makes its own part of the lists.
#pragma once

#include <vector>

#include "kernels/table.hpp"

namespace chainrule {

// Which columns have a list of samples: none, those that are not zero in all samples, or all, if a gradient of zero
// changes parameters too.
enum class Columns { none, filled, all };

// Lists in common arrays, divided into one part per thread.
template <class T>
struct ListParts {
  ListParts(size_t lists, size_t capacity, size_t group, size_t threads);

  // Empties the thread's part, which begins at `list` from now on.
  NonZeros<T>& start(size_t thread, size_t list);
  // Empties the parts of all but the first threads: a team without them makes the next lists.
  void leave_to(size_t threads) {
    for (size_t t = threads; t < parts.size(); ++t) parts[t].lists = 0;
  }

  std::vector<uint32_t> index, row, count;
  std::vector<size_t> begin;
  std::vector<NonZeros<T>> parts;
};

template <class T>
class NonZeroLists {
 public:
  // For up to `samples` rows of `column_count` columns; `group` rows or columns share a list: 1, 2, 4 or 8.
  NonZeroLists(size_t samples, size_t column_count, size_t group, Columns columns, size_t threads);

  // Marks the columns in which a sample's row is not zero.
  void mark(const T* row, size_t sample);
  // Make a thread's lists: of the groups of samples that begin in a range, and of its share of the columns.
  void list_columns(Range samples, size_t thread);
  void list_samples(size_t samples, size_t thread, size_t threads);
  // From now on, a team of so many threads makes the lists.
  void leave_to(size_t threads) {
    columns_.leave_to(threads);
    samples_.leave_to(threads);
  }

  // One element per thread.
  const std::vector<NonZeros<T>>& of_samples() const { return columns_.parts; }
  const std::vector<NonZeros<T>>& of_columns() const { return samples_.parts; }

 private:
  size_t column_count_, words_, group_;
  bool all_columns_;
  std::vector<uint16_t> marks_;
  ListParts<T> columns_, samples_;
};

// The number of listed indices, over all threads, relative to the indices that a product without lists visits.
template <class T>
double listed_share(const std::vector<NonZeros<T>>& parts, size_t rows, size_t inner);

}  // namespace chainrule
