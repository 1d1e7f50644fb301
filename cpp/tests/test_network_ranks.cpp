// Ranks that are threads: shares cover a batch, and any number of ranks ends with the bytes of one. Its name makes
// ThreadSanitizer watch it (.ci/run).
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <numeric>
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

struct Samples {
  std::vector<float> x = numbers(samples * inputs, 2);
  std::vector<int64_t> y = std::vector<int64_t>(samples, 1);
  std::vector<double> weights = std::vector<double>(samples, 1);

  Samples() {
    for (size_t i = 0; i < samples; ++i) y[i] = int64_t(i % outputs), weights[i] = 0.1 * double(i % 7);
  }
  // Those from a row on.
  Data data(size_t first, size_t count) const {
    const auto* values = reinterpret_cast<const char*>(x.data() + first * inputs);
    const Source source = {values, Element::float32, inputs * 4, 4, count, inputs};
    return {.inputs = source, .targets = {.labels = y.data() + first}, .weights = weights.data() + first};
  }
  Samples in_order(const std::vector<size_t>& rows) const {
    Samples ordered;
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(x.begin() + ptrdiff_t(rows[i] * inputs), inputs, ordered.x.begin() + ptrdiff_t(i * inputs));
      ordered.y[i] = y[rows[i]];
      ordered.weights[i] = weights[rows[i]];
    }
    return ordered;
  }
};

// Trains on some samples, and evaluates on others. The last batch has 26 samples, so that with three ranks one has
// none.
Outcome trained(Ranks& ranks, const Data& data, const Data& held, bool shuffle, const SamplesOfRanks& of_ranks = {}) {
  Session<float> session(inputs);
  session.add_layer(DenseSettings{.units = 600, .activation = Activation::tanh, .l1 = 0, .l2 = 0.01, .max_norm = 0});
  session.add_layer(
      DenseSettings{.units = outputs, .activation = Activation::softmax, .l1 = 0, .l2 = 0, .max_norm = 0});
  session.set_parameters(numbers(session.network().parameter_count(), 1).data());
  const Loss loss = {LossKind::cross_entropy, 0, 1};
  const std::vector<double> rates(2, 0.01);
  EpochOptions options = {64, shuffle, 1, 0, loss, rates.data(), 0.1, {0, 2}, {}};
  options.ranks = &ranks;
  options.samples_of_ranks = of_ranks;
  const Optimizer optimizer("adam", {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8});
  Outcome outcome;
  outcome.totals = session.train_epoch(data, options, optimizer, {}).totals;
  outcome.loss = session.evaluate(held, loss, ranks, of_ranks).loss;
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

// The rows of an epoch's samples in their order, among those of all ranks after each other.
std::vector<size_t> order_of(const SamplesOfRanks& of_ranks, size_t batch_size) {
  Post post;
  std::vector<size_t> order, before(of_ranks.size(), 0);
  std::partial_sum(of_ranks.begin(), of_ranks.end() - 1, before.begin() + 1);
  for (size_t step = 0; step * batch_size < samples; ++step) {
    for (size_t rank = 0; rank < of_ranks.size(); ++rank) {
      const ThreadRanks ranks(rank, of_ranks.size(), post);
      const Shares shares(ranks, of_ranks, of_ranks[rank], batch_size, 16);
      const Share share = shares.share(step);
      expect(share.positions.begin == order.size(), "each share begins where the one before it ends");
      expect(share.positions.size() <= shares.largest(), "no share is larger than the largest");
      for (size_t i = 0; i < share.positions.size(); ++i) order.push_back(before[rank] + share.place + i);
    }
    expect(order.size() == std::min((step + 1) * batch_size, samples), "the last share ends with the batch");
  }
  return order;
}

const std::vector<SamplesOfRanks> parts = {{48, 42}, {16, 74}, {32, 32, 26}, {16, 16, 48, 10}, {0, 80, 10}};

void test_own_samples_are_all_taken_once() {
  for (const SamplesOfRanks& of_ranks : parts) {
    for (const size_t batch_size : {16u, 32u, 48u, 64u, 90u}) {
      std::vector<size_t> order = order_of(of_ranks, batch_size);
      std::sort(order.begin(), order.end());
      for (size_t i = 0; i < samples; ++i) expect(order[i] == i, "an epoch has each sample once");
    }
  }
}

template <class Train>
std::vector<Outcome> on_ranks(size_t size, const Train& train) {
  Post post;
  std::vector<Outcome> outcomes(size);
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadRanks ranks(rank, size, post);
      outcomes[rank] = train(ranks);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

void test_any_number_of_ranks_has_the_bytes_of_one() {
  const Samples all;
  const Data data = all.data(0, samples);
  const Outcome expected = trained(alone, data, data, true);
  for (size_t size = 2; size < 5; ++size) {
    for (const Outcome& outcome : on_ranks(size, [&](Ranks& ranks) { return trained(ranks, data, data, true); })) {
      expect(outcome == expected, "ranks have the bytes of one process");
    }
  }
}

void test_ranks_with_own_samples_have_the_bytes_of_one() {
  const Samples all;
  for (const SamplesOfRanks& of_ranks : parts) {
    const Samples ordered = all.in_order(order_of(of_ranks, 64));
    const Outcome expected = trained(alone, ordered.data(0, samples), all.data(0, samples), false);
    const auto train = [&](Ranks& ranks) {
      const auto own = of_ranks.begin() + ptrdiff_t(ranks.rank());
      const Data data = all.data(std::accumulate(of_ranks.begin(), own, size_t(0)), *own);
      return trained(ranks, data, data, false, of_ranks);
    };
    for (const Outcome& outcome : on_ranks(of_ranks.size(), train)) {
      expect(outcome == expected, "ranks with samples of their own have the bytes of one process");
    }
  }
}

}  // namespace

int main() {
  test_shares_cover_a_batch_in_whole_blocks();
  test_own_samples_are_all_taken_once();
  test_any_number_of_ranks_has_the_bytes_of_one();
  test_ranks_with_own_samples_have_the_bytes_of_one();
  set_work_per_thread(1);
  set_team_sizes(TeamSizes::as_asked);
  set_num_threads(2);
  test_any_number_of_ranks_has_the_bytes_of_one();
  test_ranks_with_own_samples_have_the_bytes_of_one();
  return result();
}
