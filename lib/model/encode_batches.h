/* Encodes all batches of a dataset, with several encoders in one pass. */
#ifndef UNIC_MODEL_ENCODE_BATCHES_H
#define UNIC_MODEL_ENCODE_BATCHES_H

#include "model/encoder.h"

/* A source of batches, since lib/model must not include lib/data. */
typedef struct unic__batches {
    unic_status (*next)(const unic_batch **batch, void *self); /* NULL after the last one */
    void *self;
    size_t clips;  /* in all batches; batch->clips are numbers below it */
    size_t batch;  /* the most clips of one */
    size_t length; /* T of all */
} unic__batches;

/* As unic_encoder_encode_dataset(). */
unic_status unic__encode_batches(unic_encoder *const *encoders, size_t encoder_count,
                                 const unic__batches *from, const unic_encode_options *options,
                                 int32_t *const *codes);

#endif
