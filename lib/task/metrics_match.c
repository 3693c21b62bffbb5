#include "task/metrics.h"

/*
 * Steps and events of any number of classes.
 *   P = matched / predicted,   R = matched / actual,   F1 = 2 P R / (P + R)
 */

static bool row_counts(const unic__step_scores *s, size_t row)
{
    for (size_t c = 0; c < s->classes; c++)
        if (s->truth[row * s->classes + c] < 0)
            return false;
    return true;
}

static void finish(unic_match_report *report, double precision, double recall)
{
    report->precision = precision;
    report->recall = recall;
    report->f1 = unic__share(2.0 * precision * recall, precision + recall);
}

/* ---- steps ---- */

typedef struct counts {
    size_t rows, predicted, actual, matched;
} counts;

static counts count_steps(const unic__step_scores *s, size_t from, size_t to)
{
    counts n = {0};
    for (size_t row = from; row < to; row++) {
        if (!row_counts(s, row))
            continue;
        n.rows++;
        for (size_t c = 0; c < s->classes; c++) {
            size_t i = row * s->classes + c;
            bool said = s->scores[i] > s->threshold, is = s->truth[i] > 0;
            if ((int64_t)c == s->background)
                continue;
            n.predicted += said;
            n.actual += is;
            n.matched += said && is;
        }
    }
    return n;
}

static void take_counts(unic_match_report *report, counts n)
{
    report->predicted_count = n.predicted;
    report->actual_count = n.actual;
    report->matched_count = n.matched;
    finish(report, unic__share((double)n.matched, (double)n.predicted),
           unic__share((double)n.matched, (double)n.actual));
}

void unic__metrics_steps(unic_match_report *report, const unic__step_scores *s)
{
    take_counts(report, count_steps(s, 0, s->rows));
}

void unic__metrics_steps_cmg(unic_match_report *report, const unic__step_scores *s,
                             size_t batch_rows)
{
    double precision = 0.0, recall = 0.0, rows = 0.0;
    for (size_t from = 0; from < s->rows;) {
        size_t to = s->rows - from < batch_rows ? s->rows : from + batch_rows;
        counts n = count_steps(s, from, to);
        precision += (double)n.rows * unic__share((double)n.matched, (double)n.predicted);
        recall += (double)n.rows * unic__share((double)n.matched, (double)n.actual);
        rows += (double)n.rows;
        from = to;
    }
    take_counts(report, count_steps(s, 0, s->rows));
    finish(report, unic__share(precision, rows), unic__share(recall, rows));
}

/* ---- events ---- */

typedef struct run {
    size_t start, end; /* steps start <= t < end */
} run;

/* One class of one clip. */
typedef struct track {
    const unic__step_scores *s;
    const bool *counts; /* [length] */
    size_t first_row, length, class_index;
} track;

static bool is_on(const track *k, size_t t, bool predicted)
{
    size_t i = (k->first_row + t) * k->s->classes + k->class_index;
    return k->counts[t] && (predicted ? k->s->scores[i] > k->s->threshold : k->s->truth[i] > 0);
}

/* The first run from step `from` on; an empty one at the clip's end if there is none. */
static run next_run(const track *k, size_t from, bool predicted)
{
    while (from < k->length && !is_on(k, from, predicted))
        from++;
    run r = {from, from};
    while (r.end < k->length && is_on(k, r.end, predicted))
        r.end++;
    return r;
}

static bool runs_match(run a, run b, double least_iou)
{
    size_t start = a.start > b.start ? a.start : b.start, end = a.end < b.end ? a.end : b.end;
    size_t both = end > start ? end - start : 0;
    size_t either = (a.end - a.start) + (b.end - b.start) - both;
    return both > 0 && (double)both / (double)either >= least_iou; /* 7 / 100 is 0.07 */
}

/*
 * Both lists are in order, and runs of one list do not overlap: matching the earliest pair that
 * matches, and else passing over the run that ends first, which can meet nothing further on,
 * gives the most matches.
 */
static void count_events(const track *k, double least_iou, counts *n)
{
    run said = next_run(k, 0, true), is = next_run(k, 0, false);
    while (said.start < k->length || is.start < k->length) {
        bool matched = runs_match(said, is, least_iou);
        bool pass_said = matched || said.end <= is.end, pass_is = matched || is.end <= said.end;
        n->matched += matched;
        if (pass_said && said.start < k->length) {
            n->predicted++;
            said = next_run(k, said.end, true);
        }
        if (pass_is && is.start < k->length) {
            n->actual++;
            is = next_run(k, is.end, false);
        }
    }
}

unic_status unic__metrics_events(unic_match_report *report, const unic__step_scores *s,
                                 size_t length, double least_iou)
{
    bool *row_is_counted = unic__alloc(length * sizeof *row_is_counted);
    counts n = {0};
    if (!row_is_counted)
        return unic__no_memory(length * sizeof *row_is_counted, "a clip's events");
    for (size_t first = 0; first < s->rows; first += length) {
        for (size_t t = 0; t < length; t++)
            row_is_counted[t] = row_counts(s, first + t);
        for (size_t c = 0; c < s->classes; c++) {
            track k = {s, row_is_counted, first, length, c};
            if ((int64_t)c != s->background)
                count_events(&k, least_iou, &n);
        }
    }
    unic__free(row_is_counted);
    take_counts(report, n);
    return UNIC_OK;
}
