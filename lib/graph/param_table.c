#include "graph/param_table.h"

#include <string.h>

#include "kernel/packed.h"
#include "kernel/winograd.h"

unic__param *unic__param_table_find(const unic__param_table *params, const char *name)
{
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->at[i]->name, name) == 0)
            return params->at[i];
    return NULL;
}

static unic_status find_group(unic__param_table *params, const char *name, size_t *group)
{
    for (size_t i = 0; i < params->group_count; i++)
        if (strcmp(params->group[i], name) == 0) {
            *group = i;
            return UNIC_OK;
        }
    if (params->group_count == UNIC__MAX_GROUPS)
        return unic__fail(UNIC_E_STATE, "parameters: more than %d groups", UNIC__MAX_GROUPS);
    const char *copy = unic__arena_printf(&params->arena, "%s", name);
    if (!copy)
        return unic__no_memory(strlen(name), "a parameter group");
    *group = params->group_count++;
    params->group[*group] = copy;
    return UNIC_OK;
}

static unic_status grow(unic__param_table *params)
{
    size_t capacity = params->capacity ? 2 * params->capacity : 64;
    void *at = unic__realloc(params->at, params->n * sizeof *params->at,
                             capacity * sizeof *params->at);
    if (!at)
        return unic__no_memory(capacity * sizeof *params->at, "the parameter table");
    params->at = at;
    params->capacity = capacity;
    return UNIC_OK;
}

unic_status unic__param_table_declare(unic__param_table *params, const char *name,
                                      const unic__shape *shape, unic__init init,
                                      const char *group, unic__param **out)
{
    unic__param *p = unic__param_table_find(params, name);
    if (p) {
        char old[UNIC__SHAPE_TEXT], now[UNIC__SHAPE_TEXT];
        if (!unic__shape_equal(&p->shape, shape))
            return unic__fail(UNIC_E_SHAPE, "parameter %s is %s here, %s elsewhere", name,
                              unic__shape_print(shape, now), unic__shape_print(&p->shape, old));
        *out = p;
        return UNIC_OK;
    }
    if (params->values)
        return unic__fail(UNIC_E_STATE, "parameter %s is not in the model's table", name);
    if (params->n == params->capacity)
        UNIC__TRY(grow(params));
    p = unic__arena_alloc(&params->arena, sizeof *p);
    if (!p || !(p->name = unic__arena_printf(&params->arena, "%s", name)))
        return unic__no_memory(sizeof *p, "a parameter");
    UNIC__TRY(find_group(params, group, &p->group));
    p->shape = *shape;
    p->init = init;
    p->decay = shape->rank >= 2;
    p->count = unic__shape_count(shape);
    params->at[params->n++] = p;
    *out = p;
    return UNIC_OK;
}

static size_t whole_lines(size_t floats)
{
    enum { LINE = UNIC__ALIGN / sizeof(float) };
    return (floats + LINE - 1) / LINE * LINE;
}

/* Floats of memory. */
static size_t room_of(const unic__param_table *params, const unic__param *p)
{
    if (params->packed && p->tile)
        return whole_lines(p->count) +
               unic__winograd_kept_count(p->shape.dim[2], p->shape.dim[3], p->tile);
    if (!params->packed || !p->product)
        return p->count;
    const size_t packed = unic__packed_count(p->shape.dim[0], p->shape.dim[1]);
    return params->type == UNIC__FLOAT32 ? packed : packed / 2; /* a multiple of 32 */
}

/* Where each parameter lies. */
static unic_status lay_out(unic__param_table *params)
{
    params->total = 0;
    for (size_t i = 0; i < params->n; i++) {
        unic__param *p = params->at[i];
        size_t count = room_of(params, p);
        p->offset = params->total;
        if (!unic__add_size(params->total, whole_lines(count), &params->total))
            return unic__no_memory(SIZE_MAX, "parameters");
    }
    return UNIC_OK;
}

unic_status unic__param_table_seal(unic__param_table *params, bool with_grads)
{
    UNIC__TRY(lay_out(params));
    size_t total = params->total;
    params->values = unic__alloc_array(total ? total : 1, sizeof(float));
    if (params->values && with_grads)
        params->grads = unic__alloc_array(total ? total : 1, sizeof(float));
    if (!params->values || (with_grads && !params->grads)) {
        unic__free(params->values);
        params->values = NULL;
        return unic__no_memory(total * sizeof(float), "parameters");
    }
    return UNIC_OK;
}

unic_status unic__param_table_seal_weights(unic__param_table *params, bool packed,
                                           unic__float_type type)
{
    params->packed = packed;
    params->type = type;
    return unic__param_table_seal(params, false);
}

unic_status unic__param_round(const unic__param *p, unic__float_type type, float *values)
{
    if (type == UNIC__FLOAT32 || p->shape.rank < 2)
        return UNIC_OK;
    const float largest = unic__float_largest(type);
    for (size_t i = 0; i < p->count; i++) {
        if (!(values[i] >= -largest && values[i] <= largest))
            return unic__fail(
                UNIC_E_NUMERIC, "%s: element %zu is %.9g, the largest number of %s is %.9g",
                p->name, i, (double)values[i], unic__float_name(type), (double)largest);
        values[i] = unic__float_rounded(type, values[i]);
    }
    return UNIC_OK;
}

static size_t kept_offset(const unic__param *p)
{
    return p->offset + whole_lines(p->count);
}

unic_status unic__param_table_put(unic__param_table *params, const unic__param *p,
                                  float *values)
{
    float *to = params->values + p->offset;
    UNIC__TRY(unic__param_round(p, params->type, values));
    if (!params->packed || !p->product)
        memcpy(to, values, p->count * sizeof *to);
    else if (params->type == UNIC__FLOAT32)
        unic__pack(to, values, p->shape.dim[0], p->shape.dim[1]);
    else
        unic__pack_half((void *)to, values, p->shape.dim[0], p->shape.dim[1], params->type);
    if (params->packed && p->tile)
        unic__winograd_keep(params->values + kept_offset(p), values, p->shape.dim[2],
                            p->shape.dim[3], p->tile);
    return UNIC_OK;
}

const float *unic__param_kept(const unic__param_table *params, const unic__param *p)
{
    return params->packed && p->tile ? params->values + kept_offset(p) : NULL;
}

size_t unic__param_table_largest(const unic__param_table *params)
{
    size_t most = 0;
    for (size_t i = 0; i < params->n; i++)
        if (params->at[i]->count > most)
            most = params->at[i]->count;
    return most;
}

void unic__param_table_read(const unic__param_table *params, const unic__param *p,
                            float *values)
{
    const float *from = params->values + p->offset;
    if (!params->packed || !p->product)
        memcpy(values, from, p->count * sizeof *values);
    else if (params->type == UNIC__FLOAT32)
        unic__unpack(values, from, p->shape.dim[0], p->shape.dim[1]);
    else
        unic__unpack_half(values, (const void *)from, p->shape.dim[0], p->shape.dim[1],
                          params->type);
}

unic_status unic__param_table_unpacked(const unic__param_table *params, float **out)
{
    size_t count = 0;
    for (size_t i = 0; i < params->n; i++)
        count += params->at[i]->count;
    float *next = *out = unic__alloc_array(count, sizeof *next);
    if (!next)
        return unic__no_memory(count * sizeof *next, "unpacked weights");
    for (size_t i = 0; i < params->n; i++) {
        unic__param_table_read(params, params->at[i], next);
        next += params->at[i]->count;
    }
    return UNIC_OK;
}

void unic__param_table_init(unic__param_table *params, uint64_t seed)
{
    for (size_t i = 0; i < params->n; i++) {
        const unic__param *p = params->at[i];
        float *value = params->values + p->offset;
        unic__key key = unic__random_key(seed, 0, unic__random_hash(p->name));
        for (size_t j = 0; j < p->count; j++)
            value[j] = p->init.kind == UNIC__INIT_ONES ? 1.0F
                       : p->init.kind == UNIC__INIT_ZEROS
                           ? 0.0F
                           : (float)p->init.bound *
                                 (2.0F * unic__random_uniform(key, j) - 1.0F);
    }
}

void unic__param_table_free(unic__param_table *params)
{
    unic__free(params->at);
    unic__free(params->values);
    unic__free(params->grads);
    unic__arena_free(&params->arena);
    *params = (unic__param_table){0};
}
