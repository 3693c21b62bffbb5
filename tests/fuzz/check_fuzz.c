/*
 * The fuzz targets without a fuzzer: every input that ever failed (crashes/TARGET), the
 * committed seeds (seeds/TARGET), and those that the targets make. A run that crashes is named by
 * the last line.
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/harness/fuzz.h"
#include "fuzz/harness/mutate.h"

enum { MOST_SEEDS = 512 };

typedef struct seed {
    unsigned char *bytes;
    size_t size;
} seed;

static const fuzz_target *target;
static seed seeds[MOST_SEEDS]; /* of the target */
static size_t seed_count, runs;

static void keep_seed(const void *bytes, size_t size)
{
    ck_assert_uint_lt(seed_count, MOST_SEEDS);
    ck_assert_uint_le(size, target->largest);
    seed *s = &seeds[seed_count++];
    *s = (seed){malloc(size + 1), size};
    ck_assert_ptr_nonnull(s->bytes);
    memcpy(s->bytes, bytes, size);
}

/* Makes them all before the first run, which removes the files that they are made from. */
static void each_seed(void (*run)(const seed *s))
{
    seed_count = 0;
    if (target->seeds)
        target->seeds(keep_seed);
    for (size_t i = 0; i < seed_count; i++) {
        printf("%s: seed %zu of %zu bytes\n", target->name, i, seeds[i].size);
        fflush(stdout);
        run(&seeds[i]);
        free(seeds[i].bytes);
    }
}

static void run_seed(const seed *s)
{
    fuzz_run(target, s->bytes, s->size);
    runs++;
}

static void run_folder(const char *kind)
{
    char folder[256], path[1024];
    snprintf(folder, sizeof folder, "tests/fuzz/%s/%s", kind, target->name);
    DIR *d = opendir(folder);
    for (const struct dirent *entry; d && (entry = readdir(d));) {
        size_t size;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        printf("%s: %s\n", target->name, path);
        fflush(stdout);
        unsigned char *bytes = fuzz_read(path, &size);
        ck_assert_ptr_nonnull(bytes);
        fuzz_run(target, bytes, size);
        free(bytes);
        runs++;
    }
    if (d)
        closedir(d);
}

START_TEST(kept_inputs_and_seeds_pass)
{
    target = fuzz_targets[_i];
    runs = 0;
    run_folder("crashes");
    run_folder("seeds");
    each_seed(run_seed);
    fuzz_run(target, (const unsigned char *)"", 0);
    ck_assert_uint_gt(runs, 0);
}
END_TEST

/* Whether the targets would see a fault: the harness's own checks. */
START_TEST(inputs_do_not_need_to_be_whole)
{
    static unsigned char data[1 << 18];
    for (size_t i = 0; i < fuzz_target_count; i++) {
        target = fuzz_targets[i];
        for (size_t size = 1; size < 400; size = 2 * size + 1) {
            for (size_t k = 0; k < size; k++)
                data[k] = (unsigned char)(k * 37 + size + i);
            fuzz_run(target, data, size);
        }
    }
}
END_TEST

/* Stands in for libFuzzer's mutations. */
static size_t flip_or_grow(uint8_t *data, size_t size, size_t largest)
{
    static size_t turn;
    turn++;
    if (turn % 3 == 0 && size < largest)
        data[size++] = (uint8_t)turn;
    else if (size > 0)
        data[turn * 7919 % size] ^= (uint8_t)(1U << turn % 8);
    return size;
}

/* Also makes what a short fuzz run would: changed seeds of every parcel. */
static void run_mutated(const seed *s)
{
    static unsigned char data[1 << 18];
    for (unsigned turn = 0; turn < 25; turn++) {
        memcpy(data, s->bytes, s->size);
        size_t before = target->prefix, most = target->largest - before;
        size_t n = fuzz_mutate_parcel(data + before, s->size - before, most, turn,
                                      flip_or_grow);
        ck_assert_uint_le(n, most);
        fuzz_run(target, data, before + n);
    }
}

START_TEST(changed_seeds_pass)
{
    target = fuzz_targets[_i];
    if (target->form == FUZZ_PARCEL)
        each_seed(run_mutated);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fuzz");
    TCase *tcase = tcase_create("targets");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, kept_inputs_and_seeds_pass, 0, (int)fuzz_target_count);
    tcase_add_loop_test(tcase, changed_seeds_pass, 0, (int)fuzz_target_count);
    tcase_add_test(tcase, inputs_do_not_need_to_be_whole);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
