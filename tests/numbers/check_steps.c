/* A run of many tiny steps takes no more memory than a short one. STEPS says how many; `make
 * steps` takes 100,000. */
#include <check.h>
#include <stdlib.h>

#include "file/io_help.h"
#include "model/small_model.h"

/* AddressSanitizer holds released memory back, so that the process grows. */
#if defined(__SANITIZE_ADDRESS__)
enum { MEMORY_TELLS = 0 };
#else
enum { MEMORY_TELLS = 1 };
#endif

static size_t step_count(void)
{
    const char *text = getenv("STEPS");
    return text ? strtoul(text, NULL, 10) : 1500;
}

/* The library's own allocations are counted: none. What the libraries below it hold, and what
 * fragments of the heap hold, shows in the process. */
START_TEST(many_steps_take_no_more_memory)
{
    enum { WARM = 100, SLACK = 512 /* kB */ };
    unic_trainer *t = small_trainer(
        SMALL_THREE, _i ? "behaviour = compat\ntrain.lr = 1e-06\nclub.lr = 1e-06\n"
                        : "train.lr = 1e-06\nclub.lr = 1e-06\n");
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    long before = 0;
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL)); /* starts the codes */
    small_count_allocations();
    for (size_t i = 0, n = step_count(); i < n; i++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        if (i == WARM)
            before = io_resident_memory();
    }
    long after = io_resident_memory();
    ck_assert_uint_eq(small_counted_allocations(), 0);
    ck_assert_msg(!MEMORY_TELLS || after <= before + SLACK,
                  "%ld kB at the end, %ld at the beginning", after, before);
    small_state state = small_state_of(t); /* it is finite: it can be saved */
    free(state.bytes);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* The same where models are taken out of it, which allocates and releases. */
START_TEST(many_models_take_no_more_memory)
{
    enum { WARM = 10, SLACK = 2048 /* kB */ };
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    long before = 0;
    for (size_t i = 0, n = step_count() / 10; i < n; i++) {
        unic_model *model;
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        io_assert_ok(unic_trainer_model(&model, t));
        unic_model_free(model);
        if (i == WARM)
            before = io_resident_memory();
    }
    long after = io_resident_memory();
    ck_assert_msg(!MEMORY_TELLS || after <= before + SLACK,
                  "%ld kB at the end, %ld at the beginning", after, before);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("steps");
    tcase_add_loop_test(t, many_steps_take_no_more_memory, 0, 2);
    tcase_add_test(t, many_models_take_no_more_memory);
    return small_run("numbers/steps", t);
}
