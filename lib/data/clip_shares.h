/* Clips of a table that are read from one and the same file. */
#ifndef UNIC_DATA_CLIP_SHARES_H
#define UNIC_DATA_CLIP_SHARES_H

#include "data/clip_group.h"
#include "data/clip_table.h"

/* Counts them over the clips of all splits, which share files among them in the worst case, and
 * tells the log. UNIC_E_FORMAT if two names of one clip (x, x.mp4) have two categories or splits,
 * as two lines of one name. `path` is the table's. */
unic_status unic__clip_shares_check(const unic__clip_table *x, const unic__clip_group *groups,
                                    size_t n, const char *path);

#endif
