/* Names of clips that look like mistakes: the log tells of them. */
#ifndef UNIC_DATA_CLIP_NAMES_H
#define UNIC_DATA_CLIP_NAMES_H

#include "data/clip_group.h"

/* Clips that people would take for one, of which no modality has both. `stems` [clips] are the names
 * of all clips of the `n` groups. */
unic_status unic__clip_names_report_near(const char *const *stems, size_t clips,
                                         const unic__clip_group *groups, size_t n,
                                         const char *path);

/* Names whose order is not that of their files' names, where labels stand beside them. */
void unic__clip_names_report_order(const char *const *stems, size_t clips, const char *path);

#endif
