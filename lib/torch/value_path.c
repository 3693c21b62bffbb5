#include "torch/value_path.h"

#include <stdio.h>
#include <string.h>

const char *unic__value_key(const unic__value *key, char number[UNIC__KEY_NUMBER], size_t *size)
{
    if (unic__value_is_string(key)) {
        *size = key->as.text.size;
        return key->as.text.at;
    }
    if (key->kind != UNIC__PICKLE_INT)
        return NULL;
    *size = (size_t)snprintf(number, UNIC__KEY_NUMBER, "%lld", (long long)key->as.integer);
    return number;
}

static const unic__value *find_key(const unic__value *dict, const char *part, size_t size)
{
    for (size_t i = dict->as.many.count; i >= 2; i -= 2) {
        char number[UNIC__KEY_NUMBER];
        size_t n = 0;
        const char *key = unic__value_key(dict->as.many.items[i - 2], number, &n);
        if (key && n == size && memcmp(key, part, n) == 0)
            return dict->as.many.items[i - 1];
    }
    return NULL;
}

/* "0", "12": no sign, no zeros in front. */
static const unic__value *find_index(const unic__value *list, const char *part, size_t size)
{
    size_t index = 0;
    for (size_t i = 0; i < size; i++)
        if (part[i] < '0' || part[i] > '9' || !unic__mul_size(index, 10, &index) ||
            !unic__add_size(index, (size_t)(part[i] - '0'), &index))
            return NULL;
    bool canonical = size == 1 || (size > 1 && part[0] != '0');
    return canonical && index < list->as.many.count ? list->as.many.items[index] : NULL;
}

const unic__value *unic__value_find(const unic__value *root, const char *path)
{
    const unic__value *v = root;
    for (bool more = path[0] != '\0'; v && more;) {
        size_t size = strcspn(path, "/");
        v = unic__value_contents(v);
        bool list = v->kind == UNIC__PICKLE_LIST || v->kind == UNIC__PICKLE_TUPLE;
        v = v->kind == UNIC__PICKLE_DICT ? find_key(v, path, size)
            : list                       ? find_index(v, path, size)
                                         : NULL;
        more = path[size] != '\0';
        path += size + 1;
    }
    return v;
}
