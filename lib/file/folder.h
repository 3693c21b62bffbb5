/* Lists the names in a directory, without opening its files. */
#ifndef UNIC_FILE_FOLDER_H
#define UNIC_FILE_FOLDER_H

#include "base/base.h"

typedef struct unic__folder {
    unic__arena arena;
    const char **names; /* in byte order; names that begin with '.' are left out */
    size_t n, room;
} unic__folder;

/* *folder: false also if nothing is there. UNIC_E_IO where it cannot be told, UNIC_E_NOTFOUND for a
 * symbolic link to nothing (`path` without '/' at its end): what it should lead to is missing. */
unic_status unic__is_folder(bool *folder, const char *path);

/* UNIC_E_NOTFOUND if there is no such directory. `out` must be freed, also after a failure. */
unic_status unic__folder_list(unic__folder *out, const char *path);
void unic__folder_free(unic__folder *folder);

/* The size of `name` without `suffix`; 0 if it does not end with it or is only the suffix. */
size_t unic__stem_size(const char *name, const char *suffix);

/* UNIC_E_FORMAT if `name`, of a file in `folder`, ends with `suffix` but for its capitals: only small
 * letters are taken, and what such a file holds would be left out without a word. */
unic_status unic__suffix_check(const char *folder, const char *name, const char *suffix);

#endif
