/* Which classes heads can learn: those that a label to train on is of. Others are not counted. */
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "eval/eval.h"

/* ---- lists of classes ---- */

void eval_list_class(const eval_names *names, size_t i, char text[EVAL_OTHERS], size_t *left)
{
    const bool named = i < names->count;
    const size_t used = strlen(text), size = named ? strlen(names->items[i]) : 20;
    if (*left || used + size + 40 >= EVAL_OTHERS)
        ++*left;
    else if (named)
        snprintf(text + used, EVAL_OTHERS - used, "%s\"%s\"", used ? ", " : "",
                 names->items[i]);
    else
        snprintf(text + used, EVAL_OTHERS - used, "%s%zu", used ? ", " : "", i);
}

void eval_end_list(char text[EVAL_OTHERS], size_t left)
{
    const size_t used = strlen(text);
    if (left)
        snprintf(text + used, EVAL_OTHERS - used, "%s%zu more", used ? " and " : "", left);
}

/* Lists the classes that are marked; returns how many. */
static size_t list_marked(const eval_names *names, const bool *marked, size_t classes,
                          char text[EVAL_OTHERS])
{
    size_t n = 0, left = 0;
    for (size_t i = 0; i < classes; i++)
        if (marked[i]) {
            n++;
            eval_list_class(names, i, text, &left);
        }
    eval_end_list(text, left);
    return n;
}

/* ---- of all modalities ---- */

/* Marks the classes that a label has; of [N,T,C] labels those that are 1 somewhere. */
static void mark_seen(const evaluation *e, const cli_codes *c, const eval_labels *labels,
                      bool *seen)
{
    size_t rows = c->clips * (e->task == LOCALISE ? c->length : 1), n = labels->classes;
    for (size_t i = 0; i < c->count; i++)
        for (size_t r = 0; r < rows; r++) {
            const int32_t *row = labels->of[i] + r * (labels->multi ? n : 1);
            if (!labels->multi && *row >= 0)
                seen[*row] = true;
            for (size_t d = 0; labels->multi && d < n; d++)
                seen[d] = seen[d] || row[d] > 0;
        }
}

/* Where the test's classes become ours, or -1 if no label of ours is of that class; says which of those
 * that are `asked`, which is for this call alone. */
static bool find_unseen(const evaluation *e, const bool *seen, bool *asked, int32_t *to,
                        size_t *lost)
{
    const eval_names *names = e->names.items ? &e->names : &e->test_names;
    char text[EVAL_OTHERS] = "";
    size_t kept = 0;
    for (size_t i = 0; i < e->test_labels.classes; i++) {
        to[i] = i < e->train_labels.classes && seen[i] ? (int32_t)i : -1;
        kept += asked[i] && to[i] >= 0;
        asked[i] = asked[i] && to[i] < 0;
    }
    *lost = list_marked(names, asked, e->test_labels.classes, text);
    if (*lost && !kept)
        return cli_fail("no label of %s is of a class that a label of %s is of: %s",
                        e->test_path, e->train_path, text);
    if (*lost)
        cli_note("classes of %s that no label of %s is of, and so not counted: %s",
                 e->test_path, e->train_path, text);
    return true;
}

bool eval_tell_unmapped(const evaluation *e, const int32_t *to)
{
    const size_t classes = e->test_labels.classes;
    char text[EVAL_OTHERS] = "";
    bool *asked = cli_alloc(classes, sizeof *asked);
    if (!asked)
        return false;
    mark_seen(e, &e->test, &e->test_labels, asked);
    for (size_t i = 0; i < classes; i++)
        asked[i] = asked[i] && to[i] < 0;
    if (list_marked(&e->test_names, asked, classes, text))
        cli_note("classes of %s that %s does not name, and so not counted: %s", e->test_path,
                 e->class_map_path, text);
    free(asked);
    return true;
}

bool eval_leave_out_unseen(evaluation *e)
{
    const size_t classes = e->test_labels.classes;
    size_t lost = 0;
    bool *seen = cli_alloc(e->train_labels.classes, sizeof *seen);
    bool *asked = cli_alloc(classes, sizeof *asked);
    int32_t *to = cli_alloc(classes, sizeof *to);
    bool ok = seen && asked && to;
    if (ok) {
        mark_seen(e, &e->train, &e->train_labels, seen);
        mark_seen(e, &e->test, &e->test_labels, asked);
        ok = find_unseen(e, seen, asked, to, &lost) && (!lost || eval_translate(e, to));
    }
    free(seen);
    free(asked);
    free(to);
    return ok;
}

/* ---- of one modality ---- */

/* What the labels of the train clips that have the modality are of. */
typedef struct lesson {
    size_t rows;   /* clips or steps that count */
    size_t *of;    /* [classes] how many of them are of a class */
    size_t seen;   /* classes that some are of */
    size_t always; /* and such that all are of */
} lesson;

static bool row_counts(const evaluation *e, size_t a, size_t row, const int32_t *labels,
                       size_t width)
{
    const cli_codes *c = &e->train;
    const int32_t *codes = c->codes[a];
    const bool steps = e->task == LOCALISE;
    if (steps ? codes[row] < 0 : !cli_codes_any(codes + row * c->length, c->length))
        return false;
    for (size_t i = 0; i < width; i++)
        if (labels[i] < 0)
            return false;
    return true;
}

static void take_lesson(const evaluation *e, size_t a, lesson *out)
{
    const cli_codes *c = &e->train;
    const bool multi = e->train_labels.multi;
    const size_t rows = c->clips * (e->task == LOCALISE ? c->length : 1);
    const size_t width = multi ? e->classes : 1;
    for (size_t r = 0; r < rows; r++) {
        const int32_t *row = e->train_labels.of[a] + r * width;
        if (!row_counts(e, a, r, row, width))
            continue;
        out->rows++;
        if (!multi)
            out->of[*row]++;
        for (size_t i = 0; multi && i < width; i++)
            out->of[i] += row[i] > 0;
    }
    for (size_t i = 0; i < e->classes; i++) {
        out->seen += out->of[i] > 0;
        out->always += out->of[i] == out->rows;
    }
}

/* A head that can only answer in one way would be right wherever that is asked. */
static bool check_lesson(const evaluation *e, size_t a, const lesson *l)
{
    const char *what = e->task == LOCALISE ? "step" : "clip";
    char only[EVAL_OTHERS] = "";
    size_t left = 0;
    if (l->rows == 0)
        return cli_fail(
            "%s: none of its %ss has both \"%s\" and a label: there is nothing to train "
            "on (--train-on chooses other modalities)",
            e->train_path, what, e->train.names[a]);
    if (l->seen > 1 || (l->seen == 1 && !l->always))
        return true;
    for (size_t i = 0; i < e->classes; i++)
        if (l->of[i])
            eval_list_class(&e->names, i, only, &left);
    eval_end_list(only, left);
    return cli_fail("%s: every %s of \"%s\" that has a label is of %s%s: a head has nothing to "
                    "tell apart (--train-on chooses other modalities)",
                    e->train_path, what, e->train.names[a], l->seen ? "class " : "no class",
                    only);
}

/* Which of the test's classes this modality alone lacks. */
static void tell_lost(const evaluation *e, size_t a, const bool *seen, bool *asked)
{
    char text[EVAL_OTHERS] = "";
    mark_seen(e, &e->test, &e->test_labels, asked);
    for (size_t i = 0; i < e->classes; i++)
        asked[i] = asked[i] && !seen[i];
    if (list_marked(&e->names, asked, e->classes, text))
        cli_note(
            "classes that no label of \"%s\" in %s is of, and so not counted for its head: "
            "%s",
            e->train.names[a], e->train_path, text);
}

bool eval_mark_learnt(const evaluation *e, size_t a, bool *seen)
{
    lesson l = {.of = cli_alloc(e->classes, sizeof *l.of)};
    bool *asked = cli_alloc(e->classes, sizeof *asked);
    bool ok = l.of && asked;
    if (ok) {
        take_lesson(e, a, &l);
        ok = check_lesson(e, a, &l);
    }
    for (size_t i = 0; ok && i < e->classes; i++)
        seen[i] = l.of[i] > 0;
    if (ok)
        tell_lost(e, a, seen, asked);
    free(l.of);
    free(asked);
    return ok;
}

void eval_leave_out(const evaluation *e, const bool *seen, int32_t *labels)
{
    const cli_codes *c = &e->test;
    const size_t rows = c->clips * (e->task == LOCALISE ? c->length : 1), n = e->classes;
    for (size_t r = 0; r < rows; r++) {
        int32_t *row = labels + r * (e->test_labels.multi ? n : 1);
        bool any = false, known = false;
        if (!e->test_labels.multi && *row >= 0 && !seen[*row])
            *row = -1;
        for (size_t i = 0; e->test_labels.multi && i < n; i++) {
            any = any || row[i] > 0;
            known = known || (row[i] > 0 && seen[i]);
            row[i] = row[i] > 0 && !seen[i] ? 0 : row[i];
        }
        for (size_t i = 0; any && !known && i < n; i++)
            row[i] = -1;
    }
}
