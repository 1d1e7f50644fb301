// Layers by name, from the numbers that describe them: the one list of all kinds.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "layers/layer.hpp"

namespace chainrule {

struct LayerSettings {
  std::string kind;
  size_t inputs;
  Activation activation;
  std::map<std::string, double> numbers;

  // std::invalid_argument where a number is missing.
  double number(const std::string& name) const;
  size_t size(const std::string& name) const { return size_t(number(name)); }
  // "name.0", "name.1", ..., as many as there are.
  std::vector<size_t> sizes(const std::string& name) const;
};

// The layers whose signals a layer reads, if it has this index in its network.
std::vector<size_t> sources_of(const LayerSettings& settings, size_t index);

// Numbers make sense together: checked by who makes them. std::invalid_argument for an unknown kind.
template <class T>
std::unique_ptr<Layer<T>> make_layer(const LayerSettings& settings);

}  // namespace chainrule
