/* Code matching on given distributions over the codes: CMCM's numbers, worked out by hand. */
#include <math.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/graph_help.h"
#include "loss/objective.h"

enum { CLIPS = 2, CODES = 3 };

/* Squared distances of which softmax(-distance) gives these distributions. */
static void distances_of(const float *p, float *distance)
{
    for (size_t i = 0; i < CLIPS * CODES; i++)
        distance[i] = logf(p[i]) * logf(p[i]);
}

static double match_of(unic__match_form form, const float *a, const float *b)
{
    const unic_config c = {.match_form = form, .code_count = CODES};
    float distance[2][CLIPS * CODES];
    unic__stream stream[2] = {{0}, {0}};
    unic__match_inputs in = {.identity = NULL};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    distances_of(a, distance[0]);
    distances_of(b, distance[1]);
    const unic__objective o = {
        .config = &c, .n = 2, .batch = CLIPS, .length = 1, .stream = stream};
    for (size_t m = 0; m < 2; m++) {
        stream[m].mask = unic__input(&g, UNIC__SHAPE_OF(CLIPS, 1), UNIC__F32);
        stream[m].lengths = unic__input(&g, UNIC__SHAPE_OF(CLIPS), UNIC__I32);
        stream[m].distance = unic__external(&g, UNIC__SHAPE_OF(CLIPS, 1, CODES), distance[m],
                                            NULL);
    }
    unic__term_code_match.inputs(&o, &g, &in);
    unic__node *loss = unic__keep(unic__code_match(&g, &c, 2, stream, &in));
    graph_ready(&g, 0);
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < CLIPS; i++) {
            stream[m].mask->t.x[i] = 1.0F;
            stream[m].lengths->t.ix[i] = 1;
        }
    base_assert_ok(unic__term_code_match.fill(&o, &in, &(unic__draw){.step = 0}));
    graph_forward(&g);
    double value = (double)loss->t.x[0];
    unic__graph_free(&g);
    return value;
}

/* S = [[-1.755726, -3.27435], [-3.119438, -2.56492]]; the CMG code's off-diagonal scores are
 * -3.154773 and -3.239015. */
static const float of_a[] = {0.7F, 0.2F, 0.1F, 0.1F, 0.6F, 0.3F};
static const float of_b[] = {0.6F, 0.3F, 0.1F, 0.2F, 0.2F, 0.6F};

START_TEST(values_of_the_equations)
{
    ck_assert_double_eq_tol(match_of(UNIC__MATCH_SYMMETRIC, of_a, of_b), 0.3259417, 1e-6);
    ck_assert_double_eq_tol(match_of(UNIC__MATCH_ASYMMETRIC, of_a, of_b), 0.3162337, 1e-6);
}
END_TEST

/* Swapped, the symmetric scores are transposed: with the rows above the two losses' mean is
 * 0.3199128. The CMG code's scores are then the same. */
START_TEST(swapped_modalities)
{
    double there = match_of(UNIC__MATCH_SYMMETRIC, of_a, of_b);
    double back = match_of(UNIC__MATCH_SYMMETRIC, of_b, of_a);
    ck_assert_double_eq_tol((there + back) / 2, 0.3199128, 1e-6);
    ck_assert_double_eq_tol(match_of(UNIC__MATCH_ASYMMETRIC, of_b, of_a),
                            match_of(UNIC__MATCH_ASYMMETRIC, of_a, of_b), 1e-7);
}
END_TEST

/* p = softmax(-||z - e||): the distance itself, not its square. */
START_TEST(distributions_come_from_distances)
{
    const double distance[] = {1, 2, 5}, want[] = {0.721399, 0.265388, 0.013213};
    const float same[] = {0.721399F, 0.265388F, 0.013213F, 0.013213F, 0.265388F, 0.721399F};
    double sum = 0.0;
    for (size_t i = 0; i < 3; i++)
        sum += exp(-distance[i]);
    for (size_t i = 0; i < 3; i++)
        ck_assert_double_eq_tol(exp(-distance[i]) / sum, want[i], 1e-6);
    float z[2] = {0, 0}, e[6] = {1, 0, 0, 2, 3, 4};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    unic__node *d = unic__keep(
        unic__sq_distance(&g, unic__external(&g, UNIC__SHAPE_OF(1, 1, 2), z, NULL),
                          unic__external(&g, UNIC__SHAPE_OF(3, 2), e, NULL)));
    graph_ready(&g, 0);
    graph_forward(&g);
    for (size_t i = 0; i < 3; i++)
        ck_assert_double_eq_tol(sqrt((double)d->t.x[i]), distance[i], 1e-6);
    unic__graph_free(&g);
    ck_assert_double_lt(match_of(UNIC__MATCH_SYMMETRIC, same, same), log(2.0));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("code_match");
    tcase_add_test(t, values_of_the_equations);
    tcase_add_test(t, swapped_modalities);
    tcase_add_test(t, distributions_come_from_distances);
    return base_run("loss/code_match", t);
}
