/* lib/task/segment: against PyTorch and differences, what it asks for, and what it learns. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/bundle.h"
#include "array/npz_help.h"
#include "base/base_help.h"
#include "file/io_help.h"
#include "graph/graph_help.h"
#include "model/small_model.h"
#include "task/segment_help.h"

#define GOLDENS "tests/golden/segment.npz"

enum { SIZE = SEGMENT_SIZE, PIXELS = SEGMENT_PIXELS, CLIPS = SEGMENT_CLIPS };

/* ---- against PyTorch ---- */

typedef struct golden {
    unic__npz *z;
    const char *name;
    unic_segmenter *s;
    unic__segment_input in;
    unic_array image[UNIC_SEGMENTER_MAX_LEVELS], masks;
    const unic_array *images[UNIC_SEGMENTER_MAX_LEVELS];
    void *memory[16];
    size_t memory_count;
} golden;

static const char *member(const golden *k, const char *name)
{
    static char text[4][160];
    static unsigned next;
    char *out = text[next++ % 4];
    snprintf(out, sizeof text[0], "%s/%s", k->name, name);
    return out;
}

static float *read_all(golden *k, const char *name, unic__npy_info *info)
{
    io_assert_ok(unic__npz_info(k->z, member(k, name), info));
    size_t count = unic__shape_count(&info->shape);
    float *x = malloc((count + 1) * sizeof *x);
    ck_assert(x != NULL && k->memory_count < 16);
    k->memory[k->memory_count++] = x;
    io_assert_ok(unic__npz_read_f32(k->z, member(k, name), x, count));
    return x;
}

static void read_array(golden *k, const char *name, unic_array *a)
{
    int64_t dims[UNIC_MAX_RANK];
    unic__npy_info info;
    const float *x = read_all(k, name, &info);
    for (size_t i = 0; i < info.shape.rank; i++)
        dims[i] = (int64_t)info.shape.dim[i];
    unic_array_init(a, x, UNIC_F32, (int32_t)info.shape.rank, dims);
}

/* Every member of the table from "<kind>/<name>"; returns how many there are in the file. */
static size_t load_table(golden *k, unic__param_table *table, const char *kind)
{
    size_t n = 0;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s/%s/", k->name, kind);
    for (size_t i = 0; i < table->n; i++) {
        const unic__param *p = table->at[i];
        char name[160];
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        io_assert_ok(unic__read_f32(k->z, name, p->shape, table->values + p->offset));
    }
    for (size_t i = 0; i < unic__npz_count(k->z); i++)
        n += strncmp(unic__npz_name(k->z, i), prefix, strlen(prefix)) == 0;
    return n;
}

static void golden_open(golden *k, const char *name)
{
    int64_t numbers[UNIC__OPTIONS_MOST], sizes[5];
    unic__options_table table = unic__segmenter_options;
    table.number_count--; /* the seed */
    unic_codebook *cb;
    unic__npy_info info;
    *k = (golden){.name = name};
    io_assert_ok(npz_open(&k->z, GOLDENS));
    io_assert_ok(unic__read_i64(k->z, member(k, "numbers"), UNIC__SHAPE_OF(table.number_count),
                                numbers));
    io_assert_ok(unic__read_i64(k->z, member(k, "sizes"), UNIC__SHAPE_OF(5), sizes));
    unic_segmenter_options o = {.struct_size = sizeof o};
    io_assert_ok(unic__options_from_numbers(&o, &table, numbers, "numbers"));
    io_assert_ok(unic__codebook_create(&cb, (size_t)sizes[3], (size_t)sizes[4], 1));
    unic__codebook_set(cb, read_all(k, "embedding", &info));
    io_assert_ok(unic_segmenter_create(&k->s, cb, &o));
    k->s->trained = true; /* drawn weights are as good as fitted ones here */
    unic_codebook_free(cb);
    unic__segment_net *net = k->s->net;
    ck_assert_uint_eq(load_table(k, &net->params, "param"), net->params.n);
    ck_assert_uint_eq(load_table(k, &net->state, "state"), net->state.n);

    size_t n = (size_t)(sizes[0] * sizes[2]);
    int32_t *codes = malloc(n * sizeof *codes);
    k->memory[k->memory_count++] = codes;
    io_assert_ok(unic__npz_read_i32(k->z, member(k, "codes"), codes, n));
    size_t images = o.input == UNIC_SEGMENTER_FRAMES ? 1 : (size_t)o.level_count;
    for (size_t i = 0; i < images; i++) {
        static const char *const names[] = {"image0", "image1", "image2", "image3"};
        read_array(k, names[i], &k->image[i]);
        k->images[i] = &k->image[i];
    }
    read_array(k, "masks", &k->masks);
    k->in = (unic__segment_input){k->images,        images,    codes,
                                  (size_t)sizes[2], &k->masks, (size_t)sizes[0],
                                  (size_t)sizes[1]};
}

static void golden_close(golden *k)
{
    unic_segmenter_free(k->s);
    unic__npz_close(k->z);
    for (size_t i = 0; i < k->memory_count; i++)
        free(k->memory[i]);
}

/* max|difference| <= max(1e-5 max|golden|, floor) */
static void assert_near(golden *k, const char *what, const float *got, size_t count,
                        double floor)
{
    unic__npy_info info;
    double allowed = floor;
    const float *want = read_all(k, what, &info);
    ck_assert_uint_eq(unic__shape_count(&info.shape), count);
    for (size_t i = 0; i < count; i++)
        if (1e-5 * fabs((double)want[i]) >
            allowed) /* gcc 12 for aarch64 fails on fmax() here */
            allowed = 1e-5 * fabs((double)want[i]);
    for (size_t i = 0; i < count; i++)
        base_require(fabs((double)got[i] - (double)want[i]) <= allowed,
                     "%s/%s: element %zu is %.9g, expected %.9g (within %.3g)", k->name, what,
                     i, (double)got[i], (double)want[i], allowed);
    free(k->memory[--k->memory_count]);
}

static void assert_table_near(golden *k, const char *kind, const unic__param_table *table,
                              const float *values, double floor)
{
    for (size_t i = 0; i < table->n; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s/%s", kind, table->at[i]->name);
        assert_near(k, name, values + table->at[i]->offset, table->at[i]->count, floor);
    }
}

/* Gradients that are small differences of large ones are as good as those: 1e-6 of the case's
 * largest. */
static double gradient_floor(const unic__param_table *params)
{
    double largest = 0.0;
    for (size_t i = 0; i < params->total; i++)
        if (fabs((double)params->grads[i]) > largest)
            largest = fabs((double)params->grads[i]);
    return 1e-6 * largest;
}

static const char *const golden_names[] = {"frames", "maps", "one_frame"};

START_TEST(values_and_gradients_are_pytorchs)
{
    golden k;
    double loss;
    golden_open(&k, golden_names[_i]);
    const unic_segmenter_options *o = &k.s->net->options;
    size_t count = k.in.clips * k.in.frames * (size_t)(o->height * o->width);
    float *logits = malloc(count * sizeof *logits);
    for (int threads = 1; threads <= 2; threads++) {
        unic_set_threads(threads);
        io_assert_ok(unic_segmenter_predict(k.s, k.images, k.in.image_count, k.in.codes,
                                            k.in.length, logits));
        assert_near(&k, "evaluated", logits, count, 0.0);
    }
    unic_set_threads(1);
    io_assert_ok(unic_segmenter_step(&loss, k.s, k.images, k.in.image_count, k.in.codes,
                                     k.in.length, &k.masks));
    const float as_float = (float)loss;
    assert_near(&k, "loss", &as_float, 1, 0.0);
    assert_near(&k, "logits", k.s->training.logits->t.x, count, 0.0);
    const unic__param_table *params = &k.s->net->params, *state = &k.s->net->state;
    assert_table_near(&k, "grad", params, params->grads, gradient_floor(params));
    assert_table_near(&k, "moved", state, state->values, 0.0);
    free(logits);
    golden_close(&k);
}
END_TEST

/* ---- the gradient of the whole ---- */

/* Of one level of the caller's maps: behind more relus, differences meet too many kinks. */
START_TEST(gradients_are_differences)
{
    unic_segmenter_options o = segment_small;
    o.input = UNIC_SEGMENTER_MAPS;
    o.level_count = 1;
    unic_segmenter *s = segment_new(&o);
    unic__segment_net *net = s->net;
    unic__segment_graph h;
    for (size_t i = 0; i < net->params.n; i++) { /* gains of 0 hide what is behind them */
        const unic__param *p = net->params.at[i];
        if (p->init.kind == UNIC__INIT_ZEROS)
            graph_draw(net->params.values + p->offset, p->count, i);
    }
    unic__segment_build(&h, net, 2, 2, true);
    io_assert_ok(unic__graph_plan(&h.g));
    for (size_t i = 0; i < h.image_count; i++)
        graph_draw(h.image[i]->t.x, unic__shape_count(&h.image[i]->t.shape), i);
    graph_draw(h.query->t.x, unic__shape_count(&h.query->t.shape), 7);
    graph_draw(h.target->t.x, 4 * PIXELS, 8);
    for (size_t i = 0; i < 4 * PIXELS; i++) {
        h.mask->t.x[i] = i % 7 != 0;
        h.target->t.x[i] = h.target->t.x[i] > 0.0F;
    }
    graph_check_differences(&h.g);
    unic__graph_free(&h.g);
    unic_segmenter_free(s);
}
END_TEST

/* ---- the query ---- */

static float largest_difference(const float *a, const float *b, size_t n)
{
    float largest = 0.0F;
    for (size_t i = 0; i < n; i++) {
        const float off = fabsf(a[i] - b[i]);
        largest = isnan(off) || off > largest ? off : largest;
    }
    return largest;
}

/* One clip of four frames, asked with codes of any length. */
static void ask(const unic_segmenter *s, const segment_data *d, const int32_t *codes,
                size_t length, float *logits)
{
    unic_array frames;
    unic_array_init(&frames, d->frames, UNIC_F32, 5, (const int64_t[]){1, 4, SIZE, SIZE, 1});
    const unic_array *images[] = {&frames};
    io_assert_ok(unic_segmenter_predict(s, images, 1, codes, length, logits));
}

START_TEST(frames_ask_with_their_part_of_the_codes)
{
    static float logits[8][4 * PIXELS];
    unic_segmenter *s = segment_new(&segment_small);
    segment_data *d = segment_data_new(3, -1);
    segment_steps(s, 40, 50); /* a new one does not look at the query */
    ask(s, d, (const int32_t[]){0, 1, 2, 3}, 4, logits[0]);
    ask(s, d, (const int32_t[]){0, 0, 1, 1, 2, 2, 3, 3}, 8, logits[1]);
    ask(s, d, (const int32_t[]){-1, 0, 1, -1, -1, 2, 3}, 7, logits[2]);
    ask(s, d, (const int32_t[]){0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}, 12, logits[3]);
    for (size_t i = 1; i < 4; i++)
        ck_assert_msg(largest_difference(logits[0], logits[i], 4 * PIXELS) <= 1e-5F, "%zu", i);
    ask(s, d, (const int32_t[]){3, 2, 1, 0}, 4, logits[4]);
    ck_assert(largest_difference(logits[0], logits[4], 4 * PIXELS) > 1e-4F);
    ask(s, d, (const int32_t[]){0, 1}, 2, logits[5]); /* fewer than frames: each is repeated */
    ask(s, d, (const int32_t[]){0, 0, 1, 1}, 4, logits[6]);
    ck_assert(largest_difference(logits[5], logits[6], 4 * PIXELS) <= 1e-5F);
    ask(s, d, (const int32_t[]){3}, 1, logits[7]);
    ck_assert(largest_difference(logits[5], logits[7], 4 * PIXELS) > 1e-4F);
    free(d);
    unic_segmenter_free(s);
}
END_TEST

/* A prediction does not depend on the clip's neighbours, nor on how many are taken at once. */
START_TEST(clips_are_predicted_one_by_one)
{
    static float all[CLIPS * PIXELS], one[PIXELS], by_eight[CLIPS * PIXELS];
    unic_segmenter_options o = segment_small;
    unic_segmenter *s = segment_new(&o);
    o.batch = 8;
    unic_segmenter *other = segment_new(&o);
    segment_data *d = segment_data_new(4, -1);
    segment_steps(s, 3, 50);
    segment_steps(other, 3, 50);
    segment_predict(s, d, all);
    segment_predict(other, d, by_eight);
    ck_assert(largest_difference(all, by_eight, CLIPS * PIXELS) <= 1e-5F);
    for (size_t n = 0; n < CLIPS; n++) {
        unic_array frames;
        unic_array_init(&frames, d->frames + n * PIXELS, UNIC_F32, 5,
                        (const int64_t[]){1, 1, SIZE, SIZE, 1});
        const unic_array *images[] = {&frames};
        io_assert_ok(unic_segmenter_predict(s, images, 1, d->codes + 2 * n, 2, one));
        ck_assert(largest_difference(all + n * PIXELS, one, PIXELS) <= 1e-5F);
    }
    free(d);
    unic_segmenter_free(s);
    unic_segmenter_free(other);
}
END_TEST

/* ---- learning ---- */

/* Mean over clips of intersection / union at logit 0. */
static double overlap(const unic_segmenter *s, int32_t asks)
{
    static float logits[CLIPS * PIXELS];
    segment_data *d = segment_data_new(1000, asks);
    double sum = 0.0;
    segment_predict(s, d, logits);
    for (size_t n = 0; n < CLIPS; n++) {
        double both = 0.0, either = 0.0;
        for (size_t i = n * PIXELS; i < (n + 1) * PIXELS; i++) {
            bool in = logits[i] > 0.0F, wanted = d->masks[i] > 0.5F;
            both += in && wanted;
            either += in || wanted;
        }
        sum += both / either / CLIPS;
    }
    free(d);
    return sum;
}

START_TEST(learns_to_find_what_is_asked)
{
    unic_segmenter *s = segment_new(&segment_small);
    double first, last;
    segment_data *d = segment_data_new(1000, -1);
    io_assert_ok(segment_step(s, d, &first));
    segment_steps(s, 150, 1);
    io_assert_ok(segment_step(s, d, &last));
    ck_assert_msg(last < 0.3 * first, "loss %g after %g", last, first);
    for (int32_t asks = 0; asks < 2; asks++) /* unseen pictures, the same for both */
        ck_assert_msg(overlap(s, asks) > 0.7, "asked for %d: %g", asks, overlap(s, asks));
    free(d);
    unic_segmenter_free(s);
}
END_TEST

START_TEST(equal_seeds_give_equal_segmenters)
{
    for (int threads = 1; threads <= 2; threads++) {
        unic_segmenter *s[3];
        unic_set_threads(threads);
        for (size_t i = 0; i < 3; i++) {
            unic_segmenter_options o = segment_small;
            o.seed = 5 + i / 2;
            s[i] = segment_new(&o);
            segment_steps(s[i], 4, 20);
        }
        ck_assert(segment_predict_the_same(s[0], s[1]) && segment_same_memory(s[0], s[1]));
        ck_assert(segment_same_files(s[0], s[1]));
        ck_assert(!segment_predict_the_same(s[0], s[2]));
        for (size_t i = 0; i < 3; i++)
            unic_segmenter_free(s[i]);
    }
    unic_set_threads(1);
}
END_TEST

START_TEST(sizes_may_differ_from_step_to_step)
{
    unic_segmenter *s = segment_new(&segment_small);
    segment_data *d = segment_data_new(12, -1);
    for (int64_t clips = 1; clips <= 3; clips++) {
        d->frames_array.dims[0] = d->masks_array.dims[0] = clips;
        d->frames_array.dims[1] = d->masks_array.dims[1] = CLIPS / 4;
        io_assert_ok(segment_step(s, d, NULL));
        ck_assert_uint_eq(s->training.batch, (size_t)clips);
    }
    ck_assert_uint_eq(s->adam.steps, 3);
    free(d);
    unic_segmenter_free(s);
}
END_TEST

START_TEST(pixels_that_do_not_count_have_no_mask)
{
    unic_segmenter *one = segment_new(&segment_small), *two = segment_new(&segment_small);
    segment_data *d = segment_data_new(13, -1);
    double loss[2];
    for (size_t i = 0; i < CLIPS * PIXELS; i += 3)
        d->masks[i] = -1.0F;
    io_assert_ok(segment_step(one, d, &loss[0]));
    double *wide = calloc(CLIPS * PIXELS, sizeof *wide); /* float64 says the same */
    for (size_t i = 0; i < CLIPS * PIXELS; i++)
        wide[i] = (double)d->masks[i];
    d->masks_array.data = wide;
    d->masks_array.dtype = UNIC_F64;
    io_assert_ok(segment_step(two, d, &loss[1]));
    ck_assert(loss[0] == loss[1] && segment_same_files(one, two));

    double sum = 0.0;
    size_t counted = 0;
    for (size_t i = 0; i < CLIPS * PIXELS; i++) {
        double x = (double)one->training.logits->t.x[i];
        if (i % 3 == 0)
            continue;
        sum += fmax(x, 0.0) - x * wide[i] + log1p(exp(-fabs(x)));
        counted++;
    }
    ck_assert_double_eq_tol(loss[0], sum / (double)counted, 1e-6);
    free(wide);
    free(d);
    unic_segmenter_free(one);
    unic_segmenter_free(two);
}
END_TEST

/* ---- refusals: nothing is changed ---- */

START_TEST(a_refused_step_changes_nothing)
{
    unic_segmenter *s = segment_new(&segment_small), *same = segment_new(&segment_small);
    segment_data *d = segment_data_new(14, -1);
    double loss = 77.0;
    segment_steps(s, 2, 30);
    segment_steps(same, 2, 30);
    for (size_t i = 0; i < CLIPS * PIXELS; i++)
        d->frames[i] *= 1e25F; /* finite, but its variance is not */
    io_assert_fails(segment_step(s, d, &loss), UNIC_E_NUMERIC,
                    "step 2 refused: a moment of backbone.0.1.norm.running is ");
    for (size_t i = 0; i < CLIPS * PIXELS; i++)
        d->frames[i] = 0.0F;
    d->frames[700] = NAN;
    io_assert_fails(segment_step(s, d, &loss), UNIC_E_VALUE, "images[0] holds NaN or Inf");
    d->frames[700] = 0.0F;
    d->masks[PIXELS + 5] = 1.5F;
    io_assert_fails(segment_step(s, d, &loss), UNIC_E_VALUE,
                    "masks: value 1.5 in clip 1, frame 0 is neither in 0..1 nor -1");
    float *weight = s->net->params.values +
                    unic__param_table_find(&s->net->params, "output.3.bias")->offset;
    const float was = *weight;
    *weight = INFINITY;
    d->masks[PIXELS + 5] = 1.0F;
    io_assert_fails(segment_step(s, d, &loss), UNIC_E_NUMERIC, "step 2 refused: the loss is ");
    *weight = was;
    ck_assert(loss == 77.0 && s->adam.steps == 2);
    ck_assert(segment_predict_the_same(s, same) && segment_same_memory(s, same));
    segment_steps(s, 2, 40);
    segment_steps(same, 2, 40);
    ck_assert(segment_same_memory(s, same));
    free(d);
    unic_segmenter_free(s);
    unic_segmenter_free(same);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("segment");
    tcase_add_loop_test(t, values_and_gradients_are_pytorchs, 0, 3);
    tcase_add_test(t, gradients_are_differences);
    tcase_add_test(t, frames_ask_with_their_part_of_the_codes);
    tcase_add_test(t, clips_are_predicted_one_by_one);
    tcase_add_test(t, learns_to_find_what_is_asked);
    tcase_add_test(t, equal_seeds_give_equal_segmenters);
    tcase_add_test(t, sizes_may_differ_from_step_to_step);
    tcase_add_test(t, pixels_that_do_not_count_have_no_mask);
    tcase_add_test(t, a_refused_step_changes_nothing);
    return small_run("segmenters", t);
}
