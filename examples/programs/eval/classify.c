/* Heads, for one class a clip or the classes of each step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "eval/eval.h"

static const double least_iou = 0.5; /* of events */

/* Rows of labels without a -1. */
static size_t count_rows(const int32_t *labels, size_t rows, size_t width)
{
    size_t n = 0;
    for (size_t r = 0; r < rows; r++, labels += width) {
        size_t c = 0;
        while (c < width && labels[c] >= 0)
            c++;
        n += c == width;
    }
    return n;
}

/* A copy of labels [rows,width], without those of what a head cannot see. */
static int32_t *masked(const int32_t *labels, size_t rows, size_t width, const unic_head *head,
                       const cli_codes *c, size_t modality)
{
    int32_t *copy = cli_alloc(rows, width * sizeof *copy);
    if (!copy)
        return NULL;
    memcpy(copy, labels, rows * width * sizeof *copy);
    if (cli_ok(unic_head_mask_labels(head, c->codes[modality], c->clips, c->length, copy)))
        return copy;
    free(copy);
    return NULL;
}

/* A head that is tested. */
typedef struct learnt {
    const unic_head *head;
    const bool *seen; /* [classes] that labels it was trained on are of */
    double threshold;
} learnt;

/* Whether a label is of a class that segments and events are counted of. */
static bool any_found(const evaluation *e, const int32_t *labels, size_t rows)
{
    const bool multi = e->test_labels.multi;
    const size_t width = multi ? e->classes : 1;
    for (size_t r = 0; r < rows; r++, labels += width) {
        if (!multi && labels[0] >= 0 && labels[0] != e->background)
            return true;
        for (size_t c = 0; multi && c < width; c++)
            if (labels[c] > 0 && (int32_t)c != e->background)
                return true;
    }
    return false;
}

/* Of steps that are all background 0 / 0 would be 0, whatever was predicted. */
static bool check_found(const evaluation *e, const int32_t *labels, size_t rows, size_t b)
{
    if (e->task != LOCALISE || any_found(e, labels, rows))
        return true;
    const char *quote = e->background < 0 ? "" : "\"";
    if (e->test_labels.multi)
        return cli_fail(
            "%s: no step of \"%s\" that counts is of a class%s%s%s%s: there is nothing "
            "to be found",
            e->test_path, e->test.names[b],
            e->background < 0 ? "" : " other than the background ", quote,
            e->background < 0 ? "" : e->background_name, quote);
    cli_note(
        "warning: %s: every step of \"%s\" that counts is of the background \"%s\": there is "
        "nothing to be found, and precision, recall and F1 are 0 whatever is predicted",
        e->test_path, e->test.names[b], e->background_name);
    return true;
}

/* The labels of modality `b` that count: those of what is there, and of what the head could learn.
 * A score of none would be 0. */
static int32_t *labels_that_count(const evaluation *e, const learnt *l, size_t b)
{
    const cli_codes *test = &e->test;
    size_t rows = test->clips * (e->task == LOCALISE ? test->length : 1),
           width = e->test_labels.multi ? e->classes : 1;
    int32_t *labels = masked(e->test_labels.of[b], rows, width, l->head, test, b);
    if (!labels)
        return NULL;
    eval_leave_out(e, l->seen, labels);
    if (count_rows(labels, rows, width)) {
        if (check_found(e, labels, rows, b))
            return labels;
        free(labels);
        return NULL;
    }
    cli_fail("%s: no %s of \"%s\" has a label of a class of %s: there is nothing to test on "
             "(--test-on chooses other modalities)",
             e->test_path, e->task == LOCALISE ? "step" : "clip", test->names[b],
             e->train_path);
    free(labels);
    return NULL;
}

/* [N,T,C]: segments and events, as they are and as the CMG code counts segments. */
static bool score_steps(const evaluation *e, const float *logits, const int32_t *truth,
                        float threshold, eval_score *out)
{
    size_t clips = e->test.clips, length = e->test.length, classes = e->classes;
    out->steps.struct_size = sizeof out->steps;
    out->steps_cmg.struct_size = sizeof out->steps_cmg;
    out->events.struct_size = sizeof out->events;
    return cli_ok(unic_metrics_steps(&out->steps, logits, truth, clips * length, classes,
                                     threshold, e->background)) &&
           cli_ok(unic_metrics_steps_cmg(&out->steps_cmg, logits, truth, clips * length,
                                         classes, threshold, EVAL_CMG_CLIPS * length)) &&
           cli_ok(unic_metrics_events(&out->events, logits, truth, clips, length, classes,
                                      threshold, least_iou, e->background));
}

/* [N,T] as rows of 0 and 1: the class that is predicted, the one that is true. */
static bool score_single_steps(const evaluation *e, const float *logits, const int32_t *truth,
                               eval_score *out)
{
    size_t rows = e->test.clips * e->test.length, classes = e->classes;
    float *predicted = cli_alloc(rows, classes * sizeof *predicted);
    int32_t *actual = cli_alloc(rows, classes * sizeof *actual);
    bool ok = predicted && actual;
    for (size_t r = 0; ok && r < rows; r++, logits += classes) {
        size_t best = 0;
        for (size_t c = 0; c < classes; c++) {
            best = logits[c] > logits[best] ? c : best;
            actual[r * classes + c] = truth[r] < 0 ? -1 : (size_t)truth[r] == c;
        }
        predicted[r * classes + best] = 1.0F;
    }
    ok = ok && score_steps(e, predicted, actual, 0.5F, out);
    free(predicted);
    free(actual);
    return ok;
}

static bool score_classes(const evaluation *e, const float *logits, const int32_t *truth,
                          eval_score *out)
{
    size_t rows = e->test.clips * (e->task == LOCALISE ? e->test.length : 1);
    out->classes.struct_size = sizeof out->classes;
    if (e->json_path &&
        !(out->confusion = cli_alloc(e->classes, e->classes * sizeof *out->confusion)))
        return false;
    return (out->per_class = cli_alloc(e->classes, sizeof *out->per_class)) &&
           cli_ok(unic_metrics_classes(&out->classes, logits, truth, rows, e->classes,
                                       out->confusion, out->per_class)) &&
           (e->task == CLASSIFY || score_single_steps(e, logits, truth, out));
}

static unic_status predict(const cli_codes *test, const unic_head *head, size_t b,
                           float *logits)
{
    if (test->k)
        return unic_head_predict_soft(head, test->near[b], test->weights[b], test->k,
                                      test->clips, test->length, logits);
    return unic_head_predict(head, test->codes[b], test->clips, test->length, logits);
}

static float logit_of(double probability)
{
    return (float)log(probability / (1.0 - probability));
}

/* The threshold of the highest F1 of segments, among hundredths, on the clips that the head was
 * trained on. Where a class is less probable than not in all steps that it is in, 1/2 finds
 * none of it, but may not be what F1 is highest with. */
static bool best_threshold(const evaluation *e, const unic_head *head, size_t a, double *out)
{
    const cli_codes *train = &e->train;
    size_t rows = train->clips * train->length;
    float *logits = cli_alloc(rows, e->classes * sizeof *logits);
    int32_t *truth = logits ? masked(e->train_labels.of[a], rows, e->classes, head, train, a)
                            : NULL;
    bool ok = truth && cli_ok(predict(train, head, a, logits));
    double highest = -1.0;
    for (int percent = 1; ok && percent < 100; percent++) {
        unic_match_report found = {.struct_size = sizeof found};
        ok = cli_ok(unic_metrics_steps(&found, logits, truth, rows, e->classes,
                                       logit_of(percent / 100.0), e->background));
        if (ok && found.f1 > highest) {
            highest = found.f1;
            *out = percent / 100.0;
        }
    }
    free(logits);
    free(truth);
    return ok;
}

static bool test_head(evaluation *e, const learnt *l, size_t a, size_t b)
{
    const cli_codes *test = &e->test;
    size_t rows = test->clips * (e->task == LOCALISE ? test->length : 1);
    float *logits = cli_alloc(rows, e->classes * sizeof *logits);
    int32_t *truth = logits ? labels_that_count(e, l, b) : NULL;
    eval_score *score = &e->scores[a][b];
    bool ok = truth && cli_ok(predict(test, l->head, b, logits)) &&
              (e->test_labels.multi
                   ? score_steps(e, logits, truth, logit_of(l->threshold), score)
                   : score_classes(e, logits, truth, score));
    score->there = ok;
    score->threshold = l->threshold;
    free(logits);
    free(truth);
    return ok;
}

/* A head trained on modality `a`, tested on every one. */
static bool evaluate(evaluation *e, size_t a)
{
    const cli_codes *train = &e->train;
    unic_head *head = NULL;
    const unic_head_options options = {
        .struct_size = sizeof options,
        .kind = e->task == CLASSIFY     ? UNIC_HEAD_CLIP
                : e->train_labels.multi ? UNIC_HEAD_STEP_MULTI
                                        : UNIC_HEAD_STEP,
        .class_count = (int32_t)e->classes,
        .epochs = (int32_t)e->epochs,
        .seed = e->seed,
    };
    bool *seen = cli_alloc(e->classes, sizeof *seen);
    bool ok = seen && eval_mark_learnt(e, a, seen) &&
              cli_ok(unic_head_create(&head, e->codebook, &options)) &&
              cli_ok(unic_head_fit(NULL, head, train->codes[a], train->clips, train->length,
                                   e->train_labels.of[a]));
    learnt l = {head, seen, e->threshold};
    if (ok && l.threshold == 0.0 && e->train_labels.multi)
        ok = best_threshold(e, head, a, &l.threshold);
    for (size_t b = 0; ok && b < e->test.count; b++)
        ok = test_head(e, &l, a, b);
    unic_head_free(head);
    free(seen);
    return ok;
}

bool eval_heads(evaluation *e)
{
    for (size_t a = 0; a < e->train.count; a++)
        if (!evaluate(e, a))
            return false;
    return true;
}
