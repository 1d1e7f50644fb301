// Pages of 2 MiB, which the operating system maps at once where it would map 512 small ones, and finds faster.
#pragma once

#include <cstddef>

namespace chainrule {

constexpr std::size_t huge_page = std::size_t(2) << 20;

// Whether memory of so many bytes has several huge pages; a single one could be mostly empty.
constexpr bool is_huge(std::size_t bytes) { return bytes >= 2 * huge_page; }

// Asks for huge pages for memory that begins on one; systems that do not have them go on without.
void prefer_huge_pages(void* memory, std::size_t bytes);

}  // namespace chainrule
