// Vectors for the words of a vocabulary: z = W[x] for each whole number in x. Who calls has checked that the numbers
// are words; others are taken for the first or the last, so that nothing outside is read.
#pragma once

#include "layers/panel_layer.hpp"

namespace chainrule {

template <class T>
class Embedding final : public PanelLayer<T> {
 public:
  Embedding(size_t steps, size_t vocabulary, size_t units, double l1, double l2);

  size_t inputs() const override { return steps_; }
  size_t outputs() const override { return steps_ * units_; }
  size_t work() const override { return steps_ * units_; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;

 private:
  size_t word(T number) const;
  // Calls move(vector of W, step's part of the row, units in it) for the panels of a word.
  template <class Values, class Row, class Move>
  void for_each_panel(Values* values, Row* row, size_t word, size_t step, Move move) const;

  size_t steps_, vocabulary_, units_;
};

}  // namespace chainrule
