// Threads: shares cover everything once, barriers hold all threads, and more threads than cores make progress.
#include <atomic>
#include <vector>

#include "base/team.hpp"
#include "tests/check.hpp"

using namespace chainrule;
using namespace chainrule::tests;

int main() {
  for (size_t threads : {1u, 2u, 3u, 8u}) {
    std::vector<int> touched(101);
    std::atomic<int> together{0};
    std::atomic<bool> apart{false};
    run_team(threads, [&](const Team& team) {
      const Range part = team.share(touched.size());
      for (size_t i = part.begin; i < part.end; ++i) ++touched[i];
      for (int round = 1; round <= 300; ++round) {
        ++together;
        team.barrier();
        if (together != round * int(team.size())) apart = true;
        team.barrier();
      }
    });
    for (int count : touched) expect(count == 1, "a share is touched once");
    expect(!apart, "a barrier holds everybody");
  }
  // Denormal numbers are zero inside the core, and unchanged outside.
  volatile float tiny = 1e-30f;
  bool flushed = false;
  run_team(1, [&](const Team&) { flushed = tiny * 1e-10f == 0; });
  expect(tiny * 1e-10f != 0, "denormals outside");
#if defined(__SSE2__) || defined(__aarch64__)
  expect(flushed, "no denormals inside");
#endif
  set_num_threads(5);
  expect(max_threads() == 5, "threads as set");
  set_num_threads(0);
  expect(max_threads() >= 1, "threads by default");
  return result();
}
