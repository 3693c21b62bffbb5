/*
 * A source with one file for each clip and modality: all files DIR/<modality>/<clip>.npy or
 * .zip of a directory, those of them that a table names, or a list of files of one modality. If
 * a clip's file is missing, the clip lacks that modality. Only the clips' names and one byte
 * for each file are kept in memory.
 */
#ifndef UNIC_DATA_CLIP_FILES_H
#define UNIC_DATA_CLIP_FILES_H

#include "data/clip_source.h"

/* The clips are the union of all subdirectories' files, in the byte order of their names. */
unic_status unic__clip_files_open(unic__clip_source **out, const char *folder);

/* The clips that a table (clip_table.h) lists, in its order, with their files in the table's
 * directory. If damage is skipped, a warning is logged about clips without any file. */
unic_status unic__clip_files_open_index(unic__clip_source **out, const char *table,
                                        const char *split, bool skips_damage);

/* Files of clips of `modality`; their names are copied. */
unic_status unic__clip_files_open_list(unic__clip_source **out, const char *const *paths,
                                       size_t n, const char *modality);

/* Whether the path's suffix is that of a clip's file. */
bool unic__is_clip_file(const char *path);

/* Tells of clips in a directory that is read for the arrays in it. */
unic_status unic__report_clips_beside(const char *folder);

#endif
