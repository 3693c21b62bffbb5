#include "cli/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"

enum { LONGEST = 4096 };

/* What tells the clips of one file apart, as the library says it. */
static bool is_number(const char *text, size_t clip)
{
    char start[64];
    int n = snprintf(start, sizeof start, "clip %zu of ", clip);
    return !strncmp(text, start, (size_t)n);
}

static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    char *stem = cli_alloc(length + 1, 1);
    if (stem)
        memcpy(stem, name, length);
    return stem;
}

bool cli_names_read(cli_names *out, const unic_dataset *data, const char *modality)
{
    char text[LONGEST];
    *out = (cli_names){.clips = unic_dataset_clip_count(data)};
    if (!(out->at = cli_alloc(out->clips, sizeof *out->at)))
        return false;
    for (size_t i = 0; i < out->clips; i++) {
        if (!cli_ok(unic_dataset_clip_name(data, modality, i, text, sizeof text)))
            return false;
        if (is_number(text, i)) {
            const size_t clips = out->clips;
            cli_names_free(out);
            out->clips = clips;
            return true;
        }
        if (!(out->at[i] = stem_of(text)))
            return false;
    }
    return true;
}

void cli_names_free(cli_names *names)
{
    for (size_t i = 0; names->at && i < names->clips; i++)
        free(names->at[i]);
    free(names->at);
    memset(names, 0, sizeof *names);
}

static int by_name(const void *a, const void *b)
{
    const cli_named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->clip > y->clip) - (x->clip < y->clip);
}

cli_named *cli_names_sorted(const cli_names *names)
{
    cli_named *sorted = cli_alloc(names->clips, sizeof *sorted);
    for (size_t i = 0; sorted && i < names->clips; i++)
        sorted[i] = (cli_named){names->at[i], i};
    if (sorted)
        qsort(sorted, names->clips, sizeof *sorted, by_name);
    return sorted;
}

size_t cli_names_find(const cli_named *sorted, size_t clips, const char *name)
{
    size_t low = 0, high = clips;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < clips && !strcmp(sorted[low].name, name) ? low : clips;
}
