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
Pool<T> PoolLayer<T>::image(const Signal<T>& below, const Signal<T>& above, size_t sample, const Range& part) const {
  const size_t in = sample * below.stride, out = sample * above.stride;
  return {.rows = shape_.rows,
          .columns = shape_.columns,
          .channels = shape_.channels,
          .inputs = below.activations + in,
          .outputs = above.activations + out,
          .output_deltas = above.deltas == nullptr ? nullptr : above.deltas + out,
          .input_deltas = below.deltas == nullptr ? nullptr : below.deltas + in,
          .part = part};
}

// One group in lanes is an image with 16 times as many channels.
template <class T>
Pool<T> PoolLayer<T>::lanes(const Signal<T>& below, const RowsOfGroup& part, size_t samples) const {
  return {.rows = shape_.rows,
          .columns = shape_.columns,
          .channels = shape_.channels * group_samples,
          .inputs = group_in_lanes<T, Inputs>(below, below.activations, part.group, samples, Missing::last_sample),
          .outputs = nullptr,
          .output_deltas = nullptr,
          .input_deltas = nullptr,
          .part = {part.begin, part.end}};
}

template <class T>
void PoolLayer<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass&) const {
  const auto compute = pooling_ == Pooling::maximum ? kernels<T>().max_pool : kernels<T>().mean_pool;
  const size_t height = shape_.rows.outputs;
  if (!below.in_lanes && !above.in_lanes) {
    for_each_group(team.share(samples * height), height, [&](const RowsOfGroup& piece) {
      compute(image(below, above, piece.group, {piece.begin, piece.end}));
    });
    if (above.pre_activations == above.activations) return;
    team.barrier();
    return copy_to_pre_activations(above, team.share_rows(samples));
  }
  for_each_group(team.share(groups_of(samples) * height), height, [&](const RowsOfGroup& piece) {
    Pool<T> args = lanes(below, piece, samples);
    args.outputs = above.in_lanes ? group_at(above.activations, above.stride, piece.group)
                                  : scratch<T, Outputs>(outputs() * group_samples);
    compute(args);
    if (above.in_lanes) return;
    const size_t row = outputs() / height;
    const Range part = {piece.begin * row, piece.end * row};
    outputs_to_rows(args.outputs + part.begin * group_samples, above, piece.group, samples, part);
  });
}

template <class T>
void PoolLayer<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const auto compute = pooling_ == Pooling::maximum ? kernels<T>().max_pool_gradient : kernels<T>().mean_pool_gradient;
  const size_t height = shape_.rows.inputs;
  if (!below.in_lanes && !above.in_lanes) {
    const Range own = team.share_rows(samples);
    for (size_t i = own.begin; i < own.end; ++i) {
      compute(image(below, above, i, {0, height}));
      // The image is still in the cache.
      multiply_by_derivative(below, {i, i + 1});
    }
    return;
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
