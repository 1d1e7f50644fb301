#include "layers/recurrent.hpp"

#include <algorithm>
#include <cstring>

#include "layers/noise.hpp"
#include "layers/packing.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

RecurrentCell lstm_cell(bool peepholes) {
  using Extra = RecurrentCell::Extra;
  return {4,
          4,
          2,
          7,
          {{{0, 4, 0, 4, true, true}, true, CellStep::lstm}, {}},
          1,
          peepholes ? Extra::peepholes : Extra::none};
}

RecurrentCell gru_cell(bool reset_after) {
  using Extra = RecurrentCell::Extra;
  const RecurrentProduct z_and_r = {0, 2, 0, 4, true, true};
  if (reset_after) {
    return {3,
            4,
            1,
            5,
            {{z_and_r, false, {}}, {{2, 1, 3, 4, true, false}, true, CellStep::gru_after}},
            2,
            Extra::recurrent_bias};
  }
  return {3,
          4,
          1,
          5,
          {{z_and_r, true, CellStep::gru_reset}, {{2, 1, 2, 3, false, true}, true, CellStep::gru_before}},
          2,
          Extra::none};
}

RecurrentCell simple_cell() {
  return {1, 1, 1, 2, {{{0, 1, 0, 1, true, true}, true, CellStep::simple}, {}}, 1, RecurrentCell::Extra::none};
}

namespace {

// C = A B, or C += A B.
template <class T>
void multiply(const Product<T>& product, bool add) {
  kernels<T>().weight_gradient({product, add, nullptr, {}});
}

template <class T>
std::vector<typename PanelLayer<T>::Matrix> matrices_of(const RecurrentCell& cell,
                                                        const typename Recurrent<T>::Options& options) {
  const size_t columns = cell.gates * options.units;
  std::vector<typename PanelLayer<T>::Matrix> matrices;
  for (size_t direction = 0; direction < options.directions; ++direction) {
    matrices.push_back({options.features, columns, true, cell.gates});
    matrices.push_back({options.units, columns, true, cell.gates});
    matrices.push_back({1, columns, false, cell.gates});
    if (cell.extra == RecurrentCell::Extra::peepholes) matrices.push_back({3, options.units, true});
    if (cell.extra == RecurrentCell::Extra::recurrent_bias) matrices.push_back({1, columns, false, cell.gates});
  }
  return matrices;
}

// Numbers that `count` rows of activations take in packing.hpp's layout.
size_t packed_size_of(size_t columns, size_t count) {
  return (columns + packed_columns - 1) / packed_columns * packed_columns * count;
}

// Some panels of a row of deltas as row i of [panels][capacity][16].
template <class T>
void pack_deltas_of(const T* row, const Range& panels, size_t i, size_t capacity, T* packed) {
  for (size_t panel = panels.begin; panel < panels.end; ++panel) {
    std::memcpy(packed + ((panel - panels.begin) * capacity + i) * panel_width, row + panel * panel_width,
                panel_width * sizeof(T));
  }
}

// The panels that two ranges share, none if they do not meet.
Range common(const Range& a, const Range& b) {
  const size_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

// Calls function(rows) for some rows at a time.
template <class Function>
void for_each_group(const Range& rows, size_t group, Function function) {
  for (size_t begin = rows.begin; begin < rows.end; begin += group) {
    function(Range{begin, std::min(begin + group, rows.end)});
  }
}

struct ForRecords {};
struct ForInputs {};
struct ForFactors {};
struct ForStateGradient {};
struct ForInputGradient {};
struct ForRows {};

}  // namespace

template <class T>
Recurrent<T>::Recurrent(const RecurrentCell& cell, const Options& options)
    : PanelLayer<T>(matrices_of<T>(cell, options), options.l1, options.l2),
      cell_(cell),
      options_(options),
      block_(whole_panels(options.units)),
      matrices_(cell.extra == RecurrentCell::Extra::none ? 3 : 4) {
  const size_t columns = cell_.gates * block_;
  for (size_t direction = 0; direction < options_.directions; ++direction) {
    starts_.emplace_back(cell_.blocks * block_);
    input_transposed_.emplace_back(whole_panels(options_.features) * columns);
    recurrent_transposed_.emplace_back(block_ * columns);
  }
}

template <class T>
size_t Recurrent<T>::work() const {
  return options_.directions * options_.steps * (options_.features + options_.units) * cell_.gates * block_;
}

template <class T>
size_t Recurrent<T>::output_at(size_t direction, size_t step, size_t length) const {
  const size_t row = options_.return_sequences ? place(direction, step, length) : 0;
  return row * output_width() + direction * options_.units;
}

template <class T>
size_t Recurrent<T>::length_of(const Signal<T>& above, size_t sample) const {
  if (options_.padding == 0) return options_.steps;
  const Signal<T>& masking = *(above.place - options_.padding);
  return size_t(masking.kept[sample * masking.kept_stride]);
}

template <class T>
typename Recurrent<T>::Reading Recurrent<T>::reading_of(const Signal<T>& above, const Range& rows,
                                                        size_t direction) const {
  Reading reading = {rows, direction, {}, 0, {factors_of(above, rows.begin, direction), above.kept_stride}};
  for (size_t i = 0; i < rows.size(); ++i) {
    reading.lengths[i] = length_of(above, rows.begin + i);
    reading.longest = std::max(reading.longest, reading.lengths[i]);
  }
  return reading;
}

// Where they lie; of samples that may have ended they are gathered, and are zero then.
template <class T>
typename Recurrent<T>::PerSample Recurrent<T>::inputs_of(const Reading& reading, const Signal<T>& below,
                                                         size_t step) const {
  const size_t features = options_.features;
  const T* samples = below.activations + reading.rows.begin * below.stride;
  if (options_.padding == 0) return {samples + place(reading.direction, step, options_.steps) * features, below.stride};
  const size_t stride = whole_panels(features);
  T* gathered = scratch<T, ForInputs>(reading.rows.size() * stride);
  for (size_t i = 0; i < reading.rows.size(); ++i) {
    T* to = gathered + i * stride;
    if (step >= reading.lengths[i]) {
      std::memset(to, 0, features * sizeof(T));
    } else {
      const T* from = samples + i * below.stride + place(reading.direction, step, reading.lengths[i]) * features;
      std::memcpy(to, from, features * sizeof(T));
    }
  }
  return {gathered, stride};
}

template <class T>
T* Recurrent<T>::factors_of(const Signal<T>& above, size_t sample, size_t direction) const {
  if (options_.dropout == 0 || above.kept == nullptr) return nullptr;
  return above.kept + sample * above.kept_stride + options_.directions * direction_size() + direction * block_;
}

// The same ones for all steps of a sample (Gal and Ghahramani 2016); where a pass is no training, they are one.
template <class T>
void Recurrent<T>::draw(const Signal<T>& above, const Range& rows, const Pass& pass) const {
  if (factors_of(above, rows.begin, 0) == nullptr) return;
  for (size_t i = rows.begin; i < rows.end; ++i) {
    RandomWords words = words_of(i, this->index, Purpose::dropout, pass);
    for (size_t direction = 0; direction < options_.directions; ++direction) {
      T* factors = factors_of(above, i, direction);
      if (pass.training) {
        draw_dropout(words, options_.dropout, factors, options_.units);
      } else {
        std::fill_n(factors, options_.units, T(1));
      }
    }
  }
}

// A bias of the recurrent part is added where its product continues the inputs'; else that product starts from it.
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
    kernels<T>().transpose({this->panels(matrix_of(direction, input_weights)),
                            input_transposed_[direction].data(),
                            options_.features,
                            columns,
                            {0, options_.features},
                            panels});
    kernels<T>().transpose({this->panels(matrix_of(direction, recurrent_weights)),
                            recurrent_transposed_[direction].data(),
                            options_.units,
                            columns,
                            {0, options_.units},
                            panels});
  }
}

template <class T>
CellRows<T> Recurrent<T>::cells(const Reading& reading, CellStep step, const T* before, T* record,
                                size_t stride) const {
  const bool peepholes = cell_.extra == RecurrentCell::Extra::peepholes;
  return {step,
          block_,
          reading.rows.size(),
          stride,
          before,
          record,
          nullptr,
          nullptr,
          size_t(0),
          peepholes ? this->panels(matrix_of(reading.direction, extra)) : nullptr};
}

template <class T>
void Recurrent<T>::forward(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                           const Pass& pass) const {
  const Range rows = team.share_rows(samples);
  draw(above, rows, pass);
  for_each_group(rows, tuning::recurrent_samples, [&](const Range& group) {
    for (size_t direction = 0; direction < options_.directions; ++direction) read(below, above, group, direction);
  });
  copy_to_pre_activations(above, rows);
}

// Each thread reads its own samples from end to end. Where nothing is kept, every step has the same record.
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
    for (size_t step = reading.lengths[i]; options_.return_sequences && step < options_.steps; ++step) {
      std::memset(outputs_of(i) + output_at(direction, step, reading.lengths[i]), 0, options_.units * sizeof(T));
    }
    if (!options_.return_sequences && reading.lengths[i] == 0) {
      std::memcpy(outputs_of(i) + output_at(direction, 0, 0), state, options_.units * sizeof(T));
    }
  }
  T* record = first;
  // What a sample's steps behind its end put into their records is of no use to anyone.
  for (size_t step = 0; step < reading.longest; ++step) {
    const T* before = record;
    record += to_next;
    step_forward(reading, inputs_of(reading, below, step), before, record, stride);
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t length = reading.lengths[i];
      const T* state = record + i * stride + cell_.blocks * block_;
      if (has_output(step, length)) {
        std::memcpy(outputs_of(i) + output_at(direction, step, length), state, options_.units * sizeof(T));
      }
      if (step + 1 == length && above.state != nullptr) std::memcpy(state_of(i), state, state_bytes);
    }
  }
}

template <class T>
void Recurrent<T>::step_forward(const Reading& reading, const PerSample& inputs, const T* before, T* record,
                                size_t stride) const {
  const size_t rows = reading.rows.size(), direction = reading.direction;
  const size_t panels = block_ / panel_width;
  const size_t features = options_.features, units = options_.units;
  const T* start = starts_[direction].data();
  const Product<T> of_inputs = {inputs.values,
                                inputs.stride,
                                1,
                                this->panels(matrix_of(direction, input_weights)),
                                features * panel_width,
                                panel_width,
                                record,
                                stride,
                                panel_width,
                                features,
                                {0, rows},
                                {0, cell_.gates * panels}};
  kernels<T>().forward({of_inputs, start, Activation::identity, record});
  for (size_t i = 0; i < cell_.stage_count; ++i) {
    const RecurrentProduct& part = cell_.stages[i].product;
    const T* weights = this->panels(matrix_of(direction, recurrent_weights)) + part.gate * block_ * units;
    T* sums = record + part.block * block_;
    PerSample source = {(part.of_state ? before : record) + part.source * block_, stride};
    if (reading.factors.values != nullptr) {
      T* dropped = scratch<T, ForFactors>(rows * block_);
      for (size_t row = 0; row < rows; ++row) {
        multiply_values(source.values + row * stride, reading.factors.values + row * reading.factors.stride, units,
                        dropped + row * block_);
      }
      source = {dropped, block_};
    }
    const Product<T> of_state = {source.values,       source.stride, 1,         weights,
                                 units * panel_width, panel_width,   sums,      stride,
                                 panel_width,         units,         {0, rows}, {0, part.gates * panels}};
    if (part.continues) {
      multiply(of_state, true);
    } else {
      kernels<T>().forward({of_state, start + part.block * block_, Activation::identity, sums});
    }
    if (cell_.stages[i].steps) {
      kernels<T>().cells_forward(cells(reading, cell_.stages[i].step, before, record, stride));
    }
  }
}

template <class T>
void Recurrent<T>::backward(const Team& team, const Signal<T>& above, const Signal<T>& below, size_t samples,
                            const Pass&) const {
  const Range rows = team.share_rows(samples);
  for_each_group(rows, tuning::recurrent_samples, [&](const Range& group) {
    for (size_t direction = 0; direction < options_.directions; ++direction) go_back(above, below, group, direction);
  });
  if (below.deltas != nullptr) multiply_by_derivative(below, rows);
}

// From the last step to the first; the deltas stay behind the records, for the gradient. Behind a sample's end they are
// zero, as no output has sent any.
template <class T>
void Recurrent<T>::go_back(const Signal<T>& above, const Signal<T>& below, const Range& rows, size_t direction) const {
  const size_t features = options_.features, stride = above.kept_stride;
  const size_t gradient_stride = cell_.states * block_;
  T* state_gradient = scratch<T, ForStateGradient>(rows.size() * gradient_stride);
  std::memset(state_gradient, 0, rows.size() * gradient_stride * sizeof(T));
  const size_t panels = whole_panels(features) / panel_width;
  T* input_gradient = scratch<T, ForInputGradient>(rows.size() * panels * panel_width);
  T* first = above.kept + rows.begin * stride + direction * direction_size();
  const Reading reading = reading_of(above, rows, direction);
  for (size_t i = 0; i < rows.size() && below.deltas != nullptr && direction == 0; ++i) {
    T* behind = below.deltas + (rows.begin + i) * below.stride + reading.longest * features;
    std::memset(behind, 0, (options_.steps - reading.longest) * features * sizeof(T));
  }
  for (size_t step = reading.longest; step-- > 0;) {
    T* record = first + (step + 1) * record_size();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!has_output(step, reading.lengths[i])) continue;
      const T* deltas = above.deltas + (rows.begin + i) * above.stride + output_at(direction, step, reading.lengths[i]);
      T* to = state_gradient + i * gradient_stride;
      for (size_t k = 0; k < options_.units; ++k) to[k] += deltas[k];
    }
    step_back(reading, record - record_size(), record, stride, state_gradient, gradient_stride);
    if (below.deltas == nullptr) continue;
    const size_t columns = cell_.gates * block_;
    multiply<T>({record + cell_.record * block_,
                 stride,
                 1,
                 input_transposed_[direction].data(),
                 columns * panel_width,
                 panel_width,
                 input_gradient,
                 panels * panel_width,
                 panel_width,
                 columns,
                 {0, rows.size()},
                 {0, panels}},
                false);
    for (size_t i = 0; i < rows.size(); ++i) {
      const T* from = input_gradient + i * panels * panel_width;
      T* to = below.deltas + (rows.begin + i) * below.stride + place(direction, step, reading.lengths[i]) * features;
      for (size_t k = 0; k < features; ++k) to[k] = direction == 0 ? from[k] : to[k] + from[k];
    }
  }
}

template <class T>
void Recurrent<T>::step_back(const Reading& reading, const T* before, T* record, size_t stride, T* state_gradient,
                             size_t gradient_stride) const {
  const size_t rows = reading.rows.size();
  const size_t columns = cell_.gates * block_;
  T* deltas = record + cell_.record * block_;
  for (size_t i = cell_.stage_count; i-- > 0;) {
    const RecurrentProduct& part = cell_.stages[i].product;
    if (cell_.stages[i].steps) {
      CellRows<T> rows_of_step = cells(reading, cell_.stages[i].step, before, record, stride);
      rows_of_step.deltas = deltas;
      rows_of_step.state_gradient = state_gradient;
      rows_of_step.gradient_stride = gradient_stride;
      kernels<T>().cells_backward(rows_of_step);
    }
    const bool drops = reading.factors.values != nullptr;
    T* const source = part.of_state ? state_gradient : deltas + part.source * block_;
    const size_t source_stride = part.of_state ? gradient_stride : stride;
    T* const to = drops ? scratch<T, ForFactors>(rows * block_) : source;
    const size_t to_stride = drops ? block_ : source_stride;
    multiply<T>({deltas + part.block * block_,
                 stride,
                 1,
                 recurrent_transposed_[reading.direction].data() + part.gate * block_ * panel_width,
                 columns * panel_width,
                 panel_width,
                 to,
                 to_stride,
                 panel_width,
                 part.gates * block_,
                 {0, rows},
                 {0, block_ / panel_width}},
                part.of_state && !drops);
    for (size_t row = 0; row < rows && drops; ++row) {
      const T* through = to + row * block_;
      const T* factors = reading.factors.values + row * reading.factors.stride;
      T* sums = source + row * source_stride;
      for (size_t k = 0; k < block_; ++k) sums[k] = (part.of_state ? sums[k] : T(0)) + through[k] * factors[k];
    }
  }
}

template <class T>
void Recurrent<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                T* gradient) const {
  for (size_t direction = 0; direction < options_.directions; ++direction) {
    add_direction(team, below, above, samples, gradient, direction);
  }
}

// A thread has some panels of the gates, of both products the same. All (sample, step) pairs up to the samples' ends
// are the inner index, samples first; a piece of them at a time is packed, as they lie far apart.
template <class T>
void Recurrent<T>::add_direction(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                 T* gradient, size_t direction) const {
  constexpr size_t piece = tuning::recurrent_pairs;
  const size_t features = options_.features, units = options_.units;
  const size_t panels = block_ / panel_width;
  const Range gates = team.share(cell_.gates * panels);
  if (gates.size() == 0) return;
  const auto gates_in = [&](const RecurrentProduct& part) {
    return common(gates, {part.gate * panels, (part.gate + part.gates) * panels});
  };
  const auto of_blocks = [&](const RecurrentProduct& part, const Range& of_gates) {
    const size_t further = (part.block - part.gate) * panels;
    return Range{of_gates.begin + further, of_gates.end + further};
  };
  // The blocks of deltas that these gates have in both products.
  Range own = gates;
  for (size_t i = 0; i < cell_.stage_count; ++i) {
    const Range of_state = gates_in(cell_.stages[i].product);
    if (of_state.size() > 0) own.end = std::max(own.end, of_blocks(cell_.stages[i].product, of_state).end);
  }
  const size_t of_features = packed_size_of(features, piece), of_units = packed_size_of(units, piece);
  T* inputs = scratch<T, ForRows>(of_features + 2 * of_units + own.size() * piece * panel_width);
  T* dropped = scratch<T, ForFactors>(block_);
  T* states = inputs + of_features;
  T* made = states + of_units;
  T* deltas = made + of_units;
  // Adds what some panels bring to those of a matrix that begin at `panel`; of a bias without rows.
  const auto add = [&](Part part, const Range& shared, size_t panel, const T* rows, size_t inner) {
    if (shared.size() == 0) return;
    const auto& matrix = this->matrix(matrix_of(direction, part));
    T* to = this->panels_of(gradient, matrix_of(direction, part)) + panel * matrix.rows * panel_width;
    const T* columns = deltas + (shared.begin - own.begin) * piece * panel_width;
    if (rows != nullptr) {
      Product<T> product = {rows,
                            1,
                            packed_columns,
                            columns,
                            piece * panel_width,
                            panel_width,
                            to,
                            panel_width,
                            matrix.rows * panel_width,
                            inner,
                            {0, matrix.rows},
                            {0, shared.size()}};
      product.block_rows = packed_columns;
      product.a_block = piece * packed_columns;
      multiply(product, true);
      return;
    }
    for (size_t i = 0; i < shared.size(); ++i) {
      kernels<T>().bias_gradient(
          {columns + i * piece * panel_width, panel_width, inner, {0, 1}, to + i * panel_width, true, nullptr, {}});
    }
  };
  for (size_t sample = 0, step = 0; sample < samples;) {
    size_t count = 0;
    while (count < piece && sample < samples) {
      const size_t length = length_of(above, sample);
      if (step >= length) {
        sample += 1;
        step = 0;
        continue;
      }
      const T* before = above.kept + sample * above.kept_stride + direction * direction_size() + step * record_size();
      const T* record = before + record_size();
      pack_activations(below.activations + sample * below.stride + place(direction, step, length) * features, features,
                       count, piece, inputs);
      const T* factors = factors_of(above, sample, direction);
      const auto pack_source = [&](const T* source, T* packed) {
        if (factors != nullptr) {
          multiply_values(source, factors, units, dropped);
          source = dropped;
        }
        pack_activations(source, units, count, piece, packed);
      };
      pack_source(before + cell_.blocks * block_, states);
      if (cell_.multiplies_made()) pack_source(record + (cell_.blocks - 1) * block_, made);
      pack_deltas_of(record + cell_.record * block_, own, count, piece, deltas);
      count += 1;
      step += 1;
    }
    if (count == 0) break;
    add(input_weights, gates, gates.begin, inputs, count);
    add(bias, gates, gates.begin, nullptr, count);
    for (size_t i = 0; i < cell_.stage_count; ++i) {
      const RecurrentProduct& part = cell_.stages[i].product;
      const Range of_state = gates_in(part);
      const Range blocks = of_blocks(part, of_state);
      add(recurrent_weights, blocks, of_state.begin, part.of_state ? states : made, count);
      if (cell_.extra == RecurrentCell::Extra::recurrent_bias) add(extra, blocks, of_state.begin, nullptr, count);
    }
  }
  if (cell_.extra == RecurrentCell::Extra::peepholes) add_peepholes(team, above, samples, gradient, direction);
}

// i and f have seen the cell before the step, o the one behind it.
template <class T>
void Recurrent<T>::add_peepholes(const Team& team, const Signal<T>& above, size_t samples, T* gradient,
                                 size_t direction) const {
  constexpr size_t gates[3] = {0, 1, 3};
  const size_t cell = (cell_.blocks + 1) * block_;
  T* to = this->panels_of(gradient, matrix_of(direction, extra));
  const Range units = team.share(options_.units);
  for (size_t sample = 0; sample < samples; ++sample) {
    const T* records = above.kept + sample * above.kept_stride + direction * direction_size();
    for (size_t step = 0; step < length_of(above, sample); ++step) {
      const T* before = records + step * record_size();
      const T* record = before + record_size();
      for (size_t row = 0; row < 3; ++row) {
        const T* seen = (gates[row] == 3 ? record : before) + cell;
        const T* deltas = record + (cell_.record + gates[row]) * block_;
        for (size_t k = units.begin; k < units.end; ++k) {
          to[(k / panel_width * 3 + row) * panel_width + k % panel_width] += seen[k] * deltas[k];
        }
      }
    }
  }
}

template class Recurrent<float>;
template class Recurrent<double>;

}  // namespace chainrule
