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

/* Steps of a clip that count; none of a clip that there is not. */
static size_t valid_steps(const unic_array *features, const int32_t *lengths, size_t clip)
{
    if (clip >= (size_t)features->dims[0])
        return 0;
    return lengths ? (size_t)lengths[clip] : (size_t)features->dims[1];
}

/* `count` steps of the clip, from `first` on, into x; the first `valid` of the clip's count. */
static unic_status fill_steps(const unic__feature_input *to, float *x,
                              const unic_array *features, size_t clip, size_t first,
                              size_t count, size_t valid, const unic_batch *called)
{
    char text[UNIC__CLIP_TEXT], place[UNIC__PLACE_TEXT];
    const size_t step = unic__shape_count(&to->m->dims),
                 left = valid > first ? valid - first : 0;
    const size_t used = left < count ? left : count;
    if (!unic__is_lent(to->x)) {
        if (used > 0) {
            const unic_array row = unic__array_part(features, 0, clip, 1);
            const unic_array steps = unic__array_part(&row, 1, first, used);
            unic__array_to_f32(&steps, x);
        }
        memset(x + used * step, 0, (count - used) * step * sizeof *x);
    }
    if (!unic__all_finite(x, used * step))
        return unic__fail(UNIC_E_VALUE, "modality \"%s\": %s%s", to->m->name,
                          unic__batch_clip(called, to->m->name, clip, text),
                          unic__not_finite_step(x, first, used, &to->m->dims, place));
    return UNIC_OK;
}

unic_status unic__feature_steps_fill(const unic__feature_input *to, const unic_array *features,
                                     const int32_t *lengths, size_t first, size_t count,
                                     const unic_batch *called)
{
    const size_t length = (size_t)features->dims[1], step = unic__shape_count(&to->m->dims);
    float *x = to->x->t.x;
    for (size_t i = first; i < first + count;) {
        const size_t clip = i / length, t = i % length, left = first + count - i;
        const size_t n = length - t < left ? length - t : left;
        UNIC__TRY(fill_steps(to, x, features, clip, t, n, valid_steps(features, lengths, clip),
                             called));
        i += n;
        x += n * step;
    }
    return UNIC_OK;
}

void unic__feature_mask_fill(const unic__feature_input *to, const unic_array *features,
                             const int32_t *lengths, size_t first, bool real_padding)
{
    const size_t batch = to->mask->t.shape.dim[0], length = to->mask->t.shape.dim[1];
    for (size_t b = 0; b < batch; b++) {
        const size_t valid = valid_steps(features, lengths, first + b);
        const size_t seen = real_padding && valid > 0 ? (size_t)features->dims[1] : valid;
        to->lengths->t.ix[b] = (int32_t)seen;
        for (size_t t = 0; t < length; t++)
            to->mask->t.x[b * length + t] = t < seen ? 1.0F : 0.0F;
    }
}

unic_status unic__feature_input_fill(const unic__feature_input *to, const unic_array *features,
                                     const int32_t *lengths, size_t first, bool real_padding,
                                     const unic_batch *called)
{
    const size_t batch = to->mask->t.shape.dim[0], length = to->mask->t.shape.dim[1];
    const size_t row = length * unic__shape_count(&to->m->dims);
    for (size_t b = 0; b < batch; b++)
        UNIC__TRY(fill_steps(to, to->x->t.x + b * row, features, first + b, 0, length,
                             valid_steps(features, lengths, first + b), called));
    unic__feature_mask_fill(to, features, lengths, first, real_padding);
    return UNIC_OK;
}
