/* How many steps each clip of a data file has. Lengths and masks under other names are taken where
 * they can only be that, and told of otherwise: padding would count as data. */
#include "data/shard_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char lengths_suffix[] = ".lengths";

/* Reads [N] lengths; *misfit is a clip whose length cannot be one, N without. */
static unic_status read_lengths(unic__shard *s, const char *name, int32_t **lengths,
                                size_t *misfit)
{
    const unic__clip_source *source = &s->source;
    *lengths = unic__arena_alloc(&s->arena, source->clips * sizeof **lengths);
    if (!*lengths)
        return unic__no_memory(source->clips * sizeof **lengths, "the clips' lengths");
    UNIC__TRY(unic__named_arrays_read_i32(&s->arrays, name, *lengths, source->clips));
    for (*misfit = 0; *misfit < source->clips; ++*misfit)
        if ((*lengths)[*misfit] < 0 || (size_t)(*lengths)[*misfit] > source->length)
            break;
    return UNIC_OK;
}

unic_status unic__shard_load_lengths(unic__shard *s, const unic__track *track,
                                     int32_t **lengths)
{
    unic__npy_info info;
    size_t misfit = 0;
    const unic__clip_source *source = &s->source;
    const char *name = unic__arena_printf(&s->arena, "%s%s", track->name, lengths_suffix);
    if (!name)
        return unic__no_memory(strlen(track->name), "a member's name");
    if (!unic__named_arrays_has(&s->arrays, name))
        return UNIC_OK;
    UNIC__TRY(unic__named_arrays_info(&s->arrays, name, &info));
    char text[UNIC__SHAPE_TEXT];
    if (info.shape.rank != 1 || info.shape.dim[0] != source->clips)
        return unic__fail(UNIC_E_SHAPE, "%s: \"%s\" is %s, [%zu] expected", source->path, name,
                          unic__shape_print(&info.shape, text), source->clips);
    UNIC__TRY(read_lengths(s, name, lengths, &misfit));
    if (misfit < source->clips)
        return unic__fail(UNIC_E_VALUE, "%s: \"%s\" of clip %zu is %ld, 0..%zu expected",
                          source->path, name, misfit, (long)(*lengths)[misfit], source->length);
    return UNIC_OK;
}

/* ---- lengths under other names ----------------------------------------------------------- */

/* Whether the text is a word for lengths, misspelt or not: "lengths", "_len", ".Lenghts". */
static bool means_lengths(const char *text, size_t size)
{
    enum { LONGEST = 16 };
    static const char *const words[] = {"lengths", "length", "lens",   "len",
                                        "seqlens", "seqlen", "nsteps", "numsteps"};
    char word[LONGEST];
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (strchr("._- ", text[i]))
            continue;
        if (n + 1 == LONGEST)
            return false;
        word[n++] = unic__lower(text[i]);
    }
    word[n] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return n > 5 && word[0] == 'l' && unic__nearest_word(word, words, 2);
}

/* Whether a name is the modality's and a word for lengths, in either order: "audio_len". */
static bool means_lengths_of(const char *name, const char *modality)
{
    size_t size = strlen(name), n = strlen(modality);
    if (size <= n)
        return false;
    return (unic__is_same_but_capitals(name, modality, n) &&
            means_lengths(name + n, size - n)) ||
           (unic__is_same_but_capitals(name + size - n, modality, n) &&
            means_lengths(name, size - n));
}

/* Whether the array has a whole number for each clip. */
static bool is_of_clips(const unic__shard *s, const char *name)
{
    unic__npy_info info = {.foreign = false};
    return unic__named_arrays_info(&s->arrays, name, &info) == UNIC_OK &&
           info.shape.rank == 1 && info.shape.dim[0] == s->source.clips &&
           info.type >= UNIC__NPY_I8 && info.type <= UNIC__NPY_U64;
}

/* How many arrays of the file may be modalities, whether they are read or not. */
static size_t count_modalities(const unic__shard *s)
{
    size_t n = 0;
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays); i++) {
        const char *name = unic__named_arrays_name(&s->arrays, i);
        unic__npy_info info = {.foreign = false};
        n += unic__named_arrays_is_array(&s->arrays, i) && unic__is_modality_name(name) &&
             unic__named_arrays_info(&s->arrays, name, &info) == UNIC_OK &&
             info.shape.rank >= 3;
    }
    return n;
}

/* Whether `lengths` [N] can only be the track's: of the one modality of the file, or of vectors
 * as unic-encode writes them. */
static bool owns_lengths(const unic__shard *s, const unic__track *track)
{
    bool encoded = unic__named_arrays_has(&s->arrays, "codes") &&
                   unic__named_arrays_has(&s->arrays, "fingerprint") &&
                   (strcmp(track->name, "quantized") == 0 ||
                    strcmp(track->name, "semantic") == 0);
    return encoded || count_modalities(s) <= 1;
}

static void report_unread_lengths(const unic__shard *s, const char *name, const char *modality,
                                  const char *why)
{
    char text[UNIC__SHAPE_TEXT] = "";
    unic__npy_info info = {.foreign = false};
    if (unic__named_arrays_info(&s->arrays, name, &info) == UNIC_OK)
        unic__shape_print(&info.shape, text);
    unic__log_line(UNIC_LOG_WARNING,
                   "%s: \"%s\" %s is not read%s: lengths of \"%s\" are read from \"%s%s\", "
                   "and without it all %zu steps of each clip count",
                   s->source.path, name, text, why, modality, modality, lengths_suffix,
                   s->source.length);
}

/* Whether the array [N,T] says which steps are there: "audio_mask", "padding_mask". */
static unic_status find_mask(const unic__shard *s, const char *name, bool *mask)
{
    unic__npy_info info = {.foreign = false};
    unic_status status = UNIC_OK;
    if ((*mask = unic__has_word(name, "mask")))
        status = unic__named_arrays_info(&s->arrays, name, &info);
    *mask = *mask && status == UNIC_OK && info.shape.rank == 2 &&
            info.shape.dim[0] == s->source.clips && info.shape.dim[1] == s->source.length;
    return unic__is_exhausted(status) ? status : UNIC_OK;
}

/* A mask of steps is not read either: it is told of with the modality that it names, or with any. */
static unic_status look_for_mask(const unic__shard *s, const unic__track_table *tracks,
                                 const char *name)
{
    bool mask, names_one = false;
    size_t of = tracks->n;
    UNIC__TRY(find_mask(s, name, &mask));
    for (size_t i = 0; mask && i < tracks->n; i++) {
        const bool named = unic__has_word(name, tracks->at[i].name);
        if (named && !names_one) /* those before are not meant */
            of = tracks->n;
        names_one = names_one || named;
        if (named == names_one && s->present[i] && !s->lengths[i])
            of = i;
    }
    if (of < tracks->n)
        report_unread_lengths(s, name, tracks->at[of].name, "");
    return UNIC_OK;
}

/* `lengths` without a modality's name. */
static unic_status take_plain_lengths(unic__shard *s, const unic__track *track,
                                      const char *name, int32_t **lengths)
{
    size_t misfit = 0;
    char why[96] = "";
    int32_t *read;
    if (strcmp(name, lengths_suffix + 1) == 0 && owns_lengths(s, track)) {
        UNIC__TRY(read_lengths(s, name, &read, &misfit));
        if (misfit == s->source.clips) {
            *lengths = read;
            unic__log_line(UNIC_LOG_INFO, "%s: \"%s\" is read as \"%s%s\"", s->source.path,
                           name, track->name, lengths_suffix);
            return UNIC_OK;
        }
        snprintf(why, sizeof why, ", as that of clip %zu is %ld, 0..%zu expected", misfit,
                 (long)read[misfit], s->source.length);
    }
    report_unread_lengths(s, name, track->name, why);
    return UNIC_OK;
}

/* A member that looks like lengths, but has not the name of any: padding would count as data. */
static unic_status look_for_lengths(unic__shard *s, const unic__track_table *tracks,
                                    const char *name)
{
    bool plain = means_lengths(name, strlen(name));
    for (size_t i = 0; i < tracks->n; i++) {
        const unic__track *track = &tracks->at[i];
        if (!s->present[i] || s->lengths[i] ||
            !(plain || means_lengths_of(name, track->name)) || !is_of_clips(s, name))
            continue;
        if (plain)
            UNIC__TRY(take_plain_lengths(s, track, name, &s->lengths[i]));
        else
            report_unread_lengths(s, name, track->name, "");
    }
    return UNIC_OK;
}

/* Whether the name is that under which the lengths of a track are read. */
static bool is_read_as_lengths(const unic__track_table *tracks, const char *name)
{
    size_t size = strlen(name), tail = sizeof lengths_suffix - 1;
    if (size <= tail || strcmp(name + size - tail, lengths_suffix) != 0)
        return false;
    size_t i = 0;
    while (i < tracks->n && (strncmp(name, tracks->at[i].name, size - tail) != 0 ||
                             tracks->at[i].name[size - tail]))
        i++;
    return i < tracks->n;
}

unic_status unic__shard_look_for_lengths(unic__shard *s, const unic__track_table *tracks)
{
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays); i++) {
        const char *name = unic__named_arrays_name(&s->arrays, i);
        if (unic__named_arrays_is_array(&s->arrays, i) && !is_read_as_lengths(tracks, name))
            UNIC__TRY(look_for_lengths(s, tracks, name));
    }
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays); i++)
        if (unic__named_arrays_is_array(&s->arrays, i))
            UNIC__TRY(look_for_mask(s, tracks, unic__named_arrays_name(&s->arrays, i)));
    return UNIC_OK;
}
