#include "model/feature_input.h"

#include <string.h>

#include "array/array.h"

static unic_status check_count(const unic__modality *m, const unic__shape *got, size_t i,
                               const char *what, size_t most, const char *set_by)
{
    char text[UNIC__SHAPE_TEXT];
    if (got->dim[i] >= 1 && got->dim[i] <= most)
        return UNIC_OK;
    return unic__fail(
        UNIC_E_SHAPE,
        "modality \"%s\": features are %s: dim %zu, the number of %s, is %zu, but "
        "%s = %zu allows 1..%zu",
        m->name, unic__shape_print(got, text), i, what, got->dim[i], set_by, most, most);
}

unic_status unic__feature_shape_check(const unic__modality *m, const unic__shape *got,
                                      const unic__feature_limits *limits)
{
    const unic__shape want = unic__feature_shape(m, limits->clips, limits->steps);
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    if (got->rank != want.rank)
        return unic__fail(
            UNIC_E_SHAPE,
            "modality \"%s\": features are %s, of rank %zu; expected rank %zu, as "
            "%s",
            m->name, unic__shape_print(got, gs), got->rank, want.rank,
            unic__shape_print(&want, ws));
    UNIC__TRY(check_count(m, got, 0, "clips", limits->clips, limits->clips_set_by));
    UNIC__TRY(check_count(m, got, 1, "steps", limits->steps, limits->steps_set_by));
    for (size_t i = 2; i < got->rank; i++)
        if (got->dim[i] != want.dim[i])
            return unic__fail(UNIC_E_SHAPE,
                              "modality \"%s\": features are %s: dim %zu is %zu, but %s.dims "
                              "makes it %zu",
                              m->name, unic__shape_print(got, gs), i, got->dim[i], m->name,
                              want.dim[i]);
    return UNIC_OK;
}

/* The clip into row b; its first `valid` steps count. */
static unic_status fill_row(const unic__feature_input *to, size_t b, const unic_array *features,
                            size_t clip, size_t valid, const unic_batch *called)
{
    char text[UNIC__CLIP_TEXT], place[UNIC__PLACE_TEXT];
    size_t step = unic__shape_count(&to->m->dims), length = to->mask->t.shape.dim[1];
    float *x = to->x->t.x + b * length * step;
    if (!unic__is_lent(to->x)) {
        if (valid > 0)
            unic__array_rows_to_f32(features, clip, 1, x);
        memset(x + valid * step, 0, (length - valid) * step * sizeof *x);
    }
    if (!unic__all_finite(x, valid * step))
        return unic__fail(UNIC_E_VALUE, "modality \"%s\": %s%s", to->m->name,
                          unic__batch_clip(called, to->m->name, clip, text),
                          unic__not_finite_step(x, valid, &to->m->dims, place));
    return UNIC_OK;
}

unic_status unic__feature_input_fill(const unic__feature_input *to, const unic_array *features,
                                     const int32_t *lengths, size_t first, bool real_padding,
                                     const unic_batch *called)
{
    size_t batch = to->mask->t.shape.dim[0], length = to->mask->t.shape.dim[1];
    size_t clips = (size_t)features->dims[0], steps = (size_t)features->dims[1];
    for (size_t b = 0; b < batch; b++) {
        size_t clip = first + b, valid = 0;
        if (clip < clips)
            valid = lengths ? (size_t)lengths[clip] : steps;
        UNIC__TRY(fill_row(to, b, features, clip, valid, called));
        size_t seen = real_padding && valid > 0 ? steps : valid;
        to->lengths->t.ix[b] = (int32_t)seen;
        for (size_t t = 0; t < length; t++)
            to->mask->t.x[b * length + t] = t < seen ? 1.0F : 0.0F;
    }
    return UNIC_OK;
}
