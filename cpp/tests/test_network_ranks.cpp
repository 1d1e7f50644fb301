// Ranks that are threads: shares cover a batch, and any number of ranks ends with the bytes of one. Its name makes
// ThreadSanitizer watch it (.ci/run).
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "base/random.hpp"
#include "data/sizes.hpp"
#include "session.hpp"
#include "tests/check.hpp"

using namespace chainrule;
using namespace chainrule::tests;

namespace {

constexpr size_t samples = 90, inputs = 40, outputs = 3;

// Messages between threads, by sender and receiver.
class Post {
 public:
  void send(size_t from, size_t to, const void* data, size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    messages_[{from, to}].emplace_back(static_cast<const char*>(data), static_cast<const char*>(data) + bytes);
    arrived_.notify_all();
  }

  void receive(size_t from, size_t to, void* data, size_t bytes) {
    std::unique_lock<std::mutex> lock(mutex_);
    std::deque<std::vector<char>>& waiting = messages_[{from, to}];
    arrived_.wait(lock, [&] { return !waiting.empty(); });
    expect(waiting.front().size() == bytes, "a message has the length that is expected");
    std::memcpy(data, waiting.front().data(), bytes);
    waiting.pop_front();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<std::pair<size_t, size_t>, std::deque<std::vector<char>>> messages_;
};

class ThreadRanks : public Ranks {
 public:
  ThreadRanks(size_t rank, size_t size, Post& post) : Ranks(rank, size), post_(post) {}

  void receive_from_before(void* to, size_t bytes) override { post_.receive(rank() - 1, rank(), to, bytes); }
  void send_to_next(const void* from, size_t bytes) override { post_.send(rank(), rank() + 1, from, bytes); }
  void broadcast_from_last(void* values, size_t bytes) override {
    if (!is_last()) return post_.receive(size() - 1, rank(), values, bytes);
    for (size_t other = 0; other + 1 < size(); ++other) post_.send(rank(), other, values, bytes);
  }
  bool failed() const override { return false; }

 private:
  Post& post_;
};

struct Outcome {
  std::vector<float> parameters;
  Totals totals;
  double loss = 0;

  bool operator==(const Outcome& other) const {
    return parameters == other.parameters && totals.loss == other.totals.loss && totals.metric == other.totals.metric &&
           loss == other.loss;
  }
};

std::vector<float> numbers(size_t count, uint64_t seed) {
  std::vector<float> values(count);
  RandomWords words(seed, Purpose::weights, 0, 0);
  for (float& value : values) value = float(uniform(words.next()) - 0.5);
  return values;
}

// The last batch has 26 samples, so that with three ranks one has none.
Outcome trained(Ranks& ranks) {
  Session<float> session(inputs);
  session.add_layer(DenseSettings{.units = 600, .activation = Activation::tanh, .l1 = 0, .l2 = 0.01, .max_norm = 0});
  session.add_layer(
      DenseSettings{.units = outputs, .activation = Activation::softmax, .l1 = 0, .l2 = 0, .max_norm = 0});
  session.set_parameters(numbers(session.network().parameter_count(), 1).data());
  const std::vector<float> x = numbers(samples * inputs, 2);
  const std::vector<int64_t> y(samples, 1);
  const Source source = {reinterpret_cast<const char*>(x.data()), Element::float32, inputs * 4, 4, samples, inputs};
  const Data data = {.inputs = source, .targets = {.labels = y.data()}};
  const Loss loss = {LossKind::cross_entropy, 0, 1};
  const std::vector<double> rates(2, 0.01);
  EpochOptions options = {64, true, 1, 0, loss, rates.data(), 0.1, {0, 2}, {}};
  options.ranks = &ranks;
  const Optimizer optimizer("adam", {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8});
  Outcome outcome;
  outcome.totals = session.train_epoch(data, options, optimizer, {}).totals;
  outcome.loss = session.evaluate(data, loss, ranks).loss;
  for (size_t layer = 0; layer < 2; ++layer) {
    std::vector<float> values(session.layer(layer).parameters().count());
    session.get_parameters(layer, values.data());
    outcome.parameters.insert(outcome.parameters.end(), values.begin(), values.end());
  }
  return outcome;
}

void test_shares_cover_a_batch_in_whole_blocks() {
  Post post;
  for (size_t size = 1; size < 6; ++size) {
    for (size_t end = 7; end < 140; ++end) {
      size_t begin = 7;
      for (size_t rank = 0; rank < size; ++rank) {
        const ThreadRanks ranks(rank, size, post);
        const Range share = ranks.share({7, end}, 16);
        expect(share.begin == begin && share.end >= begin, "each share begins where the one before it ends");
        expect(share.end == end || (share.end - 7) % 16 == 0, "a share ends with a block");
        expect(share.size() <= ranks.largest_share(end - 7, 16), "no share is larger than the largest");
        begin = share.end;
      }
      expect(begin == end, "the last share ends with the batch");
    }
  }
}

void test_any_number_of_ranks_has_the_bytes_of_one() {
  const Outcome expected = trained(alone);
  for (size_t size = 2; size < 5; ++size) {
    Post post;
    std::vector<Outcome> outcomes(size);
    std::vector<std::thread> threads;
    for (size_t rank = 0; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        ThreadRanks ranks(rank, size, post);
        outcomes[rank] = trained(ranks);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Outcome& outcome : outcomes) expect(outcome == expected, "ranks have the bytes of one process");
  }
}

}  // namespace

int main() {
  test_shares_cover_a_batch_in_whole_blocks();
  test_any_number_of_ranks_has_the_bytes_of_one();
  set_work_per_thread(1);
  set_team_sizes(TeamSizes::as_asked);
  set_num_threads(2);
  test_any_number_of_ranks_has_the_bytes_of_one();
  return result();
}
