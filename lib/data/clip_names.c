#include "data/clip_names.h"

#include <stdlib.h>
#include <string.h>

#include "data/class_names.h"

static size_t group_of(const unic__clip_group *groups, size_t n, const char *stem)
{
    size_t i = 0;
    while (i < n && !unic__clip_group_find_whole(&groups[i], stem))
        i++;
    return i;
}

static bool in_all_groups(const unic__clip_group *groups, size_t n, const char *stem)
{
    size_t i = 0;
    while (i < n && unic__clip_group_find_whole(&groups[i], stem))
        i++;
    return i == n;
}

static bool in_one_group(const unic__clip_group *groups, size_t n, const char *a, const char *b)
{
    for (size_t i = 0; i < n; i++)
        if (unic__clip_group_find_whole(&groups[i], a) &&
            unic__clip_group_find_whole(&groups[i], b))
            return true;
    return false;
}

/* Two clips that people would take for one, of which no modality has both: an accent is written in
 * two ways, or a name in capitals. */
unic_status unic__clip_names_report_near(const char *const *stems, size_t clips,
                                         const unic__clip_group *groups, size_t n,
                                         const char *path)
{
    const size_t bytes = clips * sizeof *stems; /* as large as those */
    const char *example[2] = {NULL, NULL};
    size_t count = 0, lone = 0;
    if (n < 2)
        return UNIC_OK;
    const char **sorted = unic__alloc(bytes);
    if (!sorted)
        return unic__no_memory(bytes, "the clips' names");
    for (size_t i = 0; i < clips; i++)
        if (!in_all_groups(groups, n, stems[i]))
            sorted[lone++] = stems[i];
    if (lone)
        qsort(sorted, lone, sizeof *sorted, unic__compare_loosely_at);
    for (size_t i = lone; i-- > 1;) {
        if (unic__compare_loosely(sorted[i - 1], sorted[i]) != 0 ||
            in_one_group(groups, n, sorted[i - 1], sorted[i]))
            continue;
        count++;
        example[0] = sorted[i - 1];
        example[1] = sorted[i];
    }
    if (count)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu clips have the name of another but for case, accents and how "
                       "they are encoded, blanks, _ and -, in another modality, as %s%s and "
                       "%s%s: they are different clips, and not paired",
                       path, count, groups[group_of(groups, n, example[0])].prefix, example[0],
                       groups[group_of(groups, n, example[1])].prefix, example[1]);
    unic__free(sorted);
    return UNIC_OK;
}

/* Labels are in the order of the clips' names. That of their files' names is another one where a
 * name goes on with a sign before the suffix's point: a.npy and a-1.npy. */
void unic__clip_names_report_order(const char *const *stems, size_t clips, const char *path)
{
    for (size_t i = 1; i < clips; i++) {
        const char *a = stems[i - 1], *b = stems[i];
        const size_t size = strlen(a);
        if (strncmp(a, b, size) != 0 || (unsigned char)b[size] >= '.')
            continue;
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: the labels beside the clips are taken in the order of the names "
                       "without .npy, in which \"%s\" comes before \"%s\"; with it, as in a "
                       "sorted list of files, it comes behind",
                       path, a, b);
        return;
    }
}
