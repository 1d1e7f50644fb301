// Normalisation over all samples and places (Ioffe and Szegedy 2015). In training the statistics are those of the
// batch, else the running ones, which become momentum * running + (1 - momentum) * batch. A frozen layer does in
// training what it does in prediction. The number of places alone decides how a sum is divided, not the number of
// threads or the layout.
#pragma once

#include <algorithm>

#include "layers/normalisation.hpp"

namespace chainrule {

struct BatchNormSettings {
  static constexpr const char* name = "BatchNormSettings";

  size_t features;
  double momentum;
  double epsilon;

  static constexpr auto fields() {
    using S = BatchNormSettings;
    return std::tuple(field("features", &S::features), field("momentum", &S::momentum), field("epsilon", &S::epsilon));
  }
  template <class T>
  std::unique_ptr<Layer<T>> make(size_t inputs) const;
};

template <class T>
class BatchNorm final : public Normalisation<T> {
 public:
  BatchNorm(size_t size, size_t features, double momentum, double epsilon);

  // Running means, then running variances; in training, those of the batch are kept, with sums of blocks. The way back
  // computes x^ once more: reading it from memory would take longer.
  LayerTraits traits() const override {
    LayerTraits traits = Normalisation<T>::traits();
    traits.statistics_size = 2 * this->features_;
    traits.batch_kept_size = 2 * (1 + tuning::most_blocks) * width();
    traits.needs_whole_batch = this->trainable;
    traits.gradient_needs_backward = true;
    traits.deltas_in_place = true;
    traits.keeps_layout = true;
    traits.finishing = Finishing::normalisation;
    traits.takes_finishers = true;
    return traits;
  }
  void update_statistics(const Team&, const Signal<T>& above) override;
  void add_to(Finish<T>&) const override;

  bool by_samples(const Team&, size_t) const override { return false; }
  void forward(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const override;
  void backward(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                const Pass&) const override;

 private:
  // Whether the statistics are those of the batch.
  bool is_by_batch(const Pass& pass) const { return pass.training && this->trainable; }

  // What is kept for a batch, each a number per feature in whole panels; a block has two of them.
  struct BatchValues {
    double *mean, *variance, *blocks;
    size_t width;

    double* block(size_t b) const { return blocks + 2 * b * width; }
  };

  // dE/dgamma and dE/dbeta are the sums that backward has computed.
  void add_gradient(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples,
                    T* gradient) const override;
  FeaturePlaces places_of(const Range& samples, const Range& panels) const {
    return {samples, this->places_, this->features_, panels};
  }
  size_t panels() const { return panel_count(this->features_); }
  size_t width() const { return whole_panels(this->features_); }
  Range features_of(const Range& panels) const {
    return {panels.begin * panel_width, std::min(panels.end * panel_width, this->features_)};
  }
  BatchValues values_of(const Signal<T>& above) const {
    double* const kept = above.batch_kept;
    return {kept, kept + width(), kept + 2 * width(), width()};
  }
  double mean_of(const Signal<T>& above, size_t k, const Pass& pass) const {
    return is_by_batch(pass) ? values_of(above).mean[k] : double(this->statistics_[k]);
  }
  double variance_of(const Signal<T>& above, size_t k, const Pass& pass) const {
    return is_by_batch(pass) ? values_of(above).variance[k] : double(this->statistics_[this->features_ + k]);
  }
  size_t block_count(size_t samples) const;
  // Whether threads divide features, and not samples.
  bool divides_features(size_t samples, const Pass& pass) const {
    return is_by_batch(pass) && block_count(samples) == 1;
  }
  Range samples_of_block(size_t block, size_t samples) const {
    const size_t blocks = block_count(samples);
    return {samples * block / blocks, samples * (block + 1) / blocks};
  }
  // The statistics of the batch from those of blocks, for some features.
  void join_statistics(const BatchValues& values, size_t samples, const Range& features) const;
  // The sums of deltas over the batch from those of blocks, in the first block's place.
  void join_sums(const BatchValues& values, size_t samples, const Range& features) const;
  // The constants of x^ of some features, and of the deltas below.
  FeatureScales<T> scales_of(const Signal<T>& above, const Range& features, const Pass& pass) const;
  DeltaFactors<T> delta_factors_of(const Signal<T>& above, const FeatureScales<T>& scales, size_t samples,
                                   const Range& features, const Pass& pass) const;

  // Signals in rows.
  //
  // Calls sum(some samples and panels, block) for the thread's part.
  template <class Sum>
  void for_each_block(const Team&, size_t samples, Sum sum) const;
  void compute_statistics(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples) const;
  void sum_deltas(const Team&, const FeatureDeltas<T>& deltas, const BatchValues& values, size_t samples) const;
  void forward_in_rows(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const;
  void backward_in_rows(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples, const Pass&) const;
  // What the thread normalises.
  FeaturePlaces own_part(const Team&, size_t samples, const Pass& pass) const;

  // Signals in lanes (batch_norm_lanes.cpp). To kernels a group is one sample with a panel for each feature. Threads
  // divide the features if there is one block, else the blocks, and then the groups.
  struct BlockSums {
    Range blocks, features;
  };
  BlockSums own_sums(const Team&, size_t samples) const;
  FeaturePlaces lanes_of(const Range& features) const {
    return {{0, 1}, this->places_, this->features_ * panel_width, features};
  }
  // The groups that have samples of some blocks.
  Range groups_of_blocks(const Range& blocks, size_t samples) const;
  void clear_sums(const BlockSums& own, const BatchValues& values) const;
  // Adds a group's sums, one per feature and lane, to those of the thread's blocks, in the order of the samples.
  void add_to_blocks(const double* of_lanes, size_t group, size_t samples, const BlockSums& own,
                     const BatchValues& values, size_t offset) const;
  void compute_statistics_in_lanes(const Team&, const Signal<T>& below, const BatchValues& values,
                                   size_t samples) const;
  FeatureDeltas<T> deltas_of_group(const Signal<T>& above, const Signal<T>& below, const FeatureScales<T>& scales,
                                   size_t group) const;
  void sum_deltas_in_lanes(const Team&, const Signal<T>& above, const Signal<T>& below, const FeatureScales<T>& scales,
                           size_t samples) const;
  // What the thread normalises.
  struct GroupsAndFeatures {
    Range groups, features;
  };
  GroupsAndFeatures own_groups(const Team&, size_t samples, const Pass& pass) const;
  void forward_in_lanes(const Team&, const Signal<T>& below, const Signal<T>& above, size_t samples, const Pass&) const;
  void backward_in_lanes(const Team&, const Signal<T>& above, const Signal<T>& below, size_t samples,
                         const Pass&) const;

  double momentum_;
};

template <class T>
std::unique_ptr<Layer<T>> BatchNormSettings::make(size_t inputs) const {
  quotient(inputs, features, "features");
  return std::make_unique<BatchNorm<T>>(inputs, features, momentum, epsilon);
}

}  // namespace chainrule
