// Structs that list their fields by name, so that the bindings (and tests) can build them from named values. Such a
// struct has a static `name`, and a static function `fields` that returns a tuple of Field.
#pragma once

#include <tuple>

namespace chainrule {

template <class Struct, class Value>
struct Field {
  const char* name;
  Value Struct::*member;
};

template <class Struct, class Value>
constexpr Field<Struct, Value> field(const char* name, Value Struct::*member) {
  return {name, member};
}

}  // namespace chainrule
