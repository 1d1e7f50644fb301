#include "layers/resizing.hpp"

#include "layers/lanes.hpp"

namespace chainrule {

namespace {

struct Images;
struct Results;
struct ResultDeltas;
struct ImageDeltas;

}  // namespace

template <class T>
void Resizing<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                          const Pass&) const {
  if (!below.in_lanes && !above.in_lanes) {
    const Range rows = team.share_rows(samples);
    for (size_t i = rows.begin; i < rows.end; ++i) {
      resize(below.activations + i * below.stride, channels_, above.activations + i * above.stride);
    }
    return copy_to_pre_activations(above, rows);
  }
  const Range groups = team.share(groups_of(samples));
  const Range values = {0, this->outputs()};
  for (size_t group = groups.begin; group < groups.end; ++group) {
    T* const result = above.in_lanes ? group_at(above.activations, above.stride, group)
                                     : scratch<T, Results>(values.size() * group_samples);
    resize(group_in_lanes<T, Images>(below, below.activations, group, samples, Missing::last_sample),
           channels_ * group_samples, result);
    if (!above.in_lanes) outputs_to_rows(result, above, group, samples, values);
  }
}

template <class T>
void Resizing<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                           const Pass&) const {
  if (!below.in_lanes && !above.in_lanes) {
    const Range rows = team.share_rows(samples);
    for (size_t i = rows.begin; i < rows.end; ++i) {
      collect(above.deltas + i * above.stride, channels_, below.deltas + i * below.stride);
    }
    return multiply_by_derivative(below, rows);
  }
  const Range groups = team.share(groups_of(samples));
  const Range values = {0, this->inputs()};
  for (size_t group = groups.begin; group < groups.end; ++group) {
    T* const image = below.in_lanes ? group_at(below.deltas, below.stride, group)
                                    : scratch<T, ImageDeltas>(values.size() * group_samples);
    collect(group_in_lanes<T, ResultDeltas>(above, above.deltas, group, samples, Missing::zero),
            channels_ * group_samples, image);
    hand_down(image, below, group, samples, values);
  }
  finish_deltas(team, below, samples);
}

template <class T>
void ZeroPad<T>::resize(const T* image, size_t channels, T* result) const {
  const size_t row = shape_.width * channels;
  std::memset(result, 0, this->outputs() / shape_.channels * channels * sizeof(T));
  for (size_t y = 0; y < shape_.height; ++y) {
    std::memcpy(result + row_begin(y, channels), image + y * row, row * sizeof(T));
  }
}

template <class T>
void ZeroPad<T>::collect(const T* result, size_t channels, T* image) const {
  const size_t row = shape_.width * channels;
  for (size_t y = 0; y < shape_.height; ++y) {
    std::memcpy(image + y * row, result + row_begin(y, channels), row * sizeof(T));
  }
}

template <class T>
void UpSample<T>::resize(const T* image, size_t channels, T* result) const {
  const size_t row = shape_.width * shape_.right * channels;
  for (size_t y = 0; y < shape_.height; ++y) {
    T* const first = result;
    for (size_t x = 0; x < shape_.width; ++x, image += channels) {
      for (size_t copy = 0; copy < shape_.right; ++copy, result += channels) {
        std::memcpy(result, image, channels * sizeof(T));
      }
    }
    for (size_t copy = 1; copy < shape_.down; ++copy, result += row) std::memcpy(result, first, row * sizeof(T));
  }
}

template <class T>
void UpSample<T>::collect(const T* result, size_t channels, T* image) const {
  const size_t row = shape_.width * channels;
  std::memset(image, 0, shape_.height * row * sizeof(T));
  for (size_t y = 0; y < shape_.height * shape_.down; ++y) {
    T* to = image + y / shape_.down * row;
    for (size_t x = 0; x < shape_.width; ++x, to += channels) {
      for (size_t copy = 0; copy < shape_.right; ++copy, result += channels) {
        for (size_t c = 0; c < channels; ++c) to[c] += result[c];
      }
    }
  }
}

template class ZeroPad<float>;
template class ZeroPad<double>;
template class UpSample<float>;
template class UpSample<double>;

}  // namespace chainrule
