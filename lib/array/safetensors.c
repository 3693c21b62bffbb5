#include "array/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

enum {
    PREFIX = 8,                 /* bytes that tell the header's size */
    LARGEST_HEADER = 100000000, /* which is the limit of the format's own library */
    MOST_TENSORS = 1 << 16,
    BLOCK = 1 << 14 /* numbers that are converted at a time */
};

typedef enum number { F32, F16, F64, BF16, OTHER } number;

static const struct {
    const char *name;
    size_t size; /* of an element */
    number is;
} dtypes[] = {
    {"F32", 4, F32},    {"F16", 2, F16},   {"BF16", 2, BF16}, {"F64", 8, F64},
    {"BOOL", 1, OTHER}, {"U8", 1, OTHER},  {"I8", 1, OTHER},  {"U16", 2, OTHER},
    {"I16", 2, OTHER},  {"U32", 4, OTHER}, {"I32", 4, OTHER}, {"U64", 8, OTHER},
    {"I64", 8, OTHER},
};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

typedef struct entry {
    unic__safetensor t;
    size_t dtype; /* in dtypes, or DTYPES */
} entry;

typedef struct safetensors {
    unic__source *source;
    char *header;
    uint64_t data, data_size; /* where the elements begin, and their bytes */
    entry *at;
    size_t count, room;
} safetensors;

static void close_file(void *file)
{
    safetensors *s = file;
    unic__source_release(s->source);
    unic__free(s->header);
    unic__free(s->at);
    unic__free(s);
}

/* ---- elements ---- */

/* To this machine's order; in the file they are little-endian. */
static void convert(float *out, unsigned char *raw, number is, size_t n)
{
    if (is == BF16) {
        for (size_t i = 0; i < n; i++)
            out[i] = unic__from_bf16((uint16_t)(raw[2 * i] | raw[2 * i + 1] << 8));
        return;
    }
    unic__npy_info info = {.type = is == F16   ? UNIC__NPY_F16
                                   : is == F64 ? UNIC__NPY_F64
                                               : UNIC__NPY_F32};
    info.item_size = unic__npy_type_size(info.type);
    unic__npy_to_f32(out, raw, &info, n);
}

static unic_status read_tensor(void *file, const unic__weight_tensor *t, float *out)
{
    const safetensors *s = file;
    const entry *e = t->entry;
    const size_t count = e->t.count, size = dtypes[e->dtype].size;
    unsigned char *block = unic__alloc(BLOCK * sizeof(double));
    if (!block)
        return unic__no_memory(BLOCK * sizeof(double), "converting a tensor");
    unic_status status = UNIC_OK;
    for (size_t done = 0, n; done < count && status == UNIC_OK; done += n) {
        n = count - done < BLOCK ? count - done : BLOCK;
        status = unic__source_read(s->source, s->data + e->t.begin + (uint64_t)done * size,
                                   block, n * size);
        if (status == UNIC_OK)
            convert(out + done, block, dtypes[e->dtype].is, n);
        else
            unic__fail_in(status, "%s: %s", unic__source_name(s->source), t->name);
    }
    unic__free(block);
    return status;
}

/* ---- the tensors of the header ---- */

static unic_status check_entry(const safetensors *s, const entry *e)
{
    const unic__safetensor *t = &e->t;
    size_t bytes;
    if (t->begin > t->end || t->end > s->data_size)
        return unic__fail(UNIC_E_FORMAT,
                          "%s has data_offsets [%llu,%llu], but %llu bytes stand behind the "
                          "header",
                          t->name, (unsigned long long)t->begin, (unsigned long long)t->end,
                          (unsigned long long)s->data_size);
    if (e->dtype < DTYPES &&
        (t->overflows || !unic__mul_size(t->count, dtypes[e->dtype].size, &bytes) ||
         bytes != t->end - t->begin))
        return unic__fail(UNIC_E_FORMAT,
                          "%s has data_offsets [%llu,%llu], which are not the bytes of its "
                          "shape and dtype %s",
                          t->name, (unsigned long long)t->begin, (unsigned long long)t->end,
                          t->dtype);
    return UNIC_OK;
}

static unic_status keep(void *context, const unic__safetensor *t)
{
    safetensors *s = context;
    entry e = {.t = *t};
    while (e.dtype < DTYPES && strcmp(t->dtype, dtypes[e.dtype].name) != 0)
        e.dtype++;
    UNIC__TRY(check_entry(s, &e));
    if (s->count == MOST_TENSORS)
        return unic__fail(UNIC_E_FORMAT, "has more than %d tensors", MOST_TENSORS);
    if (s->count == s->room) {
        const size_t room = s->room ? 2 * s->room : 64;
        void *at = unic__realloc(s->at, s->count * sizeof *s->at, room * sizeof *s->at);
        if (!at)
            return unic__no_memory(room * sizeof *s->at, "the header's tensors");
        s->at = at;
        s->room = room;
    }
    s->at[s->count++] = e;
    return UNIC_OK;
}

static int by_offsets(const void *a, const void *b)
{
    const unic__safetensor *ta = &(*(const entry *const *)a)->t,
                           *tb = &(*(const entry *const *)b)->t;
    if (ta->begin != tb->begin)
        return ta->begin < tb->begin ? -1 : 1;
    return ta->end < tb->end ? -1 : ta->end > tb->end;
}

/* The elements of one tensor begin where those of another end. */
static unic_status check_order(const safetensors *s, const entry **order)
{
    uint64_t end = 0;
    for (size_t i = 0; i < s->count; i++)
        order[i] = &s->at[i];
    qsort(order, s->count, sizeof *order, by_offsets);
    for (size_t i = 0; i < s->count; i++) {
        const unic__safetensor *t = &order[i]->t;
        if (t->begin != end)
            return unic__fail(UNIC_E_FORMAT,
                              "%s begins at byte %llu of the elements, %llu expected: tensors "
                              "follow each other without gaps",
                              t->name, (unsigned long long)t->begin, (unsigned long long)end);
        end = t->end;
    }
    if (end != s->data_size)
        return unic__fail(UNIC_E_FORMAT,
                          "%llu bytes of elements are in the header, but %llu stand behind it",
                          (unsigned long long)end, (unsigned long long)s->data_size);
    return UNIC_OK;
}

static unic_status parse(safetensors *s, size_t size)
{
    UNIC__TRY(unic__safetensors_parse(s->header, size, keep, s));
    const entry **order = unic__alloc_array(s->count + 1, sizeof *order);
    if (!order)
        return unic__no_memory(s->count * sizeof *order, "the header's tensors");
    unic_status status = check_order(s, order);
    unic__free(order);
    return status;
}

static unic_status read_header(safetensors *s)
{
    const uint64_t all = unic__source_size(s->source);
    unsigned char prefix[PREFIX];
    uint64_t size = 0;
    if (all < PREFIX)
        return unic__fail(UNIC_E_FORMAT, "has %llu bytes, which is no file of safetensors",
                          (unsigned long long)all);
    UNIC__TRY(unic__source_read(s->source, 0, prefix, PREFIX));
    for (size_t i = PREFIX; i-- > 0;)
        size = size << 8 | prefix[i];
    if (size > all - PREFIX || size > LARGEST_HEADER)
        return unic__fail(UNIC_E_FORMAT,
                          "its header is said to have %llu bytes, of a file of %llu; at most "
                          "%d are read",
                          (unsigned long long)size, (unsigned long long)all, LARGEST_HEADER);
    s->header = unic__alloc((size_t)size + 1);
    if (!s->header)
        return unic__no_memory((size_t)size + 1, "a header");
    UNIC__TRY(unic__source_read(s->source, PREFIX, s->header, (size_t)size));
    s->header[size] = '\0';
    s->data = PREFIX + size;
    s->data_size = all - s->data;
    return parse(s, (size_t)size);
}

static unic_status list_tensor(unic__weight_file *f, const entry *e)
{
    char text[200];
    const bool known = e->dtype < DTYPES && dtypes[e->dtype].is != OTHER;
    if (!known)
        snprintf(text, sizeof text, "%.120s is of %s; F32, F16, BF16 and F64 are read",
                 e->t.name, e->t.dtype);
    else
        snprintf(text, sizeof text, "%.120s has %zu dims, at most %d are read", e->t.name,
                 e->t.rank, UNIC__MAX_RANK);
    return unic__weight_file_add(
        f, e->t.name, known && e->t.rank <= UNIC__MAX_RANK ? NULL : text, &e->t.shape, e);
}

unic_status unic__safetensors_open(unic__weight_file **out, unic__source *source)
{
    static const unic__weight_file_class is = {read_tensor, close_file};
    unic__weight_file *f;
    *out = NULL;
    safetensors *s = unic__alloc_zero(sizeof *s);
    if (!s)
        return unic__no_memory(sizeof *s, "a file of safetensors");
    s->source = unic__source_retain(source);
    UNIC__TRY(unic__weight_file_create(&f, &is, s, source)); /* which closes it, if it fails */
    unic_status status = read_header(s);
    if (status != UNIC_OK)
        unic__fail_in(status, "%s", unic__source_name(source));
    for (size_t i = 0; i < s->count && status == UNIC_OK; i++)
        status = list_tensor(f, &s->at[i]);
    if (status == UNIC_OK)
        status = unic__weight_file_sort(f);
    if (status != UNIC_OK)
        unic__weight_file_close(f);
    else
        *out = f;
    return status;
}
