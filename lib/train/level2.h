/*
 * A run's second level of codes (H-DCID, train/level2_graph.c): its codebook, beside the trainer's.
 * Without level2.weight none of this is called.
 */
#ifndef UNIC_TRAIN_LEVEL2_H
#define UNIC_TRAIN_LEVEL2_H

#include "train/trainer.h"

/* Before the training graph, and the memory for its steps after it. */
unic_status unic__level2_create(unic_trainer *t);
unic_status unic__level2_scratch(unic_trainer *t);
void unic__level2_free(unic_trainer *t);

/* Before a step, and where it is refused. */
void unic__level2_backup(unic_trainer *t);
void unic__level2_restore(unic_trainer *t);

/* Whether the second level's objective counts in the next step. */
void unic__level2_set_gate(unic_trainer *t);
/* UNIC_E_NUMERIC names a modality whose z of this level is no number. */
unic_status unic__level2_check(const unic_trainer *t);
/* Codes start from the first z there are; ranks need not fail together. */
unic_status unic__level2_start(unic_trainer *t);
/* After the codes are assigned: the EMA's update; then, which codes are idle and what they restart
 * from, and their restart. */
unic_status unic__level2_update(unic_trainer *t);
unic_status unic__level2_count_idle(unic_trainer *t, unic__revival *revival);
void unic__level2_restart(unic_trainer *t, const unic__revival *revival);

/* The members of a run's file. */
void unic__level2_bundle(const unic_trainer *t, unic__bundle *b);
unic_status unic__level2_expect(unic__npz *z, const unic_config *config);
unic_status unic__level2_read(unic_trainer *t, unic__npz *z);

#endif
