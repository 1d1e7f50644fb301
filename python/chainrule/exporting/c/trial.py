"""A program for trying a file of C: it reads samples as lines of numbers and prints the outputs."""

from __future__ import annotations

# A number may be up to 63 characters long.
_MAIN = """
#if defined($NAME_MAIN)

#include <stdio.h>
#include <stdlib.h>

/* Reads lines of $NAME_INPUTS numbers with commas or spaces in between, and prints lines of $NAME_OUTPUTS numbers. */
int main(void) {
  static real x[$NAME_INPUTS], y[$NAME_OUTPUTS];
  char text[64];
  size_t line = 1, count = 0, length = 0;
  int next;
  do {
    next = getchar();
    const int ends = next == EOF || next == '\\n' || next == '\\r' || next == ',' || next == ' ' || next == '\\t';
    if (!ends && length + 1 < sizeof text) {
      text[length++] = (char)next;
      continue;
    }
    if (length > 0) {
      char *rest = text;
      text[length] = 0;
      length = 0;
      const double number = strtod(text, &rest);
      if (!ends || *rest != 0 || count == $NAME_INPUTS) {
        fprintf(stderr, "line %lu: expected $NAME_COUNT numbers, got %s\\n", (unsigned long)line,
                count == $NAME_INPUTS ? "more" : text);
        return EXIT_FAILURE;
      }
      x[count++] = (real)number;
    }
    if (next != '\\n' && next != EOF) continue;
    if (count > 0 && count < $NAME_INPUTS) {
      fprintf(stderr, "line %lu: expected $NAME_COUNT numbers, got %lu\\n", (unsigned long)line, (unsigned long)count);
      return EXIT_FAILURE;
    }
    if (count > 0) {
      $name_predict(x, y);
      for (size_t k = 0; k < $NAME_OUTPUTS; ++k) printf(k == 0 ? "%.$digitsg" : ",%.$digitsg", (double)y[k]);
      printf("\\n");
    }
    count = 0;
    ++line;
  } while (next != EOF);
  return EXIT_SUCCESS;
}

#endif
"""


def trial_text(inputs: int, dtype: str) -> str:
    """Return the program for samples of so many numbers, which is compiled where a macro asks for it."""
    return _MAIN.replace("$NAME_COUNT", str(inputs)).replace("$digits", "9" if dtype == "float32" else "17")
