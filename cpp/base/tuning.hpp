// The constants that were chosen by measurement, with their units and reasons. Only those of `evaluation` change a bit
// of any result. The sizes of the kernels' tiles depend on the instruction set, and are in kernels/product.hpp.
#pragma once

#include <stddef.h>

namespace chainrule::tuning {

constexpr size_t kibibyte = 1024, mebibyte = 1024 * kibibyte;

// --- Threads

// Multiply-adds that justify another thread: synchronising the threads of a step takes about as long as a million.
constexpr double work_per_thread = 1200000;
// The cost of updating one parameter, in multiply-adds.
constexpr double update_work = 8;
// Elements of an array that justify another thread when it is searched for numbers that are not finite.
constexpr size_t elements_per_thread = 1000000;
// Iterations of a barrier's wait: first without a pause, which reacts fastest, then with one; then the thread sleeps. A
// pause can take as long as a short stage, and a spinning thread slows down the others if the cores are busy.
constexpr int hot_spins = 300, spins = 4000;
// Seconds of steps after which a team's size is judged: about a time slice of the operating system, which is what a
// thread waits for another that is not running.
constexpr double seconds_to_judge_team = 0.004;
// The share of a team's time that its threads may sleep at barriers. A team that wastes more is halved, on trial.
constexpr double sleeping_share = 0.1;
// Seconds that a halved team stays halved, the first time and at most. A trial of the whole team on busy processors
// costs some time slices.
constexpr double shortest_rest = 0.02, longest_rest = 2;

// --- Chunks: how many samples are in memory at a time

// Bytes of a chunk: its inputs and the signals of all layers.
constexpr size_t chunk_bytes = 32 * mebibyte;
// Seconds that a chunk takes, so that a request to stop is answered soon.
constexpr double chunk_seconds = 0.1;
// Bytes of signals per thread that stay in a core's second-level cache.
constexpr size_t thread_cache_bytes = 1 * mebibyte;
// Each chunk of a batch passes through the gradient of all parameters once more. A chunk has at least as many bytes as
// this many gradients, so that this costs little.
constexpr size_t gradients_per_chunk = 4;
// About so many bytes of a gradient are handed on at a time from rank to rank: enough that a message costs little more
// than its bytes, and few enough that all ranks soon have some to add to.
constexpr size_t part_bytes = 64 * kibibyte;
// The gradients of convolutions and recurrent layers are few numbers and much work, and each part packs or reads the
// samples once more: with twice as many, they take half as long again.
constexpr size_t work_parts = 4;
// Below this many bytes, the signals of two steps fit in the cache together, and steps are so short that a barrier
// counts.
constexpr size_t overlapping_bytes = 256 * kibibyte;

// --- Prediction and evaluation

// How many times the work per thread of training justifies another thread: the first samples wait for it to wake up.
constexpr double prediction_work = 1.5;
// Multiply-adds that take as long as reading a parameter from outside a core's cache.
constexpr double reading_work = 12;
// The parts that a thread predicts, one after the other: more parts are shared out more evenly.
constexpr size_t parts_per_thread = 4;
// Samples at a time: enough to fill the tiles, few enough for the cache. Evaluation adds up sums of so many samples, so
// that this changes the last bits of its results.
constexpr size_t prediction_rows = 128;
// Bytes of the signals of a predictor up to which it is kept for later calls: the system takes as long to clear new
// memory as a layer takes to fill it.
constexpr size_t kept_predictor_bytes = 128 * mebibyte;
// Up to this many multiply-adds and samples, prediction keeps the interpreter's lock: giving it away would take longer
// than the arithmetic.
constexpr double quick_work = 300000;
constexpr size_t quick_rows = 16;
// Numbers of scratch memory on the stack for the prediction of a single sample.
constexpr size_t stack_scratch = 1024;

// --- Polls: looking at the clock and asking the caller whether to stop

// Multiply-adds between two looks at the clock: a few milliseconds with the slowest kernels.
constexpr double work_between_polls = 4000000;
// Milliseconds between two calls of the caller.
constexpr int milliseconds_between_polls = 40;

// --- Lists of non-zero values, which products can follow instead of walking through all indices

// Inputs with fewer columns are not searched for zeros.
constexpr size_t fewest_listed_columns = 64;
// The share of listed indices up to which lists pay: for inputs, and for hidden activations, whose lists also save work
// in the input gradient.
constexpr double listed_share_of_inputs = 0.6, listed_share_of_activations = 0.8;
// Hidden layers with fewer units (or neighbours with fewer) are not searched.
constexpr size_t fewest_listed_units = 256;
// Steps of training, and blocks of prediction, between two searches while lists do not pay.
constexpr size_t steps_between_searches = 32, blocks_between_searches = 16;

// --- Updates of rows that no sample touches

// Bytes of a table of rows with its optimiser state above which updates of untouched rows are deferred: a smaller table
// fits in the last-level cache, and is faster to update whole.
constexpr size_t deferred_table_bytes = 16 * mebibyte;
// Steps that can be deferred.
constexpr size_t deferred_steps = 1024;

// --- Memory access

// Rows of samples, and rows of parameters, that are prefetched ahead of their use: both are read in random order.
constexpr size_t samples_ahead = 2, parameter_rows_ahead = 4;
// Rows whose distance is a multiple of so many bytes share a few sets of the first-level cache.
constexpr size_t colliding_bytes = 1 * kibibyte;
// Bytes of activations and deltas of a dense layer above which a weight gradient reads packed copies of them. In rows,
// every sample is on a page of its own, and the translation lookaside buffer (TLB) does not cover so many pages.
constexpr size_t packed_bytes = 256 * kibibyte;
// A packed copy is shared by the tiles of so many panels, or it does not pay.
constexpr size_t fewest_packed_panels = 8;
// Bytes of a dense layer's weights up to which every thread reads all of them, which takes less time than a barrier.
constexpr size_t shared_weight_bytes = 40000;
// The same where the inputs of all samples, which every thread reads otherwise, are as many bytes: more would leave a
// second-level cache too few for the samples.
constexpr size_t most_shared_weight_bytes = 220000;
// Vectors ahead of their use for which a product prefetches its weights from the second-level cache.
constexpr size_t weight_vectors_ahead = 16;

// --- Layers

// Places of a batch for each block of samples whose statistics a batch normalisation computes apart, and such blocks at
// most: threads divide them. They decide the order of additions.
constexpr size_t places_of_block = 512, most_blocks = 16;
// Steps or pixels whose outputs are copied to rows at a time: the copies stay in the first-level cache.
constexpr size_t places_at_a_time = 64;
// Samples of a recurrent layer that go through all steps together: the TLB covers their pages from one tile to the
// next.
constexpr size_t recurrent_samples = 24;
// (sample, step) pairs of a recurrent layer that are packed at a time for its weight gradient.
constexpr size_t recurrent_pairs = 128;
// Vectors of a convolution's outputs that are computed before they are transposed to rows: they stay in the first-level
// cache.
constexpr size_t convolution_vectors = 512;
// Bytes of the deltas of a tile of a convolution's weight gradient that stay in the first-level cache while all tiles
// next to it are computed.
constexpr size_t lane_gradient_bytes = 28 * kibibyte;
// Values of a sample's image and result from which a convolution has channels in the lanes, and not samples: those of
// 16 samples would leave the second-level cache. They decide the order of additions in its weight gradient.
constexpr size_t fewest_values_by_places = 8192;
// Bytes of a convolution's outputs that are computed before layers above continue with them, in the first-level cache.
constexpr size_t finished_bytes = 16 * kibibyte;
// Bytes of the rows of an image with a border that prediction copies at a time: they stay in the second-level cache.
constexpr size_t bordered_bytes = 256 * kibibyte;
// Bytes of the windows of a convolution in mixed precision, and of their sums, that are computed at a time: they stay
// in the second-level cache.
constexpr size_t window_bytes = 256 * kibibyte;
// Bytes of the rows of an image and a result that stay in the first-level cache while they are multiplied for all
// weights; and places that a weight gradient adds up before it adds their sum to the gradient, which then costs little.
constexpr size_t place_gradient_bytes = 20 * kibibyte, places_of_sum = 256;

}  // namespace chainrule::tuning
