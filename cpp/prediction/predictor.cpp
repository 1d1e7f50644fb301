#include "prediction/predictor.hpp"

#include <algorithm>

#include "base/flush_denormals.hpp"
#include "data/sizes.hpp"

namespace chainrule {

template <class T>
Predictor<T>::Predictor(const Network<T>& network, const Source& like, size_t rows)
    : network_(network),
      rows_(rows),
      sparse_(like.sparse()),
      workspace_(network, rows, Workspace<T>::Purpose::prediction),
      inputs_(like, rows, Columns::none, 1),
      signals_(workspace_.signals()) {}

template <class T>
void Predictor<T>::gather(const Source& source, Range rows) {
  const bool is_product = network_.layer(0).traits().is_row_product;
  const bool look = is_product && until_look_ == 0;
  inputs_.set_skips({look, false});
  if (is_product) {
    inputs_.take(source, rows);
  } else {
    // Other layers may read a vector that begins in a row to its end, which can be after that of the user's array.
    for (size_t row = rows.begin; row < rows.end; ++row) inputs_.gather(source, row, row - rows.begin);
  }
  inputs_.list_columns({0, rows.size()}, 0);
  if (look) inputs_.set_skips(inputs_.worthwhile(rows.size()));
  inputs_.attach(signals_[0]);
  const bool skips = signals_[0].of_samples != nullptr;
  until_look_ = skips ? 0 : look ? tuning::blocks_between_searches : until_look_ - (until_look_ > 0);
}

template <class T>
template <class Forward>
void Predictor<T>::predict(const Source& source, Range part, T* outputs, Forward forward) {
  const Signal<T>& output = signals_.back();
  for (size_t first = part.begin; first < part.end; first += rows_) {
    const size_t count = std::min(rows_, part.end - first);
    gather(source, {first, first + count});
    workspace_.set_layout(network_, count, signals_);
    forward(count);
    copy_rows(output.activations, output.stride, outputs + first * output.size, output.size, {0, count}, output.size);
  }
}

template <class T>
void Predictor<T>::predict(const Source& source, Range part, T* outputs) {
  predict(source, part, outputs, [&](size_t count) { network_.forward(Team(), signals_, count, {}); });
}

template <class T>
void Predictor<T>::predict_together(const Source& source, Range part, TeamSize& team_size, size_t threads, T* outputs) {
  std::vector<std::vector<Signal<T>>> own(threads);
  predict(source, part, outputs, [&](size_t count) {
    std::fill(own.begin(), own.end(), signals_);
    run_step(team_size, threads, [&](const Team& team) { network_.forward(team, own[team.index()], count, {}); });
  });
}

namespace {

// Multiply-adds that take as long as reading the parameters, which is what a few samples wait for in wide layers.
template <class T>
double work_of_reading(const Network<T>& network, const Source& source) {
  const double read = std::min(network.work(source.entries()), double(network.parameters().size()));
  return read * tuning::reading_work;
}

// As many as pay. Samples in lanes are processed in whole groups, each by one thread.
template <class T>
size_t threads_of(const Network<T>& network, const Source& source) {
  const double work = double(source.rows) * network.work(source.entries()) + work_of_reading(network, source);
  const size_t threads = threads_for(work / tuning::prediction_work);
  return network.prefers_lanes(source.rows) ? std::min(threads, groups_of(source.rows)) : threads;
}

// Among how many threads samples are shared out: 1 if each thread would spend most of its time with reading all
// parameters. All of them then share each sample, and a thread reads those of its units.
template <class T>
size_t threads_with_own_samples(const Network<T>& network, const Source& source, size_t threads) {
  const double work_of_thread = double(source.rows) / double(threads) * network.work(source.entries());
  return work_of_thread < work_of_reading(network, source) ? 1 : threads;
}

// Threads take parts of the samples until none is left: a few per thread, in whole groups of those that kernels process
// together. A few samples are shared out evenly, unless they would leave lanes without a sample.
template <class T>
size_t rows_per_part(const Network<T>& network, const Source& source, size_t threads) {
  if (threads == 1) return source.rows;
  if (source.rows <= threads * group_samples && !network.prefers_lanes(group_samples)) {
    return (source.rows + threads - 1) / threads;
  }
  const size_t groups = threads * tuning::parts_per_thread * group_samples;
  return (source.rows + groups - 1) / groups * group_samples;
}

// The samples that go forward at a time: many enough for the tiles of a product, few enough for their signals to stay
// in a core's cache with the parameters.
template <class T>
size_t rows_at_a_time(const Network<T>& network, const Source& source, size_t threads) {
  if (source.rows == 1) return 1;
  const size_t part = std::min(tuning::prediction_rows, rows_per_part(network, source, threads));
  const size_t most = rows_in_memory(network, source, part);
  const size_t bytes = std::max(tuning::thread_cache_bytes, network.parameters().size() * sizeof(T));
  if (most * network.signal_values() * sizeof(T) <= bytes) return most;
  const size_t cached = bytes / Workspace<T>::predicted_sample_bytes(network);
  if (cached < group_samples && !network.prefers_lanes(group_samples)) {
    // Pieces of the same size, so that threads get the same number of samples.
    const size_t fitting = std::max<size_t>(cached, 1), pieces = (most + fitting - 1) / fitting;
    return (most + pieces - 1) / pieces;
  }
  return std::min(most, std::max<size_t>(cached / group_samples, 1) * group_samples);
}

template <class T>
std::unique_ptr<Predictor<T>> fitting_predictor(const Network<T>& network, const Source& source, size_t rows,
                                                Spares<Predictor<T>>& spares) {
  std::unique_ptr<Predictor<T>> predictor = spares.take();
  if (predictor != nullptr && predictor->fits(source, rows)) return predictor;
  return std::make_unique<Predictor<T>>(network, source, rows);
}

template <class T>
void keep(std::unique_ptr<Predictor<T>> predictor, Spares<Predictor<T>>& spares) {
  if (predictor->bytes() <= tuning::kept_predictor_bytes) spares.put_back(std::move(predictor));
}

}  // namespace

template <class T>
void predict(const Network<T>& network, const Source& source, Spares<Predictor<T>>& spares, TeamSize& team_size,
             T* outputs) {
  const size_t threads = threads_of(network, source);
  const size_t rows = rows_at_a_time(network, source, threads_with_own_samples(network, source, threads));
  const size_t parts = (source.rows + rows - 1) / rows;
  if (parts < threads || threads == 1) {
    const FlushDenormals flush;
    std::unique_ptr<Predictor<T>> predictor = fitting_predictor(network, source, rows, spares);
    if (threads == 1) {
      predictor->predict(source, {0, source.rows}, outputs);
    } else {
      predictor->predict_together(source, {0, source.rows}, team_size, threads, outputs);
    }
    return keep(std::move(predictor), spares);
  }
  std::vector<std::unique_ptr<Predictor<T>>> predictors;
  while (predictors.size() < threads) predictors.push_back(fitting_predictor(network, source, rows, spares));
  run_items(team_size, threads, parts, [&](size_t thread, size_t part) {
    predictors[thread]->predict(source, {part * rows, std::min((part + 1) * rows, source.rows)}, outputs);
  });
  for (std::unique_ptr<Predictor<T>>& predictor : predictors) keep(std::move(predictor), spares);
}

#define CHAINRULE_INSTANTIATE(T) \
  template class Predictor<T>;   \
  template void predict<T>(const Network<T>&, const Source&, Spares<Predictor<T>>&, TeamSize&, T*)
CHAINRULE_INSTANTIATE(float);
CHAINRULE_INSTANTIATE(double);
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule
