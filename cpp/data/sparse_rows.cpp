#include "data/sparse_rows.hpp"

#include <algorithm>

namespace chainrule {

namespace {

constexpr uint32_t no_list = UINT32_MAX;

}  // namespace

template <class T>
SparseRows<T>::SparseRows(const Source& source, size_t samples, Columns columns, size_t threads)
    : column_count_(columns == Columns::none ? 0 : source.columns),
      all_columns_(columns == Columns::all),
      column_values_(samples * source.longest_row),
      sample_values_(columns == Columns::none ? 0 : samples * source.longest_row),
      columns_(samples, source.longest_row, 1, threads),
      samples_(column_count_, 0, 1, threads),
      list_of_column_(column_count_, no_list) {
  samples_.index.resize(sample_values_.size());
  for (size_t i = 0; i < samples; ++i) columns_.row[i] = uint32_t(i);
  for (size_t t = 0; t < threads; ++t) {
    columns_.parts[t].values = column_values_.data();
    samples_.parts[t].values = sample_values_.data();
    samples_.parts[t].index = samples_.index.data();
  }
}

template <class T>
void SparseRows<T>::gather(const Source& source, size_t row, size_t sample) {
  const size_t begin = columns_.begin[sample];
  const size_t count = gather_sparse_row(source, row, columns_.index.data() + begin, column_values_.data() + begin);
  columns_.count[sample] = uint32_t(count);
}

template <class T>
void SparseRows<T>::list_columns(Range samples, size_t thread) {
  columns_.start(thread, samples.begin).lists = samples.size();
}

// Calls use(sample, column, value), sample by sample.
template <class T>
template <class Use>
void SparseRows<T>::for_each_entry(size_t samples, Use use) const {
  for (size_t sample = 0; sample < samples; ++sample) {
    const size_t begin = columns_.begin[sample];
    for (size_t i = begin; i < begin + columns_.count[sample]; ++i) use(sample, columns_.index[i], column_values_[i]);
  }
}

// A counting sort by column: it computes the lengths of the lists, then their beginnings, then their entries.
template <class T>
void SparseRows<T>::list_samples(size_t samples, size_t thread, size_t threads) {
  const size_t first = column_count_ * thread / threads;
  const size_t last = column_count_ * (thread + 1) / threads;
  NonZeros<T>& part = samples_.start(thread, first);
  const auto list_for = [&](size_t column) {
    if (list_of_column_[column] == no_list) {
      list_of_column_[column] = uint32_t(first + part.lists);
      samples_.row[first + part.lists] = uint32_t(column);
      samples_.count[first + part.lists] = 0;
      part.lists += 1;
    }
    return list_of_column_[column];
  };
  if (all_columns_) {
    for (size_t column = first; column < last; ++column) list_for(column);
  }
  size_t begin = 0;  // entries in the columns of the threads before
  for_each_entry(samples, [&](size_t, size_t column, T) {
    if (column < first) {
      begin += 1;
    } else if (column < last) {
      samples_.count[list_for(column)] += 1;
    }
  });
  for (size_t list = first; list < first + part.lists; ++list) {
    samples_.begin[list] = begin;
    begin += samples_.count[list];
    samples_.count[list] = 0;
  }
  for_each_entry(samples, [&](size_t sample, size_t column, T value) {
    if (column < first || column >= last) return;
    const size_t list = list_of_column_[column];
    const size_t at = samples_.begin[list] + samples_.count[list]++;
    samples_.index[at] = uint32_t(sample);
    sample_values_[at] = value;
  });
  for (size_t list = first; list < first + part.lists; ++list) list_of_column_[samples_.row[list]] = no_list;
}

template class SparseRows<float>;
template class SparseRows<double>;

}  // namespace chainrule
