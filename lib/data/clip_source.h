/*
 * Where clips come from. A dataset is a list of sources, each either a shard (shard.h) or clips
 * in files of their own (clip_files.h). All sources share the tracks: the modalities that are
 * read, with the dims of a step.
 */
#ifndef UNIC_DATA_CLIP_SOURCE_H
#define UNIC_DATA_CLIP_SOURCE_H

#include "data/class_names.h"

/* A modality that all sources of a dataset share. */
typedef struct unic__track {
    const char *name;
    unic__shape step;  /* the dims of one step: a clip's are [T,step] */
    size_t step_count; /* their product; 0 until a source has set them */
    const char *from;  /* the file that set them */
    bool repeats_last; /* a clip that is too short is filled up with its last step */
} unic__track;

typedef struct unic__track_table {
    unic__arena *arena; /* of names and other strings */
    const char *path;   /* of the source that adds to it, for messages */
    unic__track *at;
    size_t n, room;
} unic__track_table;

/* Whether a name can be a modality's: not `label`, and without '.' (`audio.lengths` belongs to
 * `audio`) or '/'. */
bool unic__is_modality_name(const char *name);

/* Copies the name. They are found one by one, so that their number is bounded. */
enum { UNIC__MOST_TRACKS = 1024 };
unic_status unic__tracks_add(unic__track_table *tracks, const char *name);
size_t unic__tracks_find(const unic__track_table *tracks, const char *name); /* n: none */

/* The first source of a track sets the dims of its steps, the others must agree. `file` must
 * stay valid as long as the tracks. */
unic_status unic__track_agree(unic__track *track, const unic__shape *step, const char *file);

/* Whether a failure concerns one file, which may be skipped, and not the whole process, which
 * may have run out of memory or file descriptors. */
bool unic__is_damage(unic_status status);

/* How the clips are read. */
typedef struct unic__reading {
    size_t length;           /* of the batches, in steps; 0: that of the longest clip */
    bool skips_damage;       /* a clip that cannot be read counts as lacking the modality */
    unic__progress progress; /* reports clips while they are opened one by one */
} unic__reading;

typedef struct unic__clip_source unic__clip_source;

typedef struct unic__clip_source_class {
    void (*close)(unic__clip_source *s);

    /* Adds those of its modalities that are not among the tracks yet. */
    unic_status (*list)(unic__clip_source *s, unic__track_table *tracks);
    /* UNIC_E_NOTFOUND says that it has no such modality, and lists those it has. */
    unic_status (*find)(unic__clip_source *s, const char *name);
    /* Checks its data of the tracks and sets their dims, `clips` and `length`. */
    unic_status (*load)(unic__clip_source *s, unic__track_table *tracks,
                        const unic__reading *reading);
    /* The first `length` steps, or all if it has fewer, of track `i` of a clip; *steps is how
     * many it has: 0 if the modality is missing. */
    unic_status (*read)(unic__clip_source *s, const unic__track_table *tracks, size_t i,
                        size_t clip, size_t length, float *out, size_t *steps);
    /* Says that track `i` of a clip will soon be read, so that the system may begin to; may be
     * NULL. */
    void (*expect)(const unic__clip_source *s, const unic__track_table *tracks, size_t i,
                   size_t clip);

    /* Labels [N,...] by name: the shape, then all elements. UNIC_E_NOTFOUND. */
    unic_status (*labels_shape)(unic__clip_source *s, const char *name, unic__shape *shape);
    unic_status (*labels_read)(unic__clip_source *s, const char *name, int32_t *out,
                               size_t count);

    /* Whether the clip has track `i`, as far as is known without reading it. */
    bool (*has)(const unic__clip_source *s, size_t i, size_t clip);
    /* How messages name a clip that has track `i`: by its file, or by its number in one. */
    void (*name_clip)(const unic__clip_source *s, size_t i, size_t clip, char *text,
                      size_t size);

    /* The names of the classes of "label", or of events; `at` is NULL if classes have only
     * numbers. This function and the next may be NULL. */
    const unic__class_names *(*class_names)(const unic__clip_source *s, bool of_events);
    /* Numbers the classes as in `all`, which contains all of their names. */
    unic_status (*number_classes)(unic__clip_source *s, bool of_events,
                                  const unic__class_names *all);

    bool by_clip; /* if one clip is damaged, others can still be read */
} unic__clip_source_class;

/* The first member of every kind of source. */
struct unic__clip_source {
    const unic__clip_source_class *is;
    const char *path;   /* for messages */
    size_t clips;       /* N */
    size_t first;       /* the number of its first clip among those of all sources */
    size_t length;      /* steps of the longest clip; at least that if reading.length is set */
    size_t label_steps; /* T of its step labels; 0: any */
};

#endif
