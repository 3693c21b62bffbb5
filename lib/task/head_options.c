#include "task/head.h"

#define AT(member) UNIC__OPTION_OF(unic_head_options, member)
enum { MOST = 1 << 16, MOST_CLASSES = 1 << 20 };

static const unic__option numbers[] = {
    {AT(kind), .low = UNIC_HEAD_CLIP, .high = UNIC_HEAD_STEP_MULTI, .values = "unic_head_kind"},
    {AT(class_count), .low = 1, .high = MOST_CLASSES},
    {AT(hidden), .low = 1, .high = MOST},
    {AT(epochs), .low = 1, .high = INT32_MAX, .standard = {30}},
    {AT(batch), .low = 1, .high = MOST, .standard = {64}},
    {UNIC__OPTION_SEED(unic_head_options)},
};

static const unic__float_option reals[] = {
    {.member = "head.learning_rate",
     .offset = offsetof(unic_head_options, learning_rate),
     .standard = {0.002F}},
};

const unic__options_table unic__head_options = {
    .member = "head.options",
    .kind = "a head",
    .number = numbers,
    .number_count = sizeof numbers / sizeof numbers[0],
    .real = reals,
    .real_count = sizeof reals / sizeof reals[0],
};

unic_status unic__head_complete(unic_head_options *o, size_t dim, const char *prefix,
                                unic_status status)
{
    int32_t fewest = o->kind == UNIC_HEAD_STEP_MULTI ? 1 : 2;
    bool is_kind = unic__option_accepts(&numbers[0], o->kind);
    o->hidden = o->hidden ? o->hidden : (int32_t)dim;
    if (is_kind && o->class_count < fewest) /* the table's bound is that of all kinds */
        return unic__fail(status, "%sclass_count = %d is not in %d..%d", prefix, o->class_count,
                          fewest, MOST_CLASSES);
    UNIC__TRY(unic__options_complete(o, &unic__head_options, 0, prefix, status));
    if (o->loss != UNIC_HEAD_LOSS_PLAIN && o->loss != UNIC_HEAD_LOSS_CMG)
        return unic__fail(status, "%sloss = %d is none of unic_head_loss (%d..%d)", prefix,
                          o->loss, UNIC_HEAD_LOSS_PLAIN, UNIC_HEAD_LOSS_CMG);
    if (o->loss == UNIC_HEAD_LOSS_CMG && o->kind != UNIC_HEAD_STEP_MULTI)
        return unic__fail(status,
                          "%sloss = UNIC_HEAD_LOSS_CMG is for heads of kind "
                          "UNIC_HEAD_STEP_MULTI, not %d",
                          prefix, o->kind);
    return UNIC_OK;
}
