// The inputs of a chunk of samples as the first layer takes them: dense rows, with lists of their non-zeros where these
// are worth making, or the lists of a sparse source alone.
#pragma once

#include <optional>

#include "aligned.hpp"
#include "layers/layer.hpp"
#include "training/non_zeros.hpp"
#include "training/source.hpp"
#include "training/sparse_rows.hpp"

namespace chainrule {

// Which products of the first layer step over the zeros of the inputs.
struct Skips {
  bool in_forward = false, in_gradient = false;
};

template <class T>
class Inputs {
 public:
  Inputs(const Source& source, size_t capacity, Columns columns, size_t threads);

  // Brings a sample from the source; scaled by 1/255 if it is of bytes. `disturb` may change the dense row.
  template <class Disturb>
  void gather(const Source& source, size_t row, size_t sample, Disturb disturb) {
    if (sparse_) return sparse_->gather(source, row, sample);
    T* to = rows_.data() + sample * stride_;
    gather_row(source, row, true, to);
    disturb(to);
    if (lists_) lists_->mark(to, sample);
  }
  void gather(const Source& source, size_t row, size_t sample) {
    gather(source, row, sample, [](T*) {});
  }
  // Makes a thread's lists: of the samples that it has gathered, a range cut between groups of rows, and once all
  // samples are there, of its part of the columns.
  void list_columns(Range samples, size_t thread);
  void list_samples(size_t samples, size_t thread, size_t threads);

  // Makes these inputs the signal below the first layer.
  void attach(Signal<T>& below);

  // Looks at what a chunk of `samples` would save, and forgets lists that save too little.
  Skips worthwhile(size_t samples) const;
  void set_skips(const Skips& skips);

 private:
  size_t stride_;
  size_t column_count_;
  AlignedArray<T> rows_;
  Skips skips_;
  std::optional<NonZeroLists<T>> lists_;
  std::optional<SparseRows<T>> sparse_;
};

}  // namespace chainrule
