/*
 * The progress bar: one line on stderr, drawn only where stderr is a terminal, other than TERM=dumb,
 * and never wider than it. There is one terminal, so there is one bar.
 *
 *     45% |========>          | 334/744  12.1 steps/s  ETA 0:34  total 3.21  cpc 0.61
 */
#ifndef UNIC_CLI_PROGRESS_H
#define UNIC_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Start counting `unit`s at `done` of `total`. */
void cli_progress_begin(uint64_t total, uint64_t done, const char *unit);

/* Now at `done`. `tail` is additional text; of its parts, separated by two blanks, as many are
 * shown as fit. */
void cli_progress_at(uint64_t done, const char *tail);

/* The same as a unic_progress_fn for calls of the library: without a tail; a signal that
 * cli_signal_catch() caught stops the call. */
int cli_progress_told(const char *what, uint64_t done, uint64_t total, void *user);

/* Units a second since the beginning. */
double cli_progress_rate(void);

/* Takes the bar off the terminal, so that a whole line can be written; the next
 * cli_progress_at() draws it again. */
void cli_progress_clear(void);

/* Whether there is a terminal to draw on, which knows "\r" and "\033[K". */
bool cli_progress_shown(void);

#endif
