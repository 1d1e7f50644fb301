// A chunk: the samples that are in memory at a time, in the layout of the kernels.
#pragma once

#include "base/aligned.hpp"
#include "data/inputs.hpp"
#include "training/training_data.hpp"

namespace chainrule {

template <class T>
struct Chunk {
  Chunk(const Source& source, size_t capacity, size_t outputs, Columns columns, size_t threads, bool weighs_outputs)
      : inputs(source, capacity, columns, threads),
        targets(capacity * row_stride<T>(outputs)),
        output_weights(weighs_outputs ? targets.size() : 0),
        source_rows(capacity),
        weights(capacity),
        raw_weights(capacity),
        losses(capacity),
        metrics(capacity) {}

  // A sample of weight zero counts nothing, even if its loss is not finite.
  void add_to(Totals& totals) const {
    for (size_t i = 0; i < samples; ++i) {
      const double weight = raw_weights.data()[i];
      if (weight > 0) totals.add(weight, losses.data()[i], metrics.data()[i]);
    }
  }

  Inputs<T> inputs;
  AlignedArray<T> targets;
  AlignedArray<T> output_weights;     // empty: all one
  AlignedArray<int64_t> source_rows;  // where each sample is in the data
  AlignedArray<T> weights;            // each sample's share of its batch's mean
  AlignedArray<double> raw_weights;   // as given
  AlignedArray<double> losses, metrics;
  size_t samples = 0;
};

}  // namespace chainrule
