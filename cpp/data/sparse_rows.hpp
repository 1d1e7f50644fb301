// The samples of a chunk from a sparse source: lists of columns with their values, and their transpose, lists of
// samples per column. Dense rows are never built.
#pragma once

#include <vector>

#include "data/source.hpp"
#include "layers/non_zeros.hpp"

namespace chainrule {

template <class T>
class SparseRows {
 public:
  // For up to `samples` rows of the source.
  SparseRows(const Source& source, size_t samples, Columns columns, size_t threads);

  void gather(const Source& source, size_t row, size_t sample);
  // Make a thread's lists: of a range of samples, which it has gathered, and of its share of the columns.
  void list_columns(Range samples, size_t thread);
  void list_samples(size_t samples, size_t thread, size_t threads);
  // From now on, a team of so many threads makes the lists.
  void leave_to(size_t threads) {
    columns_.leave_to(threads);
    samples_.leave_to(threads);
  }

  const std::vector<NonZeros<T>>& of_samples() const { return columns_.parts; }
  const std::vector<NonZeros<T>>& of_columns() const { return samples_.parts; }

 private:
  template <class Use>
  void for_each_entry(size_t samples, Use use) const;

  size_t column_count_;
  bool all_columns_;
  std::vector<T> column_values_, sample_values_;
  ListParts<T> columns_, samples_;
  std::vector<uint32_t> list_of_column_;
};

}  // namespace chainrule
