// Images that are moved, turned, zoomed or mirrored: their values at places between the pixels.
#pragma once

#include <cstddef>

#include "base/range.hpp"

namespace chainrule {

struct ImageShape {
  size_t height, width, channels;

  size_t size() const { return height * width * channels; }
  // With one pixel of zeros around.
  size_t framed_size() const { return (height + 2) * (width + 2) * channels; }
};

// Where a pixel of the result comes from: row[0] · its row + row[1] · its column + row[2], and its column likewise.
struct PixelMap {
  double row[3];
  double column[3];
};

// Images of one shape, stored one after the other with the channels last, and one map for each.
template <class T>
struct WarpedImages {
  ImageShape shape;
  const T* images;
  const PixelMap* maps;
  T* results;
};

// Writes the results of some of the images: at each place the mean of the four pixels around it, weighted by how near
// they are. Everything outside an image is zero. `framed` has room for a framed image, and is zero.
template <class T>
void warp(const WarpedImages<T>& all, Range samples, T* framed);

}  // namespace chainrule
