#include "cli/labels.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/data.h"
#include "cli/report.h"
#include "cli/text.h"

enum { BAR = 50, MOST_CLASSES = 50, MOST_COUNTED = 1 << 20 };

/* The name of a class that a table gives, "" without one. */
static const char *class_name(const unic_dataset *data, const char *labels, size_t c)
{
    size_t n = unic_dataset_class_count(data, labels);
    return n && c == n ? "no event" : c < n ? unic_dataset_class_name(data, labels, c) : "";
}

static void print_bar(size_t c, int64_t n, int64_t highest, const char *name)
{
    static const char bar[] = "##################################################";
    int size = (int)(n * BAR / highest);
    if (name)
        printf("  %5zu %8lld %-*.*s ", c, (long long)n, BAR, size, bar);
    else
        printf("  %5zu %8lld %.*s", c, (long long)n, size, bar);
    cli_text_print(name ? name : "");
    putchar('\n');
}

/* How many labels there are of each class; of [..,C] labels, how many are 1. */
static bool print_histogram(const unic_dataset *data, const char *name, const int32_t *labels,
                            size_t n, size_t columns)
{
    int32_t most = -1;
    int64_t highest = 1, without = 0;
    for (size_t i = 0; i < n; i++)
        most = labels[i] > most ? labels[i] : most;
    size_t classes = columns ? columns : (size_t)(most + 1);
    if (classes > MOST_COUNTED) {
        printf("%s: labels up to %zu\n\n", name, classes - 1);
        return true;
    }
    int64_t *counts = cli_alloc(classes + 1, sizeof *counts);
    if (!counts)
        return false;
    for (size_t i = 0; columns && i + columns <= n; i += columns)
        for (size_t c = 0; c < columns; c++)
            counts[c] += labels[i + c] > 0;
    for (size_t i = 0; !columns && i < n; i++) {
        if (labels[i] < 0)
            without++;
        else
            counts[labels[i]]++;
    }
    for (size_t c = 0; c < classes; c++)
        highest = counts[c] > highest ? counts[c] : highest;
    bool named = unic_dataset_class_count(data, name) > 0;
    printf("%s: %zu classes\n", name, classes);
    for (size_t c = 0; c < classes && c < MOST_CLASSES; c++)
        print_bar(c, counts[c], highest, named ? class_name(data, name, c) : NULL);
    if (classes > MOST_CLASSES)
        printf("  ... and %zu classes more\n", classes - MOST_CLASSES);
    if (without)
        printf("  %5s %8lld\n", "none", (long long)without);
    putchar('\n');
    free(counts);
    return true;
}

/* Labels that no program can use: the first of them. */
static void warn_of_odd(const char *name, const int32_t *labels, size_t n, size_t clips,
                        bool columns)
{
    size_t i = 0;
    while (i < n && labels[i] >= -1 && (!columns || labels[i] <= 1))
        i++;
    if (i < n)
        cli_note("warning: %s has a %d in clip %zu, %s expected", name, labels[i],
                 i / (n / clips),
                 columns ? "0 or 1 for each class, which its last dim is,"
                         : "-1 or the number of a class");
}

size_t cli_labels_ignored(int32_t *value, const int32_t *labels, size_t n)
{
    int32_t most = -1;
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        most = labels[i] > most ? labels[i] : most;
    *value = most;
    if (most != UINT8_MAX && most != UINT16_MAX)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (labels[i] == most - 1)
            return 0;
        found += labels[i] == most;
    }
    return found;
}

/* In numbers of classes without names. */
static void warn_of_ignored(const char *name, const int32_t *labels, size_t n)
{
    int32_t ignored;
    const size_t found = cli_labels_ignored(&ignored, labels, n);
    if (found)
        cli_note(
            "warning: %s has a %d, the largest of all, in %zu places: a class like any other "
            "here; a label that does not count is -1",
            name, ignored, found);
}

bool cli_labels_print(unic_dataset *data, const char *name, size_t rank_of_classes)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank, n;
    unic_status status = unic_dataset_labels(&rank, data, name, dims, NULL);
    if (status == UNIC_E_NOTFOUND)
        return true;
    if (!cli_ok(status))
        return false;
    if (!cli_data_label_count(name, dims, rank, &n))
        return true; /* said, and the rest of the file is worth a look */
    int32_t *labels = cli_alloc(n, sizeof *labels);
    const size_t columns = rank > rank_of_classes ? (size_t)dims[rank - 1] : 0;
    bool ok = labels && cli_ok(unic_dataset_labels(&rank, data, name, dims, labels));
    if (ok)
        warn_of_odd(name, labels, n, (size_t)dims[0], columns > 0);
    if (ok && !columns && unic_dataset_class_count(data, name) == 0)
        warn_of_ignored(name, labels, n);
    ok = ok && print_histogram(data, name, labels, n, columns);
    free(labels);
    return ok;
}
