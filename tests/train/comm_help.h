/* Trainers of several ranks, which are threads of this process, beside one that takes the same
 * steps alone. */
#ifndef TESTS_TRAIN_COMM_HELP_H
#define TESTS_TRAIN_COMM_HELP_H

#include "model/small_model.h"
#include "thread_comm.h"
#include "train/trainer.h"

enum { COMM_CLIPS = 32, COMM_LENGTH = 8, COMM_FIGURES = 64 };

/* Every term is on, and codes are renewed often. CLUB's fits are slow: their Adam divides
 * gradients that are mere rounding by themselves, which makes steps of them. */
#define COMM_EVERYTHING                                                                        \
    "train.batch = 32\ntrain.length = 8\ncode.count = 25\n"                                    \
    "margin.weight = 0.5\nreset.steps = 3\ntrain.clip = 1\n"                                   \
    "club.lr = 1e-5\n"
#define COMM_CONFIG SMALL_THREE

/* COMM_CONFIG, COMM_CLIPS and the usual number of steps; or the preset of the environment's
 * COMM_PRESET, and its COMM_CLIPS and COMM_STEPS. */
const char *comm_config(void);
size_t comm_clips(void);
uint64_t comm_steps(uint64_t usual);

/* A rank's clips. */
typedef struct comm_part {
    unic_batch *batch;
    unic_array array[UNIC_MAX_MODALITIES];
} comm_part;

typedef struct comm_fixture {
    thread_world *world;
    unic_comm comm[THREAD_RANKS];
    unic_trainer *one, *of[THREAD_RANKS];
    small_batch *whole;
    comm_part part[THREAD_RANKS];
    double figures[THREAD_RANKS][COMM_FIGURES];
    unic_status status[THREAD_RANKS];
    char message[THREAD_RANKS][256];
    bool evaluates;
    const unic_draws *draws;
} comm_fixture;

/* Of comm_config(), COMM_EVERYTHING and `more`; with dropout, unless `more` says
 * encoder.dropout. */
unic_trainer *comm_trainer(const char *more, const unic_comm *comm);
comm_fixture *comm_new(size_t ranks, const char *more);
void comm_free(comm_fixture *f);

/* Lengths of all kinds; some clips lack a modality, clip 5 all of them. */
small_batch *comm_ragged(size_t clips, uint64_t step);
/* Gives every rank its clips of it; comm_uncut() frees them and `b`. */
void comm_cut(comm_fixture *f, small_batch *b);
void comm_uncut(comm_fixture *f);

/* A step of all ranks, or an evaluation if f->evaluates. */
void comm_step(comm_fixture *f);
void comm_step_ok(comm_fixture *f);
void comm_copy_state(unic_trainer *to, const unic_trainer *from);

/* The largest difference so far, as a part of what is allowed. */
double comm_worst(void);
/* Of each parameter's tensor the largest difference is at most 1e-5 of its largest entry, or
 * 3e-6 of the largest of all: where sums cancel, rounding is that of what cancels, and two
 * halves of a batch are summed in another order than the whole (check_comm_rounding.c). What
 * is forgotten, or counted twice, is off by more than 1e-3. */
void comm_compare_tables(const char *what, const unic__param_table *got,
                         const unic__param_table *want, bool gradients);
/* Those of all levels and segments. */
void comm_compare_codebooks(const unic_trainer *got, const unic_trainer *want);
/* What CODIS remembers. */
void comm_compare_pasts(const unic__training_graph *got, const unic__training_graph *want);
void comm_compare_figures(const comm_fixture *f, size_t r, const double *want);
/* All ranks have the same bits. */
void comm_compare_states(const comm_fixture *f);
void comm_compare_codes(const comm_fixture *f);

#endif
