/* Labels, the names of their classes, and how one data set's become another's. */
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "cli/text.h"
#include "eval/eval.h"

/* ---- names ---- */

enum { MOST_TEXT = 1 << 20 };

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
    return names->count ? true : cli_fail("%s names no class", path);
}

/* ---- labels ---- */

static bool read_labels_of(const evaluation *e, const cli_codes *c, size_t i, eval_labels *out)
{
    char name[128] = "label";
    int64_t dims[UNIC_MAX_RANK];
    bool steps = e->task == LOCALISE;
    size_t rank, count = 1, wanted = steps ? 2 : 1;
    if (steps)
        snprintf(name, sizeof name, "%s.step_labels", c->names[i]);
    if (!cli_ok(unic_dataset_labels(&rank, c->data, name, dims, NULL)))
        return false;
    bool multi = steps && rank == 3;
    if (rank != wanted + multi)
        return cli_fail("%s has rank %zu, expected %s", name, rank,
                        steps ? "[N,T], or [N,T,classes] of 0 and 1" : "[N]");
    if (i > 0 && multi != out->multi)
        return cli_fail("%s and %s.step_labels are not of the same rank", name, c->names[0]);
    for (size_t d = 0; d < rank; d++)
        count *= (size_t)dims[d];
    if (!(out->of[i] = cli_alloc(count, sizeof(int32_t))) ||
        !cli_ok(unic_dataset_labels(&rank, c->data, name, dims, out->of[i])))
        return false;
    out->multi = multi;
    for (size_t n = 0; !multi && n < count; n++)
        if (out->of[i][n] >= 0 && (size_t)out->of[i][n] >= out->classes)
            out->classes = (size_t)out->of[i][n] + 1;
    if (multi && (size_t)dims[2] > out->classes)
        out->classes = (size_t)dims[2];
    return true;
}

static bool read_labels(const evaluation *e, const cli_codes *c, eval_labels *out)
{
    for (size_t i = 0; i < c->count; i++)
        if (!read_labels_of(e, c, i, out))
            return false;
    return true;
}

/* Names say how many classes there are. */
static bool apply_names(const eval_names *names, const char *names_path, const char *path,
                        eval_labels *labels)
{
    if (!names->items)
        return true;
    if (labels->classes > names->count || (labels->multi && labels->classes != names->count))
        return cli_fail("the labels of %s are of %zu classes, but %s names %zu", path,
                        labels->classes, names_path, names->count);
    labels->classes = names->count;
    return true;
}

/* ---- from their classes to ours ---- */

static bool translate(evaluation *e, const unic_class_map *map)
{
    eval_labels *theirs = &e->test_labels;
    size_t steps = e->task == LOCALISE ? e->test.length : 1, rows = e->test.clips * steps;
    for (size_t i = 0; i < e->test.count; i++) {
        int32_t *old = theirs->of[i];
        if (!theirs->multi) {
            if (!cli_ok(unic_class_map_classes(map, old, rows, old)))
                return false;
            continue;
        }
        theirs->of[i] = cli_alloc(rows, e->train_labels.classes * sizeof *old);
        bool ok = theirs->of[i] && cli_ok(unic_class_map_steps(map, old, rows, theirs->of[i]));
        free(old);
        if (!ok)
            return false;
    }
    theirs->classes = e->train_labels.classes;
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
    bool ok = cli_ok(unic_class_map_load(&map, e->class_map_path, &names)) && translate(e, map);
    unic_class_map_free(map);
    return ok;
}

/* A class by its name, or else by its number. */
static bool find_background(evaluation *e)
{
    const char *name = e->background_name;
    char *end;
    e->background = -1;
    if (!name)
        return true;
    for (size_t i = 0; i < e->names.count; i++)
        if (!strcmp(e->names.items[i], name))
            e->background = (int32_t)i;
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

bool eval_read_labels(evaluation *e)
{
    eval_labels *a = &e->train_labels, *b = &e->test_labels;
    const char *test_names = e->test_classes_path ? e->test_classes_path : e->classes_path;
    bool across = e->class_map_path;
    if (!read_names(&e->names, e->classes_path) ||
        !read_names(&e->test_names, e->test_classes_path) || !read_labels(e, &e->train, a) ||
        !read_labels(e, &e->test, b) ||
        !apply_names(&e->names, e->classes_path, e->train_path, a) ||
        !apply_names(across ? &e->test_names : &e->names, test_names, e->test_path, b))
        return false;
    if (a->classes == 0)
        return cli_fail("%s has no label that is not -1", e->train_path);
    if (a->multi != b->multi || (a->multi && !across && a->classes != b->classes))
        return cli_fail("the step labels of %s and %s do not have the same classes",
                        e->train_path, e->test_path);
    if (across && !map_labels(e))
        return false;
    e->classes = a->classes > b->classes ? a->classes : b->classes;
    return find_background(e);
}

bool eval_read_clip_labels(evaluation *e)
{
    return read_labels_of(e, &e->test, 0, &e->test_labels);
}

static void free_names(eval_names *names)
{
    free(names->text);
    free(names->items);
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
