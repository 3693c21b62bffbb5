/*
 * Learns typical patches: the principal components of patches, whitened with damping (the smallest
 * directions are noise), the centres of k-means among them, and mean and deviation of each channel
 * over the frames:
 *   P = U / sqrt(l + 0.1 mean(l)),   l, U: the largest eigenvalues of the patches' covariance
 */
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "extract/eigen.h"
#include "extract/patches.h"
#include "kernel/gemm.h"
#include "model/codebook.h"

enum {
    KMEANS_ROUNDS = 15,
    SHOWN = 2000, /* frames that mean and deviation are taken of, at most */
    /* streams of the seed */
    DRAW_PATCHES = 0,
    DRAW_CENTRES = 1
};

typedef struct fitting {
    unic_extractor *e;
    const unic_array *frames;
    size_t n, depth;      /* patches that are looked at, and their numbers      */
    float *patches, *z;   /* [n,depth], without their mean; [n,components]      */
    double *mean;         /* [depth]                                            */
    float *product;       /* [depth,depth]                                      */
    double *power, *axes; /* [depth,depth] covariance, and its eigenvectors     */
    float *features;      /* [cells,cells,channels]                             */
    float *before;        /* the weights, as they were                          */
    unic_codebook *centres;
} fitting;

static unic_status begin(fitting *f)
{
    const unic__patches_settings *s = &f->e->settings.patches;
    size_t weights = 0, total;
    for (size_t i = 0; i < f->e->weight_count; i++)
        weights += unic__shape_count(&f->e->weights[i].shape);
    if (!unic__mul_size((size_t)f->frames->dims[0], s->cells * s->cells, &total))
        total = SIZE_MAX;
    f->n = total < s->samples ? total : s->samples;
    f->depth = f->e->plan.patches->depth;
    if (f->n < s->channels)
        return unic__fail(UNIC_E_VALUE,
                          "the frames have %zu patches, at least channels = %zu "
                          "expected",
                          f->n, s->channels);
    f->patches = unic__alloc_array(f->n * f->depth, sizeof(float));
    f->z = unic__alloc_array(f->n * s->components, sizeof(float));
    f->mean = unic__alloc_array(f->depth, sizeof(double));
    f->product = unic__alloc_array(f->depth * f->depth, sizeof(float));
    f->power = unic__alloc_array(f->depth * f->depth, sizeof(double));
    f->axes = unic__alloc_array(f->depth * f->depth, sizeof(double));
    f->features = unic__alloc_array(unic__shape_count(&f->e->dims), sizeof(float));
    f->before = unic__alloc_array(weights, sizeof(float));
    if (!f->patches || !f->z || !f->mean || !f->product || !f->power || !f->axes ||
        !f->features || !f->before)
        return unic__no_memory(f->n * f->depth * sizeof(float), "patches to fit to");
    return unic__codebook_create(&f->centres, s->channels, s->components, 1);
}

static void end(fitting *f)
{
    void *const blocks[] = {f->patches, f->z,    f->mean,     f->product,
                            f->power,   f->axes, f->features, f->before};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        unic__free(blocks[i]);
    unic__codebook_free(f->centres);
}

/* Copies the weights to `before`, or back. */
static void keep_weights(const fitting *f, bool back)
{
    float *at = f->before;
    for (size_t i = 0; i < f->e->weight_count; i++) {
        const size_t count = unic__shape_count(&f->e->weights[i].shape);
        memcpy(back ? f->e->weights[i].data : at, back ? at : f->e->weights[i].data,
               count * sizeof *at);
        at += count;
    }
}

/* Every so many patches of the frames one, drawn at random among them; then without their mean. */
static void take_patches(const fitting *f)
{
    const unic__patches_settings *s = &f->e->settings.patches;
    const size_t cells = s->cells * s->cells, frames = (size_t)f->frames->dims[0];
    const unic__key key = unic__random_key(s->seed, 0, DRAW_PATCHES);
    const double step = (double)frames * (double)cells / (double)f->n;
    size_t loaded = SIZE_MAX;
    for (size_t i = 0; i < f->n; i++) {
        const double u = f->n < s->samples ? 0 : (double)unic__random_uniform(key, i);
        size_t patch = (size_t)(((double)i + u) * step);
        patch = patch < frames * cells ? patch : frames * cells - 1;
        if (patch / cells != loaded)
            unic__patches_rows(f->e, f->frames, loaded = patch / cells);
        memcpy(f->patches + i * f->depth, f->e->plan.patches->rows + patch % cells * f->depth,
               f->depth * sizeof(float));
    }
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->depth; j++)
            f->mean[j] += (double)f->patches[i * f->depth + j] / (double)f->n;
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->depth; j++)
            f->patches[i * f->depth + j] -= (float)f->mean[j];
}

static void find_axes(const fitting *f)
{
    const size_t d = f->depth;
    const unic__gemm covariance = {.ta = true,
                                   .m = d,
                                   .n = d,
                                   .k = f->n,
                                   .a = f->patches,
                                   .lda = d,
                                   .b = f->patches,
                                   .ldb = d,
                                   .c = f->product,
                                   .ldc = d};
    unic__gemm_run(&covariance);
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) /* of both halves, which may differ in rounding */
            f->power[i * d + j] = 0.5 *
                                  ((double)f->product[i * d + j] +
                                   (double)f->product[j * d + i]) /
                                  (double)(f->n > 1 ? f->n - 1 : 1);
    unic__eigen(f->power, f->axes, d);
}

/* The number of the axis with the largest power below that of `before`; ties go by number. */
static size_t next_axis(const fitting *f, size_t before)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < f->depth; i++) {
        const double power = f->power[i * f->depth + i];
        if (before != SIZE_MAX) {
            const double last = f->power[before * f->depth + before];
            if (power > last || (power >= last && i <= before))
                continue;
        }
        if (best == SIZE_MAX || power > f->power[best * f->depth + best])
            best = i;
    }
    return best;
}

static unic_status whiten(const fitting *f)
{
    const unic__patches_settings *s = &f->e->settings.patches;
    const unic__patches *p = f->e->plan.patches;
    double mean = 0;
    size_t axis = SIZE_MAX;
    for (size_t i = 0; i < s->components; i++) {
        axis = next_axis(f, axis);
        mean += f->power[axis * f->depth + axis] / (double)s->components;
    }
    if (!(mean > 1e-12))
        return unic__fail(UNIC_E_VALUE, "the frames show nothing that can be told apart: all "
                                        "their patches are the same");
    axis = SIZE_MAX;
    for (size_t i = 0; i < s->components; i++) {
        axis = next_axis(f, axis);
        const double power = f->power[axis * f->depth + axis];
        const double scale = 1.0 / sqrt((power > 0 ? power : 0) + 0.1 * mean);
        double shift = 0;
        for (size_t j = 0; j < f->depth; j++) {
            const double u = f->axes[axis * f->depth + j] * scale;
            p->projection[j * s->components + i] = (float)u;
            shift += u * f->mean[j];
        }
        p->shift[i] = (float)shift;
    }
    return UNIC_OK;
}

static unic_status find_centres(const fitting *f)
{
    const unic__patches_settings *s = &f->e->settings.patches;
    const unic__patches *p = f->e->plan.patches;
    const unic__progress silent = {0};
    const unic__gemm product = {.m = f->n,
                                .n = s->components,
                                .k = f->depth,
                                .a = f->patches,
                                .lda = f->depth,
                                .b = p->projection,
                                .ldb = s->components,
                                .c = f->z,
                                .ldc = s->components};
    unic__gemm_run(&product);
    UNIC__TRY(unic__codebook_init(f->centres, f->z, f->n, KMEANS_ROUNDS,
                                  unic__random_key(s->seed, 0, DRAW_CENTRES), &silent));
    memcpy(p->centres, f->centres->embedding, s->channels * s->components * sizeof(float));
    return UNIC_OK;
}

/* The i-th of the frames that are looked at: spread over all of them evenly, and in step with no
 * period of theirs (multiples of the golden ratio; Knuth, 6.4). Every tenth frame may be the first
 * of each clip. */
static size_t spread(size_t i, size_t n, size_t frames)
{
    const double at = (double)i * 0.61803398874989485;
    return n == frames ? i : (size_t)((at - floor(at)) * (double)frames);
}

/*
 * Mean and deviation of each channel over frames that are spread over all of them. A centre that is
 * far from all others gives a channel that is hardly ever above 0.
 */
static unic_status normalise(const fitting *f)
{
    const unic__patches_settings *s = &f->e->settings.patches;
    const unic__patches *p = f->e->plan.patches;
    const size_t frames = (size_t)f->frames->dims[0], n = frames < SHOWN ? frames : SHOWN;
    const size_t cells = s->cells * s->cells;
    double *sum = unic__alloc_array(2 * s->channels, sizeof(double)), *square = sum;
    if (!sum)
        return unic__no_memory(2 * s->channels * sizeof(double), "patches to fit to");
    square += s->channels;
    for (size_t k = 0; k < s->channels; k++)
        p->mean[k] = 0, p->deviation[k] = 1;
    for (size_t i = 0; i < n; i++) {
        unic__patches_rows(f->e, f->frames, spread(i, n, frames));
        unic__patches_features(f->e, f->features);
        for (size_t j = 0; j < cells * s->channels; j++) {
            const double y = (double)f->features[j];
            sum[j % s->channels] += y;
            square[j % s->channels] += y * y;
        }
    }
    for (size_t k = 0; k < s->channels; k++) {
        const double mean = sum[k] / (double)(n * cells);
        square[k] = square[k] / (double)(n * cells) - mean * mean;
        p->mean[k] = (float)mean;
    }
    unic__normal_deviations(p->deviation, square, s->channels);
    unic__free(sum);
    return UNIC_OK;
}

static unic_status fit(const fitting *f)
{
    take_patches(f);
    find_axes(f);
    UNIC__TRY(whiten(f));
    UNIC__TRY(find_centres(f));
    return normalise(f);
}

unic_status unic__patches_fit(unic_extractor *e, const unic_array *frames)
{
    fitting f = {.e = e, .frames = frames};
    unic_status status = begin(&f);
    if (status == UNIC_OK) {
        keep_weights(&f, false);
        status = fit(&f);
        if (status != UNIC_OK)
            keep_weights(&f, true);
    }
    end(&f);
    return status;
}
