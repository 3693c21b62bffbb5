#include <string.h>

#include "array/array.h"
#include "model/codebook.h"

/*
 * Codes in segments (CoDAAR, arXiv 2605.12145; its released code, main_model_novel.py). The
 * codebook is one matrix e [L, M D], and its columns m D .. (m + 1) D - 1 are modality m's own
 * codebook e^m [L,D]. A code's number ties them: row l means the same in all of them.
 *   l^m = argmin_l ||z^m - e^m_l||,   zhat^m = e_l [M D] with l = l^m, the whole row
 * so two modalities that take the same code have the same row, and heads, indexes and files hold
 * a codebook like any other.
 */

unic_status unic__codebook_cut(unic_codebook *cb)
{
    const size_t width = cb->dim / cb->modalities;
    cb->segment = unic__alloc_array(cb->modalities, sizeof *cb->segment); /* cleared */
    if (!cb->segment)
        return unic__no_memory(cb->modalities * sizeof *cb->segment, "a codebook's segments");
    for (size_t m = 0; m < cb->modalities; m++) {
        unic__segment *s = &cb->segment[m];
        s->embedding = unic__alloc_array(cb->codes * width, sizeof(float));
        if (!s->embedding)
            return unic__no_memory(cb->codes * width * sizeof(float), "a codebook's segment");
        UNIC__TRY(unic__code_table_create(&s->table, s->embedding, cb->codes, width));
    }
    unic__codebook_refresh_segments(cb);
    return UNIC_OK;
}

void unic__codebook_free_segments(unic_codebook *cb)
{
    for (size_t m = 0; m < cb->modalities && cb->segment; m++) {
        unic__code_table_free(&cb->segment[m].table);
        unic__free(cb->segment[m].embedding);
    }
    unic__free(cb->segment);
    cb->segment = NULL;
}

void unic__codebook_refresh_segments(unic_codebook *cb)
{
    const size_t width = cb->dim / cb->modalities;
    for (size_t m = 0; m < cb->modalities; m++) {
        for (size_t l = 0; l < cb->codes; l++)
            memcpy(cb->segment[m].embedding + l * width,
                   cb->embedding + l * cb->dim + m * width, width * sizeof(float));
        unic__code_table_refresh(&cb->segment[m].table);
    }
}

/*
 * Cross-segment alignment, of the last modality first, each with the newest values of the others:
 *   e^m <- 1/M sum_k e^k
 * With two this is e^1 = 1/2 (old e^0 + old e^1), e^0 = 3/4 old e^0 + 1/4 old e^1.
 */
void unic__codebook_blend(unic_codebook *cb)
{
    const size_t n = cb->modalities, width = cb->dim / n;
    for (size_t l = 0; l < cb->codes; l++)
        for (size_t m = n; m-- > 0;)
            for (size_t d = 0; d < width; d++) {
                float *row = cb->embedding + l * cb->dim, sum = 0.0F;
                for (size_t k = 0; k < n; k++)
                    sum += row[k * width + d];
                row[m * width + d] = sum / (float)n;
            }
}

void unic__codebook_complete(const unic_codebook *cb, size_t m, const float *z, size_t rows,
                             int32_t *codes, float *out)
{
    const size_t width = cb->dim / cb->modalities;
    unic__assign(codes, z, rows, &cb->segment[m].table);
    for (size_t r = 0; r < rows; r++) {
        float *row = out + r * cb->dim;
        memcpy(row, cb->embedding + (size_t)codes[r] * cb->dim, cb->dim * sizeof *row);
        memcpy(row + m * width, z + r * width, width * sizeof *row);
    }
}
