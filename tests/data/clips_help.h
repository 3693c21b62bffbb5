/* Shared by the tests of clips in files of their own: writing such files below the build
 * directory. */
#ifndef UNIC_DATA_CLIPS_HELP_H
#define UNIC_DATA_CLIPS_HELP_H

#include "base/base.h"

/* An empty directory of that name below the build directory, with all directories on the way;
 * `path` has room for 512 bytes and is returned. */
const char *clips_folder(const char *name, char path[512]);

/* "<folder>/<name>" as a .npy, a .zip with the array pickled, or as it stands. The format goes
 * by the name's end. Directories on the way are made. Elements are first, first + 1, ... */
void clips_write(const char *folder, const char *name, const unic__shape *shape, float first);
void clips_write_fortran(const char *folder, const char *name, const unic__shape *shape,
                         float first); /* a .npy */
void clips_write_text(const char *folder, const char *name, const char *text);

/* The file's bytes from `at` on become `bytes`; a negative `at` counts from the end. */
void clips_damage(const char *folder, const char *name, long at, const char *bytes);

#endif
