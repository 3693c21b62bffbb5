/*
 * Pictures by typical patches (Coates, Lee and Ng, 2011), learnt from the user's own pictures. A
 * picture of side x side pixels has cells x cells cells; p is the patch x patch neighbourhood of
 * one, with zeros beyond the border, of grey or RGB values in 0..1:
 *   z   = p P - s                                      P [depth,components] whitens, s centres
 *   d_k = ||z - c_k||                                  c [channels,components] k-means' centres
 *   y_k = (max(0, mean_j d_j - d_k) - m_k) / v_k       m, v: mean and deviation of what fit saw
 * patches_fit.c learns P, s, c, m and v; patches_kind.c has the settings.
 */
#include "extract/patches.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "kernel/distance.h"
#include "kernel/gemm.h"

/* padded [wide,wide,planes] <- the frame in 0..1; its border stays zero. */
static void pad_frame(const unic_extractor *e, const unic_array *frames, size_t frame)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    const size_t wide = s->side + 2 * p->border;
    const float *rgb = p->frame;
    unic__array_rows_to_f32(frames, frame, 1, p->frame);
    for (size_t y = 0; y < s->side; y++) {
        float *to = p->padded + ((y + p->border) * wide + p->border) * p->planes;
        for (size_t x = 0; x < s->side; x++, rgb += 3, to += p->planes)
            if (p->planes == 3)
                for (size_t c = 0; c < 3; c++)
                    to[c] = rgb[c] / 255.0F;
            else /* whole numbers until the division: a grey pixel is its own grey */
                to[0] = (299.0F * rgb[0] + 587.0F * rgb[1] + 114.0F * rgb[2]) / 255000.0F;
    }
}

void unic__patches_rows(const unic_extractor *e, const unic_array *frames, size_t frame)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    const size_t wide = s->side + 2 * p->border, line = s->patch * p->planes;
    float *row = p->rows;
    pad_frame(e, frames, frame);
    for (size_t y = 0; y < s->cells; y++)
        for (size_t x = 0; x < s->cells; x++)
            for (size_t i = 0; i < s->patch; i++, row += line)
                memcpy(row,
                       p->padded + ((y * p->stride + i) * wide + x * p->stride) * p->planes,
                       line * sizeof *row);
}

/* How much nearer than on the average a cell is to each centre. */
static void extract_cell(const unic_extractor *e, const float *z, float *y)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    double sum = 0;
    for (size_t k = 0; k < s->channels; k++)
        sum += p->distance[k] = sqrt(
            unic__distance2(z, p->centres + k * s->components, s->components));
    const double mean = sum / (double)s->channels;
    for (size_t k = 0; k < s->channels; k++) {
        const double near = mean > p->distance[k] ? mean - p->distance[k] : 0;
        y[k] = (float)((near - (double)p->mean[k]) / (double)p->deviation[k]);
    }
}

void unic__patches_features(const unic_extractor *e, float *features)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    const size_t cells = s->cells * s->cells;
    const unic__gemm product = {.m = cells,
                                .n = s->components,
                                .k = p->depth,
                                .a = p->rows,
                                .lda = p->depth,
                                .b = p->projection,
                                .ldb = s->components,
                                .c = p->z,
                                .ldc = s->components};
    unic__gemm_run(&product);
    for (size_t i = 0; i < cells; i++) {
        float *z = p->z + i * s->components;
        for (size_t j = 0; j < s->components; j++)
            z[j] -= p->shift[j];
        extract_cell(e, z, features + i * s->channels);
    }
}
