#include "layers/resizing.hpp"

namespace chainrule {

template <class T>
void ZeroPad<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                         const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* from = below.activations + i * below.stride;
    T* to = above.activations + i * above.stride;
    std::memset(to, 0, outputs() * sizeof(T));
    for (size_t y = 0; y < shape_.height; ++y) std::memcpy(to + row_begin(y), from + y * row(), row() * sizeof(T));
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void ZeroPad<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                          const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* from = above.deltas + i * above.stride;
    T* to = below.deltas + i * below.stride;
    for (size_t y = 0; y < shape_.height; ++y) std::memcpy(to + y * row(), from + row_begin(y), row() * sizeof(T));
  }
  multiply_by_derivative(below, rows);
}

template <class T>
template <class Move>
void UpSample<T>::for_each_place(Move move) const {
  size_t above = 0;
  for (size_t y = 0; y < shape_.height * shape_.down; ++y) {
    for (size_t x = 0; x < shape_.width * shape_.right; ++x, above += shape_.channels) {
      move((y / shape_.down * shape_.width + x / shape_.right) * shape_.channels, above);
    }
  }
}

template <class T>
void UpSample<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                          const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* from = below.activations + i * below.stride;
    T* to = above.activations + i * above.stride;
    for_each_place(
        [&](size_t place, size_t copy) { std::memcpy(to + copy, from + place, shape_.channels * sizeof(T)); });
  }
  copy_to_pre_activations(above, rows);
}

template <class T>
void UpSample<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                           const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* from = above.deltas + i * above.stride;
    T* to = below.deltas + i * below.stride;
    std::memset(to, 0, inputs() * sizeof(T));
    for_each_place([&](size_t place, size_t copy) {
      for (size_t c = 0; c < shape_.channels; ++c) to[place + c] += from[copy + c];
    });
  }
  multiply_by_derivative(below, rows);
}

template class ZeroPad<float>;
template class ZeroPad<double>;
template class UpSample<float>;
template class UpSample<double>;

}  // namespace chainrule
