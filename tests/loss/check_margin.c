/* The margin softmax on given scores: numbers worked out by hand from S-MiT's equations, what
 * does not change it, and the schedule of the fixed margin. */
#include <math.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/graph_help.h"
#include "loss/objective.h"

enum { MOST = 4 };

static const float scores[9] = {2, 0, 1, 0, 1, -1, 1, 0, 3};

typedef struct result {
    double loss;
    float gradient[MOST * MOST];
} result;

/* The loss of the clips that are `there`, of n x n scores. */
static result margin_of(const unic_config *c, const float *score, size_t n, const bool *there)
{
    result r = {0};
    float x[MOST * MOST];
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    memcpy(x, score, n * n * sizeof *x);
    unic__node *s = unic__external(&g, UNIC__SHAPE_OF(n, n), x, r.gradient);
    unic__node *target = unic__input(&g, UNIC__SHAPE_OF(n), UNIC__I32);
    unic__node *valid = unic__input(&g, UNIC__SHAPE_OF(n), UNIC__F32);
    unic__node *identity = unic__input(&g, UNIC__SHAPE_OF(n, n), UNIC__F32);
    unic__node *fixed = unic__input(&g, UNIC__SHAPE_OF(1, 1), UNIC__F32);
    unic__node *loss = unic__margin_softmax(&g, c, s, NULL, target, valid, identity, fixed);
    unic__loss(loss, 1.0);
    graph_ready(&g, 0);
    for (size_t i = 0; i < n; i++) {
        target->t.ix[i] = there[i] ? (int32_t)i : -1;
        valid->t.x[i] = there[i] ? 1.0F : 0.0F;
    }
    unic__identity_fill(identity, 0);
    fixed->t.x[0] = (float)unic__margin_at(c, 0);
    graph_forward(&g);
    graph_backward(&g);
    r.loss = (double)loss->t.x[0];
    unic__graph_free(&g);
    return r;
}

static const bool all[MOST] = {true, true, true, true};

static unic_config fixed_of(double size)
{
    return (unic_config){
        .margin_form = UNIC__MARGIN_FIXED, .margin_size = size, .margin_growth = 1.0};
}

static unic_config adaptive_of(double alpha, bool rows)
{
    return (unic_config){
        .margin_form = UNIC__MARGIN_ADAPTIVE, .margin_alpha = alpha, .margin_rows = rows};
}

static void expect(const unic_config *c, double want)
{
    result r = margin_of(c, scores, 3, all);
    base_require(fabs(r.loss - want) < 1e-6, "the loss is %.9g, expected %.9g", r.loss, want);
}

START_TEST(values_of_the_equations)
{
    const unic_config none = fixed_of(0.0), small = fixed_of(0.001);
    const unic_config half = adaptive_of(0.5, false), rows = adaptive_of(0.5, true);
    const unic_config whole = adaptive_of(1.0, false), zero = adaptive_of(0.0, false);
    expect(&none, 0.6956801);
    expect(&small, 0.6962528);
    expect(&half, 1.3308513);
    expect(&rows, 1.3475704);
    expect(&whole, 2.4090990);
    expect(&zero, 0.6956801);
}
END_TEST

/* With alpha = 1 the pairs' own scores take no part at all. */
START_TEST(a_whole_margin_forgets_the_pairs)
{
    const unic_config c = adaptive_of(1.0, false);
    float other[9];
    memcpy(other, scores, sizeof other);
    for (size_t i = 0; i < 3; i++)
        other[4 * i] += (float)i - 1.5F;
    result a = margin_of(&c, scores, 3, all), b = margin_of(&c, other, 3, all);
    ck_assert_double_eq_tol(a.loss, b.loss, 1e-6);
    for (size_t i = 0; i < 3; i++)
        ck_assert_float_eq_tol(a.gradient[4 * i], 0.0F, 1e-6F);
}
END_TEST

START_TEST(equal_scores_give_log_n)
{
    const float equal[16] = {0};
    const unic_config c[] = {fixed_of(0.0), adaptive_of(0.5, false), adaptive_of(1.0, true)};
    for (size_t i = 0; i < 3; i++)
        for (size_t n = 2; n <= MOST; n++)
            ck_assert_double_eq_tol(margin_of(&c[i], equal, n, all).loss, 2.0 * log((double)n),
                                    1e-6);
}
END_TEST

/* The same clips in another order, and among others that are not there. */
START_TEST(order_and_absent_clips_do_not_matter)
{
    static const size_t order[3] = {2, 0, 1}, place[3] = {0, 2, 3};
    static const bool there[MOST] = {true, false, true, true};
    const unic_config c[] = {fixed_of(0.3), adaptive_of(0.5, false), adaptive_of(0.7, true)};
    float turned[9], spread[16];
    for (size_t i = 0; i < 16; i++)
        spread[i] = 7.0F;
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            turned[3 * i + j] = scores[3 * order[i] + order[j]];
            spread[4 * place[i] + place[j]] = scores[3 * i + j];
        }
    for (size_t i = 0; i < 3; i++) {
        double want = margin_of(&c[i], scores, 3, all).loss;
        ck_assert_double_eq_tol(margin_of(&c[i], turned, 3, all).loss, want, 1e-6);
        result r = margin_of(&c[i], spread, 4, there);
        ck_assert_double_eq_tol(r.loss, want, 1e-6);
        for (size_t j = 0; j < 4; j++)
            ck_assert(r.gradient[4 + j] == 0.0F && r.gradient[4 * j + 1] == 0.0F);
    }
}
END_TEST

START_TEST(the_fixed_margin_grows)
{
    const unic_config c = {.margin_size = 0.001, .margin_growth = 1.002};
    ck_assert(unic__margin_at(&c, 0) == 0.001 && unic__margin_at(&c, 999) == 0.001);
    ck_assert_double_eq_tol(unic__margin_at(&c, 1000), 0.001002, 1e-12);
    ck_assert_double_eq_tol(unic__margin_at(&c, 5999), 0.001 * pow(1.002, 5), 1e-12);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("margin");
    tcase_add_test(t, values_of_the_equations);
    tcase_add_test(t, a_whole_margin_forgets_the_pairs);
    tcase_add_test(t, equal_scores_give_log_n);
    tcase_add_test(t, order_and_absent_clips_do_not_matter);
    tcase_add_test(t, the_fixed_margin_grows);
    return base_run("loss/margin", t);
}
