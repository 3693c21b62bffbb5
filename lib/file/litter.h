/* Files that file managers and archivers leave behind. */
#ifndef UNIC_FILE_LITTER_H
#define UNIC_FILE_LITTER_H

#include "base/base.h"

/* Whether a path inside an archive is a directory entry, or a file that a program left there:
 * ".DS_Store", "__MACOSX/...", "._name", "Thumbs.db", "desktop.ini". */
bool unic__is_litter(const char *path);

#endif
