// What layers with several matrices of parameters share: a step's gradient is computed whole before it changes them.
#pragma once

#include <cstring>

#include "base/aligned.hpp"
#include "layers/layer.hpp"

namespace chainrule {

template <class T>
class StoredGradientLayer : public Layer<T> {
 public:
  void parameters_changed() override { derive(Team()); }
  void prepare_backward(bool) override {
    if (step_gradient_.empty()) step_gradient_ = AlignedArray<T>(this->parameters_.packed_size());
  }
  void finish_update(const Team& team) override {
    if (!derives()) return;
    team.barrier();
    derive(team);
  }
  void gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                const GradientTarget<T>&) override;
  void complete_gradient(T* gradient) override { complete(Team(), gradient); }

 protected:
  using Layer<T>::Layer;

  const PanelMatrix& matrix(size_t i) const { return this->parameters_.matrix(i); }
  const T* panels(size_t i) const { return this->parameters_.panels(i); }
  // Where a matrix begins in a gradient.
  T* panels_of(T* gradient, size_t i) const { return gradient + this->parameters_.offset(i); }
  // Memory for the gradient of a step with an update; zero between steps.
  T* step_gradient() { return step_gradient_.data(); }
  // Adds the gradient of a batch to `gradient`. All threads of the team call it: each computes some elements, as sums
  // over all samples in their order, so that neither threads nor chunks of a batch change a sum. Padding gets zeros.
  virtual void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                            T* gradient) const = 0;
  // The same for a part of the gradient, of a layer that has several.
  virtual void add_part(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples, T* gradient,
                        const GradientPart&) const {
    add_gradient(team, below, above, samples, gradient);
  }
  // Makes the gradient of what `add_gradient` has added up, once a batch is complete. Each thread of a team does so for
  // the elements that it has computed.
  virtual void complete(const Team&, T* /*gradient*/) {}
  // Whether the layer derives anything from its parameters. `derive` computes it after each change of the parameters;
  // a team divides the work.
  virtual bool derives() const { return false; }
  virtual void derive(const Team&) {}

 private:
  AlignedArray<T> step_gradient_;
};

template <class T>
void StoredGradientLayer<T>::gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                      const GradientTarget<T>& target) {
  PanelParameters<T>& parameters = this->parameters_;
  if (target.update == nullptr) {
    if (!target.accumulate) {
      for (const GradientRuns& run : this->gradient_runs(target.part)) {
        const Range own = team.share(run.size);
        std::memset(target.gradient + run.begin + own.begin, 0, own.size() * sizeof(T));
      }
      team.barrier();
    }
    return target.part.is_whole() ? add_gradient(team, below, above, samples, target.gradient)
                                  : add_part(team, below, above, samples, target.gradient, target.part);
  }
  add_gradient(team, below, above, samples, step_gradient());
  complete(team, step_gradient());
  team.barrier();
  for (size_t i = 0; i < parameters.matrix_count(); ++i) {
    const Range own = team.share(parameters.matrix(i).packed_size() / panel_width);
    const size_t begin = own.begin * panel_width, size = own.size() * panel_width;
    T* const gradient = panels_of(step_gradient(), i) + begin;
    kernels<T>().update(offset_by(parameters.updatable(i, target), begin), gradient, size, *target.update);
    std::memset(gradient, 0, size * sizeof(T));
  }
}

}  // namespace chainrule
