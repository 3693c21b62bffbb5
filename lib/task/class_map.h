/* Maps the classes of another data set to those of a head. */
#ifndef UNIC_TASK_CLASS_MAP_H
#define UNIC_TASK_CLASS_MAP_H

#include "base/base.h"
#include "unicode/unic_class_map.h"

enum { UNIC__CLASS_MAP_TEXT = 1 << 20, UNIC__CLASS_MAP_CLASSES = 1 << 20 };

struct unic_class_map {
    size_t theirs, ours;
    int32_t *to; /* [theirs] the head's class, -1: none */
};

/* The caller has checked the counts of names. */
unic_status unic__class_map_parse(unic_class_map **out, const char *text, size_t length,
                                  const char *source, const unic_class_names *names);
unic_status unic__class_map_load(unic_class_map **out, const char *path,
                                 const unic_class_names *names);
void unic__class_map_free(unic_class_map *map);

/* The caller has checked that labels are in range. */
void unic__class_map_classes(const unic_class_map *map, const int32_t *labels, size_t count,
                             int32_t *out);
void unic__class_map_steps(const unic_class_map *map, const int32_t *labels, size_t rows,
                           int32_t *out);

#endif
