/*
 * unic-eval: how well codes carry over from one modality to another.
 *
 * For each modality a head is trained on the codes of the train clips, and used untouched on
 * those of every modality of the test clips: what it gets right on a modality it has not seen
 * is what the codes of both have in common.
 */
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli_codes.h"
#include "cli_json.h"
#include "cli_model.h"
#include "cli_options.h"
#include "cli_output.h"
#include "cli_report.h"
#include "cli_table.h"
#include "cli_threads.h"

enum { M = CLI_CODES_MODALITIES };

/* The labels of a file's clips or steps, for each of its modalities. */
typedef struct labels {
    size_t classes;
    bool multi; /* [N,T,C] of 0 and 1; else [N] or [N,T] of classes */
    int32_t *of[M];
} labels;

/* What a head made of test clips. */
typedef struct score {
    double value;       /* accuracy or F1, a fraction of 1 */
    int64_t *confusion; /* [classes,classes], rows: truth; NULL if multi */
} score;

typedef struct evaluation {
    /* the command line */
    const char *model_path, *train_path, *test_path, *task, *json_path;
    bool table;
    cli_list settings;
    cli_data how;
    uint64_t seed, threads;

    bool localise;
    unic_model *model;
    unic_codebook *codebook;
    cli_codes train, test;
    labels train_labels, test_labels;
    size_t classes;     /* of both files */
    cli_usage usage;    /* over the test clips */
    score scores[M][M]; /* trained on, tested on */
} evaluation;

/* ---- labels ---- */

static bool read_labels_of(const evaluation *e, const cli_codes *c, size_t i, labels *out)
{
    char name[128] = "label";
    int64_t dims[UNIC_MAX_RANK];
    size_t rank, count = 1, wanted = e->localise ? 2 : 1;
    if (e->localise)
        snprintf(name, sizeof name, "%s.step_labels", c->names[i]);
    if (!cli_ok(unic_dataset_labels(c->data, name, dims, &rank, NULL)))
        return false;
    bool multi = e->localise && rank == 3;
    if (rank != wanted + multi)
        return cli_fail("%s has rank %zu, expected %s", name, rank,
                        e->localise ? "[N,T], or [N,T,classes] of 0 and 1" : "[N]");
    if (i > 0 && multi != out->multi)
        return cli_fail("%s and %s.step_labels are not of the same rank", name, c->names[0]);
    for (size_t d = 0; d < rank; d++)
        count *= (size_t)dims[d];
    if (!(out->of[i] = cli_alloc(count, sizeof(int32_t))) ||
        !cli_ok(unic_dataset_labels(c->data, name, dims, &rank, out->of[i])))
        return false;
    out->multi = multi;
    for (size_t n = 0; !multi && n < count; n++)
        if (out->of[i][n] >= 0 && (size_t)out->of[i][n] >= out->classes)
            out->classes = (size_t)out->of[i][n] + 1;
    if (multi && (size_t)dims[2] > out->classes)
        out->classes = (size_t)dims[2];
    return true;
}

static bool read_labels(evaluation *e)
{
    for (size_t i = 0; i < e->train.count; i++)
        if (!read_labels_of(e, &e->train, i, &e->train_labels))
            return false;
    for (size_t i = 0; i < e->test.count; i++)
        if (!read_labels_of(e, &e->test, i, &e->test_labels))
            return false;
    const labels *a = &e->train_labels, *b = &e->test_labels;
    if (a->multi != b->multi || (a->multi && a->classes != b->classes))
        return cli_fail("the step labels of %s and %s do not have the same classes",
                        e->train_path, e->test_path);
    e->classes = a->classes > b->classes ? a->classes : b->classes;
    return true;
}

/* ---- scores ---- */

/* Whether clip (or, to localise, step) `row` of a modality is there. */
static bool is_present(const evaluation *e, const int32_t *codes, size_t row)
{
    if (e->localise)
        return codes[row] >= 0;
    for (size_t t = 0; t < e->test.length; t++)
        if (codes[row * e->test.length + t] >= 0)
            return true;
    return false;
}

/* Top-1 accuracy over what is there and has a label. */
static bool score_classes(const evaluation *e, size_t b, const float *logits, size_t rows,
                          score *out)
{
    const int32_t *truth = e->test_labels.of[b];
    size_t classes = e->classes, right = 0, counted = 0;
    if (!(out->confusion = cli_alloc(classes * classes, sizeof *out->confusion)))
        return false;
    for (size_t r = 0; r < rows; r++, logits += classes) {
        size_t best = 0;
        if (truth[r] < 0 || !is_present(e, e->test.codes[b], r))
            continue;
        for (size_t c = 1; c < classes; c++)
            if (logits[c] > logits[best])
                best = c;
        out->confusion[(size_t)truth[r] * classes + best]++;
        right += best == (size_t)truth[r];
        counted++;
    }
    out->value = counted ? (double)right / (double)counted : 0.0;
    return true;
}

/* Micro F1 = 2 TP / (2 TP + FP + FN) over steps and classes; logit > 0 predicts a class. */
static bool score_multi(const evaluation *e, size_t b, const float *logits, size_t rows,
                        score *out)
{
    const int32_t *truth = e->test_labels.of[b];
    uint64_t both = 0, either = 0;
    for (size_t i = 0; i < rows * e->classes; i++) {
        if (!is_present(e, e->test.codes[b], i / e->classes))
            continue;
        both += truth[i] && logits[i] > 0.0F;
        either += (uint64_t)(truth[i] != 0) + (logits[i] > 0.0F);
    }
    out->value = either ? 2.0 * (double)both / (double)either : 0.0;
    return true;
}

static bool test_head(evaluation *e, const unic_head *head, size_t a, size_t b)
{
    const cli_codes *test = &e->test;
    size_t rows = test->clips * (e->localise ? test->length : 1);
    float *logits = cli_alloc(rows * e->classes, sizeof *logits);
    bool ok = logits &&
              cli_ok(
                  unic_head_predict(head, test->codes[b], test->clips, test->length, logits)) &&
              (e->test_labels.multi ? score_multi : score_classes)(e, b, logits, rows,
                                                                   &e->scores[a][b]);
    free(logits);
    return ok;
}

/* A head trained on modality `a`, tested on every one. */
static bool evaluate(evaluation *e, size_t a)
{
    const cli_codes *train = &e->train;
    unic_head *head = NULL;
    unic_head_options options = {
        .struct_size = sizeof options,
        .kind = !e->localise            ? UNIC_HEAD_CLIP
                : e->train_labels.multi ? UNIC_HEAD_STEP_MULTI
                                        : UNIC_HEAD_STEP,
        .classes = (int32_t)e->classes,
        .seed = e->seed,
    };
    bool ok = cli_ok(unic_head_create(&head, e->codebook, &options)) &&
              cli_ok(unic_head_fit(head, train->codes[a], train->clips, train->length,
                                   e->train_labels.of[a], NULL));
    for (size_t b = 0; ok && b < e->test.count; b++)
        ok = test_head(e, head, a, b);
    unic_head_free(head);
    return ok;
}

static bool run(evaluation *e)
{
    if (!cli_ok(unic_set_threads((int)e->threads)) ||
        (e->json_path && !cli_output_possible(e->json_path)) ||
        !cli_model_open(&e->model, e->model_path, &e->settings) ||
        !cli_ok(unic_model_codebook(e->model, &e->codebook)) ||
        !cli_codes_read(&e->train, e->model, &e->how, e->train_path) ||
        !cli_codes_read(&e->test, e->model, &e->how, e->test_path) || !read_labels(e) ||
        !cli_usage_count(&e->usage, &e->test, e->codebook))
        return false;
    for (size_t a = 0; a < e->train.count; a++)
        if (!evaluate(e, a))
            return false;
    return true;
}

/* ---- what comes out ---- */

static const char *metric(const evaluation *e)
{
    return e->test_labels.multi ? "micro_f1" : "accuracy";
}

static double part(size_t some, size_t all)
{
    return all ? (double)some / (double)all : 0.0;
}

static bool print_table(const evaluation *e)
{
    cli_table table;
    printf("%s, %s in %%: heads trained on the row, tested on the column\n\n", e->task,
           metric(e));
    cli_table_begin(&table, e->test.count + 1);
    cli_table_cell(&table, " ");
    for (size_t b = 0; b < e->test.count; b++)
        cli_table_cell(&table, "%s", e->test.names[b]);
    for (size_t a = 0; a < e->train.count; a++) {
        cli_table_cell(&table, "%s", e->train.names[a]);
        for (size_t b = 0; b < e->test.count; b++)
            cli_table_cell(&table, "%.1f", 100.0 * e->scores[a][b].value);
    }
    return cli_table_end(&table, stdout);
}

static bool print_results(const evaluation *e)
{
    if (e->table) {
        if (!print_table(e))
            return false;
    } else {
        for (size_t a = 0; a < e->train.count; a++)
            for (size_t b = 0; b < e->test.count; b++)
                printf("%s>%s\t%.4f\n", e->train.names[a], e->test.names[b],
                       e->scores[a][b].value);
    }
    if (e->test.count > 1)
        printf("shared codes\t%.4f of %zu used at least %d times\n",
               part(e->usage.shared, e->usage.often), e->usage.often, CLI_OFTEN);
    printf("perplexity\t%.1f of %zu codes\n", e->usage.perplexity_of_all, e->usage.codes);
    return true;
}

static void write_counts(FILE *out, const int64_t *counts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s%lld", i ? "," : "[", (long long)counts[i]);
    fputc(']', out);
}

static void write_confusion(const evaluation *e, FILE *out, const score *s)
{
    for (size_t c = 0; c < e->classes; c++) {
        fputs(c ? ",\n      " : "[\n      ", out);
        write_counts(out, s->confusion + c * e->classes, e->classes);
    }
    fputs("\n    ]", out);
}

/* The pairs `"a>b":value` of every direction; of the scores, or of the confusion tables. */
static void write_directions(const evaluation *e, FILE *out, bool confusion)
{
    for (size_t i = 0; i < e->train.count * e->test.count; i++) {
        size_t a = i / e->test.count, b = i % e->test.count;
        char name[256];
        snprintf(name, sizeof name, "%s>%s", e->train.names[a], e->test.names[b]);
        fputs(i ? ",\n    " : "{\n    ", out);
        cli_json_text(out, name);
        fputs(": ", out);
        if (confusion)
            write_confusion(e, out, &e->scores[a][b]);
        else
            cli_json_number(out, e->scores[a][b].value);
    }
    fputs("\n  }", out);
}

static void write_json(const evaluation *e, FILE *out)
{
    fprintf(out, "{\n  \"task\": \"%s\",\n  \"metric\": \"%s\",\n  \"classes\": %zu,\n",
            e->task, metric(e), e->classes);
    fprintf(out, "  \"seed\": %llu,\n  \"train_clips\": %zu,\n  \"test_clips\": %zu,\n",
            (unsigned long long)e->seed, e->train.clips, e->test.clips);
    fputs("  \"results\": ", out);
    write_directions(e, out, false);
    fputs(",\n  \"shared_codes\": ", out);
    cli_json_number(out, part(e->usage.shared, e->usage.often));
    fprintf(out, ",\n  \"codes_used_often\": %zu,\n  \"perplexity\": ", e->usage.often);
    cli_json_number(out, e->usage.perplexity_of_all);
    fputs(",\n  \"usage\": ", out);
    for (size_t i = 0; i < e->test.count; i++) {
        fputs(i ? ",\n    " : "{\n    ", out);
        cli_json_text(out, e->test.names[i]);
        fputs(": ", out);
        write_counts(out, e->usage.counts[i], e->usage.codes);
    }
    fputs("\n  }", out);
    if (!e->test_labels.multi) {
        fputs(",\n  \"confusion\": ", out);
        write_directions(e, out, true);
    }
    fputs("\n}\n", out);
}

static bool save_json(const evaluation *e)
{
    cli_output output;
    if (!e->json_path)
        return true;
    if (!cli_output_open(&output, e->json_path))
        return false;
    write_json(e, output.stream);
    return cli_output_commit(&output);
}

static void release(evaluation *e)
{
    for (size_t i = 0; i < M; i++) {
        free(e->train_labels.of[i]);
        free(e->test_labels.of[i]);
        for (size_t j = 0; j < M; j++)
            free(e->scores[i][j].confusion);
    }
    cli_usage_free(&e->usage);
    cli_codes_free(&e->train);
    cli_codes_free(&e->test);
    unic_codebook_free(e->codebook);
    unic_model_free(e->model);
    cli_list_free(&e->settings);
}

static const char purpose[] =
    "how well codes carry over from one modality to another.\n\n"
    "A head is trained on the codes of one modality and used untouched on those of\n"
    "every modality, for each in turn. What is above chance for a modality that the\n"
    "head has not seen is what the codes of both have in common.";

static const char more[] =
    "Tasks:\n"
    "  classify  \"label\" [N], one class per clip: top-1 accuracy\n"
    "  localise  \"<modality>.step_labels\": [N,T], one class per step (the background\n"
    "            has its own; -1: not counted): accuracy over the steps there are;\n"
    "            or [N,T,C] of 0 and 1: micro F1 at logit > 0\n"
    "\n"
    "A data file is an npz with an array [N,T,...] for each modality, or what else\n"
    "unic-train reads. The two need not have the same modalities.\n"
    "\n"
    "shared codes: of the codes used at least 5 times on the test clips, the part of\n"
    "which every modality has 20 to 80 % of the uses. perplexity: exp of the entropy of\n"
    "all uses. The JSON has both, and task, metric, results {\"a>b\": fraction of 1,\n"
    "trained on a, tested on b}, usage {modality: [uses of each code]} and, unless the\n"
    "labels are [N,T,C], confusion {\"a>b\": [[clips or steps]]}, rows the truth.\n"
    "\n"
    "Example:\n"
    "  unic-eval --model model.npz --train heads.npz --test test.npz --table --json r.json";

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    static evaluation e; /* zero; too large for comfort on the stack */
    e.task = "classify";
    e.threads = cli_threads_default();
    const cli_option options[] = {
        {"--model", "FILE", CLI_MODEL_HELP, .text = &e.model_path, .required = true},
        {"--train", "FILE", "the clips that heads are trained on", .text = &e.train_path,
         .required = true},
        {"--test", "FILE", "the clips they are tested on", .text = &e.test_path,
         .required = true},
        {"--task", "TASK", "classify or localise [classify]", .text = &e.task},
        {"--json", "FILE", "write results and statistics there", .text = &e.json_path},
        {"--seed", "N", "of the heads' weights and shuffles [0]", .number = &e.seed,
         .most = UINT64_MAX},
        {"--table", NULL, "print the results as a table, in %", .flag = &e.table},
        CLI_MODEL_SET_OPTION(&e.settings),
        CLI_SKIP_DAMAGED_OPTION(&e.how.skip_damaged),
        CLI_THREADS_OPTION(&e.threads),
    };
    const cli_program program = {
        .name = "unic-eval",
        .purpose = purpose,
        .usage = "--model MODEL.npz --train D1.npz --test D2.npz [options]",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    e.localise = !strcmp(e.task, "localise");
    if (!e.localise && strcmp(e.task, "classify"))
        cli_wrong_usage(&program, "--task is \"%s\", but must be classify or localise", e.task);

    bool ok = run(&e) && print_results(&e) && save_json(&e);
    int status = cli_exit_status(ok);
    release(&e);
    return status;
}
