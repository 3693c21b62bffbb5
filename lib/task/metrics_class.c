#include <math.h>

#include "task/metrics.h"

static size_t largest(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t c = 1; c < n; c++)
        if (x[c] > x[best])
            best = c;
    return best;
}

unic_status unic__metrics_classes(unic_class_report *report, const float *scores,
                                  const int32_t *truth, size_t rows, size_t classes,
                                  int64_t *confusion, double *per_class)
{
    size_t *actual = unic__alloc_array(classes, 2 * sizeof *actual);
    if (!actual)
        return unic__no_memory(2 * classes * sizeof *actual, "counts of classes");
    size_t *right = actual + classes;
    for (size_t i = 0; confusion && i < classes * classes; i++)
        confusion[i] = 0;
    report->row_count = report->right_count = 0;
    for (size_t r = 0; r < rows; r++) {
        if (truth[r] < 0)
            continue;
        size_t is = (size_t)truth[r], said = largest(scores + r * classes, classes);
        actual[is]++;
        right[is] += said == is;
        report->row_count++;
        report->right_count += said == is;
        if (confusion)
            confusion[is * classes + said]++;
    }
    double sum = 0.0, occur = 0.0;
    for (size_t c = 0; c < classes; c++) {
        sum += unic__share((double)right[c], (double)actual[c]);
        occur += actual[c] > 0;
        if (per_class)
            per_class[c] = actual[c] ? (double)right[c] / (double)actual[c] : (double)NAN;
    }
    report->accuracy = unic__share((double)report->right_count, (double)report->row_count);
    report->mean_accuracy = unic__share(sum, occur);
    unic__free(actual);
    return UNIC_OK;
}
