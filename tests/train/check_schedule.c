/* lib/train/schedule.c: the learning rate of every step of a run. */
#include <math.h>
#include <string.h>

#include "base/base_help.h"
#include "file/io_help.h"
#include "train/schedule.h"

static const double close_to = 1e-15;

static unic_config settings(unic__schedule schedule, size_t warmup, double floor)
{
    return (unic_config){
        .lr = 0.004, .schedule = schedule, .warmup = warmup, .lr_floor = floor};
}

static const unic__schedule all[] = {UNIC__CONSTANT, UNIC__COSINE, UNIC__LINEAR_DECAY};

START_TEST(constant_is_constant)
{
    unic_config c = settings(UNIC__CONSTANT, 0, 0.1);
    for (uint64_t step = 0; step < 1000; step += 37)
        for (uint64_t total = 0; total < 500; total += 100)
            ck_assert(unic__learning_rate(&c, step, total) == 0.004);
}
END_TEST

START_TEST(warm_up_is_a_line)
{
    unic_config c = settings(all[_i], 4, 0.0);
    const double part[] = {0.25, 0.5, 0.75, 1.0};
    for (uint64_t total = 0; total < 300; total += 100) {
        for (uint64_t step = 0; step < 4; step++)
            ck_assert_double_eq_tol(unic__learning_rate(&c, step, total), part[step] * 0.004,
                                    close_to);
        ck_assert_double_eq_tol(unic__learning_rate(&c, 4, total), 0.004, close_to);
    }
}
END_TEST

START_TEST(without_a_total_it_stays) /* and with one that the warm-up takes up */
{
    unic_config c = settings(all[_i], 10, 0.0);
    for (uint64_t step = 10; step < 100; step++)
        for (uint64_t total = 0; total <= 10; total += 5)
            ck_assert(unic__learning_rate(&c, step, total) == 0.004);
}
END_TEST

START_TEST(ways_down)
{
    const double floor = 0.1;
    unic_config cosine = settings(UNIC__COSINE, 20, floor),
                line = settings(UNIC__LINEAR_DECAY, 20, floor);
    for (uint64_t step = 20; step < 200; step++) {
        double done = step < 120 ? (double)(step - 20) / 100.0 : 1.0; /* beyond: the end */
        double want = floor + (1.0 - floor) * (1.0 + cos(3.14159265358979323846 * done)) / 2.0;
        ck_assert_double_eq_tol(unic__learning_rate(&cosine, step, 120), 0.004 * want,
                                close_to);
        want = floor + (1.0 - floor) * (1.0 - done);
        ck_assert_double_eq_tol(unic__learning_rate(&line, step, 120), 0.004 * want, close_to);
    }
    ck_assert_double_eq_tol(unic__learning_rate(&cosine, 70, 120), 0.0022, close_to);
    ck_assert_double_eq_tol(unic__learning_rate(&line, 120, 120), 0.0004, close_to);
}
END_TEST

START_TEST(it_never_rises_after_the_warm_up)
{
    unic_config c = settings(all[_i], 7, 0.0);
    double last = unic__learning_rate(&c, 7, 150);
    for (uint64_t step = 8; step < 200; step++) {
        double now = unic__learning_rate(&c, step, 150);
        ck_assert(now <= last && now >= 0.0);
        last = now;
    }
    ck_assert(all[_i] == UNIC__CONSTANT ? last == 0.004 : last < 1e-18);
}
END_TEST

START_TEST(long_runs)
{
    unic_config c = settings(UNIC__COSINE, 0, 0.0);
    const uint64_t total = UINT64_C(1) << 62;
    ck_assert(unic__learning_rate(&c, 0, total) == 0.004);
    ck_assert_double_eq_tol(unic__learning_rate(&c, total / 2, total), 0.002, close_to);
    ck_assert_double_lt(unic__learning_rate(&c, UINT64_MAX, total), 1e-18);
}
END_TEST

/* Settings that have no effect are told once, at the step where that is so. */
START_TEST(what_has_no_effect_is_told)
{
#define UNSET                                                                                  \
    "how many steps the run will have was not set (unic_trainer_set_total_step_count(), "      \
    "Python's total_step_count): "
    static const struct {
        unic__schedule schedule;
        size_t warmup;
        double floor, start; /* of a second level; below 0: there is none */
        uint64_t steps, total;
        const char *says;
    } cases[] = {
        {UNIC__CONSTANT, 0, 0, -1, 5, 0, ""},
        {UNIC__COSINE, 0, 0, -1, 5, 0,
         UNSET
         "train.schedule = cosine has no effect, and the learning rate stays at train.lr = "
         "0.004\n"},
        {UNIC__CONSTANT, 3, 0, 0.6, 5, 0,
         UNSET "level2.start = 0.6 has no effect, and the second level counts from the first "
               "step on\n"},
        {UNIC__CONSTANT, 0, 0, 0, 5, 0, ""},
        {UNIC__LINEAR_DECAY, 0, 0, 0.5, 5, 0,
         UNSET
         "train.schedule = linear has no effect, and the learning rate stays at train.lr = "
         "0.004\n" UNSET "level2.start = 0.5 has no effect, and the second level counts "
         "from the first step on\n"},
        {UNIC__COSINE, 2, 0, 0.5, 5, 5, ""},
        {UNIC__COSINE, 2, 0, -1, 6, 5,
         "the run goes on beyond its 5 steps: the learning rate of train.schedule = cosine "
         "is 0 there (train.lr_floor), and nothing learns but the codebook\n"},
        {UNIC__COSINE, 2, 0.1, -1, 9, 5, ""},
        {UNIC__CONSTANT, 0, 0, -1, 9, 5, ""},
        {UNIC__CONSTANT, 20, 0, -1, 5, 5,
         "train.warmup = 20 takes up all 5 steps of the run: the learning rate rises to 0.001, "
         "train.lr is 0.004\n"},
        {UNIC__LINEAR_DECAY, 10, 0, -1, 12, 5,
         "train.warmup = 10 takes up all 5 steps of the run: the learning rate rises to 0.002, "
         "train.lr is 0.004, and train.schedule = linear has no effect\n"},
        {UNIC__CONSTANT, 5, 0, -1, 5, 5, ""}, /* it has reached it */
        {UNIC__COSINE, 4, 0, -1, 5, 5, ""},
    };
#undef UNSET
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_config c = settings(cases[i].schedule, cases[i].warmup, cases[i].floor);
        unsigned told = 0;
        c.level2_weight = cases[i].start < 0.0 ? 0.0 : 0.3;
        c.level2_start = cases[i].start;
        io_log_begin();
        for (uint64_t step = 0; step < cases[i].steps; step++)
            unic__schedule_tell(&c, step, cases[i].total, &told);
        ck_assert_str_eq(io_log_end(), cases[i].says);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("schedule");
    tcase_add_test(t, constant_is_constant);
    tcase_add_loop_test(t, warm_up_is_a_line, 0, 3);
    tcase_add_loop_test(t, without_a_total_it_stays, 0, 3);
    tcase_add_test(t, ways_down);
    tcase_add_loop_test(t, it_never_rises_after_the_warm_up, 0, 3);
    tcase_add_test(t, long_runs);
    tcase_add_test(t, what_has_no_effect_is_told);
    return base_run("train/schedule", t);
}
