#include "task/retriever.h"

#include "api/api.h"
#include "array/array.h"
#include "task/codes.h"

unic_status unic_retriever_create(unic_retriever **out, const unic_codebook *codebook,
                                  const unic_retriever_options *options)
{
    unic_codebook *copy;
    unic_retriever_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(options);
    UNIC__TAKE(unic__retriever_options_kind, &o, options);
    UNIC__TRY(unic__check_threads(o.threads, __func__));
    UNIC__TRY_NAMED(unic__retriever_complete(&o, "options->", UNIC_E_ARG));
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__codebook_copy(&copy, codebook));
    UNIC__TRY_WITH(o.threads, unic__retriever_create(out, copy, &o, NULL));
    return UNIC_OK;
}

void unic_retriever_free(unic_retriever *retriever)
{
    unic__retriever_free(retriever);
}

unic_status unic_retriever_settings(unic_retriever_options *options,
                                    const unic_retriever *retriever)
{
    UNIC__REQUIRE(retriever);
    UNIC__REQUIRE(options);
    UNIC__REQUIRE_SIZE(unic__retriever_options_kind, options);
    unic__struct_give(&unic__retriever_options_kind, options, &retriever->options);
    return UNIC_OK;
}

/* Codes [clips,length], and vectors of clips, are arrays that a memory can hold. */
static unic_status check_sizes(const unic_retriever *r, const char *call, size_t clips,
                               size_t length)
{
    size_t bytes;
    if (!unic__mul_size(clips, length, &bytes) ||
        !unic__mul_size(bytes, sizeof(int32_t), &bytes) ||
        !unic__mul_size(clips, (size_t)r->options.dim * sizeof(float), &bytes))
        return unic__fail(UNIC_E_ARG, "%s: %zu clips of %zu steps are larger than any memory",
                          call, clips, length);
    return UNIC_OK;
}

/* That items are [N,item_dim] of real numbers; N to `*count`. */
static unic_status check_items(const unic_retriever *r, const unic_array *items,
                               const char *call, size_t *count)
{
    char text[UNIC__SHAPE_TEXT];
    UNIC__TRY(unic__array_check_real(items, call, "items"));
    unic__shape shape = unic__array_shape(items);
    if (shape.rank != 2 || shape.dim[1] != (size_t)r->options.item_dim)
        return unic__fail(UNIC_E_SHAPE, "%s: items have shape %s, expected [N,%d]", call,
                          unic__shape_print(&shape, text), r->options.item_dim);
    *count = shape.dim[0];
    return UNIC_OK;
}

unic_status unic_retriever_fit(double *loss, unic_retriever *retriever, const int32_t *codes,
                               size_t clip_count, size_t length, const unic_array *items)
{
    size_t count = 0;
    UNIC__REQUIRE(retriever);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(items);
    if (clip_count < 2 || clip_count > INT32_MAX)
        return unic__fail(UNIC_E_ARG,
                          "%s: %zu clips, 2..%d expected: they are told apart from each other",
                          __func__, clip_count, INT32_MAX);
    UNIC__TRY(check_sizes(retriever, __func__, clip_count, length));
    UNIC__TRY(check_items(retriever, items, __func__, &count));
    if (count != clip_count)
        return unic__fail(UNIC_E_SHAPE, "%s: %zu items for %zu clips, one for each expected",
                          __func__, count, clip_count);
    UNIC__TRY_NAMED(unic__check_codes(retriever->codebook, codes, clip_count, length, true));
    UNIC__HOLD(retriever);
    UNIC__TRY_WITH(retriever->options.threads,
                   unic__retriever_fit(loss, retriever, codes, clip_count, length, items));
    return UNIC_OK;
}

/* Weights that were only drawn match nothing. */
static unic_status check_trained(const unic_retriever *r, const char *call)
{
    return r->trained
               ? UNIC_OK
               : unic__fail(UNIC_E_STATE,
                            "%s: the retriever is untrained; call unic_retriever_fit() before",
                            call);
}

unic_status unic_retriever_queries(const unic_retriever *retriever, const int32_t *codes,
                                   size_t clip_count, size_t length, float *out)
{
    UNIC__REQUIRE(retriever);
    if (clip_count == 0)
        return UNIC_OK;
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(out);
    UNIC__TRY(check_sizes(retriever, __func__, clip_count, length));
    UNIC__TRY_NAMED(unic__check_codes(retriever->codebook, codes, clip_count, length, true));
    UNIC__HOLD_SHARED(retriever);
    UNIC__TRY(check_trained(retriever, __func__));
    UNIC__TRY_WITH(retriever->options.threads,
                   unic__retriever_queries(retriever, codes, clip_count, length, out));
    return UNIC_OK;
}

unic_status unic_retriever_items(const unic_retriever *retriever, const unic_array *items,
                                 float *out)
{
    size_t count = 0;
    UNIC__REQUIRE(retriever);
    UNIC__REQUIRE(items);
    UNIC__TRY(check_items(retriever, items, __func__, &count));
    if (count == 0)
        return UNIC_OK;
    UNIC__REQUIRE(out);
    UNIC__TRY(check_sizes(retriever, __func__, count, 1));
    UNIC__HOLD_SHARED(retriever);
    UNIC__TRY(check_trained(retriever, __func__));
    UNIC__TRY_WITH(retriever->options.threads, unic__retriever_items(retriever, items, out));
    return UNIC_OK;
}

uint64_t unic_retriever_fingerprint(const unic_retriever *retriever)
{
    return retriever ? retriever->fingerprint : 0;
}

unic_status unic_retriever_accepts(const unic_retriever *retriever, uint64_t fingerprint)
{
    UNIC__REQUIRE(retriever);
    if (fingerprint != retriever->fingerprint)
        return unic__fail(UNIC_E_MISMATCH,
                          "%s: the codes are of codebook %016llx, the retriever is for %016llx",
                          __func__, (unsigned long long)fingerprint,
                          (unsigned long long)retriever->fingerprint);
    return UNIC_OK;
}

unic_status unic_retriever_save(const unic_retriever *retriever, const char *path)
{
    UNIC__REQUIRE(retriever);
    UNIC__REQUIRE(path);
    UNIC__HOLD_SHARED(retriever);
    UNIC__TRY(check_trained(retriever, __func__));
    UNIC__TRY_NAMED(unic__retriever_save(retriever, UNIC__TO_FILE(path)));
    return UNIC_OK;
}

unic_status unic_retriever_save_sink(const unic_retriever *retriever, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(retriever);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__HOLD_SHARED(retriever);
    UNIC__TRY(check_trained(retriever, __func__));
    UNIC__TRY_NAMED(unic__retriever_save(retriever, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}

unic_status unic_retriever_load(unic_retriever **out, const char *path,
                                const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, unic__retriever_load(out, from.source));
}

unic_status unic_retriever_load_source(unic_retriever **out, const unic_source *source,
                                       const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return unic__opening_end(&from, unic__retriever_load(out, from.source));
}
