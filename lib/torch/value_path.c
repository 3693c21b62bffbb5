#include "torch/value_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *unic__value_key(const unic__value *key, char number[UNIC__KEY_NUMBER], size_t *size)
{
    if (key->kind == UNIC__PICKLE_TEXT) {
        *size = key->as.text.size;
        return key->as.text.at;
    }
    if (key->kind != UNIC__PICKLE_INT)
        return NULL;
    *size = (size_t)snprintf(number, UNIC__KEY_NUMBER, "%lld", (long long)key->as.integer);
    return number;
}

static unic_status check_key(const unic__value *key)
{
    char number[UNIC__KEY_NUMBER], text[UNIC__VALUE_TEXT];
    size_t size = 0;
    const char *part = unic__value_key(key, number, &size);
    if (!part)
        return unic__fail(UNIC_E_FORMAT, "has %s for a key, text or int expected",
                          unic__pickle_kind_name(key->kind));
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)part[i] < 0x20 || part[i] == 0x7F || part[i] == '/')
            return unic__fail(UNIC_E_FORMAT, "has the key \"%s\" with the byte 0x%02X",
                              unic__value_print(key, text), (unsigned)part[i]);
    return UNIC_OK;
}

/* By their parts: 3 and "3" are the same. */
static int compare_keys(const void *a, const void *b)
{
    const unic__value *const *x = a, *const *y = b;
    char one[UNIC__KEY_NUMBER], two[UNIC__KEY_NUMBER];
    size_t n = 0, other = 0;
    const char *first = unic__value_key(*x, one, &n);
    const char *second = unic__value_key(*y, two, &other);
    int order = memcmp(first, second, n < other ? n : other);
    return order ? order : (n > other) - (n < other);
}

unic_status unic__value_check_keys(const unic__value *dict)
{
    size_t count = dict->as.many.count / 2;
    for (size_t i = 0; i < count; i++)
        UNIC__TRY(check_key(dict->as.many.items[2 * i]));
    if (count < 2)
        return UNIC_OK;
    const unic__value **keys = unic__alloc_array(count, sizeof(const unic__value *));
    if (!keys)
        return unic__no_memory(count * sizeof(const unic__value *), "a dict's keys");
    for (size_t i = 0; i < count; i++)
        keys[i] = dict->as.many.items[2 * i];
    qsort(keys, count, sizeof(const unic__value *), compare_keys);
    unic_status status = UNIC_OK;
    for (size_t i = 1; i < count && status == UNIC_OK; i++)
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) {
            char number[UNIC__KEY_NUMBER];
            size_t size = 0;
            const char *part = unic__value_key(keys[i], number, &size);
            status = unic__fail(UNIC_E_FORMAT, "has the key \"%.*s\" twice",
                                (int)(size < UNIC__VALUE_TEXT ? size : UNIC__VALUE_TEXT), part);
        }
    unic__free(keys);
    return status;
}

static const unic__value *find_key(const unic__value *dict, const char *part, size_t size)
{
    for (size_t i = 0; i < dict->as.many.count; i += 2) {
        char number[UNIC__KEY_NUMBER];
        size_t n = 0;
        const char *key = unic__value_key(dict->as.many.items[i], number, &n);
        if (key && n == size && memcmp(key, part, n) == 0)
            return dict->as.many.items[i + 1];
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
        bool list = v->kind == UNIC__PICKLE_LIST || v->kind == UNIC__PICKLE_TUPLE;
        v = v->kind == UNIC__PICKLE_DICT ? find_key(v, path, size)
            : list                       ? find_index(v, path, size)
                                         : NULL;
        more = path[size] != '\0';
        path += size + 1;
    }
    return v;
}
