/**
 * @file unic_class_map.h
 * Labels of one data set in the classes of another: a head trained on one is tested on the
 * other's clips. The map is a small text, one line a class:
 *
 *     # UCF = VGGSound
 *     PlayingCello = playing cello
 *     TableTennisShot = playing table tennis
 *
 * What stands before the first `=` is a class of theirs, behind it one of ours; blanks around
 * names do not count, those within do. `#` begins a comment at the start of a line or behind a
 * blank. Several of theirs may become one of ours. What no line names has no counterpart.
 */
#ifndef UNICODE_UNIC_CLASS_MAP_H
#define UNICODE_UNIC_CLASS_MAP_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A map from their classes to ours. Opaque; not changed by its use. */
typedef struct unic_class_map unic_class_map;

/** The two lists of classes. A list of names NULL: the names are the numbers "0", "1", ... */
typedef struct unic_class_names {
    size_t struct_size;        /**< sizeof(unic_class_names)                                 */
    const char *const *theirs; /**< [their_count], of the labels to translate; all different */
    size_t their_count;        /**< 1..1048576                                               */
    const char *const *ours;   /**< [our_count], of the head; all different                  */
    size_t our_count;          /**< 1..1048576                                               */
    void *reserved[2];         /**< NULL                                                     */
} unic_class_names;

/**
 * A map from a text.
 *
 * @param out     out.
 * @param text    `length` bytes of UTF-8, at most 2^20; not kept.
 * @param length  0..2^20.
 * @param source  what messages call the text, `source:line: ...`; may be NULL.
 * @param names   not kept.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_FORMAT names the line that is no map's, or that gives a
 * class of theirs again; UNIC_E_NOTFOUND names the line and its class that is in no list, and
 * the nearest that is; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_class_map_parse(unic_class_map **out, const char *text, size_t length,
                                          const char *source, const unic_class_names *names);

/** The same from a file; also UNIC_E_IO, and UNIC_E_NOTFOUND if there is none. Since 0.1. */
UNIC_API unic_status unic_class_map_load(unic_class_map **out, const char *path,
                                         const unic_class_names *names);
/** Frees the map. NULL is fine. Since 0.1. */
UNIC_API void unic_class_map_free(unic_class_map *map);

/** What class `theirs` is of ours; -1 if it has no counterpart, or is none. Since 0.1. */
UNIC_API int32_t unic_class_map_get(const unic_class_map *map, int32_t theirs);

/**
 * Translate classes: out[i] = map(labels[i]); -1, not counted, stays, and is what a class
 * without a counterpart becomes.
 *
 * @param map     the map.
 * @param labels  [count] in -1..their_count-1.
 * @param count   any number.
 * @param out     [count]; may be `labels`.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a label out of range (nothing is written).
 * A map is not changed by its use: calls may be concurrent. Since 0.1.
 */
UNIC_API unic_status unic_class_map_classes(const unic_class_map *map, const int32_t *labels,
                                            size_t count, int32_t *out);

/**
 * Translate rows of 0 and 1 a class: out[r,c] = 1 if labels[r,d] is 1 for a d that becomes c.
 * A row is not counted, all -1, if there is a -1 in it, or if it has classes and none of them
 * has a counterpart.
 *
 * @param map        the map.
 * @param labels     [rows,their_count] of 0, 1 and -1.
 * @param row_count  any number.
 * @param out        [rows,our_count]; apart from `labels`.
 * @return as unic_class_map_classes(). Since 0.1.
 */
UNIC_API unic_status unic_class_map_steps(const unic_class_map *map, const int32_t *labels,
                                          size_t row_count, int32_t *out);

#ifdef __cplusplus
}
#endif
#endif
