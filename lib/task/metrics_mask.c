#include <math.h>
#include <string.h>

#include "task/metrics.h"

/*
 * Masks: p = 1 / (1 + exp(-logit)),
 *   IoU = |predicted and true| / |predicted or true|,   predicted: p > 1/2
 *   F_i = (1 + b) P_i R_i / (b P_i + R_i),   b = 0.3,   predicted: p >= t_i
 */

enum { THRESHOLDS = UNIC_METRICS_THRESHOLD_COUNT };
static const double beta_square = 0.3;
static const double highest = 1.0 - 1e-10; /* t of the last one */

static double threshold(size_t i)
{
    return (double)i * highest / (THRESHOLDS - 1);
}

/* One mask's counts; predicted[i] and matched[i] are of pixels with p >= t_i. */
typedef struct counts {
    size_t pixels, actual;
    size_t both, either; /* at 1/2 */
    size_t predicted[THRESHOLDS], matched[THRESHOLDS];
} counts;

/* The last i with t_i <= p; t_0 = 0 is. */
static size_t last_threshold(double p)
{
    size_t i = (size_t)(p / highest * (THRESHOLDS - 1));
    i = i < THRESHOLDS ? i : THRESHOLDS - 1;
    while (i + 1 < THRESHOLDS && threshold(i + 1) <= p)
        i++;
    while (threshold(i) > p)
        i--;
    return i;
}

static void count_mask(counts *n, const float *logits, const uint8_t *truth, size_t pixels)
{
    memset(n, 0, sizeof *n);
    n->pixels = pixels;
    for (size_t j = 0; j < pixels; j++) {
        bool said = logits[j] > 0.0F, is = truth[j] != 0;
        size_t i = last_threshold(1.0 / (1.0 + exp(-(double)logits[j])));
        n->actual += is;
        n->both += said && is;
        n->either += said || is;
        n->predicted[i]++;
        n->matched[i] += is;
    }
    for (size_t i = THRESHOLDS - 1; i-- > 0;) {
        n->predicted[i] += n->predicted[i + 1];
        n->matched[i] += n->matched[i + 1];
    }
}

static double f_beta(const counts *n, size_t i)
{
    double precision = unic__share((double)n->matched[i], (double)n->predicted[i]);
    double recall = unic__share((double)n->matched[i], (double)n->actual);
    return unic__share((1.0 + beta_square) * precision * recall,
                       beta_square * precision + recall);
}

static size_t first_largest(const double *f)
{
    size_t best = 0;
    for (size_t i = 1; i < THRESHOLDS; i++)
        if (f[i] > f[best])
            best = i;
    return best;
}

void unic__metrics_masks(unic_mask_report *report, const unic__masks *m, double *curve)
{
    double f[THRESHOLDS] = {0.0}, iou = 0.0;
    counts n;
    for (size_t k = 0; k < m->masks; k++) {
        count_mask(&n, m->logits + k * m->pixels, m->truth + k * m->pixels, m->pixels);
        iou += n.either ? (double)n.both / (double)n.either : 1.0;
        for (size_t i = 0; i < THRESHOLDS; i++)
            f[i] += n.actual || n.predicted[i] ? f_beta(&n, i) : 1.0;
    }
    for (size_t i = 0; i < THRESHOLDS; i++)
        f[i] /= (double)m->masks;
    size_t best = first_largest(f);
    report->mask_count = m->masks;
    report->miou = iou / (double)m->masks;
    report->f_beta = f[best];
    report->threshold = threshold(best);
    if (curve)
        memcpy(curve, f, sizeof f);
}

void unic__metrics_masks_cmg(unic_mask_report *report, const unic__masks *m)
{
    double iou_of_batches = 0.0, f_of_batches = 0.0, batches = 0.0, batches_with_f = 0.0;
    counts n;
    for (size_t from = 0; from < m->masks;) {
        size_t to = m->masks - from < m->batch ? m->masks : from + m->batch, with_f = 0;
        double f[THRESHOLDS] = {0.0}, iou = 0.0;
        for (size_t k = from; k < to; k++) {
            count_mask(&n, m->logits + k * m->pixels, m->truth + k * m->pixels, m->pixels);
            double some = (double)(n.actual ? n.both : n.pixels - n.either);
            iou += some / ((double)(n.actual ? n.either : n.pixels) + 1e-7);
            with_f += n.actual > 0;
            for (size_t i = 0; n.actual && i < THRESHOLDS; i++)
                f[i] += f_beta(&n, i);
        }
        iou_of_batches += iou / (double)(to - from);
        f_of_batches += unic__share(f[first_largest(f)], (double)with_f);
        batches += 1.0;
        batches_with_f += with_f > 0;
        from = to;
    }
    report->mask_count = m->masks;
    report->miou = iou_of_batches / batches;
    report->f_beta = unic__share(f_of_batches, batches_with_f);
    report->threshold = 0.0;
}
