// Prediction: samples go forward, some at a time, and nothing is kept.
#pragma once

#include "base/team_size.hpp"
#include "data/inputs.hpp"
#include "network/workspace.hpp"
#include "prediction/spares.hpp"

namespace chainrule {

// What one thread needs to predict with a network, which must not change as long as the predictor is used.
template <class T>
class Predictor {
 public:
  // For sources like this one, `rows` samples at a time.
  Predictor(const Network<T>& network, const Source& like, size_t rows);

  // Whether it can predict this source, so many samples at a time.
  bool fits(const Source& source, size_t rows) const { return !source.sparse() && !sparse_ && rows <= rows_; }
  // The bytes of its signals.
  size_t bytes() const { return workspace_.bytes(); }
  // Predicts the rows of `part`, any number of them, into the same rows of `outputs`.
  void predict(const Source& source, Range part, T* outputs);
  // The same with a team of at most `threads`, which divides what a layer does with a few large samples.
  void predict_together(const Source& source, Range part, TeamSize& team_size, size_t threads, T* outputs);

 private:
  // Calls forward(samples) for some samples at a time, between the copies of their inputs and outputs.
  template <class Forward>
  void predict(const Source& source, Range part, T* outputs, Forward forward);
  void gather(const Source& source, Range rows);

  const Network<T>& network_;
  size_t rows_;
  bool sparse_;
  Workspace<T> workspace_;
  Inputs<T> inputs_;
  std::vector<Signal<T>> signals_;
  // Blocks until the next search for zeros. While skipping them pays, every block is searched.
  size_t until_look_ = 0;
};

// Predicts all samples of a source, with as many threads as pay; outputs: row-major (samples, outputs). Threads divide
// the samples, or, if these are few, each layer's work. A thread that works on its own takes a predictor of this
// network from the spares, and puts it back unless it is large.
template <class T>
void predict(const Network<T>& network, const Source& source, Spares<Predictor<T>>& spares, TeamSize& team_size,
             T* outputs);

}  // namespace chainrule
