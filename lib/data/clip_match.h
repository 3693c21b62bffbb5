/* The clips that a table names, matched with the files beside it. */
#ifndef UNIC_DATA_CLIP_MATCH_H
#define UNIC_DATA_CLIP_MATCH_H

#include "data/clip_group.h"
#include "data/clip_table.h"

/* Clips without any file are refused, or, if `skips_damage`, told of and left out of the table.
 * `path` is the table's. */
unic_status unic__clip_match(unic__clip_table *x, const unic__clip_group *groups,
                             size_t group_count, const char *path, bool skips_damage);

#endif
