#include "layers/embedding.hpp"

#include <algorithm>
#include <cstring>

namespace chainrule {

template <class T>
Embedding<T>::Embedding(size_t steps, size_t vocabulary, size_t units, double l1, double l2)
    : PanelLayer<T>({{vocabulary, units, true}}, l1, l2), steps_(steps), vocabulary_(vocabulary), units_(units) {}

template <class T>
size_t Embedding<T>::word(T number) const {
  return number > 0 ? std::min(size_t(std::min(number, T(vocabulary_))), vocabulary_ - 1) : 0;
}

template <class T>
template <class Values, class Row, class Move>
void Embedding<T>::for_each_panel(Values* values, Row* row, size_t word, size_t step, Move move) const {
  for (size_t first = 0; first < units_; first += panel_width) {
    move(values + (first / panel_width * vocabulary_ + word) * panel_width, row + step * units_ + first,
         std::min(panel_width, units_ - first));
  }
}

template <class T>
void Embedding<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    for (size_t step = 0; step < steps_; ++step) {
      for_each_panel(this->panels(0), above.activations + i * above.stride,
                     word(below.activations[i * below.stride + step]), step,
                     [](const T* from, T* to, size_t count) { std::memcpy(to, from, count * sizeof(T)); });
    }
  }
  copy_to_pre_activations(above, rows);
}

// Whole numbers have no gradient.
template <class T>
void Embedding<T>::backward(const Team& team, const Signal<T>&, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const Range rows = team.share_rows(samples);
  std::memset(below.deltas + rows.begin * below.stride, 0, rows.size() * below.stride * sizeof(T));
}

// A thread has some of the words.
template <class T>
void Embedding<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                T* gradient) const {
  const Range own = team.share(vocabulary_);
  for (size_t i = 0; i < samples; ++i) {
    for (size_t step = 0; step < steps_; ++step) {
      const size_t number = word(below.activations[i * below.stride + step]);
      if (number < own.begin || number >= own.end) continue;
      for_each_panel(this->panels_of(gradient, 0), above.deltas + i * above.stride, number, step,
                     [](T* to, const T* from, size_t count) {
                       for (size_t k = 0; k < count; ++k) to[k] += from[k];
                     });
    }
  }
}

template class Embedding<float>;
template class Embedding<double>;

}  // namespace chainrule
