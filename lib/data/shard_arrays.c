/* Which arrays of a data file are modalities, and which may have been meant as some. */
#include "data/shard_parts.h"

#include <string.h>

#include "base/text.h"

/* An array beside the modalities that cannot be one, such as `speaker` [N] or the names of
 * classes, is none of our business; the rank is 0 for what is no array of numbers at all. */
static unic_status look_at(const unic__shard *s, size_t i, unic__shape *shape,
                           const char **foreign)
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
static void report_near_name(const unic__shard *s, const char *name, const unic__shape *shape)
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

/* Arrays that may have been meant as modalities: of other names, or a row of numbers for each of the
 * `clips`. The first few tell what is wrong. */
static unic_status report_left_out(const unic__shard *s, size_t clips)
{
    enum { MOST = 8 };
    char text[UNIC__SHAPE_TEXT];
    size_t told = 0;
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays) && told < MOST; i++) {
        const char *name = unic__named_arrays_name(&s->arrays, i);
        const bool named = unic__is_modality_name(name);
        unic__npy_info info = {.foreign = false};
        bool other;
        UNIC__TRY(unic__named_arrays_is_other_array(&s->arrays, i, &other));
        if (other) {
            unic__log_line(UNIC_LOG_WARNING,
                           "%s: member \"%s\" is not read: the name of an array ends in .npy%s",
                           s->source.path, name,
                           ++told == MOST ? "; others may not be, either" : "");
            continue;
        }
        if (!unic__named_arrays_is_array(&s->arrays, i) || strcmp(name, "label") == 0)
            continue;
        const unic_status status = unic__named_arrays_info(&s->arrays, name, &info);
        if (unic__is_exhausted(status))
            return status;
        if (status != UNIC_OK || !info.shape.rank || info.shape.dim[0] != clips)
            continue;
        const bool row = named && info.shape.rank == 2 && info.type <= UNIC__NPY_F64 &&
                         !unic__has_word(name, "mask"); /* a warning may tell of that */
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
static unic_status fail_empty(const unic__shard *s)
{
    char names[160] = "";
    for (size_t i = 0; i < unic__named_arrays_count(&s->arrays); i++)
        unic__text_list_add(names, sizeof names, unic__named_arrays_name(&s->arrays, i));
    return unic__fail(
        UNIC_E_NOTFOUND,
        "%s: no modality; an array [N,T,...] with a name without '.' expected%s%s",
        s->source.path, *names ? "; there is: " : "", names);
}

unic_status unic__shard_list(unic__clip_source *source, unic__track_table *tracks)
{
    const unic__shard *s = (unic__shard *)source;
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
