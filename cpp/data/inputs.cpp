#include "data/inputs.hpp"

namespace chainrule {

namespace {

// Whether the rows of a source can be read in place: they have elements of type T, without gaps, and the rows of a tile
// do not collide in the cache.
template <class T>
bool lies_well(const Source& source) {
  const bool same_type = source.element == (sizeof(T) == sizeof(float) ? Element::float32 : Element::float64);
  const bool whole_elements = source.row_stride >= 0 && source.row_stride % ptrdiff_t(sizeof(T)) == 0;
  return same_type && source.column_stride == ptrdiff_t(sizeof(T)) && whole_elements &&
         !rows_collide<T>(size_t(source.row_stride) / sizeof(T));
}

}  // namespace

template <class T>
Inputs<T>::Inputs(const Source& source, size_t capacity, Columns columns, size_t threads)
    : capacity_(capacity),
      stride_(row_stride<T>(source.columns)),
      column_count_(source.columns),
      first_row_(nullptr),
      first_row_stride_(stride_) {
  if (source.sparse()) {
    sparse_.emplace(source, capacity, columns, threads);
    return;
  }
  // A vector that begins in the last row may be read to its end.
  rows_ = AlignedArray<T>(capacity * stride_ + panel_width);
  first_row_ = rows_.data();
  if (column_count_ < tuning::fewest_listed_columns) return;
  const size_t group = capacity < 2 * kernels<T>().listed_rows ? 1 : kernels<T>().listed_rows;
  lists_.emplace(capacity, column_count_, group, columns, threads);
  set_skips({true, columns != Columns::none});
}

template <class T>
void Inputs<T>::take(const Source& source, Range rows) {
  if (sparse_ || !lies_well<T>(source)) {
    for (size_t row = rows.begin; row < rows.end; ++row) gather(source, row, row - rows.begin);
    first_row_ = rows_.data();
    first_row_stride_ = stride_;
    return;
  }
  first_row_ = reinterpret_cast<const T*>(source.data + ptrdiff_t(rows.begin) * source.row_stride);
  first_row_stride_ = size_t(source.row_stride) / sizeof(T);
  if (!skips_.in_forward) return;
  for (size_t i = 0; i < rows.size(); ++i) lists_->mark(first_row_ + i * first_row_stride_, i);
}

template <class T>
void Inputs<T>::list_columns(Range samples, size_t thread) {
  if (sparse_) return sparse_->list_columns(samples, thread);
  if (skips_.in_forward) lists_->list_columns(samples, thread);
}

template <class T>
void Inputs<T>::list_samples(size_t samples, size_t thread, size_t threads) {
  if (sparse_) return sparse_->list_samples(samples, thread, threads);
  if (skips_.in_gradient) lists_->list_samples(samples, thread, threads);
}

template <class T>
void Inputs<T>::leave_lists_to(size_t threads) {
  if (sparse_) sparse_->leave_to(threads);
  if (lists_) lists_->leave_to(threads);
}

template <class T>
void Inputs<T>::pack() {
  if (sparse_) return;
  packed_ = AlignedArray<T>((column_count_ + packed_columns - 1) / packed_columns * packed_columns * capacity_);
}

template <class T>
void Inputs<T>::attach(Signal<T>& below) {
  // Nothing writes to the activations below the first layer.
  below.activations = below.pre_activations = const_cast<T*>(first_row_);
  below.stride = first_row_stride_;
  below.packed_activations = packed_.empty() ? nullptr : packed_.data();
  if (sparse_) {
    below.of_samples = &sparse_->of_samples();
    below.of_columns = &sparse_->of_columns();
  } else {
    below.of_samples = skips_.in_forward ? &lists_->of_samples() : nullptr;
    below.of_columns = skips_.in_gradient ? &lists_->of_columns() : nullptr;
  }
}

template <class T>
void Inputs<T>::set_skips(const Skips& skips) {
  if (lists_) skips_ = skips;
}

template <class T>
Skips Inputs<T>::worthwhile(size_t samples) const {
  if (!lists_) return {};
  return {
      skips_.in_forward && listed_share(lists_->of_samples(), samples, column_count_) < tuning::listed_share_of_inputs,
      skips_.in_gradient &&
          listed_share(lists_->of_columns(), column_count_, samples) < tuning::listed_share_of_inputs};
}

template class Inputs<float>;
template class Inputs<double>;

}  // namespace chainrule
