// Where the samples of a chunk of dense rows are not zero: a list of columns for each group of samples, for the forward
// product, and a list of samples for each group of columns, for the weight gradient. Each thread makes lists of its
// own.
#pragma once

#include <vector>

#include "kernels/table.hpp"

namespace chainrule {

// Which columns get a list of samples: none, those that are not zero in all samples, or every one, as the gradient of a
// column of zeros counts too.
enum class Columns { none, filled, all };

// Lists that lie in common arrays, a part of them for each thread.
template <class T>
struct ListParts {
  ListParts(size_t lists, size_t capacity, size_t group, size_t threads);

  // From now on the thread's part begins at `list`, and is empty.
  NonZeros<T>& start(size_t thread, size_t list);

  std::vector<uint32_t> index, row, count;
  std::vector<size_t> begin;
  std::vector<NonZeros<T>> parts;
};

template <class T>
class NonZeroLists {
 public:
  // Room for `samples` rows of `columns`; `group` rows or columns share a list: 1, 2, 4 or 8.
  NonZeroLists(size_t samples, size_t column_count, size_t group, Columns columns, size_t threads);

  // Looks where a sample's row is not zero.
  void mark(const T* row, size_t sample);
  // Makes a thread's lists: of the groups of samples that begin in a range, and of the thread's part of the columns.
  void list_columns(Range samples, size_t thread);
  void list_samples(size_t samples, size_t thread, size_t threads);

  // One element a thread.
  const std::vector<NonZeros<T>>& of_samples() const { return columns_.parts; }
  const std::vector<NonZeros<T>>& of_columns() const { return samples_.parts; }

 private:
  size_t column_count_, words_, group_;
  bool all_columns_;
  std::vector<uint16_t> marks_;
  ListParts<T> columns_, samples_;
};

// Indices listed, over all threads, as a share of those that a product without lists meets.
template <class T>
double listed_share(const std::vector<NonZeros<T>>& parts, size_t rows, size_t inner);

}  // namespace chainrule
