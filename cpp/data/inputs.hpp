// The inputs of a chunk of samples as the first layer reads them: dense rows, with lists of their non-zeros if these
// save work, or the lists of a sparse source alone.
#pragma once

#include <optional>

#include "base/aligned.hpp"
#include "data/source.hpp"
#include "data/sparse_rows.hpp"
#include "layers/non_zeros.hpp"
#include "layers/packing.hpp"
#include "layers/signal.hpp"

namespace chainrule {

// Which products of the first layer skip the zeros of the inputs.
struct Skips {
  bool in_forward = false, in_gradient = false;
};

template <class T>
class Inputs {
 public:
  Inputs(const Source& source, size_t capacity, Columns columns, size_t threads);

  // Gathers a sample from the source, scaled by 1/255 if the source has bytes. `disturb` may change the dense row.
  template <class Disturb>
  void gather(const Source& source, size_t row, size_t sample, Disturb disturb) {
    if (sparse_) return sparse_->gather(source, row, sample);
    T* to = rows_.data() + sample * stride_;
    gather_row(source, row, true, to);
    disturb(to);
    if (!packed_.empty()) pack_activations(to, column_count_, sample, capacity_, packed_.data());
    if (skips_.in_forward || skips_.in_gradient) lists_->mark(to, sample);
  }
  void gather(const Source& source, size_t row, size_t sample) {
    gather(source, row, sample, [](T*) {});
  }
  // Takes consecutive rows, in place if the first layer can read them there.
  void take(const Source& source, Range rows);
  // Make a thread's lists: of the samples that it has gathered, which are whole groups of rows, and, after all samples
  // have been gathered, of its share of the columns.
  void list_columns(Range samples, size_t thread);
  void list_samples(size_t samples, size_t thread, size_t threads);
  // From now on, a team of so many threads makes the lists.
  void leave_lists_to(size_t threads);

  // From now on, also packs dense rows, for weight gradients of large batches.
  void pack();

  // Makes these inputs the signal below the first layer.
  void attach(Signal<T>& below);

  // Sets what is listed from now on. A sparse source always has lists, short rows never have.
  void set_skips(const Skips& skips);
  // Which of the lists of a chunk with `samples` samples save enough work.
  Skips worthwhile(size_t samples) const;

 private:
  size_t capacity_, stride_, column_count_;
  // The rows: in rows_, or in place in the source.
  const T* first_row_;
  size_t first_row_stride_;
  AlignedArray<T> rows_, packed_;
  Skips skips_;
  std::optional<NonZeroLists<T>> lists_;
  std::optional<SparseRows<T>> sparse_;
};

}  // namespace chainrule
