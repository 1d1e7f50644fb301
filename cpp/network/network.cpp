#include "network/network.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "layers/packing.hpp"

namespace chainrule {

template <class T>
void Network<T>::check(const Layer<T>& layer, const std::vector<size_t>& sources) const {
  if (layer.inputs() != outputs()) {
    throw std::invalid_argument("a layer's inputs must be the outputs of the layer below, " +
                                std::to_string(outputs()) + ", got " + std::to_string(layer.inputs()));
  }
  std::vector<const Layer<T>*> layers;
  for (const size_t source : sources) {
    if (source >= size()) {
      throw std::invalid_argument("a source must be one of the " + std::to_string(size()) +
                                  " layers below, got layer " + std::to_string(source));
    }
    layers.push_back(layers_[source].get());
  }
  if (!layer.takes_sources(layers)) {
    throw std::invalid_argument("a layer cannot read its sources: their number, kinds or sizes do not fit");
  }
}

template <class T>
void Network<T>::add(std::unique_ptr<Layer<T>> layer, std::vector<size_t> sources) {
  check(*layer, sources);
  if (mixed_ && !layer->mix()) throw std::invalid_argument("a layer has products without mixed precision");
  offsets_.reserve(size() + 1);
  plain_offsets_.reserve(size() + 2);
  statistics_offsets_.reserve(size() + 2);
  layers_.reserve(size() + 1);
  sources_.reserve(size() + 1);
  const LayerTraits traits = layer->traits();
  (layers_.empty() ? first_work_ : other_work_) += double(traits.work);
  signal_values_ += row_stride<T>(layer->outputs());
  if (traits.takes_lanes) {
    lane_work_ += double(traits.work);
    row_work_ += double(traits.row_work);
  }
  const T* const before = parameters_.data();
  const T* const statistics_before = statistics_.data();
  const size_t offset = parameters_.size();
  parameters_.extend(offset + layer->parameters().packed_size());
  statistics_.extend(statistics_.size() + traits.statistics_size);
  offsets_.push_back(offset);
  plain_offsets_.push_back(plain_offsets_.back() + layer->parameters().count());
  statistics_offsets_.push_back(statistics_.size());
  layer->index = size();
  layers_.push_back(std::move(layer));
  sources_.push_back(std::move(sources));
  const bool moved = parameters_.data() != before || statistics_.data() != statistics_before;
  for (size_t i = moved ? 0 : size() - 1; i < size(); ++i) {
    layers_[i]->bind(parameters_.data() + offsets_[i], statistics_.data() + statistics_offsets_[i]);
  }
}

template <class T>
void Network<T>::parameters_changed() {
  for (auto& layer : layers_) layer->parameters_changed();
}

template <class T>
void Network<T>::update_statistics(const Team& team, const std::vector<Signal<T>>& signals) {
  for (size_t i = 0; i < size(); ++i) layers_[i]->update_statistics(team, signals[i + 1]);
}

template <class T>
void Network<T>::finish_update(const Team& team) {
  for (auto& layer : layers_) {
    if (layer->trainable) layer->finish_update(team);
  }
}

template <class T>
void Network<T>::pack(const T* plain, T* packed) const {
  for (size_t i = 0; i < size(); ++i) layers_[i]->parameters().pack(plain + plain_offset(i), packed + offsets_[i]);
}

template <class T>
void Network<T>::unpack(const T* packed, T* plain) const {
  for (size_t i = 0; i < size(); ++i) layers_[i]->parameters().unpack(packed + offsets_[i], plain + plain_offset(i));
}

template <class T>
bool Network<T>::needs_whole_batch() const {
  return std::any_of(layers_.begin(), layers_.end(),
                     [](const auto& layer) { return layer->traits().needs_whole_batch; });
}

template <class T>
bool Network<T>::is_row_product() const {
  return !mixed_ &&
         std::all_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->traits().is_row_product; });
}

template <class T>
std::vector<SampleLayer<T>> Network<T>::sample_layers() const {
  std::vector<SampleLayer<T>> layers;
  for (const auto& layer : layers_) {
    layers.push_back({.weights = layer->parameters().panels(0),
                      .bias = layer->parameters().panels(1),
                      .inputs = layer->inputs(),
                      .outputs = layer->outputs(),
                      .activation = layer->activation()});
  }
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
double Network<T>::penalty() const {
  double penalty = 0;
  for (const auto& layer : layers_) penalty += layer->parameters().penalty();
  return penalty;
}

template <class T>
size_t Network<T>::first_trainable() const {
  size_t first = 0;
  const auto learns = [](const Layer<T>& layer) { return layer.trainable && layer.parameters().packed_size() > 0; };
  while (first < size() && !learns(*layers_[first])) ++first;
  return first;
}

template <class T>
bool Network<T>::can_be_in_lanes(size_t layer) const {
  size_t below = layer, above = layer + 1;
  while (below > 0 && layers_[below]->traits().keeps_layout) --below;
  while (above < size() && layers_[above]->traits().keeps_layout) ++above;
  return above < size() && layers_[below]->traits().takes_lanes && layers_[above]->traits().takes_lanes;
}

template <class T>
void Network<T>::prepare_backward(size_t lowest) {
  for (size_t i = lowest - (lowest > 0); i < size(); ++i) layers_[i]->prepare_backward(i >= lowest);
}

namespace {

// All threads of the team list where a signal is not zero; the signal uses the lists if they save enough.
template <class T>
void list_non_zeros(const Team& team, Signal<T>& signal, size_t samples) {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    signal.lists->mark(signal.activations + row * signal.stride, row);
  }
  signal.lists->list_columns(rows, team.index());
  team.barrier();
  const bool worthwhile =
      listed_share(signal.lists->of_samples(), samples, signal.size) < tuning::listed_share_of_activations;
  signal.of_samples = worthwhile ? &signal.lists->of_samples() : nullptr;
}

template <class T>
void pack_own_samples(const Team& team, const Signal<T>& signal, size_t samples) {
  const Range rows = team.share_rows(samples);
  for (size_t row = rows.begin; row < rows.end; ++row) {
    pack_activations(signal.activations + row * signal.stride, signal.size, row, signal.capacity,
                     signal.packed_activations);
  }
}

// Whether a team divides the samples between two signals (Layer::by_samples). Groups in lanes it divides otherwise.
template <class T>
bool divides_samples(const Layer<T>& layer, const Team& team, const Signal<T>& below, const Signal<T>& above,
                     size_t samples) {
  return !below.in_lanes && !above.in_lanes && layer.by_samples(team, samples);
}

}  // namespace

template <class T>
void Network<T>::forward(const Team& team, std::vector<Signal<T>>& signals, size_t samples, const Pass& pass) const {
  bool own_samples = true;
  for (size_t i = 0; i < size(); ++i) {
    if (signals[i + 1].is_finished) continue;
    const bool by_samples = divides_samples(*layers_[i], team, signals[i], signals[i + 1], samples);
    // In prediction, no thread runs ahead, as it would write where others still read (shared_memory.hpp).
    if (i > 0 && !(pass.training && own_samples && by_samples)) team.barrier();
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
  for (size_t i = 0; i < size(); ++i) {
    layers_[i]->add_loss(signals[i], signals[i + 1], samples, weights, losses);
  }
}

template <class T>
void Network<T>::backward(const Team& team, const std::vector<Signal<T>>& signals, size_t samples, size_t lowest,
                          const Pass& pass) const {
  bool own_samples = true;
  if (lowest > 0 && lowest <= size() && layers_[lowest - 1]->traits().gradient_needs_backward) lowest -= 1;
  for (size_t i = size(); i-- > lowest;) {
    const bool by_samples = divides_samples(*layers_[i], team, signals[i], signals[i + 1], samples);
    if (!(own_samples && by_samples)) team.barrier();
    layers_[i]->backward(team, signals[i + 1], signals[i], samples, pass);
    own_samples = by_samples;
  }
  team.barrier();
}

template class Network<float>;
template class Network<double>;

}  // namespace chainrule
