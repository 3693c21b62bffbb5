/*
 * A whole tiny model, from features to every term of P9 and the gradient of every parameter,
 * against PyTorch in float64: the training graph with the file's parameters in it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/graph_help.h"
#include "loss_help.h"
#include "train/training_graph.h"

typedef struct whole {
    golden golden;
    unic_config *c;
    unic_codebook *codebook, *level2;
    unic__param_table params, club;
    unic__training_graph tg;
    loss_lengths lengths;
} whole;

/* The teachers' parameters and their queues, where the case has any. */
static void fill_teachers(whole *w)
{
    unic__param_table *teacher = &w->tg.teacher;
    for (size_t i = 0; i < teacher->n; i++) {
        const unic__param *p = teacher->at[i];
        const golden_array *value = golden_get(&w->golden, &p->shape, "teacher/%s", p->name);
        memcpy(teacher->values + p->offset, value->x, value->count * sizeof(float));
    }
    for (size_t m = 0; m < w->tg.n; m++) {
        const golden_array *past = golden_find(&w->golden, "queue/%s", w->c->modality[m].name);
        if (past)
            memcpy(w->tg.queue[m].rows, past->x, past->count * sizeof(float));
    }
}

static loss_inputs inputs_of(const unic__training_graph *tg, const unic__objective *o,
                             unic__stream *streams)
{
    unic__club_inputs *club = unic__objective_inputs_of(o, &unic__term_club);
    return (loss_inputs){tg->n,
                         tg->batch,
                         tg->length,
                         streams,
                         unic__objective_inputs_of(o, &unic__term_cross_cpc),
                         unic__objective_inputs_of(o, &unic__term_code_match),
                         club->permutation};
}

static void fill_inputs(whole *w)
{
    unic__training_graph *tg = &w->tg;
    const unic__objective *o = &tg->objective;
    const loss_inputs in = inputs_of(tg, o, tg->stream);
    golden_lengths(&w->golden, w->lengths);
    loss_fill(&in, w->c, &w->golden, w->lengths);
    if (w->level2) {
        const loss_inputs second = inputs_of(tg, &tg->level2.objective, tg->level2.stream);
        loss_fill(&second, w->c, &w->golden, w->lengths);
        tg->level2.gate->t.x[0] = 1.0F;
    }
    base_assert_ok(unic__term_contrast.fill(
        o, unic__objective_inputs_of(o, &unic__term_contrast), &(unic__draw){.step = 0}));
    base_assert_ok(unic__term_codis.fill(o, unic__objective_inputs_of(o, &unic__term_codis),
                                         &(unic__draw){.step = 0}));
    fill_teachers(w);
    loss_fill_masked(unic__objective_inputs_of(o, &unic__term_restore), &w->golden, tg->n,
                     tg->stream);
    base_assert_ok(unic__term_masked.fill(o, unic__objective_inputs_of(o, &unic__term_masked),
                                          &(unic__draw){.step = 0}));
    loss_fill_kept(unic__objective_inputs_of(o, &unic__term_masked), &w->golden);
    loss_fill_chosen(o, unic__objective_inputs_of(o, &unic__term_jigsaw), &w->golden);
    for (size_t m = 0; m < tg->n; m++) {
        const unic__shape *shape = &tg->stream[m].x->t.shape;
        const golden_array *x = golden_get(&w->golden, shape, "%s.x", w->c->modality[m].name);
        memcpy(tg->stream[m].x->t.x, x->x, x->count * sizeof(float));
    }
}

static size_t count_named(const golden *k, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++)
        n += strncmp(k->at[i].name, prefix, strlen(prefix)) == 0;
    return n;
}

/* The second level's codes. */
static void open_level2(whole *w)
{
    const unic__shape codes = UNIC__SHAPE_OF(w->c->level2_count, w->c->code_dim);
    base_assert_ok(
        unic__codebook_create(&w->level2, codes.dim[0], codes.dim[1], w->c->modality_count));
    unic__codebook_set(w->level2, golden_get(&w->golden, &codes, "level2.embedding")->x);
    w->codebook->level2 = w->level2;
}

static void open_whole(whole *w, const char *name, const char *more)
{
    *w = (whole){.c = NULL};
    golden_open(&w->golden, name);
    w->c = golden_config(&w->golden);
    base_assert_ok(unic__config_parse(w->c, more, strlen(more), NULL));
    const unic__shape codes = UNIC__SHAPE_OF(w->c->code_count, unic__config_row_width(w->c));
    base_assert_ok(
        unic__codebook_create(&w->codebook, codes.dim[0], codes.dim[1], w->c->modality_count));
    if (w->c->code_segments)
        base_assert_ok(unic__codebook_cut(w->codebook));
    if (w->c->level2_weight > 0.0)
        open_level2(w);
    unic__codebook_set(w->codebook, golden_get(&w->golden, &codes, "embedding")->x);
    base_assert_ok(
        unic__training_graph_create(&w->tg, w->c, w->codebook, &w->params, &w->club));
    size_t n = golden_load(&w->golden, &w->params) + golden_load(&w->golden, &w->club);
    ck_assert_uint_eq(n, count_named(&w->golden, "param/")); /* none is left over */
    fill_inputs(w);
}

static void close_whole(whole *w)
{
    unic__training_graph_free(&w->tg);
    unic__param_table_free(&w->params);
    unic__param_table_free(&w->club);
    unic__codebook_free(w->codebook);
    unic__codebook_free(w->level2);
    unic__config_free(w->c);
    golden_close(&w->golden);
}

static void run(whole *w)
{
    w->tg.main.run.training = true;
    memset(w->club.grads, 0, w->club.total * sizeof(float));
    unic__graph_forward(&w->tg.main, UNIC__ENCODE);
    unic__graph_forward(&w->tg.main, UNIC__ASSIGN);
    for (size_t m = 0; m < w->tg.clubs; m++)
        unic__graph_forward(&w->tg.club[m], 0);
    unic__graph_forward(&w->tg.main, UNIC__SCORE);
    w->tg.main.params = &w->params; /* whose gradients graph_backward clears */
    graph_backward(&w->tg.main);
    ck_assert_int_eq(w->tg.main.run.status, UNIC_OK);
}

/* ---- against PyTorch ---- */

static const double tolerance = 1e-5; /* docs/design.md */

static bool is_there(const whole *w, size_t m, size_t step)
{
    return (int32_t)(step % w->tg.length) < w->lengths[m][step / w->tg.length];
}

static void compare_streams(whole *w)
{
    const size_t dim = w->c->code_dim;
    for (size_t k = 0; k < w->tg.clubs; k++) { /* of a second level too */
        const size_t m = k % w->tg.n;
        const unic__stream *s = k < w->tg.n ? &w->tg.stream[m] : &w->tg.level2.stream[m];
        const char *name = s->m->name;
        const golden_array *codes = golden_get(&w->golden, &s->mask->t.shape, "codes/%s", name);
        for (size_t i = 0; i < codes->count; i++) {
            if (is_there(w, m, i))
                ck_assert_int_eq(s->codes->t.ix[i], (int32_t)codes->x[i]);
            else /* a target of nobody's */
                memset(s->target->t.x + i * dim, 0, dim * sizeof(float));
        }
        golden_compare(&w->golden,
                       golden_get(&w->golden, &s->target->t.shape, "target/%s", name),
                       s->target->t.x, tolerance);
        golden_compare(&w->golden, golden_get(&w->golden, &UNIC__SCALAR, "fit/%s", name),
                       w->tg.club_fit[k]->t.x, tolerance);
    }
}

static double weight_of(const unic_config *c, const char *term)
{
    const char *second = strstr(term, ".level2");
    if (second) { /* the first level's times level2.weight */
        char first[UNIC__TERM_SIZE] = "";
        memcpy(first, term, (size_t)(second - term));
        return c->level2_weight * weight_of(c, first);
    }
    return strncmp(term, "reconstruction.", 15) == 0 ? c->recon_weight
           : strncmp(term, "commitment.", 11) == 0   ? c->commit_weight
           : strncmp(term, "club.", 5) == 0          ? c->club_weight
           : strcmp(term, "cpc") == 0                ? c->cpc_weight
           : strcmp(term, "contrast") == 0           ? c->contrast_weight
           : strcmp(term, "codis") == 0              ? c->codis_weight
           : strcmp(term, "masked") == 0             ? c->masked_weight
           : strcmp(term, "jigsaw") == 0             ? c->jigsaw_weight
           : strncmp(term, "restore.", 8) == 0       ? c->restore_weight
                                                     : c->match_weight;
}

static void compare_terms(const whole *w)
{
    ck_assert_uint_eq(w->tg.objective.term_count, count_named(&w->golden, "out/"));
    for (size_t i = 0; i < w->tg.objective.term_count; i++) {
        const unic__term *term = &w->tg.objective.term[i];
        ck_assert(term->weight == weight_of(w->c, term->name));
        const golden_array *want = golden_get(&w->golden, &UNIC__SCALAR, "out/%s", term->name);
        /* CLUB is a difference of two means of size 1 and more, whatever is left of them. */
        double size = strncmp(term->name, "club.", 5) == 0 ? 0.1 : 0.0;
        golden_within(&w->golden, want, term->node->t.x,
                      tolerance * fmax(size, fabs((double)want->x[0])));
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

static const char *const models[] = {
    "model_paper",       "model_light", "model_compat",  "model_mst",    "model_mst_first",
    "model_turn",        "model_codis", "model_codis_3", "model_codaar", "model_codaar_3",
    "model_codaar_clip", "model_micu",  "model_hdcid",   "model_hdcid_3"};
static const char *const backends[] = {"", "kernel.backend = onednn\n",
                                       "kernel.backend = blas\n"};
enum { MODELS = sizeof models / sizeof models[0], BACKENDS = 3 };

static whole w;

START_TEST(terms_and_gradients)
{
    open_whole(&w, models[_i / BACKENDS], backends[_i % BACKENDS]);
    run(&w);
    compare_streams(&w);
    compare_terms(&w);
    compare_gradients(&w, &w.params);
    if (w.c->behaviour == UNIC__COMPAT)
        compare_gradients(&w, &w.club);
    else /* the nets of q are frozen here */
        for (size_t i = 0; i < w.club.total; i++)
            ck_assert(w.club.grads[i] == 0.0F);
    close_whole(&w);
}
END_TEST

/* ---- padding ---- */

static void spoil(whole *w, float scale)
{
    for (size_t m = 0; m < w->tg.n; m++) {
        unic__node *x = w->tg.stream[m].x;
        size_t count = unic__shape_count(&x->t.shape);
        size_t step = count / (w->tg.batch * w->tg.length);
        for (size_t i = 0; i < count; i++)
            if (!is_there(w, m, i / step))
                x->t.x[i] = scale * (unic__random_uniform((unic__key){m}, i) - 0.5F);
    }
}

static float *results(const whole *w)
{
    float *x = malloc((w->tg.objective.term_count + w->params.total) * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < w->tg.objective.term_count; i++)
        x[i] = w->tg.objective.term[i].node->t.x[0];
    memcpy(x + w->tg.objective.term_count, w->params.grads, w->params.total * sizeof *x);
    return x;
}

START_TEST(padding_changes_nothing)
{
    const float scales[] = {1.0F, 300.0F};
    open_whole(&w, models[_i], "");
    run(&w);
    float *clean = results(&w);
    for (size_t i = 0; i < 2; i++) {
        spoil(&w, scales[i]);
        run(&w);
        float *spoilt = results(&w);
        for (size_t j = 0; j < w.tg.objective.term_count + w.params.total; j++)
            base_require(clean[j] == spoilt[j], "%s: number %zu is %.9g, with padding %.9g",
                         models[_i], j, (double)clean[j], (double)spoilt[j]);
        free(spoilt);
    }
    free(clean);
    close_whole(&w);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("model");
    tcase_add_loop_test(t, terms_and_gradients, 0, MODELS * BACKENDS);
    tcase_add_loop_test(t, padding_changes_nothing, 0, MODELS);
    return base_run("loss/model", t);
}
