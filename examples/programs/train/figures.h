/*
 * Collects the figures of a run's steps by epoch, and prints them as lines and a table.
 */
#ifndef UNIC_TRAIN_FIGURES_H
#define UNIC_TRAIN_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include <unicode/unic.h>

enum { TRAIN_LINE = 256 };

/* [count] each: of this step, summed over this epoch, the means of the first and the last
 * epoch, and those over the validation clips. */
typedef struct train_figures {
    const unic_trainer *trainer;
    size_t count;
    double *now, *sum, *first, *last, *held_out;
    uint64_t summed;            /* steps in `sum` */
    uint64_t first_at, last_at; /* which epochs, from 1; 0: none yet */
    /* the step, from 1, that `first` begins at within its epoch; 0: all of it */
    uint64_t first_from;
} train_figures;

/* All zero is empty, and may be freed. */
bool train_figures_create(train_figures *f, const unic_trainer *trainer);
void train_figures_free(train_figures *f);

/* `now` is one more step of the epoch. */
void train_figures_add(train_figures *f);

/* The means over the epoch, of `batches` steps, become `last`, and `first` if there was none; a
 * new one begins. */
void train_figures_end_epoch(train_figures *f, uint64_t epoch, uint64_t batches);

/* "total 3.21  reconstruction 1.2 ..." of scaled figures: parts two blanks apart, the important
 * ones first; `in_short` for the bar, which may have room for few. Returns `text`. */
const char *train_figures_line(const train_figures *f, const double *figures, double scale,
                               bool in_short, char text[TRAIN_LINE]);

/* The same of the epoch so far. */
const char *train_figures_so_far(const train_figures *f, bool in_short, char text[TRAIN_LINE]);

/* A table on stdout: means over the first and the last epoch. */
bool train_figures_print(const train_figures *f);

#endif
