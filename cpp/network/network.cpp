#include "network/network.hpp"

#include <algorithm>
#include <stdexcept>

#include "layers/packing.hpp"

namespace chainrule {

template <class T>
void Network<T>::add(std::unique_ptr<Layer<T>> layer) {
  if (layer->inputs() != outputs()) throw std::logic_error("a layer's inputs must be the last layer's outputs");
  offsets_.reserve(size() + 1);
  plain_offsets_.reserve(size() + 2);
  statistics_offsets_.reserve(size() + 2);
  layers_.reserve(size() + 1);
  const T* const before = parameters_.data();
  const T* const statistics_before = statistics_.data();
  const size_t offset = parameters_.size();
  parameters_.extend(offset + layer->packed_size());
  statistics_.extend(statistics_.size() + layer->statistics_size());
  offsets_.push_back(offset);
  plain_offsets_.push_back(plain_offsets_.back() + layer->parameter_count());
  statistics_offsets_.push_back(statistics_.size());
  layer->index = size();
  layers_.push_back(std::move(layer));
  const bool moved = parameters_.data() != before || statistics_.data() != statistics_before;
  for (size_t i = moved ? 0 : size() - 1; i < size(); ++i) {
    layers_[i]->bind(parameters_.data() + offsets_[i]);
    layers_[i]->bind_statistics(statistics_.data() + statistics_offsets_[i]);
  }
}

template <class T>
void Network<T>::parameters_changed() {
  for (auto& layer : layers_) layer->parameters_changed();
}

template <class T>
void Network<T>::update_statistics(const Team& team) const {
  for (const auto& layer : layers_) layer->update_statistics(team);
}

template <class T>
bool Network<T>::needs_whole_batch() const {
  return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->needs_whole_batch(); });
}

template <class T>
void Network<T>::pack(const T* plain, T* packed) const {
  for (size_t i = 0; i < size(); ++i) layers_[i]->pack(plain + plain_offset(i), packed + offsets_[i]);
}

template <class T>
void Network<T>::unpack(const T* packed, T* plain) const {
  for (size_t i = 0; i < size(); ++i) layers_[i]->unpack(packed + offsets_[i], plain + plain_offset(i));
}

template <class T>
bool Network<T>::multiplies_rows() const {
  return std::all_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->multiplies_rows(); });
}

template <class T>
std::vector<SampleLayer<T>> Network<T>::sample_layers() const {
  std::vector<SampleLayer<T>> layers;
  for (const auto& layer : layers_) layers.push_back(layer->sample_layer());
  return layers;
}

template <class T>
size_t Network<T>::widest_layer() const {
  size_t widest = 0;
  for (const auto& layer : layers_) {
    widest = std::max(widest, whole_panels(layer->outputs()));
  }
  return widest;
}

template <class T>
double Network<T>::work(size_t entries) const {
  double work = double(layers_[0]->work()) * double(entries) / double(inputs());
  for (size_t i = 1; i < size(); ++i) work += double(layers_[i]->work());
  return work;
}

template <class T>
double Network<T>::penalty() const {
  double penalty = 0;
  for (const auto& layer : layers_) penalty += layer->penalty();
  return penalty;
}

template <class T>
size_t Network<T>::first_trainable() const {
  size_t first = 0;
  while (first < size() && !layers_[first]->trainable) ++first;
  return first;
}

template <class T>
void Network<T>::prepare_backward(size_t lowest) {
  for (size_t i = lowest; i < size(); ++i) layers_[i]->prepare_backward();
  for (size_t i = lowest - (lowest > 0); i < size(); ++i) layers_[i]->prepare_gradient();
}

namespace {

// Lists are worth their tiles up to this share of what a product without them walks along.
constexpr double worthwhile_share = 0.8;

// Lists where a signal is not zero, all threads at once, and lets the signal know if that saves enough.
template <class T>
void list_non_zeros(const Team& team, Signal<T>& signal, size_t samples) {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    signal.lists->mark(signal.activations + row * signal.stride, row);
  }
  signal.lists->list_columns(rows, team.index());
  team.barrier();
  const bool worthwhile = listed_share(signal.lists->of_samples(), samples, signal.size) < worthwhile_share;
  signal.of_samples = worthwhile ? &signal.lists->of_samples() : nullptr;
}

template <class T>
size_t kept_stride(const Layer<T>& layer) {
  return layer.kept_size() == 0 ? 0 : row_stride<T>(layer.kept_size());
}

template <class T>
void pack_own_samples(const Team& team, const Signal<T>& signal, size_t samples) {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    pack_activations(signal.activations + row * signal.stride, signal.size, row, signal.capacity,
                     signal.packed_activations);
  }
}

}  // namespace

template <class T>
void Network<T>::forward(const Team& team, std::vector<Signal<T>>& signals, size_t samples, const Pass& pass) const {
  bool own_samples = true;
  for (size_t i = 0; i < size(); ++i) {
    const bool by_samples = layers_[i]->by_samples(team, samples);
    if (i > 0 && !(own_samples && by_samples)) team.barrier();
    if (i > 0 && signals[i].packed_activations != nullptr) pack_own_samples(team, signals[i], samples);
    if (i > 0 && signals[i].lists != nullptr) list_non_zeros(team, signals[i], samples);
    layers_[i]->forward(team, signals[i], signals[i + 1], samples, pass);
    own_samples = by_samples;
  }
  if (!own_samples) team.barrier();
}

template <class T>
void Network<T>::add_losses(const std::vector<Signal<T>>& signals, const Range& samples, const T* weights,
                            double* losses) const {
  for (size_t i = 0; i < size(); ++i) layers_[i]->add_loss(signals[i], signals[i + 1], samples, weights, losses);
}

template <class T>
void Network<T>::backward(const Team& team, const std::vector<Signal<T>>& signals, size_t samples, size_t lowest,
                          const Pass& pass) const {
  bool own_samples = true;
  if (lowest > 0 && lowest <= size() && layers_[lowest - 1]->gradient_needs_backward()) lowest -= 1;
  for (size_t i = size(); i-- > lowest;) {
    const bool by_samples = layers_[i]->by_samples(team, samples);
    if (!(own_samples && by_samples)) team.barrier();
    layers_[i]->backward(team, signals[i + 1], signals[i], samples, pass);
    own_samples = by_samples;
  }
  team.barrier();
}

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
  constexpr size_t large = size_t(256) << 10;
  for (size_t i = 0; i + 1 < signals_.size(); ++i) {
    Signal<T>& below = signals_[i];
    Signal<T>& above = signals_[i + 1];
    if (!network.layer(i).multiplies_rows()) continue;
    if (capacity_ * (below.stride + above.stride) * sizeof(T) < large || above.size < 8 * panel_width) continue;
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

template class Network<float>;
template class Network<double>;
template class Workspace<float>;
template class Workspace<double>;

}  // namespace chainrule
