/* The term jigsaw: its orders, its draws, and what a config cannot ask of it. Its gradients are
 * compared with PyTorch's in check_terms.c. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/trainer.h"

enum { MOST = 64 };
#define JIGSAW "jigsaw.weight = 0.5\njigsaw.width = 6\n"

/* A net of zeros cannot tell the orders apart. */
START_TEST(a_net_of_zeros_costs_the_log_of_the_orders)
{
    unic_trainer *t = small_trainer(SMALL_THREE,
                                    JIGSAW "jigsaw.parts = 4\njigsaw.orders = 7\n");
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    double figures[MOST] = {0};
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    for (size_t i = 0; i < t->params.n; i++) {
        const unic__param *p = t->params.at[i];
        if (strncmp(p->name, "jigsaw.1.", 9) == 0)
            memset(t->params.values + p->offset, 0, p->count * sizeof(float));
    }
    io_assert_ok(unic_trainer_evaluate(t, b->batch, figures));
    ck_assert_double_le(fabs(small_term(t, figures, "jigsaw") - 0.5 * log(7.0)), 1e-6);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* Rising numbers below S!, all of them where P = S!; other seeds, other orders. */
START_TEST(orders_are_drawn_once_for_each_seed)
{
    size_t all[6], some[5], other[5], differ = 0;
    unic_config c = {.jigsaw_parts = 3, .jigsaw_orders = 6};
    unic__jigsaw_orders(&c, all);
    for (size_t i = 0; i < 6; i++)
        ck_assert_uint_eq(all[i], i);
    for (uint64_t seed = 0; seed < 20; seed++) {
        unic_config few = {.jigsaw_parts = 4, .jigsaw_orders = 5, .seed = seed};
        unic__jigsaw_orders(&few, some);
        for (size_t i = 0; i < 5; i++)
            ck_assert(some[i] < 24 && (i == 0 || some[i] > some[i - 1]));
        differ += seed > 0 && memcmp(some, other, sizeof some) != 0;
        memcpy(other, some, sizeof some);
    }
    ck_assert_uint_gt(differ, 15);
}
END_TEST

/* Every modality serves every part now and then, one at a time. */
START_TEST(modalities_are_drawn_for_each_step)
{
    enum { STEPS = 60 };
    unic_trainer *t = small_trainer(SMALL_THREE, JIGSAW);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    size_t times[2][3] = {{0}};
    for (int i = 0; i < STEPS; i++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        const unic__jigsaw_inputs *in = unic__objective_inputs_of(&t->graph.objective,
                                                                  &unic__term_jigsaw);
        for (size_t s = 0; s < 2; s++) {
            float sum = 0.0F;
            for (size_t m = 0; m < 3; m++) {
                times[s][m] += in->chosen[s][m]->t.x[0] == 1.0F;
                sum += in->chosen[s][m]->t.x[0];
            }
            ck_assert_float_eq(sum, 1.0F);
        }
    }
    for (size_t s = 0; s < 2; s++)
        for (size_t m = 0; m < 3; m++) /* 20, within four deviations of 3.7 */
            ck_assert(times[s][m] > 5 && times[s][m] < 35);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

static void refused(const char *more, const char *why)
{
    unic_config *c;
    io_assert_ok(unic_config_create(&c));
    io_assert_ok(unic_config_parse(c, SMALL_TWO, NULL));
    io_assert_ok(unic_config_parse(c, more, NULL));
    unic_trainer *t;
    io_assert_fails(unic_trainer_create(&t, c, NULL), UNIC_E_CONFIG, why);
    unic_config_free(c);
}

START_TEST(what_does_not_fit_is_refused)
{
    refused("jigsaw.weight = 1\njigsaw.parts = 3\n",
            "code.dim = 8 is not divisible by jigsaw.parts = 3");
    refused("jigsaw.weight = 1\njigsaw.orders = 3\n",
            "jigsaw.orders = 3 is more than the 2 orders of jigsaw.parts = 2");
    unic_trainer *t = small_trainer(SMALL_TWO, "jigsaw.parts = 3\njigsaw.orders = 9\n"), *out;
    io_assert_ok(unic_trainer_save(t, small_path("none.npz")));
    const unic_trainer_options options = {.struct_size = sizeof options,
                                          .settings = "jigsaw.weight = 1\n"};
    io_assert_fails(unic_trainer_resume(&out, small_path("none.npz"), &options, NULL),
                    UNIC_E_CONFIG, "code.dim = 8 is not divisible");
    unic_trainer_free(t);
    t = small_trainer(SMALL_TWO, "");
    io_assert_ok(unic_trainer_save(t, small_path("none.npz")));
    io_assert_fails(unic_trainer_resume(&out, small_path("none.npz"), &options, NULL),
                    UNIC_E_CONFIG, "the run has jigsaw.weight = 0, which cannot become 1");
    unic_trainer_free(t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("jigsaw");
    tcase_add_test(t, a_net_of_zeros_costs_the_log_of_the_orders);
    tcase_add_test(t, orders_are_drawn_once_for_each_seed);
    tcase_add_test(t, modalities_are_drawn_for_each_step);
    tcase_add_test(t, what_does_not_fit_is_refused);
    return small_run("loss/jigsaw", t);
}
