#include "prediction/population.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "data/sizes.hpp"
#include "prediction/predictor.hpp"

namespace chainrule {

namespace {

template <class T>
struct Member {
  Member(Network<T> made, const Source& source)
      : network(std::move(made)),
        predictor(network, source, rows_in_memory(network, source, std::min(tuning::prediction_rows, source.rows))) {}

  Network<T> network;
  Predictor<T> predictor;
};

}  // namespace

template <class T>
void predict_population(const std::function<Network<T>()>& copy, const T* parameters, size_t members,
                        const Source& source, TeamSize& team_size, T* outputs) {
  std::vector<std::unique_ptr<Member<T>>> workers;
  workers.push_back(std::make_unique<Member<T>>(copy(), source));
  const Network<T>& any = workers.front()->network;
  const double work = double(source.rows) * any.work(source.entries()) + double(any.parameter_count());
  const size_t threads = std::min(members, threads_for(double(members) * work));
  while (workers.size() < threads) workers.push_back(std::make_unique<Member<T>>(copy(), source));
  run_items(team_size, threads, members, [&](size_t thread, size_t member) {
    Network<T>& network = workers[thread]->network;
    network.pack(parameters + member * network.parameter_count(), network.parameters().data());
    network.parameters_changed();
    workers[thread]->predictor.predict(source, {0, source.rows}, outputs + member * source.rows * network.outputs());
  });
}

template void predict_population<float>(const std::function<Network<float>()>&, const float*, size_t, const Source&,
                                        TeamSize&, float*);
template void predict_population<double>(const std::function<Network<double>()>&, const double*, size_t, const Source&,
                                         TeamSize&, double*);

}  // namespace chainrule
