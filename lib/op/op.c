#include <stdio.h>

#include "op/op.h"

unic_status(unic__shape_fail)(const unic__call *c, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return unic__fail(UNIC_E_SHAPE, "%s: %s", c->op->name, line);
}

static unic_status expect_dtype(const unic__call *c, size_t k, unic__dtype dtype)
{
    if (k >= c->input_count || !c->in[k])
        return unic__shape_fail(c, "input %zu is missing", k);
    if (c->in[k]->dtype != dtype)
        return unic__shape_fail(c, "input %zu must be %s", k,
                                dtype == UNIC__F32 ? "float32" : "int32");
    return UNIC_OK;
}

unic_status unic__expect_f32(const unic__call *c, size_t k)
{
    return expect_dtype(c, k, UNIC__F32);
}

unic_status unic__expect_i32(const unic__call *c, size_t k)
{
    return expect_dtype(c, k, UNIC__I32);
}

unic_status unic__expect_rank(const unic__call *c, size_t k, size_t rank)
{
    UNIC__TRY(unic__expect_f32(c, k));
    char text[UNIC__SHAPE_TEXT];
    if (c->in[k]->shape.rank != rank)
        return unic__shape_fail(c, "input %zu has shape %s, expected rank %zu", k,
                                unic__shape_print(&c->in[k]->shape, text), rank);
    return UNIC_OK;
}
