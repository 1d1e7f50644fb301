"""A program for trying a file of C: it reads samples or steps as lines of numbers and prints the outputs."""

from __future__ import annotations

# A number may be up to 63 characters long.
_MAIN = """
#if defined($NAME_MAIN)

#include <stdio.h>
#include <stdlib.h>

/* Reads lines of $NAME_$INPUTS numbers with commas or spaces in between, and prints lines of $NAME_$OUTPUTS numbers. */
int main(void) {
  static real x[$NAME_$INPUTS], y[$NAME_$OUTPUTS];
$begin  char text[64];
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
      if (!ends || *rest != 0 || count == $NAME_$INPUTS) {
        fprintf(stderr, "line %lu: expected $NAME_COUNT numbers, got %s\\n", (unsigned long)line,
                count == $NAME_$INPUTS ? "more" : text);
        return EXIT_FAILURE;
      }
      x[count++] = (real)number;
    }
    if (next != '\\n' && next != EOF) continue;
    if (count > 0 && count < $NAME_$INPUTS) {
      fprintf(stderr, "line %lu: expected $NAME_COUNT numbers, got %lu\\n", (unsigned long)line, (unsigned long)count);
      return EXIT_FAILURE;
    }
    if (count > 0) {
      $call;
      for (size_t k = 0; k < $NAME_$OUTPUTS; ++k) printf(k == 0 ? "%.$digitsg" : ",%.$digitsg", (double)y[k]);
      printf("\\n");
    }
    count = 0;
    ++line;
  } while (next != EOF);
  return EXIT_SUCCESS;
}

#endif
"""


# What takes the place of words in the text, where lines are samples, or the steps of a sequence.
_OF_SAMPLES = {"$begin": "", "$call": "$name_predict(x, y)", "$INPUTS": "INPUTS", "$OUTPUTS": "OUTPUTS"}
_OF_STEPS = {
    "$begin": "  static $name_state state;\n  $name_reset(&state);\n",
    "$call": "$name_step(&state, x, y)",
    "$INPUTS": "STEP_INPUTS",
    "$OUTPUTS": "STEP_OUTPUTS",
}


def trial_text(inputs: int, dtype: str, reads_steps: bool) -> str:
    """Return the program for lines of so many numbers, samples or steps; it is compiled where a macro asks for it."""
    text = _MAIN
    for word, meaning in (_OF_STEPS if reads_steps else _OF_SAMPLES).items():
        text = text.replace(word, meaning)
    return text.replace("$NAME_COUNT", str(inputs)).replace("$digits", "9" if dtype == "float32" else "17")
