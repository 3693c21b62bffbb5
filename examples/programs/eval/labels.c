/* Labels, the names of their classes, and how one data set's become another's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clip_table.h"
#include "cli/labels.h"
#include "cli/limit.h"
#include "cli/report.h"
#include "cli/text.h"
#include "eval/eval.h"

/* ---- names ---- */

enum { MOST_TEXT = 1 << 20, LABEL = 128, OTHERS = EVAL_OTHERS };

/* A name a line, numbered from 0. */
static bool read_names(eval_names *names, const char *path)
{
    size_t lines = 1;
    if (!path)
        return true;
    if (!(names->text = cli_text_read(path, MOST_TEXT, "list of classes")))
        return false;
    for (const char *p = names->text; *p; p++)
        lines += *p == '\n' || *p == '\r';
    if (!(names->items = cli_alloc(lines, sizeof *names->items)))
        return false;
    char *at = cli_text_begin(names->text);
    for (char *line; (line = cli_text_line(&at));) {
        names->items[names->count] = cli_text_trim(line);
        if (!*names->items[names->count++])
            return cli_fail("%s:%zu: an empty line, expected the name of class %zu", path,
                            names->count, names->count - 1);
    }
    if (names->count && !strncmp(names->items[0], "# ", 2))
        cli_note("%s:1: \"%s\" is taken as the name of class 0; a list of classes has no "
                 "comments",
                 path, names->items[0]);
    return names->count ? true : cli_fail("%s names no class", path);
}

static const char no_event[] = "no event"; /* the last channel of a table's step labels */

/* The names that a table has for the classes of the labels called `label`. */
static bool names_of_data(eval_names *names, const cli_codes *c, const char *path,
                          const char *label, bool steps)
{
    size_t n = unic_dataset_class_count(c->data, label);
    if (n == 0 &&
        !(steps && cli_table_size(path))) /* a table without an event has "no event" */
        return true;
    if (!(names->items = cli_alloc(n + 1, sizeof *names->items)))
        return false;
    for (size_t i = 0; i < n; i++)
        names->items[i] = unic_dataset_class_name(c->data, label, i);
    names->items[n] = no_event;
    names->count = n + steps;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const eval_name *)a)->name, ((const eval_name *)b)->name);
}

/* Makes names fit to be searched; each must be there once. */
static bool sort_names(eval_names *names, const char *path)
{
    if (!names->items)
        return true;
    if (!(names->sorted = cli_alloc(names->count, sizeof *names->sorted)))
        return false;
    for (size_t i = 0; i < names->count; i++)
        names->sorted[i] = (eval_name){names->items[i], i};
    qsort(names->sorted, names->count, sizeof *names->sorted, by_name);
    for (size_t i = 1; i < names->count; i++) {
        if (by_name(&names->sorted[i - 1], &names->sorted[i]))
            continue;
        if (names->items[names->count - 1] == no_event &&
            !strcmp(names->sorted[i].name, no_event))
            return cli_fail(
                "%s: a class of its events is called \"%s\", which is the name of "
                "the steps without events: leave these events out of the table; the "
                "line of a clip without any has none, nor onset and offset",
                path, no_event);
        return cli_fail("%s: two classes, %zu and %zu, are called \"%s\"", path,
                        names->sorted[i - 1].number, names->sorted[i].number,
                        names->sorted[i].name);
    }
    return true;
}

/* What a file calls the classes must be what a table calls them. */
static bool check_same(const eval_names *given, const char *names_path, const eval_names *table,
                       const char *path)
{
    size_t n = table->count - (table->count && table->items[table->count - 1] == no_event);
    for (size_t i = 0; i < n; i++)
        if (i >= given->count || strcmp(given->items[i], table->items[i]))
            return cli_fail("%s calls class %zu \"%s\", but in %s it is \"%s\": leave the list "
                            "out, the table has the names",
                            names_path, i, i < given->count ? given->items[i] : "nothing", path,
                            table->items[i]);
    return true;
}

static void free_names(eval_names *names)
{
    free(names->text);
    free(names->items);
    free(names->sorted);
    *names = (eval_names){0};
}

/* The names of a file's classes: of a list, of the table itself, or none. */
static bool find_names(const evaluation *e, eval_names *names, const char *names_path,
                       const cli_codes *c, const char *path)
{
    char label[LABEL] = "label";
    bool steps = e->task == LOCALISE;
    eval_names table = {0};
    if (steps)
        snprintf(label, sizeof label, "%s.step_labels", c->names[0]);
    if (!read_names(names, names_path) || !names_of_data(&table, c, path, label, steps))
        return false;
    if (!names->items) {
        *names = table;
        return sort_names(names, path);
    }
    bool ok = check_same(names, names_path, &table, path) && sort_names(names, names_path);
    free_names(&table);
    return ok;
}

/* ---- labels ---- */

/* -1 is not counted; below it is nothing. For each class there is a 0 or a 1. */
static bool check_values(const char *path, const char *name, const int32_t *labels,
                         size_t count, const int64_t *dims, size_t rank)
{
    const bool multi = rank == 3;
    const size_t width = multi ? (size_t)dims[2] : 1, steps = rank > 1 ? (size_t)dims[1] : 1;
    char step[48] = "", class[48] = "";
    for (size_t n = 0; n < count; n++) {
        if (labels[n] >= -1 && (!multi || labels[n] <= 1))
            continue;
        if (rank > 1)
            snprintf(step, sizeof step, ", step %zu", n / width % steps);
        if (multi)
            snprintf(class, sizeof class, ", class %zu", n % width);
        return cli_fail("%s: %s has a %d in clip %zu%s%s, %s expected", path, name, labels[n],
                        n / width / steps, step, class,
                        multi ? "-1, 0 or 1" : "-1 or the number of a class");
    }
    return true;
}

/* What step labels are. */
static const char *const kinds[] = {"[N,T], one class a step",
                                    "[N,T,C], a 0 or 1 for each class"};

static bool read_labels_of(const evaluation *e, const cli_codes *c, const char *path, size_t i,
                           eval_labels *out)
{
    char name[LABEL] = "label";
    int64_t dims[UNIC_MAX_RANK];
    bool steps = e->task == LOCALISE;
    size_t rank, count, wanted = steps ? 2 : 1;
    if (steps)
        snprintf(name, sizeof name, "%s.step_labels", c->names[i]);
    if (!cli_ok(unic_dataset_labels(&rank, c->data, name, dims, NULL)))
        return false;
    bool multi = steps && rank == 3;
    if (rank != wanted + multi)
        return cli_fail("%s: %s has rank %zu, expected %s", path, name, rank,
                        steps ? "[N,T], or [N,T,classes] of 0 and 1" : "[N]");
    if (i > 0 && multi != out->multi)
        return cli_fail("%s: %s are %s, but %s.step_labels are %s: one kind is expected in "
                        "both",
                        path, name, kinds[multi], c->names[0], kinds[!multi]);
    if (!cli_data_label_count(name, dims, rank, &count) ||
        !(out->of[i] = cli_alloc(count, sizeof(int32_t))) ||
        !cli_ok(unic_dataset_labels(&rank, c->data, name, dims, out->of[i])))
        return false;
    out->multi = multi;
    if (!check_values(path, name, out->of[i], count, dims, rank))
        return false;
    for (size_t n = 0; !multi && n < count; n++)
        if (out->of[i][n] >= 0 && (size_t)out->of[i][n] >= out->classes)
            out->classes = (size_t)out->of[i][n] + 1;
    if (multi && (size_t)dims[2] > out->classes)
        out->classes = (size_t)dims[2];
    return true;
}

static bool read_labels(const evaluation *e, const cli_codes *c, const char *path,
                        eval_labels *out)
{
    for (size_t i = 0; i < c->count; i++)
        if (!read_labels_of(e, c, path, i, out))
            return false;
    return true;
}

/* Names, which stand in `source`, say how many classes there are. */
static bool apply_names(const eval_names *names, const char *source, const char *path,
                        eval_labels *labels)
{
    if (!names->items)
        return true;
    if (labels->classes > names->count || (labels->multi && labels->classes != names->count))
        return cli_fail("the labels of %s are of %zu classes, but %s names %zu", path,
                        labels->classes, source, names->count);
    labels->classes = names->count;
    return true;
}

/* ---- from their classes to ours ---- */

void eval_translate_row(const int32_t *theirs, size_t n, const int32_t *to, int32_t *ours,
                        size_t m)
{
    bool counted = true, any = false, mapped = false;
    memset(ours, 0, m * sizeof *ours);
    for (size_t d = 0; d < n; d++) {
        counted = counted && theirs[d] >= 0;
        any = any || theirs[d] > 0;
        if (theirs[d] > 0 && to[d] >= 0) {
            ours[to[d]] = 1;
            mapped = true;
        }
    }
    for (size_t c = 0; (!counted || (any && !mapped)) && c < m; c++)
        ours[c] = -1;
}

bool eval_translate(evaluation *e, const int32_t *to)
{
    eval_labels *theirs = &e->test_labels;
    size_t n = theirs->classes, m = e->train_labels.classes;
    size_t rows = e->test.clips * (e->task == LOCALISE ? e->test.length : 1);
    for (size_t i = 0; i < e->test.count; i++) {
        int32_t *old = theirs->of[i];
        for (size_t r = 0; !theirs->multi && r < rows; r++)
            old[r] = old[r] < 0 ? -1 : to[old[r]];
        if (!theirs->multi)
            continue;
        if (!(theirs->of[i] = cli_alloc(rows, m * sizeof *old))) {
            theirs->of[i] = old;
            return false;
        }
        for (size_t r = 0; r < rows; r++)
            eval_translate_row(old + r * n, n, to, theirs->of[i] + r * m, m);
        free(old);
    }
    theirs->classes = m;
    return true;
}

static bool map_labels(evaluation *e)
{
    unic_class_map *map = NULL;
    const unic_class_names names = {.struct_size = sizeof names,
                                    .theirs = e->test_names.items,
                                    .their_count = e->test_labels.classes,
                                    .ours = e->names.items,
                                    .our_count = e->train_labels.classes};
    int32_t *to = cli_alloc(names.their_count, sizeof *to);
    bool ok = to && cli_ok(unic_class_map_load(&map, e->class_map_path, &names));
    for (size_t i = 0; ok && i < names.their_count; i++)
        to[i] = unic_class_map_get(map, (int32_t)i);
    ok = ok && eval_tell_unmapped(e, to) && eval_translate(e, to);
    unic_class_map_free(map);
    free(to);
    return ok;
}

/* The place of a name in a list, -1 if it is not there. */
static int32_t find_name(const eval_names *names, const char *name)
{
    const eval_name wanted = {name, 0};
    const eval_name *found = names->items ? bsearch(&wanted, names->sorted, names->count,
                                                    sizeof wanted, by_name)
                                          : NULL;
    return found ? (int32_t)found->number : -1;
}

/* Lists the names of `a` that are not in `b`; returns how many. */
static size_t list_others(const eval_names *a, const eval_names *b, char text[OTHERS])
{
    size_t n = 0, left = 0;
    text[0] = '\0';
    for (size_t i = 0; i < a->count; i++)
        if (find_name(b, a->items[i]) < 0) {
            n++;
            eval_list_class(a, i, text, &left);
        }
    eval_end_list(text, left);
    return n;
}

/* Says which classes only one of the files has. Both must have one, "no event" apart. */
static bool compare_names(const evaluation *e, const eval_names *ours, const eval_names *theirs)
{
    char only_ours[OTHERS], only_theirs[OTHERS];
    size_t n = list_others(ours, theirs, only_ours);
    size_t m = list_others(theirs, ours, only_theirs), events = 0;
    if (n == 0 && m == 0)
        return true;
    events = theirs->count && theirs->items[theirs->count - 1] == no_event;
    if (m && m + events >= theirs->count)
        return cli_fail("no class of %s has its name among those of %s: %s; and there: %s. "
                        "--class-map says which are the same",
                        e->test_path, e->train_path, only_theirs, n ? only_ours : "none");
    cli_note("classes are matched by their names: %s and %s have %zu in common%s%s%s%s",
             e->train_path, e->test_path, theirs->count - m,
             m ? "; only --test has, and so not counted: " : "", m ? only_theirs : "",
             n ? "; only --train has: " : "", n ? only_ours : "");
    return true;
}

/* ---- names that are numbers ---- */

/* Whether the names are all whole numbers, which are then also the order of a table's classes. */
static bool are_numbers(const eval_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        size_t digits = strspn(name, "0123456789");
        if (!digits || name[digits] || (digits > 1 && *name == '0'))
            return false;
    }
    return names->count > 0;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

enum { DIGITS = 12 };

/* The numbers that occur in `n` labels, each once, as names. */
static bool name_numbers(eval_names *names, const int32_t *labels, size_t n, const char *path)
{
    size_t unique = 0;
    int32_t *sorted = cli_alloc(n, sizeof *sorted);
    if (!sorted)
        return false;
    memcpy(sorted, labels, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_number);
    for (size_t i = 0; i < n; i++)
        if (sorted[i] >= 0 && (!unique || sorted[i] != sorted[unique - 1]))
            sorted[unique++] = sorted[i];
    bool ok = (names->text = cli_alloc(unique, DIGITS)) &&
              (names->items = cli_alloc(unique, sizeof *names->items));
    for (; ok && names->count < unique; names->count++) {
        char *text = names->text + names->count * DIGITS;
        snprintf(text, DIGITS, "%ld", (long)sorted[names->count]);
        names->items[names->count] = text;
    }
    free(sorted);
    return ok && sort_names(names, path);
}

/* The test's numbers become the classes that are called so. */
static void translate_numbers(evaluation *e)
{
    char text[DIGITS];
    for (size_t i = 0; i < e->test.count; i++)
        for (size_t r = 0; r < e->test.clips; r++) {
            int32_t *label = &e->test_labels.of[i][r];
            snprintf(text, sizeof text, "%ld", (long)*label);
            *label = *label < 0 ? -1 : find_name(&e->names, text);
        }
    e->test_labels.classes = e->train_labels.classes;
}

/* The test's classes become the numbers that they are called, if the train has these. */
static bool translate_to_numbers(evaluation *e, const eval_names *numbers)
{
    const eval_names *theirs = &e->test_names;
    int32_t *to = cli_alloc(theirs->count, sizeof *to);
    for (size_t i = 0; to && i < theirs->count; i++)
        to[i] = find_name(numbers, theirs->items[i]) < 0
                    ? -1
                    : (int32_t)strtol(theirs->items[i], NULL, 10);
    bool ok = to && eval_translate(e, to);
    free(to);
    return ok;
}

/* One file has a table, whose classes are called by numbers, and the other these numbers. */
static bool match_numbers(evaluation *e)
{
    const bool train = e->names.items; /* has the names */
    const cli_codes *c = train ? &e->test : &e->train;
    eval_names numbers = {0};
    bool ok = name_numbers(&numbers, (train ? &e->test_labels : &e->train_labels)->of[0],
                           c->clips, train ? e->test_path : e->train_path) &&
              compare_names(e, train ? &e->names : &numbers, train ? &numbers : &e->test_names);
    if (ok && train)
        translate_numbers(e);
    else if (ok)
        ok = translate_to_numbers(e, &numbers);
    free_names(&numbers);
    return ok;
}

/* Numbers mean nothing where there are names. */
static bool match_labels(evaluation *e)
{
    const eval_names *ours = &e->names, *theirs = &e->test_names;
    bool named = ours->items || theirs->items;
    if (ours->items && theirs->items) {
        int32_t *to = cli_alloc(theirs->count, sizeof *to);
        for (size_t i = 0; to && i < theirs->count; i++)
            to[i] = find_name(ours, theirs->items[i]);
        bool ok = to && compare_names(e, ours, theirs) && eval_translate(e, to);
        free(to);
        return ok;
    }
    bool table = unic_dataset_class_count((ours->items ? &e->train : &e->test)->data, "label");
    if (named && table && e->task != LOCALISE && are_numbers(ours->items ? ours : theirs))
        return match_numbers(e);
    if (named && table)
        cli_note("warning: the %zu classes of %s have names, those of %s numbers alone: they "
                 "are taken to be numbered alike, 0 is \"%s\"; --class-map says otherwise",
                 (ours->items ? ours : theirs)->count,
                 ours->items ? e->train_path : e->test_path,
                 ours->items ? e->test_path : e->train_path,
                 (ours->items ? ours : theirs)->items[0]);
    return apply_names(ours, e->classes_path ? e->classes_path : e->train_path, e->test_path,
                       &e->test_labels);
}

/* A class by its name, or else by its number. */
static bool find_background(evaluation *e)
{
    const char *name = e->background_name;
    char *end;
    e->background = -1;
    if (!name)
        return true;
    e->background = find_name(&e->names, name);
    if (e->background >= 0)
        return true;
    unsigned long long number = strtoull(name, &end, 10);
    if (*name < '0' || *name > '9' || *end || number >= e->classes)
        return cli_fail("--background %s is no class: %s0..%zu was expected", name,
                        e->names.items ? "a name, or a number in " : "a number in ",
                        e->classes - 1);
    e->background = (int32_t)number;
    return true;
}

/* Without names, a label far beyond the number of labels would make heads of any size. */
static bool check_largest(const evaluation *e, const cli_codes *c, const eval_names *names,
                          const char *path, const eval_labels *labels)
{
    enum { SPARE = 1024 };
    size_t n = c->clips * (e->task == LOCALISE ? c->length : 1);
    return labels->multi || names->items || e->names.items || labels->classes <= n + SPARE ||
           cli_fail("%s: its largest label is %zu, but it has only %zu labels: numbers of "
                    "classes without gaps, from 0, are expected, or a list of --classes",
                    path, labels->classes - 1, n);
}

/* Where classes have no names, a value that says "none" elsewhere would be one more of them. */
static void warn_of_ignored(const evaluation *e, const cli_codes *c, const eval_names *names,
                            const char *path, const eval_labels *labels)
{
    const size_t arrays = e->task == LOCALISE ? c->count : 1; /* "label" is that of all */
    const size_t rows = c->clips * (e->task == LOCALISE ? c->length : 1);
    int32_t ignored = -1;
    size_t found = 0;
    for (size_t i = 0; i < arrays && !labels->multi && !names->items; i++)
        found += cli_labels_ignored(&ignored, labels->of[i], rows);
    if (found)
        cli_note("warning: %s: label %d is taken as a class of its own (%zu of them); a label "
                 "that does not count is -1 here",
                 path, ignored, found);
}

/* A head with its gradients and moments, its table of codes, and two rows of numbers for each
 * clip or step. */
static bool check_memory(const evaluation *e)
{
    enum { HIDDEN = 256, COPIES = 4 };
    uint64_t rows = (uint64_t)e->test.clips * (e->task == LOCALISE ? e->test.length : 1);
    uint64_t each = (COPIES * HIDDEN + unic_codebook_code_count(e->codebook) + 2 * rows) *
                    sizeof(float);
    if (e->json_path)
        each += e->classes * sizeof(int64_t);
    return !cli_memory_limit || e->classes <= cli_memory_limit / each ||
           cli_fail("a head for %zu classes takes %llu bytes for each, at most %llu in all are "
                    "allowed (by --memory-limit)",
                    e->classes, (unsigned long long)each, (unsigned long long)cli_memory_limit);
}

bool eval_read_labels(evaluation *e)
{
    eval_labels *a = &e->train_labels, *b = &e->test_labels;
    if (!find_names(e, &e->names, e->classes_path, &e->train, e->train_path) ||
        !find_names(e, &e->test_names, e->test_classes_path, &e->test, e->test_path) ||
        !read_labels(e, &e->train, e->train_path, a) ||
        !read_labels(e, &e->test, e->test_path, b) ||
        !apply_names(&e->names, e->classes_path ? e->classes_path : e->train_path,
                     e->train_path, a) ||
        !apply_names(&e->test_names, e->test_classes_path ? e->test_classes_path : e->test_path,
                     e->test_path, b))
        return false;
    if (!check_largest(e, &e->train, &e->names, e->train_path, a) ||
        !check_largest(e, &e->test, &e->test_names, e->test_path, b))
        return false;
    warn_of_ignored(e, &e->train, &e->names, e->train_path, a);
    if (!e->class_map_path && b->classes <= a->classes) /* or what it becomes is said below */
        warn_of_ignored(e, &e->test, &e->test_names, e->test_path, b);
    if (a->classes == 0 || b->classes == 0)
        return cli_fail("%s has no label that is not -1",
                        a->classes ? e->test_path : e->train_path);
    if (e->threshold_text && !a->multi)
        return cli_fail(
            "--threshold is given, but the step labels of %s are [N,T], one class a "
            "step: the class of the largest logit is predicted",
            e->train_path);
    if (a->multi != b->multi)
        return cli_fail("the step labels of %s are %s, but those of %s are %s: one kind is "
                        "expected in both",
                        e->train_path, kinds[a->multi], e->test_path, kinds[b->multi]);
    if (!(e->class_map_path ? map_labels(e) : match_labels(e)))
        return false;
    if (a->multi && a->classes != b->classes)
        return cli_fail("the step labels of %s are of %zu classes, those of %s of %zu: the "
                        "same ones are expected in both, or a --class-map",
                        e->train_path, a->classes, e->test_path, b->classes);
    if (!eval_leave_out_unseen(e))
        return false;
    e->classes = a->classes > b->classes ? a->classes : b->classes;
    return check_memory(e) && find_background(e);
}

bool eval_read_clip_labels(evaluation *e)
{
    if (!read_labels_of(e, &e->test, e->test_path, 0, &e->test_labels))
        return false;
    if (unic_dataset_class_count(e->test.data, "label") == 0)
        warn_of_ignored(e, &e->test, &e->test_names, e->test_path, &e->test_labels);
    return true;
}

void eval_labels_free(evaluation *e)
{
    for (size_t i = 0; i < M; i++) {
        free(e->train_labels.of[i]);
        free(e->test_labels.of[i]);
    }
    free_names(&e->names);
    free_names(&e->test_names);
}
