#include "model/codebook.h"
#include "model/file_kind.h"

/* A codebook's members of an npz. Models and runs have them too, so a codebook is read from
 * those as well. */

void unic__bundle_codebook(unic__bundle *b, const unic_codebook *cb)
{
    unic__bundle_f32(b, "codebook.embedding", UNIC__SHAPE_OF(cb->codes, cb->dim),
                     cb->embedding);
    unic__bundle_f32(b, "codebook.ema_count", UNIC__SHAPE_OF(cb->codes), cb->count);
    unic__bundle_f32(b, "codebook.ema_sum", UNIC__SHAPE_OF(cb->codes, cb->dim), cb->sum);
    unic__bundle_i32(b, "codebook.idle", UNIC__SHAPE_OF(cb->modalities, cb->codes), cb->idle);
}

unic_status unic__codebook_save(const unic_codebook *cb, unic__output to)
{
    unic__bundle b = {0};
    unic__bundle_codebook(&b, cb);
    return unic__bundle_write(&b, to);
}

/* Averages of counts, and counts. */
static unic_status check_counts(unic__npz *z, const unic_codebook *cb)
{
    for (size_t l = 0; l < cb->codes; l++)
        if (cb->count[l] < 0.0F)
            return unic__fail(UNIC_E_FORMAT, "%s: codebook.ema_count[%zu] is %g",
                              unic__npz_path(z), l, (double)cb->count[l]);
    for (size_t i = 0; i < cb->modalities * cb->codes; i++)
        if (cb->idle[i] < UNIC__IDLE_LEAST)
            return unic__fail(UNIC_E_FORMAT, "%s: codebook.idle[%zu,%zu] is %d",
                              unic__npz_path(z), i / cb->codes, i % cb->codes, cb->idle[i]);
    return UNIC_OK;
}

unic_status unic__codebook_read(unic__npz *z, size_t codes, size_t dim, size_t modalities,
                                unic_codebook **out)
{
    const unic__shape cells = UNIC__SHAPE_OF(codes, dim), counts = UNIC__SHAPE_OF(codes),
                      counters = UNIC__SHAPE_OF(modalities, codes);
    unic_codebook *cb;
    unic_status status;
    /* Before memory is asked for: the sizes may be from outside. */
    UNIC__TRY(unic__expect_array(z, "codebook.embedding", cells));
    UNIC__TRY(unic__expect_array(z, "codebook.ema_count", counts));
    UNIC__TRY(unic__expect_array(z, "codebook.ema_sum", cells));
    UNIC__TRY(unic__expect_array(z, "codebook.idle", counters));
    UNIC__TRY(unic__codebook_create(&cb, codes, dim, modalities));
    float *e = cb->embedding;
    UNIC__TRY_OR(status, fail, unic__read_f32(z, "codebook.embedding", cells, e));
    unic__codebook_set(cb, e);
    UNIC__TRY_OR(status, fail, unic__read_f32(z, "codebook.ema_count", counts, cb->count));
    UNIC__TRY_OR(status, fail, unic__read_f32(z, "codebook.ema_sum", cells, cb->sum));
    UNIC__TRY_OR(status, fail, unic__read_i32(z, "codebook.idle", counters, cb->idle));
    UNIC__TRY_OR(status, fail, check_counts(z, cb));
    *out = cb;
    return UNIC_OK;
fail:
    unic__codebook_free(cb);
    return status;
}

/* The sizes that a member's shape gives. */
static unic_status read_shape(unic__npz *z, const char *name, unic__shape *shape)
{
    unic__npy_info info;
    unic_status status = unic__npz_info(z, name, &info);
    if (status != UNIC_OK) /* without it, it is no file of this kind */
        return status == UNIC_E_NOTFOUND ? UNIC_E_FORMAT : status;
    *shape = info.shape;
    return UNIC_OK;
}

static bool is_within(const unic__shape *shape, size_t rows, size_t columns)
{
    return shape->rank == 2 && shape->dim[0] >= 1 && shape->dim[0] <= rows &&
           shape->dim[1] >= 1 && shape->dim[1] <= columns;
}

static unic_status read_any(unic__npz *z, unic_codebook **out)
{
    unic__shape cells, counters;
    char text[UNIC__SHAPE_TEXT];
    UNIC__TRY(unic__expect_kind(z, "codebook.idle", "a codebook"));
    UNIC__TRY(read_shape(z, "codebook.embedding", &cells));
    if (!is_within(&cells, UNIC__CODEBOOK_MAX_CODES, UNIC__CODEBOOK_MAX_DIM))
        return unic__fail(UNIC_E_FORMAT,
                          "%s: codebook.embedding has shape %s, expected [1..%d,1..%d]",
                          unic__npz_path(z), unic__shape_print(&cells, text),
                          UNIC__CODEBOOK_MAX_CODES, UNIC__CODEBOOK_MAX_DIM);
    UNIC__TRY(read_shape(z, "codebook.idle", &counters));
    if (!is_within(&counters, UNIC_MAX_MODALITIES, UNIC__CODEBOOK_MAX_CODES))
        return unic__fail(UNIC_E_FORMAT, "%s: codebook.idle has shape %s, expected [1..%d,%zu]",
                          unic__npz_path(z), unic__shape_print(&counters, text),
                          UNIC_MAX_MODALITIES, cells.dim[0]);
    return unic__codebook_read(z, cells.dim[0], cells.dim[1], counters.dim[0], out);
}

unic_status unic__codebook_load(unic_codebook **out, unic__source *source)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = read_any(z, out);
    unic__npz_close(z);
    return status;
}
