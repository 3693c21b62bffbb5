/*
 * The whole tiny models of check_model.c over 2 and 3 ranks, against PyTorch in float64: terms
 * and gradients, summed up over the ranks, come as near to it as those of one rank must.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"
#include "base/ranks.h"
#include "graph/graph_help.h"
#include "loss_help.h"
#include "train/thread_comm.h"
#include "train/training_graph.h"

/* One rank. */
typedef struct part {
    unic__ranks ranks;
    unic_codebook *codebook;
    unic__param_table params, club;
    unic__training_graph tg;
} part;

typedef struct whole {
    golden golden;
    unic_config *c;
    thread_world *world;
    loss_lengths lengths;
    size_t clips;
    part part[THREAD_RANKS];
} whole;

/* ---- inputs ---- */

/* Rows of the file's array from the rank's first on; those behind the last clip stay 0. */
static void copy_rows(const whole *w, const part *p, float *to, const float *from, size_t row)
{
    const size_t first = unic__first_row(&p->tg.objective);
    for (size_t b = 0; b < p->tg.batch && first + b < w->clips; b++)
        memcpy(to + b * row, from + (first + b) * row, row * sizeof *from);
}

static void fill_stream(const whole *w, part *p, size_t m)
{
    unic__objective *o = &p->tg.objective;
    const unic__stream *s = &p->tg.stream[m];
    const size_t first = unic__first_row(o), length = p->tg.length;
    const golden_array *x = golden_find(&w->golden, "%s.x", w->c->modality[m].name);
    float *all = s->all_mask->t.x;
    for (size_t row = 0; row < unic__all_batch(o); row++) {
        o->lengths[m][row] = row < w->clips ? w->lengths[m][row] : 0;
        for (size_t i = 0; i < length; i++)
            all[row * length + i] = (int32_t)i < o->lengths[m][row] ? 1.0F : 0.0F;
    }
    memcpy(s->lengths->t.ix, o->lengths[m] + first, o->batch * sizeof o->lengths[m][0]);
    memcpy(s->mask->t.x, all + first * length, o->batch * length * sizeof *all);
    ck_assert_ptr_nonnull(x);
    copy_rows(w, p, s->x->t.x, x->x, x->count / w->clips);
}

/* The steps that MICU keeps, and the modalities of its jigsaw. */
static void fill_micu(const whole *w, part *p)
{
    const unic__objective *o = &p->tg.objective;
    const unic__masked_inputs *masked = unic__objective_inputs_of(o, &unic__term_masked);
    const golden_array *kept = golden_find(&w->golden, "kept");
    if (kept)
        copy_rows(w, p, masked->keep->t.x, kept->x, kept->count / w->clips);
    loss_fill_chosen(o, unic__objective_inputs_of(o, &unic__term_jigsaw), &w->golden);
}

/* What CPC, CLUB and restoration draw is the file's. */
static void fill_draws(const whole *w, part *p)
{
    const golden_array *t = golden_find(&w->golden, "t");
    const golden_array *turn = golden_find(&w->golden, "permutation");
    const golden_array *masked = golden_find(&w->golden, "masked");
    const unic__restore_inputs *in = unic__objective_inputs_of(&p->tg.objective,
                                                               &unic__term_restore);
    int32_t at = t ? (int32_t)t->x[0] : 0, row[UNIC_MAX_MODALITIES][CLIPS];
    const int32_t *rows[UNIC_MAX_MODALITIES];
    for (size_t m = 0; m < p->tg.n; m++) {
        for (size_t b = 0; b < w->clips; b++)
            row[m][b] = turn ? (int32_t)turn->x[m * w->clips + b] : (int32_t)b;
        rows[m] = row[m];
    }
    const unic_draws draws = {
        .struct_size = sizeof draws, .cpc_step = &at, .club_permutation = rows};
    const unic__draw draw = {.given = &draws, .clips = w->clips};
    base_assert_ok(unic__objective_fill(&p->tg.objective, &draw));
    for (size_t m = 0; masked && m < p->tg.n; m++) {
        float *to = in->masked[m]->t.x;
        copy_rows(w, p, to, masked->x + m * w->clips * p->tg.length, p->tg.length);
        for (size_t i = 0; i < p->tg.batch * p->tg.length; i++)
            to[i] *= p->tg.stream[m].mask->t.x[i];
    }
}

static void fill_teachers(const whole *w, part *p)
{
    unic__param_table *teacher = &p->tg.teacher;
    for (size_t i = 0; i < teacher->n; i++) {
        const unic__param *to = teacher->at[i];
        const golden_array *value = golden_get(&w->golden, &to->shape, "teacher/%s", to->name);
        memcpy(teacher->values + to->offset, value->x, value->count * sizeof(float));
    }
    for (size_t m = 0; m < p->tg.n; m++) {
        const golden_array *past = golden_find(&w->golden, "queue/%s", w->c->modality[m].name);
        if (past)
            memcpy(p->tg.queue[m].rows, past->x, past->count * sizeof(float));
    }
}

static void open_part(whole *w, size_t r)
{
    part *p = &w->part[r];
    const unic_comm comm = thread_comm(w->world, r);
    const unic__shape codes = UNIC__SHAPE_OF(w->c->code_count, w->c->code_dim);
    base_assert_ok(unic__ranks_take(&p->ranks, &comm, "test"));
    base_assert_ok(unic__codebook_create(&p->codebook, w->c->code_count, w->c->code_dim,
                                         w->c->modality_count));
    p->codebook->ranks = &p->ranks;
    unic__codebook_set(p->codebook, golden_get(&w->golden, &codes, "embedding")->x);
    base_assert_ok(
        unic__training_graph_create(&p->tg, w->c, p->codebook, &p->params, &p->club));
    golden_load(&w->golden, &p->params);
    golden_load(&w->golden, &p->club);
    for (size_t m = 0; m < p->tg.n; m++)
        fill_stream(w, p, m);
    fill_draws(w, p);
    fill_micu(w, p);
    fill_teachers(w, p);
}

static void open_whole(whole *w, const char *name, size_t ranks)
{
    *w = (whole){.world = thread_world_new(ranks)};
    golden_open(&w->golden, name);
    w->c = golden_config(&w->golden);
    w->clips = w->c->batch;
    golden_lengths(&w->golden, w->lengths);
    for (size_t r = 0; r < ranks; r++)
        open_part(w, r);
}

static void close_whole(whole *w)
{
    for (size_t r = 0; r < w->world->size; r++) {
        part *p = &w->part[r];
        unic__training_graph_free(&p->tg);
        unic__param_table_free(&p->params);
        unic__param_table_free(&p->club);
        unic__codebook_free(p->codebook);
    }
    unic__config_free(w->c);
    golden_close(&w->golden);
    thread_world_free(w->world);
}

/* ---- a step's terms and gradients ---- */

static unic_status run(void *context, size_t r)
{
    part *p = &((whole *)context)->part[r];
    const unsigned phases[] = {UNIC__ENCODE, UNIC__ASSIGN, UNIC__SCORE};
    p->tg.main.run = (unic__run){.training = true, .part = r};
    for (size_t m = 0; m < p->tg.n; m++)
        p->tg.club[m].run = p->tg.main.run;
    memset(p->params.grads, 0, p->params.total * sizeof(float));
    memset(p->club.grads, 0, p->club.total * sizeof(float));
    for (size_t i = 0; i < 3; i++)
        unic__graph_forward(&p->tg.main, phases[i]);
    for (size_t m = 0; m < p->tg.n; m++)
        unic__graph_forward(&p->tg.club[m], 0);
    for (size_t i = 3; i-- > 0;)
        unic__graph_backward(&p->tg.main, phases[i]);
    unic__ranks_sum(&p->ranks, p->params.grads, p->params.total, UNIC_COMM_FLOAT32);
    unic__ranks_sum(&p->ranks, p->club.grads, p->club.total, UNIC_COMM_FLOAT32);
    return p->tg.main.run.status;
}

/* ---- against PyTorch ---- */

static const double tolerance = 1e-5; /* docs/design.md */

static void compare_number(const whole *w, double sum, double least, const char *kind,
                           const char *name)
{
    const golden_array *want = golden_get(&w->golden, &UNIC__SCALAR, "%s/%s", kind, name);
    const float got = (float)sum;
    golden_within(&w->golden, want, &got, tolerance * fmax(least, fabs((double)want->x[0])));
}

static void compare_terms(const whole *w)
{
    const part *p = &w->part[0];
    for (size_t i = 0; i < p->tg.objective.term_count; i++) {
        const char *name = p->tg.objective.term[i].name;
        double sum = 0.0;
        for (size_t r = 0; r < w->world->size; r++)
            sum += (double)w->part[r].tg.objective.term[i].node->t.x[0];
        /* CLUB is a difference of two means of size 1 and more, whatever is left of them. */
        compare_number(w, sum, strncmp(name, "club.", 5) == 0 ? 0.1 : 0.0, "out", name);
    }
    for (size_t m = 0; m < p->tg.n && p->tg.club_fit[m]; m++) {
        double sum = 0.0;
        for (size_t r = 0; r < w->world->size; r++)
            sum += (double)w->part[r].tg.club_fit[m]->t.x[0];
        compare_number(w, sum, 0.0, "fit", w->c->modality[m].name);
    }
}

static void compare_codes(const whole *w, const part *p)
{
    const size_t length = p->tg.length, first = unic__first_row(&p->tg.objective);
    for (size_t m = 0; m < p->tg.n; m++) {
        const golden_array *want = golden_find(&w->golden, "codes/%s", w->c->modality[m].name);
        for (size_t i = 0; i < p->tg.batch * length; i++)
            if (p->tg.stream[m].mask->t.x[i] > 0.0F)
                ck_assert_int_eq(p->tg.stream[m].codes->t.ix[i],
                                 (int32_t)want->x[first * length + i]);
    }
}

static void compare_gradients(const whole *w, const unic__param_table *params)
{
    for (size_t i = 0; i < params->n; i++) {
        const unic__param *p = params->at[i];
        golden_compare_gradient(&w->golden, &p->shape, p->name, params->grads + p->offset,
                                tolerance);
    }
}

static const char *const models[] = {"model_paper", "model_light",     "model_compat",
                                     "model_mst",   "model_mst_first", "model_turn",
                                     "model_codis", "model_codis_3",   "model_micu"};
enum { MODELS = 9 };

static whole w;

START_TEST(terms_and_gradients)
{
    const size_t ranks = 2 + (size_t)_i / MODELS;
    unic_status status[THREAD_RANKS];
    open_whole(&w, models[_i % MODELS], ranks);
    thread_run(w.world, run, &w, status);
    compare_terms(&w);
    for (size_t r = 0; r < ranks; r++) {
        base_assert_ok(status[r]);
        compare_codes(&w, &w.part[r]);
        compare_gradients(&w, &w.part[r].params);
        if (w.c->behaviour == UNIC__COMPAT)
            compare_gradients(&w, &w.part[r].club);
    }
    close_whole(&w);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("model_ranks");
    tcase_add_loop_test(t, terms_and_gradients, 0, 2 * MODELS);
    return base_run("loss/model_ranks", t);
}
