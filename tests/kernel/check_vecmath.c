/* vecmath.h against libm in double, over the bit patterns of float32. */
#include <check.h>
#include <math.h>

#include "base/base.h"
#include "kernel/vecmath.h"

enum {
    N = 4096,
    STRIDE = 4099
}; /* every STRIDE-th bit pattern, both signs: a million values */

#define VECTOR(name, function)                                                                 \
    UNIC__SIMD static void name(float *y, const float *x, size_t n)                            \
    {                                                                                          \
        for (size_t i = 0; i < n; i++)                                                         \
            y[i] = function(x[i]);                                                             \
    }
VECTOR(vector_exp, unic__expf)
VECTOR(vector_log, unic__logf)
VECTOR(vector_log1p, unic__log1pf)
VECTOR(vector_tanh, unic__tanhf)
VECTOR(vector_sigmoid, unic__sigmoidf)
VECTOR(vector_gelu, unic__geluf)

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* |y - want| in units of the last place of a float of that size. */
static double ulps(float y, double want)
{
    if (isnan(want) || isinf((double)(float)want) || isnan(y) || isinf(y)) {
        bool same = isnan(want) ? isnan(y) : y == (float)want;
        return same ? 0.0 : (double)INFINITY;
    }
    int exponent;
    frexp(fmax(fabs(want), 0x1p-126), &exponent);
    return fabs((double)y - want) / ldexp(1.0, exponent - 24);
}

static void check_range(const char *name, void (*vector)(float *, const float *, size_t),
                        double (*exact)(double), float low, float high, double allowed)
{
    static float x[N], y[N];
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32;) {
        for (size_t i = 0; i < N; i++, bits += STRIDE) {
            x[i] = unic__float_of((uint32_t)bits);
            if (x[i] < low || x[i] > high)
                x[i] = low;
        }
        vector(y, x, N);
        for (size_t i = 0; i < N; i++) {
            double error = ulps(y[i], exact((double)x[i]));
            if (!(error <= allowed)) /* not ck_assert: it writes to a file each time */
                ck_abort_msg("%s(%a) is %a, expected %a: off by %.3g ulp", name, (double)x[i],
                             (double)y[i], exact((double)x[i]), error);
        }
    }
}

static const float inf = INFINITY;

START_TEST(exp_whole_range)
{
    check_range("exp", vector_exp, exp, -inf, inf, 1.0);
    check_range("exp", vector_exp, exp, -104.5F, -86.0F, 1.0); /* into the denormals and to 0 */
    check_range("exp", vector_exp, exp, 87.0F, 90.0F, 1.0);    /* to infinity                 */
}
END_TEST

START_TEST(log_whole_range)
{
    check_range("log", vector_log, log, -inf, inf, 1.0);
    check_range("log1p", vector_log1p, log1p, 0.0F, 1.0F, 1.5);
}
END_TEST

START_TEST(tanh_whole_range)
{
    check_range("tanh", vector_tanh, tanh, -inf, inf, 2.5);
    check_range("tanh", vector_tanh, tanh, 0.001F, 10.0F, 2.5);
}
END_TEST

START_TEST(sigmoid_whole_range)
{
    check_range("sigmoid", vector_sigmoid, sigmoid, -inf, inf, 2.5);
    check_range("sigmoid", vector_sigmoid, sigmoid, -100.0F, -0.001F, 2.5);
}
END_TEST

/* Within 2^-22 of x, which is what an error of 2^-22 of the probability makes. */
START_TEST(gelu_whole_range)
{
    static float x[N], y[N];
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32;) {
        for (size_t i = 0; i < N; i++, bits += STRIDE) {
            x[i] = unic__float_of((uint32_t)bits);
            if (!(fabsf(x[i]) < inf))
                x[i] = 0.0F;
        }
        vector_gelu(y, x, N);
        for (size_t i = 0; i < N; i++) {
            const double want = (double)x[i] * 0.5 * erfc((double)x[i] * -sqrt(0.5));
            if (!(fabs((double)y[i] - want) <= 0x1p-22 * fabs((double)x[i]) + 0x1p-149))
                ck_abort_msg("gelu(%a) is %a, expected %a", (double)x[i], (double)y[i], want);
        }
    }
}
END_TEST

/* What a loop over all bit patterns passes by. */
START_TEST(exact_points)
{
    const float x[] = {0.0F, -0.0F, 1.0F, inf, -inf, NAN};
    const float exp_x[] = {1.0F, 1.0F, 2.71828182846F, inf, 0.0F, NAN};
    const float tanh_x[] = {0.0F, -0.0F, 0.761594155956F, 1.0F, -1.0F, NAN};
    const float log_x[] = {-inf, -inf, 0.0F, inf, NAN, NAN};
    const float sigmoid_x[] = {0.5F, 0.5F, 0.731058578630F, 1.0F, 0.0F, NAN};
    enum { POINTS = sizeof x / sizeof x[0] };
    float y[POINTS];
    const struct {
        void (*vector)(float *, const float *, size_t);
        const float *want;
    } functions[] = {{vector_exp, exp_x},
                     {vector_tanh, tanh_x},
                     {vector_log, log_x},
                     {vector_sigmoid, sigmoid_x}};
    for (size_t f = 0; f < 4; f++) {
        functions[f].vector(y, x, POINTS);
        for (size_t i = 0; i < POINTS; i++) {
            float want = functions[f].want[i];
            bool near = isnan(want) || isinf(want)
                            ? ulps(y[i], (double)want) == 0.0
                            : fabsf(y[i] - want) <= 1.2e-7F * fabsf(want);
            ck_assert_msg(near && (isnan(want) || !signbit(y[i]) == !signbit(want)),
                          "function %zu of %g is %g", f, (double)x[i], (double)y[i]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vector functions");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, exp_whole_range);
    tcase_add_test(t, log_whole_range);
    tcase_add_test(t, tanh_whole_range);
    tcase_add_test(t, sigmoid_whole_range);
    tcase_add_test(t, gelu_whole_range);
    tcase_add_test(t, exact_points);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
