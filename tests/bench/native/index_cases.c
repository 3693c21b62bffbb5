#include <stdlib.h>

#include "bench.h"

/* ---- search: the top= nearest of items= vectors of dim= for queries= queries, L2 or the inner
 * product ---- */

static struct {
    unic_index *index;
    unic_array queries;
    int64_t *ids;
    float *scores;
    size_t top;
} sx;

void bench_search_setup(void)
{
    size_t items = bench_size("items", 1000000), dim = bench_size("dim", 256), part = 10000;
    size_t queries = bench_size("queries", 100);
    const unic_index_options options = {.struct_size = sizeof options,
                                        .dim = dim,
                                        .metric = bench_size("inner", 0) ? UNIC_INDEX_INNER
                                                                         : UNIC_INDEX_L2};
    if (unic_index_create(&sx.index, &options) != UNIC_OK)
        bench_die("index");
    for (size_t done = 0; done < items; done += part) {
        size_t n = items - done < part ? items - done : part;
        float *x = bench_floats(n * dim, -1.0F, 100 + done);
        unic_array rows;
        unic_array_init(&rows, x, UNIC_F32, 2, (const int64_t[]){(int64_t)n, (int64_t)dim});
        if (unic_index_add(sx.index, &rows, NULL) != UNIC_OK)
            bench_die("add");
        free(x);
    }
    sx.top = bench_size("top", 10);
    sx.ids = bench_alloc(queries * sx.top, sizeof *sx.ids);
    sx.scores = bench_alloc(queries * sx.top, sizeof *sx.scores);
    unic_array_init(&sx.queries, bench_floats(queries * dim, -1.0F, 9), UNIC_F32, 2,
                    (const int64_t[]){(int64_t)queries, (int64_t)dim});
}

double bench_search_run(void)
{
    double start = bench_now();
    if (unic_index_search(sx.index, &sx.queries, sx.top, NULL, sx.ids, sx.scores) != UNIC_OK)
        bench_die("search");
    return bench_now() - start;
}
