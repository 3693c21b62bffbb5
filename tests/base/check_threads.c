/* lib/base/threads.c: what a loop over parts covers, and how it is cut. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base_help.h"

enum { MOST = 1000 };

typedef struct record {
    int times[MOST];
    bool begins[MOST]; /* a part */
} record;

static void note(const void *context, size_t from, size_t to)
{
    record *r = *(record *const *)context;
    if (from < to)
        r->begins[from] = true;
    for (size_t i = from; i < to; i++)
        r->times[i]++; /* parts do not overlap */
}

static size_t parts_of(size_t n, size_t each, bool worth)
{
    static record r;
    record *context = &r;
    size_t parts = 0;
    memset(&r, 0, sizeof r);
    unic__parallel(n, each, worth, note, &context);
    for (size_t i = 0; i < MOST; i++) {
        base_require(r.times[i] == (i < n), "%zu of %zu by %zu: taken %d times", i, n, each,
                     r.times[i]);
        base_require(!r.begins[i] || i % each == 0, "%zu by %zu: a part begins at %zu", n, each,
                     i);
        parts += r.begins[i];
    }
    return parts;
}

START_TEST(parts_cover_all_once)
{
    const size_t each[] = {1, 2, 16, 64, 1000, 5000};
    for (int threads = 1; threads <= 5; threads++) {
        unic__threads_set(threads);
        for (size_t n = 0; n <= MOST; n += n < 20 ? 1 : 49)
            for (size_t k = 0; k < sizeof each / sizeof each[0]; k++) {
                size_t pieces = (n + each[k] - 1) / each[k], most = (size_t)threads;
                ck_assert_uint_eq(parts_of(n, each[k], false), n > 0);
                ck_assert_uint_eq(parts_of(n, each[k], true), pieces < most ? pieces : most);
            }
    }
    unic__threads_set(1);
}
END_TEST

/* A part that splits its own work does it alone. */
static void split_again(const void *context, size_t from, size_t to)
{
    size_t *const inner = *(size_t *const *)context;
    for (size_t i = from; i < to; i++) {
        static _Thread_local record r;
        record *own = &r;
        memset(&r, 0, sizeof r);
        unic__parallel(MOST, 1, true, note, &own);
        for (size_t k = 0; k < MOST; k++)
            inner[i] += r.begins[k];
    }
}

START_TEST(parts_of_parts_stay_together)
{
    size_t inner[4] = {0}, *context = inner;
    unic__threads_set(4);
    unic__parallel(4, 1, true, split_again, &context);
    unic__threads_set(1);
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(inner[i], 1);
}
END_TEST

/* ---- without memory for threads ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS 0 /* a sanitizer ends the program where it gets no memory */
#else
#define LIMITS 1
#endif

enum { MANY = 40 /* threads: more than any other test starts */ };

static void note_thread(const void *context, size_t from, size_t to)
{
    pthread_t *const by = *(pthread_t *const *)context;
    for (size_t i = from; i < to; i++)
        by[i] = pthread_self();
}

/* The parts are the same, and this thread does them. */
START_TEST(parts_need_no_threads)
{
    pthread_t by[MOST], *context = by;
    struct rlimit before, none;
    unic__threads_set(MANY);
    ck_assert(getrlimit(RLIMIT_AS, &before) == 0);
    none = before;
    none.rlim_cur = 1 << 20; /* less than there is: nothing more is given */
    ck_assert(!LIMITS || setrlimit(RLIMIT_AS, &none) == 0);
    bool unlimited = unic__has_headroom(64 << 20), has_team = unlimited || unic__has_team(MANY);
    size_t parts = unlimited ? 0 : parts_of(MOST, 1, true);
    if (!unlimited)
        unic__parallel(MOST, 1, true, note_thread, &context);
    ck_assert(setrlimit(RLIMIT_AS, &before) == 0);
    if (unlimited) {
        printf("skipped: the process's memory cannot be limited here\n");
    } else {
        ck_assert(!has_team);
        ck_assert_uint_eq(parts, MANY);
        for (size_t i = 0; i < MOST; i++)
            ck_assert(pthread_equal(by[i], pthread_self()));
    }
    ck_assert(unic__has_team(MANY));
    ck_assert_uint_eq(parts_of(MOST, 1, true), MANY);
    unic__threads_set(1);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("threads");
    tcase_add_test(t, parts_cover_all_once);
    tcase_add_test(t, parts_of_parts_stay_together);
    tcase_add_test(t, parts_need_no_threads);
    return base_run("base/threads", t);
}
