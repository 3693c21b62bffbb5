/*
 * The codebook's state where each modality has a segment of its own (code.segments, CoDAAR): an
 * EMA for each, of which the trainer's codebook is made after every change. Without segments none
 * of this is called.
 */
#ifndef UNIC_TRAIN_CODE_SEGMENTS_H
#define UNIC_TRAIN_CODE_SEGMENTS_H

#include "train/trainer.h"

/* After the codebook is created. */
unic_status unic__segments_create(unic_trainer *t);
void unic__segments_free(unic_trainer *t);

/* The steps of all clips that some modality has, as rows of all segments, in t->rows; how many. A
 * modality that is not there has the others' mean. */
size_t unic__segments_rows(unic_trainer *t);

/* Each segment starts at its columns of the codebook, with the codebook's N. */
void unic__segments_take(unic_trainer *t);

/* Before a step, and where it is refused. */
void unic__segments_backup(unic_trainer *t);
void unic__segments_restore(unic_trainer *t);

/* All segments' N, o and e and then the codebook; after a failure they are to be restored. */
unic_status unic__segments_update(unic_trainer *t, const unic__ema_part *parts);

/* After codes[i < n] of the codebook started anew. */
void unic__segments_restart(unic_trainer *t, const int32_t *codes, size_t n);

/* The members of a run's file. */
void unic__segments_bundle(const unic_trainer *t, unic__bundle *b, unic__arena *names);
unic_status unic__segments_expect(unic__npz *z, const unic_config *config);
unic_status unic__segments_read(unic_trainer *t, unic__npz *z);

#endif
