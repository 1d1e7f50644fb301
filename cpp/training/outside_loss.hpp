// A loss that is computed outside of the core, such as by a function of the user.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule {

// The samples of a chunk with their outputs, and where the results go.
template <class T>
struct OutsideRows {
  size_t samples, outputs;
  size_t stride;               // of a sample's outputs and gradient
  const int64_t* source_rows;  // where each sample is in the data
  const T* values;             // the outputs
  const double* weights;       // one per sample, as given
  double* losses;              // one per sample
  double* metrics;
  T* gradient;  // dE/da of each sample, not weighted
};

// One thread calls it for a whole chunk, the one that called the core.
class OutsideLoss {
 public:
  OutsideLoss() = default;
  OutsideLoss(const OutsideLoss&) = delete;
  OutsideLoss& operator=(const OutsideLoss&) = delete;
  virtual ~OutsideLoss() = default;

  // They do not throw. After one that fails, nothing that depends on its results is done.
  virtual void compute(const OutsideRows<float>& rows) = 0;
  virtual void compute(const OutsideRows<double>& rows) = 0;
  virtual bool failed() const = 0;
};

}  // namespace chainrule
