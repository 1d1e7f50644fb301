// What the settings of all kinds of layers share. The settings of a kind are a plain struct next to its class. It lists
// its fields (base/fields.hpp), and its function template `make` builds the layer for a number of inputs. A setting
// that makes no sense raises std::invalid_argument.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "base/fields.hpp"
#include "layers/layer.hpp"

namespace chainrule {

// size / parts, if parts divides the size.
inline size_t quotient(size_t size, size_t parts, const std::string& name) {
  if (parts == 0 || size % parts != 0) {
    throw std::invalid_argument(name + " must divide the " + std::to_string(size) + " inputs of the layer, got " +
                                std::to_string(parts));
  }
  return size / parts;
}

}  // namespace chainrule
