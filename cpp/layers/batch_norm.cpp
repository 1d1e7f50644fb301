#include "layers/batch_norm.hpp"

#include <cmath>

#include "layers/finish.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

namespace {

struct Constants;
struct DeltaConstants;

template <class T>
T inverse_deviation(double variance, double epsilon) {
  return T(1 / std::sqrt(variance + epsilon));
}

}  // namespace

template <class T>
BatchNorm<T>::BatchNorm(size_t size, size_t features, double momentum, double epsilon)
    : Normalisation<T>(size, features, epsilon), momentum_(momentum) {}

// Few places are added up in one chain per feature, and threads divide the panels; else there are blocks of samples,
// which threads divide.
template <class T>
size_t BatchNorm<T>::block_count(size_t samples) const {
  const size_t blocks = std::min(samples, samples * this->places_ / tuning::places_of_block);
  return std::clamp<size_t>(blocks, 1, tuning::most_blocks);
}

// Those of blocks have weights, and the distances of the blocks' means are added for variances (Chan, Golub and LeVeque
// 1979).
template <class T>
void BatchNorm<T>::join_statistics(const BatchValues& values, size_t samples, const Range& features) const {
  const size_t blocks = block_count(samples);
  for (size_t k = features.begin; k < features.end; ++k) {
    const auto share_of = [&](size_t b) { return double(samples_of_block(b, samples).size()); };
    double mean = values.block(0)[k], variance = values.block(0)[width() + k];
    if (blocks > 1) {
      mean = 0;
      for (size_t b = 0; b < blocks; ++b) mean += share_of(b) * values.block(b)[k];
      mean /= double(samples);
      variance = 0;
      for (size_t b = 0; b < blocks; ++b) {
        const double apart = values.block(b)[k] - mean;
        variance += values.block(b)[width() + k] + share_of(b) * double(this->places_) * apart * apart;
      }
    }
    values.mean[k] = mean;
    values.variance[k] = variance / double(samples * this->places_);
  }
}

template <class T>
void BatchNorm<T>::join_sums(const BatchValues& values, size_t samples, const Range& features) const {
  for (size_t block = 1; block < block_count(samples); ++block) {
    for (size_t k = features.begin; k < features.end; ++k) {
      values.block(0)[k] += values.block(block)[k];
      values.block(0)[width() + k] += values.block(block)[width() + k];
    }
  }
}

template <class T>
FeatureScales<T> BatchNorm<T>::scales_of(const Signal<T>& above, const Range& features, const Pass& pass) const {
  T* const means = scratch<T, Constants>(2 * width());
  T* const inverses = means + width();
  for (size_t k = features.begin; k < features.end; ++k) {
    means[k] = T(mean_of(above, k, pass));
    inverses[k] = inverse_deviation<T>(variance_of(above, k, pass), this->epsilon_);
  }
  return {means, inverses};
}

// As in LayerNorm, with means over samples and places; running statistics are constants.
template <class T>
DeltaFactors<T> BatchNorm<T>::delta_factors_of(const Signal<T>& above, const FeatureScales<T>& scales, size_t samples,
                                               const Range& features, const Pass& pass) const {
  T* const means = scratch<T, DeltaConstants>(3 * width());
  T *const along = means + width(), *const factors = along + width();
  const double count = double(samples * this->places_);
  const double* const sums = is_by_batch(pass) ? values_of(above).block(0) : nullptr;
  for (size_t k = features.begin; k < features.end; ++k) {
    means[k] = sums == nullptr ? T(0) : T(sums[k] / count);
    along[k] = sums == nullptr ? T(0) : T(sums[width() + k] / count);
    factors[k] = this->gamma()[k] * scales.inverses[k];
  }
  return {means, along, factors};
}

template <class T>
template <class Sum>
void BatchNorm<T>::for_each_block(const Team& team, size_t samples, Sum sum) const {
  const size_t blocks = block_count(samples);
  if (blocks == 1) return sum(places_of({0, samples}, team.share(panels())), 0);
  const Range own = team.share(blocks);
  for (size_t b = own.begin; b < own.end; ++b) sum(places_of(samples_of_block(b, samples), {0, panels()}), b);
}

template <class T>
void BatchNorm<T>::compute_statistics(const Team& team, const Signal<T>& below, const Signal<T>& above,
                                      size_t samples) const {
  const BatchValues values = values_of(above);
  for_each_block(team, samples, [&](const FeaturePlaces& part, size_t block) {
    double *const means = values.block(block), *const squares = means + width();
    const double count = double(part.samples.size() * part.places);
    kernels<T>().feature_sums(part, below.activations, below.stride, means);
    for (size_t k = part.panels.begin * panel_width; k < part.panels.end * panel_width; ++k) means[k] /= count;
    kernels<T>().feature_squares(part, below.activations, below.stride, means, squares);
  });
  const bool has_parts = block_count(samples) > 1;
  if (has_parts) team.barrier();
  join_statistics(values, samples, features_of(team.share(panels())));
  if (has_parts) team.barrier();
}

template <class T>
FeaturePlaces BatchNorm<T>::own_part(const Team& team, size_t samples, const Pass& pass) const {
  if (divides_features(samples, pass)) return places_of({0, samples}, team.share(panels()));
  return places_of(team.share(samples), {0, panels()});
}

template <class T>
void BatchNorm<T>::forward_in_rows(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                   const Pass& pass) const {
  if (is_by_batch(pass)) compute_statistics(team, below, above, samples);
  const FeaturePlaces own = own_part(team, samples, pass);
  kernels<T>().normalise_features(own, {.inputs = below.activations,
                                        .input_stride = below.stride,
                                        .scales = scales_of(above, features_of(own.panels), pass),
                                        .gamma = this->gamma(),
                                        .beta = this->beta(),
                                        .pre_activations = above.pre_activations,
                                        .activations = above.activations,
                                        .stride = above.stride,
                                        .activation = finish_of(above).activation});
}

// The sums of deltas, and of their products with the normalised inputs.
template <class T>
void BatchNorm<T>::sum_deltas(const Team& team, const FeatureDeltas<T>& deltas, const BatchValues& values,
                              size_t samples) const {
  for_each_block(team, samples, [&](const FeaturePlaces& part, size_t block) {
    kernels<T>().feature_products(part, deltas, values.block(block), values.block(block) + width());
  });
  if (block_count(samples) == 1) return;
  team.barrier();
  join_sums(values, samples, features_of(team.share(panels())));
  team.barrier();
}

template <class T>
void BatchNorm<T>::backward_in_rows(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                                    const Pass& pass) const {
  const FeatureDeltas<T> deltas = {.deltas = above.deltas,
                                   .stride = above.stride,
                                   .inputs = below.activations,
                                   .input_stride = below.stride,
                                   .scales = scales_of(above, {0, this->features_}, pass)};
  if (this->trainable) sum_deltas(team, deltas, values_of(above), samples);
  if (below.deltas == nullptr) return;
  const FeaturePlaces own = own_part(team, samples, pass);
  const DeltaFactors<T> factors = delta_factors_of(above, deltas.scales, samples, features_of(own.panels), pass);
  kernels<T>().normalise_deltas(own, deltas, factors, below.deltas, below.stride);
  if (below.activation == Activation::identity) return;
  if (!divides_features(samples, pass)) return multiply_by_derivative(below, own.samples);
  team.barrier();
  multiply_by_derivative(below, team.share_rows(samples));
}

template <class T>
void BatchNorm<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass& pass) const {
  if (above.in_lanes) return forward_in_lanes(team, below, above, samples, pass);
  forward_in_rows(team, below, above, samples, pass);
}

template <class T>
void BatchNorm<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass& pass) const {
  if (above.in_lanes) return backward_in_lanes(team, above, below, samples, pass);
  backward_in_rows(team, above, below, samples, pass);
}

template <class T>
void BatchNorm<T>::add_gradient(const Team& team, const Signal<T>&, const Signal<T>& above, size_t, T* gradient) const {
  const double* const sums = values_of(above).block(0);
  T *const of_gamma = this->panels_of(gradient, 0), *const of_beta = this->panels_of(gradient, 1);
  const Range own = features_of(team.share(panels()));
  for (size_t k = own.begin; k < own.end; ++k) {
    of_gamma[k] += T(sums[width() + k]);
    of_beta[k] += T(sums[k]);
  }
}

template <class T>
void BatchNorm<T>::update_statistics(const Team& team, const Signal<T>& above) {
  if (!this->trainable) return;
  const BatchValues values = values_of(above);
  const Range own = features_of(team.share(panels()));
  for (size_t k = own.begin; k < own.end; ++k) {
    const auto follow = [&](T& running, double of_batch) {
      running = T(momentum_ * double(running) + (1 - momentum_) * of_batch);
    };
    follow(this->statistics_[k], values.mean[k]);
    follow(this->statistics_[this->features_ + k], values.variance[k]);
  }
}

template <class T>
void BatchNorm<T>::add_to(Finish<T>& finish) const {
  finish.normalises = true;
  finish.scales = scales_of({}, {0, this->features_}, {});
  finish.gamma = this->gamma();
  finish.beta = this->beta();
}

template class BatchNorm<float>;
template class BatchNorm<double>;

}  // namespace chainrule
