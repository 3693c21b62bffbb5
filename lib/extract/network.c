#include "extract/network.h"

#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/complaint.h"

/* ---- where a file has a parameter ---- */

typedef struct part {
    const unic__param *p;
    unic__weight_place place;
    unic__shape own;  /* of the part, in the parameter's order of axes */
    unic__shape file; /* in the file's */
    size_t offset;    /* elements of the parameter before it */
} part;

static bool part_at(const unic__pretrained *is, const unic__param *p, size_t i, part *out)
{
    *out = (part){.p = p, .own = p->shape};
    if (!is->place(p, i, &out->place))
        return false;
    const size_t row = p->shape.rank ? p->count / p->shape.dim[0] : 1;
    if (out->place.rows)
        out->own.dim[0] = out->place.rows;
    out->offset = out->place.first * row;
    out->file = out->own;
    if (out->place.order == UNIC__ORDER_OIHW)
        out->file = UNIC__SHAPE_OF(out->own.dim[3], out->own.dim[2], out->own.dim[0],
                                   out->own.dim[1]);
    return true;
}

/* The elements of a convolution, [Co,Ci,kh,kw] <-> [kh,kw,Ci,Co]. */
static void reorder(const part *at, float *own, float *file, bool to_file)
{
    const size_t *d = at->own.dim;
    const size_t area = d[0] * d[1], ci = d[2], co = d[3];
    for (size_t o = 0; o < co; o++)
        for (size_t i = 0; i < ci; i++)
            for (size_t k = 0; k < area; k++) {
                float *a = &own[(k * ci + i) * co + o], *b = &file[(o * ci + i) * area + k];
                *(to_file ? b : a) = *(to_file ? a : b);
            }
}

/* Vectors are also found as columns, [n,1]. */
static bool has_shape(const part *at, const unic__shape *got)
{
    return unic__shape_equal(got, &at->file) ||
           (at->file.rank == 1 && got->rank == 2 && got->dim[0] == at->file.dim[0] &&
            got->dim[1] == 1);
}

static const unic__weight_tensor *find(const unic__weight_file *f, const part *at)
{
    const unic__weight_tensor *t = unic__weight_file_find(f, at->place.name[0]);
    return t || !at->place.name[1][0] ? t : unic__weight_file_find(f, at->place.name[1]);
}

/* ---- loading ---- */

static void check_part(const unic__weight_file *f, const part *at, unic__complaint *wrong)
{
    char got[UNIC__SHAPE_TEXT], want[UNIC__SHAPE_TEXT];
    const unic__weight_tensor *t = find(f, at);
    unic__shape_print(&at->file, want);
    if (!t)
        unic__complain(wrong, "%s%s %s is missing", f->prefix, at->place.name[0], want);
    else if (t->wrong)
        unic__complain(wrong, "%s", t->wrong);
    else if (!has_shape(at, &t->shape))
        unic__complain(wrong, "%s is %s, expected %s", t->name,
                       unic__shape_print(&t->shape, got), want);
}

/* Whether the file has all parameters, before memory is taken for them. */
static unic_status check(const unic_extractor *e, const unic__network *n,
                         const unic__weight_file *f)
{
    unic__complaint wrong = {.n = 0};
    char list[UNIC__WEIGHT_LIST];
    part at;
    for (size_t i = 0; i < n->params.n; i++)
        for (size_t k = 0; part_at(e->kind->pretrained, n->params.at[i], k, &at); k++)
            check_part(f, &at, &wrong);
    if (wrong.n == 0)
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT,
                      "%s: %zu of the tensors of %s %s not as expected: %s%s (the file has %s)",
                      unic__weight_file_path(f), wrong.n, e->kind->pretrained->source,
                      wrong.n == 1 ? "is" : "are", wrong.text, unic__complaint_rest(&wrong),
                      unic__weight_file_list(f, list));
}

static unic_status read_part(const unic__weight_file *f, const part *at, float *values)
{
    const unic__weight_tensor *t = find(f, at);
    const size_t count = unic__shape_count(&at->own);
    float *own = values + at->offset;
    if (!t) /* check() has found it */
        return unic__fail(UNIC_E_FORMAT, "%s: %s is missing", unic__weight_file_path(f),
                          at->place.name[0]);
    if (at->place.order == UNIC__ORDER_SAME)
        return unic__weight_file_read(f, t, own);
    float *file = unic__alloc_array(count, sizeof *file);
    if (!file)
        return unic__no_memory(count * sizeof *file, "reading a weight");
    const unic_status status = unic__weight_file_read(f, t, file);
    if (status == UNIC_OK)
        reorder(at, own, file, false);
    unic__free(file);
    return status;
}

/* One parameter after the other: no more than the largest is held beside the table. */
static unic_status read_all(const unic_extractor *e, unic__network *n,
                            const unic__weight_file *f)
{
    const size_t most = unic__param_table_largest(&n->params);
    float *values = unic__alloc_array(most ? most : 1, sizeof *values);
    if (!values)
        return unic__no_memory(most * sizeof *values, "reading a weight");
    unic_status status = UNIC_OK;
    part at;
    n->hash = UNIC__FNV_START;
    for (size_t i = 0; i < n->params.n && status == UNIC_OK; i++) {
        const unic__param *p = n->params.at[i];
        for (size_t k = 0; status == UNIC_OK && part_at(e->kind->pretrained, p, k, &at); k++)
            status = read_part(f, &at, values);
        if (status != UNIC_OK)
            break;
        n->hash = unic__hash_bytes(n->hash, values, p->count * sizeof *values);
        status = unic__param_table_put(&n->params, p, values);
    }
    unic__free(values);
    return status;
}

static unic_status load(const unic_extractor *e, unic__network *n, unic__weight_file *f)
{
    n->params.packed = true; /* as sealing will say: packed products need less beside them */
    UNIC__TRY(e->kind->pretrained->build(e, n, f));
    for (size_t i = 0; i < n->graph_count; i++)
        if (n->graph[i].status != UNIC_OK) /* as planning says it */
            return unic__graph_plan(&n->graph[i]);
    UNIC__TRY(check(e, n, f));
    UNIC__TRY(unic__param_table_seal_weights(&n->params, true, UNIC__FLOAT32));
    UNIC__TRY(read_all(e, n, f)); /* before graphs take memory: it needs some for a while */
    for (size_t i = 0; i < n->graph_count; i++)
        UNIC__TRY(unic__graph_plan(&n->graph[i]));
    return UNIC_OK;
}

unic_status unic__network_create(unic__network **out, const unic_extractor *e,
                                 unic__weight_file *f)
{
    unic__network *n = unic__alloc_zero(sizeof *n);
    if (!n)
        return unic__no_memory(sizeof *n, "a network");
    unic_status status = load(e, n, f);
    if (status == UNIC_OK)
        status = unic__source_check_unchanged(f->source);
    if (status != UNIC_OK)
        unic__network_free(n);
    else
        *out = n;
    return status;
}

void unic__network_free(unic__network *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->graph_count; i++)
        unic__graph_free(&n->graph[i]);
    unic__param_table_free(&n->params);
    unic__arena_free(&n->arena);
    unic__free(n);
}

/* ---- saving ---- */

static int by_name(const void *a, const void *b)
{
    const part *pa = a, *pb = b;
    return strcmp(pa->place.name[0], pb->place.name[0]);
}

/* The buffers have room for the largest parameter. */
static unic_status write_part(const unic__param_table *params, const part *at, float *values,
                              float *file, unic__npz_writer *w)
{
    unic__param_table_read(params, at->p, values);
    float *own = values + at->offset;
    if (at->place.order == UNIC__ORDER_SAME)
        return unic__npz_add_f32(w, at->place.name[0], &at->file, own);
    reorder(at, own, file, true);
    return unic__npz_add_f32(w, at->place.name[0], &at->file, file);
}

unic_status unic__network_write(const unic_extractor *e, unic__npz_writer *w)
{
    const unic__pretrained *is = e->kind->pretrained;
    const unic__param_table *params = &e->network->params;
    const size_t most = unic__param_table_largest(params);
    size_t count = 0, next = 0;
    part at;
    for (size_t i = 0; i < params->n; i++)
        for (size_t k = 0; part_at(is, params->at[i], k, &at); k++)
            count++;
    part *parts = unic__alloc_array(count, sizeof *parts);
    float *values = unic__alloc_array(2 * most, sizeof *values);
    unic_status status = parts && values
                             ? UNIC_OK
                             : unic__no_memory(2 * most * sizeof *values, "writing a weight");
    for (size_t i = 0; i < params->n && status == UNIC_OK; i++)
        for (size_t k = 0; next < count && part_at(is, params->at[i], k, &at); k++)
            parts[next++] = at;
    if (next)
        qsort(parts, next, sizeof *parts, by_name);
    for (size_t i = 0; i < next && status == UNIC_OK; i++)
        status = write_part(params, &parts[i], values, values + most, w);
    unic__free(values);
    unic__free(parts);
    return status;
}
