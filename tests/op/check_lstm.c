/* lstm. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op_harness.h"

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* One step of one clip; h and c are replaced. */
static void step(const double *const in[], const double *x, double *h, double *c, size_t inputs,
                 size_t hidden)
{
    double *a = calloc(4 * hidden, sizeof *a);
    for (size_t i = 0; i < 4 * hidden; i++) {
        a[i] = in[3][i] + in[4][i];
        for (size_t j = 0; j < inputs; j++)
            a[i] += in[1][i * inputs + j] * x[j];
        for (size_t j = 0; j < hidden; j++)
            a[i] += in[2][i * hidden + j] * h[j];
    }
    for (size_t j = 0; j < hidden; j++) {
        c[j] = sigmoid(a[hidden + j]) * c[j] + sigmoid(a[j]) * tanh(a[2 * hidden + j]);
        h[j] = sigmoid(a[3 * hidden + j]) * tanh(c[j]);
    }
    free(a);
}

static void lstm_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__lstm_attr *attr = k->attr;
    size_t batch = k->in[0].shape.dim[0], steps = k->in[0].shape.dim[1];
    size_t inputs = k->in[0].shape.dim[2], hidden = k->in[2].shape.dim[1];
    double *h = calloc(hidden, sizeof *h), *c = calloc(hidden, sizeof *c);
    memset(out, 0, batch * steps * hidden * sizeof *out);
    for (size_t b = 0; b < batch; b++) {
        size_t length = steps;
        if (k->in[5].index && k->in[5].index[b] < (int32_t)steps)
            length = k->in[5].index[b] < 0 ? 0 : (size_t)k->in[5].index[b];
        memset(h, 0, hidden * sizeof *h);
        memset(c, 0, hidden * sizeof *c);
        for (size_t i = 0; i < length; i++) {
            size_t t = attr->reverse ? length - 1 - i : i, row = b * steps + t;
            if (attr->reverse && attr->chunk && (t + 1) % attr->chunk == 0) {
                memset(h, 0, hidden * sizeof *h);
                memset(c, 0, hidden * sizeof *c);
            }
            step(in, in[0] + row * inputs, h, c, inputs, hidden);
            memcpy(out + row * hidden, h, hidden * sizeof *h);
        }
    }
    free(h);
    free(c);
}

static op_case lstm_case(const unic__lstm_attr *attr, size_t batch, size_t steps, size_t inputs,
                         size_t hidden, const int32_t *lengths)
{
    op_case k = {.op = &unic__op_lstm, .attr = attr, .input_count = 6, .naive = lstm_naive};
    k.in[0] = (op_input){.shape = UNIC__SHAPE_OF(batch, steps, inputs), .low = -2, .high = 2};
    k.in[1].shape = UNIC__SHAPE_OF(4 * hidden, inputs);
    k.in[2].shape = UNIC__SHAPE_OF(4 * hidden, hidden);
    k.in[3].shape = k.in[4].shape = UNIC__SHAPE_OF(4 * hidden);
    k.in[5] = (op_input){.shape = UNIC__SHAPE_OF(batch), .index = lengths, .no_gradient = true};
    k.in[5].absent = lengths == NULL;
    k.expect = UNIC__SHAPE_OF(batch, steps, hidden);
    return k;
}

static const int32_t zero[] = {0, 0, 0}, some[] = {4, 0, 1, 3, 4}, full[] = {6},
                     outside[] = {-1, 9, 2}; /* as if 0 and T */

static const struct lstm_shape {
    size_t batch, steps, inputs, hidden;
    const int32_t *lengths;
} lstm_shapes[] = {
    {1, 1, 1, 1, NULL},  {1, 1, 257, 3, NULL}, {1, 6, 5, 7, full},
    {3, 2, 3, 5, zero},  {5, 4, 2, 16, some},  {3, 4, 2, 3, outside},
    {2, 3, 7, 17, NULL}, {3, 4, 7, 65, NULL}, /* the last on two threads */
};

START_TEST(lstm_values_and_gradients)
{
    const struct lstm_shape *s = &lstm_shapes[_i];
    for (size_t i = 0; i < 8; i++) { /* both ways, in one chunk and in chunks of 1, 2 and 3 */
        unic__lstm_attr attr = {i % 2, i / 2};
        op_case k = lstm_case(&attr, s->batch, s->steps, s->inputs, s->hidden, s->lengths);
        check_op(&k);
    }
}
END_TEST

static const struct lstm_golden {
    const char *name;
    size_t batch, steps, inputs, hidden;
    bool lengths, reverse;
    size_t chunk;
} lstm_goldens[] = {
    {"lstm_one", 1, 1, 1, 1, false, false, 0},
    {"lstm_clip", 1, 6, 5, 7, false, false, 0},
    {"lstm_batch", 5, 4, 3, 17, false, false, 0},
    {"lstm_lengths", 5, 7, 3, 8, true, false, 0},
    {"lstm_long", 2, 33, 3, 4, true, false, 0},
    {"lstm_reverse", 3, 5, 4, 7, false, true, 0},
    {"lstm_reverse_lengths", 5, 7, 3, 8, true, true, 0},
    {"lstm_reverse_chunks", 3, 8, 4, 7, false, true, 3},
};

START_TEST(lstm_is_pytorchs)
{
    const struct lstm_golden *s = &lstm_goldens[_i];
    unic__lstm_attr attr = {s->reverse, s->chunk};
    op_case k = lstm_case(&attr, s->batch, s->steps, s->inputs, s->hidden, NULL);
    k.golden = s->name;
    k.naive = NULL;
    k.in[5].absent = !s->lengths;
    check_op(&k);
}
END_TEST

START_TEST(lstm_refuses)
{
    unic__lstm_attr attr = {false, 0};
    static const struct {
        size_t input;
        unic__shape shape;
        const char *words;
    } wrong[] = {
        {0, {2, {3, 4}}, "input 0 has shape [3,4], expected rank 3"},
        {0, {3, {3, 0, 5}}, "x [3,0,5] and w_hh [28,7] must not be empty"},
        {0, {3, {3, 4, 6}}, "w_ih has shape [28,5], x [3,4,6] and H = 7 want [28,6]"},
        {1, {2, {27, 5}}, "w_ih has shape [27,5], x [3,4,5] and H = 7 want [28,5]"},
        {2, {2, {21, 7}}, "w_hh has shape [21,7], expected [4H,H]"},
        {2, {2, {0, 0}}, "must not be empty"},
        {3, {1, {27}}, "b_ih has 27 entries, expected 4H = 28"},
        {4, {1, {29}}, "b_hh has 29 entries, expected 4H = 28"},
        {5, {1, {4}}, "lengths have shape [4], expected [3]"},
        {5, {2, {3, 1}}, "lengths have shape [3,1], expected [3]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        op_case k = lstm_case(&attr, 3, 4, 5, 7, zero);
        k.in[wrong[i].input].shape = wrong[i].shape;
        check_op_refused(&k, wrong[i].words);
    }
    op_case k = lstm_case(&attr, 3, 4, 5, 7, NULL);
    k.in[5].absent = false;
    check_op_refused(&k, "input 5 must be int32");
    k = lstm_case(&attr, (size_t)1 << 40, (size_t)1 << 20, 1, 1 << 10, NULL);
    check_op_refused(&k, "too large");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lstm");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, lstm_values_and_gradients, 0,
                        (int)(sizeof lstm_shapes / sizeof lstm_shapes[0]));
    tcase_add_loop_test(t, lstm_is_pytorchs, 0,
                        (int)(sizeof lstm_goldens / sizeof lstm_goldens[0]));
    tcase_add_test(t, lstm_refuses);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
