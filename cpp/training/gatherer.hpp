// Gathering: samples come from the user's arrays into a chunk.
#pragma once

#include "base/random.hpp"
#include "base/team.hpp"
#include "base/tuning.hpp"
#include "network/network.hpp"
#include "training/chunk.hpp"

namespace chainrule {

// Noise is keyed by a sample's position in the epoch, so that it does not depend on threads or chunks.
template <class T>
class Gatherer {
 public:
  // Samples come in the order of the source if `order` is null.
  Gatherer(const Network<T>& network, const Data& data, const Loss& loss, const int64_t* order)
      : network_(network), data_(data), loss_(loss), order_(order) {}

  void add_noise(double deviation, uint64_t seed, uint64_t epoch) {
    noise_ = deviation;
    seed_ = seed;
    epoch_ = epoch;
  }

  // Gathers the samples at `count` places from `first` on, in the order that this was made with. They have positions in
  // the epoch from `position` on, and belong to a batch with this sum of weights. All threads of the team call it.
  // Threads are numbered in reverse here, so that a sample is gathered by a different thread than the one that runs its
  // forward pass: the last thread, whose share is the largest elsewhere, has the smallest here.
  void gather(const Team& whole, size_t first, size_t count, size_t position, double batch_weight,
              Chunk<T>& chunk) const {
    const Team team = whole.reversed();
    const Range own = team.share_rows(count);
    const size_t output_stride = row_stride<T>(network_.outputs());
    const Activation output = network_.output_activation();
    for (size_t i = own.begin; i < own.end; ++i) {
      const size_t row = row_of(first + i);
      if (i + tuning::samples_ahead < own.end) prefetch_row(data_.inputs, row_of(first + i + tuning::samples_ahead));
      chunk.inputs.gather(data_.inputs, row, i, [&](T* inputs) {
        if (noise_ > 0) disturb(position + i, inputs);
      });
      gather_target(data_.targets, loss_, output, network_.outputs(), row, chunk.targets.data() + i * output_stride);
      if (data_.step_weights != nullptr) weigh_outputs(row, chunk.output_weights.data() + i * output_stride);
      chunk.source_rows.data()[i] = int64_t(row);
      const double weight = weight_of(first + i);
      chunk.raw_weights.data()[i] = weight;
      chunk.weights.data()[i] = batch_weight > 0 ? T(weight / batch_weight) : T(0);
    }
    chunk.inputs.list_columns(own, team.index());
    if (team.index() == 0) chunk.samples = count;
  }

  // Adds the weights of samples to a sum, in their order.
  double add_weights(size_t first, size_t count, double sum) const {
    for (size_t i = first; i < first + count; ++i) sum += weight_of(i);
    return sum;
  }

 private:
  size_t row_of(size_t place) const { return order_ == nullptr ? place : size_t(order_[place]); }
  double weight_of(size_t place) const { return data_.weights == nullptr ? 1.0 : data_.weights[row_of(place)]; }

  void weigh_outputs(size_t row, T* weights) const {
    const size_t width = network_.outputs() / data_.steps;
    for (size_t k = 0; k < network_.outputs(); ++k) weights[k] = T(data_.step_weights[row * data_.steps + k / width]);
  }

  void disturb(size_t position, T* inputs) const {
    RandomWords words(seed_, Purpose::input_noise, position, epoch_);
    for (size_t k = 0; k < network_.inputs(); ++k) inputs[k] += T(noise_ * normal(words.next()));
  }

  const Network<T>& network_;
  const Data& data_;
  const Loss& loss_;
  const int64_t* order_;
  double noise_ = 0;
  uint64_t seed_ = 0, epoch_ = 0;
};

}  // namespace chainrule
