/* lib/base/memory.c: budgets, what counts and what is said. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base_help.h"

START_TEST(live_bytes_count)
{
    unic__budget b;
    unic__budget_init(&b, 1000, "/some/where/model.npz");
    void *foreign = unic__alloc(5000);
    unic__budget *before = unic__budget_enter(&b);
    ck_assert_ptr_null(before);
    void *first = unic__alloc(600), *second = unic__alloc_zero(400);
    ck_assert(first && second && b.used == 1000);
    ck_assert_ptr_null(unic__alloc(1));
    unic__free(second);
    unic__free(foreign); /* was never charged */
    ck_assert_uint_eq(b.used, 600);
    second = unic__alloc_array(20, 10);
    ck_assert_ptr_null(unic__realloc(second, 200, 201)); /* both would live: 600 + 200 + 201 */
    ck_assert_uint_eq(b.used, 800);
    second = unic__realloc(second, 200, 190);
    ck_assert(second && b.used == 790);
    ck_assert_ptr_null(unic__alloc(211));
    base_assert_fails(unic__budget_leave(before, unic__no_memory(7, "a name")), UNIC_E_NOMEM,
                      "");
    unic__free(first);
    unic__free(second);
}
END_TEST

START_TEST(the_message_names_file_and_limit)
{
    static const struct {
        size_t limit, ask;
        const char *path, *says;
    } cases[] = {
        {200000000, 1234567890, "/data/model.npz",
         "model.npz asks for 1.2 GB, the limit is 200 MB"},
        {1, 2, "x", "x asks for 2 bytes, the limit is 1 byte"},
        {999, 1000, "a/", "a/ asks for 1 kB, the limit is 999 bytes"},
        {2000000, 2000001, "a/b", "b asks for 2000001 bytes, the limit is 2000000"},
        {1, SIZE_MAX - 200, "x", "x asks for 18.4 EB, the limit is 1 byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic__budget b;
        unic__budget_init(&b, cases[i].limit, cases[i].path);
        unic__budget *before = unic__budget_enter(&b);
        ck_assert_ptr_null(unic__alloc(cases[i].ask));
        unic_status status = unic__fail(UNIC_E_FORMAT, "whatever was made of it");
        base_assert_fails(unic__budget_leave(before, status), UNIC_E_NOMEM, cases[i].says);
        ck_assert_str_eq(unic_last_error(), cases[i].says);
    }
}
END_TEST

/* A failure with another cause stays what it is, and what was borne is no failure. */
START_TEST(other_failures_stay)
{
    unic__budget b;
    unic__budget_init(&b, 10, "x");
    unic__budget *before = unic__budget_enter(&b);
    unic_status status = unic__fail(UNIC_E_FORMAT, "damaged");
    base_assert_fails(unic__budget_leave(before, status), UNIC_E_FORMAT, "damaged");
    before = unic__budget_enter(&b);
    ck_assert_ptr_null(unic__alloc(11)); /* somebody can do without */
    base_assert_ok(unic__budget_leave(before, UNIC_OK));
    before = unic__budget_enter(&b);
    status = unic__fail(UNIC_E_FORMAT, "damaged");
    base_assert_fails(unic__budget_leave(before, status), UNIC_E_FORMAT, "damaged");
}
END_TEST

START_TEST(budgets_nest)
{
    unic__budget outer, inner, none;
    unic__budget_init(&outer, 100, "outer");
    unic__budget_init(&inner, 1000, "inner");
    unic__budget_init(&none, 0, "none");
    unic__budget *first = unic__budget_enter(&outer);
    unic__budget *second = unic__budget_enter(&inner);
    void *memory = unic__alloc(500);
    ck_assert(memory && inner.used == 500 && outer.used == 0);
    unic__budget *third = unic__budget_enter(&none);
    void *free_of_charge = unic__alloc(100000);
    ck_assert_ptr_nonnull(free_of_charge);
    unic__free(memory); /* of a budget that is not in force: stays charged */
    ck_assert_uint_eq(inner.used, 500);
    unic__budget_leave(third, UNIC_OK);
    unic__budget_leave(second, UNIC_OK);
    ck_assert_ptr_null(unic__alloc(101));
    unic__budget_leave(first, UNIC_OK);
    unic__free(free_of_charge);
}
END_TEST

enum { THREADS = 4, ROUNDS = 5000 };

static void *churn(void *user)
{
    unic__budget *before = unic__budget_enter(user);
    for (size_t i = 0; i < ROUNDS; i++) {
        void *memory = unic__alloc(100 + i % 7);
        unic__free(memory);
    }
    unic__budget_leave(before, UNIC_OK);
    return NULL;
}

START_TEST(threads_share_a_budget)
{
    pthread_t threads[THREADS];
    unic__budget b;
    unic__budget_init(&b, 4 * 106, "x");
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &b), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(b.used == 0 && b.asked == 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("budget");
    tcase_add_test(t, live_bytes_count);
    tcase_add_test(t, the_message_names_file_and_limit);
    tcase_add_test(t, other_failures_stay);
    tcase_add_test(t, budgets_nest);
    tcase_add_test(t, threads_share_a_budget);
    return base_run("base/budget", t);
}
