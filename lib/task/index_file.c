#include <math.h>

#include "array/bundle.h"
#include "model/file_kind.h"
#include "task/index.h"

/* An index as an npz: its options, its ids, its vectors as prepared for search. */

enum { METRIC, DIM, COUNT, FINGERPRINT, N_OPTIONS };

unic_status unic__index_save(const unic_index *index, unic__output to)
{
    size_t count = index->count, dim = index->options.dim;
    unic__bundle b = {0};
    const int64_t options[N_OPTIONS] = {
        [METRIC] = index->options.metric,
        [DIM] = (int64_t)dim,
        [COUNT] = (int64_t)count,
        [FINGERPRINT] = (int64_t)index->options.fingerprint,
    };
    unic__bundle_i64(&b, "index.options", UNIC__SHAPE_OF(N_OPTIONS), options);
    unic__bundle_i64(&b, "index.ids", UNIC__SHAPE_OF(count), index->ids);
    unic__bundle_f32(&b, "index.vectors", UNIC__SHAPE_OF(count, dim), index->vectors);
    return unic__bundle_write(&b, to);
}

static unic_status read_options(unic__npz *z, unic_index_options *out, size_t *count)
{
    int64_t v[N_OPTIONS];
    const unic__option *dim = &unic__index_options.number[DIM];
    const char *path = unic__npz_path(z);
    *out = (unic_index_options){.struct_size = sizeof *out};
    UNIC__TRY(unic__expect_kind(z, "index.options", unic__index_options.kind));
    UNIC__TRY(unic__read_i64(z, "index.options", UNIC__SHAPE_OF(N_OPTIONS), v));
    if (!unic__option_accepts(dim, v[DIM]) || v[COUNT] < 0)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: index.options: %lld items of dim %lld, expected 0 or more of "
                          "1..%lld",
                          path, (long long)v[COUNT], (long long)v[DIM], (long long)dim->high);
    UNIC__TRY(unic__options_from_numbers(out, &unic__index_options, v, path));
    out->fingerprint = (uint64_t)v[FINGERPRINT];
    *count = (size_t)v[COUNT];
    return UNIC_OK;
}

/* A cosine's vectors are of length 1, or zero. */
static unic_status check_unit(const unic_index *x, size_t count)
{
    const float *row = x->vectors;
    for (size_t r = 0; x->options.metric == UNIC_INDEX_COSINE && r < count; r++) {
        double norm = 0.0;
        for (size_t j = 0; j < x->options.dim; j++, row++)
            norm += (double)*row * (double)*row;
        if (norm != 0.0 && !(fabs(norm - 1.0) < 1e-3))
            return unic__fail(UNIC_E_FORMAT, "index.vectors row %zu has norm %g, expected 1", r,
                              sqrt(norm));
    }
    return UNIC_OK;
}

static unic_status read_items(unic__npz *z, unic_index *x, size_t count)
{
    unic__shape vectors = UNIC__SHAPE_OF(count, x->options.dim), ids = UNIC__SHAPE_OF(count);
    /* Before memory is asked for: the sizes are from outside. */
    UNIC__TRY(unic__expect_array(z, "index.ids", ids));
    UNIC__TRY(unic__expect_array(z, "index.vectors", vectors));
    if (count == 0)
        return UNIC_OK;
    UNIC__TRY(unic__index_reserve(x, count)); /* all is read to where it stays */
    UNIC__TRY(unic__read_i64(z, "index.ids", ids, x->ids));
    UNIC__TRY(unic__read_f32(z, "index.vectors", vectors, x->vectors));
    unic_status status = unic__index_check_rows(x, "index.vectors", x->vectors, count);
    if (status == UNIC_OK)
        status = check_unit(x, count);
    if (status == UNIC_OK)
        status = unic__index_commit(x, count, x->ids);
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(UNIC_E_FORMAT, "%s", unic__npz_path(z));
}

static unic_status read_index(unic__npz *z, unic_index **out)
{
    unic_index_options options;
    size_t count = 0;
    UNIC__TRY(read_options(z, &options, &count));
    UNIC__TRY(unic__index_create(out, &options));
    unic_status status = read_items(z, *out, count);
    if (status != UNIC_OK) {
        unic__index_free(*out);
        *out = NULL;
    }
    return status;
}

unic_status unic__index_load(unic_index **out, unic__source *source)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = read_index(z, out);
    unic__npz_close(z);
    return status;
}
