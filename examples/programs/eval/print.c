/* What comes out: lines or tables, and JSON. */
#include "cli/json.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/table.h"
#include "eval/eval.h"

enum { COLUMNS = 8, DIRECTION = 128 };

/* What the table says of a direction. */
typedef struct columns {
    size_t count;
    const char *titles[COLUMNS];
    double values[COLUMNS];
    int decimals[COLUMNS];
} columns;

static bool has_classes(const evaluation *e)
{
    return e->task == CLASSIFY || (e->task == LOCALISE && !e->test_labels.multi);
}

/* The name of the one number that stands for a direction, and the number. */
static const char *metric(const evaluation *e)
{
    if (e->task == SEGMENT)
        return "miou";
    if (e->task == RETRIEVE)
        return "map";
    return has_classes(e) ? "accuracy" : "micro_f1";
}

static double value(const evaluation *e, const eval_score *s)
{
    if (e->task == SEGMENT)
        return s->masks.miou;
    if (e->task == RETRIEVE)
        return s->ranks.mean_average_precision;
    return has_classes(e) ? s->classes.accuracy : s->steps.f1;
}

static const char *direction(const evaluation *e, size_t a, size_t b, char *text)
{
    snprintf(text, DIRECTION, "%s>%s", e->train.names[a], e->test.names[b]);
    return text;
}

/* ---- stdout ---- */

static bool print_matrix(const evaluation *e)
{
    cli_table table;
    printf("%s, %s in %%: %s\n\n", e->task_name, metric(e),
           e->task == RETRIEVE  ? "queries are the row's, the gallery the column's"
           : e->task == SEGMENT ? "segmenters trained with the row, tested with the column"
                                : "heads trained on the row, tested on the column");
    cli_table_begin(&table, e->test.count + 1);
    cli_table_cell(&table, " ");
    for (size_t b = 0; b < e->test.count; b++)
        cli_table_cell(&table, "%s", e->test.names[b]);
    for (size_t a = 0; a < e->train.count; a++) {
        cli_table_cell(&table, "%s", e->train.names[a]);
        for (size_t b = 0; b < e->test.count; b++)
            if (e->scores[a][b].there)
                cli_table_cell(&table, "%.1f", 100.0 * value(e, &e->scores[a][b]));
            else
                cli_table_cell(&table, "-");
    }
    return cli_table_end(&table, stdout);
}

static void add(columns *c, const char *title, double number, int decimals)
{
    c->titles[c->count] = title;
    c->values[c->count] = number;
    c->decimals[c->count++] = decimals;
}

static void add_share(columns *c, const char *title, double share)
{
    add(c, title, 100.0 * share, 1);
}

static void add_steps(const evaluation *e, const eval_score *s, columns *c)
{
    add_share(c, "precision", s->steps.precision);
    add_share(c, "recall", s->steps.recall);
    add_share(c, "F1", s->steps.f1);
    add_share(c, "events F1", s->events.f1);
    if (e->test_labels.multi) {
        add_share(c, "CMG precision", s->steps_cmg.precision);
        add_share(c, "CMG F1", s->steps_cmg.f1);
        add(c, "threshold", s->threshold, 2);
    }
}

static columns columns_of(const evaluation *e, const eval_score *s)
{
    columns c = {.count = 0};
    if (e->task == SEGMENT) {
        add_share(&c, "mIoU", s->masks.miou);
        add_share(&c, "F", s->masks.f_beta);
        add_share(&c, "CMG mIoU", s->masks_cmg.miou);
        add_share(&c, "CMG F", s->masks_cmg.f_beta);
        add(&c, "masks", (double)s->masks.mask_count, 0);
    } else if (e->task == RETRIEVE) {
        add_share(&c, "R@1", s->recall[0]);
        add_share(&c, "R@5", s->recall[1]);
        add_share(&c, "R@10", s->recall[2]);
        add(&c, "median rank", s->ranks.median_rank, 1);
        add_share(&c, "mAP", s->ranks.mean_average_precision);
        add(&c, "queries", (double)s->ranks.query_count, 0);
        add(&c, "items", (double)s->gallery, 0);
    } else {
        if (has_classes(e)) {
            add_share(&c, "accuracy", s->classes.accuracy);
            add_share(&c, "mean of classes", s->classes.mean_accuracy);
        }
        if (e->task == LOCALISE)
            add_steps(e, s, &c);
    }
    return c;
}

/* A row for each direction, with all of its scores. */
static bool print_columns(const evaluation *e)
{
    cli_table table;
    char name[DIRECTION];
    columns c = columns_of(e, &e->scores[0][0]);
    cli_table_begin(&table, c.count + 1);
    cli_table_cell(&table, " ");
    for (size_t i = 0; i < c.count; i++)
        cli_table_cell(&table, "%s", c.titles[i]);
    for (size_t i = 0; i < e->train.count * e->test.count; i++) {
        size_t a = i / e->test.count, b = i % e->test.count;
        if (!e->scores[a][b].there)
            continue;
        c = columns_of(e, &e->scores[a][b]);
        cli_table_cell(&table, "%s", direction(e, a, b, name));
        for (size_t k = 0; k < c.count; k++)
            cli_table_cell(&table, "%.*f", c.decimals[k], c.values[k]);
    }
    return cli_table_end(&table, stdout);
}

static void print_lines(const evaluation *e)
{
    char name[DIRECTION];
    for (size_t a = 0; a < e->train.count; a++)
        for (size_t b = 0; b < e->test.count; b++)
            if (e->scores[a][b].there)
                printf("%s\t%.4f\n", direction(e, a, b, name), value(e, &e->scores[a][b]));
}

bool eval_print(const evaluation *e)
{
    if (!e->table)
        print_lines(e);
    else if (!print_matrix(e) || !print_columns(e))
        return false;
    const unic_usage_report *used = &e->usage.all;
    if (e->test.count > 1)
        printf("shared codes\t%.4f of %zu used at least %d times\n"
               "same code\t%.4f of %zu steps that all have\n",
               used->shared, used->often_count, UNIC_METRICS_OFTEN, used->agreement,
               used->paired_count);
    printf("perplexity\t%.1f of %zu codes\n", used->perplexity, e->usage.codes);
    return true;
}

/* ---- JSON ---- */

static void write_number(FILE *out, const char *name, double number)
{
    fprintf(out, ", \"%s\": ", name);
    cli_json_number(out, number);
}

static void write_counts(FILE *out, const int64_t *counts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s%lld", i ? "," : "[", (long long)counts[i]);
    fputc(']', out);
}

static void write_confusion(const evaluation *e, FILE *out, const eval_score *s)
{
    for (size_t c = 0; c < e->classes; c++) {
        fputs(c ? ",\n      " : "[\n      ", out);
        write_counts(out, s->confusion + c * e->classes, e->classes);
    }
    fputs("\n    ]", out);
}

static void write_classes(const evaluation *e, FILE *out, const eval_score *s)
{
    fprintf(out, "\"counted\": %zu, \"right\": %zu", s->classes.row_count,
            s->classes.right_count);
    write_number(out, "accuracy", s->classes.accuracy);
    write_number(out, "mean_accuracy", s->classes.mean_accuracy);
    fputs(",\n      \"per_class\": ", out);
    for (size_t c = 0; c < e->classes; c++) {
        fputs(c ? ", " : "[", out);
        cli_json_number(out, s->per_class[c]);
    }
    fputc(']', out);
}

static void write_match(FILE *out, const char *name, const unic_match_report *r)
{
    fprintf(out, "\"%s\": {\"predicted\": %zu, \"actual\": %zu, \"matched\": %zu", name,
            r->predicted_count, r->actual_count, r->matched_count);
    write_number(out, "precision", r->precision);
    write_number(out, "recall", r->recall);
    write_number(out, "f1", r->f1);
    fputc('}', out);
}

static void write_steps(const evaluation *e, FILE *out, const eval_score *s)
{
    write_match(out, "segments", &s->steps);
    fputs(",\n      ", out);
    write_match(out, "events", &s->events);
    if (e->test_labels.multi) {
        fputs(",\n      ", out);
        write_match(out, "segments_cmg", &s->steps_cmg);
        write_number(out, "threshold", s->threshold);
    }
}

static void write_masks(FILE *out, const eval_score *s)
{
    fprintf(out, "\"masks\": %zu", s->masks.mask_count);
    write_number(out, "miou", s->masks.miou);
    write_number(out, "f_beta", s->masks.f_beta);
    write_number(out, "threshold", s->masks.threshold);
    write_number(out, "miou_cmg", s->masks_cmg.miou);
    write_number(out, "f_beta_cmg", s->masks_cmg.f_beta);
}

static void write_ranks(FILE *out, const eval_score *s)
{
    fprintf(out, "\"queries\": %zu, \"items\": %zu, \"recall\": {", s->ranks.query_count,
            s->gallery);
    for (size_t i = 0; i < CLI_RECALLS; i++) {
        fprintf(out, "%s\"%zu\": ", i ? ", " : "", cli_recall_at[i]);
        cli_json_number(out, s->recall[i]);
    }
    fputc('}', out);
    write_number(out, "median_rank", s->ranks.median_rank);
    write_number(out, "map", s->ranks.mean_average_precision);
}

static void write_value(const evaluation *e, FILE *out, const eval_score *s)
{
    cli_json_number(out, value(e, s));
}

static void write_scores(const evaluation *e, FILE *out, const eval_score *s)
{
    fputc('{', out);
    if (has_classes(e))
        write_classes(e, out, s);
    if (e->task == LOCALISE) {
        fputs(has_classes(e) ? ",\n      " : "", out);
        write_steps(e, out, s);
    } else if (e->task == SEGMENT) {
        write_masks(out, s);
    } else if (e->task == RETRIEVE) {
        write_ranks(out, s);
    }
    fputc('}', out);
}

/* The member `name`: {"a>b": what `write` makes of it} of every direction. */
static void write_directions(const evaluation *e, FILE *out, const char *name,
                             void (*write)(const evaluation *, FILE *, const eval_score *))
{
    char text[DIRECTION];
    const char *between = "";
    fprintf(out, ",\n  \"%s\": {", name);
    for (size_t i = 0; i < e->train.count * e->test.count; i++) {
        size_t a = i / e->test.count, b = i % e->test.count;
        if (!e->scores[a][b].there)
            continue;
        fprintf(out, "%s\n    ", between);
        cli_json_text(out, direction(e, a, b, text));
        fputs(": ", out);
        write(e, out, &e->scores[a][b]);
        between = ",";
    }
    fputs("\n  }", out);
}

static void write_usage(const evaluation *e, FILE *out)
{
    const unic_usage_report *used = &e->usage.all;
    const struct {
        const char *name;
        double number;
    } figures[] = {
        {"shared_codes", used->shared},
        {"codes_used_often", (double)used->often_count},
        {"codes_used_by_all", (double)used->common_count},
        {"codes_used_by_none", (double)used->dead_count},
        {"agreement", used->agreement},
        {"divergence", used->divergence},
        {"perplexity", used->perplexity},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        fprintf(out, ",\n  \"%s\": ", figures[i].name);
        cli_json_number(out, figures[i].number);
    }
    fputs(",\n  \"usage\": ", out);
    for (size_t i = 0; i < e->test.count; i++) {
        fputs(i ? ",\n    " : "{\n    ", out);
        cli_json_text(out, e->test.names[i]);
        fputs(": ", out);
        write_counts(out, e->usage.counts[i], e->usage.codes);
    }
    fputs("\n  }", out);
}

static void write_names(const evaluation *e, FILE *out)
{
    for (size_t i = 0; i < e->names.count; i++) {
        fputs(i ? ", " : ",\n  \"class_names\": [", out);
        cli_json_text(out, e->names.items[i]);
    }
    fputs(e->names.count ? "]" : "", out);
}

static void write_json(const evaluation *e, FILE *out)
{
    fprintf(out, "{\n  \"task\": \"%s\",\n  \"metric\": \"%s\"", e->task_name, metric(e));
    if (e->task == CLASSIFY || e->task == LOCALISE)
        fprintf(out, ",\n  \"classes\": %zu", e->classes);
    write_names(e, out);
    if (e->task == RETRIEVE)
        fprintf(out, ",\n  \"relevant\": \"%s\",\n  \"similarity\": \"%s\"", e->relevant,
                e->metric->name);
    else
        fprintf(out, ",\n  \"seed\": %llu,\n  \"train_clips\": %zu",
                (unsigned long long)e->seed, e->train.clips);
    fprintf(out, ",\n  \"test_clips\": %zu", e->test.clips);
    write_directions(e, out, "results", write_value);
    write_directions(e, out, "scores", write_scores);
    write_usage(e, out);
    if (has_classes(e))
        write_directions(e, out, "confusion", write_confusion);
    fputs("\n}\n", out);
}

bool eval_save_json(const evaluation *e)
{
    cli_output output;
    if (!e->json_path)
        return true;
    if (!cli_output_open(&output, e->json_path))
        return false;
    write_json(e, output.stream);
    return cli_output_commit(&output);
}
