/* Ordinary data raises no floating-point exception, which a host may have end its process
 * (feenableexcept): neither where steps are masked, nor where codes are far apart. */
#include <check.h>
#include <fenv.h>
#include <stdlib.h>

#include "file/io_help.h"
#include "kernel/assign.h"
#include "kernel/nearest.h"
#include "model/small_model.h"

enum { ENDING = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW };
enum { BATCH = 4, LENGTH = 5, A = 4, B = 3, STEPS = 3 };

static void assert_none(const char *what)
{
    const int raised = fetestexcept(ENDING);
    ck_assert_msg(!raised, "%s raised%s%s%s", what, raised & FE_INVALID ? " invalid" : "",
                  raised & FE_DIVBYZERO ? " division by zero" : "",
                  raised & FE_OVERFLOW ? " overflow" : "");
}

static void set_input(unic_batch *batch, const char *name, float *x, int64_t dim,
                      const int32_t *lengths)
{
    unic_array a;
    for (int64_t i = 0; i < BATCH * LENGTH * dim; i++)
        x[i] = (float)(i % 7 - 3);
    unic_array_init(&a, x, UNIC_F32, 3, (int64_t[]){BATCH, LENGTH, dim});
    io_assert_ok(unic_batch_set(batch, name, &a, lengths));
}

START_TEST(a_training_step_with_masked_steps_raises_none)
{
    static const int32_t lengths[BATCH] = {5, 3, 0, 5};
    static float a[BATCH * LENGTH * A], b[BATCH * LENGTH * B];
    unic_config *c;
    unic_trainer *t;
    unic_batch *batch;
    io_assert_ok(unic_config_create(&c));
    io_assert_ok(unic_config_parse(c,
                                   "preset = small\nmodalities = a b\na.kind = vector\n"
                                   "a.dims = 4\nb.kind = vector\nb.dims = 3\n"
                                   "train.batch = 4\ntrain.length = 5\n",
                                   NULL));
    io_assert_ok(unic_trainer_create(&t, c, NULL));
    io_assert_ok(unic_batch_create(&batch));
    set_input(batch, "a", a, A, _i ? lengths : NULL);
    set_input(batch, "b", b, B, NULL);
    feclearexcept(FE_ALL_EXCEPT);
    for (int i = 0; i < STEPS; i++)
        io_assert_ok(unic_trainer_step(t, batch, NULL, NULL));
    assert_none("a step");
    unic_batch_free(batch);
    unic_trainer_free(t);
    unic_config_free(c);
}
END_TEST

/* Squares of these do not fit a float. */
START_TEST(codes_far_apart_raise_none)
{
    enum { CODES = 37, DIM = 5, NEAR = 3 };
    float e[CODES * DIM];
    int32_t codes[CODES * NEAR];
    unic__code_table t;
    for (int i = 0; i < CODES * DIM; i++)
        e[i] = 1e30F * (float)(i * 7 % 41 - 20);
    io_assert_ok(unic__code_table_create(&t, e, CODES, DIM));
    feclearexcept(FE_ALL_EXCEPT);
    unic__code_table_refresh(&t);
    assert_none("a table of codes");
    unic__assign(codes, e, CODES, &t);
    assert_none("the nearest code");
    for (int32_t i = 0; i < CODES; i++)
        ck_assert_int_eq(codes[i], i);
    io_assert_ok(unic__nearest(codes, NULL, e, CODES, NEAR, &t));
    assert_none("the nearest codes");
    for (int32_t i = 0; i < CODES; i++)
        ck_assert_int_eq(codes[i * NEAR], i);
    unic__code_table_free(&t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("exceptions");
    tcase_add_loop_test(t, a_training_step_with_masked_steps_raises_none, 0, 2);
    tcase_add_test(t, codes_far_apart_raise_none);
    tcase_set_timeout(t, 100);
    return small_run("kernel/exceptions", t);
}
