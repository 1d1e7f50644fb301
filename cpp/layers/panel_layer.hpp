// What layers with several arrays of parameters share: matrices that lie in panels [columns / 16][rows][16], one behind
// the other, and a gradient of the same layout that is computed whole before it is stored or changes them.
#pragma once

#include "base/aligned.hpp"
#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class PanelLayer : public Layer<T> {
 public:
  // A vector is a matrix of one row. Weights are penalised and decayed; biases and the like are not.
  struct Matrix {
    size_t rows, columns;
    bool is_weight;
    // Columns come in so many equal parts, each of which begins a panel.
    size_t parts = 1;

    size_t part_columns() const { return columns / parts; }
    size_t part_panels() const { return panel_count(part_columns()); }
    size_t panels() const { return parts * part_panels(); }
    size_t packed_size() const { return panels() * rows * panel_width; }
  };

  size_t parameter_count() const override;
  size_t packed_size() const override { return offsets_.back(); }
  void pack(const T* plain, T* packed) const override;
  void unpack(const T* packed, T* plain) const override;
  void bind(T* parameters) override;
  void parameters_changed() override { derive(Team()); }
  void prepare_gradient() override;

  void gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                const GradientTarget<T>&) const override;
  void regularize(T* gradient, T clip_value) const override;
  void update(const GradientTarget<T>&) const override;
  void finish_update(const Team&) override;
  void set_penalties(double l1, double l2) override;
  double penalty() const override;
  bool penalized() const override { return l1_ > 0 || l2_ > 0; }

 protected:
  PanelLayer(std::vector<Matrix> matrices, double l1, double l2);

  const Matrix& matrix(size_t i) const { return matrices_[i]; }
  const T* panels(size_t i) const { return parameters_ + offsets_[i]; }
  // The place of a matrix in a gradient.
  T* panels_of(T* gradient, size_t i) const { return gradient + offsets_[i]; }
  // Memory for the gradient of a step whose update follows at once; zero from one step to the next.
  T* step_gradient() const { return gradient_.data(); }
  // Adds the gradient of a batch to what is there. All threads at once: each adds to some elements what all samples
  // bring, in their order, so that neither threads nor chunks of a batch change a sum. Padding gets zeros.
  virtual void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                            T* gradient) const = 0;
  // Whether anything is derived from the parameters; derive makes it, after every change of them, and threads share it
  // out.
  virtual bool derives() const { return false; }
  virtual void derive(const Team&) {}
  // A matrix with the state that the optimiser has of it.
  Parameters<T> parameters_of(size_t i, const GradientTarget<T>&) const;

 private:
  std::vector<Matrix> matrices_;
  std::vector<size_t> offsets_;
  double l1_, l2_;
  T* parameters_ = nullptr;
  mutable AlignedArray<T> gradient_;
};

}  // namespace chainrule
