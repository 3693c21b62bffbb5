/*
 * unic-retrieve: clips of one modality found by clips of another.
 *
 * One clip's way: data file -> unic_encoder_encode_dataset() -> cli_vectors_add() ->
 * unic_index_add(), or unic_index_search() and unic_index_rank().
 */
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/codes.h"
#include "cli/data.h"
#include "cli/json.h"
#include "cli/limit.h"
#include "cli/model.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/threads.h"
#include "cli/vectors.h"

typedef struct job {
    /* the command line */
    const char *model_path, *query_path, *query_modality, *gallery_path, *gallery_modality;
    const char *index_path, *save_path, *metric_name, *json_path;
    cli_list settings;
    cli_data how;
    bool unpaired;
    uint64_t top, threads;

    unic_model *model;
    unic_codebook *codebook;
    const cli_metric *metric;
    unic_index *index;
    cli_vectors queries;
    cli_names query_names, gallery_names;
    int64_t *hits;          /* [queries,top] ids */
    float *scores;          /* [queries,top] */
    unic_rank_report ranks; /* of the queries whose own clip is an item */
    double recall[CLI_RECALLS];
} job;

/* ---- clips to vectors ---- */

/* Clips that lack the modality are left out. */
static bool read_clips(const job *j, const char *path, const char *modality, cli_vectors *out,
                       cli_names *names)
{
    cli_codes codes;
    bool ok = cli_codes_read_one(&codes, j->model, &j->how, path, modality) &&
              cli_names_read(names, codes.data, modality) &&
              cli_vectors_begin(out, j->codebook, j->metric->metric, codes.clips,
                                codes.length) &&
              cli_vectors_add(out, codes.codes[0], codes.clips, 0);
    if (ok && out->count == 0)
        ok = cli_fail("%s: none of its %zu clips has a step of %s", path, codes.clips,
                      modality);
    cli_codes_free(&codes);
    return ok;
}

/* ---- the gallery ---- */

static bool load_index(job *j)
{
    if (!cli_ok(unic_index_load(&j->index, j->index_path, cli_open_options())))
        return false;
    const uint64_t ours = unic_codebook_fingerprint(j->codebook);
    if (unic_index_accepts(j->index, ours) != UNIC_OK)
        return cli_fail("%s: %s", j->index_path, unic_last_error());
    const bool takes_any = unic_index_accepts(j->index, ~ours) == UNIC_OK; /* it has none */
    if (takes_any)
        cli_note("warning: %s does not say of which codebook its items are: they are taken for "
                 "items of that of %s",
                 j->index_path, j->model_path);
    while (j->metric->metric != unic_index_metric_of(j->index))
        j->metric++;
    const bool histograms = j->metric->metric == UNIC_INDEX_INTERSECTION;
    const size_t dim = histograms ? unic_codebook_code_count(j->codebook)
                                  : unic_codebook_dim(j->codebook);
    if (unic_index_item_count(j->index) == 0)
        return cli_fail("%s has no items", j->index_path);
    return unic_index_dim(j->index) == dim ||
           cli_fail("%s has items of %zu dims, but clips pooled for %s have %zu", j->index_path,
                    unic_index_dim(j->index), j->metric->name, dim);
}

static bool build_index(job *j)
{
    cli_vectors gallery = {0};
    bool ok = read_clips(j, j->gallery_path, j->gallery_modality, &gallery,
                         &j->gallery_names) &&
              cli_vectors_index(&j->index, &gallery);
    cli_vectors_free(&gallery);
    return ok;
}

/* ---- what is found ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Each query's id becomes that of the gallery's clip of its name, or -1. */
static bool pair_by_name(const job *j, int64_t *own)
{
    const cli_vectors *q = &j->queries;
    const size_t clips = j->gallery_names.clips;
    cli_named *sorted = cli_names_sorted(&j->gallery_names);
    bool ok = sorted != NULL;
    for (size_t i = 0; ok && i < q->count; i++) {
        const char *name = j->query_names.at[q->ids[i]];
        const size_t at = cli_names_find(sorted, clips, name);
        own[i] = at < clips ? (int64_t)sorted[at].clip : -1;
        if (at + 1 < clips && !strcmp(sorted[at + 1].name, name))
            ok = cli_fail("%s: clips %zu and %zu are both %s, a clip of %s: which one is to be "
                          "found is not known; --unpaired goes without ranks",
                          j->gallery_path, sorted[at].clip, sorted[at + 1].clip, name,
                          j->query_path);
    }
    free(sorted);
    return ok;
}

/* An index has numbers of clips, not their names: whether they are these, only their range can tell. */
static bool check_items(const job *j)
{
    const size_t clips = j->query_names.clips, items = unic_index_item_count(j->index);
    const int64_t *ids = unic_index_ids(j->index);
    for (size_t i = 0; i < items; i++)
        if (ids[i] < 0 || (uint64_t)ids[i] >= clips)
            return cli_fail(
                "%s has an item %lld, but %s has %zu clips: they are not those that the "
                "items were made of; --unpaired goes without ranks",
                j->index_path, (long long)ids[i], j->query_path, clips);
    cli_note("the items of %s are taken for the clips of %s with the same numbers; --unpaired "
             "goes without ranks",
             j->index_path, j->query_path);
    return true;
}

/* The id of each query's own clip, which need not be an item. Clips that have numbers alone are the
 * same if their numbers are, which can only be where there are as many. */
static bool find_own(const job *j, int64_t *own)
{
    const size_t queries = j->query_names.clips, gallery = j->gallery_names.clips;
    memcpy(own, j->queries.ids, j->queries.count * sizeof *own);
    if (j->index_path)
        return check_items(j);
    if (!strcmp(j->query_path, j->gallery_path))
        return true;
    if (j->query_names.at && j->gallery_names.at)
        return pair_by_name(j, own);
    if (queries != gallery)
        return cli_fail(
            "%s has %zu clips and %s has %zu, and they do not both have names: which one "
            "each is to find is not known; --unpaired goes without ranks",
            j->query_path, queries, j->gallery_path, gallery);
    if (j->query_names.at || j->gallery_names.at) /* whose order may be that of the names */
        cli_note("the clips of %s are taken for those of %s with the same numbers, as only %s "
                 "has names of clips; --unpaired goes without ranks",
                 j->query_path, j->gallery_path,
                 j->query_names.at ? j->query_path : j->gallery_path);
    return true;
}

/* The queries whose own clip is an item, with its id. */
static bool find_pairs(const job *j, cli_vectors *out)
{
    const cli_vectors *q = &j->queries;
    size_t items = unic_index_item_count(j->index);
    int64_t *sorted = cli_alloc(items, sizeof *sorted);
    out->dim = q->dim;
    bool ok = sorted && (out->ids = cli_alloc(q->count, sizeof *out->ids)) &&
              (out->vectors = cli_alloc(q->count, q->dim * sizeof *out->vectors)) &&
              find_own(j, out->ids);
    if (ok) {
        memcpy(sorted, unic_index_ids(j->index), items * sizeof *sorted);
        qsort(sorted, items, sizeof *sorted, by_number);
    }
    for (size_t i = 0; ok && i < q->count; i++)
        if (bsearch(&out->ids[i], sorted, items, sizeof *sorted, by_number)) {
            memcpy(out->vectors + out->count * q->dim, q->vectors + i * q->dim,
                   q->dim * sizeof *q->vectors);
            out->ids[out->count++] = out->ids[i];
        }
    free(sorted);
    if (ok && out->count == 0)
        ok = cli_fail("no clip of %s is an item; --unpaired goes without ranks", j->query_path);
    if (ok && out->count < q->count)
        cli_note("%zu of %zu queries have no rank: their clip is no item",
                 q->count - out->count, q->count);
    return ok;
}

static bool score(job *j)
{
    cli_vectors pairs = {0};
    int64_t *ranks = NULL;
    bool ok = find_pairs(j, &pairs) && (ranks = cli_alloc(pairs.count, sizeof *ranks));
    if (ok) {
        const unic_array rows = cli_vectors_rows(&pairs, 0, pairs.count);
        ok = cli_ok(unic_index_rank(j->index, &rows, pairs.ids, NULL, ranks)) &&
             cli_ok(unic_metrics_recall(&j->ranks, ranks, pairs.count, cli_recall_at,
                                        CLI_RECALLS, j->recall));
    }
    cli_vectors_free(&pairs);
    free(ranks);
    return ok;
}

static bool search(job *j)
{
    size_t count = j->queries.count, items = unic_index_item_count(j->index);
    size_t top = j->top < items ? (size_t)j->top : items; /* there are no more */
    j->top = top;
    const unic_array rows = cli_vectors_rows(&j->queries, 0, count);
    return (j->hits = cli_alloc(count, top * sizeof *j->hits)) &&
           (j->scores = cli_alloc(count, top * sizeof *j->scores)) &&
           cli_ok(unic_index_search(j->index, &rows, top, NULL, j->hits, j->scores));
}

static bool run(job *j)
{
    const char *const inputs[] = {j->model_path, j->gallery_path, j->query_path, j->index_path};
    if (!cli_ok(unic_set_threads((int)j->threads)) ||
        !cli_output_ready("--json", j->json_path, inputs, 4) ||
        !cli_output_ready("--save", j->save_path, inputs, 4) ||
        !cli_outputs_differ("--json", j->json_path, "--save", j->save_path) ||
        !cli_model_open(&j->model, j->model_path, &j->settings) ||
        !cli_ok(unic_model_codebook(&j->codebook, j->model)) ||
        !(j->index_path ? load_index(j) : build_index(j)) ||
        (j->save_path && !cli_ok(unic_index_save(j->index, j->save_path))))
        return false;
    return !j->query_path ||
           (read_clips(j, j->query_path, j->query_modality, &j->queries, &j->query_names) &&
            (!j->top || search(j)) && (j->unpaired || score(j)));
}

/* ---- what comes out ---- */

/* Of ranks drawn at random. */
static double chance(const job *j, size_t k)
{
    double p = (double)k / (double)unic_index_item_count(j->index);
    return p < 1.0 ? p : 1.0;
}

static bool print_table(const job *j)
{
    cli_table table;
    double middle = 0.5 * (double)(unic_index_item_count(j->index) + 1);
    printf("%zu queries of %s in %zu items of %s by %s; R@k in %%\n\n", j->ranks.query_count,
           j->query_modality, unic_index_item_count(j->index),
           j->gallery_path ? j->gallery_modality : j->index_path, j->metric->name);
    cli_table_begin(&table, CLI_RECALLS + 2);
    cli_table_cell(&table, " ");
    for (size_t i = 0; i < CLI_RECALLS; i++)
        cli_table_cell(&table, "R@%zu", cli_recall_at[i]);
    cli_table_cell(&table, "median rank");
    cli_table_cell(&table, "%s", j->query_modality);
    for (size_t i = 0; i < CLI_RECALLS; i++)
        cli_table_cell(&table, "%.1f", 100.0 * j->recall[i]);
    cli_table_cell(&table, "%.1f", j->ranks.median_rank);
    cli_table_cell(&table, "chance");
    for (size_t i = 0; i < CLI_RECALLS; i++)
        cli_table_cell(&table, "%.1f", 100.0 * chance(j, cli_recall_at[i]));
    cli_table_cell(&table, "%.1f", middle);
    return cli_table_end(&table, stdout);
}

static bool print_results(const job *j)
{
    size_t top = (size_t)j->top;
    if (j->save_path)
        printf("%zu items, written: %s\n", unic_index_item_count(j->index), j->save_path);
    if (!j->query_path)
        return true;
    for (size_t i = 0; top && i < j->queries.count; i++) {
        printf("%lld", (long long)j->queries.ids[i]);
        for (size_t h = i * top; h < (i + 1) * top; h++)
            printf("\t%lld:%.4g", (long long)j->hits[h], (double)j->scores[h]);
        putchar('\n');
    }
    return j->unpaired || print_table(j);
}

static void write_hits(const job *j, FILE *out)
{
    size_t top = (size_t)j->top;
    fputs(",\n  \"hits\": {", out);
    for (size_t i = 0; i < j->queries.count; i++) {
        fprintf(out, "%s\n    \"%lld\": [", i ? "," : "", (long long)j->queries.ids[i]);
        for (size_t h = i * top; h < (i + 1) * top; h++) {
            fprintf(out, "%s[%lld, ", h > i * top ? ", " : "", (long long)j->hits[h]);
            cli_json_number(out, (double)j->scores[h]);
            fputc(']', out);
        }
        fputc(']', out);
    }
    fputs("\n  }", out);
}

static void write_json(const job *j, FILE *out)
{
    fprintf(out, "{\n  \"task\": \"retrieve\",\n  \"metric\": \"%s\",\n  \"items\": %zu",
            j->metric->name, unic_index_item_count(j->index));
    if (j->gallery_path) {
        fputs(",\n  \"gallery\": ", out);
        cli_json_text(out, j->gallery_modality);
    }
    if (j->query_path) {
        fputs(",\n  \"query\": ", out);
        cli_json_text(out, j->query_modality);
        if (j->top)
            write_hits(j, out);
        if (!j->unpaired) {
            fprintf(out, ",\n  \"queries\": %zu,\n  \"median_rank\": ", j->ranks.query_count);
            cli_json_number(out, j->ranks.median_rank);
            fputs(",\n  \"recall\": {", out);
            for (size_t i = 0; i < CLI_RECALLS; i++) {
                fprintf(out, "%s\"%zu\": ", i ? ", " : "", cli_recall_at[i]);
                cli_json_number(out, j->recall[i]);
            }
            fputs("}", out);
        }
    }
    fputs("\n}\n", out);
}

static bool save_json(const job *j)
{
    cli_output output;
    if (!j->json_path)
        return true;
    if (!cli_output_open(&output, j->json_path))
        return false;
    write_json(j, output.stream);
    return cli_output_commit(&output);
}

static void release(job *j)
{
    cli_vectors_free(&j->queries);
    cli_names_free(&j->query_names);
    cli_names_free(&j->gallery_names);
    free(j->hits);
    free(j->scores);
    unic_index_free(j->index);
    unic_codebook_free(j->codebook);
    unic_model_free(j->model);
    cli_list_free(&j->settings);
}

static const char purpose[] =
    "clips of one modality found by clips of another.\n\n"
    "The codes mean the same in every modality. So a clip is pooled over its steps to\n"
    "one vector, in whatever modality, and compared with the vectors of all items of a\n"
    "gallery: speech finds images. Nothing is trained for it.";

static const char more[] =
    "The gallery is the clips of one modality of a data file, or an index that was saved\n"
    "from one. Items are named by their clip's number, from 0, in the gallery's file.\n"
    "Clips without the modality are passed over. A data file is what unic-encode reads.\n"
    "\n"
    "Metrics (an index keeps its own):\n"
    "  cosine        of the means of the codes' vectors\n"
    "  inner, l2     their inner product, their Euclidean distance (squared)\n"
    "  intersection  of the histograms of codes: the share of steps they have in common\n"
    "\n"
    "R@k is the share of the queries for which the item of the query's own clip is\n"
    "among the k nearest; a tie counts against it. Of two data files with a file a clip it\n"
    "is the clip of the same name, otherwise that of the same number: then both must have\n"
    "as many clips. The items of an index have numbers alone, those of its gallery's clips.\n"
    "With --unpaired, where the queries are not the gallery's clips, there\n"
    "are no ranks. --top K prints for each query its number and K times ITEM:SCORE, the\n"
    "nearest first.\n"
    "The JSON has task, metric, items, gallery, query, hits {query: [[item, score]]}\n"
    "(with --top), queries, recall {k: fraction of 1}, median_rank.\n"
    "\n"
    "Examples:\n"
    "  unic-retrieve --model model.npz --query test.npz --query-modality text \\\n"
    "      --gallery test.npz --gallery-modality audio\n"
    "  unic-retrieve --model model.npz --gallery all.npz --gallery-modality audio \\\n"
    "      --save audio.index.npz\n"
    "  unic-retrieve --model model.npz --index audio.index.npz --unpaired --top 10 \\\n"
    "      --query new.npz --query-modality video";

/* What the table of options cannot say. */
static void check_usage(const cli_program *program, job *j)
{
    if (!j->gallery_path == !j->index_path)
        cli_wrong_usage(program, "one of --gallery FILE and --index FILE is needed");
    if (!j->gallery_path != !j->gallery_modality)
        cli_wrong_usage(program, "--gallery and --gallery-modality go together");
    if (!j->query_path != !j->query_modality)
        cli_wrong_usage(program, "--query and --query-modality go together");
    if (!j->query_path && !j->save_path)
        cli_wrong_usage(program, "there is nothing to do: neither --query nor --save");
    if (j->unpaired && !j->top)
        cli_wrong_usage(program, "--unpaired has no ranks to print: --top K is needed");
    if (j->index_path && j->metric_name)
        cli_wrong_usage(program, "--metric is given, but an index has its own");
    if (!(j->metric = cli_metric_named(j->metric_name)))
        cli_wrong_usage(program, "--metric is \"%s\", but must be " CLI_METRIC_NAMES,
                        j->metric_name);
}

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    job j = {.threads = cli_threads_default(), .ranks.struct_size = sizeof j.ranks};
    const cli_option options[] = {
        {"--model", "FILE", CLI_MODEL_HELP, .text = &j.model_path, .required = true},
        {"--query", "FILE", "the clips to find items for", .text = &j.query_path},
        {"--query-modality", "NAME", "what of them is looked at", .text = &j.query_modality},
        {"--gallery", "FILE", "the clips that are the items", .text = &j.gallery_path},
        {"--gallery-modality", "NAME", "what of them is looked at",
         .text = &j.gallery_modality},
        {"--index", "FILE", "the items, as --save wrote them", .text = &j.index_path},
        {"--save", "FILE", "write the items there, an npz", .text = &j.save_path},
        {"--metric", "NAME", CLI_METRIC_NAMES " [cosine]", .text = &j.metric_name},
        {"--top", "K", "print each query's K nearest items [0]", .number = &j.top,
         .most = UINT32_MAX},
        {"--unpaired", NULL, "the queries are not the gallery's clips: no ranks",
         .flag = &j.unpaired},
        {"--json", "FILE", "write the results there", .text = &j.json_path},
        CLI_MODEL_SET_OPTION(&j.settings),
        CLI_SKIP_DAMAGED_OPTION(&j.how.skip_damaged),
        CLI_MEMORY_LIMIT_OPTION,
        CLI_THREADS_OPTION(&j.threads),
    };
    const cli_program program = {
        .name = "unic-retrieve",
        .purpose = purpose,
        .usage = "--model M.npz --query D.npz --query-modality A [options]",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    check_usage(&program, &j);
    bool ok = run(&j) && save_json(&j) && print_results(&j);
    int status = cli_exit_status(ok);
    release(&j);
    return status;
}
