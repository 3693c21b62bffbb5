#include "train/code_segments.h"

#include <stdio.h>
#include <string.h>

#include "array/array.h"

/*
 * CoDAAR's codebook (main_model_novel.py of its released code) with its defects repaired. Of each
 * segment, with A^m the steps of modality m by their codes,
 *   N^m <- gamma N^m + (1-gamma) n^m,   o^m <- gamma o^m + (1-gamma) A^m^T target^m
 *   e^m = o^m / N^m, blended (unic__codebook_blend)
 * N and o are not blended, so blending does not add up over the steps. What is repaired:
 *   - N starts at 1 and o at e, from encoder outputs (ema.start). The release starts at N = 0,
 *     which throws codes that are not hit at once far away in the first step;
 *   - a code without hits keeps its e, since N and o shrink alike;
 *   - a code that starts anew does so in N and o of all segments (reset.ema). In the release the
 *     next step undoes it;
 *   - evaluation computes what training does and changes nothing.
 * behaviour = compat sets ema.start, ema.order and reset.* to the release's.
 */

static size_t width_of(const unic_trainer *t)
{
    return t->config->code_dim;
}

unic_status unic__segments_create(unic_trainer *t)
{
    UNIC__TRY(unic__codebook_cut(t->codebook));
    for (size_t m = 0; m < t->config->modality_count; m++) {
        for (size_t i = 0; i < 2; i++)
            UNIC__TRY(unic__codebook_create(i ? &t->segment_backup[m] : &t->segment[m],
                                            t->codebook->codes, width_of(t), 1));
        t->segment[m]->ranks = t->ranks;
    }
    unic__segments_take(t);
    return UNIC_OK;
}

void unic__segments_free(unic_trainer *t)
{
    for (size_t m = 0; m < UNIC_MAX_MODALITIES; m++) {
        unic__codebook_free(t->segment[m]);
        unic__codebook_free(t->segment_backup[m]);
    }
}

/* ---- rows of all segments ---- */

/* Whether modality m has step i of the batch. */
static bool has(const unic_trainer *t, size_t m, size_t i)
{
    return t->graph.stream[m].mask->t.x[i] > 0.0F;
}

/* to [D] = the mean of step i's z over the modalities that have it. */
static void mean_z(const unic_trainer *t, size_t i, float *to)
{
    const size_t width = width_of(t);
    float count = 0.0F;
    memset(to, 0, width * sizeof *to);
    for (size_t m = 0; m < t->graph.n; m++) {
        const float *z = t->graph.stream[m].z->t.x + i * width;
        for (size_t d = 0; d < width && has(t, m, i); d++)
            to[d] += z[d];
        count += has(t, m, i) ? 1.0F : 0.0F;
    }
    for (size_t d = 0; d < width; d++)
        to[d] /= count;
}

size_t unic__segments_rows(unic_trainer *t)
{
    const size_t steps = t->graph.batch * t->graph.length, width = width_of(t);
    size_t rows = 0;
    for (size_t i = 0; i < steps; i++) {
        float *row = t->rows + rows * t->codebook->dim;
        bool any = false;
        for (size_t m = 0; m < t->graph.n; m++)
            any = any || has(t, m, i);
        for (size_t m = 0; m < t->graph.n && any; m++)
            if (has(t, m, i))
                memcpy(row + m * width, t->graph.stream[m].z->t.x + i * width,
                       width * sizeof *row);
            else
                mean_z(t, i, row + m * width);
        rows += any;
    }
    return rows;
}

/* ---- between the segments and the codebook ---- */

void unic__segments_take(unic_trainer *t)
{
    const unic_codebook *cb = t->codebook;
    const size_t width = width_of(t);
    for (size_t m = 0; m < t->config->modality_count; m++) {
        unic_codebook *s = t->segment[m];
        unic__codebook_set(s, cb->segment[m].embedding);
        for (size_t l = 0; l < s->codes; l++) {
            s->count[l] = cb->count[l];
            memcpy(s->sum + l * width, cb->sum + l * cb->dim + m * width,
                   width * sizeof(float));
        }
    }
}

/* The codebook's e is the segments' blended; its N is their mean, so that o = N e. */
static void compose(unic_trainer *t)
{
    unic_codebook *cb = t->codebook;
    const size_t width = width_of(t), n = t->config->modality_count;
    for (size_t l = 0; l < cb->codes; l++) {
        cb->count[l] = 0.0F;
        for (size_t m = 0; m < n; m++) {
            memcpy(cb->embedding + l * cb->dim + m * width,
                   t->segment[m]->embedding + l * width, width * sizeof(float));
            cb->count[l] += t->segment[m]->count[l] / (float)n;
        }
    }
    unic__codebook_blend(cb);
    for (size_t l = 0; l < cb->codes; l++)
        for (size_t i = l * cb->dim; i < (l + 1) * cb->dim; i++)
            cb->sum[i] = cb->count[l] * cb->embedding[i];
    unic__codebook_refresh(cb);
}

void unic__segments_backup(unic_trainer *t)
{
    for (size_t m = 0; m < t->config->modality_count; m++)
        unic__codebook_assign_state(t->segment_backup[m], t->segment[m]);
}

void unic__segments_restore(unic_trainer *t)
{
    for (size_t m = 0; m < t->config->modality_count; m++)
        unic__codebook_assign_state(t->segment[m], t->segment_backup[m]);
}

unic_status unic__segments_update(unic_trainer *t, const unic__ema_part *parts)
{
    const unic_config *c = t->config;
    for (size_t m = 0; m < c->modality_count; m++) {
        const unic_status status = unic__codebook_update(t->segment[m], c->ema_order,
                                                         c->ema_decay, c->ema_epsilon,
                                                         &parts[m], t->ema_scratch);
        if (status != UNIC_OK)
            return unic__fail_in(status, "the segment of %s", c->modality[m].name);
    }
    compose(t);
    return UNIC_OK;
}

void unic__segments_restart(unic_trainer *t, const int32_t *codes, size_t n)
{
    const unic_codebook *cb = t->codebook;
    const size_t width = width_of(t);
    if (!t->config->reset_ema)
        return; /* the release: the next update undoes it, unless the code is selected */
    for (size_t m = 0; m < t->config->modality_count; m++)
        for (size_t i = 0; i < n; i++) {
            const size_t l = (size_t)codes[i];
            unic_codebook *s = t->segment[m];
            memcpy(s->embedding + l * width, cb->segment[m].embedding + l * width,
                   width * sizeof(float));
            memcpy(s->sum + l * width, s->embedding + l * width, width * sizeof(float));
            s->count[l] = 1.0F;
        }
    compose(t);
}

/* ---- in a run's file: segment/<modality>.<what> ---- */

typedef struct member {
    const char *what;
    size_t rank; /* 1: [L], 2: [L,D] */
    size_t at;   /* offset of the float pointer in unic_codebook */
} member;

static const member members[] = {
    {"embedding", 2, offsetof(unic_codebook, embedding)},
    {"ema_count", 1, offsetof(unic_codebook, count)},
    {"ema_sum", 2, offsetof(unic_codebook, sum)},
};
enum { MEMBERS = sizeof members / sizeof members[0], NAME = UNIC__NAME_SIZE + 32 };

static unic__shape shape_of(const unic_config *c, const member *of)
{
    return of->rank == 1 ? UNIC__SHAPE_OF(c->code_count)
                         : UNIC__SHAPE_OF(c->code_count, c->code_dim);
}

static float *numbers_of(const unic_codebook *segment, const member *of)
{
    return *(float *const *)(const void *)((const char *)segment + of->at);
}

void unic__segments_bundle(const unic_trainer *t, unic__bundle *b, unic__arena *names)
{
    const unic_config *c = t->config;
    for (size_t m = 0; m < c->modality_count; m++)
        for (size_t i = 0; i < MEMBERS; i++) {
            const char *name = unic__arena_printf(names, "segment/%s.%s", c->modality[m].name,
                                                  members[i].what);
            if (!name && b->status == UNIC_OK)
                b->status = unic__no_memory(NAME, "a name");
            unic__bundle_f32(b, name, shape_of(c, &members[i]),
                             numbers_of(t->segment[m], &members[i]));
        }
}

static void name_member(const unic_config *c, size_t m, size_t i, char name[NAME])
{
    snprintf(name, NAME, "segment/%s.%s", c->modality[m].name, members[i].what);
}

unic_status unic__segments_expect(unic__npz *z, const unic_config *c)
{
    char name[NAME];
    for (size_t m = 0; m < c->modality_count; m++)
        for (size_t i = 0; i < MEMBERS; i++) {
            name_member(c, m, i, name);
            UNIC__TRY(unic__expect_array(z, name, shape_of(c, &members[i])));
        }
    return UNIC_OK;
}

unic_status unic__segments_read(unic_trainer *t, unic__npz *z)
{
    char name[NAME];
    const unic_config *c = t->config;
    for (size_t m = 0; m < c->modality_count; m++) {
        for (size_t i = 0; i < MEMBERS; i++) {
            name_member(c, m, i, name);
            UNIC__TRY(unic__read_f32(z, name, shape_of(c, &members[i]),
                                     numbers_of(t->segment[m], &members[i])));
        }
        for (size_t l = 0; l < c->code_count; l++)
            if (t->segment[m]->count[l] < 0.0F)
                return unic__fail(UNIC_E_FORMAT, "%s: segment/%s.ema_count[%zu] is %g",
                                  unic__npz_path(z), c->modality[m].name, l,
                                  (double)t->segment[m]->count[l]);
        unic__codebook_refresh(t->segment[m]);
    }
    return UNIC_OK;
}
