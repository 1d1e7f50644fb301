// Samples with their targets and weights, and the sums over samples that training and evaluation report.
#pragma once

#include "training/losses.hpp"

namespace chainrule {

// Precondition: labels are in range and sizes agree.
struct Data {
  Source inputs;
  Targets targets;
  const double* weights = nullptr;  // one per sample; null: all one
  // Weights of the steps of each sample's outputs, (samples, steps), with a mean of one; null: all one.
  const double* step_weights = nullptr;
  size_t steps = 1;
};

// Weighted sums over samples, always in the order of the samples.
struct Totals {
  double weight = 0, loss = 0, metric = 0;

  void add(double sample_weight, double sample_loss, double sample_metric) {
    weight += sample_weight;
    loss += sample_weight * sample_loss;
    metric += sample_weight * sample_metric;
  }
  Totals& operator+=(const Totals& other) {
    weight += other.weight;
    loss += other.loss;
    metric += other.metric;
    return *this;
  }
  double mean_loss() const { return weight > 0 ? loss / weight : 0; }
  double mean_metric() const { return weight > 0 ? metric / weight : 0; }
};

}  // namespace chainrule
