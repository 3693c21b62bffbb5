/**
 * @file unic_class_map.h
 * Translate the class labels of one data set (the source) into the classes of another (the
 * target), so that a head trained on the target's classes can be tested on the source's clips.
 * `theirs` stands for the source's classes, `ours` for the target's. The map is a text with one
 * line per class:
 *
 *     # UCF = VGGSound
 *     PlayingCello = playing cello
 *     TableTennisShot = playing table tennis
 *
 * The name before the first `=` is a source class, the name after it a target class; blanks
 * around names are ignored, blanks within them are not. `#` begins a comment at the start of a
 * line or after a blank. Several source classes may map to one target class. A source class
 * that no line names has no counterpart.
 */
#ifndef UNICODE_UNIC_CLASS_MAP_H
#define UNICODE_UNIC_CLASS_MAP_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A map from source classes to target classes. Opaque and immutable. */
typedef struct unic_class_map unic_class_map;

/** The two lists of classes. If a list is NULL, its names are the numbers "0", "1", ... */
typedef struct unic_class_names {
    size_t struct_size;        /**< sizeof(unic_class_names)                                 */
    const char *const *theirs; /**< [their_count], source classes, all different            */
    size_t their_count;        /**< 1..1048576                                               */
    const char *const *ours;   /**< [our_count], target classes, all different              */
    size_t our_count;          /**< 1..1048576                                               */
    void *reserved[2];         /**< NULL                                                     */
} unic_class_names;

/**
 * Create a map from a text.
 *
 * @param out     the map.
 * @param text    `length` bytes of UTF-8, at most 2^20; borrowed for the call.
 * @param length  0..2^20.
 * @param source  name of the text in messages, `source:line: ...`; may be NULL.
 * @param names   borrowed for the call.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_FORMAT names a line that cannot be parsed or that maps a
 * source class a second time; UNIC_E_NOTFOUND names the line, the class that is not in its
 * list, and the class nearest to it by name; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_class_map_parse(unic_class_map **out, const char *text, size_t length,
                                          const char *source, const unic_class_names *names);

/** Create a map from a file. @return as unic_class_map_parse(); UNIC_E_IO; UNIC_E_NOTFOUND also
 * if the file does not exist. Since 0.1. */
UNIC_API unic_status unic_class_map_load(unic_class_map **out, const char *path,
                                         const unic_class_names *names);
/** Free the map. NULL is allowed. Since 0.1. */
UNIC_API void unic_class_map_free(unic_class_map *map);

/** The target class of source class `theirs`; -1 if it has no counterpart or is no class. Since
 * 0.1. */
UNIC_API int32_t unic_class_map_get(const unic_class_map *map, int32_t theirs);

/**
 * Translate class numbers: out[i] = map(labels[i]). A label of -1 (not counted) stays -1, and a
 * class without a counterpart becomes -1.
 *
 * @param map     the map; concurrent calls are safe.
 * @param labels  [count] in -1..their_count-1.
 * @param count   the number of labels; may be 0.
 * @param out     [count]; may be `labels`.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a label out of range (nothing is written).
 * Since 0.1.
 */
UNIC_API unic_status unic_class_map_classes(const unic_class_map *map, const int32_t *labels,
                                            size_t count, int32_t *out);

/**
 * Translate rows that have a 0 or 1 for each class: out[r,c] = 1 if labels[r,d] is 1 for any
 * source class d that maps to c. A row becomes -1 throughout (not counted) if it contains a -1,
 * or if it has classes but none of them has a counterpart.
 *
 * @param map        the map; concurrent calls are safe.
 * @param labels     [rows,their_count] of 0, 1 and -1.
 * @param row_count  the number of rows; may be 0.
 * @param out        [rows,our_count]; must not overlap `labels`.
 * @return as unic_class_map_classes(). Since 0.1.
 */
UNIC_API unic_status unic_class_map_steps(const unic_class_map *map, const int32_t *labels,
                                          size_t row_count, int32_t *out);

#ifdef __cplusplus
}
#endif
#endif
