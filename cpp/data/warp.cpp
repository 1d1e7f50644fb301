#include "data/warp.hpp"

#include <algorithm>
#include <cstdint>

namespace chainrule {

namespace {

// The two neighbours of a place on one axis, in pixels of an image that is framed by one pixel of zeros.
struct Neighbours {
  int32_t first;
  double share_of_second;
};

inline Neighbours neighbours(double place, int32_t pixels) {
  const double framed = std::min(std::max(0.0, place + 1), double(pixels + 1));
  const int32_t first = std::min(int32_t(framed), pixels);
  return {first, framed - double(first)};
}

template <class T>
void copy_into_frame(const ImageShape& shape, const T* image, T* framed) {
  const size_t row = shape.width * shape.channels, framed_row = row + 2 * shape.channels;
  for (size_t i = 0; i < shape.height; ++i) {
    std::copy_n(image + i * row, row, framed + (i + 1) * framed_row + shape.channels);
  }
}

template <class T>
void warp_one(const ImageShape& shape, const T* framed, const PixelMap& map, T* __restrict result) {
  const size_t channels = shape.channels, below = (shape.width + 2) * channels;
  const int32_t height = int32_t(shape.height), width = int32_t(shape.width);
  for (int32_t i = 0; i < height; ++i) {
    const double row = map.row[0] * i + map.row[2], column = map.column[0] * i + map.column[2];
    for (int32_t j = 0; j < width; ++j) {
      const Neighbours rows = neighbours(row + map.row[1] * j, height);
      const Neighbours columns = neighbours(column + map.column[1] * j, width);
      const T down = T(rows.share_of_second), right = T(columns.share_of_second);
      const T* from = framed + size_t(rows.first) * below + size_t(columns.first) * channels;
      for (size_t c = 0; c < channels; ++c) {
        const T upper = (1 - right) * from[c] + right * from[c + channels];
        const T lower = (1 - right) * from[below + c] + right * from[below + c + channels];
        *result++ = (1 - down) * upper + down * lower;
      }
    }
  }
}

}  // namespace

template <class T>
void warp(const WarpedImages<T>& all, Range samples, T* framed) {
  const ImageShape& shape = all.shape;
  for (size_t n = samples.begin; n < samples.end; ++n) {
    copy_into_frame(shape, all.images + n * shape.size(), framed);
    warp_one<T>(shape, framed, all.maps[n], all.results + n * shape.size());
  }
}

template void warp(const WarpedImages<float>&, Range, float*);
template void warp(const WarpedImages<double>&, Range, double*);

}  // namespace chainrule
