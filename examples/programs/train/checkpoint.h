/*
 * A run on disk: what --resume continues, and the older checkpoints that are kept.
 *
 *     OUT.npz, OUT.run.npz                     the newest: a model, and beside it the whole run
 *     OUT.step-300.npz, OUT.step-300.run.npz   one before it, a pair of the same kind
 */
#ifndef UNIC_TRAIN_CHECKPOINT_H
#define UNIC_TRAIN_CHECKPOINT_H

#include <unicode/unic.h>

#include "train/lock.h"

typedef struct train_checkpoint {
    const char *model_path; /* OUT.npz */
    char *run_path;         /* OUT.run.npz */
    char *lock_path;        /* OUT.npz.lock */
    char *folder, *stem;    /* where both are, and their names' beginning: "OUT" */
    uint64_t keep; /* checkpoints on disk; 0: those that are there stay, none is added */
    bool is_new;   /* a run from its beginning: older checkpoints are removed */
    bool is_saved; /* the newest is this run's, */
    uint64_t step; /* of this step */
    train_lock lock;
} train_checkpoint;

/* Locks the output and removes partly written files that dead processes left of it and of
 * `log`, which may be NULL. */
bool train_checkpoint_open(train_checkpoint *c, const char *log);
/* For a process that only resumes: the names, without lock. */
bool train_checkpoint_name(train_checkpoint *c, const char *model_path);
void train_checkpoint_close(train_checkpoint *c);

/* The newest run that can be read: damaged ones are reported and skipped. `settings`, config
 * text, is what it goes on with; `comm`: the ranks, or NULL. */
bool train_checkpoint_resume(train_checkpoint *c, unic_trainer **trainer, const char *settings,
                             const unic_comm *comm);

/* Completes the newest pair before the run continues: a process that ended between writing the
 * two files left an older model or none, and damage may have left no run. `is_changed`: the run
 * has other settings now, which no step is left to save. */
bool train_checkpoint_mend(train_checkpoint *c, unic_trainer *trainer, bool is_changed);

/* Whether the file is a model of this library, or a run's: a checkpoint of other code, or data,
 * is none. */
bool train_checkpoint_is_model(const char *path);

/* Whether `path` has the name of a kept checkpoint, which a run writes and removes. */
bool train_checkpoint_has(const train_checkpoint *c, const char *path);

/* Makes the trainer's state the newest checkpoint; the one before it stays if it is to be
 * kept. */
bool train_checkpoint_save(train_checkpoint *c, unic_trainer *trainer);

#endif
