// Guards under which the current thread treats denormal numbers as zero, or as numbers.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace chainrule {

// Sets the processor's mode for as long as the object exists; the mode from before is restored.
class DenormalMode {
 public:
  explicit DenormalMode(bool flush) : saved_(read()), wanted_(flush ? saved_ | bits : saved_ & ~bits) {
    if (wanted_ != saved_) write(wanted_);
  }
  DenormalMode(const DenormalMode&) = delete;
  DenormalMode& operator=(const DenormalMode&) = delete;
  ~DenormalMode() {
    if (wanted_ != saved_) write(saved_);
  }

 private:
#if defined(__SSE2__)
  static constexpr uint64_t bits = 0x8040;
  static uint64_t read() { return _mm_getcsr(); }
  static void write(uint64_t mode) { _mm_setcsr(unsigned(mode)); }
#elif defined(__aarch64__)
  static constexpr uint64_t bits = uint64_t(1) << 24;
  static uint64_t read() {
    uint64_t mode;
    asm volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
  }
  static void write(uint64_t mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
  static constexpr uint64_t bits = 0;
  static uint64_t read() { return 0; }
  static void write(uint64_t) {}
#endif

  uint64_t saved_, wanted_;
};

// A vanishing momentum or a saturated sigmoid fills arrays with denormal numbers, on which some processors are a
// hundred times slower. Inside the core they are zero, on every machine.
class FlushDenormals : public DenormalMode {
 public:
  FlushDenormals() : DenormalMode(true) {}
};

// Lets other code, such as a function of the user, have denormal numbers within a FlushDenormals.
class KeepDenormals : public DenormalMode {
 public:
  KeepDenormals() : DenormalMode(false) {}
};

}  // namespace chainrule
