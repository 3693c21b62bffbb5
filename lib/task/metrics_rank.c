#include <stdlib.h>
#include <string.h>

#include "task/metrics.h"

/*
 * One query, whose relevant items have scores s_1 >= s_2 >= ... >= s_R; other items with the
 * same score as a relevant one stand before it.
 *   rank = 1 + |others with a score >= s_1|
 *   AP   = 1/R sum_j m_j / (m_j + |others with a score >= s_j|),   m_j = |{i : s_i >= s_j}|
 */

/* Memory for one query at a time. */
typedef struct work {
    float *relevant; /* [gallery] scores, falling                           */
    size_t *before;  /* [gallery] others whose first s_j not above them is j */
    size_t *ranks;   /* [queries] of the queries counted                    */
} work;

static int falling(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static int rising(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The first j with s[j] <= x; n if there is none. */
static size_t first_not_above(const float *s, size_t n, float x)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s[middle] <= x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* False if nothing is relevant. */
static bool rank_query(const unic__rankings *r, size_t query, work *w, size_t *rank,
                       double *average_precision)
{
    const float *scores = r->scores + query * r->gallery, *s = w->relevant;
    int32_t id = r->query_ids[query];
    size_t n = 0;
    for (size_t g = 0; g < r->gallery; g++)
        if (r->gallery_ids[g] == id)
            w->relevant[n++] = scores[g];
    if (id < 0 || n == 0)
        return false;
    qsort(w->relevant, n, sizeof *w->relevant, falling);
    memset(w->before, 0, n * sizeof *w->before);
    for (size_t g = 0; g < r->gallery; g++) {
        size_t j = r->gallery_ids[g] == id ? n : first_not_above(s, n, scores[g]);
        if (j < n)
            w->before[j]++;
    }
    double sum = 0.0;
    size_t others = 0;
    *rank = 1 + w->before[0];
    for (size_t j = 0; j < n;) {
        size_t end = j + 1; /* of those with the same score */
        others += w->before[j];
        while (end < n && !(s[end] < s[j]))
            end++;
        sum += (double)(end - j) * (double)end / (double)(end + others);
        j = end;
    }
    *average_precision = sum / (double)n;
    return true;
}

static double median(size_t *x, size_t n)
{
    if (n == 0)
        return 0.0;
    qsort(x, n, sizeof *x, rising);
    return ((double)x[(n - 1) / 2] + (double)x[n / 2]) / 2.0;
}

static unic_status work_new(work *w, size_t queries, size_t gallery)
{
    w->relevant = unic__alloc_array(gallery, sizeof *w->relevant);
    w->before = unic__alloc_array(gallery, sizeof *w->before);
    w->ranks = unic__alloc_array(queries, sizeof *w->ranks);
    if (w->relevant && w->before && w->ranks)
        return UNIC_OK;
    return unic__no_memory(
        gallery * (sizeof(float) + sizeof(size_t)) + queries * sizeof(size_t), "rankings");
}

/* Of the ranks, which are sorted, and the sum of the average precisions of `n` queries. */
static void summarise(unic_rank_report *report, size_t *ranks, size_t n, double precisions,
                      const size_t *k, size_t k_count, double *recall)
{
    for (size_t i = 0; i < k_count; i++) {
        size_t found = 0;
        for (size_t j = 0; j < n; j++)
            found += ranks[j] <= k[i];
        recall[i] = unic__share((double)found, (double)n);
    }
    report->query_count = n;
    report->median_rank = median(ranks, n);
    report->mean_average_precision = unic__share(precisions, (double)n);
}

unic_status unic__metrics_ranks(unic_rank_report *report, const unic__rankings *r,
                                const size_t *k, size_t k_count, double *recall)
{
    work w = {0};
    double precision, sum = 0.0;
    size_t counted = 0;
    unic_status status = work_new(&w, r->queries, r->gallery);
    for (size_t q = 0; status == UNIC_OK && q < r->queries; q++)
        if (rank_query(r, q, &w, &w.ranks[counted], &precision)) {
            sum += precision;
            counted++;
        }
    if (status == UNIC_OK)
        summarise(report, w.ranks, counted, sum, k, k_count, recall);
    unic__free(w.relevant);
    unic__free(w.before);
    unic__free(w.ranks);
    return status;
}

/* Of one relevant item the average precision is 1 / its rank. */
unic_status unic__metrics_recall(unic_rank_report *report, const int64_t *ranks, size_t n,
                                 const size_t *k, size_t k_count, double *recall)
{
    double sum = 0.0;
    size_t *sorted = unic__alloc_array(n, sizeof *sorted);
    if (!sorted)
        return unic__no_memory(n * sizeof *sorted, "ranks");
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (size_t)ranks[i];
        sum += 1.0 / (double)ranks[i];
    }
    summarise(report, sorted, n, sum, k, k_count, recall);
    unic__free(sorted);
    return UNIC_OK;
}
