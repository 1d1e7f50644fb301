// Vectors for the tokens of a vocabulary: z = W[x] for each token in x, a whole number. Precondition: inputs are valid
// tokens. Others are clamped, so nothing outside the table is read. A step of training touches the vectors of the
// batch's tokens alone. Where token 0 means that a value is missing, it has no vector, and z = 0.
#pragma once

#include "layers/codes.hpp"
#include "layers/settings.hpp"
#include "layers/stored_gradient_layer.hpp"

namespace chainrule {

struct EmbeddingSettings {
  static constexpr const char* name = "EmbeddingSettings";

  size_t vocabulary;  // number of tokens
  size_t units;
  bool zero_is_missing;
  double l1;
  double l2;

  static constexpr auto fields() {
    using S = EmbeddingSettings;
    return std::tuple(field("vocabulary", &S::vocabulary), field("units", &S::units),
                      field("zero_is_missing", &S::zero_is_missing), field("l1", &S::l1), field("l2", &S::l2));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class Embedding final : public StoredGradientLayer<T>, public ParameterRows<T> {
 public:
  Embedding(size_t steps, const EmbeddingSettings& settings);

  size_t inputs() const override { return steps_; }
  size_t outputs() const override { return steps_ * units_; }
  LayerTraits traits() const override { return {.work = steps_ * units_}; }

  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;
  void prepare_backward(bool passes_deltas) override;
  void gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                const GradientTarget<T>&) override;

  // The rows are the vectors.
  ParameterRows<T>* parameter_rows() override { return this; }
  size_t row_count() const override { return vectors_; }
  void list_touched(const Team&, const Signal<T>& below, size_t samples, std::vector<uint32_t>& list) const override;
  ParameterRowRuns<T> row_runs(const Team&, const GradientTarget<T>&) override;

 protected:
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;

 private:
  static constexpr size_t no_vector = size_t(0) - 1;

  // The number of a token's vector, or no_vector.
  size_t number_of(T input) const { return code_of(input, vectors_ + unseen_) - unseen_; }
  void prefetch_vector(size_t number) const;
  // Calls visit(number, sample, first of its units) for the thread's vectors in some samples, in their order.
  template <class Visit>
  void for_each_own(const Team&, const Signal<T>& below, size_t samples, Visit visit) const;
  // Adds a delta to a gradient whose panels are `stride` apart.
  void add(const T* delta, T* gradient, size_t stride) const;

  size_t steps_, vectors_, units_;
  size_t unseen_;  // the first tokens, which have no vector
  // If a step only updates the vectors that it touches, their gradients [panels][16] are stored without gaps, so that
  // they stay in the cache. Those of a thread begin at the index of its first vector.
  std::vector<uint32_t> touched_;      // the vector of each gradient
  std::vector<uint32_t> gradient_of_;  // the gradient of each vector; no_gradient between steps
};

template <class T>
std::unique_ptr<Layer<T>> EmbeddingSettings::make(size_t inputs) const {
  if (vocabulary <= size_t(zero_is_missing)) throw std::invalid_argument("vocabulary must have a token with a vector");
  return std::make_unique<Embedding<T>>(inputs, *this);
}

}  // namespace chainrule
