// Batch normalisation of signals with samples in the lanes of vectors, with the order of additions that it has in rows.
#include "layers/batch_norm.hpp"
#include "layers/finish.hpp"

namespace chainrule {

namespace {

struct Sums;
struct Scales;
struct Factors;

template <class T>
FeatureScales<T> in_all_lanes(const FeatureScales<T>& scales, const Range& features, T* lanes, size_t width) {
  return {in_all_lanes(scales.means, features, lanes), in_all_lanes(scales.inverses, features, lanes + width)};
}

// Makes some features of the lanes after the first `count` zero.
template <class T>
void clear_missing(T* values, size_t places, size_t all_features, const Range& features, size_t count) {
  for (size_t place = 0; place < places && count < group_samples; ++place) {
    for (size_t k = features.begin; k < features.end; ++k) {
      std::fill_n(values + (place * all_features + k) * group_samples + count, group_samples - count, T(0));
    }
  }
}

// The block of a sample, by the rounding of samples_of_block.
size_t block_of(size_t sample, size_t samples, size_t blocks) { return ((sample + 1) * blocks - 1) / samples; }

}  // namespace

template <class T>
auto BatchNorm<T>::own_sums(const Team& team, size_t samples) const -> BlockSums {
  const size_t blocks = block_count(samples);
  if (blocks == 1) return {{0, 1}, team.share(this->features_)};
  return {team.share(blocks), {0, this->features_}};
}

template <class T>
Range BatchNorm<T>::groups_of_blocks(const Range& blocks, size_t samples) const {
  if (blocks.size() == 0) return {0, 0};
  return {samples_of_block(blocks.begin, samples).begin / group_samples,
          groups_of(samples_of_block(blocks.end - 1, samples).end)};
}

template <class T>
void BatchNorm<T>::clear_sums(const BlockSums& own, const BatchValues& values) const {
  for (size_t block = own.blocks.begin; block < own.blocks.end; ++block) {
    std::fill_n(values.block(block) + own.features.begin, own.features.size(), 0.0);
    std::fill_n(values.block(block) + width() + own.features.begin, own.features.size(), 0.0);
  }
}

template <class T>
void BatchNorm<T>::add_to_blocks(const double* of_lanes, size_t group, size_t samples, const BlockSums& own,
                                 const BatchValues& values, size_t offset) const {
  const size_t blocks = block_count(samples), first = group * group_samples;
  for (size_t lane = 0; lane < samples_in(group, samples); ++lane) {
    const size_t block = block_of(first + lane, samples, blocks);
    if (block < own.blocks.begin || block >= own.blocks.end) continue;
    double* const sums = values.block(block) + offset;
    for (size_t k = own.features.begin; k < own.features.end; ++k) sums[k] += of_lanes[k * group_samples + lane];
  }
}

template <class T>
void BatchNorm<T>::compute_statistics_in_lanes(const Team& team, const Signal<T>& below, const BatchValues& values,
                                               size_t samples) const {
  const BlockSums own = own_sums(team, samples);
  const FeaturePlaces at = lanes_of(own.features);
  const Range groups = groups_of_blocks(own.blocks, samples);
  const size_t blocks = block_count(samples);
  double* const sums = scratch<double, Sums>(2 * width() * group_samples);
  double* const means = sums + width() * group_samples;
  clear_sums(own, values);
  for (size_t group = groups.begin; group < groups.end; ++group) {
    kernels<T>().feature_sums(at, group_at(below.activations, below.stride, group), 0, sums);
    add_to_blocks(sums, group, samples, own, values, 0);
  }
  for (size_t b = own.blocks.begin; b < own.blocks.end; ++b) {
    const double count = double(samples_of_block(b, samples).size() * this->places_);
    for (size_t k = own.features.begin; k < own.features.end; ++k) values.block(b)[k] /= count;
  }
  for (size_t group = groups.begin; group < groups.end; ++group) {
    for (size_t lane = 0; lane < group_samples; ++lane) {
      const size_t sample = std::min(group * group_samples + lane, samples - 1);
      const size_t block = std::clamp(block_of(sample, samples, blocks), own.blocks.begin, own.blocks.end - 1);
      for (size_t k = own.features.begin; k < own.features.end; ++k) {
        means[k * group_samples + lane] = values.block(block)[k];
      }
    }
    kernels<T>().feature_squares(at, group_at(below.activations, below.stride, group), 0, means, sums);
    add_to_blocks(sums, group, samples, own, values, width());
  }
  if (blocks > 1) team.barrier();
  join_statistics(values, samples, team.share(this->features_));
  if (blocks > 1) team.barrier();
}

template <class T>
auto BatchNorm<T>::own_groups(const Team& team, size_t samples, const Pass& pass) const -> GroupsAndFeatures {
  const size_t groups = groups_of(samples);
  if (divides_features(samples, pass)) return {{0, groups}, team.share(this->features_)};
  return {team.share(groups), {0, this->features_}};
}

template <class T>
void BatchNorm<T>::forward_in_lanes(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                    const Pass& pass) const {
  if (is_by_batch(pass)) compute_statistics_in_lanes(team, below, values_of(above), samples);
  const GroupsAndFeatures own = own_groups(team, samples, pass);
  const size_t size = width() * group_samples;
  T* const lanes = scratch<T, Scales>(4 * size);
  const FeatureScales<T> scales = in_all_lanes(scales_of(above, own.features, pass), own.features, lanes, size);
  const T* const gamma = in_all_lanes(this->gamma(), own.features, lanes + 2 * size);
  const Activation activation = finish_of(above).activation;
  const T* const beta = in_all_lanes(this->beta(), own.features, lanes + 3 * size);
  for (size_t group = own.groups.begin; group < own.groups.end; ++group) {
    kernels<T>().normalise_features(lanes_of(own.features),
                                    {.inputs = group_at(below.activations, below.stride, group),
                                     .input_stride = 0,
                                     .scales = scales,
                                     .gamma = gamma,
                                     .beta = beta,
                                     .pre_activations = group_at(above.pre_activations, above.stride, group),
                                     .activations = group_at(above.activations, above.stride, group),
                                     .stride = 0,
                                     .activation = activation});
  }
}

template <class T>
FeatureDeltas<T> BatchNorm<T>::deltas_of_group(const Signal<T>& above, const Signal<T>& below,
                                               const FeatureScales<T>& scales, size_t group) const {
  return {.deltas = group_at(above.deltas, above.stride, group),
          .stride = 0,
          .inputs = group_at(below.activations, below.stride, group),
          .input_stride = 0,
          .scales = scales};
}

template <class T>
void BatchNorm<T>::sum_deltas_in_lanes(const Team& team, const Signal<T>& above, const Signal<T>& below,
                                       const FeatureScales<T>& scales, size_t samples) const {
  const BlockSums own = own_sums(team, samples);
  const BatchValues values = values_of(above);
  const Range groups = groups_of_blocks(own.blocks, samples);
  double* const sums = scratch<double, Sums>(2 * width() * group_samples);
  double* const products = sums + width() * group_samples;
  clear_sums(own, values);
  for (size_t group = groups.begin; group < groups.end; ++group) {
    kernels<T>().feature_products(lanes_of(own.features), deltas_of_group(above, below, scales, group), sums, products);
    add_to_blocks(sums, group, samples, own, values, 0);
    add_to_blocks(products, group, samples, own, values, width());
  }
  if (block_count(samples) == 1) return;
  team.barrier();
  join_sums(values, samples, team.share(this->features_));
  team.barrier();
}

template <class T>
void BatchNorm<T>::backward_in_lanes(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                     const Pass& pass) const {
  const Range all = {0, this->features_};
  const size_t size = width() * group_samples;
  const FeatureScales<T> scales = scales_of(above, all, pass);
  const FeatureScales<T> scales_in_lanes = in_all_lanes(scales, all, scratch<T, Scales>(2 * size), size);
  if (this->trainable) sum_deltas_in_lanes(team, above, below, scales_in_lanes, samples);
  if (below.deltas == nullptr) return;
  const GroupsAndFeatures own = own_groups(team, samples, pass);
  const DeltaFactors<T> factors = delta_factors_of(above, scales, samples, own.features, pass);
  T* const lanes = scratch<T, Factors>(3 * size);
  const DeltaFactors<T> factors_in_lanes = {in_all_lanes(factors.means, own.features, lanes),
                                            in_all_lanes(factors.along, own.features, lanes + size),
                                            in_all_lanes(factors.factors, own.features, lanes + 2 * size)};
  for (size_t group = own.groups.begin; group < own.groups.end; ++group) {
    T* const to = group_at(below.deltas, below.stride, group);
    kernels<T>().normalise_deltas(lanes_of(own.features), deltas_of_group(above, below, scales_in_lanes, group),
                                  factors_in_lanes, to, 0);
    clear_missing(to, this->places_, this->features_, own.features, samples_in(group, samples));
    if (!divides_features(samples, pass)) multiply_by_derivative(below, group, {0, this->inputs()});
  }
  if (below.activation == Activation::identity || !divides_features(samples, pass)) return;
  team.barrier();
  const Range groups = team.share(groups_of(samples));
  for (size_t group = groups.begin; group < groups.end; ++group) {
    multiply_by_derivative(below, group, {0, this->inputs()});
  }
}

template class BatchNorm<float>;
template class BatchNorm<double>;

}  // namespace chainrule
