#include "train/together.h"

#include <string.h>

unic_status unic__together_allows(const unic_trainer *t)
{
    if (t->config->batch < t->ranks->size)
        return unic__fail(UNIC_E_CONFIG,
                          "train.batch = %zu, the clips of all ranks, is less than their "
                          "number, %zu",
                          t->config->batch, t->ranks->size);
    return UNIC_OK;
}

/* What ranks tell each other of a step first; behind it the clips' lengths. */
enum { STATUS, CLIPS, TRAINS, FIRST_LENGTH };

unic_status unic__together_create(unic_trainer *t)
{
    enum { LARGEST = 1 << 19 }; /* 2 MB: a message that is worth its latency */
    const size_t steps = t->graph.batch * t->graph.length, parts = t->params.total / 16;
    t->own_codes = unic__alloc_array(t->graph.n * steps, sizeof *t->own_codes);
    t->source_of = unic__alloc_array(t->codebook->codes, sizeof *t->source_of);
    t->exchange = unic__alloc_array((t->ranks->size + 1) *
                                        (FIRST_LENGTH + t->graph.n * t->graph.batch),
                                    sizeof *t->exchange);
    if (!t->own_codes || !t->source_of || !t->exchange)
        return unic__no_memory(t->graph.n * steps * sizeof *t->own_codes, "a rank's batch");
    return unic__grad_sums_create(&t->grad_sums, &t->graph.main,
                                  parts < LARGEST ? parts : LARGEST);
}

void unic__together_free(unic_trainer *t)
{
    unic__grad_sums_free(&t->grad_sums);
    unic__free(t->own_codes);
    unic__free(t->source_of);
    unic__free(t->exchange);
}

/* ---- the same state everywhere ---- */

static uint64_t hash_adam(uint64_t h, const unic__adam *adam)
{
    const size_t bytes = adam->params->total * sizeof(float);
    h = unic__hash_bytes(h, adam->params->values, bytes);
    h = unic__hash_bytes(h, adam->m, bytes);
    h = unic__hash_bytes(h, adam->v, bytes);
    return unic__hash_bytes(h, &adam->steps, sizeof adam->steps);
}

/* What CODIS remembers. */
static uint64_t hash_past(uint64_t h, const unic__training_graph *tg)
{
    h = unic__hash_bytes(h, tg->teacher.values, tg->teacher.total * sizeof(float));
    for (size_t m = 0; m < tg->n; m++) {
        const unic__memory_queue *q = &tg->queue[m];
        h = unic__hash_bytes(h, q->rows, q->capacity * q->dim * sizeof *q->rows);
        h = unic__hash_bytes(h, &q->next, sizeof q->next);
    }
    return h;
}

static uint64_t hash_codebook(uint64_t h, const unic_codebook *cb)
{
    h = unic__hash_bytes(h, cb->embedding, cb->codes * cb->dim * sizeof(float));
    h = unic__hash_bytes(h, cb->count, cb->codes * sizeof(float));
    h = unic__hash_bytes(h, cb->sum, cb->codes * cb->dim * sizeof(float));
    return unic__hash_bytes(h, cb->idle, cb->modalities * cb->codes * sizeof(int32_t));
}

static uint64_t hash_state(const unic_trainer *t)
{
    const uint64_t counters[] = {t->steps, t->total_steps, t->started};
    uint64_t h = unic__hash_bytes(UNIC__FNV_START, counters, sizeof counters);
    h = unic__hash_bytes(h, t->guard.lowered, sizeof t->guard.lowered);
    h = hash_adam(hash_adam(h, &t->adam), &t->club_adam);
    h = hash_codebook(hash_past(h, &t->graph), t->codebook);
    for (size_t m = 0; m < t->graph.n && t->segment[m]; m++)
        h = hash_codebook(h, t->segment[m]);
    return t->level2 ? hash_codebook(h, t->level2) : h;
}

enum { CONFIG, CHECKS, STATE, STEP, HASHES };

unic_status unic__together_check(unic_trainer *t, bool training)
{
    const int32_t asked = t->ranks->comm.check_steps;
    const uint64_t every = asked == 0 ? 100 : (uint64_t)asked;
    if (t->checked && (!training || asked < 0 || t->steps % every))
        return UNIC_OK;
    const uint64_t mine[HASHES] = {
        [CONFIG] = unic__hash_bytes(UNIC__FNV_START, t->text, strlen(t->text)),
        [CHECKS] = every,
        [STATE] = hash_state(t),
        [STEP] = t->steps};
    uint64_t all[UNIC__MAX_RANKS][HASHES];
    unic__ranks_gather(t->ranks, mine, sizeof mine, all);
    UNIC__TRY(unic__ranks_status(t->ranks));
    for (size_t r = 1; r < t->ranks->size; r++) {
        if (all[r][CONFIG] != all[0][CONFIG])
            return unic__fail(UNIC_E_STATE, "rank %zu has another config than rank 0", r);
        if (all[r][CHECKS] != all[0][CHECKS]) /* they would soon ask for different things */
            return unic__fail(UNIC_E_STATE,
                              "rank %zu has comm->check_steps = %d, and rank 0 %d: the same at "
                              "all ranks expected",
                              r, (int)all[r][CHECKS], (int)all[0][CHECKS]);
        if (all[r][STATE] != all[0][STATE])
            return unic__fail(UNIC_E_STATE,
                              "step %llu: the state of rank %zu, at its step %llu, is not that "
                              "of rank 0, at step %llu: they began from different runs, or the "
                              "ranks' machines compute differently",
                              (unsigned long long)t->steps, r, (unsigned long long)all[r][STEP],
                              (unsigned long long)all[0][STEP]);
    }
    t->checked = true;
    return UNIC_OK;
}

/* ---- the shape of a step ---- */

/* A stream's mask, as a rank fills its own: 1 on a clip's first steps. */
static void fill_whole(unic_trainer *t, size_t m, const int32_t *all, size_t each)
{
    unic__objective *o = &t->graph.objective;
    const size_t batch = t->graph.batch, length = t->graph.length;
    float *mask = t->graph.stream[m].all_mask->t.x;
    for (size_t row = 0; row < unic__all_batch(o); row++) {
        const size_t b = row % batch;
        o->lengths[m][row] = all[row / batch * each + FIRST_LENGTH + m * batch + b];
        for (size_t i = 0; i < length; i++)
            mask[row * length + i] = (int32_t)i < o->lengths[m][row] ? 1.0F : 0.0F;
    }
}

unic_status unic__together_lengths(unic_trainer *t, unic_status status, size_t clips,
                                   bool training, size_t *whole)
{
    const size_t batch = t->graph.batch, each = FIRST_LENGTH + t->graph.n * batch;
    int32_t *mine = t->exchange, *all = mine + each;
    mine[STATUS] = (int32_t)status;
    mine[CLIPS] = (int32_t)clips;
    mine[TRAINS] = training;
    for (size_t m = 0; m < t->graph.n; m++)
        memcpy(mine + FIRST_LENGTH + m * batch, t->graph.stream[m].lengths->t.ix,
               batch * sizeof *mine);
    unic__ranks_gather(t->ranks, mine, each * sizeof *mine, all);
    if (status != UNIC_OK)
        return status;
    UNIC__TRY(unic__ranks_status(t->ranks));
    *whole = 0;
    for (size_t r = 0; r < t->ranks->size; r++) {
        const int32_t *of = all + r * each;
        if (of[STATUS] != (int32_t)UNIC_OK)
            return unic__ranks_refused(t->ranks, r, (unic_status)of[STATUS]);
        if (of[TRAINS] != all[TRAINS])
            return unic__fail(UNIC_E_STATE,
                              "rank %zu takes a step while rank %zu evaluates: all ranks make "
                              "the same calls, in the same order",
                              of[TRAINS] ? r : 0, of[TRAINS] ? 0 : r);
        *whole = of[CLIPS] > 0 ? r * batch + (size_t)of[CLIPS] : *whole;
    }
    for (size_t m = 0; m < t->graph.n; m++)
        fill_whole(t, m, all, each);
    if (unic__source_rows(t) == 0)
        return unic__fail(UNIC_E_VALUE, "no clip of the batch has a step, at any rank: the "
                                        "lengths of all modalities are 0");
    return UNIC_OK;
}

/* ---- codes ---- */

void unic__together_codes(unic_trainer *t, const int32_t *own, int32_t *codes)
{
    const size_t steps = t->graph.batch * t->graph.length, all = unic__all_steps(t);
    for (size_t m = 0; m < t->graph.n; m++)
        unic__ranks_gather(t->ranks, own + m * steps, steps * sizeof *codes, codes + m * all);
}

/* ---- encoder outputs, numbered as one rank would have them (unic__source_rows) ---- */

/* Clip `row` of the whole batch is one of this rank's. */
static bool is_own(const unic__objective *o, size_t row)
{
    const size_t first = unic__first_row(o);
    return row >= first && row < first + o->batch;
}

/* This rank's output that has this number, which is in t->rows, or NULL: another's. */
static const float *own_row(const unic_trainer *t, size_t number, size_t dim)
{
    const unic__objective *o = &t->graph.objective;
    size_t before = 0; /* own ones */
    for (size_t k = 0; k < unic__row_kinds(t); k++)
        for (size_t row = 0; row < unic__all_batch(o); row++) {
            const size_t n = unic__rows_of_kind(t, k, row);
            const bool own = is_own(o, row);
            if (number < n)
                return own ? t->rows + (before + number) * dim : NULL;
            number -= n;
            before += own ? n : 0;
        }
    return NULL;
}

/* How many of kind k one rank has. */
static size_t rows_of_rank(const unic_trainer *t, size_t k, size_t rank)
{
    const size_t batch = t->graph.batch;
    size_t n = 0;
    for (size_t row = rank * batch; row < (rank + 1) * batch; row++)
        n += unic__rows_of_kind(t, k, row);
    return n;
}

/* to [R,B T,D] <- the rows of all ranks that this one has `own` of, and the valid ones to its
 * front; how many. */
static size_t gather_kind(unic_trainer *t, size_t k, const float *own, float *to, size_t dim)
{
    const size_t most = t->graph.batch * t->graph.length * dim;
    size_t n = 0;
    unic__ranks_gather(t->ranks, own, most * sizeof *to, to);
    for (size_t r = 0; r < t->ranks->size; r++) {
        const size_t valid = rows_of_rank(t, k, r);
        memmove(to + n * dim, to + r * most, valid * dim * sizeof *to);
        n += valid;
    }
    return n;
}

unic_status unic__together_rows(unic_trainer *t, size_t dim, float **rows, size_t *count)
{
    const size_t kinds = unic__row_kinds(t), floats = kinds * unic__all_steps(t) * dim;
    const float *own = t->rows;
    *count = 0;
    *rows = unic__alloc_array(floats, sizeof **rows);
    unic_status status = *rows ? UNIC_OK
                               : unic__no_memory(floats * sizeof **rows, "all ranks' vectors");
    status = unic__ranks_agree(t->ranks, status);
    for (size_t k = 0; *rows && status == UNIC_OK && k < kinds; k++) {
        /* there is room behind: no kind has more rows than steps */
        *count += gather_kind(t, k, own, *rows + *count * dim, dim);
        own += rows_of_rank(t, k, t->ranks->rank) * dim;
        status = unic__ranks_status(t->ranks);
    }
    if (status != UNIC_OK) {
        unic__free(*rows);
        *rows = NULL;
    }
    return status;
}

unic_status unic__together_sources(unic_trainer *t, const unic_codebook *cb,
                                   unic__revival *revival, const unic__source_scratch *to)
{
    const size_t dim = cb->dim, n = unic__codebook_due(cb, revival, to->order);
    if (n == 0 || revival->source != UNIC__SOURCE_ENCODER)
        return UNIC_OK;
    memset(to->z, 0, n * dim * sizeof *to->z);
    for (size_t i = 0; i < n; i++) {
        const float *row = own_row(t, unic__revival_row(revival, i, to->order), dim);
        if (row)
            memcpy(to->z + i * dim, row, dim * sizeof *row);
        to->from[to->order[i]] = (int32_t)i;
    }
    unic__ranks_sum(t->ranks, to->z, n * dim, UNIC_COMM_FLOAT32);
    revival->z = to->z;
    revival->rows = n;
    revival->from = to->from;
    return unic__ranks_status(t->ranks);
}

/* ---- figures ---- */

void unic__together_norms_begin(unic_trainer *t)
{
    if (t->config->behaviour == UNIC__COMPAT && t->ranks->rank > 0)
        memset(t->club.grads, 0, t->club.total * sizeof *t->club.grads);
}

void unic__together_norms_end(unic_trainer *t)
{
    unic__ranks_sum(t->ranks, t->club.grads, t->club.total, UNIC_COMM_FLOAT32);
}

void unic__together_terms(unic_trainer *t)
{
    const unic__objective *o = &t->graph.objective;
    float *at[UNIC__MAX_TERMS + UNIC__MOST_CLUBS];
    double sum[UNIC__MAX_TERMS + UNIC__MOST_CLUBS];
    size_t n = 0;
    for (size_t i = 0; i < o->term_count; i++)
        at[n++] = o->term[i].node->t.x;
    for (size_t m = 0; m < t->graph.clubs && t->graph.club_fit[m]; m++)
        at[n++] = t->graph.club_fit[m]->t.x;
    for (size_t i = 0; i < n; i++)
        sum[i] = (double)*at[i];
    unic__ranks_sum(t->ranks, sum, n, UNIC_COMM_FLOAT64);
    for (size_t i = 0; i < n; i++)
        *at[i] = (float)sum[i];
}
