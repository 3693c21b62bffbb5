/*
 * A source whose modalities are one array [N,T,...] each, in an npz or in a directory of .npy
 * files, optionally with `<modality>.lengths` [N]. Only the lengths are kept in
 * memory.
 */
#ifndef UNIC_DATA_SHARD_H
#define UNIC_DATA_SHARD_H

#include "data/clip_source.h"
#include "file/source.h"

unic_status unic__shard_open(unic__clip_source **out, unic__source *npz);
unic_status unic__shard_open_folder(unic__clip_source **out, const char *path);

#endif
