/* lib/task: heads against their equations, and what they learn. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "task/head_help.h"

/* ---- the equations ---- */

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
    size_t hidden = (size_t)head->options.hidden, classes = (size_t)head->options.class_count;
    double top[64], h[64], e[D];
    bool any = false, clip = head->options.kind == UNIC_HEAD_CLIP;
    for (size_t i = 0; i < (clip ? 1 : LENGTH) * classes; i++)
        logits[i] = 0.0;
    for (size_t t = 0; t < LENGTH; t++) {
        if (codes[t] < 0)
            continue;
        for (size_t j = 0; j < D; j++)
            e[j] = (double)head->codebook->embedding[codes[t] * D + (int)j];
        naive_linear(head_param(head, "linear1.weight"), head_param(head, "linear1.bias"), e, D,
                     hidden, h);
        for (size_t j = 0; j < hidden; j++)
            top[j] = any && top[j] > h[j] ? top[j] : h[j];
        any = true;
        if (!clip)
            naive_linear(head_param(head, "linear2.weight"), head_param(head, "linear2.bias"),
                         h, hidden, classes, logits + t * classes);
    }
    if (clip && any)
        naive_linear(head_param(head, "linear2.weight"), head_param(head, "linear2.bias"), top,
                     hidden, classes, logits);
}

START_TEST(predictions_are_the_equations)
{
    static float logits[STEPS * CLASSES];
    for (int32_t hidden = 0; hidden <= 9; hidden += 9) {
        const unic_head_options options = {.kind = _i, .hidden = hidden, .seed = 3};
        unic_head *head = head_new(&options);
        ck_assert_int_eq(head->options.hidden, hidden ? hidden : D);
        head_data *d = head_data_new(1);
        for (int fitted = 0; fitted < 2; fitted++) {
            head_predict_all(head, d->codes, logits);
            size_t each = head_logits(_i) / CLIPS;
            for (size_t n = 0; n < CLIPS; n++) {
                double expected[LENGTH * CLASSES];
                naive_predict(head, d->codes + n * LENGTH, expected);
                for (size_t k = 0; k < each; k++)
                    ck_assert_msg(fabs((double)logits[n * each + k] - expected[k]) <=
                                      1e-5 * fmax(1.0, fabs(expected[k])),
                                  "clip %zu: %g, not %g", n, (double)logits[n * each + k],
                                  expected[k]);
            }
            io_assert_ok(
                unic_head_fit(NULL, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
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
    unic_head *head = head_new(&options);
    head_data *d = head_data_new(2);
    double loss = 0.0, expected = 0.0;
    size_t count = 0;
    d->clip[3] = d->step[8] = -1; /* not counted */
    head_predict_all(head, d->codes, logits);
    io_assert_ok(unic_head_fit(&loss, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
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

static unic_head *weighted_head(float rate, int32_t epochs)
{
    const unic_head_options options = {.kind = UNIC_HEAD_STEP_MULTI,
                                       .loss = UNIC_HEAD_LOSS_CMG,
                                       .learning_rate = rate,
                                       .epochs = epochs,
                                       .batch = CLIPS};
    return head_new(&options);
}

/* BCE and -mean_r sum_c y_rc log softmax(x_r)_c exp(-alpha_c), of steps that count. */
static double naive_weighted_loss(const float *logits, const head_data *d, const float *alpha)
{
    double loss = 0.0, count = 0.0;
    for (size_t i = 0; i < STEPS; i++) {
        const float *x = logits + i * CLASSES;
        const int32_t *y = d->multi + i * CLASSES;
        double sum = 0.0;
        if (d->codes[i] < 0 || y[0] < 0 || y[1] < 0 || y[2] < 0 || y[3] < 0)
            continue;
        for (size_t c = 0; c < CLASSES; c++)
            sum += exp((double)x[c]);
        for (size_t c = 0; c < CLASSES; c++)
            loss -= y[c] * ((double)x[c] - log(sum)) * exp(-(double)alpha[c]);
        loss += naive_loss(x, y, true);
        count += 1.0;
    }
    return loss / count;
}

START_TEST(the_weighted_loss_is_the_equation)
{
    static float logits[STEPS * CLASSES];
    unic_head *head = weighted_head(1e-20F, 1);
    head_data *d = head_data_new(2);
    double loss;
    unic__param *alpha = unic__param_table_find(&head->params, "weighted.alpha");
    ck_assert(alpha && alpha->count == CLASSES);
    ck_assert(head->params.values[alpha->offset + CLASSES - 1] == 0.1F);
    for (size_t c = 0; c < CLASSES; c++) /* each class its own */
        head->params.values[alpha->offset + c] = 0.1F + 0.2F * (float)c;
    for (size_t i = 0; i < 7; i++) /* not counted, each for another class's sake */
        d->multi[i * 4 * CLASSES + i % CLASSES] = -1;
    head_predict_all(head, d->codes, logits);
    io_assert_ok(unic_head_fit(&loss, head, d->codes, CLIPS, LENGTH, d->multi));
    ck_assert_double_eq_tol(
        loss, naive_weighted_loss(logits, d, head_param(head, "weighted.alpha")), 1e-5);
    free(d);
    unic_head_free(head);
}
END_TEST

/* What the term gains by growing alpha is what makes it grow, for classes that occur. */
START_TEST(the_weighted_loss_learns_and_grows_alpha)
{
    unic_head *head = weighted_head(0.02F, 150);
    head_data *d = head_data_new(3);
    double first, loss;
    for (size_t i = 0; i < STEPS; i++)
        d->multi[i * CLASSES + 3] = 0;
    io_assert_ok(unic_head_fit(&first, head, d->codes, CLIPS, LENGTH, d->multi));
    io_assert_ok(unic_head_fit(&loss, head, d->codes, CLIPS, LENGTH, d->multi));
    ck_assert_msg(loss < first, "%g after %g", loss, first);
    for (size_t c = 0; c < 3; c++)
        ck_assert(head_param(head, "weighted.alpha")[c] > 0.11F);
    ck_assert(head_param(head, "weighted.alpha")[3] == 0.1F);
    free(d);
    unic_head_free(head);
}
END_TEST

/* A step with -1 among its labels is as good as padding. */
START_TEST(labels_of_minus_one_do_not_count)
{
    for (int32_t loss = UNIC_HEAD_LOSS_PLAIN; loss <= UNIC_HEAD_LOSS_CMG; loss++) {
        const unic_head_options options = {.kind = UNIC_HEAD_STEP_MULTI, .loss = loss};
        unic_head *one = head_new(&options), *two = head_new(&options);
        head_data *a = head_data_new(14), *b = head_data_new(14);
        for (size_t i = 0; i < STEPS; i += 3) {
            a->multi[i * CLASSES + i % CLASSES] = -1;
            for (size_t c = 0; c < CLASSES; c++)
                b->multi[i * CLASSES + c] = -1;
        }
        io_assert_ok(unic_head_fit(NULL, one, a->codes, CLIPS, LENGTH, a->multi));
        io_assert_ok(unic_head_fit(NULL, two, b->codes, CLIPS, LENGTH, b->multi));
        ck_assert(head_same(one, two));
        for (size_t i = 0; i < STEPS * CLASSES; i++)
            b->multi[i] = -1;
        double last = 77.0;
        unic_head *fresh = head_new(&options), *same = head_new(&options);
        io_assert_fails(unic_head_fit(&last, fresh, b->codes, CLIPS, LENGTH, b->multi),
                        UNIC_E_VALUE, "nothing to learn from");
        ck_assert(last == 77.0 && head_same(fresh, same));
        unic_head_free(one);
        unic_head_free(two);
        unic_head_free(fresh);
        unic_head_free(same);
        free(a);
        free(b);
    }
}
END_TEST

/* A clip alone, with padding behind it, is what it is among others. */
START_TEST(predicts_clips_of_any_length)
{
    static float all[STEPS * CLASSES], alone[9 * CLASSES];
    unic_head *head = head_of_kind(_i);
    head_data *d = head_data_new(15);
    size_t each = head_logits(_i) / CLIPS;
    io_assert_ok(unic_head_fit(NULL, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    head_predict_all(head, d->codes, all);
    for (size_t n = 0; n < CLIPS; n++) {
        int32_t longer[9];
        for (size_t t = 0; t < 9; t++)
            longer[t] = t < LENGTH ? d->codes[n * LENGTH + t] : -1;
        io_assert_ok(unic_head_predict(head, longer, 1, 9, alone));
        ck_assert_mem_eq(alone, all + n * each, each * sizeof *alone);
        for (size_t i = each; i < (_i == UNIC_HEAD_CLIP ? each : 9 * CLASSES); i++)
            ck_assert(alone[i] == 0.0F);
    }
    io_assert_ok(unic_head_predict(head, d->codes + 1, 1, 1, alone));
    free(d);
    unic_head_free(head);
}
END_TEST

/* ---- learning ---- */

static double accuracy(const unic_head *head, const head_data *d)
{
    static float logits[STEPS * CLASSES];
    size_t right = 0, count = 0;
    int32_t kind = head->options.kind;
    head_predict_all(head, d->codes, logits);
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
    unic_head *head = head_new(&options);
    head_data *d = head_data_new(3), *unseen = head_data_new(4);
    double first, loss;
    io_assert_ok(unic_head_fit(&first, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    io_assert_ok(unic_head_fit(&loss, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
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
    unic_head *head = head_new(&options);
    head_data *d = head_data_new(5);
    double loss;
    io_assert_ok(unic_head_fit(&loss, head, d->codes, 1, LENGTH, head_labels(d, _i)));
    ck_assert_msg(loss < 0.05, "%g", loss);
    io_assert_ok(
        unic_head_fit(&loss, head, d->codes, 1, 1, head_labels(d, _i))); /* of one step */
    free(d);
    unic_head_free(head);
}
END_TEST

START_TEST(padding_has_no_label)
{
    unic_head *one = head_of_kind(_i), *two = head_of_kind(_i);
    head_data *d = head_data_new(6);
    io_assert_ok(unic_head_fit(NULL, one, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    for (size_t i = 0; i < STEPS; i++)
        if (d->codes[i] < 0) {
            d->step[i] = (d->step[i] + 1) % CLASSES;
            for (size_t c = 0; c < CLASSES; c++)
                d->multi[i * CLASSES + c] ^= 1;
        }
    d->clip[7] = (d->clip[7] + 1) % CLASSES;
    io_assert_ok(unic_head_fit(NULL, two, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    ck_assert(head_same(one, two));
    if (_i != UNIC_HEAD_STEP_MULTI) { /* nothing to learn from: nothing moves */
        unic_head *fresh = head_of_kind(_i), *same = head_of_kind(_i);
        double loss = 77.0;
        for (size_t i = 0; i < STEPS; i++)
            d->step[i] = d->clip[i % CLIPS] = -1;
        io_assert_fails(
            unic_head_fit(&loss, fresh, d->codes, CLIPS, LENGTH, head_labels(d, _i)),
            UNIC_E_VALUE, "nothing to learn from");
        ck_assert(loss == 77.0 && head_same(fresh, same));
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
    head_data *d = head_data_new(7);
    for (size_t i = 0; i < 3; i++) {
        const unic_head_options options = {.kind = _i, .seed = i / 2, .batch = 7};
        heads[i] = head_new(&options);
        io_assert_ok(
            unic_head_fit(NULL, heads[i], d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    }
    ck_assert(head_same(heads[0], heads[1]));
    ck_assert(!head_same(heads[0], heads[2]));
    for (size_t i = 0; i < 3; i++)
        unic_head_free(heads[i]);
    free(d);
}
END_TEST

/* A gradient that is finite, and whose square is not: it would leave infinite moments, and a
 * head that says it is trained and never learns again. */
START_TEST(a_gradient_that_cannot_be_squared_changes_nothing)
{
    head_data *d = head_data_new(8);
    unic_head *head = head_of_kind(_i);
    const size_t total = head->params.total, bytes = total * sizeof(float);
    float *before = malloc(bytes);
    double loss = 77.0;
    memcpy(before, head->params.values, bytes);
    for (size_t i = 0; i < L * D; i++)
        head->codebook->embedding[i] *= 1e25F;
    io_assert_fails(unic_head_fit(&loss, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)),
                    UNIC_E_NUMERIC, "unic_head_fit: epoch 0: the loss is ");
    ck_assert(strstr(unic_last_error(), "its gradient's norm ") != NULL);
    ck_assert(strstr(unic_last_error(), "inf") == NULL);
    ck_assert(loss == 77.0 && head->adam.steps == 0);
    ck_assert(memcmp(before, head->params.values, bytes) == 0);
    for (size_t i = 0; i < total; i++)
        ck_assert(head->adam.m[i] == 0.0F && head->adam.v[i] == 0.0F);
    free(before);
    free(d);
    unic_head_free(head);
}
END_TEST

/* A rate at which the loss stops being a number: the head is as before, moments and all. */
START_TEST(a_failed_fit_changes_nothing)
{
    const char *paths[] = {small_path("before.npz"), small_path("after.npz")};
    head_data *d = head_data_new(8);
    unic_head *head = head_of_kind(_i), *same = head_of_kind(_i);
    io_assert_ok(unic_head_fit(NULL, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    io_assert_ok(unic_head_fit(NULL, same, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    io_assert_ok(unic_head_save(head, paths[0]));
    double loss = 77.0;
    head->options.learning_rate = 1e30F;
    io_assert_fails(unic_head_fit(&loss, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)),
                    UNIC_E_NUMERIC, "the loss is");
    ck_assert(loss == 77.0);
    head->options.learning_rate = same->options.learning_rate;
    io_assert_ok(unic_head_save(head, paths[1]));
    ck_assert(small_same_files(paths[0], paths[1]));
    ck_assert(head_same(head, same));
    io_assert_ok(unic_head_fit(NULL, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    io_assert_ok(unic_head_fit(NULL, same, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    ck_assert(head_same(head, same));
    unic_head_free(head);
    unic_head_free(same);
    free(d);
    remove(paths[0]);
    remove(paths[1]);
}
END_TEST

int main(void)
{
    enum { FIRST = UNIC_HEAD_CLIP, END = UNIC_HEAD_STEP_MULTI + 1 };
    TCase *t = tcase_create("head");
    tcase_add_loop_test(t, predictions_are_the_equations, FIRST, END);
    tcase_add_loop_test(t, the_loss_is_that_of_the_predictions, FIRST, END);
    tcase_add_test(t, the_weighted_loss_is_the_equation);
    tcase_add_test(t, the_weighted_loss_learns_and_grows_alpha);
    tcase_add_test(t, labels_of_minus_one_do_not_count);
    tcase_add_loop_test(t, predicts_clips_of_any_length, FIRST, END);
    tcase_add_loop_test(t, learns_what_codes_tell, FIRST, END);
    tcase_add_loop_test(t, one_clip_is_enough, FIRST, END);
    tcase_add_loop_test(t, padding_has_no_label, FIRST, END);
    tcase_add_loop_test(t, equal_seeds_give_equal_heads, FIRST, END);
    tcase_add_loop_test(t, a_gradient_that_cannot_be_squared_changes_nothing, FIRST, END);
    tcase_add_loop_test(t, a_failed_fit_changes_nothing, FIRST, END);
    return small_run("task/head", t);
}
