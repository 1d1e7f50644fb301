#include "layers/embedding.hpp"

#include <algorithm>
#include <cstring>

namespace chainrule {

namespace {

constexpr uint32_t no_gradient = UINT32_MAX;

}  // namespace

template <class T>
Embedding<T>::Embedding(size_t steps, const EmbeddingSettings& settings)
    : StoredGradientLayer<T>(
          {{{.rows = settings.vocabulary - settings.zero_is_missing, .columns = settings.units, .is_weight = true}},
           settings.l1,
           settings.l2}),
      steps_(steps),
      vectors_(settings.vocabulary - settings.zero_is_missing),
      units_(settings.units),
      unseen_(settings.zero_is_missing) {}

template <class T>
void Embedding<T>::prefetch_vector(size_t number) const {
  if (number == no_vector) return;
  const T* panel = this->panels(0) + number * panel_width;
  for (size_t i = 0; i < panel_count(units_); ++i, panel += vectors_ * panel_width) __builtin_prefetch(panel);
}

template <class T>
void Embedding<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass&) const {
  const Range rows = team.share_rows(samples);
  for (size_t i = rows.begin; i < rows.end; ++i) {
    const T* tokens = below.activations + i * below.stride;
    T* to = above.activations + i * above.stride;
    for (size_t step = 0; step < steps_; ++step, to += units_) {
      if (step + tuning::parameter_rows_ahead < steps_) {
        prefetch_vector(number_of(tokens[step + tuning::parameter_rows_ahead]));
      }
      const size_t number = number_of(tokens[step]);
      if (number == no_vector) {
        std::memset(to, 0, units_ * sizeof(T));
        continue;
      }
      const T* from = this->panels(0) + number * panel_width;
      for (size_t first = 0; first < units_; first += panel_width, from += vectors_ * panel_width) {
        copy_panel(from, to + first, std::min(panel_width, units_ - first));
      }
    }
  }
  copy_to_pre_activations(above, rows);
}

// Tokens have no gradient.
template <class T>
void Embedding<T>::backward(const Team& team, const Signal<T>&, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const Range rows = team.share_rows(samples);
  std::memset(below.deltas + rows.begin * below.stride, 0, rows.size() * below.stride * sizeof(T));
}

template <class T>
template <class Visit>
void Embedding<T>::for_each_own(const Team& team, const Signal<T>& below, size_t samples, Visit visit) const {
  const Range own = team.share(vectors_);
  for (size_t i = 0; i < samples; ++i) {
    for (size_t step = 0; step < steps_; ++step) {
      const size_t number = number_of(below.activations[i * below.stride + step]);
      if (number >= own.begin && number < own.end) visit(number, i, step * units_);
    }
  }
}

template <class T>
void Embedding<T>::add(const T* delta, T* gradient, size_t stride) const {
  for (size_t first = 0; first < units_; first += panel_width, gradient += stride) {
    const size_t count = std::min(panel_width, units_ - first);
    for (size_t k = 0; k < count; ++k) gradient[k] += delta[first + k];
  }
}

template <class T>
void Embedding<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                T* gradient) const {
  for_each_own(team, below, samples, [&](size_t number, size_t sample, size_t unit) {
    add(above.deltas + sample * above.stride + unit, gradient + number * panel_width, vectors_ * panel_width);
  });
}

template <class T>
void Embedding<T>::prepare_backward(bool passes_deltas) {
  StoredGradientLayer<T>::prepare_backward(passes_deltas);
  touched_.resize(vectors_);
  gradient_of_.resize(vectors_, no_gradient);
}

template <class T>
void Embedding<T>::gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                            const GradientTarget<T>& target) {
  if (target.update == nullptr || target.every_row)
    return StoredGradientLayer<T>::gradient(team, below, above, samples, target);
  T* const sums = this->step_gradient();
  const size_t size = whole_panels(units_);
  const size_t begin = team.share(vectors_).begin;
  size_t end = begin;
  for_each_own(team, below, samples, [&](size_t number, size_t sample, size_t unit) {
    uint32_t& slot = gradient_of_[number];
    if (slot == no_gradient) {
      slot = uint32_t(end++);
      touched_[slot] = uint32_t(number);
    }
    add(above.deltas + sample * above.stride + unit, sums + slot * size, panel_width);
  });
  const ParameterRowRuns<T> vectors = row_runs(team, target);
  for (size_t slot = begin; slot < end; ++slot) {
    const size_t ahead = slot + tuning::parameter_rows_ahead;
    if (ahead < end) prefetch(vectors.row(touched_[ahead]));
    const ParameterRuns<T> vector = vectors.row(touched_[slot]);
    for (size_t i = 0; i < vector.count; ++i) {
      kernels<T>().update(offset_by(vector.first, i * vector.stride), sums + slot * size + i * panel_width, panel_width,
                          *target.update);
    }
    std::memset(sums + slot * size, 0, size * sizeof(T));
    gradient_of_[touched_[slot]] = no_gradient;
  }
}

template <class T>
void Embedding<T>::list_touched(const Team& team, const Signal<T>& below, size_t samples,
                                std::vector<uint32_t>& list) const {
  for_each_own(team, below, samples, [&](size_t number, size_t, size_t) { list.push_back(uint32_t(number)); });
}

template <class T>
ParameterRowRuns<T> Embedding<T>::row_runs(const Team& team, const GradientTarget<T>& target) {
  const ParameterRuns<T> first = {
      .first = this->parameters_.updatable(0, target), .count = panel_count(units_), .stride = vectors_ * panel_width};
  return {.first = first, .own = team.share(vectors_)};
}

template class Embedding<float>;
template class Embedding<double>;

}  // namespace chainrule
