#include "array/batch.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

unic_status unic__batch_create(unic_batch **out)
{
    *out = unic__alloc_zero(sizeof **out);
    return *out ? UNIC_OK : unic__no_memory(sizeof **out, "a batch");
}

void unic__batch_free(unic_batch *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        unic__free(b->entries[i].name);
    unic__free(b->entries);
    unic__free(b);
}

size_t unic__batch_clip_count(const unic_batch *b)
{
    return b->n ? (size_t)b->entries[0].features.dims[0] : 0;
}

static size_t find(const unic_batch *b, const char *name)
{
    size_t i = 0;
    while (i < b->n && strcmp(b->entries[i].name, name) != 0)
        i++;
    return i;
}

const unic__batch_entry *unic__batch_find(const unic_batch *b, const char *name)
{
    size_t i = find(b, name);
    return i < b->n ? &b->entries[i] : NULL;
}

const char *unic__batch_names(const unic_batch *b, char text[UNIC__BATCH_NAMES])
{
    text[0] = '\0';
    for (size_t i = 0; i < b->n; i++)
        unic__text_list_add(text, UNIC__BATCH_NAMES, b->entries[i].name);
    return b->n ? text : "none";
}

static unic_status check_features(const unic_array *features, const char *name)
{
    char text[UNIC__SHAPE_TEXT];
    unic__shape shape = unic__array_shape(features);
    if (shape.rank < 2 || !unic__shape_count(&shape))
        return unic__fail(UNIC_E_SHAPE,
                          "unic_batch_set: modality \"%s\" is %s, [B,T,...] without a dim of 0 "
                          "expected",
                          name, unic__shape_print(&shape, text));
    return UNIC_OK;
}

/* B and T are those of every modality but the one that is replaced. */
static unic_status check_agreement(const unic_batch *b, size_t replaced,
                                   const unic_array *features, const char *name)
{
    size_t other = replaced == 0 ? 1 : 0;
    if (other >= b->n)
        return UNIC_OK;
    const unic__batch_entry *e = &b->entries[other];
    if (e->features.dims[0] == features->dims[0] && e->features.dims[1] == features->dims[1])
        return UNIC_OK;
    char here[UNIC__SHAPE_TEXT], there[UNIC__SHAPE_TEXT];
    unic__shape mine = unic__array_shape(features), theirs = unic__array_shape(&e->features);
    return unic__fail(UNIC_E_SHAPE,
                      "unic_batch_set: modality \"%s\" is %s, but \"%s\" in the same batch is "
                      "%s: clips and steps (the first two dims) must agree",
                      name, unic__shape_print(&mine, here), e->name,
                      unic__shape_print(&theirs, there));
}

/* Appends an entry with only its name. */
static unic_status add_entry(unic_batch *b, const char *name)
{
    if (b->n == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 4;
        void *entries = unic__realloc(b->entries, b->n * sizeof *b->entries,
                                      capacity * sizeof *b->entries);
        if (!entries)
            return unic__no_memory(capacity * sizeof *b->entries, "a batch");
        b->entries = entries;
        b->capacity = capacity;
    }
    char *copy = unic__strdup(name);
    if (!copy)
        return unic__no_memory(strlen(name) + 1, "a modality's name");
    b->entries[b->n++].name = copy;
    return UNIC_OK;
}

unic_status unic__batch_set(unic_batch *b, const char *name, const unic_array *features,
                            const int32_t *lengths)
{
    size_t i = find(b, name);
    UNIC__TRY(check_features(features, name));
    UNIC__TRY(check_agreement(b, i, features, name));
    if (i == b->n)
        UNIC__TRY(add_entry(b, name));
    else if (b->entries[i].features.dims[0] != features->dims[0])
        b->clips = NULL; /* they number another number of clips */
    b->entries[i].features = *features;
    b->entries[i].features.struct_size = sizeof *features; /* a larger one was cut off here */
    b->entries[i].lengths = lengths;
    return UNIC_OK;
}

const char *unic__batch_clip(const unic_batch *b, const char *modality, size_t row,
                             char text[UNIC__CLIP_TEXT])
{
    if (!b)
        snprintf(text, UNIC__CLIP_TEXT, "clip %zu", row);
    else if (!b->clips)
        snprintf(text, UNIC__CLIP_TEXT, "clip %zu of the batch", row);
    else if (!b->name_clip)
        snprintf(text, UNIC__CLIP_TEXT, "clip %lld", (long long)b->clips[row]);
    else
        b->name_clip(b->name_user, modality, b->clips[row], text, UNIC__CLIP_TEXT);
    return text;
}

unic_status unic__lengths_check(const int32_t *lengths, size_t clips, size_t longest,
                                const char *modality, const unic_batch *b)
{
    char clip[UNIC__CLIP_TEXT];
    for (size_t i = 0; lengths && i < clips; i++)
        if (lengths[i] < 0 || (size_t)lengths[i] > longest)
            return unic__fail(UNIC_E_VALUE, "modality \"%s\": length %d of %s is not in 0..%zu",
                              modality, lengths[i], unic__batch_clip(b, modality, i, clip),
                              longest);
    return UNIC_OK;
}
