#include "array/weight_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"

unic_status unic__weight_file_create(unic__weight_file **out, const unic__weight_file_class *is,
                                     void *file, unic__source *source)
{
    unic__weight_file *f = unic__alloc_zero(sizeof *f);
    if (!f) {
        is->close(file);
        return unic__no_memory(sizeof *f, "a file of weights");
    }
    f->is = is;
    f->file = file;
    f->source = source;
    f->prefix = "";
    *out = f;
    return UNIC_OK;
}

void unic__weight_file_close(unic__weight_file *f)
{
    if (!f)
        return;
    f->is->close(f->file);
    unic__free(f->at);
    unic__arena_free(&f->arena);
    unic__free(f);
}

const char *unic__weight_file_path(const unic__weight_file *f)
{
    return unic__source_name(f->source);
}

unic_status unic__weight_file_add(unic__weight_file *f, const char *name, const char *wrong,
                                  const unic__shape *shape, const void *entry)
{
    if (f->count == f->room) {
        const size_t room = f->room ? 2 * f->room : 64;
        void *at = unic__realloc(f->at, f->count * sizeof *f->at, room * sizeof *f->at);
        if (!at)
            return unic__no_memory(room * sizeof *f->at, "a list of tensors");
        f->at = at;
        f->room = room;
    }
    unic__weight_tensor t = {.shape = *shape, .entry = entry};
    t.name = unic__arena_printf(&f->arena, "%s", name);
    if (wrong)
        t.wrong = unic__arena_printf(&f->arena, "%s", wrong);
    if (!t.name || (wrong && !t.wrong))
        return unic__no_memory(strlen(name), "a tensor's name");
    f->at[f->count++] = t;
    return UNIC_OK;
}

static int by_name(const void *a, const void *b)
{
    const unic__weight_tensor *ta = a, *tb = b;
    return strcmp(ta->name, tb->name);
}

unic_status unic__weight_file_sort(unic__weight_file *f)
{
    if (f->count)
        qsort(f->at, f->count, sizeof *f->at, by_name);
    for (size_t i = 1; i < f->count; i++)
        if (by_name(&f->at[i - 1], &f->at[i]) == 0)
            return unic__fail(UNIC_E_FORMAT, "%s: has two tensors of the name %s",
                              unic__weight_file_path(f), f->at[i].name);
    return UNIC_OK;
}

typedef struct whole_name {
    const char *prefix, *name;
} whole_name;

static int by_whole_name(const void *key, const void *tensor)
{
    const whole_name *k = key;
    const unic__weight_tensor *t = tensor;
    const size_t n = strlen(k->prefix);
    const int order = strncmp(k->prefix, t->name, n);
    return order ? order : strcmp(k->name, t->name + n);
}

static const unic__weight_tensor *find(const unic__weight_file *f, const char *prefix,
                                       const char *name)
{
    const whole_name key = {prefix, name};
    return f->count ? bsearch(&key, f->at, f->count, sizeof *f->at, by_whole_name) : NULL;
}

const unic__weight_tensor *unic__weight_file_find(const unic__weight_file *f, const char *name)
{
    return find(f, f->prefix, name);
}

/* Bytes in front of `name` in the name of a larger module's tensor; 0: it is none. */
static size_t before(const char *whole, const char *name)
{
    const size_t n = strlen(name), all = strlen(whole);
    const bool ends = all > n && strcmp(whole + all - n, name) == 0;
    return ends && strchr("./", whole[all - n - 1]) ? all - n : 0;
}

unic_status unic__weight_file_enter(unic__weight_file *f, const char *const *names, size_t n)
{
    const unic__weight_tensor *found = NULL;
    size_t size = 0;
    f->prefix = "";
    for (size_t k = 0; k < n; k++)
        if (find(f, "", names[k]))
            return UNIC_OK;
    for (size_t i = 0; i < f->count; i++)
        for (size_t k = 0; k < n; k++) {
            const size_t bytes = before(f->at[i].name, names[k]);
            if (bytes && found)
                return unic__fail(UNIC_E_FORMAT,
                                  "%s: has several networks: both %s and %s are there; save "
                                  "the one that is meant alone",
                                  unic__weight_file_path(f), found->name, f->at[i].name);
            if (bytes) {
                found = &f->at[i];
                size = bytes;
            }
        }
    if (!found)
        return UNIC_OK;
    f->prefix = unic__arena_printf(&f->arena, "%.*s", (int)size, found->name);
    return f->prefix ? UNIC_OK : unic__no_memory(size, "a tensor's name");
}

unic_status unic__weight_file_read(const unic__weight_file *f, const unic__weight_tensor *t,
                                   float *out)
{
    if (t->wrong)
        return unic__fail(UNIC_E_FORMAT, "%s: %s", unic__weight_file_path(f), t->wrong);
    UNIC__TRY(f->is->read(f->file, t, out));
    if (!unic__all_finite(out, unic__shape_count(&t->shape)))
        return unic__fail(UNIC_E_FORMAT, "%s: %s holds NaN, Inf or numbers beyond float32",
                          unic__weight_file_path(f), t->name);
    return UNIC_OK;
}

const char *unic__weight_file_list(const unic__weight_file *f, char text[UNIC__WEIGHT_LIST])
{
    enum { NAMED = 4, LONGEST = 60, REST = 24 }; /* names; bytes of a name, and of the end */
    char shape[UNIC__SHAPE_TEXT];
    size_t used = (size_t)snprintf(text, UNIC__WEIGHT_LIST, "%zu tensor%s", f->count,
                                   f->count == 1 ? "" : "s"),
           i = 0;
    for (; i < f->count && i < NAMED; i++) {
        const unic__weight_tensor *t = &f->at[i];
        char one[LONGEST + UNIC__SHAPE_TEXT];
        const int n = snprintf(one, sizeof one, "%s%.*s %s", i ? ", " : ": ", LONGEST - 4,
                               t->name, t->wrong ? "" : unic__shape_print(&t->shape, shape));
        if (n < 0 || used + (size_t)n + REST >= UNIC__WEIGHT_LIST)
            break;
        memcpy(text + used, one, (size_t)n + 1);
        used += (size_t)n;
    }
    if (i < f->count)
        snprintf(text + used, UNIC__WEIGHT_LIST - used, " and %zu more", f->count - i);
    return text;
}
