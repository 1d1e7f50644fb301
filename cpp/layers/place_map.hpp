// A map of a convolution (lane_map.hpp) for one sample at a time, with 16 channels in the lanes of a vector. It adds up
// the same terms in the same order, so that a sample has the bytes that it has among 16 in the lanes.
#pragma once

#include "layers/lane_map.hpp"

namespace chainrule {

class PlaceMap {
 public:
  PlaceMap(const ConvolutionShape& shape, const LaneMap& map);

  // Multiply-adds of a sample, those of lanes without a channel included.
  size_t work() const { return work_; }
  // Weights are packed in panels of 16 channels of the target, [panels][terms][16] for each group of channels. Without
  // that, those of a panel would be in a few sets of the cache.
  size_t packed_size() const { return parts() * part_size(); }
  template <class T>
  void pack(const T* weights, T* packed) const;
  // From a source in its border to the whole target, both stored as users see them. Without a bias, sums begin at zero.
  template <class T>
  void compute(const T* source, const T* packed, const T* bias, T* target) const;

 private:
  // Places of the target along one axis, and where they are.
  template <class T>
  struct RunOfPlaces {
    const T *source, *packed, *bias;
    const LaneMap::Run *rows, *columns;
    T* target;
    size_t count, source_step, target_step;
  };

  template <class T>
  void compute_run(const RunOfPlaces<T>& run) const;
  // Groups of one channel each are computed together, each lane with its own channel of the source.
  size_t parts() const { return each_channel_ ? 1 : groups_; }
  size_t part_channels() const { return channels_ / parts(); }
  size_t part_size() const { return panel_count(part_channels()) * weight_offsets_.size() * panel_width; }

  bool each_channel_;
  size_t width_, channels_, source_channels_, groups_;
  // The distances in the weights between channels of the target, and between groups of channels; and where the weights
  // of each element of the kernel and channel of the source begin.
  size_t weight_step_, weight_group_;
  std::vector<size_t> weight_offsets_;
  // Rows or columns of the target as those of the map, with offsets in packed weights and in the source of a sample.
  size_t row_step_, column_step_;
  std::vector<LaneMap::Run> rows_, columns_;
  size_t work_;
};

}  // namespace chainrule
