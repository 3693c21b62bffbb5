#include "data/clip_match.h"

#include "data/class_names.h"
#include "data/clip_shares.h"

/* How a table's names were matched with files. */
typedef struct matching {
    bool *keep;        /* [table's n], whether the clip has a file */
    const char *start; /* a clip whose files are named by the start of its name */
    size_t start_count;
    const char *medium; /* a clip whose files lack the suffix of its name */
    size_t medium_count;
} matching;

/* Whether any modality has a file of the clip. */
static bool find_files(const unic__clip_group *groups, size_t group_count, const char *id,
                       matching *m)
{
    bool found = false;
    unic__clip_naming naming, used = UNIC__NAMED_WHOLE;
    for (size_t i = 0; i < group_count; i++)
        if (unic__clip_group_find(&groups[i], id, &naming)) {
            found = true;
            used = naming > used ? naming : used;
        }
    if (used == UNIC__NAMED_START && !m->start_count++)
        m->start = id;
    else if (used == UNIC__NAMED_MEDIUM && !m->medium_count++)
        m->medium = id;
    return found;
}

static void report_matching(const char *path, size_t clips, const matching *m)
{
    if (m->medium_count)
        unic__log_line(UNIC_LOG_INFO,
                       "%s: %zu of %zu clips have files without the suffix in their names "
                       "(\"%s\")",
                       path, m->medium_count, clips, m->medium);
    if (m->start_count)
        unic__log_line(UNIC_LOG_INFO,
                       "%s: %zu of %zu clips have files named by the first 11 characters "
                       "(\"%.11s\" for \"%s\")",
                       path, m->start_count, clips, m->start, m->start);
}

#define MISSING "%s: clip \"%s\" has no .npy or .zip file in any directory beside the table"

/* A name that looks the same is more likely meant than none: an accent may be written in two ways. */
static unic_status fail_missing(const char *path, const char *id,
                                const unic__clip_group *groups, size_t group_count)
{
    for (size_t i = 0; i < group_count; i++)
        for (size_t k = 0; k < groups[i].n; k++)
            if (unic__compare_loosely(groups[i].entries[k].stem, id) == 0)
                return unic__fail(UNIC_E_NOTFOUND,
                                  MISSING "; \"%s%s\" is another name, by case, accents or how "
                                          "they are encoded, blanks, _ or -",
                                  path, id, groups[i].prefix, groups[i].entries[k].stem);
    return unic__fail(UNIC_E_NOTFOUND, MISSING, path, id);
}

static unic_status find_all_files(const unic__clip_table *x, const unic__clip_group *groups,
                                  size_t group_count, const char *path, bool skips_damage,
                                  matching *m)
{
    for (size_t i = 0; i < x->n; i++) {
        m->keep[i] = find_files(groups, group_count, x->ids[i], m);
        if (m->keep[i])
            continue;
        if (!skips_damage)
            return fail_missing(path, x->ids[i], groups, group_count);
        unic__log_line(UNIC_LOG_WARNING, MISSING, path, x->ids[i]);
    }
    return UNIC_OK;
}

unic_status unic__clip_match(unic__clip_table *x, const unic__clip_group *groups,
                             size_t group_count, const char *path, bool skips_damage)
{
    matching m = {.keep = unic__alloc_array(x->n, sizeof *m.keep)};
    unic_status status = m.keep ? find_all_files(x, groups, group_count, path, skips_damage, &m)
                                : unic__no_memory(x->n * sizeof *m.keep, "a table of clips");
    if (status == UNIC_OK)
        status = unic__clip_shares_check(x, groups, group_count, path);
    if (status == UNIC_OK) {
        unic__clip_table_keep(x, m.keep);
        report_matching(path, x->n, &m);
    }
    unic__free(m.keep);
    if (status == UNIC_OK && !x->n)
        return unic__fail(UNIC_E_NOTFOUND, "%s: no clip has a file beside the table", path);
    return status;
}
