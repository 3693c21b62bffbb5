/* lib/graph/param_table.c: the table of parameters. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/param_table.h"
#include "kernel/winograd.h"

static const unic__init zeros = {UNIC__INIT_ZEROS, 0.0}, ones = {UNIC__INIT_ONES, 0.0},
                        half = {UNIC__INIT_UNIFORM, 0.5};

static unic__param *declare(unic__param_table *params, const char *name, unic__shape shape,
                            unic__init init, const char *group)
{
    unic__param *p;
    base_assert_ok(unic__param_table_declare(params, name, &shape, init, group, &p));
    return p;
}

START_TEST(declared_twice_is_one)
{
    unic__param_table params = {0};
    char name[] = "audio.weight", group[] = "encoder"; /* both are copied */
    unic__param *p = declare(&params, name, UNIC__SHAPE_OF(3, 4), half, group), *again;
    name[0] = group[0] = 'X';
    ck_assert_str_eq(p->name, "audio.weight");
    ck_assert_str_eq(params.group[p->group], "encoder");
    ck_assert_ptr_eq(declare(&params, "audio.weight", UNIC__SHAPE_OF(3, 4), half, "cpc"), p);
    ck_assert_ptr_eq(unic__param_table_find(&params, "audio.weight"), p);
    ck_assert_ptr_null(unic__param_table_find(&params, "audio.bias"));
    ck_assert_uint_eq(params.n, 1);
    ck_assert_uint_eq(params.group_count, 1);
    base_assert_fails(unic__param_table_declare(&params, "audio.weight", &UNIC__SHAPE_OF(4, 3),
                                                half, "encoder", &again),
                      UNIC_E_SHAPE, "parameter audio.weight is [4,3] here, [3,4] elsewhere");
    ck_assert_uint_eq(params.n, 1);
    unic__param_table_free(&params);
    ck_assert_uint_eq(params.n, 0);
    unic__param_table_free(&params);
}
END_TEST

START_TEST(a_sealed_table_takes_no_names)
{
    unic__param_table params = {0};
    unic__param *p = declare(&params, "w", UNIC__SHAPE_OF(2), half, "a"), *q;
    base_assert_ok(unic__param_table_seal(&params, false));
    ck_assert_ptr_nonnull(params.values);
    ck_assert_ptr_null(params.grads);
    ck_assert_ptr_eq(declare(&params, "w", UNIC__SHAPE_OF(2), half, "a"), p);
    base_assert_fails(
        unic__param_table_declare(&params, "v", &UNIC__SHAPE_OF(2), half, "a", &q),
        UNIC_E_STATE, "parameter v is not in the model's table");
    unic__param_table_free(&params);
    base_assert_ok(unic__param_table_seal(&params, true)); /* an empty one has memory too */
    ck_assert(params.values && params.grads && params.total == 0);
    unic__param_table_init(&params, 1);
    unic__param_table_free(&params);
}
END_TEST

START_TEST(groups_are_few)
{
    unic__param_table params = {0};
    unic__param *p;
    char name[32];
    for (int i = 0; i < UNIC__MAX_GROUPS; i++) {
        snprintf(name, sizeof name, "group%d", i);
        ck_assert_uint_eq(declare(&params, name, UNIC__SHAPE_OF(1), half, name)->group, i);
    }
    base_assert_fails(
        unic__param_table_declare(&params, "w", &UNIC__SHAPE_OF(1), half, "more", &p),
        UNIC_E_STATE, "more than 16 groups");
    ck_assert_ptr_null(unic__param_table_find(&params, "w"));
    ck_assert_uint_eq(declare(&params, "w", UNIC__SHAPE_OF(1), half, "group3")->group, 3);
    unic__param_table_free(&params);
}
END_TEST

START_TEST(places_are_lines_of_their_own)
{
    enum { N = 200, LINE = UNIC__ALIGN / sizeof(float) }; /* more than the table's first room */
    unic__param_table params = {0};
    char name[32];
    size_t end = 0;
    for (size_t i = 0; i < N; i++) {
        snprintf(name, sizeof name, "p%zu", i);
        unic__shape shape = i % 3 ? UNIC__SHAPE_OF(i % 40 + 1) : UNIC__SHAPE_OF(i % 7 + 1, 3);
        unic__param *p = declare(&params, name, shape, ones, i % 2 ? "a" : "b");
        ck_assert(p->decay == (i % 3 == 0)); /* matrices alone */
        ck_assert_uint_eq(p->count, unic__shape_count(&shape));
    }
    base_assert_ok(unic__param_table_seal(&params, true));
    for (size_t i = 0; i < params.total; i++)
        base_require(params.values[i] == 0.0F && params.grads[i] == 0.0F, "not cleared");
    unic__param_table_init(&params, 3);
    for (size_t i = 0; i < N; i++) {
        const unic__param *p = params.at[i];
        snprintf(name, sizeof name, "p%zu", i);
        ck_assert_str_eq(p->name, name);
        ck_assert_uint_eq(p->offset % LINE, 0);
        ck_assert_uint_ge(p->offset, end);
        for (size_t k = end; k < p->offset; k++)
            base_require(params.values[k] == 0.0F, "the padding before %s", p->name);
        for (size_t k = 0; k < p->count; k++)
            base_require(params.values[p->offset + k] == 1.0F, "%s", p->name);
        end = p->offset + p->count;
    }
    ck_assert_uint_ge(params.total, end);
    ck_assert_uint_lt(params.total, end + LINE);
    unic__param_table_free(&params);
}
END_TEST

/* The weight of a convolution is kept transformed too, behind its values, where products are packed:
 * its values are there as before, and so is what lies behind. */
START_TEST(weights_are_kept_transformed)
{
    enum { CI = 5, CO = 33, TILE = 3, COUNT = 9 * CI * CO };
    const size_t size = unic__winograd_kept_count(CI, CO, TILE);
    float w[COUNT], got[COUNT], next[3] = {1, 2, 3}, more[3];
    float *kept = unic__alloc_array(size, sizeof *kept);
    ck_assert_ptr_nonnull(kept);
    for (size_t i = 0; i < COUNT; i++)
        w[i] = (float)i / COUNT - 0.5F;
    unic__winograd_keep(kept, w, CI, CO, TILE);
    for (int packed = 0; packed < 2; packed++) {
        unic__param_table params = {0};
        unic__param *p = declare(&params, "w", UNIC__SHAPE_OF(3, 3, CI, CO), half, "a");
        unic__param *q = declare(&params, "b", UNIC__SHAPE_OF(3), half, "a");
        p->tile = TILE;
        base_assert_ok(unic__param_table_seal_weights(&params, packed, UNIC__FLOAT32));
        base_assert_ok(unic__param_table_put(&params, q, next));
        base_assert_ok(unic__param_table_put(&params, p, w));
        unic__param_table_read(&params, p, got);
        unic__param_table_read(&params, q, more);
        ck_assert_mem_eq(got, w, sizeof w);
        ck_assert_mem_eq(more, next, sizeof next);
        ck_assert_ptr_null(unic__param_kept(&params, q));
        const float *found = unic__param_kept(&params, p);
        ck_assert((found != NULL) == packed);
        if (found)
            ck_assert_mem_eq(found, kept, size * sizeof *kept);
        unic__param_table_free(&params);
    }
    unic__free(kept);
}
END_TEST

/* A table of "w" and others, in one order or the other. */
static void fill_table(unic__param_table *params, bool turned, uint64_t seed)
{
    if (turned)
        declare(params, "other", UNIC__SHAPE_OF(7), half, "b");
    declare(params, "w", UNIC__SHAPE_OF(50, 100), half, "a");
    declare(params, "v", UNIC__SHAPE_OF(50, 100), half, "a");
    declare(params, "zero", UNIC__SHAPE_OF(9), zeros, "a");
    base_assert_ok(unic__param_table_seal(params, false));
    unic__param_table_init(params, seed);
}

static const float *values_of(const unic__param_table *params, const char *name)
{
    return params->values + unic__param_table_find(params, name)->offset;
}

START_TEST(starts_are_functions_of_seed_and_name)
{
    enum { N = 5000 };
    unic__param_table a = {0}, b = {0}, c = {0};
    fill_table(&a, false, 11);
    fill_table(&b, true, 11);
    fill_table(&c, false, 12);
    const float *w = values_of(&a, "w");
    ck_assert_int_eq(memcmp(w, values_of(&b, "w"), N * sizeof *w), 0);
    size_t same_name = 0, same_seed = 0;
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < N; i++) {
        base_require(w[i] >= -0.5F && w[i] < 0.5F, "element %zu is %g", i, (double)w[i]);
        same_name += w[i] == values_of(&c, "w")[i];
        same_seed += w[i] == values_of(&a, "v")[i];
        sum += (double)w[i];
        squares += (double)w[i] * (double)w[i];
    }
    ck_assert_uint_lt(same_name, 3);
    ck_assert_uint_lt(same_seed, 3);
    ck_assert_double_lt(fabs(sum / N), 5.0 * sqrt(1.0 / 12.0 / N));
    ck_assert_double_lt(fabs(squares / N - 1.0 / 12.0), 5.0 * sqrt(1.0 / 180.0 / N));
    for (size_t i = 0; i < 9; i++)
        ck_assert(values_of(&a, "zero")[i] == 0.0F);
    unic__param_table_init(&a, 12); /* again, over what is there */
    ck_assert_int_eq(memcmp(w, values_of(&c, "w"), N * sizeof *w), 0);
    unic__param_table_free(&a);
    unic__param_table_free(&b);
    unic__param_table_free(&c);
}
END_TEST

static unic_status table_scenario(void)
{
    unic__param_table params = {0};
    unic__param *p;
    char name[300], group[] = "group0";
    unic_status status = UNIC_OK;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 150 && status == UNIC_OK; i++) { /* several blocks, the table grows */
        name[0] = (char)('a' + i / 10);
        name[1] = (char)('0' + i % 10);
        group[5] = (char)('0' + i % 10);
        status = unic__param_table_declare(&params, name, &UNIC__SHAPE_OF(3), half, group, &p);
        if (status != UNIC_OK) /* what is there stays as it was */
            for (size_t k = 0; k < params.n; k++)
                ck_assert_uint_eq(params.at[k]->count, 3);
    }
    if (status == UNIC_OK)
        status = unic__param_table_seal(&params, true);
    unic__param_table_free(&params);
    return status;
}

START_TEST(without_memory)
{
    ck_assert_uint_gt(base_fail_each_allocation(table_scenario), 6);
}
END_TEST

START_TEST(sealing_can_be_tried_again)
{
    base_heap heap = {0};
    base_heap_watch(&heap);
    for (size_t k = 1; k < 3; k++) {
        unic__param_table params = {0};
        declare(&params, "w", UNIC__SHAPE_OF(5), ones, "a");
        heap.fail_at = heap.calls + k; /* the values, or the gradients */
        base_assert_fails(unic__param_table_seal(&params, true), UNIC_E_NOMEM,
                          "for parameters");
        ck_assert(!params.values && !params.grads);
        base_assert_ok(unic__param_table_seal(&params, true));
        unic__param_table_free(&params);
        ck_assert_uint_eq(heap.live, 0);
    }
    base_heap_leave();
}
END_TEST

/* Of a packed table the values are read as they were put, or as they were rounded; what is no
 * product's weight lies there as it is, and a vector is not rounded. */
static void put_and_read(unic__float_type type)
{
    unic__param_table params = {0};
    unic__param *w = declare(&params, "w", UNIC__SHAPE_OF(33, 3), half, "a");
    unic__param *b = declare(&params, "b", UNIC__SHAPE_OF(33), half, "a");
    float given[99], put[99], after[99];
    for (size_t i = 0; i < 99; i++)
        put[i] = given[i] = 0.1F * (float)i - 3.0F;
    w->product = true;
    base_assert_ok(unic__param_table_seal_weights(&params, true, type));
    ck_assert_uint_eq(b->offset, (type == UNIC__FLOAT32 ? 2 : 1) * 32 * 3);
    ck_assert_uint_eq(unic__param_table_largest(&params), 99);
    base_assert_ok(unic__param_table_put(&params, w, put));
    for (size_t i = 0; i < 99; i++)
        ck_assert(put[i] == unic__float_rounded(type, given[i]));
    ck_assert_mem_ne(params.values + w->offset, put, sizeof put / 2);
    unic__param_table_read(&params, w, after);
    ck_assert_mem_eq(put, after, sizeof put);
    base_assert_ok(unic__param_table_put(&params, b, given));
    unic__param_table_read(&params, b, after);
    ck_assert_mem_eq(given, after, 33 * sizeof(float));
    ck_assert_mem_eq(params.values + b->offset, after, 33 * sizeof(float));
    unic__param_table_free(&params);
}

START_TEST(packing_keeps_the_values)
{
    put_and_read(UNIC__FLOAT32);
    put_and_read(UNIC__FLOAT16);
    put_and_read(UNIC__BFLOAT16);
}
END_TEST

/* Not packed, matrices are rounded all the same; what is beyond the range is named. */
START_TEST(values_beyond_the_range_are_refused)
{
    static const float beyond[] = {65505.0F, -65520.0F, 1e30F, INFINITY, NAN};
    unic__param_table params = {0};
    unic__param *w = declare(&params, "w", UNIC__SHAPE_OF(3, 1), half, "a");
    float values[3] = {1.0F / 3.0F, 65504.0F, -65504.0F}, after[3];
    base_assert_ok(unic__param_table_seal_weights(&params, false, UNIC__FLOAT16));
    base_assert_ok(unic__param_table_put(&params, w, values));
    unic__param_table_read(&params, w, after);
    ck_assert(after[0] == 0x1.554p-2F && after[1] == 65504.0F && after[2] == -65504.0F);
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        values[1] = beyond[i];
        base_assert_fails(unic__param_table_put(&params, w, values), UNIC_E_NUMERIC,
                          "w: element 1 is ");
        ck_assert(strstr(unic_last_error(), "the largest number of f16 is 65504"));
    }
    values[1] = 3.4e38F;
    base_assert_fails(unic__param_round(w, UNIC__BFLOAT16, values), UNIC_E_NUMERIC,
                      "element 1 is 3.3999999");
    values[1] = 1e30F;
    base_assert_ok(unic__param_round(w, UNIC__BFLOAT16, values));
    unic__param_table_free(&params);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("params");
    tcase_add_test(t, declared_twice_is_one);
    tcase_add_test(t, a_sealed_table_takes_no_names);
    tcase_add_test(t, groups_are_few);
    tcase_add_test(t, places_are_lines_of_their_own);
    tcase_add_test(t, weights_are_kept_transformed);
    tcase_add_test(t, starts_are_functions_of_seed_and_name);
    tcase_add_test(t, packing_keeps_the_values);
    tcase_add_test(t, values_beyond_the_range_are_refused);
    tcase_add_test(t, without_memory);
    tcase_add_test(t, sealing_can_be_tried_again);
    return base_run("graph/params", t);
}
