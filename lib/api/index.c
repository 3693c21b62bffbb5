#include "task/index.h"

#include "api/api.h"
#include "array/array.h"
#include "kernel/stack.h"

/* ---- pooling ---- */

static unic_status check_sizes(const char *call, size_t clips, size_t length, size_t dim)
{
    size_t steps, count, bytes;
    if (!unic__mul_size(clips, length ? length : 1, &steps) ||
        !unic__mul_size(steps, dim, &count) || !unic__mul_size(count, sizeof(float), &bytes))
        return unic__fail(UNIC_E_ARG,
                          "%s: %zu clips of %zu steps of %zu are larger than any memory", call,
                          clips, length, dim);
    return UNIC_OK;
}

unic_status unic_pool_histogram(const int32_t *codes, size_t clip_count, size_t length,
                                size_t code_count, float *out)
{
    if (code_count == 0)
        return unic__fail(UNIC_E_ARG, "%s: code_count is 0, at least 1 expected", __func__);
    UNIC__TRY(check_sizes(__func__, clip_count, length, code_count));
    if (clip_count == 0)
        return UNIC_OK;
    if (length)
        UNIC__REQUIRE(codes);
    UNIC__REQUIRE(out);
    for (size_t i = 0; i < clip_count * length; i++)
        if (codes[i] < -1 || (codes[i] >= 0 && (size_t)codes[i] >= code_count))
            return unic__fail(UNIC_E_VALUE,
                              "%s: code %d of clip %zu, step %zu is not in -1..%zu", __func__,
                              codes[i], i / length, i % length, code_count - 1);
    unic__pool_histogram(codes, clip_count, length, code_count, out);
    return UNIC_OK;
}

unic_status unic_pool_mean(const float *vectors, const int32_t *codes, size_t clip_count,
                           size_t length, size_t dim, float *out)
{
    if (dim == 0)
        return unic__fail(UNIC_E_ARG, "%s: dim is 0, at least 1 expected", __func__);
    UNIC__TRY(check_sizes(__func__, clip_count, length, dim));
    if (clip_count == 0)
        return UNIC_OK;
    if (length)
        UNIC__REQUIRE(vectors);
    UNIC__REQUIRE(out);
    UNIC__TRY_NAMED(unic__pool_mean(vectors, codes, clip_count, length, dim, out));
    return UNIC_OK;
}

/* ---- the index ---- */

unic_status unic_index_create(unic_index **out, const unic_index_options *options)
{
    unic_index_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(options);
    UNIC__TAKE(unic__index_options_kind, &o, options);
    UNIC__TRY_NAMED(
        unic__options_complete(&o, &unic__index_options, 0, "options->", UNIC_E_ARG));
    UNIC__TRY_NAMED(unic__index_create(out, &o));
    return UNIC_OK;
}

void unic_index_free(unic_index *index)
{
    unic__index_free(index);
}

size_t unic_index_item_count(const unic_index *index)
{
    return index ? index->count : 0;
}

size_t unic_index_dim(const unic_index *index)
{
    return index ? index->options.dim : 0;
}

int32_t unic_index_metric_of(const unic_index *index)
{
    return index ? index->options.metric : 0;
}

const float *unic_index_vectors(const unic_index *index)
{
    return index && index->count ? index->vectors : NULL;
}

const int64_t *unic_index_ids(const unic_index *index)
{
    return index && index->count ? index->ids : NULL;
}

/* That an array is [N,dim] of real numbers; N to `*rows`. */
static unic_status check_array(const unic_index *x, const unic_array *a, const char *call,
                               const char *what, size_t *rows)
{
    char text[UNIC__SHAPE_TEXT];
    UNIC__TRY(unic__array_check_real(a, call, what));
    unic__shape shape = unic__array_shape(a);
    if (shape.rank != 2 || shape.dim[1] != x->options.dim)
        return unic__fail(UNIC_E_SHAPE, "%s: %s has shape %s, expected [N,%zu]", call, what,
                          unic__shape_print(&shape, text), x->options.dim);
    *rows = shape.dim[0];
    return UNIC_OK;
}

unic_status unic_index_add(unic_index *index, const unic_array *vectors, const int64_t *ids)
{
    size_t n = 0;
    UNIC__REQUIRE(index);
    UNIC__HOLD(index);
    UNIC__TRY(check_array(index, vectors, __func__, "vectors", &n));
    if (n == 0)
        return UNIC_OK;
    UNIC__TRY_NAMED(unic__index_add(index, vectors, ids));
    return UNIC_OK;
}

unic_status unic_index_update(unic_index *index, const unic_array *vectors, const int64_t *ids)
{
    size_t n = 0;
    UNIC__REQUIRE(index);
    UNIC__HOLD(index);
    UNIC__TRY(check_array(index, vectors, __func__, "vectors", &n));
    if (n == 0)
        return UNIC_OK;
    UNIC__REQUIRE(ids);
    UNIC__TRY_NAMED(unic__index_update(index, vectors, ids));
    return UNIC_OK;
}

unic_status unic_index_remove(unic_index *index, const int64_t *ids, size_t id_count)
{
    UNIC__REQUIRE(index);
    if (id_count == 0)
        return UNIC_OK;
    UNIC__REQUIRE(ids);
    UNIC__HOLD(index);
    UNIC__TRY_NAMED(unic__index_remove(index, ids, id_count));
    return UNIC_OK;
}

unic_status unic_index_reserve(unic_index *index, size_t item_count)
{
    UNIC__REQUIRE(index);
    UNIC__HOLD(index);
    UNIC__TRY_NAMED(unic__index_reserve(index, item_count));
    return UNIC_OK;
}

/* Copies the options; NULL means all zero. */
static unic_status take_options(unic_search_options *o, const unic_search_options *options,
                                const char *call)
{
    *o = (unic_search_options){.struct_size = sizeof *o};
    if (options)
        UNIC__TRY(unic__struct_take(&unic__search_options_kind, o, options, call, "options"));
    return unic__check_threads(o->threads, call);
}

unic_status unic_index_search(const unic_index *index, const unic_array *queries, size_t k,
                              const unic_search_options *options, int64_t *ids, float *scores)
{
    size_t n = 0;
    unic_search_options o;
    UNIC__REQUIRE(index);
    UNIC__HOLD_SHARED(index);
    UNIC__TRY_NAMED(unic__stack_prepare());
    UNIC__TRY(take_options(&o, options, __func__));
    UNIC__TRY(check_array(index, queries, __func__, "queries", &n));
    size_t places, bytes;
    if (k < 1)
        return unic__fail(UNIC_E_ARG, "%s: k is 0, expected at least 1", __func__);
    if (n == 0)
        return UNIC_OK;
    if (!unic__mul_size(n, k, &places) || !unic__mul_size(places, sizeof *ids, &bytes))
        return unic__fail(UNIC_E_ARG,
                          "%s: %zu ids for each of %zu queries are larger than any "
                          "memory",
                          __func__, k, n);
    UNIC__REQUIRE(ids);
    const unic__progress progress = {o.progress, o.progress_user};
    UNIC__TRY_WITH(o.threads, unic__index_search(index, queries, k, &progress, ids, scores));
    return UNIC_OK;
}

unic_status unic_index_rank(const unic_index *index, const unic_array *queries,
                            const int64_t *ids, const unic_search_options *options,
                            int64_t *ranks)
{
    size_t n = 0;
    unic_search_options o;
    UNIC__REQUIRE(index);
    UNIC__HOLD_SHARED(index);
    UNIC__TRY_NAMED(unic__stack_prepare());
    UNIC__TRY(take_options(&o, options, __func__));
    UNIC__TRY(check_array(index, queries, __func__, "queries", &n));
    if (index->count == 0)
        return unic__fail(UNIC_E_STATE, "%s: the index is empty; call unic_index_add() before",
                          __func__);
    if (n == 0)
        return UNIC_OK;
    UNIC__REQUIRE(ids);
    UNIC__REQUIRE(ranks);
    const unic__progress progress = {o.progress, o.progress_user};
    UNIC__TRY_WITH(o.threads, unic__index_rank(index, queries, ids, &progress, ranks));
    return UNIC_OK;
}

unic_status unic_index_accepts(const unic_index *index, uint64_t fingerprint)
{
    UNIC__REQUIRE(index);
    if (index->options.fingerprint == 0 || fingerprint == index->options.fingerprint)
        return UNIC_OK;
    return unic__fail(UNIC_E_MISMATCH,
                      "%s: the vectors are of codebook %016llx, the index's of %016llx",
                      __func__, (unsigned long long)fingerprint,
                      (unsigned long long)index->options.fingerprint);
}

unic_status unic_index_save(const unic_index *index, const char *path)
{
    UNIC__REQUIRE(index);
    UNIC__REQUIRE(path);
    UNIC__HOLD_SHARED(index);
    UNIC__TRY_NAMED(unic__index_save(index, UNIC__TO_FILE(path)));
    return UNIC_OK;
}

unic_status unic_index_save_sink(const unic_index *index, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(index);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__HOLD_SHARED(index);
    UNIC__TRY_NAMED(unic__index_save(index, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}

unic_status unic_index_load(unic_index **out, const char *path,
                            const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, unic__index_load(out, from.source));
}

unic_status unic_index_load_source(unic_index **out, const unic_source *source,
                                   const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return unic__opening_end(&from, unic__index_load(out, from.source));
}
