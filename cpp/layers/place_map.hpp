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
  // A sample's source in its border, as users see it, from one of its rows on.
  template <class T>
  struct Source {
    const T* values;
    size_t first_row;
  };
  // Where the target of a sample is stored as users see it: z and a = f(z), in one array if no computation needs both.
  template <class T>
  struct Target {
    T *pre_activations, *activations;
    Activation activation;
  };
  // From a source to some rows of the target. Without a bias, sums begin at zero.
  template <class T>
  void compute(const Source<T>& source, const T* packed, const T* bias, const Target<T>& target,
               const Range& rows) const;

 private:
  // Targets along one axis, first, first + step, ..., that have the same elements of the kernel. Terms have offsets in
  // packed weights and in the source of a sample.
  template <class Terms>
  struct Run {
    size_t first, count, source_step;
    std::vector<Terms> terms;
  };

  void list_rows(const std::vector<std::vector<LaneTerm>>& rows);
  void list_columns(const std::vector<LaneMap::Run>& runs);
  LaneTerm in_values(const LaneTerm& term) const;

  // Groups of one channel each are computed together, each lane with its own channel of the source.
  size_t parts() const { return each_channel_ ? 1 : groups_; }
  size_t part_channels() const { return channels_ / parts(); }
  size_t part_size() const { return panel_count(part_channels()) * weight_offsets_.size() * panel_width; }

  bool each_channel_;
  size_t width_, channels_, source_channels_, source_row_, groups_;
  // The distances in the weights between channels of the target, and between groups of channels; and where the weights
  // of each element of the kernel and channel of the source begin.
  size_t weight_step_, weight_group_;
  std::vector<size_t> weight_offsets_;
  // The distances in the map's offsets between elements of the kernel, and between channels of the source.
  size_t element_, channel_;
  size_t row_step_, column_step_;
  std::vector<Run<LaneTerm>> rows_;
  std::vector<Run<PlaceTerms>> columns_;
  size_t work_;
};

}  // namespace chainrule
