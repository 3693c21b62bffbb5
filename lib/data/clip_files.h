/*
 * A source whose clips stand in files of their own, for each modality one: all files of a
 * directory's subdirectories DIR/<modality>/<clip>.npy or .zip, those of them that a table
 * names, or a list of files of one modality. A clip without a file lacks the modality. What is
 * kept in memory are the names of the clips and one byte for each file.
 */
#ifndef UNIC_DATA_CLIP_FILES_H
#define UNIC_DATA_CLIP_FILES_H

#include "data/clip_source.h"

/* The clips are the union of all subdirectories' files, in the order of their names' bytes. */
unic_status unic__clip_files_open(unic__clip_source **out, const char *folder);

/* The clips that a table (clip_index.h) names, in its order, of the directory it stands in. Of
 * those without any file, a warning is logged if damage is skipped. */
unic_status unic__clip_files_open_index(unic__clip_source **out, const char *table,
                                        const char *split, bool skips_damage);

/* Files of clips of `modality`; their names are copied. */
unic_status unic__clip_files_open_list(unic__clip_source **out, const char *const *paths,
                                       size_t n, const char *modality);

/* Whether the path is that of such a file, by its name's end. */
bool unic__is_clip_file(const char *path);

#endif
