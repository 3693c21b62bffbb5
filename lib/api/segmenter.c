#include "task/segment.h"

#include <string.h>

#include "api/api.h"
#include "array/array.h"
#include "task/codes.h"

unic_status unic_segmenter_create(unic_segmenter **out, const unic_codebook *codebook,
                                  const unic_segmenter_options *options)
{
    unic_codebook *copy;
    unic_segmenter_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(options);
    UNIC__TAKE(unic__segmenter_options_kind, &o, options);
    UNIC__TRY(unic__check_threads(o.threads, __func__));
    UNIC__TRY_NAMED(unic__segment_complete(&o, "options->", UNIC_E_ARG));
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__codebook_copy(&copy, codebook));
    UNIC__TRY_WITH(o.threads, unic__segmenter_create(out, copy, &o, NULL));
    return UNIC_OK;
}

void unic_segmenter_free(unic_segmenter *segmenter)
{
    unic__segmenter_free(segmenter);
}

unic_status unic_segmenter_settings(unic_segmenter_options *options,
                                    const unic_segmenter *segmenter)
{
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(options);
    UNIC__REQUIRE_SIZE(unic__segmenter_options_kind, options);
    unic__struct_give(&unic__segmenter_options_kind, options, &segmenter->net->options);
    return UNIC_OK;
}

/* ---- what a step and a prediction are given ---- */

/* The dims behind [B,F] of image i. */
static unic__shape image_dims(const unic_segmenter_options *o, size_t i)
{
    size_t height = (size_t)o->height, width = (size_t)o->width;
    return o->input == UNIC_SEGMENTER_FRAMES
               ? UNIC__SHAPE_OF(height, width, (size_t)o->image_channels)
               : UNIC__SHAPE_OF(height >> (i + 2), width >> (i + 2),
                                (size_t)o->level_channels[i]);
}

/* Whether `a` is [clips,frames] and `dims`. */
static unic_status check_shape(const unic_array *a, const char *call, const char *what,
                               size_t clips, size_t frames, const unic__shape *dims)
{
    unic__shape got = unic__array_shape(a), want = {2 + dims->rank, {clips, frames}};
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    memcpy(want.dim + 2, dims->dim, dims->rank * sizeof want.dim[0]);
    if (!unic__shape_equal(&got, &want))
        return unic__fail(UNIC_E_SHAPE, "%s: %s is %s, %s expected", call, what,
                          unic__shape_print(&got, gs), unic__shape_print(&want, ws));
    return UNIC_OK;
}

static const char *const image_names[] = {"images[0]", "images[1]", "images[2]", "images[3]"};

static unic_status check_images(const unic_segmenter_options *o, unic__segment_input *in,
                                const char *call)
{
    bool of_frames = o->input == UNIC_SEGMENTER_FRAMES;
    size_t expected = of_frames ? 1 : (size_t)o->level_count;
    if (in->image_count != expected)
        return unic__fail(UNIC_E_ARG, "%s: image_count is %zu, %zu expected (%s)", call,
                          in->image_count, expected,
                          of_frames ? "the frames" : "a map a level");
    for (size_t i = 0; i < expected; i++) {
        const unic_array *a = in->images[i];
        unic__shape dims = image_dims(o, i);
        UNIC__TRY(unic__array_check_real(a, call, image_names[i]));
        if (a->rank != 5)
            return unic__fail(
                UNIC_E_SHAPE, "%s: %s has rank %d, 5 expected: [clips,frames,%zu,%zu,%zu]",
                call, image_names[i], (int)a->rank, dims.dim[0], dims.dim[1], dims.dim[2]);
        if (i == 0) {
            in->clips = (size_t)a->dims[0];
            in->frames = (size_t)a->dims[1];
        }
        UNIC__TRY(check_shape(a, call, image_names[i], in->clips, in->frames, &dims));
    }
    if (in->clips && !in->frames)
        return unic__fail(UNIC_E_SHAPE, "%s: clips of 0 frames, at least 1 expected", call);
    return UNIC_OK;
}

static unic_status check_codes(const unic_segmenter *s, const unic__segment_input *in,
                               const char *call)
{
    size_t count;
    if (!unic__mul_size(in->clips, in->length, &count))
        return unic__fail(UNIC_E_ARG, "%s: %zu clips of %zu codes are larger than any memory",
                          call, in->clips, in->length);
    unic_status status = unic__check_codes(s->codebook, in->codes, in->clips, in->length, true);
    return status == UNIC_OK ? status : unic__fail_in(status, "%s", call);
}

/* Ranks, dims and dtypes of the arrays, and the codes; sets clips and frames. The numbers in
 * the arrays are looked at when they are read. */
static unic_status check_input(const unic_segmenter *s, unic__segment_input *in,
                               const char *call)
{
    in->clips = in->frames = 0;
    const unic_segmenter_options *o = &s->net->options;
    const unic__shape frame = UNIC__SHAPE_OF((size_t)o->height, (size_t)o->width);
    UNIC__TRY(check_images(o, in, call));
    UNIC__TRY(check_codes(s, in, call));
    if (!in->masks)
        return UNIC_OK;
    UNIC__TRY(unic__array_check_real(in->masks, call, "masks"));
    return check_shape(in->masks, call, "masks", in->clips, in->frames, &frame);
}

unic_status unic_segmenter_step(double *loss, unic_segmenter *segmenter,
                                const unic_array *const *images, size_t image_count,
                                const int32_t *codes, size_t length, const unic_array *masks)
{
    unic__segment_input in = {images, image_count, codes, length, masks, 0, 0};
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(images);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(masks);
    UNIC__TRY(check_input(segmenter, &in, __func__));
    if (in.clips == 0)
        return unic__fail(UNIC_E_SHAPE, "%s: a batch of 0 clips, at least 1 expected",
                          __func__);
    UNIC__HOLD(segmenter);
    UNIC__TRY_WITH(segmenter->net->options.threads, unic__segmenter_step(loss, segmenter, &in));
    return UNIC_OK;
}

/* Weights that were only drawn segment nothing. */
static unic_status check_trained(const unic_segmenter *s, const char *call)
{
    return s->trained
               ? UNIC_OK
               : unic__fail(UNIC_E_STATE,
                            "%s: the segmenter is untrained; call unic_segmenter_step() before",
                            call);
}

unic_status unic_segmenter_predict(const unic_segmenter *segmenter,
                                   const unic_array *const *images, size_t image_count,
                                   const int32_t *codes, size_t length, float *logits)
{
    unic__segment_input in = {images, image_count, codes, length, NULL, 0, 0};
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(images);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(logits);
    UNIC__TRY(check_input(segmenter, &in, __func__));
    if (in.clips == 0)
        return UNIC_OK;
    UNIC__HOLD_SHARED(segmenter);
    UNIC__TRY(check_trained(segmenter, __func__));
    UNIC__TRY_WITH(segmenter->net->options.threads,
                   unic__segmenter_predict(segmenter, &in, logits));
    return UNIC_OK;
}

uint64_t unic_segmenter_fingerprint(const unic_segmenter *segmenter)
{
    return segmenter ? segmenter->fingerprint : 0;
}

unic_status unic_segmenter_accepts(const unic_segmenter *segmenter, uint64_t fingerprint)
{
    UNIC__REQUIRE(segmenter);
    if (fingerprint != segmenter->fingerprint)
        return unic__fail(UNIC_E_MISMATCH,
                          "%s: the codes are of codebook %016llx, the segmenter is for %016llx",
                          __func__, (unsigned long long)fingerprint,
                          (unsigned long long)segmenter->fingerprint);
    return UNIC_OK;
}

unic_status unic_segmenter_save(const unic_segmenter *segmenter, const char *path)
{
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(path);
    UNIC__HOLD_SHARED(segmenter);
    UNIC__TRY(check_trained(segmenter, __func__));
    UNIC__TRY_NAMED(unic__segmenter_save(segmenter, UNIC__TO_FILE(path)));
    return UNIC_OK;
}

unic_status unic_segmenter_save_sink(const unic_segmenter *segmenter, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(segmenter);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__HOLD_SHARED(segmenter);
    UNIC__TRY(check_trained(segmenter, __func__));
    UNIC__TRY_NAMED(unic__segmenter_save(segmenter, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}

unic_status unic_segmenter_load(unic_segmenter **out, const char *path,
                                const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, unic__segmenter_load(out, from.source));
}

unic_status unic_segmenter_load_source(unic_segmenter **out, const unic_source *source,
                                       const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return unic__opening_end(&from, unic__segmenter_load(out, from.source));
}
