/* What file managers and archivers leave among people's files. */
#ifndef UNIC_FILE_LITTER_H
#define UNIC_FILE_LITTER_H

#include "base/base.h"

/* Whether a path inside an archive is a folder's entry, or of a file that nobody put there:
 * ".DS_Store", "__MACOSX/...", "._name", "Thumbs.db", "desktop.ini". */
bool unic__is_litter(const char *path);

#endif
