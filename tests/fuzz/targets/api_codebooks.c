/* Codebooks, indexes, and vectors of clips. */
#include "api.h"

enum { ROWS = 5 };

static size_t dim_of(const unic_codebook *codebook)
{
    size_t dim = unic_codebook_dim(codebook);
    return dim ? dim : 4;
}

static size_t count_of(const unic_codebook *codebook)
{
    size_t count = unic_codebook_code_count(codebook);
    return count ? count : 3;
}

static unic_array *rows_for(api *a, const unic_codebook *codebook, size_t rows)
{
    return api_array(a, 2, (const int64_t[]){(int64_t)rows, (int64_t)dim_of(codebook)});
}

/* No call makes a code NaN or infinite. */
static void check_codes(const unic_codebook *codebook)
{
    if (codebook)
        fuzz_check_finite(unic_codebook_embedding(codebook),
                          count_of(codebook) * dim_of(codebook));
}

static void call_unic_codebook_create(api *a)
{
    size_t count = (size_t)fuzz_size(&a->in, 6), dim = (size_t)fuzz_size(&a->in, 4);
    size_t modalities = (size_t)fuzz_size(&a->in, 3);
    if (count > 4096 && count <= 1 << 20) /* in range, and slow */
        count = 1;
    if (dim > 4096 && dim <= 1 << 20)
        dim = 1;
    API_PUT(a, codebook, unic_codebook_create, count, dim, modalities);
}

static void call_unic_codebook_free(api *a)
{
    API_FREE(a, codebook);
}

static void call_unic_codebook_code_count(api *a)
{
    unic_codebook_code_count(api_codebook_of(a));
}

static void call_unic_codebook_dim(api *a)
{
    unic_codebook_dim(api_codebook_of(a));
}

static void call_unic_codebook_modality_count(api *a)
{
    unic_codebook_modality_count(api_codebook_of(a));
}

static void call_unic_codebook_embedding(api *a)
{
    check_codes(api_codebook_of(a));
}

static void call_unic_codebook_set(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    fuzz_ok(unic_codebook_set(codebook, rows_for(a, codebook, count_of(codebook))));
    check_codes(codebook);
}

static void call_unic_codebook_init(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    const unic_array *z = rows_for(a, codebook, fuzz_below(&a->in, 8));
    unsigned stop = fuzz_byte(&a->in) & 3;
    unic_codebook_init_options o = {.struct_size = api_struct_size(a, sizeof o),
                                    .iterations = fuzz_below(&a->in, 4),
                                    .seed = fuzz_byte(&a->in),
                                    .threads = api_threads(a),
                                    .progress = stop ? api_progress : NULL,
                                    .progress_user = &stop};
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    fuzz_ok(unic_codebook_init(codebook, z, fuzz_rarely(&a->in) ? NULL : &o));
    check_codes(codebook);
}

static void call_unic_codebook_assign(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    int32_t *codes = api_memory(a, (1 << 14) * sizeof *codes);
    unic_array *z = rows_for(a, codebook, ROWS);
    if (fuzz_ok(unic_codebook_assign(codebook, z, fuzz_rarely(&a->in) ? NULL : codes)))
        for (int64_t i = 0; i < z->dims[0]; i++)
            FUZZ_CHECK(codes[i] >= 0 && codes[i] < (int32_t)count_of(codebook));
}

static void call_unic_codebook_lookup(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    float *out = api_memory(a, ROWS * dim_of(codebook) * sizeof *out);
    int32_t *codes = api_codes(a, ROWS, count_of(codebook));
    if (fuzz_ok(unic_codebook_lookup(codebook, codes, fuzz_below(&a->in, ROWS + 1), out)))
        fuzz_check_finite(out, ROWS * dim_of(codebook));
}

static void call_unic_codebook_update(api *a)
{
    enum { MOST = 8 };
    unic_codebook *codebook = api_codebook_of(a);
    size_t n = unic_codebook_modality_count(codebook), counts[MOST];
    const float *targets[MOST] = {NULL};
    const int32_t *codes[MOST] = {NULL};
    for (size_t m = 0; m < n && m < MOST; m++) {
        counts[m] = fuzz_below(&a->in, ROWS + 1);
        targets[m] = fuzz_rarely(&a->in) ? NULL : api_floats(a, ROWS * dim_of(codebook));
        codes[m] = api_codes(a, ROWS, count_of(codebook));
    }
    float decay = fuzz_byte(&a->in) < 0xC0 ? 0.9F : fuzz_float(&a->in);
    unsigned how = fuzz_byte(&a->in);
    fuzz_ok(unic_codebook_update(codebook, decay, how == 0xFF ? NULL : counts,
                                 how == 0xFE ? NULL : targets, how == 0xFD ? NULL : codes));
    check_codes(codebook);
}

static void call_unic_codebook_revive(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    size_t revived;
    const unic_array *z = rows_for(a, codebook, fuzz_below(&a->in, 4));
    uint32_t steps = fuzz_byte(&a->in) % 4;
    size_t most = fuzz_below(&a->in, 4);
    unic_reset_rule rule = (unic_reset_rule)(fuzz_byte(&a->in) % 5);
    if (fuzz_ok(unic_codebook_revive(fuzz_byte(&a->in) & 1 ? NULL : &revived, codebook, rule,
                                     steps, most, z, fuzz_byte(&a->in))))
        check_codes(codebook);
}

static void call_unic_codebook_usage(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    int64_t *counts = api_memory(a, count_of(codebook) * sizeof *counts);
    int32_t *codes = api_codes(a, ROWS, count_of(codebook));
    double perplexity;
    fuzz_ok(unic_codebook_usage(fuzz_byte(&a->in) & 1 ? NULL : &perplexity, codebook, codes,
                                fuzz_below(&a->in, ROWS + 1), counts));
}

static void call_unic_codebook_state(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    size_t n = count_of(codebook);
    float *counts = api_memory(a, n * sizeof *counts);
    int32_t *idle = api_memory(a,
                               (1 + unic_codebook_modality_count(codebook)) * n * sizeof *idle);
    unsigned how = fuzz_byte(&a->in);
    if (fuzz_ok(unic_codebook_state(codebook, how & 1 ? NULL : counts, how & 2 ? NULL : idle)))
        fuzz_check_finite(counts, n);
}

static void call_unic_codebook_perplexity(api *a)
{
    double p = unic_codebook_perplexity(api_codebook_of(a));
    FUZZ_CHECK(p >= 0 && p < 1e9);
}

static void call_unic_codebook_distances(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    size_t n = count_of(codebook);
    float *out = api_memory(a, n <= 64 ? n * n * sizeof *out : 0);
    if (n <= 64 && fuzz_ok(unic_codebook_distances(codebook, out)))
        fuzz_check_finite(out, n * n);
}

static void call_unic_codebook_drift(api *a)
{
    unic_drift_report r = {.struct_size = sizeof r};
    const unic_codebook *before = api_codebook_of(a), *after = api_codebook_of(a);
    size_t n = fuzz_below(&a->in, 5);
    int32_t *was = api_codes(a, 4, 3), *is = api_codes(a, 4, 3);
    if (fuzz_ok(unic_codebook_drift(&r, before, after, was, is, n)))
        FUZZ_CHECK(r.moved >= 0 && r.moved <= 1 && r.changed <= 1 && r.distance >= 0 &&
                   r.changed_count <= r.step_count && r.step_count <= n);
}

static void call_unic_codebook_channels(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    size_t dim = unic_codebook_dim(codebook), count = 0, most = (size_t)fuzz_size(&a->in, 5);
    size_t *channels = api_memory(a, (dim + 1) * sizeof *channels);
    double *scores = api_memory(a, (dim + 1) * sizeof *scores);
    double lambda = fuzz_byte(&a->in) & 1 ? 0.7 : (double)fuzz_float(&a->in);
    size_t p = (size_t)fuzz_size(&a->in, 3), q = (size_t)fuzz_size(&a->in, 3);
    if (fuzz_ok(unic_codebook_channels(&count, codebook, lambda, most, p, q, channels,
                                       fuzz_byte(&a->in) & 1 ? NULL : scores)))
        for (size_t i = 0; i < count; i++)
            FUZZ_CHECK(count <= most && channels[i] < dim);
}

static void call_unic_codebook_select(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    const size_t channels[3] = {(size_t)fuzz_size(&a->in, 3), (size_t)fuzz_size(&a->in, 3)};
    size_t count = fuzz_below(&a->in, 4);
    API_PUT(a, codebook, unic_codebook_select, codebook, channels, count);
}

static void call_unic_codebook_fingerprint(api *a)
{
    unic_codebook_fingerprint(api_codebook_of(a));
}

static void call_unic_codebook_copy(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    API_PUT(a, codebook, unic_codebook_copy, codebook);
}

static void call_unic_codebook_save(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    fuzz_ok(unic_codebook_save(codebook, api_path(a)));
}

static void call_unic_codebook_save_sink(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    fuzz_ok(unic_codebook_save_sink(codebook, api_sink(a)));
}

static void call_unic_codebook_load(api *a)
{
    const char *path = api_path(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, codebook, unic_codebook_load, path, open);
}

static void call_unic_codebook_load_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, codebook, unic_codebook_load_source, source, open);
}

static void call_unic_codebook_jittered_count(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    FUZZ_CHECK(unic_codebook_jittered_count(codebook) <= unic_codebook_code_count(codebook));
}

static void call_unic_codebook_nearest(api *a)
{
    enum { MOST = 8 };
    unic_codebook *codebook = api_codebook_of(a);
    size_t k = fuzz_below(&a->in, MOST + 1), n = count_of(codebook);
    int32_t *codes = api_memory(a, (1 << 14) * MOST * sizeof *codes);
    float *distances = api_memory(a, (1 << 14) * MOST * sizeof *distances);
    unic_array *z = rows_for(a, codebook, ROWS);
    bool with = fuzz_byte(&a->in) & 1;
    if (!fuzz_ok(unic_codebook_nearest(codebook, z, k, codes, with ? distances : NULL)))
        return;
    for (size_t i = 0; i < (size_t)z->dims[0]; i++)
        for (size_t j = 0; j < k; j++) {
            FUZZ_CHECK(codes[i * k + j] >= -1 && codes[i * k + j] < (int32_t)n);
            FUZZ_CHECK((codes[i * k + j] == -1) == (j >= n));
            FUZZ_CHECK(!with || j == 0 || distances[i * k + j] >= distances[i * k + j - 1]);
        }
}

static void call_unic_codebook_soften(api *a)
{
    enum { MOST = 3 };
    const unic_codebook *codebook = api_codebook_of(a);
    size_t k = fuzz_below(&a->in, MOST + 1);
    int32_t *codes = api_memory(a, (1 << 14) * MOST * sizeof *codes);
    float *weights = api_memory(a, (1 << 14) * MOST * sizeof *weights);
    unic_array *z = rows_for(a, codebook, ROWS);
    double temperature = fuzz_byte(&a->in) & 1 ? 0.5 : (double)fuzz_float(&a->in);
    if (!fuzz_ok(unic_codebook_soften(codebook, z, k, temperature, codes, weights)))
        return;
    for (size_t i = 0; i < (size_t)z->dims[0] * k; i++)
        FUZZ_CHECK(weights[i] >= 0 && weights[i] <= 1 && (codes[i] >= 0 || weights[i] <= 0));
}

static void call_unic_codebook_ema_sums(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    if (codebook)
        fuzz_check_finite(unic_codebook_ema_sums(codebook),
                          count_of(codebook) * dim_of(codebook));
}

static void call_unic_codebook_set_state(api *a)
{
    unic_codebook *codebook = api_codebook_of(a);
    size_t n = count_of(codebook), modalities = 1 + unic_codebook_modality_count(codebook);
    float *counts = api_floats(a, n), *sums = api_floats(a, n * dim_of(codebook));
    int32_t *idle = api_codes(a, modalities * n, 9);
    unsigned how = fuzz_byte(&a->in);
    for (size_t i = 0; i < n && how < 0xC0; i++) /* as counts are */
        counts[i] = counts[i] < 0 ? -counts[i] : counts[i];
    fuzz_ok(unic_codebook_set_state(codebook, how & 1 ? NULL : counts, how & 2 ? NULL : sums,
                                    how & 4 ? NULL : idle));
    check_codes(codebook);
}

static const api_call codebook_calls[] = {
    API_CALL(unic_codebook_copy),      API_CALL(unic_codebook_save),
    API_CALL(unic_codebook_save_sink),
    API_CALL(unic_codebook_load),
    API_CALL(unic_codebook_load_source),      API_CALL(unic_codebook_jittered_count),
    API_CALL(unic_codebook_nearest),   API_CALL(unic_codebook_ema_sums),
    API_CALL(unic_codebook_set_state), API_CALL(unic_codebook_create),
    API_CALL(unic_codebook_free),      API_CALL(unic_codebook_code_count),
    API_CALL(unic_codebook_dim),       API_CALL(unic_codebook_modality_count),
    API_CALL(unic_codebook_embedding), API_CALL(unic_codebook_set),
    API_CALL(unic_codebook_init),      API_CALL(unic_codebook_assign),
    API_CALL(unic_codebook_lookup),    API_CALL(unic_codebook_update),
    API_CALL(unic_codebook_revive),    API_CALL(unic_codebook_usage),
    API_CALL(unic_codebook_state),     API_CALL(unic_codebook_perplexity),
    API_CALL(unic_codebook_distances), API_CALL(unic_codebook_fingerprint),
    API_CALL(unic_codebook_drift),     API_CALL(unic_codebook_channels),
    API_CALL(unic_codebook_select),    API_CALL(unic_codebook_soften),
};
API_PART(api_codebooks, codebook_calls);

/* ---- indexes ---- */

enum { MOST_ROWS = 1 << 14 }; /* as many as api_array() makes */

static int64_t index_dim(const unic_index *index)
{
    return unic_index_dim(index) ? (int64_t)unic_index_dim(index) : 2;
}

static unic_array *vectors_for(api *a, const unic_index *index)
{
    return api_array(a, 2, (const int64_t[]){(int64_t)fuzz_below(&a->in, 4), index_dim(index)});
}

static void call_unic_index_create(api *a)
{
    unic_index_options o = {.struct_size = api_struct_size(a, sizeof o),
                            .dim = (size_t)fuzz_size(&a->in, 4),
                            .metric = (int32_t)fuzz_byte(&a->in) % 6,
                            .fingerprint = fuzz_byte(&a->in)};
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    API_PUT(a, index, unic_index_create, fuzz_rarely(&a->in) ? NULL : &o);
}

static void call_unic_index_free(api *a)
{
    API_FREE(a, index);
}

static void call_unic_index_item_count(api *a)
{
    unic_index_item_count(api_index_of(a));
}

static void call_unic_index_dim(api *a)
{
    unic_index_dim(api_index_of(a));
}

static void call_unic_index_metric_of(api *a)
{
    int32_t metric = unic_index_metric_of(api_index_of(a));
    FUZZ_CHECK(metric >= 0 && metric <= UNIC_INDEX_INTERSECTION);
}

static void call_unic_index_vectors(api *a)
{
    const unic_index *index = api_index_of(a);
    size_t n = unic_index_item_count(index) * unic_index_dim(index);
    FUZZ_CHECK((unic_index_vectors(index) != NULL) == (n > 0));
    if (n > 0)
        fuzz_check_finite(unic_index_vectors(index), n);
}

static void call_unic_index_ids(api *a)
{
    const unic_index *index = api_index_of(a);
    FUZZ_CHECK(unic_index_item_count(index) == 0 || unic_index_ids(index));
}

static void call_unic_index_add(api *a)
{
    unic_index *index = api_index_of(a);
    unic_array *vectors = vectors_for(a, index);
    int64_t *ids = api_memory(a, MOST_ROWS * sizeof *ids);
    for (size_t i = 0; i < MOST_ROWS; i++)
        ids[i] = (int64_t)i * 3 - 1;
    ids[0] = (int64_t)fuzz_byte(&a->in) - 4;
    size_t before = unic_index_item_count(index);
    if (!fuzz_ok(unic_index_add(index, vectors, ids[0] & 1 ? ids : NULL)))
        FUZZ_CHECK(unic_index_item_count(index) == before);
}

/* NULL, or with a callback that may stop the search. */
static const unic_search_options *search_options(api *a)
{
    unic_search_options *o = api_memory(a, sizeof *o);
    unsigned *left = api_memory(a, sizeof *left);
    unsigned how = fuzz_byte(&a->in);
    *left = fuzz_byte(&a->in) & 3;
    *o = (unic_search_options){.struct_size = api_struct_size(a, sizeof *o),
                               .progress = how & 2 ? api_progress : NULL,
                               .progress_user = left,
                               .threads = api_threads(a)};
    if (o->struct_size > sizeof *o)
        o->struct_size = sizeof *o;
    return how & 1 ? o : NULL;
}

static void call_unic_index_search(api *a)
{
    enum { MOST = 8 };
    unic_index *index = api_index_of(a);
    unic_array *queries = vectors_for(a, index);
    size_t k = fuzz_below(&a->in, MOST + 1), n = unic_index_item_count(index);
    int64_t *ids = api_memory(a, MOST_ROWS * MOST * sizeof *ids);
    float *scores = api_memory(a, MOST_ROWS * MOST * sizeof *scores);
    bool with = fuzz_byte(&a->in) & 1;
    const unic_search_options *o = search_options(a);
    if (!fuzz_ok(unic_index_search(index, queries, k, o, ids, with ? scores : NULL)) || !with)
        return;
    for (size_t i = 0; i < (size_t)queries->dims[0]; i++)
        fuzz_check_finite(scores + i * k, k < n ? k : n);
}

static void call_unic_index_rank(api *a)
{
    unic_index *index = api_index_of(a);
    unic_array *queries = vectors_for(a, index);
    int64_t *ids = api_memory(a, MOST_ROWS * 8), *ranks = api_memory(a, MOST_ROWS * 8);
    for (size_t i = 0; i < 4; i++)
        ids[i] = fuzz_byte(&a->in) % 4;
    if (queries && queries->rank > 0 && queries->dims[0] > MOST_ROWS)
        return;
    if (fuzz_ok(unic_index_rank(index, queries, ids, search_options(a), ranks)))
        for (int64_t i = 0; i < queries->dims[0]; i++)
            FUZZ_CHECK(ranks[i] >= 1 && ranks[i] <= (int64_t)unic_index_item_count(index));
}

static void call_unic_index_accepts(api *a)
{
    fuzz_ok(unic_index_accepts(api_index_of(a), fuzz_byte(&a->in)));
}

static void call_unic_index_reserve(api *a)
{
    unic_index *index = api_index_of(a);
    size_t n = (size_t)fuzz_size(&a->in, 16);
    fuzz_ok(unic_index_reserve(index, n > 1 << 16 && n <= 1 << 20 ? 1 : n));
}

static void call_unic_index_update(api *a)
{
    unic_index *index = api_index_of(a);
    unic_array *vectors = vectors_for(a, index);
    int64_t *ids = api_memory(a, MOST_ROWS * sizeof *ids);
    for (size_t i = 0; i < MOST_ROWS; i++)
        ids[i] = i < 4 ? fuzz_byte(&a->in) % 4 : (int64_t)i;
    size_t before = unic_index_item_count(index);
    fuzz_ok(unic_index_update(index, vectors, ids));
    FUZZ_CHECK(unic_index_item_count(index) == before);
}

static void call_unic_index_remove(api *a)
{
    unic_index *index = api_index_of(a);
    int64_t ids[3];
    size_t n = fuzz_below(&a->in, 4), before = unic_index_item_count(index);
    for (size_t i = 0; i < 3; i++)
        ids[i] = fuzz_byte(&a->in) % 4;
    bool ok = fuzz_ok(unic_index_remove(index, ids, n));
    FUZZ_CHECK(unic_index_item_count(index) == (ok ? before - n : before));
}

static void call_unic_index_save(api *a)
{
    const unic_index *index = api_index_of(a);
    fuzz_ok(unic_index_save(index, api_path(a)));
}

static void call_unic_index_save_sink(api *a)
{
    const unic_index *index = api_index_of(a);
    fuzz_ok(unic_index_save_sink(index, api_sink(a)));
}

static void call_unic_index_load(api *a)
{
    const char *path = api_path(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, index, unic_index_load, path, open);
}

static void call_unic_index_load_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, index, unic_index_load_source, source, open);
}

static void call_unic_pool_histogram(api *a)
{
    size_t clips = fuzz_below(&a->in, 3), length = fuzz_below(&a->in, 4),
           codes = (size_t)fuzz_size(&a->in, 4);
    float *out = api_memory(a, codes <= 1 << 16 ? 3 * codes * sizeof *out : 0);
    int32_t *x = api_codes(a, 3 * 4, codes <= 64 && codes > 0 ? codes : 3);
    if (codes <= 1 << 16 || !x)
        fuzz_ok(unic_pool_histogram(x, clips, length, codes, out));
}

static void call_unic_pool_mean(api *a)
{
    size_t clips = fuzz_below(&a->in, 3), length = fuzz_below(&a->in, 4),
           dim = fuzz_below(&a->in, 4);
    float *out = api_memory(a, 3 * 4 * sizeof *out), *x = api_floats(a, 3 * 4 * 4);
    int32_t *codes = fuzz_byte(&a->in) & 1 ? NULL : api_codes(a, 3 * 4, 3);
    if (fuzz_ok(unic_pool_mean(x, codes, clips, length, dim, out)))
        fuzz_check_finite(out, clips * dim);
}

static const api_call index_calls[] = {
    API_CALL(unic_index_create),     API_CALL(unic_index_free),
    API_CALL(unic_index_item_count), API_CALL(unic_index_dim),
    API_CALL(unic_index_metric_of),  API_CALL(unic_index_vectors),
    API_CALL(unic_index_ids),        API_CALL(unic_index_add),
    API_CALL(unic_index_search),     API_CALL(unic_index_rank),
    API_CALL(unic_index_accepts),    API_CALL(unic_index_reserve),
    API_CALL(unic_index_update),     API_CALL(unic_index_remove),
    API_CALL(unic_index_save),
    API_CALL(unic_index_save_sink),       API_CALL(unic_index_load),
    API_CALL(unic_index_load_source),
    API_CALL(unic_pool_histogram),   API_CALL(unic_pool_mean),
};
API_PART(api_indexes, index_calls);
