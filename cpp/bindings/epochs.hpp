// What epochs give back to Python, and several epochs in one call.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "bindings/interpreter_lock.hpp"
#include "bindings/kept_error.hpp"
#include "bindings/python_poll.hpp"
#include "session.hpp"
#include "training/poll_timer.hpp"

namespace chainrule::bindings {

inline pybind11::tuple tuple_of(const EpochResult& result) {
  const Totals& sums = result.totals;
  return pybind11::make_tuple(result.steps, pybind11::make_tuple(sums.weight, sums.loss, sums.metric), result.diverged);
}

// Tells a callable of Python of epochs that were ended.
class EpochListener {
 public:
  explicit EpochListener(const pybind11::object& ended) : ended_(ended) {}

  void add(const EpochResult& result) { results_.push_back(result); }

  // Tells of the epochs that were added since it last did; false: stop.
  bool tell() {
    bool goes_on = true;
    if (results_.empty()) return goes_on;
    const bool told = error_.call([&] {
      pybind11::list results;
      for (const EpochResult& result : results_) results.append(tuple_of(result));
      results_.clear();
      goes_on = !pybind11::cast<bool>(pybind11::bool_(ended_(results)));
    });
    return told && goes_on;
  }

  void rethrow() const { error_.rethrow(); }

 private:
  const pybind11::object& ended_;
  std::vector<EpochResult> results_;
  KeptError error_;
};

// Whole epochs one after the other, with a snapshot before each, to which one that diverges returns. `ended` is called
// after each or, as polls are, now and then, without the session's lock.
template <class T>
void train_epochs(Session<T>& session, const Data& data, EpochOptions options, const Optimizer& optimizer,
                  size_t epochs, const pybind11::object& ended, bool after_each) {
  const pybind11::object none = pybind11::none();
  PythonPoll within(none);
  EpochListener listener(ended);
  {
    const WithoutInterpreter unlocked;
    const Poll pause = [](size_t) { return false; };
    PollTimer timer(pause);
    bool goes_on = true;
    for (size_t done = 0; goes_on && done < epochs;) {
      {
        const auto lock = session.lock_to_change();
        do {
          session.save_snapshot();
          const EpochResult result =
              session.train_epoch(data, options, optimizer, [&](size_t steps) { return within(steps); });
          goes_on = !within.failed() && result.diverged < 0;
          if (within.failed()) break;
          if (result.diverged >= 0) session.restore_snapshot();
          listener.add(result);
          options.advance();
        } while (goes_on && ++done < epochs && !after_each && timer.may_continue(done));
      }
      goes_on = listener.tell() && goes_on;
    }
    listener.tell();  // a signal may have come before Python was told
  }
  within.rethrow();
  listener.rethrow();
}

}  // namespace chainrule::bindings
