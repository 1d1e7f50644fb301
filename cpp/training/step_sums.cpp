#include "training/step_sums.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "training/whole_gradient.hpp"

namespace chainrule {

template <class T>
StepSums<T>::StepSums(Network<T>& network, Ranks& ranks, const Totals& totals) : network_(network), ranks_(ranks) {
  sums_.totals = totals;
  if (ranks.is_alone()) return;
  // With parts of time t and messages of time l, a gradient of k parts takes k (t + l) on the first rank, and t + l
  // more on each further one; the best number of parts grows with the root of the number of these.
  const size_t smaller = size_t(std::ceil(std::sqrt(double(ranks.size() - 1))));
  size_t largest = 0;
  for (size_t i = 0; i < network.size(); ++i) {
    const size_t count = network.layer(i).gradient_parts(smaller);
    std::vector<Message> messages;
    for (size_t part = 0; part < count; ++part) {
      messages.push_back({network.layer(i).gradient_runs({part, count}), 0});
      for (const GradientRuns& runs : messages.back().runs) messages.back().size += runs.count * runs.size;
      largest = std::max(largest, messages.back().size);
    }
    messages_.push_back(std::move(messages));
  }
  message_ = AlignedArray<T>(largest);
}

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
  GradientTarget<T> target = stored_gradient(network_, gradient, layer, continues || !ranks_.is_first());
  if (!ranks_.is_alone()) target.part.count = messages_[layer].size();
  for (; target.part.index < target.part.count; ++target.part.index) {
    if (!ranks_.is_first()) {
      if (team.index() == 0) receive(layer, target);
      team.barrier();
    }
    network_.layer(layer).gradient(team, signals[layer], signals[layer + 1], samples, target);
    if (!ranks_.is_last()) {
      team.barrier();
      if (team.index() == 0) send(layer, target);
    }
  }
}

// Calls copy(place in the gradient, place in the message, size) for all runs of a part.
template <class T>
template <class Copy>
void StepSums<T>::for_runs(const Message& message, T* gradient, Copy copy) {
  T* in_message = message_.data();
  for (const GradientRuns& runs : message.runs) {
    for (size_t i = 0; i < runs.count; ++i, in_message += runs.size) {
      copy(gradient + runs.begin + i * runs.stride, in_message, runs.size * sizeof(T));
    }
  }
}

template <class T>
void StepSums<T>::receive(size_t layer, const GradientTarget<T>& target) {
  const Message& message = messages_[layer][target.part.index];
  if (message.size > 0) ranks_.receive_from_before(message_.data(), message.size * sizeof(T));
  for_runs(message, target.gradient, [](T* to, const T* from, size_t bytes) { std::memcpy(to, from, bytes); });
  const std::span<T> others = network_.layer(layer).sums_next_to_gradient();
  if (!others.empty() && target.part.index == 0) ranks_.receive_from_before(others.data(), others.size_bytes());
}

template <class T>
void StepSums<T>::send(size_t layer, const GradientTarget<T>& target) {
  const Message& message = messages_[layer][target.part.index];
  for_runs(message, target.gradient, [](const T* from, T* to, size_t bytes) { std::memcpy(to, from, bytes); });
  if (message.size > 0) ranks_.send_to_next(message_.data(), message.size * sizeof(T));
  const std::span<T> others = network_.layer(layer).sums_next_to_gradient();
  const bool is_last = target.part.index + 1 == target.part.count;
  if (!others.empty() && is_last) ranks_.send_to_next(others.data(), others.size_bytes());
}

template <class T>
void StepSums<T>::complete(const Team& team, T* gradient) {
  if (ranks_.is_alone()) return;
  team.barrier();
  if (team.index() != 0) return;
  ranks_.broadcast_from_last(&sums_, sizeof(sums_));
  // Layers that are frozen have a gradient of zero on all ranks.
  const size_t first = network_.first_trainable();
  if (first == network_.size()) return;
  const size_t begin = network_.offset(first);
  ranks_.broadcast_from_last(gradient + begin, (network_.parameters().size() - begin) * sizeof(T));
  for (size_t i = first; i < network_.size(); ++i) {
    const std::span<T> others = network_.layer(i).sums_next_to_gradient();
    if (!others.empty() && network_.layer(i).trainable) ranks_.broadcast_from_last(others.data(), others.size_bytes());
  }
}

template <class T>
bool StepSums<T>::stops(bool wanted) {
  wants_to_stop_ = wanted;
  return ranks_.is_alone() ? wanted : sums_.stops != 0;
}

template class StepSums<float>;
template class StepSums<double>;

}  // namespace chainrule
