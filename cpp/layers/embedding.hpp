// Vectors for the words of a vocabulary: z = W[x] for each whole number in x. Who calls has checked that the numbers
// are words; others are taken for the first or the last, so that nothing outside is read. A step of training touches
// the vectors of a batch's words alone.
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
  void prepare_gradient() override;
  void gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                const GradientTarget<T>&) const override;
  size_t parameter_rows() const override { return vocabulary_; }
  void list_rows(const Team&, const Signal<T>& below, size_t samples, std::vector<uint32_t>& list) const override;
  ParameterRuns<T> parameter_row(const Team&, size_t word, const GradientTarget<T>&) const override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;

 private:
  size_t word(T number) const;
  ParameterRuns<T> vector_of(size_t word, const GradientTarget<T>&) const;
  // Calls visit(word, sample, first of its units) for the thread's words in some samples, in their order.
  template <class Visit>
  void for_each_own(const Team&, const Signal<T>& below, size_t samples, Visit visit) const;
  // Adds a delta to a gradient whose panels lie at this distance.
  void add(const T* delta, T* gradient, size_t stride) const;

  size_t steps_, vocabulary_, units_;
  // In a step that updates the words it meets alone, their gradients [panels][16] lie one behind the other, so that
  // they stay in the cache. A thread's begin where its words do in the vocabulary.
  mutable std::vector<uint32_t> met_;       // the word of each gradient
  mutable std::vector<uint32_t> place_of_;  // the gradient of each word; between steps there is none
};

}  // namespace chainrule
