#include "training/deferred_updates.hpp"

namespace chainrule {

namespace {

// Columns lie far apart in memory.
constexpr size_t columns_ahead = 8;

}  // namespace

template <class T>
DeferredUpdates<T>::DeferredUpdates(Layer<T>& layer, size_t first_step, size_t threads)
    : layer_(layer), steps_(capacity), behind_(threads, std::vector<size_t>(layer.inputs(), first_step)) {}

template <class T>
void DeferredUpdates<T>::record(size_t step, const GradientTarget<T>& target) {
  target_ = target;
  steps_[step % capacity] = {*target.update, target.shrink};
}

template <class T>
void DeferredUpdates<T>::touched(const Team& team, size_t step, const std::vector<NonZeros<T>>& columns) {
  for (const NonZeros<T>& part : columns) {
    for (size_t i = 0; i < part.lists; ++i) behind_[team.index()][part.row[i]] = step + 1;
  }
  if ((step + 1) % capacity == 0) bring_up_all(team, step);
}

template <class T>
void DeferredUpdates<T>::bring_up(const Team& team, size_t step, const std::vector<NonZeros<T>>& next_samples) {
  for (const NonZeros<T>& part : next_samples) {
    for (size_t i = 0; i < part.lists; ++i) {
      const uint32_t* const columns = part.index + part.begin[i];
      for (size_t j = 0; j < part.count[i]; ++j) {
        if (j + columns_ahead < part.count[i]) layer_.expect(team, columns[j + columns_ahead], target_);
        bring_up_column(team, step, columns[j]);
      }
    }
  }
}

template <class T>
void DeferredUpdates<T>::bring_up_all(const Team& team, size_t step) {
  for (size_t column = 0; column < layer_.inputs(); ++column) bring_up_column(team, step, column);
}

// The steps that are missing lie behind the last full turn of the memory, where every column was brought up.
template <class T>
void DeferredUpdates<T>::bring_up_column(const Team& team, size_t step, size_t column) {
  size_t& from = behind_[team.index()][column];
  if (from > step) return;
  layer_.catch_up(team, column, target_, {steps_.data() + from % capacity, step + 1 - from});
  from = step + 1;
}

template class DeferredUpdates<float>;
template class DeferredUpdates<double>;

}  // namespace chainrule
