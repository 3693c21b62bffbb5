/* lib/base/threads.c: what a loop over parts covers, and how it is cut. */
#include <string.h>

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

int main(void)
{
    TCase *t = tcase_create("threads");
    tcase_add_test(t, parts_cover_all_once);
    return base_run("base/threads", t);
}
