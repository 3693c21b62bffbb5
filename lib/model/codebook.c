#include "model/codebook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"

unic_status unic__codebook_create(unic_codebook **out, size_t codes, size_t dim,
                                  size_t modalities)
{
    unic_codebook *cb = unic__alloc_zero(sizeof *cb);
    size_t cells;
    if (!cb || !unic__mul_size(codes, dim, &cells)) {
        unic__free(cb);
        return unic__no_memory(sizeof *cb, "a codebook");
    }
    cb->codes = codes;
    cb->dim = dim;
    cb->modalities = modalities;
    cb->embedding = unic__alloc_array(cells, sizeof(float));
    cb->count = unic__alloc_array(codes, sizeof(float));
    cb->sum = unic__alloc_array(cells, sizeof(float));
    size_t counters;
    if (unic__mul_size(codes, modalities, &counters))
        cb->idle = unic__alloc_array(counters, sizeof(int32_t));
    unic_status status = unic__code_table_create(&cb->table, cb->embedding, codes, dim);
    if (!cb->embedding || !cb->count || !cb->sum || !cb->idle)
        status = unic__no_memory(cells * sizeof(float), "a codebook");
    if (status != UNIC_OK) {
        unic__codebook_free(cb);
        return status;
    }
    for (size_t l = 0; l < codes; l++)
        cb->count[l] = 1.0F;
    *out = cb;
    return UNIC_OK;
}

void unic__codebook_free(unic_codebook *codebook)
{
    if (!codebook)
        return;
    unic__codebook_free_segments(codebook);
    unic__free(codebook->embedding);
    unic__code_table_free(&codebook->table);
    unic__free(codebook->count);
    unic__free(codebook->sum);
    unic__free(codebook->idle);
    unic__free(codebook);
}

void unic__codebook_assign_state(unic_codebook *to, const unic_codebook *from)
{
    size_t cells = from->codes * from->dim;
    memcpy(to->embedding, from->embedding, cells * sizeof(float));
    memcpy(to->count, from->count, from->codes * sizeof(float));
    memcpy(to->sum, from->sum, cells * sizeof(float));
    memcpy(to->idle, from->idle, from->codes * from->modalities * sizeof(int32_t));
    to->jittered = from->jittered;
    unic__codebook_refresh(to);
}

unic_status unic__codebook_copy(unic_codebook **out, const unic_codebook *from)
{
    unic_codebook *cb;
    UNIC__TRY(unic__codebook_create(&cb, from->codes, from->dim, from->modalities));
    unic_status status = from->segment ? unic__codebook_cut(cb) : UNIC_OK;
    if (status != UNIC_OK) {
        unic__codebook_free(cb);
        return status;
    }
    unic__codebook_assign_state(cb, from);
    *out = cb;
    return UNIC_OK;
}

void unic__codebook_refresh(unic_codebook *cb)
{
    unic__code_table_refresh(&cb->table);
    if (cb->segment)
        unic__codebook_refresh_segments(cb);
}

void unic__codebook_nearest(const unic_codebook *cb, const float *z, size_t rows,
                            int32_t *codes)
{
    unic__assign(codes, z, rows, &cb->table);
}

void unic__codebook_set(unic_codebook *cb, const float *rows)
{
    size_t cells = cb->codes * cb->dim;
    memmove(cb->embedding, rows, cells * sizeof(float));
    memcpy(cb->sum, cb->embedding, cells * sizeof(float));
    memset(cb->idle, 0, cb->codes * cb->modalities * sizeof(int32_t));
    for (size_t l = 0; l < cb->codes; l++)
        cb->count[l] = 1.0F;
    cb->jittered = 0;
    unic__codebook_refresh(cb);
}

/* ---- P6: the EMA update ---- */

/* Rows of a code whose sum float32 holds. Of many more it would lose the last ones, first in part
 * and from 2^24 on altogether: those are added in double. */
enum { FEW = 1 << 14 };

/* One part's rows by their codes, and what the update makes of N, o and e: beside the codebook,
 * which takes it over once all of it is known to be finite. */
typedef struct update {
    double *more_hits, *more;  /* of the rows of a code behind its first FEW */
    float *hits, *sums;        /* n [L]; sum of the targets [L,D], in the end e */
    float *count, *sum;        /* N, o */
    const unic_codebook *from; /* as it was */
} update;

size_t unic__codebook_update_scratch(size_t codes, size_t dim)
{
    return 4 * codes * (dim + 1);
}

static update begin_update(const unic_codebook *cb, float *scratch)
{
    size_t codes = cb->codes, cells = codes * cb->dim;
    double *more = (double *)(void *)scratch;
    float *few = scratch + 2 * (codes + cells);
    update u = {.more_hits = more,
                .more = more + codes,
                .hits = few,
                .sums = few + codes,
                .count = few + codes + cells,
                .sum = few + 2 * codes + cells,
                .from = cb};
    memcpy(u.count, cb->count, codes * sizeof(float));
    memcpy(u.sum, cb->sum, cells * sizeof(float));
    return u;
}

static void clear(const update *u)
{
    const size_t count = u->from->codes * (u->from->dim + 1);
    memset(u->more_hits, 0, count * sizeof(double));
    memset(u->hits, 0, count * sizeof(float));
}

/* What the ranks have collected, hits and sums in one: each goes on with the same numbers. */
static void collect_ranks(const update *u)
{
    const size_t count = u->from->codes * (u->from->dim + 1);
    if (u->from->ranks)
        unic__ranks_sum(u->from->ranks, u->hits, count, UNIC_COMM_FLOAT32);
}

/* hits[l] and sums[l] of one part, rows in index order. */
static void collect(const update *u, const unic__ema_part *part)
{
    size_t dim = u->from->dim;
    for (size_t r = 0; r < part->rows; r++) {
        if (part->codes[r] < 0)
            continue;
        size_t l = (size_t)part->codes[r];
        const float *row = part->target + r * dim;
        if (u->hits[l] < (float)FEW) {
            u->hits[l] += 1.0F;
            for (size_t j = 0; j < dim; j++)
                u->sums[l * dim + j] += row[j];
        } else {
            u->more_hits[l] += 1.0;
            for (size_t j = 0; j < dim; j++)
                u->more[l * dim + j] += (double)row[j];
        }
    }
}

/* The rows of code l behind its first FEW to these. */
static void add_more(const update *u, size_t l)
{
    const size_t dim = u->from->dim;
    u->hits[l] = (float)((double)u->hits[l] + u->more_hits[l]);
    for (size_t j = l * dim; j < (l + 1) * dim; j++)
        u->sums[j] = (float)((double)u->sums[j] + u->more[j]);
}

/* hits and sums of n parts, and of all ranks. */
static void collect_parts(const update *u, const unic__ema_part *parts, size_t n)
{
    clear(u);
    for (size_t m = 0; m < n; m++)
        collect(u, &parts[m]);
    for (size_t l = 0; l < u->from->codes; l++)
        if (u->more_hits[l] > 0.0)
            add_more(u, l);
    collect_ranks(u);
}

/*
 * N <- gamma N + (1-gamma) n,  o <- gamma o + (1-gamma) sum,  e = o / N. A code without hits
 * keeps its e exactly (both shrink alike); N stops shrinking before it could vanish.
 */
static void joint_update(const update *u, float decay)
{
    const float floor = 1e-6F;
    size_t dim = u->from->dim;
    for (size_t l = 0; l < u->from->codes; l++) {
        float *o = u->sum + l * dim, *sums = u->sums + l * dim, hits = u->hits[l];
        if (hits > 0.0F || u->count[l] * decay >= floor) {
            u->count[l] = decay * u->count[l] + (1.0F - decay) * hits;
            for (size_t j = 0; j < dim; j++)
                o[j] = decay * o[j] + (1.0F - decay) * sums[j];
        }
        for (size_t j = 0; j < dim; j++)
            sums[j] = hits > 0.0F ? o[j] / u->count[l] : u->from->embedding[l * dim + j];
    }
}

/* A.3, for one modality: the smoothed count is stored back. As long as no code has had a hit,
 * n = 0, there is nothing to average: N and o wait for data. */
static void smoothed_update(const update *u, float decay, double epsilon)
{
    double n = 0.0;
    size_t codes = u->from->codes, dim = u->from->dim;
    for (size_t l = 0; l < codes; l++)
        n += (double)(decay * u->count[l] + (1.0F - decay) * u->hits[l]);
    if (n == 0.0)
        return;
    double scale = n / (n + (double)codes * epsilon);
    for (size_t l = 0; l < codes; l++) {
        float *o = u->sum + l * dim, *sums = u->sums + l * dim;
        float count = decay * u->count[l] + (1.0F - decay) * u->hits[l];
        u->count[l] = (float)(((double)count + epsilon) * scale);
        for (size_t j = 0; j < dim; j++)
            o[j] = decay * o[j] + (1.0F - decay) * sums[j];
    }
}

static void sequential_update(const update *u, float decay, double epsilon,
                              const unic__ema_part *parts)
{
    size_t dim = u->from->dim;
    for (size_t m = 0; m < u->from->modalities; m++) {
        collect_parts(u, &parts[m], 1);
        smoothed_update(u, decay, epsilon);
    }
    for (size_t l = 0; l < u->from->codes; l++)
        for (size_t j = l * dim; j < (l + 1) * dim; j++)
            u->sums[j] = u->count[l] > 0.0F ? u->sum[j] / u->count[l] : u->from->embedding[j];
}

/* Takes over N, o and e, all or none of them. */
static unic_status end_update(unic_codebook *cb, const update *u)
{
    size_t cells = cb->codes * cb->dim;
    UNIC__TRY(unic__ranks_status(cb->ranks));
    for (size_t l = 0; l < cb->codes; l++)
        if (!isfinite(u->count[l]) || !unic__all_finite(u->sum + l * cb->dim, cb->dim) ||
            !unic__all_finite(u->sums + l * cb->dim, cb->dim))
            return unic__fail(UNIC_E_NUMERIC,
                              "code %zu would become NaN or Inf: the targets are too large", l);
    memcpy(cb->count, u->count, cb->codes * sizeof(float));
    memcpy(cb->sum, u->sum, cells * sizeof(float));
    memcpy(cb->embedding, u->sums, cells * sizeof(float));
    unic__codebook_refresh(cb);
    return UNIC_OK;
}

unic_status unic__codebook_update(unic_codebook *cb, unic__ema_order order, double decay,
                                  double epsilon, const unic__ema_part *parts, float *scratch)
{
    update u = begin_update(cb, scratch);
    if (order == UNIC__EMA_SEQUENTIAL) {
        sequential_update(&u, (float)decay, epsilon, parts);
        return end_update(cb, &u);
    }
    collect_parts(&u, parts, cb->modalities);
    joint_update(&u, (float)decay);
    return end_update(cb, &u);
}

/* ---- P8: idle codes and their revival ---- */

void unic__codebook_count_idle(unic_codebook *cb, const unic__ema_part *parts)
{
    for (size_t m = 0; m < cb->modalities; m++) {
        int32_t *idle = cb->idle + m * cb->codes;
        bool present = false;
        for (size_t r = 0; r < parts[m].rows && !present; r++)
            present = parts[m].codes[r] >= 0;
        for (size_t l = 0; present && l < cb->codes; l++)
            idle[l] += idle[l] < INT32_MAX;
        for (size_t r = 0; r < parts[m].rows; r++)
            if (parts[m].codes[r] >= 0)
                idle[parts[m].codes[r]] = 0;
    }
}

/* How long ago the code was last of use: to any modality, or to the second best of them. */
static int32_t idle_of(const unic_codebook *cb, unic__reset rule, size_t l)
{
    int32_t best = INT32_MAX, second = INT32_MAX;
    for (size_t m = 0; m < cb->modalities; m++) {
        int32_t idle = cb->idle[m * cb->codes + l];
        if (idle < best) {
            second = best;
            best = idle;
        } else if (idle < second) {
            second = idle;
        }
    }
    return rule == UNIC__RESET_TWO && cb->modalities > 1 ? second : best;
}

/* Code l takes row `from`; `noise` for a copy of another code, which would else
 * be its double. */
static void restart(unic_codebook *cb, const unic__revival *r, size_t l, const float *from,
                    bool noise)
{
    float *e = cb->embedding + l * cb->dim;
    for (size_t j = 0; j < cb->dim; j++) {
        float u = 2.0F * unic__random_uniform(r->key, (l + 1) * 65536 + j) - 1.0F;
        e[j] = from[j] + (noise ? u / 1024.0F : 0.0F);
    }
    if (r->ema) {
        memcpy(cb->sum + l * cb->dim, e, cb->dim * sizeof(float));
        cb->count[l] = 1.0F;
    }
    for (size_t m = 0; m < cb->modalities; m++)
        cb->idle[m * cb->codes + l] = 0;
}

/* The codes to restart, the longest idle first and no more than may be, in `order`; from its end,
 * those in use (A.3). */
static size_t list_idle(const unic_codebook *cb, const unic__revival *r, int32_t *order,
                        size_t *in_use)
{
    enum { IN_USE = 100 }; /* idle for less; A.3's own number, whatever N_re is */
    const size_t most = r->max ? r->max : cb->codes;
    size_t n = 0, used = 0;
    for (size_t l = 0; l < cb->codes; l++) {
        int32_t idle = idle_of(cb, r->rule, l);
        if (idle < 0 || (size_t)idle <= r->steps) {
            if (idle < IN_USE)
                order[cb->codes - ++used] = (int32_t)l;
            continue;
        }
        size_t k = n;
        for (; k > 0 && idle_of(cb, r->rule, (size_t)order[k - 1]) < idle; k--)
            if (k < most)
                order[k] = order[k - 1];
        if (k < most)
            order[k] = (int32_t)l;
        n += n < most;
    }
    *in_use = used;
    return n;
}

/* The same, if there is anything to restart them from. */
static size_t list_due(const unic_codebook *cb, const unic__revival *r, int32_t *order,
                       size_t *used)
{
    size_t n = r->rule == UNIC__RESET_OFF ? 0 : list_idle(cb, r, order, used);
    if (n == 0 || (r->source == UNIC__SOURCE_ENCODER ? r->rows : *used) == 0)
        return 0;
    return n;
}

size_t unic__codebook_due(const unic_codebook *cb, const unic__revival *r, int32_t *order)
{
    size_t used;
    return list_due(cb, r, order, &used);
}

size_t unic__revival_row(const unic__revival *r, size_t i, const int32_t *order)
{
    return r->from ? (size_t)r->from[order[i]] : unic__random_below(r->key, i, r->rows);
}

size_t unic__codebook_revive(unic_codebook *cb, const unic__revival *r, int32_t *order)
{
    size_t used, n = list_due(cb, r, order, &used);
    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        size_t l = (size_t)order[i];
        if (r->source == UNIC__SOURCE_ENCODER) {
            restart(cb, r, l, r->z + unic__revival_row(r, i, order) * cb->dim, false);
        } else {
            size_t k = unic__random_below(r->key, i, used);
            restart(cb, r, l, cb->embedding + (size_t)order[cb->codes - 1 - k] * cb->dim, true);
        }
    }
    unic__codebook_refresh(cb);
    return n;
}

/* -p log p */
static double surprise(double count, double total)
{
    return count > 0.0 ? -(count / total * log(count / total)) : 0.0;
}

double unic__perplexity(const int64_t *counts, size_t n)
{
    double total = 0.0, entropy = 0.0;
    for (size_t i = 0; i < n; i++)
        total += (double)counts[i];
    for (size_t i = 0; i < n; i++)
        entropy += surprise((double)counts[i], total);
    return total > 0.0 ? exp(entropy) : 0.0;
}

double unic__codebook_perplexity(const unic_codebook *cb)
{
    double total = 0.0, entropy = 0.0;
    for (size_t l = 0; l < cb->codes; l++)
        total += (double)cb->count[l];
    for (size_t l = 0; l < cb->codes; l++)
        entropy += surprise((double)cb->count[l], total);
    return total > 0.0 ? exp(entropy) : 0.0;
}

uint64_t unic__codebook_fingerprint(const unic_codebook *cb)
{
    uint64_t h = UNIC__FNV_START;
    uint64_t sizes[2] = {cb->codes, cb->dim};
    h = unic__hash_bytes(h, sizes, sizeof sizes);
    return unic__hash_bytes(h, cb->embedding, cb->codes * cb->dim * sizeof(float));
}
