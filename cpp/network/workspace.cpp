#include "network/workspace.hpp"

#include <new>

#include "layers/packing.hpp"

namespace chainrule {

namespace {

template <class T>
size_t kept_stride(const Layer<T>& layer) {
  return layer.kept_size() == 0 ? 0 : row_stride<T>(layer.kept_size());
}

}  // namespace

template <class T>
Workspace<T>::Workspace(const Network<T>& network, size_t capacity, Purpose purpose) : capacity_(capacity) {
  Signal<T> input;
  input.size = network.inputs();
  input.stride = row_stride<T>(input.size);
  input.capacity = capacity;
  if (purpose == Purpose::pass) {
    input.activations = input.pre_activations = room(input.stride, capacity);
    input.deltas = room(input.stride, capacity);
  }
  signals_.push_back(input);
  // What is kept, or a signal in lanes, lies in groups of 16 samples.
  const size_t whole_groups = whole_panels(capacity);
  for (size_t i = 0; i < network.size(); ++i) {
    const Layer<T>& layer = network.layer(i);
    Signal<T> signal;
    signal.size = layer.outputs();
    signal.stride = row_stride<T>(signal.size);
    signal.capacity = capacity;
    signal.activation = layer.activation();
    // A pass that can be looked at has rows.
    signal.in_lanes =
        purpose != Purpose::pass && layer.takes_lanes() && i + 1 < network.size() && network.layer(i + 1).takes_lanes();
    const size_t rows = signal.in_lanes ? whole_groups : capacity;
    signal.activations = signal.pre_activations = room(signal.stride, rows);
    // The losses of the output are computed from z, which prediction has no use for.
    const bool for_loss = purpose != Purpose::prediction && i + 1 == network.size();
    if (layer.keeps_pre_activations() || for_loss) signal.pre_activations = room(signal.stride, rows);
    if (purpose != Purpose::prediction) signal.deltas = room(signal.stride, rows);
    if (purpose != Purpose::prediction || layer.shows_kept()) {
      signal.kept_stride = kept_stride(layer);
      if (signal.kept_stride > 0) signal.kept = room(signal.kept_stride, whole_groups);
    }
    signals_.push_back(signal);
  }
  if (purpose == Purpose::training) make_packed(network);
  for (Signal<T>& signal : signals_) signal.place = &signal;
}

// Where activations and deltas of a layer fill more than the first levels of the memory can look up.
template <class T>
void Workspace<T>::make_packed(const Network<T>& network) {
  for (size_t i = 0; i + 1 < signals_.size(); ++i) {
    Signal<T>& below = signals_[i];
    Signal<T>& above = signals_[i + 1];
    if (!network.layer(i).multiplies_rows()) continue;
    if (capacity_ * (below.stride + above.stride) * sizeof(T) < tuning::packed_bytes) continue;
    if (above.size < tuning::fewest_packed_panels * panel_width) continue;
    // The inputs are packed where they are.
    if (i > 0 && below.packed_activations == nullptr) {
      const size_t blocks = (below.size + packed_columns - 1) / packed_columns;
      below.packed_activations = room(blocks * packed_columns, capacity_);
    }
    above.packed_deltas = room(above.stride, capacity_);
  }
}

template <class T>
T* Workspace<T>::room(size_t stride, size_t samples) {
  if (samples > (SIZE_MAX - panel_width) / stride) throw std::bad_alloc();
  // A vector that begins in the last row may be read to its end.
  arrays_.emplace_back(samples * stride + panel_width);
  return arrays_.back().data();
}

template <class T>
size_t Workspace<T>::sample_bytes(const Network<T>& network) {
  size_t values = 0;
  for (size_t i = 0; i < network.size(); ++i) {
    values += 3 * row_stride<T>(network.layer(i).outputs()) + kept_stride(network.layer(i));
  }
  return values * sizeof(T);
}

template class Workspace<float>;
template class Workspace<double>;

}  // namespace chainrule
