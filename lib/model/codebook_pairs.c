#include <string.h>

#include "array/array.h"
#include "model/codebook.h"

/*
 * Codes of two levels as one codebook (H-DCID): a code is a pair of a code of each,
 *   l = l1 L2 + l2,   e_l = [e1_l1 ; e2_l2],   L = L1 L2,
 * so that models, heads and files hold a codebook like any other, and the nearest code of
 * [z1 ; z2] is the pair of the nearest of each.
 */

static void fill_pair(unic_codebook *cb, const unic_codebook *first,
                      const unic_codebook *second, size_t l)
{
    const size_t a = l / second->codes, b = l % second->codes;
    float *e = cb->embedding + l * cb->dim;
    memcpy(e, first->embedding + a * first->dim, first->dim * sizeof *e);
    memcpy(e + first->dim, second->embedding + b * second->dim, second->dim * sizeof *e);
    cb->count[l] = first->count[a] / (float)second->codes;
    for (size_t d = 0; d < cb->dim; d++)
        cb->sum[l * cb->dim + d] = cb->count[l] * e[d]; /* o = N e */
    for (size_t m = 0; m < cb->modalities; m++) {
        const int32_t i = first->idle[m * first->codes + a],
                      k = second->idle[m * second->codes + b];
        cb->idle[m * cb->codes + l] = i > k ? i : k;
    }
}

unic_status unic__codebook_pairs(unic_codebook **out, const unic_codebook *first,
                                 const unic_codebook *second)
{
    UNIC__TRY(unic__codebook_create(out, first->codes * second->codes, first->dim + second->dim,
                                    first->modalities));
    for (size_t l = 0; l < (*out)->codes; l++)
        fill_pair(*out, first, second, l);
    unic__codebook_refresh(*out);
    return UNIC_OK;
}

unic_status unic__codebook_level(unic_codebook **out, const unic_codebook *pairs, size_t second,
                                 size_t level)
{
    const size_t codes = level ? second : pairs->codes / second, dim = pairs->dim / 2;
    UNIC__TRY(unic__codebook_create(out, codes, dim, pairs->modalities));
    for (size_t l = 0; l < codes; l++)
        memcpy((*out)->embedding + l * dim,
               pairs->embedding + l * (level ? 1 : second) * pairs->dim + level * dim,
               dim * sizeof(float));
    unic__codebook_set(*out, (*out)->embedding);
    return UNIC_OK;
}
