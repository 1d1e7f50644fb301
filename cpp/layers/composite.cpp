#include "layers/composite.hpp"

namespace chainrule {

namespace {

template <class T>
void copy_activations(const Signal<T>& from, const Signal<T>& to, const Range& rows) {
  copy_rows(from.activations, from.stride, to.activations, to.stride, rows, to.size);
}

// The deltas at the end of a branch, from those above the merge.
template <class T>
void take_deltas(const Signal<T>& merged, const Slice& slice, const Signal<T>& end, const Range& rows) {
  for (size_t row = rows.begin; row < rows.end; ++row) {
    const T* from = merged.deltas + row * merged.stride + slice.first;
    T* to = end.deltas + row * end.stride;
    for (size_t place = 0; place < slice.places; ++place, from += slice.of, to += slice.width) {
      std::memcpy(to, from, slice.width * sizeof(T));
    }
  }
  multiply_by_derivative(end, rows);
}

}  // namespace

template <class T>
void Fork<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                      const Pass&) const {
  copy_activations(below, above, team.share_rows(samples));
}

template <class T>
void Fork<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                       const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    T* to = below.deltas + row * below.stride;
    std::memcpy(to, above.deltas + row * above.stride, size_ * sizeof(T));
    for (const Signal<T>* recalled : above.readers) {
      const T* from = recalled->deltas + row * recalled->stride;
      for (size_t k = 0; k < size_; ++k) to[k] += from[k];
    }
  }
  multiply_by_derivative(below, rows);
}

template <class T>
void Recall<T>::forward(const Team& team, const Signal<T>&, const Signal<T>& above, size_t samples, const Pass&) const {
  copy_activations(*above.sources[0], above, team.share_rows(samples));
}

template <class T>
void Merge<T>::forward(const Team& team, const Signal<T>&, const Signal<T>& above, size_t samples, const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    T* const merged = above.activations + row * above.stride;
    std::memset(merged, 0, above.size * sizeof(T));
    for (size_t branch = 0; branch < slices_.size(); ++branch) {
      const Signal<T>& end = *above.sources[branch];
      const Slice& slice = slices_[branch];
      const T* from = end.activations + row * end.stride;
      T* to = merged + slice.first;
      for (size_t place = 0; place < slice.places; ++place, from += slice.width, to += slice.of) {
        for (size_t k = 0; k < slice.width; ++k) to[k] += from[k];
      }
    }
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void Merge<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>&, size_t samples, const Pass&) const {
  for (size_t branch = 0; branch < slices_.size(); ++branch) {
    take_deltas(above, slices_[branch], *above.sources[branch], team.share_rows(samples));
  }
}

template class Fork<float>;
template class Fork<double>;
template class Recall<float>;
template class Recall<double>;
template class Merge<float>;
template class Merge<double>;

}  // namespace chainrule
