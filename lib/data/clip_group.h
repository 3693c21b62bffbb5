/* The clip files of one modality: those of a directory, or a list of files. */
#ifndef UNIC_DATA_CLIP_GROUP_H
#define UNIC_DATA_CLIP_GROUP_H

#include "data/clip.h"

typedef struct unic__clip_entry {
    const char *stem; /* the clip's name */
    unsigned char format;
} unic__clip_entry;

typedef struct unic__clip_group {
    const char *name, *prefix; /* "audio", "features/audio/" */
    unic__clip_entry
        *entries; /* in the byte order of their stems, or in the order of the clips */
    size_t n;
    /* what is none of them and may have been meant so: the first name; NULL */
    const char *passed;
    bool listed;      /* each entry is a clip, in this order */
    size_t path_size; /* room for the longest path of an entry */
} unic__clip_group;

/* Whether `folder`/`name` is a directory with a clip's file in it, for a warning: false, too, if that cannot
 * be told. Fails for want of memory alone. */
unic_status unic__clip_group_is_in(const char *folder, const char *name, bool *yes);

/* The clips in the directory `folder`/`name`; n is 0 if it does not exist or has no clips. */
unic_status unic__clip_group_open(unic__clip_group *g, unic__arena *arena, const char *folder,
                                  const char *name);

/* Whether a file of this name may hold features, in a format that is not read as clips: x.h5. */
bool unic__may_hold_features(const char *name);

/* Those of the paths that are clip files, in their order. */
unic_status unic__clip_group_list(unic__clip_group *g, unic__arena *arena,
                                  const char *const *paths, size_t n, const char *name);

enum { UNIC__CLIP_START = 11 }; /* characters of a YouTube video's id */

/* How a table writes the name of a clip; the ways are tried in this order. */
typedef enum unic__clip_naming {
    UNIC__NAMED_WHOLE,  /* the file's stem: x.npy for x */
    UNIC__NAMED_MEDIUM, /* with the suffix of the original video or audio: x.npy for x.mp4 */
    UNIC__NAMED_START,  /* YouTube's id and the seconds: the first 11 characters of
                           AAAAAAAAAAA_23_33, as the CMG code names files */
    UNIC__NAMINGS
} unic__clip_naming;

/* The clip's file, or NULL: first for any way of writing its name, then for the whole name
 * only. */
const unic__clip_entry *unic__clip_group_find(const unic__clip_group *g, const char *name,
                                              unic__clip_naming *naming);
const unic__clip_entry *unic__clip_group_find_whole(const unic__clip_group *g,
                                                    const char *name);

#endif
