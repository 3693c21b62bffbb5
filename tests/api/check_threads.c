/* unic_set_threads, and that what a thread count computes is not a matter of chance. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic.h"

START_TEST(takes_1_to_256)
{
    ck_assert_int_eq(unic_get_threads(), 1);
    const int good[] = {256, 2, 1}, bad[] = {0, -1, 257, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 3; i++) {
        io_assert_ok(unic_set_threads(good[i]));
        ck_assert_int_eq(unic_get_threads(), good[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        io_assert_fails(unic_set_threads(bad[i]), UNIC_E_ARG, "is not in 1..256");
        ck_assert_int_eq(unic_get_threads(), 1);
    }
}
END_TEST

/* Large enough that products and loops are split. */
#define LARGER                                                                                 \
    "code.dim = 64\ncode.count = 300\nencoder.ff = 128\nclub.width = 64\n"                     \
    "train.batch = 32\ntrain.length = 8\n"

static small_state train(int threads)
{
    unic_trainer *t = small_trainer(SMALL_TWO, LARGER);
    small_batch *b = small_batch_new(SMALL_TWO, 32, 8, 1);
    io_assert_ok(unic_set_threads(threads));
    for (int step = 0; step < 3; step++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_set_threads(1));
    small_state state = small_state_of(t);
    small_batch_free(b);
    unic_trainer_free(t);
    return state;
}

START_TEST(equal_counts_give_equal_bytes)
{
    for (int threads = 1; threads <= 3; threads++) {
        small_state one = train(threads), two = train(threads);
        ck_assert(small_states_equal(&one, &two));
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("threads");
    tcase_add_test(t, takes_1_to_256);
    tcase_add_test(t, equal_counts_give_equal_bytes);
    return small_run("api/threads", t);
}
