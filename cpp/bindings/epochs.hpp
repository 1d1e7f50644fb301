// What epochs give back to Python, and several epochs in one call.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/epoch_arguments.hpp"
#include "bindings/interpreter_lock.hpp"
#include "bindings/python_loss.hpp"
#include "bindings/python_poll.hpp"
#include "session.hpp"
#include "training/poll_timer.hpp"

namespace chainrule::bindings {

inline pybind11::tuple tuple_of(const EpochResult& result) {
  const Totals& sums = result.totals;
  return pybind11::make_tuple(result.steps, pybind11::make_tuple(sums.weight, sums.loss, sums.metric), result.diverged);
}

// Whole epochs one after the other, with a snapshot before each; returns those that were ended, and the error that
// ended them. Between them Python is asked as rarely as within a long one.
template <class T>
pybind11::tuple train_epochs(Session<T>& session, const Data& data, const pybind11::array& y,
                             const std::vector<EpochArguments>& epochs, const pybind11::object& poll) {
  const pybind11::object none = pybind11::none();
  PythonLoss unused(none, y, data);
  std::vector<EpochOptions> options;
  for (const EpochArguments& arguments : epochs) {
    require(!arguments.loss.is_function(), "epochs must be made one by one with a loss that is a function");
    options.push_back(
        arguments.options(data.inputs.rows, session.network().sample_block(), {0, std::nullopt, {}}, unused, alone));
  }
  PythonPoll within(none), between(poll);
  std::vector<EpochResult> results;
  {
    const WithoutInterpreter unlocked;
    const Poll ask = [&](size_t done) { return between(done); };
    PollTimer timer(ask);
    bool goes_on = true;
    for (size_t i = 0; i < epochs.size() && goes_on; ++i) {
      session.save_snapshot();
      const EpochResult result =
          session.train_epoch(data, options[i], epochs[i].optimizer, [&](size_t done) { return within(done); });
      if (within.failed()) break;
      results.push_back(result);
      goes_on = result.diverged < 0 && timer.may_continue(i + 1);
    }
  }
  pybind11::list ended;
  for (const EpochResult& result : results) ended.append(tuple_of(result));
  return pybind11::make_tuple(ended, within.failed() ? within.error() : between.error());
}

}  // namespace chainrule::bindings
