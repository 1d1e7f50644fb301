#include "layers/places.hpp"

#include "layers/scratch.hpp"

namespace chainrule {

namespace {

struct ForValues {};
struct ForDeltas {};

// Calls function(offset of the first value, number of places) for some places at a time.
template <class T, class Function>
void for_some_places_of(const Signal<T>& signal, const Range& samples, const Range& places, Function function) {
  const size_t width = signal.size / signal.softmax_places;
  for (size_t sample = samples.begin; sample < samples.end; ++sample) {
    for_some_places(places,
                    [&](const Range& part) { function(sample * signal.stride + part.begin * width, part.size()); });
  }
}

template <class T>
Rows<T> place_rows(size_t count, size_t width, T* values, T* deltas) {
  return {.pre_activations = values,
          .activations = values,
          .deltas = deltas,
          .stride = row_stride<T>(width),
          .outputs = width,
          .rows = {0, count},
          .activation = Activation::softmax};
}

}  // namespace

template <class T>
void softmax_at_places(const Signal<T>& signal, const Range& samples, const Range& places) {
  const size_t width = signal.size / signal.softmax_places;
  T* values = scratch<T, ForValues>(place_rows_size<T>(width));
  for_some_places_of(signal, samples, places, [&](size_t first, size_t count) {
    places_to_rows(signal.pre_activations + first, count, width, values);
    kernels<T>().softmax(place_rows<T>(count, width, values, nullptr));
    rows_to_places(values, count, width, signal.activations + first);
  });
}

template <class T>
void softmax_gradient_at_places(const Signal<T>& signal, const Range& samples) {
  const size_t width = signal.size / signal.softmax_places;
  T* values = scratch<T, ForValues>(place_rows_size<T>(width));
  T* deltas = scratch<T, ForDeltas>(place_rows_size<T>(width));
  for_some_places_of(signal, samples, {0, signal.softmax_places}, [&](size_t first, size_t count) {
    places_to_rows(signal.activations + first, count, width, values);
    places_to_rows(signal.deltas + first, count, width, deltas);
    kernels<T>().activation_gradient(place_rows<T>(count, width, values, deltas));
    rows_to_places(deltas, count, width, signal.deltas + first);
  });
}

#define CHAINRULE_INSTANTIATE(T)                                                                   \
  template void softmax_at_places<T>(const Signal<T>&, const Range& samples, const Range& places); \
  template void softmax_gradient_at_places<T>(const Signal<T>&, const Range& samples)
CHAINRULE_INSTANTIATE(float);
CHAINRULE_INSTANTIATE(double);
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
