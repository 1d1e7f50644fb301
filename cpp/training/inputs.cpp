#include "training/inputs.hpp"

#include "network.hpp"

namespace chainrule {

namespace {

// Skipping pays where the lists are shorter than this share of what a product without them walks along.
constexpr double worthwhile_share = 0.6;
// Rows shorter than this are not worth a look.
constexpr size_t fewest_columns = 64;

}  // namespace

template <class T>
Inputs<T>::Inputs(const Source& source, size_t capacity, Columns columns, size_t threads)
    : capacity_(capacity), stride_(row_stride<T>(source.columns)), column_count_(source.columns) {
  if (source.sparse()) {
    sparse_.emplace(source, capacity, columns, threads);
    return;
  }
  rows_ = AlignedArray<T>(capacity * stride_);
  if (column_count_ < fewest_columns) return;
  const size_t group = capacity < 2 * kernels<T>().listed_rows ? 1 : kernels<T>().listed_rows;
  lists_.emplace(capacity, column_count_, group, columns, threads);
  set_skips({true, columns != Columns::none});
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
void Inputs<T>::pack() {
  if (sparse_) return;
  packed_ = AlignedArray<T>((column_count_ + packed_columns - 1) / packed_columns * packed_columns * capacity_);
}

template <class T>
void Inputs<T>::attach(Signal<T>& below) {
  below.activations = below.pre_activations = rows_.data();
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
  return {skips_.in_forward && listed_share(lists_->of_samples(), samples, column_count_) < worthwhile_share,
          skips_.in_gradient && listed_share(lists_->of_columns(), column_count_, samples) < worthwhile_share};
}

template class Inputs<float>;
template class Inputs<double>;

}  // namespace chainrule
