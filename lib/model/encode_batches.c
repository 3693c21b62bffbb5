#include "model/encode_batches.h"

#include <string.h>

/* The state of one call. */
typedef struct encoding {
    unic_encoder *const *encoders;
    size_t encoder_count;
    const unic__batches *from;
    const unic_encode_options *options;
    int32_t *const *codes; /* out, or NULL */

    /* One batch's results, of one encoder after the other. */
    int32_t *batch_codes;        /* [B,T] */
    float *quantized, *semantic; /* [B,T,D]; NULL if no caller asked for them */
} encoding;

static size_t largest_dim(const encoding *e)
{
    size_t dim = 0;
    for (size_t i = 0; i < e->encoder_count; i++)
        if (e->encoders[i]->model->codebook->dim > dim)
            dim = e->encoders[i]->model->codebook->dim;
    return dim;
}

static unic_status make_room(encoding *e)
{
    size_t steps = e->from->batch * e->from->length; /* fits: the dataset holds such batches */
    size_t dim = e->options->encoded ? largest_dim(e) : 0;
    e->batch_codes = unic__alloc_array(steps, sizeof *e->batch_codes);
    if (dim) {
        e->quantized = unic__alloc_array(steps, dim * sizeof *e->quantized);
        e->semantic = unic__alloc_array(steps, dim * sizeof *e->semantic);
    }
    if (e->batch_codes && (!dim || (e->quantized && e->semantic)))
        return UNIC_OK;
    return unic__no_memory(steps * (sizeof *e->batch_codes + 2 * dim * sizeof(float)),
                           "a batch's codes and vectors");
}

static void clear(const encoding *e)
{
    for (size_t i = 0; e->codes && i < e->encoder_count; i++)
        for (size_t t = 0; e->codes[i] && t < e->from->clips * e->from->length; t++)
            e->codes[i][t] = -1;
}

/* Each clip's codes to its place among all clips. */
static void place_codes(const encoding *e, const unic_batch *batch, int32_t *codes)
{
    size_t length = e->from->length;
    for (size_t b = 0; b < unic__batch_clip_count(batch); b++)
        memcpy(codes + (size_t)batch->clips[b] * length, e->batch_codes + b * length,
               length * sizeof *codes);
}

/* The encoder and its threads are in use during this, and not while the callbacks run. */
static unic_status compute(const encoding *e, size_t i, const unic_batch *batch)
{
    unic_encoder *encoder = e->encoders[i];
    UNIC__TRY(unic__use_alone(&encoder->use, "the encoder of", encoder->modality->name));
    UNIC__HELD_HERE(encoder);
    int before = unic__threads_enter(encoder->threads);
    unic_status status = unic__encoder_encode_batch(encoder, batch, e->batch_codes,
                                                    e->quantized, e->semantic);
    unic__threads_leave(before);
    return status;
}

static unic_status encode(const encoding *e, size_t i, const unic_batch *batch)
{
    const unic_encode_options *o = e->options;
    UNIC__TRY(compute(e, i, batch));
    if (e->codes && e->codes[i])
        place_codes(e, batch, e->codes[i]);
    if (o->encoded &&
        o->encoded(i, batch, e->batch_codes, e->quantized, e->semantic, o->encoded_user))
        return unic__fail(UNIC_E_CANCELLED,
                          "stopped by the callback that is given the results");
    return UNIC_OK;
}

static unic_status encode_all(const encoding *e)
{
    const unic__progress progress = {e->options->progress, e->options->progress_user};
    size_t done = 0;
    for (const unic_batch *batch;;) {
        UNIC__TRY(e->from->next(&batch, e->from->self));
        if (!batch)
            return UNIC_OK;
        for (size_t i = 0; i < e->encoder_count; i++)
            UNIC__TRY(encode(e, i, batch));
        done += unic__batch_clip_count(batch);
        UNIC__TRY(unic__progress_tell(&progress, "clips", done, e->from->clips));
    }
}

unic_status unic__encode_batches(unic_encoder *const *encoders, size_t encoder_count,
                                 const unic__batches *from, const unic_encode_options *options,
                                 int32_t *const *codes)
{
    encoding e = {.encoders = encoders,
                  .encoder_count = encoder_count,
                  .from = from,
                  .options = options,
                  .codes = codes};
    unic_status status = make_room(&e);
    if (status == UNIC_OK) {
        clear(&e);
        status = encode_all(&e);
    }
    unic__free(e.batch_codes);
    unic__free(e.quantized);
    unic__free(e.semantic);
    return status;
}
