#include "task/codes.h"
#include "task/segment.h"

/* A segmenter as an npz: its options, weights and running moments, its copy of the codebook. */

enum { SEED = UNIC__SEGMENT_NUMBERS, CODES, DIM, N_NUMBERS };

unic_status unic__segmenter_save(const unic_segmenter *s, const char *path)
{
    const unic_codebook *cb = s->codebook;
    const unic_segmenter_options *o = &s->net->options;
    unic__bundle b = {0};
    int64_t numbers[N_NUMBERS];
    unic__segment_to_numbers(o, numbers);
    numbers[SEED] = (int64_t)o->seed;
    numbers[CODES] = (int64_t)cb->codes;
    numbers[DIM] = (int64_t)cb->dim;
    unic__bundle_i64(&b, "segmenter.options", UNIC__SHAPE_OF(N_NUMBERS), numbers);
    unic__bundle_f32(&b, "segmenter.learning_rate", UNIC__SCALAR, &o->learning_rate);
    unic__bundle_codes(&b, cb);
    unic__bundle_table(&b, &s->net->params);
    unic__bundle_table(&b, &s->net->state);
    return unic__bundle_write(&b, path);
}

/* The options as they stand in the file: each is there, in range and goes with the others. */
static unic_status read_options(unic__npz *z, unic_segmenter_options *o, unic__shape *codes)
{
    enum { MOST_CODES = 1 << 24, MOST_DIM = 1 << 16 };
    const char *path = unic__npz_path(z);
    int64_t numbers[N_NUMBERS];
    *o = (unic_segmenter_options){.struct_size = sizeof *o};
    UNIC__TRY(unic__read_i64(z, "segmenter.options", UNIC__SHAPE_OF(N_NUMBERS), numbers));
    UNIC__TRY(unic__read_f32(z, "segmenter.learning_rate", UNIC__SCALAR, &o->learning_rate));
    unic_status status = unic__segment_from_numbers(o, numbers);
    if (status == UNIC_OK && o->learning_rate == 0.0F)
        status = unic__fail(UNIC_E_FORMAT, "learning_rate = 0 must be positive");
    if (status == UNIC_OK)
        status = unic__segment_complete(o, UNIC_E_FORMAT);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s: segmenter.options", path);
    o->seed = (uint64_t)numbers[SEED];
    if (numbers[CODES] < 1 || numbers[CODES] > MOST_CODES || numbers[DIM] < 1 ||
        numbers[DIM] > MOST_DIM)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: segmenter.options: a codebook of %lld x %lld is not in 1..%d x "
                          "1..%d",
                          path, (long long)numbers[CODES], (long long)numbers[DIM], MOST_CODES,
                          MOST_DIM);
    *codes = UNIC__SHAPE_OF((size_t)numbers[CODES], (size_t)numbers[DIM]);
    return UNIC_OK;
}

static unic_status read_segmenter(unic__npz *z, unic_segmenter **out)
{
    unic_segmenter_options o;
    unic_codebook *cb;
    unic__shape codes;
    UNIC__TRY(read_options(z, &o, &codes));
    UNIC__TRY(unic__read_codes(z, codes, &cb));
    unic_status status = unic__segmenter_create(out, cb, &o, z);
    if (status == UNIC_E_SHAPE) /* sizes in range that come to too much */
        return unic__fail_in(UNIC_E_FORMAT, "%s: segmenter.options", unic__npz_path(z));
    return status;
}

unic_status unic__segmenter_load(unic_segmenter **out, const char *path)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, path));
    unic_status status = read_segmenter(z, out);
    unic__npz_close(z);
    return status;
}
