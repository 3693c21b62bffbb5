#include "cli/summary.h"

#include <stdlib.h>
#include <string.h>

#include "cli/data.h"
#include "cli/report.h"
#include "cli/table.h"

enum { NAMES = 400, NAME = 256 };

/* Clips that have both modalities, or the one if it is the same. */
static size_t count(const unic_dataset *data, size_t a, size_t b)
{
    size_t n = 0;
    const char *one = unic_dataset_modality_name(data, a);
    cli_ok(unic_dataset_paired_count(&n, data, one, unic_dataset_modality_name(data, b)));
    return n;
}

static size_t count_empty(const unic_dataset *data)
{
    size_t empty = 0, n = unic_dataset_modality_count(data);
    for (size_t clip = 0; clip < unic_dataset_clip_count(data); clip++) {
        bool any = false;
        for (size_t i = 0; !any && i < n; i++)
            any = unic_dataset_has(data, unic_dataset_modality_name(data, i), clip);
        empty += !any;
    }
    return empty;
}

static void print_count(cli_table *table, const char *a, const char *b, size_t n, size_t all)
{
    cli_table_cell(table, "%s%s%s", a, *b ? " + " : "", b);
    cli_table_cell(table, "%zu", n);
    cli_table_cell(table, "%.1f %%", 100.0 * (double)n / (double)all);
}

/* Labels are of no use in pre-training: a run goes on without them. */
static bool has_labels(unic_status status)
{
    if (status != UNIC_OK && status != UNIC_E_NOTFOUND)
        cli_note("warning: labels are not used: %s", unic_last_error());
    return status == UNIC_OK;
}

static int in_order(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts the labels, and counts those that differ, and the clips without one. */
static size_t count_classes(int32_t *labels, size_t n, size_t *without)
{
    size_t classes = 0;
    *without = 0;
    qsort(labels, n, sizeof *labels, in_order);
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0)
            ++*without;
        else
            classes += i == 0 || labels[i] != labels[i - 1];
    return classes;
}

/* "label" [N]: how many classes, and how many clips have none. */
static bool print_classes(FILE *out, unic_dataset *data)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank, n, without;
    if (!has_labels(unic_dataset_labels(&rank, data, "label", dims, NULL)) || rank != 1)
        return true;
    if (!cli_data_label_count("label", dims, rank, &n))
        return false;
    int32_t *labels = cli_alloc(n, sizeof *labels);
    const bool ok = labels != NULL;
    if (ok && has_labels(unic_dataset_labels(&rank, data, "label", dims, labels))) {
        const size_t named = unic_dataset_class_count(data, "label"),
                     classes = count_classes(labels, n, &without);
        fprintf(out, "%zu classes, %zu clips without one\n", named ? named : classes, without);
    }
    free(labels);
    return ok;
}

bool cli_summary_pairs(FILE *out, const unic_dataset *data)
{
    size_t n = unic_dataset_modality_count(data), all = unic_dataset_clip_count(data);
    if (n > UNIC_MAX_MODALITIES)
        return fprintf(out,
                       "pairs of %zu modalities are not listed: a model has at most %d\n\n", n,
                       UNIC_MAX_MODALITIES) > 0;
    size_t empty = count_empty(data);
    cli_table table;
    cli_table_begin(&table, 3);
    cli_table_cell(&table, "in a clip");
    cli_table_cell(&table, "clips");
    cli_table_cell(&table, "share");
    for (size_t i = 0; i < n; i++)
        print_count(&table, unic_dataset_modality_name(data, i), "", count(data, i, i), all);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            print_count(&table, unic_dataset_modality_name(data, i),
                        unic_dataset_modality_name(data, k), count(data, i, k), all);
    if (empty)
        print_count(&table, "no modality", "", empty, all);
    return cli_table_end(&table, out);
}

static bool check_number(const unic_dataset *data, const char *path)
{
    size_t n = unic_dataset_modality_count(data);
    return n <= UNIC_MAX_MODALITIES ||
           cli_fail("%s: has %zu modalities, at most %d can be trained on: name those that are "
                    "meant (--set modalities=...)",
                    path, n, UNIC_MAX_MODALITIES);
}

bool cli_summary_print(FILE *out, unic_dataset *data, const char *path)
{
    if (!check_number(data, path))
        return false;
    fprintf(out, "%s: %zu clips of up to %zu steps\n", path, unic_dataset_clip_count(data),
            unic_dataset_length(data));
    return cli_summary_pairs(out, data) && print_classes(out, data);
}

/* "audio 16, video 16" */
static void list_counts(const unic_dataset *data, char text[NAMES])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < unic_dataset_modality_count(data) && used < NAMES; i++)
        used += (size_t)snprintf(text + used, NAMES - used, "%s%s %zu", used ? ", " : "",
                                 unic_dataset_modality_name(data, i), count(data, i, i));
}

/* The first clip that has the modality. */
static void name_first(const unic_dataset *data, size_t i, char text[NAME])
{
    const char *name = unic_dataset_modality_name(data, i);
    size_t clip = 0;
    while (clip + 1 < unic_dataset_clip_count(data) && !unic_dataset_has(data, name, clip))
        clip++;
    cli_ok(unic_dataset_clip_name(data, name, clip, text, NAME));
}

/* Clips that have the modality and another one. */
static size_t count_paired(const unic_dataset *data, size_t i)
{
    size_t paired = 0;
    for (size_t k = 0; k < unic_dataset_modality_count(data); k++)
        paired += k == i ? 0 : count(data, i, k);
    return paired;
}

bool cli_summary_check(const unic_dataset *data, const char *path)
{
    size_t n = unic_dataset_modality_count(data), all = unic_dataset_clip_count(data),
           pairs = 0;
    char counts[NAMES], one[NAME], other[NAME];
    if (!check_number(data, path))
        return false;
    list_counts(data, counts);
    for (size_t i = 0; i < n; i++) {
        if (!count(data, i, i))
            return cli_fail(
                "%s: none of its %zu clips has a step of \"%s\" (%s): nothing could "
                "be learnt of it",
                path, all, unic_dataset_modality_name(data, i), counts);
        pairs += count_paired(data, i);
    }
    if (n > 1 && !pairs) {
        name_first(data, 0, one);
        name_first(data, 1, other);
        return cli_fail("%s: none of its %zu clips has two modalities (%s): there is nothing "
                        "that ties them together. The files of one clip have one name in every "
                        "directory; here are %s and %s",
                        path, all, counts, one, other);
    }
    for (size_t i = 0; n > 1 && i < n; i++)
        if (!count_paired(data, i))
            cli_note("warning: %s: no clip has \"%s\" and another modality (%s)", path,
                     unic_dataset_modality_name(data, i), counts);
    return true;
}
