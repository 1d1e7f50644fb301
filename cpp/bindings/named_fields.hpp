// Python classes of structs that list their fields (base/fields.hpp): the constructor takes the fields as arguments.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/fields.hpp"
#include "layers/activation.hpp"

// An activation is passed by its name, and its alpha in parentheses unless it is the usual one: "leaky_relu(0.2)".
template <>
struct pybind11::detail::type_caster<chainrule::Activation> {
  PYBIND11_TYPE_CASTER(chainrule::Activation, const_name("str"));

  bool load(handle source, bool) {
    if (!isinstance<str>(source)) return false;
    const std::string text = source.cast<std::string>();
    const size_t end = text.find('(');
    std::optional<double> alpha;
    if (end != std::string::npos) alpha = number_of(text.substr(end + 1, text.size() - end - 2));
    value = chainrule::activation_named(text.substr(0, end), alpha);
    return true;
  }

 private:
  // As Python reads it, which no locale changes.
  static double number_of(const std::string& text) {
    const double number = PyOS_string_to_double(text.c_str(), nullptr, nullptr);
    if (number == -1.0 && PyErr_Occurred()) throw error_already_set();
    return number;
  }
};

namespace chainrule::bindings {

// Calls use(fields...) with the fields of a struct.
template <class Struct, class Use>
decltype(auto) with_fields(Use use) {
  return std::apply(use, Struct::fields());
}

template <class Struct, class Value>
Value value_type(const Field<Struct, Value>&);

// Registers a class whose constructor takes all fields, in their order.
template <class Struct>
void register_struct(pybind11::module_& module) {
  namespace py = pybind11;
  py::class_<Struct> bound(module, Struct::name);
  with_fields<Struct>([&](const auto&... fields) {
    bound.def(py::init([fields...](decltype(value_type(fields))... values) {
                Struct made = {};
                ((made.*fields.member = std::move(values)), ...);
                return made;
              }),
              py::arg(fields.name)...);
  });
}

}  // namespace chainrule::bindings
