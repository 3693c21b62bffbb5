#include <string.h>

#include "model/codebook.h"

/*
 * Codes in q groups (TURN, Zhao et al., NeurIPS 2022): z is cut into q parts of D / q dims, and
 * part g is quantised by K vectors of its own. A code is the combination of its parts,
 *   l = (k_1 .. k_q) in base K,   e_l = [e^1_{k_1}, .., e^q_{k_q}],   L = K^q
 * so that models, heads and files hold a codebook like any other, whose nearest code is the
 * combination of the nearest parts. The groups' EMA follows from the codes', because a moving
 * average is linear: with the sums over all codes l whose part g is k,
 *   N^g_k = sum_l N_l,   o^g_k = sum_l (o_l)_g,   e^g_k = o^g_k / N^g_k
 */

/* Which vector of group g code l has. */
static size_t part_of(size_t l, size_t g, size_t k, size_t groups)
{
    for (size_t i = g + 1; i < groups; i++)
        l /= k;
    return l % k;
}

void unic__codebook_group_start(unic_codebook *cb, size_t groups, size_t k)
{
    const size_t width = cb->dim / groups, jittered = cb->jittered;
    /* Vector k of a group is that part of code k as it was, which `sum` holds too. */
    for (size_t l = 0; l < cb->codes; l++)
        for (size_t g = 0; g < groups; g++)
            memcpy(cb->embedding + l * cb->dim + g * width,
                   cb->sum + part_of(l, g, k, groups) * cb->dim + g * width,
                   width * sizeof(float));
    unic__codebook_set(cb, cb->embedding);
    cb->jittered = jittered;
}

/* e^g_k [width], in double; false if nothing has any weight in it. */
static bool group_mean(const unic_codebook *cb, size_t g, size_t groups, size_t part, size_t k,
                       double *mean)
{
    const size_t width = cb->dim / groups;
    double count = 0.0;
    memset(mean, 0, width * sizeof *mean);
    for (size_t l = 0; l < cb->codes; l++) {
        if (part_of(l, g, k, groups) != part)
            continue;
        count += (double)cb->count[l];
        for (size_t d = 0; d < width; d++)
            mean[d] += (double)cb->sum[l * cb->dim + g * width + d];
    }
    for (size_t d = 0; d < width && count > 0.0; d++)
        mean[d] /= count;
    return count > 0.0;
}

void unic__codebook_group(unic_codebook *cb, size_t groups, size_t k, double *scratch)
{
    const size_t width = cb->dim / groups;
    for (size_t g = 0; g < groups; g++)
        for (size_t part = 0; part < k; part++) {
            if (!group_mean(cb, g, groups, part, k, scratch))
                continue;
            for (size_t l = 0; l < cb->codes; l++)
                for (size_t d = 0; d < width && part_of(l, g, k, groups) == part; d++)
                    cb->embedding[l * cb->dim + g * width + d] = (float)scratch[d];
        }
    unic__codebook_refresh(cb);
}
