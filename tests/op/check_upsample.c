/* upsample. */
#include <check.h>
#include <math.h>

#include "op_harness.h"

#define S UNIC__SHAPE_OF

/* Weight of pixel i of n in pixel o of the enlarged axis: a triangle around o's place. */
static double weight_of(const unic__upsample_attr *attr, size_t o, size_t i, size_t n)
{
    double f = (double)attr->factor, size = (double)n;
    double at = attr->align_corners ? (n > 1 ? (double)o * (size - 1) / (f * size - 1) : 0.0)
                                    : ((double)o + 0.5) / f - 0.5;
    at = fmin(fmax(at, 0.0), size - 1);
    return fmax(0.0, 1.0 - fabs(at - (double)i));
}

static void upsample_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__upsample_attr *attr = k->attr;
    const unic__shape *x = &k->in[0].shape, *y = &k->expect;
    size_t h = x->dim[x->rank - 3], w = x->dim[x->rank - 2], c = x->dim[x->rank - 1];
    size_t oh = y->dim[y->rank - 3], ow = y->dim[y->rank - 2];
    for (size_t e = 0; e < unic__shape_count(y); e++) {
        size_t j = e % c, ox = e / c % ow, oy = e / (c * ow) % oh, n = e / (c * ow * oh);
        out[e] = 0.0;
        for (size_t i = 0; i < h * w; i++)
            out[e] += weight_of(attr, oy, i / w, h) * weight_of(attr, ox, i % w, w) *
                      in[0][(n * h * w + i) * c + j];
    }
}

static const struct upsample_case {
    const char *golden;
    unic__shape x;
    unic__upsample_attr attr;
    unic__shape out;
} cases[] = {
    {"upsample_corners", S(2, 2, 3, 4, 5), {2, true}, S(2, 2, 6, 8, 5)},
    {"upsample_edges", S(3, 4, 3, 3), {2, false}, S(3, 8, 6, 3)},
    {"upsample_thrice", S(2, 3, 2, 4), {3, false}, S(2, 9, 6, 4)},
    {"upsample_one_row", S(2, 1, 4, 2), {4, true}, S(2, 4, 16, 2)},
    {NULL, S(1, 1, 3), {2, true}, S(2, 2, 3)},
    {NULL, S(1, 1, 3), {2, false}, S(2, 2, 3)},
    {NULL, S(2, 3, 4, 5), {1, true}, S(2, 3, 4, 5)}, /* as it was */
    {NULL, S(2, 3, 4, 5), {1, false}, S(2, 3, 4, 5)},
    {NULL, S(6, 7, 7, 40), {2, true}, S(6, 14, 14, 40)}, /* enough for two threads */
};

START_TEST(values_and_gradients)
{
    const struct upsample_case *s = &cases[_i];
    op_case k = {.golden = s->golden,
                 .op = &unic__op_upsample,
                 .attr = &s->attr,
                 .input_count = 1,
                 .naive = upsample_naive,
                 .expect = s->out};
    k.in[0].shape = s->x;
    check_op(&k);
}
END_TEST

static const struct refusal {
    unic__shape x;
    size_t factor;
    const char *words;
} refusals[] = {
    {S(7, 8), 2, "x [7,8] is not [..,H,W,C]"},
    {S(2, 7, 0, 8), 2, "x [2,7,0,8] is not [..,H,W,C] without empty dims"},
    {S(2, 7, 7, 8), 0, "factor is 0"},
    {S(2, 7, 7, 8), SIZE_MAX / 2, "x [2,7,7,8] times 9223372036854775807 is larger"},
    {S(2, 7, 7, 8), SIZE_MAX / 16, "is larger than any memory"},
};

START_TEST(refuses)
{
    const struct refusal *r = &refusals[_i];
    const unic__upsample_attr attr = {r->factor, true};
    op_case k = {.op = &unic__op_upsample, .attr = &attr, .input_count = 1};
    k.in[0].shape = r->x;
    check_op_refused(&k, r->words);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("upsampling");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, values_and_gradients, 0, COUNT(cases));
    tcase_add_loop_test(t, refuses, 0, COUNT(refusals));
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
