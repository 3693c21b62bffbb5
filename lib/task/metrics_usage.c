#include <math.h>
#include <string.h>

#include "model/codebook.h"
#include "task/metrics.h"

static void count_codes(const unic__usage *u, int64_t *counts)
{
    memset(counts, 0, (u->modalities + 1) * u->count * sizeof *counts);
    for (size_t m = 0; m < u->modalities; m++)
        for (size_t t = 0; t < u->steps; t++)
            if (u->codes[m][t] >= 0)
                counts[m * u->count + (size_t)u->codes[m][t]]++;
    int64_t *all = counts + u->modalities * u->count;
    for (size_t m = 0; m < u->modalities; m++)
        for (size_t l = 0; l < u->count; l++)
            all[l] += counts[m * u->count + l];
}

static void count_agreement(unic_usage_report *report, const unic__usage *u)
{
    for (size_t t = 0; t < u->steps; t++) {
        bool there = true, equal = true;
        for (size_t m = 0; m < u->modalities; m++) {
            there = there && u->codes[m][t] >= 0;
            equal = equal && u->codes[m][t] == u->codes[0][t];
        }
        report->paired_count += there;
        report->agreed_count += there && equal;
    }
}

/* Code l, of whose `total` uses each modality has its own. */
static void judge_code(unic_usage_report *report, const unic__usage *u, const int64_t *counts,
                       size_t l, int64_t total)
{
    bool common = true, balanced = true;
    for (size_t m = 0; m < u->modalities; m++) {
        int64_t n = counts[m * u->count + l];
        common = common && n > 0;
        balanced = balanced && 5 * n >= total && 5 * n <= 4 * total;
    }
    bool often = total >= UNIC_METRICS_OFTEN;
    report->used_count += total > 0;
    report->dead_count += total == 0;
    report->common_count += common;
    report->often_count += often;
    report->shared_count += often && balanced;
}

/* JS = H(mean of the distributions) - mean of H; over the logarithm of their number. */
static double divergence_of(const unic__usage *u, const int64_t *counts, const double *totals,
                            const double *perplexity)
{
    size_t there = 0;
    double mixed = 0.0, single = 0.0;
    for (size_t m = 0; m < u->modalities; m++)
        if (totals[m] > 0.0) {
            there++;
            single += log(perplexity[m]);
        }
    if (there < 2)
        return 0.0;
    for (size_t l = 0; l < u->count; l++) {
        double p = 0.0;
        for (size_t m = 0; m < u->modalities; m++)
            p += unic__share((double)counts[m * u->count + l], totals[m]) / (double)there;
        mixed -= p > 0.0 ? p * log(p) : 0.0;
    }
    double js = (mixed - single / (double)there) / log((double)there);
    return fmin(fmax(js, 0.0), 1.0); /* rounding */
}

unic_status unic__metrics_usage(unic_usage_report *report, const unic__usage *u,
                                int64_t *counts_out, double *shares, double *perplexity_out)
{
    size_t cells = u->modalities * u->count, bytes = (cells + u->count) * sizeof(int64_t);
    double totals[UNIC_MAX_MODALITIES], perplexity[UNIC_MAX_MODALITIES];
    int64_t *counts = unic__alloc(bytes);
    if (!counts)
        return unic__no_memory(bytes, "the codes' counts");
    const int64_t *all = counts + cells;
    count_codes(u, counts);
    count_agreement(report, u);
    for (size_t l = 0; l < u->count; l++) {
        judge_code(report, u, counts, l, all[l]);
        report->use_count += (size_t)all[l];
    }
    for (size_t m = 0; m < u->modalities; m++) {
        totals[m] = 0.0;
        for (size_t l = 0; l < u->count; l++)
            totals[m] += (double)counts[m * u->count + l];
        perplexity[m] = unic__perplexity(counts + m * u->count, u->count);
        if (perplexity_out)
            perplexity_out[m] = perplexity[m];
    }
    for (size_t m = 0; shares && m < u->modalities; m++)
        for (size_t l = 0; l < u->count; l++)
            shares[m * u->count + l] = unic__share((double)counts[m * u->count + l],
                                                   (double)all[l]);
    if (counts_out)
        memcpy(counts_out, counts, cells * sizeof *counts);
    report->shared = unic__share((double)report->shared_count, (double)report->often_count);
    report->agreement = unic__share((double)report->agreed_count, (double)report->paired_count);
    report->perplexity = unic__perplexity(all, u->count);
    report->divergence = divergence_of(u, counts, totals, perplexity);
    unic__free(counts);
    return UNIC_OK;
}
