#include "training/step_sums.hpp"

#include "training/whole_gradient.hpp"

namespace chainrule {

template <class T>
void StepSums<T>::add_losses(const Chunk<T>& chunk) {
  if (!ranks_.is_first()) ranks_.receive_from_before(&sums_, sizeof(sums_));
  chunk.add_to(sums_.totals);
  if (wants_to_stop_) sums_.stops = 1;
  if (!ranks_.is_last()) ranks_.send_to_next(&sums_, sizeof(sums_));
}

template <class T>
void StepSums<T>::add_gradient(const Team& team, const std::vector<Signal<T>>& signals, size_t layer, size_t samples,
                               bool continues, T* gradient) {
  if (!ranks_.is_first()) {
    if (team.index() == 0) {
      for_sums(layer, gradient, [&](T* sums, size_t bytes) { ranks_.receive_from_before(sums, bytes); });
    }
    team.barrier();
  }
  network_.layer(layer).gradient(team, signals[layer], signals[layer + 1], samples,
                                 stored_gradient(network_, gradient, layer, continues || !ranks_.is_first()));
  if (!ranks_.is_last()) {
    team.barrier();
    if (team.index() == 0) {
      for_sums(layer, gradient, [&](const T* sums, size_t bytes) { ranks_.send_to_next(sums, bytes); });
    }
  }
}

template <class T>
void StepSums<T>::complete(const Team& team, T* gradient) {
  if (ranks_.is_alone()) return;
  team.barrier();
  if (team.index() != 0) return;
  ranks_.broadcast_from_last(&sums_, sizeof(sums_));
  for (size_t i = 0; i < network_.size(); ++i) {
    if (!network_.layer(i).trainable) continue;
    for_sums(i, gradient, [&](T* sums, size_t bytes) { ranks_.broadcast_from_last(sums, bytes); });
  }
}

template <class T>
bool StepSums<T>::stops(bool wanted) {
  wants_to_stop_ = wanted;
  return ranks_.is_alone() ? wanted : sums_.stops != 0;
}

// Calls what hands numbers on for the gradient of a layer, and for the sums that the layer keeps next to it.
template <class T>
template <class HandOn>
void StepSums<T>::for_sums(size_t layer, T* gradient, HandOn hand_on) {
  const size_t size = network_.layer(layer).parameters().packed_size();
  if (size > 0) hand_on(gradient + network_.offset(layer), size * sizeof(T));
  const std::span<T> others = network_.layer(layer).sums_next_to_gradient();
  if (!others.empty()) hand_on(others.data(), others.size_bytes());
}

template class StepSums<float>;
template class StepSums<double>;

}  // namespace chainrule
