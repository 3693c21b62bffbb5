/* Other names for what a file has: paths that begin elsewhere, and what they are in the
 * file. */
#include <stdio.h>
#include <string.h>

#include "torch/torch_parts.h"
#include "torch/value_path.h"

unic_status unic__torch_set_path(unic__torch_file *f, const unic__torch_tensor *t,
                                 const char *path)
{
    const char *copy = unic__arena_printf(&f->paths, "%s", path);
    if (!copy)
        return unic__no_memory(strlen(path) + 1, "a tensor's path");
    f->tensor[t - f->tensor].path = copy;
    return UNIC_OK;
}

/* "from" + rest to "to" + rest, where that is no longer than a path may be. */
static unic_status replace_start(unic__torch_file *f, const char *from, const char *to)
{
    size_t n = strlen(from);
    char path[UNIC__TORCH_PATH];
    for (size_t i = 0; i < f->tensors; i++) {
        const unic__torch_tensor *t = &f->tensor[i];
        if (strncmp(t->path, from, n) != 0 || strlen(t->path) - n + strlen(to) >= sizeof path)
            continue;
        snprintf(path, sizeof path, "%s%s", to, t->path + n);
        UNIC__TRY(unic__torch_set_path(f, t, path));
    }
    unic__torch_sort(f);
    return UNIC_OK;
}

unic_status unic__torch_enter(unic__torch_file *f, const char *root)
{
    char path[UNIC__TORCH_PATH];
    size_t n = strlen(root);
    if (!n)
        return UNIC_OK;
    snprintf(path, sizeof path, "%.*s", (int)n - 1, root);
    const unic__value *v = unic__value_find(f->root, path);
    f->entered = unic__arena_printf(&f->paths, "%s", root);
    if (!f->entered)
        return unic__no_memory(n + 1, "a path");
    if (v)
        f->root = v;
    return replace_start(f, root, "");
}

unic_status unic__torch_rename(unic__torch_file *f, const char *from, const char *to)
{
    if (strcmp(from, to) == 0)
        return UNIC_OK;
    if (f->renames < UNIC__TORCH_RENAMED) {
        f->renamed[f->renames].to = unic__arena_printf(&f->paths, "%s", to);
        f->renamed[f->renames].from = unic__arena_printf(&f->paths, "%s", from);
        if (!f->renamed[f->renames].to || !f->renamed[f->renames].from)
            return unic__no_memory(strlen(from) + strlen(to), "a path");
        f->renames++;
    }
    return replace_start(f, from, to);
}

const unic__torch_tensor *unic__torch_sorted_at(const unic__torch_file *f, size_t i)
{
    return f->by_path[i];
}

const char *unic__torch_spelled(const unic__torch_file *f, const char *path,
                                char out[UNIC__TORCH_PATH])
{
    const unic__torch_tensor *t = unic__torch_find(f, path);
    const char *from = "", *rest = path;
    for (size_t i = 0; i < f->renames; i++) {
        size_t n = strlen(f->renamed[i].to);
        if (strncmp(path, f->renamed[i].to, n) == 0) {
            from = f->renamed[i].from;
            rest = path + n;
        }
    }
    if (t)
        snprintf(out, UNIC__TORCH_PATH, "%s", t->given);
    else
        snprintf(out, UNIC__TORCH_PATH, "%s%s%s", f->entered, from, rest);
    return out;
}

static size_t write_key(char *out, size_t size, const unic__value *key)
{
    char number[UNIC__KEY_NUMBER], text[UNIC__VALUE_TEXT];
    size_t length = 0;
    const char *part = unic__value_key(key, number, &length);
    int n = unic__value_is_string(key)
                ? snprintf(out, size, "%s", unic__value_print(key, text))
                : snprintf(out, size, "%.*s", part ? (int)length : 1, part ? part : "?");
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

const char *unic__torch_summary(const unic__torch_file *f, char *out, size_t size)
{
    enum { KEYS = 6 };
    char text[UNIC__VALUE_DESCRIPTION];
    const unic__value *v = unic__value_contents(f->root);
    size_t count = v->kind == UNIC__PICKLE_DICT ? v->as.many.count / 2 : 0, at;
    if (unic__torch_tensor_args(f->root))
        snprintf(text, sizeof text, "a tensor");
    else
        unic__value_describe(f->root, text);
    at = (size_t)snprintf(out, size, "%s", text);
    for (size_t i = 0; i < count && i < KEYS && at + UNIC__VALUE_TEXT + 24 < size; i++) {
        at += (size_t)snprintf(out + at, size - at, i ? ", " : " of ");
        at += write_key(out + at, size - at, v->as.many.items[2 * i]);
    }
    if (count > KEYS && at < size)
        snprintf(out + at, size - at, " and %zu more keys", count - KEYS);
    return out;
}

const char *unic__torch_describe(const unic__torch_file *f, const char *path,
                                 char out[UNIC__VALUE_DESCRIPTION])
{
    char spelled[UNIC__TORCH_PATH];
    const unic__value *v = unic__value_find(f->container.object.root,
                                            unic__torch_spelled(f, path, spelled));
    return v ? unic__value_describe(v, out) : NULL;
}
