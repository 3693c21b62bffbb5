/* Labels of a dataset, in the files' order. */
#include <string.h>

#include "data/dataset.h"

static const char step_suffix[] = ".step_labels";

bool unic__is_of_steps(const char *name)
{
    size_t size = strlen(name), tail = sizeof step_suffix - 1;
    return size > tail && strcmp(name + size - tail, step_suffix) == 0;
}

/* [N,...] or, of steps, [N,T,...]; `rest` is what comes behind, *T the source's own. */
static unic_status source_shape(unic__clip_source *s, const char *name, size_t lead,
                                unic__shape *rest, size_t *T)
{
    unic__shape shape;
    char here[UNIC__SHAPE_TEXT], wanted[UNIC__SHAPE_TEXT];
    UNIC__TRY(s->is->labels_shape(s, name, &shape));
    bool fits = shape.rank >= lead && shape.rank <= lead + 1 && shape.dim[0] == s->clips;
    *T = lead == 2 && fits ? shape.dim[1] : 1;
    unic__shape expected = {lead, {s->clips, s->label_steps ? s->label_steps : *T}};
    if (!fits || (lead == 2 && *T != expected.dim[1]))
        return unic__fail(UNIC_E_SHAPE, "%s: \"%s\" is %s, %s expected, or one dim more",
                          s->path, name, unic__shape_print(&shape, here),
                          unic__shape_print(&expected, wanted));
    rest->rank = shape.rank - lead;
    memcpy(rest->dim, shape.dim + lead, rest->rank * sizeof rest->dim[0]);
    return UNIC_OK;
}

/* Labels that some files have and others not are nobody's: that must not look as if none had. */
static void tell_who_lacks(const unic_dataset *d, const char *name)
{
    const unic__clip_source *with = NULL, *without = NULL;
    for (size_t i = 0; i < d->source_count; i++) {
        unic__shape shape;
        const unic_status status = d->sources[i]->is->labels_shape(d->sources[i], name, &shape);
        *(status == UNIC_E_NOTFOUND ? &without : &with) = d->sources[i];
    }
    if (with && without)
        unic__log_line(UNIC_LOG_WARNING,
                       "\"%s\" is in %s, but not in %s: there are none for all the clips", name,
                       with->path, without->path);
}

/* What the sources' labels have in common behind [N] or [N,T]. */
static unic_status common_shape(unic_dataset *d, const char *name, size_t lead,
                                unic__shape *rest)
{
    size_t T;
    UNIC__TRY(source_shape(d->sources[0], name, lead, rest, &T));
    for (size_t i = 1; i < d->source_count; i++) {
        unic__shape other;
        char here[UNIC__SHAPE_TEXT], there[UNIC__SHAPE_TEXT];
        UNIC__TRY(source_shape(d->sources[i], name, lead, &other, &T));
        if (!unic__shape_equal(rest, &other))
            return unic__fail(UNIC_E_SHAPE, "%s: \"%s\" ends with %s, but with %s in %s",
                              d->sources[i]->path, name, unic__shape_print(&other, here),
                              unic__shape_print(rest, there), d->sources[0]->path);
    }
    return UNIC_OK;
}

/* Moves rows of `have` labels, which stand close together, apart to `want`; -1 between them. */
static void spread_rows(int32_t *out, size_t rows, size_t have, size_t want)
{
    for (size_t row = rows; have < want && row-- > 0;) {
        memmove(out + row * want, out + row * have, have * sizeof *out);
        for (size_t i = have; i < want; i++)
            out[row * want + i] = -1;
    }
}

/* Rows of `have` labels become rows of `want`. */
static unic_status read_rows(unic__clip_source *s, const char *name, size_t have, size_t want,
                             int32_t *out)
{
    if (have <= want) {
        UNIC__TRY(s->is->labels_read(s, name, out, s->clips * have));
        spread_rows(out, s->clips, have, want);
        return UNIC_OK;
    }
    size_t count = SIZE_MAX, bytes = SIZE_MAX;
    int32_t *all = NULL;
    if (unic__mul_size(s->clips, have, &count) && unic__mul_size(count, sizeof *all, &bytes))
        all = unic__alloc(bytes);
    if (!all)
        return unic__no_memory(bytes, "the labels of all steps");
    unic_status status = s->is->labels_read(s, name, all, count);
    for (size_t row = 0; status == UNIC_OK && row < s->clips; row++)
        memcpy(out + row * want, all + row * have, want * sizeof *out);
    unic__free(all);
    return status;
}

/* Numbers that a table gives its names are not those of a file without names. */
static unic_status check_names(const unic_dataset *d, const char *name)
{
    const unic__clip_source *named = NULL, *other = NULL, *events = NULL, *categories = NULL;
    bool steps = unic__is_of_steps(name);
    for (size_t i = 0; i < d->source_count; i++) {
        const unic__clip_source *s = d->sources[i];
        const bool category = !steps && s->is->class_names && s->is->class_names(s, false)->at;
        const bool event = !category && s->is->class_names && s->is->class_names(s, true)->at;
        *(category || event ? &named : &other) = s;
        categories = category ? s : categories;
        events = event ? s : events;
    }
    if (categories && events) /* each numbered for itself */
        return unic__fail(
            UNIC_E_MISMATCH,
            "\"%s\" has the names of categories in %s, but those of events in %s: "
            "they are not numbered alike",
            name, categories->path, events->path);
    return !named || !other
               ? UNIC_OK
               : unic__fail(UNIC_E_MISMATCH,
                            "\"%s\" has names of classes in "
                            "%s, but numbers alone in %s: they cannot be told to be "
                            "the same",
                            name, named->path, other->path);
}

unic_status unic__dataset_labels(size_t *rank, unic_dataset *d, const char *name, int64_t *dims,
                                 int32_t *out)
{
    bool steps = unic__is_of_steps(name);
    if (!steps && strcmp(name, "label") != 0)
        return unic__fail(UNIC_E_NOTFOUND,
                          "no labels \"%s\"; \"label\" or "
                          "\"<modality>%s\" expected",
                          name, step_suffix);
    if (d->prefetch) /* its thread reads the same files */
        unic__prefetch_stop(d->prefetch);
    unic__shape rest;
    size_t lead = steps ? 2 : 1, T;
    const unic_status status = common_shape(d, name, lead, &rest);
    if (status == UNIC_E_NOTFOUND && d->source_count > 1) {
        tell_who_lacks(d, name);
        return common_shape(d, name, lead, &rest); /* with its message */
    }
    UNIC__TRY(status);
    UNIC__TRY(check_names(d, name));
    dims[0] = (int64_t)d->clips;
    dims[lead - 1] = steps ? (int64_t)d->length : dims[0];
    for (size_t i = 0; i < rest.rank; i++)
        dims[lead + i] = (int64_t)rest.dim[i];
    *rank = lead + rest.rank;
    size_t each = unic__shape_count(&rest), want = each, count;
    if ((steps && !unic__mul_size(d->length, each, &want)) ||
        !unic__mul_size(d->clips, want, &count) || !unic__mul_size(count, sizeof *out, &count))
        return unic__fail(UNIC_E_SHAPE,
                          "\"%s\" of %zu clips, %zu steps and %zu classes "
                          "is more than memory can be",
                          name, d->clips, d->length, each);
    for (size_t i = 0; out && i < d->source_count; i++) {
        unic__clip_source *s = d->sources[i];
        UNIC__TRY(source_shape(s, name, lead, &rest, &T));
        UNIC__TRY(read_rows(s, name, T * each, want, out));
        out += s->clips * want;
    }
    return UNIC_OK;
}
