// The samples of a chunk as they come from a sparse source: lists of columns with the values beside them, and the same
// turned round, lists of samples for each column. No dense row is ever made.
#pragma once

#include <vector>

#include "data/source.hpp"
#include "layers/non_zeros.hpp"

namespace chainrule {

template <class T>
class SparseRows {
 public:
  // Room for `samples` rows of the source.
  SparseRows(const Source& source, size_t samples, Columns columns, size_t threads);

  void gather(const Source& source, size_t row, size_t sample);
  // Makes a thread's lists: of the samples in a range, which it has gathered, and of the thread's part of the columns.
  void list_columns(Range samples, size_t thread);
  void list_samples(size_t samples, size_t thread, size_t threads);

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
