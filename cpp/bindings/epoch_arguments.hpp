// What Python tells of an epoch.
#pragma once

#include <pybind11/numpy.h>

#include <optional>
#include <string>
#include <tuple>

#include "bindings/bindings.hpp"
#include "bindings/python_loss.hpp"
#include "training/epoch.hpp"

namespace chainrule::bindings {

// The part of an epoch that is trained: steps [first_step, last_step), to the end if `last_step` is empty. The totals
// are the sums of weight, loss and metric over the steps before. So many samples of the epoch came in batches before
// these data.
struct EpochPart {
  EpochPart(size_t first, std::optional<size_t> last, std::tuple<double, double, double> sums, size_t samples = 0)
      : first_step(first),
        last_step(last),
        totals{.weight = std::get<0>(sums), .loss = std::get<1>(sums), .metric = std::get<2>(sums)},
        samples_before(samples) {}

  size_t first_step;
  std::optional<size_t> last_step;
  Totals totals;
  size_t samples_before;
};

// What all parts of an epoch have in common.
struct EpochArguments {
  using Rates = pybind11::array_t<double, pybind11::array::c_style | pybind11::array::forcecast>;

  EpochArguments(LossArguments loss_, Optimizer optimizer_, Rates rates_, size_t batch_size_, bool shuffle_,
                 uint64_t seed_, uint64_t epoch_, double input_noise_, std::optional<Rates> weight_decays_,
                 SamplesOfRanks samples_of_ranks_)
      : loss(std::move(loss_)),
        optimizer(std::move(optimizer_)),
        rates(std::move(rates_)),
        batch_size(batch_size_),
        shuffle(shuffle_),
        seed(seed_),
        epoch(epoch_),
        input_noise(input_noise_),
        weight_decays(std::move(weight_decays_)),
        samples_of_ranks(std::move(samples_of_ranks_)) {
    require(batch_size > 0, "batch_size must be positive, got 0");
  }

  // The options of the first of some epochs. `rows` are the samples of this rank, which ranks share out in blocks of so
  // many.
  EpochOptions options(size_t rows, size_t block, size_t epochs, const EpochPart& part, OutsideLoss& outside,
                       Ranks& ranks) const {
    check_samples(samples_of_ranks, ranks, rows);
    check_blocks(samples_of_ranks, batch_size, block);
    const size_t samples = samples_of_all(samples_of_ranks, rows);
    const size_t steps = samples / batch_size + (samples % batch_size != 0);
    require(epochs <= size_t(rates.size()), "epochs must be at most the number of rates");
    const size_t all = steps * epochs;
    require(rates.ndim() == 1 && size_t(rates.size()) == all,
            "rates must have one element per step, " + std::to_string(all) + ", got " + std::to_string(rates.size()));
    require(!weight_decays || (weight_decays->ndim() == 1 && size_t(weight_decays->size()) == all),
            "weight_decays must have one element per step, " + std::to_string(all));
    const Range range = {part.first_step, part.last_step.value_or(steps)};
    require(range.begin < range.end && range.end <= steps,
            "first_step and last_step must be a part of the epoch's " + std::to_string(steps) + " steps, got " +
                std::to_string(range.begin) + " and " + std::to_string(range.end));
    return {.batch_size = batch_size,
            .shuffle = shuffle,
            .seed = seed,
            .epoch = epoch,
            .loss = loss.with(outside),
            .rates = rates.data(),
            .input_noise = input_noise,
            .steps = range,
            .totals = part.totals,
            .samples_before = part.samples_before,
            .weight_decays = weight_decays ? weight_decays->data() : nullptr,
            .ranks = &ranks,
            .samples_of_ranks = samples_of_ranks};
  }

  LossArguments loss;
  Optimizer optimizer;
  Rates rates;
  size_t batch_size;
  bool shuffle;
  uint64_t seed, epoch;
  double input_noise;
  std::optional<Rates> weight_decays;
  SamplesOfRanks samples_of_ranks;
};

}  // namespace chainrule::bindings
