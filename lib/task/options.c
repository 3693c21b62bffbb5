#include "task/options.h"

#include <math.h>
#include <string.h>

#include "model/file_kind.h"

static int64_t get(const void *options, const unic__option *o)
{
    const char *at = (const char *)options + o->offset;
    int64_t wide;
    int32_t narrow;
    if (o->bytes == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

/* The value is within the option's bounds, so it fits. */
static void set(void *options, const unic__option *o, int64_t value)
{
    char *at = (char *)options + o->offset;
    int32_t narrow = (int32_t)value;
    if (o->bytes == sizeof value)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static float *real_of(void *options, const unic__float_option *o)
{
    return (float *)(void *)((char *)options + o->offset);
}

bool unic__option_accepts(const unic__option *option, int64_t value)
{
    return value >= option->low && value <= option->high;
}

static unic_status check_number(const unic__option *o, int64_t value, const char *prefix,
                                unic_status status)
{
    if (unic__option_accepts(o, value))
        return UNIC_OK;
    if (o->values && status != UNIC_E_FORMAT)
        return unic__fail(status, "%s%s%s = %lld is none of %s (%lld..%lld)", prefix, o->name,
                          o->item, (long long)value, o->values, (long long)o->low,
                          (long long)o->high);
    return unic__fail(status, "%s%s%s = %lld is not in %lld..%lld", prefix, o->name, o->item,
                      (long long)value, (long long)o->low, (long long)o->high);
}

static unic_status check_real(const unic__float_option *o, float value, const char *prefix,
                              unic_status status)
{
    const char *name = strchr(o->member, '.') + 1;
    if (o->low == 0.0F && (!(value > 0.0F) || !isfinite(value)))
        return unic__fail(status, "%s%s = %g must be positive and finite", prefix, name,
                          (double)value);
    if (o->low > 0.0F && !(value >= o->low && value <= o->high))
        return unic__fail(status, "%s%s = %g is not in %g..%g", prefix, name, (double)value,
                          (double)o->low, (double)o->high);
    return UNIC_OK;
}

unic_status unic__options_complete(void *options, const unic__options_table *table,
                                   size_t preset, const char *prefix, unic_status status)
{
    for (size_t i = 0; i < table->number_count; i++) {
        const unic__option *o = &table->number[i];
        if (get(options, o) == 0 && o->standard[preset] != 0)
            set(options, o, o->standard[preset]);
        UNIC__TRY(check_number(o, get(options, o), prefix, status));
    }
    for (size_t i = 0; i < table->real_count; i++) {
        const unic__float_option *o = &table->real[i];
        float *value = real_of(options, o);
        if (*value == 0.0F)
            *value = o->standard[preset];
        UNIC__TRY(check_real(o, *value, prefix, status));
    }
    return UNIC_OK;
}

/* ---- in a file ---- */

/* Behind the numbers of the table; a codebook's sizes have bounds, too. */
static const unic__option codebook_sizes[] = {
    {.name = "codes", .item = "", .low = 1, .high = UNIC__CODEBOOK_MAX_CODES},
    {.name = "the codes' dim", .item = "", .low = 1, .high = UNIC__CODEBOOK_MAX_DIM}};

void unic__options_to_numbers(const unic__options_table *table, const void *options,
                              int64_t *numbers)
{
    for (size_t i = 0; i < table->number_count; i++)
        numbers[i] = get(options, &table->number[i]);
}

unic_status unic__options_from_numbers(void *options, const unic__options_table *table,
                                       const int64_t *numbers, const char *path)
{
    for (size_t i = 0; i < table->number_count; i++) {
        const unic__option *o = &table->number[i];
        unic_status status = check_number(o, numbers[i], "", UNIC_E_FORMAT);
        if (status != UNIC_OK)
            return unic__fail_in(status, "%s: %s", path, table->member);
        set(options, o, numbers[i]);
    }
    return UNIC_OK;
}

void unic__options_bundle(unic__bundle *b, const unic__options_table *table, void *options,
                          const unic_codebook *cb, int64_t numbers[UNIC__OPTIONS_MOST])
{
    size_t n = table->number_count;
    unic__options_to_numbers(table, options, numbers);
    numbers[n] = (int64_t)cb->codes;
    numbers[n + 1] = (int64_t)cb->dim;
    unic__bundle_i64(b, table->member, UNIC__SHAPE_OF(n + 2), numbers);
    for (size_t i = 0; i < table->real_count; i++)
        unic__bundle_f32(b, table->real[i].member, UNIC__SCALAR,
                         real_of(options, &table->real[i]));
}

unic_status unic__options_read(void *options, unic__shape *codes,
                               const unic__options_table *table, unic__npz *z)
{
    const char *path = unic__npz_path(z);
    size_t n = table->number_count;
    int64_t v[UNIC__OPTIONS_MOST];
    UNIC__TRY(unic__expect_kind(z, table->member, table->kind));
    UNIC__TRY(unic__read_i64(z, table->member, UNIC__SHAPE_OF(n + 2), v));
    UNIC__TRY(unic__options_from_numbers(options, table, v, path));
    for (size_t i = 0; i < 2; i++) {
        unic_status status = check_number(&codebook_sizes[i], v[n + i], "", UNIC_E_FORMAT);
        if (status != UNIC_OK)
            return unic__fail_in(status, "%s: %s", path, table->member);
    }
    *codes = UNIC__SHAPE_OF((size_t)v[n], (size_t)v[n + 1]);
    for (size_t i = 0; i < table->real_count; i++) {
        float *value = real_of(options, &table->real[i]);
        UNIC__TRY(unic__read_f32(z, table->real[i].member, UNIC__SCALAR, value));
        if (*value == 0.0F)
            return unic__fail(UNIC_E_FORMAT, "%s: %s = 0 must be positive", path,
                              table->real[i].member);
    }
    return UNIC_OK;
}
