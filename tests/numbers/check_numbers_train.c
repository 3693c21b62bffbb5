/* Trainers and encoders on numbers and shapes at the edge: docs/errors.md's promise, that
 * results are finite or a status says why not, and that state never becomes NaN or Inf. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "numbers/numbers_help.h"
#include "train/trainer.h"

/* One modality of each kind; an odd D, which only one head divides. */
#define MODALITIES                                                                             \
    "modalities = image audio text\n"                                                          \
    "image.kind = grid\nimage.dims = 5 5 2\nimage.specific = 3\n"                              \
    "audio.kind = vector\naudio.dims = 7\n"                                                    \
    "text.kind = token\ntext.dims = 5\ntext.recurrent = 3\ntext.recurrent_layers = 1\n"        \
    "code.dim = 7\ncode.count = 5\nencoder.layers = 1\nencoder.heads = 1\nencoder.ff = 9\n"    \
    "club.width = 4\nclub.layers = 2\nclub.steps = 2\ntrain.batch = 3\n"
enum { MODALITY_COUNT = 3, CODE_DIM = 7 };
static const char *const names[MODALITY_COUNT] = {"image", "audio", "text"};
static const size_t per_step[MODALITY_COUNT] = {50, 7, 5};

static const char *const variants[] = {"", "behaviour = compat\n", "ema.start = kmeans\n",
                                       "train.clip = 0\ntrain.optimizer = adamw\n"};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static unic_trainer *trainer_of(size_t length, const char *more)
{
    char text[256];
    snprintf(text, sizeof text, "train.length = %zu\n%s", length, more);
    return small_trainer(MODALITIES, text);
}

/* A batch of one kind of numbers; a modality that is `missing` has no step in any clip, -1:
 * none, MODALITY_COUNT: all of them. */
typedef struct batch {
    unic_batch *all;
    float *x[MODALITY_COUNT];
    int32_t lengths[MODALITY_COUNT][3];
    unic_array array[MODALITY_COUNT];
} batch;

static void make_batch(batch *b, numbers kind, size_t clips, size_t length, int missing)
{
    io_assert_ok(unic_batch_create(&b->all));
    for (int m = 0; m < MODALITY_COUNT; m++) {
        int64_t dims[5] = {(int64_t)clips, (int64_t)length, m ? (int64_t)per_step[m] : 5, 5, 2};
        b->x[m] = numbers_new(kind, clips * length * per_step[m], (unsigned)m);
        unic_array_init(&b->array[m], b->x[m], UNIC_F32, m ? 3 : 5, dims);
        for (size_t i = 0; i < clips; i++)
            b->lengths[m][i] = m == missing || missing == MODALITY_COUNT ? 0 : (int32_t)length;
        io_assert_ok(unic_batch_set(b->all, names[m], &b->array[m], b->lengths[m]));
    }
}

static void free_batch(batch *b)
{
    unic_batch_free(b->all);
    for (int m = 0; m < MODALITY_COUNT; m++)
        free(b->x[m]);
}

static void assert_finite_report(const unic_trainer *t, const double *figures)
{
    for (size_t i = 0; i < unic_trainer_figure_count(t); i++)
        ck_assert_msg(figures[i] - figures[i] == 0.0, "%s is %g",
                      unic_trainer_figure_name(t, i), figures[i]);
}

/* Everything that a step may change, in memory. */
typedef struct state {
    float *x;
    size_t n;
} state;

static void keep(state *s, const float *x, size_t n)
{
    s->x = realloc(s->x, (s->n + n) * sizeof *s->x);
    ck_assert(s->x != NULL);
    memcpy(s->x + s->n, x, n * sizeof *x);
    s->n += n;
}

static state state_of(const unic_trainer *t)
{
    state s = {NULL, 0};
    size_t codes = t->codebook->codes;
    const unic__adam *adams[2] = {&t->adam, &t->club_adam};
    for (int i = 0; i < 2; i++) {
        keep(&s, adams[i]->params->values, adams[i]->params->total);
        keep(&s, adams[i]->m, adams[i]->params->total);
        keep(&s, adams[i]->v, adams[i]->params->total);
    }
    keep(&s, t->codebook->embedding, codes * t->codebook->dim);
    keep(&s, t->codebook->sum, codes * t->codebook->dim);
    keep(&s, t->codebook->count, codes);
    ck_assert(numbers_finite(s.x, s.n));
    return s;
}

static bool same(state a, state b)
{
    bool equal = a.n == b.n && memcmp(a.x, b.x, a.n * sizeof *a.x) == 0;
    free(a.x);
    free(b.x);
    return equal;
}

/* A step and an evaluation on the batch. Returns whether the step was taken; if not, nothing
 * has changed. */
static bool try_batch(unic_trainer *t, const batch *b, numbers kind)
{
    double figures[64];
    state before = state_of(t);
    uint64_t steps = unic_trainer_step_count(t);
    bool taken = numbers_taken(unic_trainer_step(t, b->all, NULL, figures), "step", kind);
    if (taken)
        assert_finite_report(t, figures);
    bool unchanged = same(before, state_of(t));
    ck_assert(taken || unchanged);
    ck_assert(unic_trainer_step_count(t) == steps + taken);
    if (numbers_taken(unic_trainer_evaluate(t, b->all, figures), "evaluation", kind))
        assert_finite_report(t, figures);
    return taken;
}

static void assert_resumable(unic_trainer *t)
{
    unic_trainer *again;
    const char *path = small_path("numbers.npz");
    io_assert_ok(unic_trainer_save(t, path));
    io_assert_ok(unic_trainer_resume(&again, path, NULL, NULL));
    small_state one = small_state_of(t), two = small_state_of(again);
    ck_assert(small_states_equal(&one, &two));
    unic_trainer_free(again);
}

START_TEST(a_trainer_takes_or_refuses_every_kind_of_number)
{
    const size_t lengths[] = {1, 4};
    for (int first = 0; first < NUMBER_KINDS; first++) /* as the batch that starts the codes */
        for (size_t l = 0; l < 2; l++) {
            unic_trainer *t = trainer_of(lengths[l], variants[_i]);
            for (int i = 0; i < NUMBER_KINDS; i++) {
                batch b;
                numbers kind = (numbers)((first + i) % NUMBER_KINDS);
                make_batch(&b, kind, 3, lengths[l], -1);
                bool taken = try_batch(t, &b, kind);
                ck_assert_msg(taken || kind > TINY, "kind %d is refused: %s", kind,
                              unic_last_error());
                free_batch(&b);
            }
            assert_resumable(t);
            unic_trainer_free(t);
        }
}
END_TEST

/* The same with a modality missing from it; where all are, both calls refuse the batch. */
static void try_missing(unic_trainer *t, const batch *b, int missing)
{
    if (missing < MODALITY_COUNT) {
        ck_assert_msg(try_batch(t, b, NORMAL), "%s", unic_last_error());
        return;
    }
    double figures[64];
    state before = state_of(t);
    uint64_t steps = unic_trainer_step_count(t);
    io_assert_fails(unic_trainer_step(t, b->all, NULL, figures), UNIC_E_VALUE, "no clip");
    io_assert_fails(unic_trainer_evaluate(t, b->all, figures), UNIC_E_VALUE, "no clip");
    ck_assert(same(before, state_of(t)));
    ck_assert(unic_trainer_step_count(t) == steps);
}

START_TEST(a_trainer_takes_every_shape)
{
    static const struct {
        size_t clips, length, planned;
    } shapes[] = {{1, 1, 1}, {3, 1, 1},       {1, 4, 4},      {3, 1, 4},
                  {2, 3, 4}, {3, 1000, 1000}, {1, 1000, 1000}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int missing = -1; missing <= MODALITY_COUNT; missing++) {
            if (shapes[i].length == 1000 && missing > 0)
                continue; /* slow, and nothing new */
            unic_trainer *t = trainer_of(shapes[i].planned, variants[_i]);
            for (int step = 0; step < 2; step++) {
                batch b;
                make_batch(&b, NORMAL, shapes[i].clips, shapes[i].length, missing);
                try_missing(t, &b, missing);
                free_batch(&b);
            }
            assert_resumable(t);
            unic_trainer_free(t);
        }
}
END_TEST

/* A modality that is missing from whole batches, and then is there. */
START_TEST(modalities_come_and_go)
{
    unic_trainer *t = trainer_of(4, variants[_i]);
    const int missing[] = {MODALITY_COUNT, 1, 0, 2, MODALITY_COUNT, 0, -1};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        batch b;
        make_batch(&b, NORMAL, 3, 4, missing[i]);
        try_missing(t, &b, missing[i]);
        free_batch(&b);
    }
    assert_resumable(t);
    unic_trainer_free(t);
}
END_TEST

/* ---- encoders ---- */

static void encode(unic_model *model, int m, numbers kind, size_t clips, size_t length,
                   int32_t valid)
{
    unic_encoder *encoder;
    unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = clips, .max_length = length};
    io_assert_ok(unic_encoder_create(&encoder, model, names[m], &options));
    batch b;
    make_batch(&b, kind, clips, length, -1);
    size_t steps = clips * length;
    int32_t *codes = malloc(steps * sizeof *codes);
    float *quantized = malloc(steps * CODE_DIM * sizeof *quantized);
    float *semantic = malloc(steps * CODE_DIM * sizeof *semantic);
    ck_assert(codes && quantized && semantic);
    for (size_t i = 0; i < clips; i++)
        b.lengths[m][i] = valid;
    if (numbers_taken(
            unic_encoder_encode(encoder, &b.array[m], b.lengths[m], codes, quantized, semantic),
            "encoding", kind)) {
        ck_assert(numbers_finite(quantized, steps * CODE_DIM));
        ck_assert(numbers_finite(semantic, steps * CODE_DIM));
        for (size_t i = 0; i < steps; i++)
            ck_assert(codes[i] >= -1 && codes[i] < 5 &&
                      (codes[i] >= 0) == ((int32_t)(i % length) < valid));
    } else {
        ck_assert_msg(kind > TINY, "kind %d is refused: %s", kind, unic_last_error());
    }
    free(codes);
    free(quantized);
    free(semantic);
    free_batch(&b);
    unic_encoder_free(encoder);
}

START_TEST(an_encoder_takes_or_refuses_every_kind_of_number)
{
    unic_model *model;
    unic_trainer *t = trainer_of(4, variants[_i]);
    batch b;
    make_batch(&b, NORMAL, 3, 4, -1);
    io_assert_ok(unic_trainer_step(t, b.all, NULL, NULL));
    io_assert_ok(unic_trainer_model(&model, t));
    for (int m = 0; m < MODALITY_COUNT; m++) {
        for (int kind = 0; kind < NUMBER_KINDS; kind++) {
            encode(model, m, (numbers)kind, 1, 1, 1);
            encode(model, m, (numbers)kind, 3, 4, 3);
        }
        encode(model, m, NORMAL, 3, 4, 0); /* padding alone */
        encode(model, m, NORMAL, 2, 1000, 1000);
        encode(model, m, ONE, 1, 1000, 999);
    }
    free_batch(&b);
    unic_model_free(model);
    unic_trainer_free(t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("numbers");
    tcase_add_loop_test(t, a_trainer_takes_or_refuses_every_kind_of_number, 0, VARIANTS);
    tcase_add_loop_test(t, a_trainer_takes_every_shape, 0, VARIANTS);
    tcase_add_loop_test(t, modalities_come_and_go, 0, VARIANTS);
    tcase_add_loop_test(t, an_encoder_takes_or_refuses_every_kind_of_number, 0, VARIANTS);
    return small_run("numbers/train", t);
}
