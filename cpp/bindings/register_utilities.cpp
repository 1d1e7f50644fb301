#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>

#include "base/aligned.hpp"
#include "base/random.hpp"
#include "base/team.hpp"
#include "bindings/bindings.hpp"
#include "bindings/interpreter_lock.hpp"
#include "data/sizes.hpp"
#include "kernels/dispatch.hpp"
#include "network/initializers.hpp"

namespace py = pybind11;

namespace chainrule::bindings {

namespace {

constexpr size_t most_threads = 1024;

py::array_t<int64_t> shuffled(size_t samples, uint64_t seed, uint64_t epoch, uint64_t part) {
  const std::vector<int64_t> order = shuffled_order(samples, seed, epoch, part);
  return py::array_t<int64_t>(py::ssize_t(order.size()), order.data());
}

void set_threads(py::ssize_t threads) {
  if (threads < 0 || size_t(threads) > most_threads) {
    throw py::value_error("threads must be between 0 and " + std::to_string(most_threads) + ", got " +
                          std::to_string(threads));
  }
  set_num_threads(size_t(threads));
}

py::dict build_info() {
  py::dict info;
#if defined(__clang__)
  info["compiler"] = "clang " __clang_version__;
#else
  info["compiler"] = "GCC " __VERSION__;
#endif
  info["isa"] = kernel_table().name;
#ifdef _OPENMP
  info["openmp"] = std::to_string(_OPENMP);
#else
  info["openmp"] = "none";
#endif
  return info;
}

// GFLOP/s of the fastest of some short runs. A multiply-add counts as two operations.
template <class T>
double best_peak(size_t threads) {
  constexpr size_t rounds = 400000, runs = 8;
  double best = 0;
  for (size_t run = 0; run < runs; ++run) {
    std::atomic<double> done{0};
    const auto begin = std::chrono::steady_clock::now();
    run_team(threads, [&](const Team& team) {
      AlignedArray<T> results(panel_width);
      const double count = kernels<T>().peak(rounds, results.data());
      if (team.index() == 0) done = count * double(team.size());
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, 2e-9 * done / seconds.count());
  }
  return best;
}

double fma_peak(const std::string& dtype, size_t threads) {
  if (threads == 0 || threads > most_threads) throw py::value_error("threads must be positive");
  if (dtype != "float32" && dtype != "float64") throw py::value_error("dtype must be float32 or float64");
  const WithoutInterpreter unlocked;
  return dtype == "float32" ? best_peak<float>(threads) : best_peak<double>(threads);
}

py::array_t<double> drawn_weights(const std::string& distribution, size_t rows, size_t columns, double scale,
                                  uint64_t seed, uint64_t layer, uint64_t part) {
  static const std::map<std::string, Distribution> table = {
      {"normal", Distribution::normal}, {"uniform", Distribution::uniform}, {"orthogonal", Distribution::orthogonal}};
  const auto found = table.find(distribution);
  if (found == table.end()) throw py::value_error("unknown distribution '" + distribution + "'");
  const std::vector<double> weights = initial_weights(found->second, rows, columns, scale, seed, layer, part);
  py::array_t<double> result({rows, columns});
  std::copy(weights.begin(), weights.end(), result.mutable_data());
  return result;
}

// See TeamSizes.
void choose_team_sizes(const std::string& name) {
  static const std::map<std::string, TeamSizes> table = {
      {"that pay", TeamSizes::that_pay}, {"as asked", TeamSizes::as_asked}, {"random", TeamSizes::random}};
  const auto found = table.find(name);
  if (found == table.end()) throw py::value_error("unknown team sizes '" + name + "'");
  set_team_sizes(found->second);
}

}  // namespace

void register_utilities(py::module_& module) {
  module.def(
      "all_finite",
      [](const py::array& array, double largest) {
        const Source source = source_of(array, "array");
        const WithoutInterpreter unlocked;
        return all_finite(source, largest);
      },
      py::arg("array"), py::arg("largest"));
  module.def("shuffled_order", &shuffled, py::arg("samples"), py::arg("seed"), py::arg("epoch"), py::arg("part") = 0);
  module.def("initial_weights", &drawn_weights, py::arg("distribution"), py::arg("rows"), py::arg("columns"),
             py::arg("scale"), py::arg("seed"), py::arg("layer"), py::arg("part") = 0);
  module.def("set_num_threads", &set_threads, py::arg("threads"));
  module.def("get_num_threads", &max_threads);
  module.def("limit_own_teams", &limit_own_teams, py::arg("threads"));
  module.def("set_work_per_thread", &set_work_per_thread, py::arg("work"));
  module.def("set_team_sizes", &choose_team_sizes, py::arg("sizes"));
  module.def("build_info", &build_info);
  module.def("set_isa", &choose_kernels, py::arg("isa"));
  module.def("supported_isas", &supported_isas);
  module.def("fma_peak", &fma_peak, py::arg("dtype"), py::arg("threads"));
}

}  // namespace chainrule::bindings
