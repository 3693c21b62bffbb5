/*
 * A paired batch: for each of several modalities the same B clips, all in the caller's memory.
 */
#ifndef UNIC_ARRAY_BATCH_H
#define UNIC_ARRAY_BATCH_H

#include "array/array.h"

typedef struct unic__batch_entry {
    char *name;             /* of the modality */
    unic_array features;    /* [B,T,...] real numbers, checked */
    const int32_t *lengths; /* [B], as the caller gave them: not checked; NULL: all T */
} unic__batch_entry;

struct unic_batch {
    unic__batch_entry *entries; /* in the order they were set */
    size_t n, capacity;

    const int64_t *clips; /* [B] the clips' numbers for messages; NULL: their rows */
    /* Describes a clip by its file instead of its number. May be NULL. */
    void (*name_clip)(const void *user, const char *modality, int64_t clip, char *text,
                      size_t size);
    const void *name_user;
};

unic_status unic__batch_create(unic_batch **out);
void unic__batch_free(unic_batch *b); /* NULL is fine */

/* `features` must have passed unic__array_check_real(). After a failure the batch is as it was. */
unic_status unic__batch_set(unic_batch *b, const char *name, const unic_array *features,
                            const int32_t *lengths);

size_t unic__batch_clip_count(const unic_batch *b); /* B; 0 while empty */

enum { UNIC__CLIP_TEXT = 512 };
/* How messages name clip `row` of a modality, into `text`, which is returned: "clip 3 of the
 * batch"; "clip 137", or its file, if the batch knows them; "clip 3" without a batch. */
const char *unic__batch_clip(const unic_batch *b, const char *modality, size_t row,
                             char text[UNIC__CLIP_TEXT]);

/* Checks that each of the `clips` lengths is in 0..longest; NULL is fine. UNIC_E_VALUE names
 * the clip as unic__batch_clip() does. */
unic_status unic__lengths_check(const int32_t *lengths, size_t clips, size_t longest,
                                const char *modality, const unic_batch *b);

enum { UNIC__BATCH_NAMES = 256 };
/* The modalities' names for messages, "audio, video"; "none" of an empty batch. */
const char *unic__batch_names(const unic_batch *b, char text[UNIC__BATCH_NAMES]);

/* The entry of that name, or NULL. */
const unic__batch_entry *unic__batch_find(const unic_batch *b, const char *name);

#endif
