/* What is in a data file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/labels.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "inspect/inspect.h"

/* What a modality's valid steps are like. */
typedef struct summary {
    int64_t steps, least, most; /* of a clip that has the modality */
    int64_t absent;             /* clips without it */
    int64_t not_finite;
    int64_t first_bad;          /* the first clip with such a value */
    double count, sum, squares; /* of the finite values */
} summary;

static void look_at_clip(summary *s, int64_t clip, const float *x, int64_t steps, size_t width)
{
    if (steps == 0) {
        s->absent++;
        return;
    }
    s->least = s->steps == 0 || steps < s->least ? steps : s->least;
    s->most = steps > s->most ? steps : s->most;
    s->steps += steps;
    for (size_t i = 0; i < (size_t)steps * width; i++) {
        if (!isfinite(x[i])) {
            s->first_bad = s->not_finite ? s->first_bad : clip;
            s->not_finite++;
            continue;
        }
        s->count += 1.0;
        s->sum += (double)x[i];
        s->squares += (double)x[i] * (double)x[i];
    }
}

/* The batch's first clip is number `done`. */
static bool look_at_batch(const unic_dataset *data, const unic_batch *batch, size_t done,
                          summary *all)
{
    for (size_t i = 0; i < unic_dataset_modality_count(data); i++) {
        unic_array a = {.struct_size = sizeof a};
        const int32_t *lengths;
        size_t width = 1;
        if (!cli_ok(unic_batch_get(&a, &lengths, batch, unic_dataset_modality_name(data, i))))
            return false;
        for (int32_t d = 2; d < a.rank; d++)
            width *= (size_t)a.dims[d];
        const float *x = a.data;
        for (int64_t n = 0; n < a.dims[0]; n++, x += (size_t)a.dims[1] * width)
            look_at_clip(&all[i], (int64_t)done + n, x, lengths ? lengths[n] : a.dims[1],
                         width);
    }
    return true;
}

static bool look_at_all(unic_dataset *data, summary *all)
{
    size_t done = 0;
    cli_progress_begin(unic_dataset_clip_count(data), 0, "clips");
    for (;;) {
        const unic_batch *batch;
        if (!cli_ok(unic_dataset_next(&batch, data)))
            return false;
        if (!batch)
            break;
        if (!look_at_batch(data, batch, done, all))
            return false;
        done += unic_batch_clip_count(batch);
        cli_progress_at(done, "");
    }
    cli_progress_clear();
    return true;
}

static bool print_features(unic_dataset *data, const summary *all)
{
    static const char *const head[] = {"modality",  "dims of a step", "steps",
                                       "of a clip", "clips without",  "mean",
                                       "deviation", "NaN, Inf"};
    cli_table table;
    cli_table_begin(&table, sizeof head / sizeof *head);
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cli_table_cell(&table, "%s", head[i]);
    for (size_t i = 0; i < unic_dataset_modality_count(data); i++) {
        const char *name = unic_dataset_modality_name(data, i);
        const summary *s = &all[i];
        int64_t dims[UNIC_MAX_RANK];
        size_t rank;
        char text[INSPECT_TEXT];
        double mean = s->count > 0.0 ? s->sum / s->count : 0.0;
        double variance = s->count > 0.0 ? s->squares / s->count - mean * mean : 0.0;
        if (!cli_ok(unic_dataset_feature_dims(&rank, data, name, dims)))
            return false;
        cli_table_cell(&table, "%s", name);
        cli_table_cell(&table, "%s", inspect_dims(dims, rank, text));
        cli_table_cell(&table, "%lld", (long long)s->steps);
        cli_table_cell(&table, "%lld..%lld", (long long)s->least, (long long)s->most);
        cli_table_cell(&table, "%lld", (long long)s->absent);
        cli_table_cell(&table, "%.3g", mean);
        cli_table_cell(&table, "%.3g", sqrt(variance > 0.0 ? variance : 0.0));
        cli_table_cell(&table, "%lld", (long long)s->not_finite);
    }
    return cli_table_end(&table, stdout);
}

/* Which clips hold what is no number. */
static bool print_bad(unic_dataset *data, const summary *all)
{
    bool any = false;
    for (size_t i = 0; i < unic_dataset_modality_count(data); i++) {
        char clip[INSPECT_TEXT * 2];
        const char *name = unic_dataset_modality_name(data, i);
        if (!all[i].not_finite)
            continue;
        if (!cli_ok(unic_dataset_clip_name(data, name, (size_t)all[i].first_bad, clip,
                                           sizeof clip)))
            return false;
        printf("%s: NaN or Inf first in clip %lld (%s)\n", name, (long long)all[i].first_bad,
               clip);
        any = true;
    }
    if (any)
        putchar('\n');
    return true;
}

bool inspect_data(const inspect_request *r, unic_dataset *data)
{
    size_t n = unic_dataset_modality_count(data);
    summary *all = cli_alloc(n, sizeof *all);
    bool ok = all && look_at_all(data, all) &&
              printf("%s: a data file, %zu clips of up to %zu steps\n\n", r->path,
                     unic_dataset_clip_count(data), unic_dataset_length(data)) > 0 &&
              print_features(data, all) && print_bad(data, all) &&
              (n < 2 || cli_summary_pairs(stdout, data)) && cli_labels_print(data, "label", 1);
    for (size_t i = 0; ok && i < n; i++) {
        char name[INSPECT_TEXT];
        snprintf(name, sizeof name, "%s.step_labels", unic_dataset_modality_name(data, i));
        ok = cli_labels_print(data, name, 2);
    }
    free(all);
    return ok;
}
