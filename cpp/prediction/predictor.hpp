// Prediction: samples go forward, piece by piece, and nothing is kept.
#pragma once

#include "data/inputs.hpp"
#include "network/workspace.hpp"

namespace chainrule {

// What one thread needs to predict with a network that does not change meanwhile.
template <class T>
class Predictor {
 public:
  // For sources like this one, `rows` samples at a time.
  Predictor(const Network<T>& network, const Source& like, size_t rows);

  // Whether it can work on this source, in one piece.
  bool fits(const Source& source) const { return !source.sparse() && !sparse_ && source.rows <= rows_; }
  // Rows of the source as rows of `outputs`; `part` may be longer than what is worked on at a time.
  void predict(const Source& source, Range part, T* outputs);

 private:
  void gather(const Source& source, Range rows);

  const Network<T>& network_;
  size_t rows_;
  bool sparse_;
  Workspace<T> workspace_;
  Inputs<T> inputs_;
  std::vector<Signal<T>> signals_;
  // Pieces until the next look at whether stepping over zeros pays; as long as it does, every piece is looked at.
  size_t until_look_ = 0;
};

// All samples of a source, by as many threads as pay; outputs: row-major (samples, outputs).
template <class T>
void predict(const Network<T>& network, const Source& source, T* outputs);

}  // namespace chainrule
