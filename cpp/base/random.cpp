#include "base/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace chainrule {

namespace {

__extension__ using Wide = unsigned __int128;

struct Product128 {
  uint64_t high, low;
};

Product128 multiply(uint64_t a, uint64_t b) {
  const Wide product = Wide(a) * b;
  return {uint64_t(product >> 64), uint64_t(product)};
}

template <size_t n>
double polynomial(const double (&coefficients)[n], double x) {
  double sum = coefficients[n - 1];
  for (size_t i = n - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// log x by its series in (m - 1) / (m + 1), which only needs additions, multiplications and divisions. These are the
// same on every machine, unlike the library's log.
double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    exponent -= 1;
  }
  const double s = (mantissa - 1) / (mantissa + 1);
  const double square = s * s;
  double sum = 0;
  for (int k = 23; k >= 3; k -= 2) sum = (sum + 1.0 / k) * square;
  // log 2 in two parts: the first has enough trailing zeros for its product with the exponent to be exact.
  return exponent * 0.693147180369123816490 + (exponent * 1.90821492927058770002e-10 + 2 * s * (1 + sum));
}

}  // namespace

RandomWords::RandomWords(uint64_t seed, Purpose purpose, uint64_t b, uint64_t c, uint64_t d)
    : key_{seed, uint64_t(purpose)}, counter_{0, b, c, d} {}

// The counter is incremented before a block is generated, as in NumPy. A block is one chain of products; without loops
// in it, the processor computes several blocks of `fill` at a time.
RandomWords::Block RandomWords::next_block() {
  for (uint64_t& digit : counter_) {
    if (++digit != 0) break;
  }
  auto [x0, x1, x2, x3] = counter_;
  auto [k0, k1] = key_;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Product128 first = multiply(0xD2E7470EE14C6C93, x0);
    const Product128 second = multiply(0xCA5A826395121157, x2);
    x0 = second.high ^ x1 ^ k0;
    x1 = second.low;
    x2 = first.high ^ x3 ^ k1;
    x3 = first.low;
    k0 += 0x9E3779B97F4A7C15;
    k1 += 0xBB67AE8584CAA73B;
  }
  return {x0, x1, x2, x3};
}

void RandomWords::fill(std::span<uint64_t> to) {
  while (!to.empty()) {
    if (used_ == words_.size() && to.size() >= words_.size()) {
      const Block block = next_block();
      std::copy(block.begin(), block.end(), to.begin());
      to = to.subspan(block.size());
    } else {
      to.front() = next();
      to = to.subspan(1);
    }
  }
}

double normal(uint64_t word) {
  static const double a[] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                             1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                             3.3430575583588128105e+4, 2.5090809287301226727e+3};
  static const double b[] = {1.0,
                             4.2313330701600911252e+1,
                             6.8718700749205790830e+2,
                             5.3941960214247511077e+3,
                             2.1213794301586595867e+4,
                             3.9307895800092710610e+4,
                             2.8729085735721942674e+4,
                             5.2264952788528545610e+3};
  static const double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                             3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                             2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static const double d[] = {1.0,
                             2.05319162663775882187e0,
                             1.67638483018380384940e0,
                             6.89767334985100004550e-1,
                             1.48103976427480074590e-1,
                             1.51986665636164571966e-2,
                             5.47593808499534494600e-4,
                             1.05075007164441684324e-9};
  static const double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                             2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                             2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static const double f[] = {1.0,
                             5.99832206555887937690e-1,
                             1.36929880922735805310e-1,
                             1.48753612908506148525e-2,
                             7.86869131145613259100e-4,
                             1.84631831751005468180e-5,
                             1.42151175831644588870e-7,
                             2.04426310338993978564e-15};
  const double p = (double(word >> 12) + 0.5) * 0x1p-52;
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(a, r) / polynomial(b, r);
  }
  const double r = std::sqrt(-portable_log(q < 0 ? p : 1 - p));
  const double tail =
      r <= 5 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6) : polynomial(e, r - 5) / polynomial(f, r - 5);
  return q < 0 ? -tail : tail;
}

std::vector<int64_t> shuffled_order(size_t samples, uint64_t seed, uint64_t epoch, uint64_t part) {
  std::vector<int64_t> order(samples);
  std::iota(order.begin(), order.end(), int64_t(0));
  RandomWords words(seed, Purpose::shuffling, epoch, part);
  for (size_t i = samples; i-- > 1;) {
    std::swap(order[i], order[size_t(multiply(words.next(), i + 1).high)]);
  }
  return order;
}

}  // namespace chainrule
