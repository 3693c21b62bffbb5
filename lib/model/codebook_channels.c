/*
 * TOC: which channels of a codebook tell its codes apart (haihuangcode/TOC_H-DCID). No training.
 *
 *   sim_d = ((sum_i e_id)^2 - sum_i e_id^2) / (L (L-1)),  var_d = mean_i e_id^2 - sim_d, so that
 *   score_d = (1-lambda) var_d - lambda sim_d = (1-lambda) mean_i e_id^2 - sim_d
 *
 * The authors' code sums L (L-1) products of each channel instead, into a float32.
 */
#include <math.h>
#include <string.h>

#include "model/codebook.h"

void unic__codebook_channel_scores(const unic_codebook *cb, double lambda, double *scores)
{
    const double n = (double)cb->codes;
    for (size_t d = 0; d < cb->dim; d++) {
        double sum = 0.0, squares = 0.0;
        for (size_t l = 0; l < cb->codes; l++) {
            double e = (double)cb->embedding[l * cb->dim + d];
            sum += e;
            squares += e * e;
        }
        scores[d] = (1.0 - lambda) * squares / n - (sum * sum - squares) / (n * (n - 1.0));
    }
}

/* The next one: the largest of sign x score among those that are left (not NaN), the lowest
 * channel on a tie. */
static size_t take_best(double *left, size_t dim, double sign)
{
    size_t best = dim;
    for (size_t d = 0; d < dim; d++)
        if (!isnan(left[d]) && (best == dim || sign * left[d] > sign * left[best]))
            best = d;
    left[best] = NAN;
    return best;
}

unic_status unic__codebook_channels(const unic_codebook *cb, double lambda, size_t highest,
                                    size_t lowest, size_t *channels, double *scores)
{
    const size_t bytes = cb->dim * sizeof(double);
    double *left = unic__alloc(bytes);
    if (!left)
        return unic__no_memory(bytes, "the channels' scores");
    unic__codebook_channel_scores(cb, lambda, left);
    if (scores)
        memcpy(scores, left, bytes);
    for (size_t i = 0; i < highest + lowest; i++)
        channels[i] = take_best(left, cb->dim, i < highest ? 1.0 : -1.0);
    unic__free(left);
    return UNIC_OK;
}

unic_status unic__codebook_select(unic_codebook **out, const unic_codebook *cb,
                                  const size_t *channels, size_t count)
{
    UNIC__TRY(unic__codebook_create(out, cb->codes, count, cb->modalities));
    unic_codebook *to = *out;
    for (size_t l = 0; l < cb->codes; l++)
        for (size_t d = 0; d < count; d++) {
            to->embedding[l * count + d] = cb->embedding[l * cb->dim + channels[d]];
            to->sum[l * count + d] = cb->sum[l * cb->dim + channels[d]];
        }
    memcpy(to->count, cb->count, cb->codes * sizeof *cb->count);
    memcpy(to->idle, cb->idle, cb->codes * cb->modalities * sizeof *cb->idle);
    unic__codebook_refresh(to);
    return UNIC_OK;
}
