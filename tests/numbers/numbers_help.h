/* What the tests of extreme numbers share: arrays of them, and how a call is judged. It
 * succeeds with finite results and leaves state that its own loader takes, or it is refused. */
#ifndef TESTS_NUMBERS_NUMBERS_HELP_H
#define TESTS_NUMBERS_NUMBERS_HELP_H

#include <stdbool.h>
#include <stddef.h>

#include "unicode/unic.h"

typedef enum numbers {
    NORMAL,    /* standard normal: what all is made for */
    ZERO,      /* constant */
    ONE,       /* constant */
    DENORMAL,  /* +-1e-40 */
    TINY,      /* +-1e-30: its square is 0 */
    LARGE,     /* +-1e18: the square of one is a float, a sum of squares need not be */
    HUGE_ONES, /* +-1e30: its square is none */
    LARGEST,   /* +-3e38: the sum of two is none */
    MIXED,     /* all of these in turn */
    NUMBER_KINDS
} numbers;

/* n of a kind, in memory of its own; free() it. */
float *numbers_new(numbers kind, size_t n, unsigned seed);

bool numbers_finite(const float *x, size_t n);

/* Whether a call succeeded; fails the test if its status is none that data can cause. */
bool numbers_taken(unic_status status, const char *call, numbers kind);

#endif
