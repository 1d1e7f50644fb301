"""What all files of C and headers have in common, with places for what differs."""

from __future__ import annotations

HOW = """
$name_predict(x, y) reads the $NAME_INPUTS numbers of a sample, row after row as NumPy has them, and writes the
$NAME_OUTPUTS outputs. It keeps the values between layers in a static workspace, so it must not run twice at the
same time; $name_predict_with(x, y, workspace) takes one of $NAME_WORKSPACE numbers from the caller instead.
x and y must not overlap."""

HOW_STEP = """
A sequence can be read as it arrives: $name_reset(&state) once, then $name_step(&state, x, y) with the
$NAME_STEP_INPUTS numbers of each step, which writes the outputs after this step. Each stream has its own state."""

HEADER = """#ifndef $NAME_H
#define $NAME_H

$facts

#ifdef __cplusplus
extern "C" {
#endif
$declared
#ifdef __cplusplus
}
#endif

#endif
"""

PUBLIC = """
void $name_predict(const real *x, real *y);
void $name_predict_with(const real *x, real *y, real *workspace);
"""

PUBLIC_STEP = """
/* What a stream remembers of the steps before, and its workspace. */
typedef struct {
$fields
} $name_state;

void $name_reset($name_state *state);
void $name_step($name_state *state, const real *x, real *y);
"""

INCLUDES = """/* What this is and how it is called is said in $header. Written by chainrule. */
#include "$header"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
"""

# What keeps compilers from changing the arithmetic.
CAREFUL = """
#if defined(__FAST_MATH__)
#error "this file needs exact arithmetic: compile it without -ffast-math"
#endif

/* Products and sums stay apart where they are written so. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
"""

PREDICT = """
void $name_predict_with(const real *x, real *y, real *workspace) {
$body}

void $name_predict(const real *x, real *y) {
  static real workspace[$NAME_WORKSPACE];
  $name_predict_with(x, y, workspace);
}
"""

STEP = """
void $name_step($name_state *state, const real *x, real *y) {
  real *const workspace = state->workspace;
$body}
"""

RESET = """
void $name_reset($name_state *state) {
$cleared
}
"""
