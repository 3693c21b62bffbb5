#include "data/shard.h"

#include <stdio.h>
#include <string.h>

#include "array/named_arrays.h"
#include "base/text.h"
#include "data/label_names.h"

static const char lengths_suffix[] = ".lengths";

typedef struct shard {
    unic__clip_source source; /* its length is T of the arrays */
    unic__arena arena;
    unic__named_arrays arrays;
    bool *present;           /* for each track */
    int32_t **lengths;       /* for each track [N], or NULL: every clip is whole */
    float *row;              /* a whole clip, where the dataset takes only its beginning */
    size_t row_count;        /* of elements in it */
    unic__label_names names; /* of the classes of "label" */
} shard;

/* ---- which modalities -------------------------------------------------------------------- */

/* An array beside the modalities that cannot be one, such as `speaker` [N] or the names of
 * classes, is none of our business; the rank is 0 for what is no array of numbers at all. */
static unic_status look_at(const shard *s, size_t i, unic__shape *shape, const char **foreign)
{
    const char *name = unic__named_arrays_name(&s->arrays, i);
    unic__npy_info info = {.foreign = false};
    *shape = UNIC__SCALAR;
    if (!unic__named_arrays_is_array(&s->arrays, i) || !unic__is_modality_name(name))
        return UNIC_OK;
    unic_status status = unic__named_arrays_info(&s->arrays, name, &info);
    if (status == UNIC_OK)
        *shape = info.shape;
    if (info.foreign) {
        unic__log_line(UNIC_LOG_INFO, "not read: %s", unic_last_error());
        *foreign = name;
    }
    return info.foreign ? UNIC_OK : status;
}

/* Whether a word is another one with one letter more, less or another, or two of them swapped, or
 * in another case. */
static bool is_nearly(const char *word, const char *other)
{
    size_t n = strlen(word), m = strlen(other), same = 0;
    while (same < n && same < m && unic__lower(word[same]) == other[same])
        same++;
    while (n > same && m > same && unic__lower(word[n - 1]) == other[m - 1]) {
        n--;
        m--;
    }
    n -= same;
    m -= same;
    word += same;
    other += same;
    return (n <= 1 && m <= 1) || (n == 2 && m == 2 && unic__lower(word[0]) == other[1] &&
                                  unic__lower(word[1]) == other[0]);
}

/* A modality whose name is nearly that of something else is more likely that. */
static void report_near_name(const shard *s, const char *name, const unic__shape *shape)
{
    static const char *const words[] = {"label", "masks", "step_labels"};
    char text[UNIC__SHAPE_TEXT];
    unic__shape_print(shape, text);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((i == 2 || strcmp(name, words[i]) != 0) && is_nearly(name, words[i]))
            unic__log_line(UNIC_LOG_WARNING,
                           "%s: \"%s\" %s is read as a modality; did you mean \"%s%s\"?",
                           s->source.path, name, text, i == 2 ? "<modality>." : "", words[i]);
    for (const char *at = strpbrk(name, "_-"); at; at = strpbrk(at + 1, "_-"))
        if (at > name && is_nearly(at + 1, words[2]))
            unic__log_line(UNIC_LOG_WARNING,
                           "%s: \"%s\" %s is read as a modality; did you mean \"%.*s.%s\"?",
                           s->source.path, name, text, (int)(at - name), name, words[2]);
}

/* Whether a word stands anywhere in the name, whatever its capitals. */
static bool has_word(const char *name, const char *word)
{
    const size_t size = strlen(word);
    for (size_t rest = strlen(name); rest >= size; rest--, name++)
        if (unic__is_same_but_capitals(name, word, size))
            return true;
    return false;
}

/* Arrays that may have been meant as modalities: of other names, or a row of numbers for each of the
 * `clips`. The first few tell what is wrong. */
static unic_status report_left_out(const shard *s, size_t clips)
{
    enum { MOST = 8 };
    char text[UNIC__SHAPE_TEXT];
    size_t told = 0;
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays) && told < MOST; i++) {
        const char *name = unic__named_arrays_name(&s->arrays, i);
        const bool named = unic__is_modality_name(name);
        unic__npy_info info = {.foreign = false};
        if (!unic__named_arrays_is_array(&s->arrays, i) || strcmp(name, "label") == 0)
            continue;
        const unic_status status = unic__named_arrays_info(&s->arrays, name, &info);
        if (unic__is_exhausted(status))
            return status;
        if (status != UNIC_OK || !info.shape.rank || info.shape.dim[0] != clips)
            continue;
        const bool row = named && info.shape.rank == 2 && info.type <= UNIC__NPY_F64 &&
                         !has_word(name, "mask"); /* a warning may tell of that */
        if (!row && (named || info.shape.rank < 3 || unic__has_suffix(name, ".step_labels")))
            continue;
        unic__log_line(row ? UNIC_LOG_INFO : UNIC_LOG_WARNING, "%s: \"%s\" %s is not read%s%s",
                       s->source.path, name, unic__shape_print(&info.shape, text),
                       row ? ": a modality is [N,T,...]"
                           : ": the name of a modality has no '.' and no '/'",
                       ++told == MOST ? "; others may not be, either" : "");
    }
    return UNIC_OK;
}

/* No array could be one of a modality. */
static unic_status fail_empty(const shard *s)
{
    char names[160] = "";
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays); i++)
        unic__text_list_add(names, sizeof names, unic__named_arrays_name(&s->arrays, i));
    return unic__fail(
        UNIC_E_NOTFOUND,
        "%s: no modality; an array [N,T,...] with a name without '.' expected%s%s",
        s->source.path, *names ? "; there is: " : "", names);
}

static unic_status list(unic__clip_source *source, unic__track_table *tracks)
{
    shard *s = (shard *)source;
    size_t found = 0, clips = 0;
    unic__shape shape, other = UNIC__SCALAR; /* of what could have been meant */
    const char *other_name = NULL, *foreign = NULL;
    unic__npy_info info;
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays); i++) {
        const char *name = unic__named_arrays_name(&s->arrays, i);
        UNIC__TRY(look_at(s, i, &shape, &foreign));
        if (shape.rank >= 3) {
            found++;
            clips = shape.dim[0];
            report_near_name(s, name, &shape);
            if (unic__tracks_find(tracks, name) == tracks->n)
                UNIC__TRY(unic__tracks_add(tracks, name));
        } else if (shape.rank > 0) {
            other = shape;
            other_name = name;
        }
    }
    char text[UNIC__SHAPE_TEXT];
    if (!found && foreign && other.rank < 2) /* which is why there is none */
        return unic__named_arrays_info(&s->arrays, foreign, &info);
    if (!found && other_name)
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, [N,T,...] expected",
                          source->path, other_name, unic__shape_print(&other, text));
    return found ? report_left_out(s, clips) : fail_empty(s);
}

static unic_status find(unic__clip_source *source, const char *name)
{
    unic__npy_info info;
    return unic__named_arrays_info(&((shard *)source)->arrays, name, &info);
}

/* ---- headers and lengths ----------------------------------------------------------------- */

static unic_status check_array(const shard *s, const char *name, const unic__shape *shape)
{
    char text[UNIC__SHAPE_TEXT];
    unic__shape_print(shape, text);
    if (shape->rank < 2)
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, [N,T,...] expected",
                          s->source.path, name, text);
    if (!unic__shape_count(shape))
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, no dim may be 0",
                          s->source.path, name, text);
    if (shape->dim[1] > INT32_MAX)
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, at most %ld steps expected",
                          s->source.path, name, text, (long)INT32_MAX);
    return UNIC_OK;
}

/* Sets or checks N and T of the shard, and the dims of one step. */
static unic_status take_shape(shard *s, unic__track *track, const unic__shape *shape,
                              const char **first)
{
    char here[UNIC__SHAPE_TEXT], there[UNIC__SHAPE_TEXT];
    unic__clip_source *source = &s->source;
    unic__shape step = {shape->rank - 2, {0}};
    memcpy(step.dim, shape->dim + 2, step.rank * sizeof step.dim[0]);
    if (!*first) {
        *first = track->name;
        source->clips = shape->dim[0];
        source->length = source->label_steps = shape->dim[1];
    } else if (shape->dim[0] != source->clips || shape->dim[1] != source->length) {
        unic__shape other = {2, {source->clips, source->length}};
        return unic__fail(UNIC_E_SHAPE,
                          "%s: modality \"%s\" is %s, but \"%s\" begins with %s: clips and "
                          "steps must agree",
                          source->path, track->name, unic__shape_print(shape, here), *first,
                          unic__shape_print(&other, there));
    }
    return unic__track_agree(track, &step, source->path);
}

/* Reads [N] lengths; *misfit is a clip whose length cannot be one, N without. */
static unic_status read_lengths(shard *s, const char *name, int32_t **lengths, size_t *misfit)
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

static unic_status load_lengths(shard *s, const unic__track *track, int32_t **lengths)
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
static bool is_of_clips(const shard *s, const char *name)
{
    unic__npy_info info = {.foreign = false};
    return unic__named_arrays_info(&s->arrays, name, &info) == UNIC_OK &&
           info.shape.rank == 1 && info.shape.dim[0] == s->source.clips &&
           info.type >= UNIC__NPY_I8 && info.type <= UNIC__NPY_U64;
}

/* How many arrays of the file may be modalities, whether they are read or not. */
static size_t count_modalities(const shard *s)
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
static bool owns_lengths(const shard *s, const unic__track *track)
{
    bool encoded = unic__named_arrays_has(&s->arrays, "codes") &&
                   unic__named_arrays_has(&s->arrays, "fingerprint") &&
                   (strcmp(track->name, "quantized") == 0 ||
                    strcmp(track->name, "semantic") == 0);
    return encoded || count_modalities(s) <= 1;
}

static void report_unread_lengths(const shard *s, const char *name, const char *modality,
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
static unic_status find_mask(const shard *s, const char *name, bool *mask)
{
    unic__npy_info info = {.foreign = false};
    unic_status status = UNIC_OK;
    if ((*mask = has_word(name, "mask")))
        status = unic__named_arrays_info(&s->arrays, name, &info);
    *mask = *mask && status == UNIC_OK && info.shape.rank == 2 &&
            info.shape.dim[0] == s->source.clips && info.shape.dim[1] == s->source.length;
    return unic__is_exhausted(status) ? status : UNIC_OK;
}

/* A mask of steps is not read either: it is told of with the modality that it names, or with any. */
static unic_status look_for_mask(const shard *s, const unic__track_table *tracks,
                                 const char *name)
{
    bool mask, names_one = false;
    size_t of = tracks->n;
    UNIC__TRY(find_mask(s, name, &mask));
    for (size_t i = 0; mask && i < tracks->n; i++) {
        const bool named = has_word(name, tracks->at[i].name);
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
static unic_status take_plain_lengths(shard *s, const unic__track *track, const char *name,
                                      int32_t **lengths)
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
static unic_status look_for_lengths(shard *s, const unic__track_table *tracks, const char *name)
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

static unic_status look_for_all_lengths(shard *s, const unic__track_table *tracks)
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

/* Room for the whole clips of the largest track, if batches take less than that. */
static unic_status reserve_row(shard *s, const unic__track_table *tracks,
                               const unic__reading *reading)
{
    if (!reading->length || reading->length >= s->source.length)
        return UNIC_OK;
    for (size_t i = 0; i < tracks->n; i++) {
        size_t count = s->source.length * tracks->at[i].step_count; /* <= the array's */
        if (s->present[i] && count > s->row_count)
            s->row_count = count;
    }
    s->row = unic__alloc(s->row_count * sizeof *s->row);
    return s->row ? UNIC_OK : unic__no_memory(s->row_count * sizeof *s->row, "a whole clip");
}

static unic_status load(unic__clip_source *source, unic__track_table *tracks,
                        const unic__reading *reading)
{
    shard *s = (shard *)source;
    const char *first = NULL;
    s->lengths = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->lengths);
    s->present = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->present);
    if (!s->lengths || !s->present)
        return unic__no_memory(tracks->n * sizeof *s->lengths, "a data file");
    for (size_t i = 0; i < tracks->n; i++) {
        unic__track *track = &tracks->at[i];
        unic__npy_info info;
        unic_status status = unic__named_arrays_info(&s->arrays, track->name, &info);
        if (status == UNIC_E_NOTFOUND)
            continue;
        UNIC__TRY(status);
        s->present[i] = true;
        UNIC__TRY(check_array(s, track->name, &info.shape));
        UNIC__TRY(take_shape(s, track, &info.shape, &first));
        UNIC__TRY(load_lengths(s, track, &s->lengths[i]));
    }
    UNIC__TRY(look_for_all_lengths(s, tracks));
    for (size_t i = 0; i < tracks->n; i++)
        if (s->present[i])
            UNIC__TRY(unic__named_arrays_open_rows(&s->arrays, tracks->at[i].name));
    return reserve_row(s, tracks, reading);
}

/* ---- clips ------------------------------------------------------------------------------- */

static bool has(const unic__clip_source *source, size_t i, size_t clip)
{
    const shard *s = (const shard *)source;
    return s->present[i] && (!s->lengths[i] || s->lengths[i][clip] > 0);
}

static void name_clip(const unic__clip_source *source, size_t i, size_t clip, char *text,
                      size_t size)
{
    (void)i;
    snprintf(text, size, "clip %zu of %s", clip, source->path);
}

static unic_status read_clip(unic__clip_source *source, const unic__track_table *tracks,
                             size_t i, size_t clip, size_t length, float *out, size_t *steps)
{
    shard *s = (shard *)source;
    const unic__track *track = &tracks->at[i];
    size_t count = source->length * track->step_count;
    *steps = !s->present[i] ? 0 : s->lengths[i] ? (size_t)s->lengths[i][clip] : source->length;
    if (!*steps)
        return UNIC_OK;
    if (!s->row)
        return unic__named_arrays_read_row_f32(&s->arrays, track->name, clip, out, count);
    UNIC__TRY(unic__named_arrays_read_row_f32(&s->arrays, track->name, clip, s->row, count));
    memcpy(out, s->row, length * track->step_count * sizeof *out);
    return UNIC_OK;
}

static void expect(const unic__clip_source *source, const unic__track_table *tracks, size_t i,
                   size_t clip)
{
    const shard *s = (const shard *)source;
    if (has(source, i, clip))
        unic__named_arrays_expect_row(&s->arrays, tracks->at[i].name, clip);
}

/* ---- labels ------------------------------------------------------------------------------ */

static bool has_names(const shard *s, const char *name)
{
    return s->names.names.at && !strcmp(name, "label");
}

static unic_status labels_shape(unic__clip_source *source, const char *name, unic__shape *shape)
{
    const shard *s = (const shard *)source;
    unic__npy_info info;
    UNIC__TRY(unic__named_arrays_info(&s->arrays, name, &info));
    *shape = info.shape;
    if (has_names(s, name))
        unic__label_names_shape(&s->names, shape);
    return UNIC_OK;
}

static unic_status labels_read(unic__clip_source *source, const char *name, int32_t *out,
                               size_t count)
{
    const shard *s = (const shard *)source;
    return has_names(s, name) ? unic__label_names_labels(&s->names, &s->arrays, out, count)
                              : unic__named_arrays_read_i32(&s->arrays, name, out, count);
}

static const unic__class_names *class_names(const unic__clip_source *source, bool of_events)
{
    static const unic__class_names none = {.at = NULL};
    return of_events ? &none : &((const shard *)source)->names.names;
}

static unic_status number_classes(unic__clip_source *source, bool of_events,
                                  const unic__class_names *all)
{
    shard *s = (shard *)source;
    if (!of_events)
        unic__label_names_number(&s->names, all);
    return UNIC_OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void close_shard(unic__clip_source *source)
{
    shard *s = (shard *)source;
    unic__named_arrays_close(&s->arrays);
    unic__free(s->row);
    unic__label_names_free(&s->names);
    unic__arena_free(&s->arena);
    unic__free(s);
}

/* Of `npz`, or of the directory if that is NULL. */
static unic_status open_shard(unic__clip_source **out, unic__source *npz, const char *folder)
{
    static const unic__clip_source_class class = {.close = close_shard,
                                                  .list = list,
                                                  .find = find,
                                                  .load = load,
                                                  .read = read_clip,
                                                  .expect = expect,
                                                  .has = has,
                                                  .name_clip = name_clip,
                                                  .labels_shape = labels_shape,
                                                  .labels_read = labels_read,
                                                  .class_names = class_names,
                                                  .number_classes = number_classes};
    *out = NULL;
    shard *s = unic__alloc_zero(sizeof *s);
    if (!s)
        return unic__no_memory(sizeof *s, "a data file");
    unic_status status = npz ? unic__named_arrays_open_npz(&s->arrays, npz)
                             : unic__named_arrays_open_folder(&s->arrays, folder);
    if (status == UNIC_OK)
        status = unic__label_names_read(&s->names, &s->arena, &s->arrays);
    if (status != UNIC_OK) {
        close_shard(&s->source);
        return status;
    }
    s->source.is = &class;
    s->source.path = unic__named_arrays_path(&s->arrays);
    *out = &s->source;
    return UNIC_OK;
}

unic_status unic__shard_open(unic__clip_source **out, unic__source *npz)
{
    return open_shard(out, npz, NULL);
}

unic_status unic__shard_open_folder(unic__clip_source **out, const char *path)
{
    return open_shard(out, NULL, path);
}
