/*
 * The trainer: one step is a transaction (docs/design.md).
 *   draw, ENCODE, ASSIGN, CLUB's fits, SCORE, backward, check that all is finite, commit
 */
#ifndef UNIC_TRAIN_TRAINER_H
#define UNIC_TRAIN_TRAINER_H

#include "array/batch.h"
#include "base/ranks.h"
#include "base/use.h"
#include "file/source.h"
#include "file/writer.h"
#include "train/adam.h"
#include "train/grad_sums.h"
#include "train/guard.h"
#include "train/training_graph.h"
#include "unicode/unic_trainer.h"

/* Of a run, as its file can hold it. */
#define UNIC__MOST_STEPS ((uint64_t)INT64_MAX)

/* One figure of a step's report. */
typedef struct unic__figure {
    char name[UNIC__TERM_SIZE];
    double value;
} unic__figure;

struct unic_trainer {
    unic__use use;
    unic_config *config; /* resolved */
    const char *text;    /* of the config */
    unic__param_table params, club;
    unic__adam adam, club_adam;
    unic_codebook *codebook;
    /* with code.segments: what the codebook is made of, and the same before a step */
    unic_codebook *segment[UNIC_MAX_MODALITIES], *segment_backup[UNIC_MAX_MODALITIES];
    /* with level2.weight: its codebook, the same before a step, and scratch */
    unic_codebook *level2, *level2_before;
    int32_t *level2_codes, *level2_order; /* [M, R B T], [L2] */
    int32_t *level2_own, *level2_from;    /* of several ranks: [M, B T], [L2] */
    float *level2_scratch;
    unic__training_graph graph;
    int threads;       /* number of threads to compute with; 0: the process's number */
    unic__watch watch; /* of a step, or an evaluation */
    uint64_t steps, total_steps; /* taken; declared for the schedule, or 0 */
    unsigned told_schedule;      /* what has been said of the schedule */
    bool started;                /* the codebook has its starting codes */
    unic__guard guard;           /* against runs that diverge without a NaN */

    unic__figure *report; /* of the last step */
    size_t figure_count;
    double *revived; /* the value of "revived" in it */

    /* scratch of a step */
    double grad_norm[UNIC__MAX_GROUPS], club_norm[UNIC__MAX_GROUPS]; /* 0 if not taken */
    float *rows;        /* [M B T, D] valid encoder outputs, for starting and reviving codes */
    int32_t *codes;     /* [M, R B T] of the whole batch, -1 on padding */
    float *ema_scratch; /* of the codebook's update */
    int32_t *order;     /* [L] */
    double *group_scratch; /* [D], of codes in groups */
    int64_t *usage;        /* [L] */
    float *club_backup;    /* values and both moments, for a refused step */
    /* the same, of the codebook, in the step that starts it, and with several ranks in each */
    unic_codebook *cb_backup;

    /* of several ranks (together.c) */
    unic__ranks own_ranks, *ranks; /* which `ranks` points to; NULL: one rank */
    bool checked;                  /* the ranks have compared their states */
    unic__grad_sums grad_sums;
    int32_t *own_codes; /* [M, B T] */
    int32_t *exchange;  /* this rank's status and lengths, and behind it those of all */
    int32_t *source_of; /* [L] */
};

/* Steps of one modality in the whole batch, R B T. */
static inline size_t unic__all_steps(const unic_trainer *t)
{
    return unic__all_batch(&t->graph.objective) * t->graph.length;
}

/* `ranks` is copied; NULL, or of one rank: alone. */
unic_status unic__trainer_create(unic_trainer **out, const unic_config *config,
                                 const unic__ranks *ranks);
void unic__trainer_free(unic_trainer *t);
unic_status unic__trainer_step(unic_trainer *t, const unic_batch *batch,
                               const unic_draws *draws, double *figures);
unic_status unic__trainer_evaluate(unic_trainer *t, const unic_batch *batch, double *figures);

/* Warns of settings that have no effect beside others (no_effect.c). */
void unic__tell_no_effect(const unic_config *config);

/* Fills the graph's inputs from a batch and this step's draws (fill.c). */
unic_status unic__fill_batch(unic_trainer *t, const unic_batch *batch, bool training,
                             size_t *clips);
/* Adds to the message of a step that was refused for a number, which `status` then is, whose features
 * are the largest, if they are so large that they may be why. */
unic_status unic__fill_blame(unic_trainer *t, const unic_batch *batch, unic_status status);
/* `clips` are those of the whole batch. */
unic_status unic__fill_draws(unic_trainer *t, size_t clips, const unic_draws *draws,
                             unic__key key);

/* The encoder outputs of the whole batch that codes may start from: they are numbered by kind,
 * clip and step. A kind is a modality; where codes have segments there is one, of the steps that
 * any modality has (source_rows.c). `row` is a clip of the whole batch. */
size_t unic__row_kinds(const unic_trainer *t);
size_t unic__rows_of_kind(const unic_trainer *t, size_t kind, size_t row);
size_t unic__source_rows(const unic_trainer *t);
/* P8: restarts of this step from these outputs, which t->rows will hold; `key` draws which. */
unic__revival unic__due_revival(const unic_trainer *t, unic__key key);

/* CODIS's codes, before a step and after it (prototypes.c); nothing without them. */
void unic__prototypes_take(unic_trainer *t);
void unic__prototypes_give(unic_trainer *t);

/* A step's figures (report.c): the table with its names, then all values as graphs and codes
 * stand. Gradients are measured in training alone, and no code is revived yet. */
unic_status unic__report_create(unic_trainer *t);
void unic__report_measure(unic_trainer *t, bool training);

/* The whole state, in one file (run_file.c). */
unic_status unic__run_save(unic_trainer *t, unic__output to);
/* The same without the final rename: the caller commits or abandons `*file`, NULL after a failure. */
unic_status unic__run_seal(unic_trainer *t, unic__output to, unic__writer **file);
/* `settings`: lines of config text over the run's own, or NULL. */
unic_status unic__run_load(unic_trainer **out, unic__source *source, const char *settings,
                           const unic__ranks *ranks);

#endif
