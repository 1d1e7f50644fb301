#include "layers/recurrent.hpp"

#include <algorithm>
#include <cstring>

#include "layers/blocks.hpp"
#include "layers/drop_mask.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

namespace {

std::vector<PanelMatrix> matrices_of(const RecurrentCell& cell, size_t directions, size_t features, size_t units) {
  const size_t columns = cell.gates * units;
  const PanelMatrix bias = {.rows = 1, .columns = columns, .is_weight = false, .parts = cell.gates};
  std::vector<PanelMatrix> matrices;
  for (size_t direction = 0; direction < directions; ++direction) {
    matrices.push_back({.rows = features, .columns = columns, .is_weight = true, .parts = cell.gates});
    matrices.push_back({.rows = units, .columns = columns, .is_weight = true, .parts = cell.gates});
    matrices.push_back(bias);
    if (cell.extra == RecurrentCell::Extra::peepholes) {
      matrices.push_back({.rows = 3, .columns = units, .is_weight = true});
    }
    if (cell.extra == RecurrentCell::Extra::recurrent_bias) matrices.push_back(bias);
  }
  return matrices;
}

struct ForRecords {};
struct ForInputs {};
struct ForFactors {};
struct ForStateGradient {};
struct ForInputGradient {};

}  // namespace

template <class T>
Recurrent<T>::Recurrent(const RecurrentCell& cell, const Options& options)
    : StoredGradientLayer<T>(
          {matrices_of(cell, options.directions, options.features, options.units), options.l1, options.l2}),
      cell_(cell),
      options_(options),
      block_(whole_panels(options.units)),
      matrices_(cell.extra == RecurrentCell::Extra::none ? 3 : 4) {
  const size_t columns = cell_.gates * block_;
  for (size_t direction = 0; direction < options_.directions; ++direction) {
    starts_.emplace_back(cell_.blocks * block_);
    input_.emplace_back(options_.features, columns);
    recurrent_.emplace_back(options_.units, columns);
  }
}

template <class T>
bool Recurrent<T>::mix() {
  mixed_ = true;
  for (ProductWeights<T>& weights : input_) weights.mix();
  for (ProductWeights<T>& weights : recurrent_) weights.mix();
  return true;
}

template <class T>
LayerTraits Recurrent<T>::traits() const {
  const size_t products = options_.steps * (options_.features + options_.units) * cell_.gates * block_;
  return {.work = options_.directions * products,
          // Each direction's records, one before the first step and one per step; then its dropout factors.
          .kept_size =
              options_.directions * (direction_size() + factors_size(Dropped::state) + factors_size(Dropped::inputs)),
          .state_arrays = options_.directions * cell_.states,
          .state_width = options_.units,
          .stateful = options_.stateful,
          .needs_whole_batch = options_.stateful,
          .gradient_needs_backward = true};
}

template <class T>
RealSteps<T> Recurrent<T>::real_steps(const Signal<T>& above, size_t sample) const {
  if (above.sources.empty()) return RealSteps<T>(options_.steps);
  const Signal<T>& masking = *above.sources[0];
  return RealSteps<T>::kept(masking.kept + sample * masking.kept_stride);
}

template <class T>
typename Recurrent<T>::Reading Recurrent<T>::reading_of(const Signal<T>& above, const Range& rows,
                                                        size_t direction) const {
  Reading reading = {.rows = rows,
                     .direction = direction,
                     .masked = !above.sources.empty(),
                     .real = {},
                     .longest = 0,
                     .input_factors = {factors_of(above, rows.begin, direction, Dropped::inputs), above.kept_stride},
                     .state_factors = {factors_of(above, rows.begin, direction, Dropped::state), above.kept_stride}};
  for (size_t i = 0; i < rows.size(); ++i) {
    reading.real[i] = real_steps(above, rows.begin + i);
    reading.longest = std::max(reading.longest, reading.real[i].size());
  }
  return reading;
}

// Returns the inputs of one step: in place, or a gathered copy if steps can be padding, with zeros for samples without
// further real steps, or if there is dropout.
template <class T>
typename Recurrent<T>::PerSample Recurrent<T>::inputs_of(const Reading& reading, const Signal<T>& below,
                                                         size_t step) const {
  const size_t features = options_.features;
  const T* samples = below.activations + reading.rows.begin * below.stride;
  const PerSample& factors = reading.input_factors;
  if (!reading.masked && factors.values == nullptr) return {samples + reading.index(0, step) * features, below.stride};
  const size_t stride = whole_panels(features);
  T* gathered = scratch<T, ForInputs>(reading.rows.size() * stride);
  for (size_t i = 0; i < reading.rows.size(); ++i) {
    T* to = gathered + i * stride;
    if (step >= reading.real[i].size()) {
      std::memset(to, 0, features * sizeof(T));
    } else {
      std::memcpy(to, samples + i * below.stride + reading.index(i, step) * features, features * sizeof(T));
      if (factors.values != nullptr) multiply_values(to, factors.values + i * factors.stride, features, to);
    }
  }
  return {gathered, stride};
}

template <class T>
T* Recurrent<T>::factors_of(const Signal<T>& above, size_t sample, size_t direction, Dropped what) const {
  if (rate_of(what) == 0 || above.kept == nullptr) return nullptr;
  const size_t before = direction_size() + (what == Dropped::inputs ? factors_size(Dropped::state) : 0);
  return above.kept + sample * above.kept_stride + options_.directions * before + direction * factors_size(what);
}

// All steps of a sample have the same factors (Gal and Ghahramani 2016), which are one outside training.
template <class T>
void Recurrent<T>::draw(const Signal<T>& above, const Range& rows, const Pass& pass) const {
  if (options_.dropout == 0 && options_.recurrent_dropout == 0) return;
  for (size_t i = rows.begin; i < rows.end; ++i) {
    for (const Dropped what : {Dropped::state, Dropped::inputs}) {
      for (size_t direction = 0; direction < options_.directions; ++direction) {
        T* factors = factors_of(above, i, direction, what);
        if (factors == nullptr) continue;
        if (pass.training) {
          const size_t part = size_t(what) * 2 + direction;
          draw_factors(words_of(i, this->index, Purpose::dropout, pass, part), rate_of(what), factors, width_of(what));
        } else {
          std::fill_n(factors, width_of(what), T(1));
        }
      }
    }
  }
}

// A recurrent bias is added to the bias if its product continues the inputs' product; else its product starts from it.
template <class T>
void Recurrent<T>::derive_start(size_t direction) {
  const size_t columns = cell_.gates * block_;
  T* start = starts_[direction].data();
  std::memcpy(start, this->panels(matrix_of(direction, bias)), columns * sizeof(T));
  if (cell_.extra == RecurrentCell::Extra::recurrent_bias) {
    const T* own = this->panels(matrix_of(direction, extra));
    for (size_t i = 0; i < cell_.stage_count; ++i) {
      const RecurrentProduct& product = cell_.stages[i].product;
      for (size_t k = 0; k < product.gates * block_; ++k) {
        T& to = start[product.block * block_ + k];
        to = (product.continues ? to : T(0)) + own[product.gate * block_ + k];
      }
    }
  }
}

template <class T>
void Recurrent<T>::derive(const Team& team) {
  const size_t columns = cell_.gates * block_;
  for (size_t direction = 0; direction < options_.directions; ++direction) {
    if (team.index() == 0) derive_start(direction);
    const Range panels = team.share(columns / panel_width);
    input_[direction].derive(this->panels(matrix_of(direction, input_weights)), panels);
    recurrent_[direction].derive(this->panels(matrix_of(direction, recurrent_weights)), panels);
  }
}

template <class T>
CellRows<T> Recurrent<T>::cells(const Reading& reading, CellStep step, const T* before, T* record,
                                size_t stride) const {
  const bool peepholes = cell_.extra == RecurrentCell::Extra::peepholes;
  return {.step = step,
          .activation = cell_.activation,
          .units = block_,
          .rows = reading.rows.size(),
          .stride = stride,
          .before = before,
          .record = record,
          .peepholes = peepholes ? this->panels(matrix_of(reading.direction, extra)) : nullptr};
}

template <class T>
void Recurrent<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  draw(above, rows, pass);
  for_each_block(rows, tuning::recurrent_samples, [&](const Range& group) {
    for (size_t direction = 0; direction < options_.directions; ++direction) read(below, above, group, direction);
  });
  copy_to_pre_activations(above, rows);
}

// Each thread reads its own samples from the first step to the last. If nothing is kept, all steps share one record.
template <class T>
void Recurrent<T>::read(const Signal<T>& below, const Signal<T>& above, const Range& rows, size_t direction) const {
  const size_t state_bytes = cell_.states * block_ * sizeof(T);
  const bool keeps = above.kept != nullptr;
  const size_t stride = keeps ? above.kept_stride : cell_.record * block_;
  const size_t to_next = keeps ? record_size() : 0;
  T* first = keeps ? above.kept + rows.begin * stride + direction * direction_size()
                   : scratch<T, ForRecords>(rows.size() * stride);
  const auto state_of = [&](size_t i) {
    return above.state + (rows.begin + i) * above.state_stride + direction * cell_.states * block_;
  };
  const Reading reading = reading_of(above, rows, direction);
  const auto outputs_of = [&](size_t i) { return above.activations + (rows.begin + i) * above.stride; };
  for (size_t i = 0; i < rows.size(); ++i) {
    T* state = first + i * stride + cell_.blocks * block_;
    if (above.state == nullptr) {
      std::memset(state, 0, state_bytes);
    } else {
      std::memcpy(state, state_of(i), state_bytes);
    }
    if (options_.return_sequences) {
      reading.real[i].for_each_padded(options_.steps, [&](size_t index) {
        std::memset(outputs_of(i) + output_at(direction, index), 0, options_.units * sizeof(T));
      });
    } else if (reading.real[i].size() == 0) {
      std::memcpy(outputs_of(i) + output_at(direction, 0), state, options_.units * sizeof(T));
    }
  }
  T* record = first;
  // Samples without further real steps are computed too, but their records are not used.
  for (size_t step = 0; step < reading.longest; ++step) {
    const T* before = record;
    record += to_next;
    step_forward(reading, inputs_of(reading, below, step), before, record, stride);
    for (size_t i = 0; i < rows.size(); ++i) {
      const T* state = record + i * stride + cell_.blocks * block_;
      if (has_output(step, reading.real[i])) {
        std::memcpy(outputs_of(i) + output_at(direction, reading.index(i, step)), state, options_.units * sizeof(T));
      }
      if (step + 1 == reading.real[i].size() && above.state != nullptr) std::memcpy(state_of(i), state, state_bytes);
    }
  }
}

template <class T>
void Recurrent<T>::step_forward(const Reading& reading, const PerSample& inputs, const T* before, T* record,
                                size_t stride) const {
  Product<T> product = {.a = inputs.values,
                        .a_row = inputs.stride,
                        .a_inner = 1,
                        .b = nullptr,
                        .b_panel = 0,
                        .b_inner = 0,
                        .c = record,
                        .c_row = stride,
                        .c_panel = panel_width,
                        .inner = options_.features,
                        .rows = {0, reading.rows.size()},
                        .panels = {0, cell_.gates * block_ / panel_width}};
  input_[reading.direction].enter(product, this->panels(matrix_of(reading.direction, input_weights)));
  kernels<T>().forward({.product = product,
                        .bias = starts_[reading.direction].data(),
                        .activation = Activation::identity,
                        .outputs = record});
  for (size_t i = 0; i < cell_.stage_count; ++i) {
    const RecurrentProduct& part = cell_.stages[i].product;
    const T* values = (part.of_state ? before : record) + part.source * block_;
    add_state(reading, part, source_of(reading, {values, stride}), record, stride);
    if (cell_.stages[i].steps) {
      kernels<T>().cells_forward(cells(reading, cell_.stages[i].step, before, record, stride));
    }
  }
}

// The source of a product with recurrent weights: in place, or a copy that is multiplied by the dropout factors.
template <class T>
typename Recurrent<T>::PerSample Recurrent<T>::source_of(const Reading& reading, const PerSample& source) const {
  if (reading.state_factors.values == nullptr) return source;
  T* dropped = scratch<T, ForFactors>(reading.rows.size() * block_);
  for (size_t row = 0; row < reading.rows.size(); ++row) {
    multiply_values(source.values + row * source.stride,
                    reading.state_factors.values + row * reading.state_factors.stride, options_.units,
                    dropped + row * block_);
  }
  return {dropped, block_};
}

// The product of a source with some recurrent weights, in the blocks of the record that it goes to.
template <class T>
void Recurrent<T>::add_state(const Reading& reading, const RecurrentProduct& part, const PerSample& source, T* record,
                             size_t stride) const {
  T* sums = record + part.block * block_;
  Product<T> product = {.a = source.values,
                        .a_row = source.stride,
                        .a_inner = 1,
                        .b = nullptr,
                        .b_panel = 0,
                        .b_inner = 0,
                        .c = sums,
                        .c_row = stride,
                        .c_panel = panel_width,
                        .inner = options_.units,
                        .rows = {0, reading.rows.size()},
                        .panels = {0, part.gates * block_ / panel_width}};
  const T* weights = this->panels(matrix_of(reading.direction, recurrent_weights));
  recurrent_[reading.direction].enter(product, weights, part.gate * block_);
  if (part.continues) return kernels<T>().product(product, true);
  const T* start = starts_[reading.direction].data() + part.block * block_;
  kernels<T>().forward({product, start, Activation::identity, sums});
}

template <class T>
void Recurrent<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const Range rows = team.share_rows(samples);
  for_each_block(rows, tuning::recurrent_samples, [&](const Range& group) {
    for (size_t direction = 0; direction < options_.directions; ++direction) read_back(above, below, group, direction);
  });
  if (below.deltas != nullptr) multiply_by_derivative(below, rows);
}

// Goes from the last real step to the first. The deltas are kept next to the records, for the gradient. Where a sample
// has no further real steps they are zero, because no output has sent any.
template <class T>
void Recurrent<T>::read_back(const Signal<T>& above, const Signal<T>& below, const Range& rows,
                             size_t direction) const {
  const size_t features = options_.features, stride = above.kept_stride;
  const size_t gradient_stride = cell_.states * block_;
  T* state_gradient = scratch<T, ForStateGradient>(rows.size() * gradient_stride);
  std::memset(state_gradient, 0, rows.size() * gradient_stride * sizeof(T));
  const size_t panels = whole_panels(features) / panel_width;
  T* input_gradient = scratch<T, ForInputGradient>(rows.size() * panels * panel_width);
  T* first = above.kept + rows.begin * stride + direction * direction_size();
  const Reading reading = reading_of(above, rows, direction);
  for (size_t i = 0; i < rows.size() && below.deltas != nullptr && direction == 0; ++i) {
    T* deltas = below.deltas + (rows.begin + i) * below.stride;
    reading.real[i].for_each_padded(
        options_.steps, [&](size_t index) { std::memset(deltas + index * features, 0, features * sizeof(T)); });
  }
  for (size_t step = reading.longest; step-- > 0;) {
    T* record = first + (step + 1) * record_size();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!has_output(step, reading.real[i])) continue;
      const T* row = above.deltas + (rows.begin + i) * above.stride;
      const T* deltas = row + output_at(direction, reading.index(i, step));
      T* to = state_gradient + i * gradient_stride;
      for (size_t k = 0; k < options_.units; ++k) to[k] += deltas[k];
    }
    step_back(reading, record - record_size(), record, stride, state_gradient, gradient_stride);
    if (below.deltas == nullptr) continue;
    Product<T> product = {.a = record + cell_.record * block_,
                          .a_row = stride,
                          .a_inner = 1,
                          .b = nullptr,
                          .b_panel = 0,
                          .b_inner = 0,
                          .c = input_gradient,
                          .c_row = panels * panel_width,
                          .c_panel = panel_width,
                          .inner = cell_.gates * block_,
                          .rows = {0, rows.size()},
                          .panels = {0, panels}};
    input_[direction].enter_transposed(product);
    kernels<T>().product(product, false);
    add_input_deltas(reading, below, step, input_gradient, panels * panel_width);
  }
}

// Writes the gradient by the inputs of one step to the deltas below; the second direction adds its own.
template <class T>
void Recurrent<T>::add_input_deltas(const Reading& reading, const Signal<T>& below, size_t step, T* gradient,
                                    size_t stride) const {
  const size_t features = options_.features;
  const PerSample& factors = reading.input_factors;
  for (size_t i = 0; i < reading.rows.size(); ++i) {
    if (step >= reading.real[i].size()) continue;
    T* from = gradient + i * stride;
    if (factors.values != nullptr) multiply_values(from, factors.values + i * factors.stride, features, from);
    T* to = below.deltas + (reading.rows.begin + i) * below.stride + reading.index(i, step) * features;
    for (size_t k = 0; k < features; ++k) to[k] = reading.direction == 0 ? from[k] : to[k] + from[k];
  }
}

template <class T>
void Recurrent<T>::step_back(const Reading& reading, const T* before, T* record, size_t stride, T* state_gradient,
                             size_t gradient_stride) const {
  T* deltas = record + cell_.record * block_;
  for (size_t i = cell_.stage_count; i-- > 0;) {
    if (cell_.stages[i].steps) {
      CellRows<T> rows = cells(reading, cell_.stages[i].step, before, record, stride);
      rows.deltas = deltas;
      rows.state_gradient = state_gradient;
      rows.gradient_stride = gradient_stride;
      kernels<T>().cells_backward(rows);
    }
    pass_back(reading, cell_.stages[i].product, deltas, stride, state_gradient, gradient_stride);
  }
}

// From the deltas of a product's gates to the gradient by its source: the state, or the reset state.
template <class T>
void Recurrent<T>::pass_back(const Reading& reading, const RecurrentProduct& part, T* deltas, size_t stride,
                             T* state_gradient, size_t gradient_stride) const {
  const size_t rows = reading.rows.size();
  const bool drops = reading.state_factors.values != nullptr;
  T* const source = part.of_state ? state_gradient : deltas + part.source * block_;
  const size_t source_stride = part.of_state ? gradient_stride : stride;
  T* const to = drops ? scratch<T, ForFactors>(rows * block_) : source;
  Product<T> product = {.a = deltas + part.block * block_,
                        .a_row = stride,
                        .a_inner = 1,
                        .b = nullptr,
                        .b_panel = 0,
                        .b_inner = 0,
                        .c = to,
                        .c_row = drops ? block_ : source_stride,
                        .c_panel = panel_width,
                        .inner = part.gates * block_,
                        .rows = {0, rows},
                        .panels = {0, block_ / panel_width}};
  recurrent_[reading.direction].enter_transposed(product, part.gate * block_);
  kernels<T>().product(product, part.of_state && !drops);
  for (size_t row = 0; row < rows && drops; ++row) {
    const T* through = to + row * block_;
    const T* factors = reading.state_factors.values + row * reading.state_factors.stride;
    T* sums = source + row * source_stride;
    for (size_t k = 0; k < block_; ++k) sums[k] = (part.of_state ? sums[k] : T(0)) + through[k] * factors[k];
  }
}

template class Recurrent<float>;
template class Recurrent<double>;

}  // namespace chainrule
