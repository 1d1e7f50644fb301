#include "network/workspace.hpp"

#include <new>

#include "layers/packing.hpp"
#include "network/shared_memory.hpp"

namespace chainrule {

namespace {

size_t groups_capacity(size_t capacity) { return whole_panels(capacity); }

template <class T>
size_t kept_stride(const LayerTraits& traits) {
  return traits.kept_size == 0 ? 0 : row_stride<T>(traits.kept_size);
}

}  // namespace

template <class T>
Workspace<T>::Workspace(const Network<T>& network, size_t capacity, Purpose purpose) : capacity_(capacity) {
  signals_.reserve(network.size() + 1);
  signals_.push_back(input_signal(network, purpose));
  for (size_t i = 0; i < network.size(); ++i) signals_.push_back(signal_above(network, i, purpose));
  if (purpose == Purpose::prediction) {
    allocate_shared(network);
    join_layers(network, Finishing::normalisation);
  }
  if (purpose == Purpose::training) join_layers(network, Finishing::activation);
  // Products of mixed precision pack their factors themselves.
  if (purpose == Purpose::training && !network.mixed()) allocate_packed(network);
  connect(network);
}

template <class T>
Signal<T> Workspace<T>::input_signal(const Network<T>& network, Purpose purpose) {
  Signal<T> input;
  input.size = network.inputs();
  input.stride = row_stride<T>(input.size);
  input.capacity = capacity_;
  if (purpose == Purpose::pass) {
    input.activations = input.pre_activations = allocate(input.stride, capacity_);
    input.deltas = allocate(input.stride, capacity_);
  }
  return input;
}

template <class T>
Signal<T> Workspace<T>::signal_above(const Network<T>& network, size_t layer, Purpose purpose) {
  const LayerTraits traits = network.layer(layer).traits();
  const bool is_output = layer + 1 == network.size();
  Signal<T> signal;
  signal.size = network.layer(layer).outputs();
  signal.stride = row_stride<T>(signal.size);
  signal.capacity = capacity_;
  signal.activation = traits.activation;
  signal.softmax_places = traits.softmax_places;
  const bool lanes_pay = purpose == Purpose::training || network.prefers_lanes(capacity_);
  signal.in_lanes = purpose != Purpose::pass && lanes_pay && network.can_be_in_lanes(layer);
  if (purpose != Purpose::prediction || traits.mask_steps > 0) {
    signal.kept_stride = kept_stride<T>(traits);
    if (signal.kept_stride > 0) signal.kept = allocate(signal.kept_stride, groups_capacity(capacity_));
  }
  if (purpose == Purpose::prediction) return signal;
  const size_t rows = signal.in_lanes ? groups_capacity(capacity_) : capacity_;
  // The loss of the output is computed from z.
  const bool needs_both = traits.keeps_pre_activations || is_output;
  const bool may_share = purpose == Purpose::training && traits.trains_in_place;
  T* const released = may_share ? released_outputs(network, layer) : nullptr;
  signal.pre_activations = released != nullptr ? released : allocate(signal.stride, rows);
  signal.activations = needs_both ? allocate(signal.stride, rows) : signal.pre_activations;
  const bool shares_deltas = purpose == Purpose::training && traits.deltas_in_place && layer > 0;
  signal.deltas = shares_deltas ? signals_.back().deltas : allocate(signal.stride, rows);
  if (traits.batch_kept_size > 0) {
    batch_arrays_.emplace_back(traits.batch_kept_size);
    signal.batch_kept = batch_arrays_.back().data();
  }
  return signal;
}

template <class T>
T* Workspace<T>::released_outputs(const Network<T>& network, size_t layer) const {
  const Signal<T>& below = signals_.back();
  if (layer == 0 || below.activation != Activation::identity) return nullptr;
  if (!network.layer(layer - 1).traits().releases_outputs) return nullptr;
  return last_readers(network)[layer - 1] == layer ? below.activations : nullptr;
}

template <class T>
void Workspace<T>::allocate_shared(const Network<T>& network) {
  const SharedMemory memory = share_memory(network);
  const size_t rows = network.prefers_lanes(capacity_) ? groups_capacity(capacity_) : capacity_;
  std::vector<T*> arrays;
  for (const size_t stride : memory.strides) arrays.push_back(allocate(stride, rows));
  for (size_t i = 0; i < network.size(); ++i) {
    signals_[i + 1].activations = signals_[i + 1].pre_activations = arrays[memory.array_of[i]];
  }
}

template <class T>
void Workspace<T>::join_layers(const Network<T>& network, Finishing first) {
  finishers_.resize(network.size());
  for (size_t i = 0; i < network.size(); ++i) {
    Signal<T>& above = signals_[i + 1];
    const LayerTraits traits = network.layer(i).traits();
    if (above.is_finished || !traits.takes_finishers || above.pre_activations != above.activations) continue;
    Finishing done = traits.finishing;
    for (size_t next = i + 1; next < network.size(); ++next) {
      Signal<T>& finished = signals_[next + 1];
      const Finishing finishing = network.layer(next).traits().finishing;
      if (finishing <= done || finishing < first || finished.activations != above.activations) break;
      finishers_[i].push_back(&network.layer(next));
      finished.is_finished = true;
      done = finishing;
    }
    above.finishers = finishers_[i];
  }
}

template <class T>
void Workspace<T>::allocate_packed(const Network<T>& network) {
  for (size_t i = 0; i + 1 < signals_.size(); ++i) {
    Signal<T>& below = signals_[i];
    Signal<T>& above = signals_[i + 1];
    if (!network.layer(i).traits().is_row_product) continue;
    if (capacity_ * (below.stride + above.stride) * sizeof(T) < tuning::packed_bytes) continue;
    if (above.size < tuning::fewest_packed_panels * panel_width) continue;
    // Inputs are packed when they are gathered (Inputs::pack).
    if (i > 0 && below.packed_activations == nullptr) {
      const size_t blocks = (below.size + packed_columns - 1) / packed_columns;
      below.packed_activations = allocate(blocks * packed_columns, capacity_);
    }
    above.packed_deltas = allocate(above.stride, capacity_);
  }
}

template <class T>
void Workspace<T>::connect(const Network<T>& network) {
  sources_.resize(network.size());
  readers_.resize(network.size());
  for (size_t i = 0; i < network.size(); ++i) {
    for (const size_t source : network.sources(i)) {
      sources_[i].push_back(&signals_[source + 1]);
      if (network.layer(i).traits().returns_deltas) readers_[source].push_back(&signals_[i + 1]);
    }
  }
  for (size_t i = 0; i < network.size(); ++i) {
    signals_[i + 1].sources = sources_[i];
    signals_[i + 1].readers = readers_[i];
  }
}

template <class T>
T* Workspace<T>::allocate(size_t stride, size_t samples) {
  if (samples > (SIZE_MAX - panel_width) / stride) throw std::bad_alloc();
  // A vector that begins in the last row may be read to its end.
  arrays_.emplace_back(samples * stride + panel_width);
  values_ += arrays_.back().size();
  return arrays_.back().data();
}

template <class T>
size_t Workspace<T>::sample_bytes(const Network<T>& network) {
  size_t values = 0;
  for (size_t i = 0; i < network.size(); ++i) {
    values += 3 * row_stride<T>(network.layer(i).outputs()) + kept_stride<T>(network.layer(i).traits());
  }
  return values * sizeof(T);
}

template <class T>
size_t Workspace<T>::predicted_sample_bytes(const Network<T>& network) {
  return share_memory(network).values() * sizeof(T);
}

template class Workspace<float>;
template class Workspace<double>;

}  // namespace chainrule
