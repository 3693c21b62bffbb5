/*
 * The processes that mpirun started, of which this is one (--mpi). Without it there is one rank,
 * the first, and nothing here does anything.
 */
#ifndef UNIC_TRAIN_RANKS_H
#define UNIC_TRAIN_RANKS_H

#include <stdbool.h>

#include <unicode/unic.h>

/* Joins them over libunicode-mpi, which is loaded only here. From now on messages of other ranks
 * than the first name their rank, and only failures are printed. */
bool train_ranks_begin(uint64_t timeout);

/* For the trainer's options; NULL: one rank. */
const unic_comm *train_ranks_comm(void);

/* Whether this rank is the one that prints and writes. */
bool train_ranks_first(void);

/* Which part of each batch is this rank's. */
void train_ranks_part(unic_dataset_options *options);

/* Whether any rank says so; all of them ask. False after a failure, which has been told. */
bool train_ranks_any(bool *says);

/* The same at the end of a run that stops early; where the ranks can no longer meet, nothing. */
void train_ranks_wait(bool *says);

/* Before the process ends: leaves together with the others, or, if this rank has failed, ends
 * them too. */
void train_ranks_end(bool failed);

#endif
