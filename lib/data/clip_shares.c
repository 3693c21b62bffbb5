#include "data/clip_shares.h"

#include <stdio.h>
#include <stdlib.h>

/* That a clip has a file. */
typedef struct use {
    const unic__clip_entry *entry;
    size_t clip; /* of x->n, then of x->others */
    unic__clip_naming naming;
} use;

typedef struct sharing {
    const unic__clip_table *x;
    const char *path;
    use *uses; /* [all], of one group */
    bool *shares, *leaves,
        *other; /* [all]: with any clip; with one of another split, category */
    size_t all;
    const unic__clip_group *group; /* of the example */
    use example[2];                /* two clips of one file; of two splits, if there are such */
    bool example_leaves;
} sharing;

static const char *id_of(const unic__clip_table *x, size_t clip)
{
    return clip < x->n ? x->ids[clip] : x->others.ids[clip - x->n];
}

/* -1: none. */
static int32_t label_of(const unic__clip_table *x, size_t clip)
{
    return !x->labels ? -1 : clip < x->n ? x->labels[clip] : x->others.labels[clip - x->n];
}

static int32_t split_of(const unic__clip_table *x, size_t clip)
{
    int32_t split = !x->splits    ? -1
                    : clip < x->n ? x->splits[clip]
                                  : x->others.splits[clip - x->n];
    return unic__clip_table_split_of(x, split) ? split : -1;
}

static bool differ(int32_t a, int32_t b)
{
    return a >= 0 && b >= 0 && a != b;
}

/* ---- the clips of one file --------------------------------------------------------------- */

/* By the file; whole names before parts of names. */
static int compare_uses(const void *a, const void *b)
{
    const use *x = a, *y = b;
    if (x->entry != y->entry)
        return x->entry < y->entry ? -1 : 1;
    if ((x->naming == UNIC__NAMED_START) != (y->naming == UNIC__NAMED_START))
        return x->naming == UNIC__NAMED_START ? 1 : -1;
    return (x->clip > y->clip) - (x->clip < y->clip);
}

/* Two names of one clip must agree, as two lines of one name. */
static unic_status refuse(const sharing *s, const unic__clip_group *g, const use *a,
                          const use *b, const char *column, const char *of_a, const char *of_b)
{
    return unic__fail(
        UNIC_E_FORMAT,
        "%s: clips \"%s\" and \"%s\" are both %s%s%s, but have %s \"%s\" and \"%s\"", s->path,
        id_of(s->x, a->clip), id_of(s->x, b->clip), g->prefix, a->entry->stem,
        unic__clip_suffix((unic__clip_format)a->entry->format), column, of_a, of_b);
}

static unic_status agree(const sharing *s, const unic__clip_group *g, const use *a,
                         const use *b)
{
    const unic__clip_table *x = s->x;
    int32_t one = label_of(x, a->clip), two = label_of(x, b->clip);
    if (!x->events && differ(one, two))
        return refuse(s, g, a, b, "category", x->categories.at[one], x->categories.at[two]);
    one = split_of(x, a->clip);
    two = split_of(x, b->clip);
    return differ(one, two)
               ? refuse(s, g, a, b, "split", x->split_names.at[one], x->split_names.at[two])
               : UNIC_OK;
}

/* Of the `n` clips of one file, marks those that have it with one of another split. */
static unic_status mark(sharing *s, const unic__clip_group *g, const use *uses, size_t n)
{
    const unic__clip_table *x = s->x;
    size_t leaves = 0;
    bool other = false;
    for (size_t i = 1; i < n; i++) {
        if (uses[i].naming != UNIC__NAMED_START)
            UNIC__TRY(agree(s, g, &uses[0], &uses[i]));
        if (!leaves && differ(split_of(x, uses[i - 1].clip), split_of(x, uses[i].clip)))
            leaves = i;
        other |= differ(label_of(x, uses[i - 1].clip), label_of(x, uses[i].clip));
    }
    for (size_t i = 0; i < n; i++) {
        s->shares[uses[i].clip] = true;
        s->leaves[uses[i].clip] |= leaves > 0;
        s->other[uses[i].clip] |= other;
    }
    if (!s->group || (leaves && !s->example_leaves)) {
        s->group = g;
        s->example[0] = uses[leaves ? leaves - 1 : 0];
        s->example[1] = uses[leaves ? leaves : 1];
        s->example_leaves = leaves;
    }
    return UNIC_OK;
}

static unic_status look_at_group(sharing *s, const unic__clip_group *g)
{
    size_t n = 0;
    for (size_t clip = 0; clip < s->all; clip++) {
        use *u = &s->uses[n];
        u->clip = clip;
        u->entry = unic__clip_group_find(g, id_of(s->x, clip), &u->naming);
        n += u->entry != NULL;
    }
    if (n)
        qsort(s->uses, n, sizeof *s->uses, compare_uses);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && s->uses[end].entry == s->uses[first].entry;)
            end++;
        if (end - first > 1)
            UNIC__TRY(mark(s, g, s->uses + first, end - first));
    }
    return UNIC_OK;
}

/* ---- the report -------------------------------------------------------------------------- */

static size_t count(const bool *flags, size_t n)
{
    size_t is = 0;
    for (size_t i = 0; i < n; i++)
        is += flags[i];
    return is;
}

static void report(const sharing *s)
{
    enum { SHOWN = 64 };
    const unic__clip_table *x = s->x;
    const use *a = &s->example[0], *b = &s->example[1];
    size_t shares = count(s->shares, s->all), leaves = count(s->leaves, s->all),
           other = count(s->other, s->all);
    char splits[4 * SHOWN] = "", classes[2 * SHOWN] = "";
    if (!s->group) /* no clip shares any */
        return;
    if (leaves)
        snprintf(splits, sizeof splits,
                 "; %zu of them with one of another split, as these of \"%.*s\" and \"%.*s\"",
                 leaves, SHOWN, x->split_names.at[split_of(x, a->clip)], SHOWN,
                 x->split_names.at[split_of(x, b->clip)]);
    if (other)
        snprintf(classes, sizeof classes, "; %zu of them with one of another category", other);
    unic__log_line(
        UNIC_LOG_WARNING,
        "%s: %zu of %zu clips%s share the file of another: \"%s\" and \"%s\" are both "
        "%s%s%s%s%s",
        s->path, shares, s->all, x->splits ? " of all splits" : "", id_of(x, a->clip),
        id_of(x, b->clip), s->group->prefix, a->entry->stem,
        unic__clip_suffix((unic__clip_format)a->entry->format), splits, classes);
}

unic_status unic__clip_shares_check(const unic__clip_table *x, const unic__clip_group *groups,
                                    size_t n, const char *path)
{
    sharing s = {.x = x, .path = path, .all = x->n + x->others.n};
    s.uses = unic__alloc_array(s.all, sizeof *s.uses);
    s.shares = unic__alloc_array(s.all, 3 * sizeof *s.shares);
    unic_status status = UNIC_OK;
    if (s.uses && s.shares) {
        s.leaves = s.shares + s.all;
        s.other = s.leaves + s.all;
        for (size_t i = 0; i < n && status == UNIC_OK; i++)
            status = look_at_group(&s, &groups[i]);
    } else {
        status = unic__no_memory(s.all * sizeof *s.uses, "a table of clips");
    }
    if (status == UNIC_OK)
        report(&s);
    unic__free(s.uses);
    unic__free(s.shares);
    return status;
}
