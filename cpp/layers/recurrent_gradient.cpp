// The weight gradient of recurrent layers.
#include <algorithm>
#include <cstring>

#include "layers/packing.hpp"
#include "layers/recurrent.hpp"
#include "layers/scratch.hpp"

namespace chainrule {

namespace {

struct ForPairs {};
struct ForFactorsBackward {};

// (sample, step) pairs that are packed at a time.
constexpr size_t pairs = tuning::recurrent_pairs;

// The size of `pairs` rows of activations in the layout of packing.hpp, or in rows of whole panels.
size_t packed_size_of(size_t columns) {
  return std::max((columns + packed_columns - 1) / packed_columns * packed_columns, whole_panels(columns)) * pairs;
}

// Packs some panels of a row of deltas as row i of [panels][pairs][16].
template <class T>
void pack_deltas_of(const T* row, const Range& panels, size_t i, T* packed) {
  for (size_t panel = panels.begin; panel < panels.end; ++panel) {
    std::memcpy(packed + ((panel - panels.begin) * pairs + i) * panel_width, row + panel * panel_width,
                panel_width * sizeof(T));
  }
}

Range intersection(const Range& a, const Range& b) {
  const size_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

}  // namespace

// One thread's part of the gradient of one direction: some panels of the gates, the same ones of both matrices. The
// inner index of the products runs over all (sample, real step) pairs, samples first. Pairs are far apart in memory, so
// some of them at a time are packed. In mixed precision, each sample begins a block of pairs, so that its blocks are
// the same ones in every chunk of a batch; zeros fill up the blocks.
template <class T>
class Recurrent<T>::Gradient {
 public:
  Gradient(const Recurrent& layer, size_t direction, const Range& gates, T* gradient)
      : layer_(layer),
        direction_(direction),
        panels_(layer.block_ / panel_width),
        gates_(gates),
        blocks_(gates),
        gradient_(gradient) {
    const RecurrentCell& cell = layer_.cell_;
    for (size_t i = 0; i < cell.stage_count; ++i) {
      const Range own = gates_in(cell.stages[i].product);
      if (own.size() > 0) blocks_.end = std::max(blocks_.end, blocks_of(cell.stages[i].product, own).end);
    }
    const size_t of_features = packed_size_of(layer_.options_.features),
                 of_units = packed_size_of(layer_.options_.units);
    inputs_ = scratch<T, ForPairs>(of_features + 2 * of_units + (blocks_.size() * pairs + 1) * panel_width);
    states_ = inputs_ + of_features;
    reset_states_ = states_ + of_units;
    deltas_ = reset_states_ + of_units;
    dropped_ = scratch<T, ForFactorsBackward>(std::max(layer_.options_.features, layer_.options_.units));
  }

  void add(const Signal<T>& below, const Signal<T>& above, size_t samples) {
    size_t count = 0, step = 0;
    for (size_t sample = 0; sample < samples;) {
      if (step == layer_.real_steps(above, sample).size()) {
        sample += 1;
        step = 0;
        if (!layer_.mixed_ || count % pair_block == 0) continue;
        count = fill_up(count);
      } else {
        pack(below, above, sample, step, count);
        count += 1;
        step += 1;
      }
      if (count < pairs) continue;
      add_products(count);
      count = 0;
    }
    if (count > 0) add_products(count);
  }

 private:
  // The thread's panels among the gates of a product, and the blocks of deltas that belong to some gates.
  Range gates_in(const RecurrentProduct& product) const {
    return intersection(gates_, {product.gate * panels_, (product.gate + product.gates) * panels_});
  }
  Range blocks_of(const RecurrentProduct& product, const Range& gates) const {
    const size_t distance = (product.block - product.gate) * panels_;
    return {gates.begin + distance, gates.end + distance};
  }

  // Packs the inputs, the states and the deltas of one pair as number `i`.
  void pack(const Signal<T>& below, const Signal<T>& above, size_t sample, size_t step, size_t i) {
    const RecurrentCell& cell = layer_.cell_;
    const size_t features = layer_.options_.features, block = layer_.block_;
    const size_t index = step_index(direction_, step, layer_.real_steps(above, sample));
    const T* before =
        above.kept + sample * above.kept_stride + direction_ * layer_.direction_size() + step * layer_.record_size();
    const T* record = before + layer_.record_size();
    const T* of_inputs = layer_.factors_of(above, sample, direction_, Dropped::inputs);
    const T* of_state = layer_.factors_of(above, sample, direction_, Dropped::state);
    const size_t units = layer_.options_.units;
    pack_source(below.activations + sample * below.stride + index * features, of_inputs, features, i, inputs_);
    pack_source(before + cell.blocks * block, of_state, units, i, states_);
    if (cell.uses_reset_state()) pack_source(record + (cell.blocks - 1) * block, of_state, units, i, reset_states_);
    pack_deltas_of(record + cell.record * block, blocks_, i, deltas_);
  }

  // Packs zeros up to a whole block; returns the number of pairs.
  size_t fill_up(size_t count) {
    const size_t end = whole_blocks(count);
    const auto fill = [&](T* rows, size_t size) {
      const size_t width = whole_panels(size);
      std::memset(rows + count * width, 0, (end - count) * width * sizeof(T));
    };
    fill(inputs_, layer_.options_.features);
    fill(states_, layer_.options_.units);
    fill(reset_states_, layer_.options_.units);
    for (size_t i = 0; i < blocks_.size(); ++i) fill(deltas_ + i * pairs * panel_width, panel_width);
    return end;
  }

  void pack_source(const T* source, const T* factors, size_t size, size_t i, T* packed) {
    if (factors != nullptr) {
      multiply_values(source, factors, size, dropped_);
      source = dropped_;
    }
    if (layer_.mixed_) {
      std::memcpy(packed + i * whole_panels(size), source, size * sizeof(T));
    } else {
      pack_activations(source, size, i, pairs, packed);
    }
  }

  void add_products(size_t count) {
    const RecurrentCell& cell = layer_.cell_;
    add_weights(input_weights, gates_, gates_.begin, inputs_, count);
    add_bias(bias, gates_, gates_.begin, count);
    for (size_t i = 0; i < cell.stage_count; ++i) {
      const RecurrentProduct& product = cell.stages[i].product;
      const Range gates = gates_in(product);
      const Range blocks = blocks_of(product, gates);
      add_weights(recurrent_weights, blocks, gates.begin, product.of_state ? states_ : reset_states_, count);
      if (cell.extra == RecurrentCell::Extra::recurrent_bias) add_bias(extra, blocks, gates.begin, count);
    }
  }

  // Adds the products of packed rows with some blocks of deltas to the panels of a matrix that begin at `panel`.
  void add_weights(Part part, const Range& blocks, size_t panel, const T* rows, size_t count) {
    if (blocks.size() == 0) return;
    const PanelMatrix& matrix = layer_.matrix(layer_.matrix_of(direction_, part));
    Product<T> product = {.a = rows,
                          .a_row = 1,
                          .a_inner = packed_columns,
                          .b = deltas_of(blocks.begin),
                          .b_panel = pairs * panel_width,
                          .b_inner = panel_width,
                          .c = panels_of(part, panel),
                          .c_row = panel_width,
                          .c_panel = matrix.rows * panel_width,
                          .inner = count,
                          .rows = {0, matrix.rows},
                          .panels = {0, blocks.size()},
                          .block_rows = packed_columns,
                          .a_block = pairs * packed_columns};
    if (layer_.mixed_) {
      product.a_inner = whole_panels(matrix.rows);
      product.block_rows = product.a_block = 0;
      take_samples(product);
    }
    kernels<T>().product(product, true);
  }

  // Adds the sums of some blocks of deltas to the panels of a bias that begin at `panel`.
  void add_bias(Part part, const Range& blocks, size_t panel, size_t count) {
    for (size_t i = 0; i < blocks.size(); ++i) {
      kernels<T>().bias_gradient({.deltas = deltas_of(blocks.begin + i),
                                  .stride = panel_width,
                                  .samples = count,
                                  .panels = {0, 1},
                                  .gradient = panels_of(part, panel + i),
                                  .accumulate = true});
    }
  }

  const T* deltas_of(size_t block) const { return deltas_ + (block - blocks_.begin) * pairs * panel_width; }
  T* panels_of(Part part, size_t panel) const {
    const size_t number = layer_.matrix_of(direction_, part);
    return layer_.panels_of(gradient_, number) + panel * layer_.matrix(number).rows * panel_width;
  }

  const Recurrent& layer_;
  size_t direction_, panels_;
  Range gates_, blocks_;  // panels: of the weights, and of the deltas that belong to them in both products
  T* gradient_;
  T *inputs_, *states_, *reset_states_, *deltas_, *dropped_;
};

template <class T>
void Recurrent<T>::add_gradient(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                                T* gradient) const {
  const Range gates = team.share(gate_panels());
  for (size_t direction = 0; direction < options_.directions; ++direction) {
    if (gates.size() > 0) Gradient(*this, direction, gates, gradient).add(below, above, samples);
    if (cell_.extra == RecurrentCell::Extra::peepholes) add_peepholes(team, above, samples, gradient, direction);
  }
}

template <class T>
size_t Recurrent<T>::gradient_parts(size_t) const {
  // Those of peepholes have other matrices.
  return cell_.extra == RecurrentCell::Extra::peepholes ? 1 : std::min(gate_panels(), tuning::work_parts);
}

template <class T>
std::vector<GradientRuns> Recurrent<T>::gradient_runs(const GradientPart& part) const {
  if (part.is_whole()) return Layer<T>::gradient_runs(part);
  const Range gates = gates_of(part);
  std::vector<GradientRuns> runs;
  for (size_t i = 0; i < options_.directions * matrices_; ++i) {
    const size_t panel = this->matrix(i).rows * panel_width;
    runs.push_back({this->parameters_.offset(i) + gates.begin * panel, gates.size() * panel});
  }
  return runs;
}

template <class T>
void Recurrent<T>::add_part(const Team& team, const Signal<T>& below, const Signal<T>& above, size_t samples,
                            T* gradient, const GradientPart& part) const {
  const Range gates = team.share(gates_of(part));
  if (gates.size() == 0) return;
  for (size_t direction = 0; direction < options_.directions; ++direction) {
    Gradient(*this, direction, gates, gradient).add(below, above, samples);
  }
}

// The peepholes of i and f see the cell before the step, that of o the cell after it.
template <class T>
void Recurrent<T>::add_peepholes(const Team& team, const Signal<T>& above, size_t samples, T* gradient,
                                 size_t direction) const {
  constexpr size_t gates[3] = {0, 1, 3};
  const size_t cell = (cell_.blocks + 1) * block_;
  T* to = this->panels_of(gradient, matrix_of(direction, extra));
  const Range units = team.share(options_.units);
  for (size_t sample = 0; sample < samples; ++sample) {
    const T* records = above.kept + sample * above.kept_stride + direction * direction_size();
    for (size_t step = 0; step < real_steps(above, sample).size(); ++step) {
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

template size_t Recurrent<float>::gradient_parts(size_t) const;
template size_t Recurrent<double>::gradient_parts(size_t) const;
template std::vector<GradientRuns> Recurrent<float>::gradient_runs(const GradientPart&) const;
template std::vector<GradientRuns> Recurrent<double>::gradient_runs(const GradientPart&) const;
template void Recurrent<float>::add_part(const Team&, const Signal<float>&, const Signal<float>&, size_t, float*,
                                         const GradientPart&) const;
template void Recurrent<double>::add_part(const Team&, const Signal<double>&, const Signal<double>&, size_t, double*,
                                          const GradientPart&) const;
template void Recurrent<float>::add_gradient(const Team&, const Signal<float>&, const Signal<float>&, size_t,
                                             float*) const;
template void Recurrent<double>::add_gradient(const Team&, const Signal<double>&, const Signal<double>&, size_t,
                                              double*) const;

}  // namespace chainrule
