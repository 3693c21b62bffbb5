/* lib/task: heads against their equations, what they learn, and their files. */
#include "task/head.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_help.h"
#include "model/small_model.h"

enum { L = 12, D = 6, CLASSES = 4, CLIPS = 40, LENGTH = 5, STEPS = CLIPS * LENGTH };

static unic_codebook *new_codebook(uint64_t seed)
{
    unic_codebook *cb;
    float e[L * D];
    for (size_t i = 0; i < L * D; i++)
        e[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
    io_assert_ok(unic__codebook_create(&cb, L, D, 2));
    unic__codebook_set(cb, e);
    return cb;
}

static unic_head *new_head(const unic_head_options *more)
{
    unic_head *head;
    unic_head_options options = *more;
    unic_codebook *cb = new_codebook(1);
    options.struct_size = sizeof options;
    options.classes = options.classes ? options.classes : CLASSES;
    io_assert_ok(unic_head_create(&head, cb, &options));
    unic_codebook_free(cb); /* the head has a copy */
    return head;
}

static unic_head *head_of_kind(int32_t kind)
{
    const unic_head_options options = {.kind = kind};
    return new_head(&options);
}

/* Clips of codes in which every tenth step is padding, and clip 7 is nothing else. */
typedef struct data {
    int32_t codes[STEPS], clip[CLIPS], step[STEPS], multi[STEPS * CLASSES];
} data;

/* A step's class is its code's; a clip's is that of code 0, 1 or 2 where there is one, or 3; a
 * step's labels are the bits of its code. */
static data *new_data(uint64_t seed)
{
    data *d = malloc(sizeof *d);
    unic__key key = unic__random_key(seed, 0, 0);
    ck_assert(d != NULL);
    for (size_t n = 0; n < CLIPS; n++) {
        d->clip[n] = (int32_t)unic__random_below(key, 9000 + n, CLASSES);
        for (size_t t = 0; t < LENGTH; t++) {
            size_t i = n * LENGTH + t;
            int32_t code = 3 + (int32_t)unic__random_below(key, i, L - 3);
            d->codes[i] = t == n % LENGTH && d->clip[n] < 3 ? d->clip[n] : code;
            d->step[i] = d->codes[i] * 7 % CLASSES;
            for (size_t c = 0; c < CLASSES; c++)
                d->multi[i * CLASSES + c] = d->codes[i] >> c & 1;
            if ((i % 10 == 4 && d->codes[i] >= 3) || n == 7)
                d->codes[i] = -1;
        }
    }
    return d;
}

static const int32_t *labels_of(const data *d, int32_t kind)
{
    return kind == UNIC_HEAD_CLIP ? d->clip : kind == UNIC_HEAD_STEP ? d->step : d->multi;
}

static size_t logits_of(int32_t kind)
{
    return (kind == UNIC_HEAD_CLIP ? CLIPS : STEPS) * CLASSES;
}

static void predict(const unic_head *head, const int32_t *codes, float *logits)
{
    memset(logits, 0x55, STEPS * CLASSES * sizeof *logits);
    io_assert_ok(unic_head_predict(head, codes, CLIPS, LENGTH, logits));
}

static bool predict_the_same(const unic_head *a, const unic_head *b)
{
    static float one[STEPS * CLASSES], two[STEPS * CLASSES];
    data *d = new_data(99);
    predict(a, d->codes, one);
    predict(b, d->codes, two);
    free(d);
    return memcmp(one, two, logits_of(a->options.kind) * sizeof *one) == 0;
}

/* ---- the equations ---- */

static const float *param(const unic_head *head, const char *name)
{
    const unic__param *p = unic__params_find(&head->params, name);
    ck_assert_msg(p != NULL, "no %s", name);
    return head->params.values + p->offset;
}

/* y = W x + b in double, row-major W [n,k] */
static void naive_linear(const float *w, const float *b, const double *x, size_t k, size_t n,
                         double *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)b[i];
        for (size_t j = 0; j < k; j++)
            y[i] += (double)w[i * k + j] * x[j];
    }
}

/* Logits of one clip: of the clip, or of each of its steps. */
static void naive_predict(const unic_head *head, const int32_t *codes, double *logits)
{
    size_t hidden = (size_t)head->options.hidden, classes = (size_t)head->options.classes;
    double top[64], h[64], e[D];
    bool any = false, clip = head->options.kind == UNIC_HEAD_CLIP;
    for (size_t i = 0; i < (clip ? 1 : LENGTH) * classes; i++)
        logits[i] = 0.0;
    for (size_t t = 0; t < LENGTH; t++) {
        if (codes[t] < 0)
            continue;
        for (size_t j = 0; j < D; j++)
            e[j] = (double)head->codebook->embedding[codes[t] * D + (int)j];
        naive_linear(param(head, "linear1.weight"), param(head, "linear1.bias"), e, D, hidden,
                     h);
        for (size_t j = 0; j < hidden; j++)
            top[j] = any && top[j] > h[j] ? top[j] : h[j];
        any = true;
        if (!clip)
            naive_linear(param(head, "linear2.weight"), param(head, "linear2.bias"), h, hidden,
                         classes, logits + t * classes);
    }
    if (clip && any)
        naive_linear(param(head, "linear2.weight"), param(head, "linear2.bias"), top, hidden,
                     classes, logits);
}

START_TEST(predictions_are_the_equations)
{
    static float logits[STEPS * CLASSES];
    for (int32_t hidden = 0; hidden <= 9; hidden += 9) {
        const unic_head_options options = {.kind = _i, .hidden = hidden, .seed = 3};
        unic_head *head = new_head(&options);
        ck_assert_int_eq(head->options.hidden, hidden ? hidden : D);
        data *d = new_data(1);
        for (int fitted = 0; fitted < 2; fitted++) {
            predict(head, d->codes, logits);
            size_t each = logits_of(_i) / CLIPS;
            for (size_t n = 0; n < CLIPS; n++) {
                double expected[LENGTH * CLASSES];
                naive_predict(head, d->codes + n * LENGTH, expected);
                for (size_t k = 0; k < each; k++)
                    ck_assert_msg(fabs((double)logits[n * each + k] - expected[k]) <=
                                      1e-5 * fmax(1.0, fabs(expected[k])),
                                  "clip %zu: %g, not %g", n, (double)logits[n * each + k],
                                  expected[k]);
            }
            io_assert_ok(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
        }
        free(d);
        unic_head_free(head);
    }
}
END_TEST

/* Of a step's logits and its labels: cross-entropy, or its binary sibling's mean over
 * classes. */
static double naive_loss(const float *logits, const int32_t *labels, bool multi)
{
    double sum = 0.0, loss = 0.0;
    for (size_t c = 0; c < CLASSES; c++) {
        double x = (double)logits[c];
        sum += exp(x);
        loss += log1p(exp(-fabs(x))) + fmax(x, 0.0) - x * (multi ? labels[c] : 0);
    }
    return multi ? loss / CLASSES : log(sum) - (double)logits[labels[0]];
}

/* With a rate that moves nothing, the loss is that of the predictions. */
START_TEST(the_loss_is_that_of_the_predictions)
{
    static float logits[STEPS * CLASSES];
    const unic_head_options options = {
        .kind = _i, .learning_rate = 1e-20F, .epochs = 1, .batch = CLIPS};
    unic_head *head = new_head(&options);
    data *d = new_data(2);
    double loss = 0.0, expected = 0.0;
    size_t count = 0;
    d->clip[3] = d->step[8] = -1; /* not counted */
    predict(head, d->codes, logits);
    io_assert_ok(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), &loss));
    for (size_t i = 0; i < (_i == UNIC_HEAD_CLIP ? CLIPS : STEPS); i++) {
        const int32_t *label = _i == UNIC_HEAD_CLIP   ? &d->clip[i]
                               : _i == UNIC_HEAD_STEP ? &d->step[i]
                                                      : &d->multi[i * CLASSES];
        bool padding = _i == UNIC_HEAD_CLIP ? i == 7 : d->codes[i] < 0;
        if (padding || label[0] < 0)
            continue;
        expected += naive_loss(logits + i * CLASSES, label, _i == UNIC_HEAD_STEP_MULTI);
        count++;
    }
    ck_assert_double_eq_tol(loss, expected / (double)count, 1e-5);
    free(d);
    unic_head_free(head);
}
END_TEST

/* ---- learning ---- */

static double accuracy(const unic_head *head, const data *d)
{
    static float logits[STEPS * CLASSES];
    size_t right = 0, count = 0;
    int32_t kind = head->options.kind;
    predict(head, d->codes, logits);
    for (size_t i = 0; i < (kind == UNIC_HEAD_CLIP ? CLIPS : STEPS); i++) {
        const float *x = logits + i * CLASSES;
        size_t best = 0;
        if (kind == UNIC_HEAD_CLIP ? i == 7 : d->codes[i] < 0)
            continue;
        for (size_t c = 0; c < CLASSES; c++) {
            best = x[c] > x[best] ? c : best;
            if (kind == UNIC_HEAD_STEP_MULTI) {
                right += (x[c] > 0.0F) == (d->multi[i * CLASSES + c] == 1);
                count++;
            }
        }
        if (kind != UNIC_HEAD_STEP_MULTI) {
            right += (int32_t)best == (kind == UNIC_HEAD_CLIP ? d->clip[i] : d->step[i]);
            count++;
        }
    }
    return (double)right / (double)count;
}

START_TEST(learns_what_codes_tell)
{
    const unic_head_options options = {
        .kind = _i, .hidden = 24, .epochs = 120, .batch = 8, .learning_rate = 0.02F};
    unic_head *head = new_head(&options);
    data *d = new_data(3), *unseen = new_data(4);
    double first, loss;
    io_assert_ok(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), &first));
    io_assert_ok(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), &loss));
    ck_assert_msg(loss < first, "%g after %g", loss, first);
    ck_assert_double_eq(accuracy(head, d), 1.0);
    if (_i != UNIC_HEAD_CLIP) /* a step's labels are its code's, wherever it stands */
        ck_assert_double_eq(accuracy(head, unseen), 1.0);
    free(d);
    free(unseen);
    unic_head_free(head);
}
END_TEST

START_TEST(one_clip_is_enough)
{
    const unic_head_options options = {.kind = _i, .epochs = 300, .learning_rate = 0.05F};
    unic_head *head = new_head(&options);
    data *d = new_data(5);
    double loss;
    io_assert_ok(unic_head_fit(head, d->codes, 1, LENGTH, labels_of(d, _i), &loss));
    ck_assert_msg(loss < 0.05, "%g", loss);
    io_assert_ok(
        unic_head_fit(head, d->codes, 1, 1, labels_of(d, _i), &loss)); /* of one step */
    free(d);
    unic_head_free(head);
}
END_TEST

START_TEST(padding_has_no_label)
{
    unic_head *one = head_of_kind(_i), *two = head_of_kind(_i);
    data *d = new_data(6);
    io_assert_ok(unic_head_fit(one, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    for (size_t i = 0; i < STEPS; i++)
        if (d->codes[i] < 0) {
            d->step[i] = (d->step[i] + 1) % CLASSES;
            for (size_t c = 0; c < CLASSES; c++)
                d->multi[i * CLASSES + c] ^= 1;
        }
    d->clip[7] = (d->clip[7] + 1) % CLASSES;
    io_assert_ok(unic_head_fit(two, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    ck_assert(predict_the_same(one, two));
    if (_i != UNIC_HEAD_STEP_MULTI) { /* nothing to learn: nothing moves */
        unic_head *fresh = head_of_kind(_i), *same = head_of_kind(_i);
        double loss = 77.0;
        for (size_t i = 0; i < STEPS; i++)
            d->step[i] = d->clip[i % CLIPS] = -1;
        io_assert_ok(unic_head_fit(fresh, d->codes, CLIPS, LENGTH, labels_of(d, _i), &loss));
        ck_assert(loss == 0.0 && predict_the_same(fresh, same));
        unic_head_free(fresh);
        unic_head_free(same);
    }
    free(d);
    unic_head_free(one);
    unic_head_free(two);
}
END_TEST

START_TEST(equal_seeds_give_equal_heads)
{
    unic_head *heads[3];
    data *d = new_data(7);
    for (size_t i = 0; i < 3; i++) {
        const unic_head_options options = {.kind = _i, .seed = i / 2, .batch = 7};
        heads[i] = new_head(&options);
        io_assert_ok(unic_head_fit(heads[i], d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    }
    ck_assert(predict_the_same(heads[0], heads[1]));
    ck_assert(!predict_the_same(heads[0], heads[2]));
    for (size_t i = 0; i < 3; i++)
        unic_head_free(heads[i]);
    free(d);
}
END_TEST

/* A rate at which the loss stops being a number: the head is as before, moments and all. */
START_TEST(a_failed_fit_changes_nothing)
{
    const char *paths[] = {small_path("before.npz"), small_path("after.npz")};
    data *d = new_data(8);
    unic_head *head = head_of_kind(_i), *same = head_of_kind(_i);
    io_assert_ok(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    io_assert_ok(unic_head_fit(same, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    io_assert_ok(unic_head_save(head, paths[0]));
    double loss = 77.0;
    head->options.learning_rate = 1e30F;
    io_assert_fails(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), &loss),
                    UNIC_E_NUMERIC, "the loss is");
    ck_assert(loss == 77.0);
    head->options.learning_rate = same->options.learning_rate;
    io_assert_ok(unic_head_save(head, paths[1]));
    ck_assert(small_same_files(paths[0], paths[1]));
    ck_assert(predict_the_same(head, same));
    io_assert_ok(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    io_assert_ok(unic_head_fit(same, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    ck_assert(predict_the_same(head, same));
    unic_head_free(head);
    unic_head_free(same);
    free(d);
    remove(paths[0]);
    remove(paths[1]);
}
END_TEST

/* ---- files ---- */

static unic_head *loaded(const char *path)
{
    unic_head *head;
    io_assert_ok(unic_head_load(&head, path));
    return head;
}

START_TEST(a_head_survives_its_file)
{
    const char *path = small_path("head.npz"), *copy = small_path("copy.npz");
    const unic_head_options options = {.kind = _i,
                                       .hidden = 9,
                                       .epochs = 3,
                                       .batch = 11,
                                       .learning_rate = 0.01F,
                                       .seed = UINT64_MAX};
    data *d = new_data(9);
    unic_head *head = new_head(&options);
    io_assert_ok(unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    io_assert_ok(unic_head_save(head, path));
    unic_head *again = loaded(path);
    ck_assert(predict_the_same(head, again));
    ck_assert(again->options.kind == _i && again->options.hidden == 9);
    ck_assert(again->options.epochs == 3 && again->options.batch == 11);
    ck_assert(again->options.learning_rate == 0.01F && again->options.seed == UINT64_MAX);
    io_assert_ok(unic_head_accepts(again, head->fingerprint));
    io_assert_ok(unic_head_save(again, copy));
    ck_assert(small_same_files(path, copy));
    io_assert_ok(unic_head_fit(again, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    unic_head_free(head);
    unic_head_free(again);
    free(d);
    remove(path);
    remove(copy);
}
END_TEST

static void assert_not_loaded(const char *path, unic_status status, const char *says)
{
    unic_head *head = (void *)&head;
    io_assert_fails(unic_head_load(&head, path), status, says);
    ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
    ck_assert(head == NULL);
}

START_TEST(damaged_heads_are_named)
{
    static const struct {
        const char *member;
        small_change change;
        const char *says;
    } cases[] = {
        {"head.options", SMALL_DROP, "no array \"head.options\""},
        {"head.options", SMALL_RESHAPE, "head.options has shape [1,8], expected [8]"},
        {"head.options", SMALL_SPOIL, "head.options: kind = -7 is not in 1..3"},
        {"head.learning_rate", SMALL_DROP, "no array \"head.learning_rate\""},
        {"head.learning_rate", SMALL_SPOIL, "head.learning_rate holds NaN or Inf"},
        {"codebook.embedding", SMALL_DROP, "no array \"codebook.embedding\""},
        {"codebook.embedding", SMALL_RESHAPE,
         "codebook.embedding has shape [1,12,6], expected [12,6]"},
        {"codebook.embedding", SMALL_SPOIL, "codebook.embedding holds NaN or Inf"},
        {"codebook.embedding", SMALL_DAMAGE, "is damaged"},
        {"linear1.weight", SMALL_RESHAPE, "linear1.weight has shape [1,6,6], expected [6,6]"},
        {"linear1.bias", SMALL_DROP, "no array \"linear1.bias\""},
        {"linear2.weight", SMALL_SPOIL, "linear2.weight holds NaN or Inf"},
        {"linear2.weight", SMALL_DAMAGE, "is damaged"},
        {"linear2.bias", SMALL_RESHAPE, "linear2.bias has shape [1,4], expected [4]"},
    };
    const char *good = small_path("good.npz"), *bad = small_path("bad.npz");
    unic_head *head = head_of_kind(UNIC_HEAD_STEP);
    io_assert_ok(unic_head_save(head, good));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit(good, bad, cases[i].member, cases[i].change);
        assert_not_loaded(bad, UNIC_E_FORMAT, cases[i].says);
    }
    io_write(bad, "PK\5\6", 4);
    assert_not_loaded(bad, UNIC_E_FORMAT, "");
    remove(bad);
    assert_not_loaded(bad, UNIC_E_NOTFOUND, "");
    head->options.learning_rate = 0.0F;
    io_assert_ok(unic_head_save(head, bad));
    assert_not_loaded(bad, UNIC_E_FORMAT, "head.learning_rate = 0 must be positive");
    unic_head_free(head);
    remove(good);
    remove(bad);
}
END_TEST

/* Options that name sizes beyond the file's arrays: refused before memory is taken for them. */
START_TEST(files_do_not_choose_how_much_memory)
{
    static const struct {
        int32_t classes, hidden, epochs, batch;
        const char *says;
    } cases[] = {{1 << 20, 6, 30, 64, "linear2.weight has shape [4,6], expected [1048576,6]"},
                 {4, 1 << 16, 30, 64, "linear1.weight has shape [6,6], expected [65536,6]"},
                 {(1 << 20) + 1, 6, 30, 64, "classes = 1048577 is not in 1..1048576"},
                 {4, 0, 30, 64, "hidden = 0 is not in 1..65536"},
                 {4, 6, 0, 64, "epochs = 0 is not in"},
                 {4, 6, 30, -1, "batch = -1 is not in 1..65536"}};
    const char *path = small_path("sizes.npz");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_head *head = head_of_kind(UNIC_HEAD_STEP);
        head->options.classes = cases[i].classes;
        head->options.hidden = cases[i].hidden;
        head->options.epochs = cases[i].epochs;
        head->options.batch = cases[i].batch;
        io_assert_ok(unic_head_save(head, path)); /* it writes what it is told */
        assert_not_loaded(path, UNIC_E_FORMAT, cases[i].says);
        unic_head_free(head);
    }
    remove(path);
}
END_TEST

/* ---- out of memory ---- */

static unic_codebook *oom_codebook;
static const data *oom_data;

static unic_status use_everything(const char *path)
{
    unic_head *head = NULL, *again = NULL;
    unic_head_options options = {.struct_size = sizeof options,
                                 .kind = UNIC_HEAD_CLIP,
                                 .classes = CLASSES,
                                 .epochs = 1,
                                 .batch = 4};
    unic_status status = unic_head_create(&head, oom_codebook, &options);
    ck_assert((status == UNIC_OK) == (head != NULL));
    if (status == UNIC_OK)
        status = unic_head_fit(head, oom_data->codes, CLIPS, LENGTH, oom_data->clip, NULL);
    if (status == UNIC_OK)
        status = unic_head_save(head, path);
    if (status == UNIC_OK) {
        status = unic_head_load(&again, path);
        ck_assert((status == UNIC_OK) == (again != NULL));
    }
    unic_head_free(head);
    unic_head_free(again);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    const char *path = small_path("oom.npz");
    data *d = new_data(10);
    oom_codebook = new_codebook(1);
    oom_data = d;
    io_fail_each_allocation(use_everything, path);
    unic_codebook_free(oom_codebook);
    free(d);
    remove(path);
}
END_TEST

START_TEST(a_fit_without_memory_changes_nothing)
{
    data *d = new_data(11);
    unic_head *head = head_of_kind(_i), *same = head_of_kind(_i);
    unic_status status = UNIC_E_NOMEM;
    for (size_t n = 0; status == UNIC_E_NOMEM; n++) {
        ck_assert_uint_le(n, 99);
        small_fail_allocations_after(n);
        status = unic_head_fit(head, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL);
        unic_set_allocator(NULL);
        ck_assert(predict_the_same(head, same) == (status == UNIC_E_NOMEM));
    }
    io_assert_ok(status);
    io_assert_ok(unic_head_fit(same, d->codes, CLIPS, LENGTH, labels_of(d, _i), NULL));
    ck_assert(predict_the_same(head, same));
    unic_head_free(head);
    unic_head_free(same);
    free(d);
}
END_TEST

START_TEST(predicting_allocates_nothing)
{
    static float logits[STEPS * CLASSES];
    unic_head *head = head_of_kind(_i);
    data *d = new_data(12);
    small_count_allocations();
    unic_status status = unic_head_predict(head, d->codes, CLIPS, LENGTH, logits);
    ck_assert_uint_eq(small_counted_allocations(), 0);
    io_assert_ok(status);
    free(d);
    unic_head_free(head);
}
END_TEST

int main(void)
{
    enum { FIRST = UNIC_HEAD_CLIP, END = UNIC_HEAD_STEP_MULTI + 1 };
    TCase *t = tcase_create("head");
    tcase_add_loop_test(t, predictions_are_the_equations, FIRST, END);
    tcase_add_loop_test(t, the_loss_is_that_of_the_predictions, FIRST, END);
    tcase_add_loop_test(t, learns_what_codes_tell, FIRST, END);
    tcase_add_loop_test(t, one_clip_is_enough, FIRST, END);
    tcase_add_loop_test(t, padding_has_no_label, FIRST, END);
    tcase_add_loop_test(t, equal_seeds_give_equal_heads, FIRST, END);
    tcase_add_loop_test(t, a_failed_fit_changes_nothing, FIRST, END);
    tcase_add_loop_test(t, a_head_survives_its_file, FIRST, END);
    tcase_add_test(t, damaged_heads_are_named);
    tcase_add_test(t, files_do_not_choose_how_much_memory);
    tcase_add_test(t, survives_every_failing_allocation);
    tcase_add_loop_test(t, a_fit_without_memory_changes_nothing, FIRST, END);
    tcase_add_loop_test(t, predicting_allocates_nothing, FIRST, END);
    return small_run("task/head", t);
}
