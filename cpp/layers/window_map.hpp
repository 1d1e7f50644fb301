// A map of a convolution (lane_map.hpp) in mixed precision: products of windows of the source with weights. The inner
// index goes over the rows, columns and channels of a window, in the order in which they are in the source.
#pragma once

#include <vector>

#include "base/aligned.hpp"
#include "layers/place_map.hpp"

namespace chainrule {

// Targets along one axis, first, first + step, ..., whose windows meet the same elements of the kernel.
struct WindowAxis {
  size_t first, step, count;
  std::vector<size_t> elements;
  // Places of the source, border included: where the first window begins, the distance between two elements, and that
  // between the windows of two targets.
  size_t begin, distance, advance;
};

template <class T>
class WindowMap {
 public:
  WindowMap(const ConvolutionShape& shape, LaneMap::Direction direction);

  const Bordered& source() const { return source_; }
  // The rows of the source, border included, that the windows of some rows of the target meet.
  Range rows_met(const Range& rows) const;
  // Rounds the weights, as they are when this is called. A team divides the work.
  void derive(const Team& team, const T* weights);
  // From a source in its border to some rows of the target. Without a bias, sums begin at zero.
  void compute(const PlaceMap::Source<T>& source, const T* bias, const PlaceMap::Target<T>& target,
               const Range& rows) const;

  // The windows of a correlation, and how many there are.
  size_t window_count() const { return phases_[0].rows.count * phases_[0].columns.count; }
  Windows<T> windows(const T* source, size_t group, const Range& places) const {
    return windows_of({phases_[0], group, {0, phases_[0].rows.count}, places}, {source, 0});
  }

 private:
  // Targets of some rows and columns, whose windows meet the same elements.
  struct Phase {
    WindowAxis rows, columns;
    std::vector<uint32_t> runs;  // where runs of adjacent values begin in a window
    size_t run;
    std::vector<size_t> weights;  // where those of a window's values begin
    size_t pairs;                 // where the rounded weights begin

    size_t inner() const { return weights.size(); }
  };
  // Some of a phase's windows in some of its rows, which are numbered from the first of them on.
  struct Part {
    const Phase& phase;
    size_t group;
    Range rows, places;
  };

  // Rows of whole panels, one for each window.
  struct Results {
    T *sums, *activations;
    size_t stride;
  };

  void add_phase(const ConvolutionShape& shape, const WindowAxis& rows, const WindowAxis& columns);
  size_t panels() const { return panel_count(group_); }
  size_t packed_size(const Phase& phase) const { return groups_ * panels() * paired_size(phase.inner()); }
  Windows<T> windows_of(const Part& part, const PlaceMap::Source<T>& source) const;
  void round_panel(const Phase& phase, size_t group, size_t panel, const T* weights);
  void compute_phase(const Phase& phase, const PlaceMap::Source<T>& source, const T* bias,
                     const PlaceMap::Target<T>& target, const Range& rows) const;
  bool stores_directly(const Phase& phase) const;
  void multiply(const Part& part, const PlaceMap::Source<T>& source, const T* bias, Activation activation,
                const Results& results) const;
  void copy_to_target(const Part& part, const T* values, T* target) const;

  size_t groups_, group_;  // of channels, and the channels of the target in each
  size_t width_;           // of the target
  // The distances in the weights between channels of the source, between those of the target, and between groups.
  size_t source_step_, target_step_, weight_group_;
  Bordered source_;
  std::vector<Phase> phases_;
  AlignedArray<uint16_t> pairs_;
};

}  // namespace chainrule
