#include "layers/pooling.hpp"

#include "layers/lanes.hpp"

namespace chainrule {

namespace {

struct Inputs;
struct InputDeltas;
struct Outputs;
struct OutputDeltas;

}  // namespace

template <class T>
Pool<T> PoolLayer<T>::rows(const Signal<T>& below, const Signal<T>& above, const Range& samples, size_t height) const {
  return {shape_.rows,  shape_.columns, shape_.channels, below.activations, below.stride, above.activations,
          above.stride, above.deltas,   below.deltas,    samples,           {0, height}};
}

// One group in lanes, as an image of 16 times as many channels.
template <class T>
Pool<T> PoolLayer<T>::lanes(const Signal<T>& below, const RowsOfGroup& part, size_t samples) const {
  return {shape_.rows,
          shape_.columns,
          shape_.channels * group_samples,
          group_in_lanes<T, Inputs>(below, below.activations, part.group, samples, Missing::last_sample),
          0,
          nullptr,
          0,
          nullptr,
          nullptr,
          {0, 1},
          {part.begin, part.end}};
}

template <class T>
void PoolLayer<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass&) const {
  const auto compute = of_ == Of::maximum ? kernels<T>().max_pool : kernels<T>().mean_pool;
  const size_t height = shape_.rows.outputs;
  if (!below.in_lanes && !above.in_lanes) {
    const Pool<T> args = rows(below, above, team.share_rows(samples), height);
    compute(args);
    return copy_to_pre_activations(above, args.samples);
  }
  for_each_group(team.share(groups_of(samples) * height), height, [&](const RowsOfGroup& piece) {
    Pool<T> args = lanes(below, piece, samples);
    args.outputs = above.in_lanes ? group_at(above.activations, above.stride, piece.group)
                                  : scratch<T, Outputs>(outputs() * group_samples);
    compute(args);
    if (above.in_lanes) return;
    const size_t row = outputs() / height;
    const Range part = {piece.begin * row, piece.end * row};
    T* const from = args.outputs + part.begin * group_samples;
    lanes_to_rows(from, above.activations, above.stride, piece.group, samples, part);
    if (above.pre_activations == above.activations) return;
    lanes_to_rows(from, above.pre_activations, above.stride, piece.group, samples, part);
  });
}

template <class T>
void PoolLayer<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const auto compute = of_ == Of::maximum ? kernels<T>().max_pool_gradient : kernels<T>().mean_pool_gradient;
  const size_t height = shape_.rows.inputs;
  if (!below.in_lanes && !above.in_lanes) {
    const Pool<T> args = rows(below, above, team.share_rows(samples), height);
    compute(args);
    return multiply_by_derivative(below, args.samples);
  }
  for_each_group(team.share(groups_of(samples) * height), height, [&](const RowsOfGroup& piece) {
    Pool<T> args = lanes(below, piece, samples);
    args.outputs = group_in_lanes<T, Outputs>(above, above.activations, piece.group, samples, Missing::last_sample);
    args.output_deltas = group_in_lanes<T, OutputDeltas>(above, above.deltas, piece.group, samples, Missing::zero);
    args.input_deltas = below.in_lanes ? group_at(below.deltas, below.stride, piece.group)
                                       : scratch<T, InputDeltas>(inputs() * group_samples);
    compute(args);
    const size_t row = inputs() / height;
    const Range part = {piece.begin * row, piece.end * row};
    hand_down(args.input_deltas + part.begin * group_samples, below, piece.group, samples, part);
  });
  finish_deltas(team, below, samples);
}

template class PoolLayer<float>;
template class PoolLayer<double>;

}  // namespace chainrule
