/* The names in a directory: what the system has to say about one, and nothing of its files. */
#ifndef UNIC_FILE_FOLDER_H
#define UNIC_FILE_FOLDER_H

#include "base/base.h"

typedef struct unic__folder {
    unic__arena arena;
    const char **names; /* in the order of their bytes; none that begins with '.' */
    size_t n, room;
} unic__folder;

bool unic__is_folder(const char *path);

/* UNIC_E_NOTFOUND if there is no such directory. Afterwards free `out`, also
 * after a failure. */
unic_status unic__folder_list(unic__folder *out, const char *path);
void unic__folder_free(unic__folder *folder);

/* The bytes of `name` before `suffix`; 0 if it does not end so, or is nothing else. */
size_t unic__stem_size(const char *name, const char *suffix);

#endif
