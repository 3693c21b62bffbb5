#include "task/class_map.h"

#include <stdio.h>

#include "api/api.h"

/* Checks the lists of class names. */
static unic_status take_names(unic_class_names *copy, const unic_class_names *names,
                              const char *call)
{
    UNIC__TRY(unic__struct_take(&unic__class_names_kind, copy, names, call, "names"));
    if (copy->their_count < 1 || copy->their_count > UNIC__CLASS_MAP_CLASSES ||
        copy->our_count < 1 || copy->our_count > UNIC__CLASS_MAP_CLASSES)
        return unic__fail(UNIC_E_ARG,
                          "%s: names->their_count = %zu and our_count = %zu; 1..%d expected",
                          call, copy->their_count, copy->our_count, UNIC__CLASS_MAP_CLASSES);
    return UNIC_OK;
}

unic_status unic_class_map_parse(unic_class_map **out, const char *text, size_t length,
                                 const char *source, const unic_class_names *names)
{
    unic_class_names n;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(text);
    UNIC__REQUIRE(names);
    UNIC__TRY(take_names(&n, names, __func__));
    if (length > UNIC__CLASS_MAP_TEXT)
        return unic__fail(UNIC_E_ARG, "%s: the text has %zu bytes, at most %d expected",
                          __func__, length, UNIC__CLASS_MAP_TEXT);
    UNIC__TRY_NAMED(unic__class_map_parse(out, text, length, source, &n));
    return UNIC_OK;
}

unic_status unic_class_map_load(unic_class_map **out, const char *path,
                                const unic_class_names *names)
{
    unic_class_names n;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__REQUIRE(names);
    UNIC__TRY(take_names(&n, names, __func__));
    UNIC__TRY_NAMED(unic__class_map_load(out, path, &n));
    return UNIC_OK;
}

void unic_class_map_free(unic_class_map *map)
{
    unic__class_map_free(map);
}

int32_t unic_class_map_get(const unic_class_map *map, int32_t theirs)
{
    return map && theirs >= 0 && (size_t)theirs < map->theirs ? map->to[theirs] : -1;
}

/* [rows,columns] in -1..highest */
static unic_status check_labels(const char *call, const int32_t *labels, size_t rows,
                                size_t columns, size_t highest)
{
    size_t count, bytes;
    if (!unic__mul_size(rows, columns, &count) ||
        !unic__mul_size(count, sizeof *labels, &bytes))
        return unic__fail(UNIC_E_ARG, "%s: %zu times %zu labels are larger than any memory",
                          call, rows, columns);
    char class[48] = "";
    for (size_t i = 0; i < count; i++) {
        if (labels[i] >= -1 && (labels[i] < 0 || (size_t)labels[i] <= highest))
            continue;
        if (columns > 1)
            snprintf(class, sizeof class, ", class %zu", i % columns);
        return unic__fail(UNIC_E_VALUE, "%s: label %d of row %zu%s is not in -1..%zu", call,
                          labels[i], i / columns, class, highest);
    }
    return UNIC_OK;
}

unic_status unic_class_map_classes(const unic_class_map *map, const int32_t *labels,
                                   size_t count, int32_t *out)
{
    UNIC__REQUIRE(map);
    if (count == 0)
        return UNIC_OK;
    UNIC__REQUIRE(labels);
    UNIC__REQUIRE(out);
    UNIC__TRY(check_labels(__func__, labels, count, 1, map->theirs - 1));
    unic__class_map_classes(map, labels, count, out);
    return UNIC_OK;
}

unic_status unic_class_map_steps(const unic_class_map *map, const int32_t *labels,
                                 size_t row_count, int32_t *out)
{
    UNIC__REQUIRE(map);
    if (row_count == 0)
        return UNIC_OK;
    UNIC__REQUIRE(labels);
    UNIC__REQUIRE(out);
    UNIC__TRY(check_labels(__func__, labels, row_count, map->theirs, 1));
    unic__class_map_steps(map, labels, row_count, out);
    return UNIC_OK;
}
