#include "layers/non_zeros.hpp"

#include <algorithm>

namespace chainrule {

namespace {

constexpr size_t word_bits = 16;

size_t ceil_divide(size_t a, size_t b) { return (a + b - 1) / b; }

// Sets a bit at the first column of each group in which any bit is set.
unsigned groups_of(unsigned marks, size_t group) {
  unsigned first = 0;
  for (size_t column = 0; column < word_bits; column += group) first |= 1u << column;
  for (size_t width = 1; width < group; width *= 2) marks |= marks >> width;
  return marks & first;
}

}  // namespace

template <class T>
ListParts<T>::ListParts(size_t lists, size_t capacity, size_t group, size_t threads)
    : index(lists * capacity), row(lists), count(lists), begin(lists), parts(threads) {
  for (size_t i = 0; i < lists; ++i) begin[i] = i * capacity;
  for (NonZeros<T>& part : parts) part = {index.data(), row.data(), begin.data(), count.data(), 0, group, nullptr};
}

template <class T>
NonZeros<T>& ListParts<T>::start(size_t thread, size_t list) {
  NonZeros<T>& part = parts[thread];
  part.row = row.data() + list;
  part.begin = begin.data() + list;
  part.count = count.data() + list;
  part.lists = 0;
  return part;
}

template <class T>
NonZeroLists<T>::NonZeroLists(size_t samples, size_t column_count, size_t group, Columns columns, size_t threads)
    : column_count_(column_count),
      words_(ceil_divide(column_count, word_bits)),
      group_(group),
      all_columns_(columns == Columns::all),
      marks_(samples * words_),
      columns_(ceil_divide(samples, group), words_ * word_bits, group, threads),
      samples_(columns == Columns::none ? 0 : words_ * word_bits / group, samples, group, threads) {}

template <class T>
void NonZeroLists<T>::mark(const T* row, size_t sample) {
  kernels<T>().mark_non_zeros(row, column_count_, marks_.data() + sample * words_);
}

template <class T>
void NonZeroLists<T>::list_columns(Range samples, size_t thread) {
  size_t list = samples.begin / group_;
  NonZeros<T>& part = columns_.start(thread, list);
  for (size_t first = samples.begin; first < samples.end; first += group_, ++list) {
    const size_t rows = std::min(group_, samples.end - first);
    columns_.row[list] = uint32_t(first);
    columns_.count[list] = uint32_t(kernels<T>().list_marked(marks_.data() + first * words_, rows, words_,
                                                             columns_.index.data() + columns_.begin[list]));
    part.lists += 1;
  }
}

template <class T>
void NonZeroLists<T>::list_samples(size_t samples, size_t thread, size_t threads) {
  const size_t begin = words_ * thread / threads;
  const size_t end = words_ * (thread + 1) / threads;
  size_t list = begin * (word_bits / group_);
  NonZeros<T>& part = samples_.start(thread, list);
  for (size_t word = begin; word < end; ++word) {
    unsigned marks = all_columns_ ? 0xffff : 0;
    for (size_t sample = 0; sample < samples; ++sample) marks |= marks_[sample * words_ + word];
    for (unsigned groups = groups_of(marks, group_); groups != 0; groups &= groups - 1) {
      const unsigned bit = unsigned(__builtin_ctz(groups));
      const size_t column = word * word_bits + bit;
      if (column >= column_count_) break;
      const unsigned mask = ((1u << group_) - 1) << bit;
      uint32_t* const first = samples_.index.data() + samples_.begin[list];
      uint32_t* last = first;
      for (size_t sample = 0; sample < samples; ++sample) {
        *last = uint32_t(sample);
        last += (marks_[sample * words_ + word] & mask) != 0;
      }
      samples_.row[list] = uint32_t(column);
      samples_.count[list] = uint32_t(last - first);
      list += 1;
      part.lists += 1;
    }
  }
}

template <class T>
double listed_share(const std::vector<NonZeros<T>>& parts, size_t rows, size_t inner) {
  double listed = 0;
  for (const NonZeros<T>& part : parts) {
    for (size_t i = 0; i < part.lists; ++i) listed += double(part.count[i]) * double(part.group);
  }
  return listed / (double(rows) * double(inner));
}

template struct ListParts<float>;
template struct ListParts<double>;
template class NonZeroLists<float>;
template class NonZeroLists<double>;
template double listed_share<float>(const std::vector<NonZeros<float>>&, size_t, size_t);
template double listed_share<double>(const std::vector<NonZeros<double>>&, size_t, size_t);

}  // namespace chainrule
