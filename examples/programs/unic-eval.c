/*
 * unic-eval: how well codes carry over from one modality to another.
 *
 * For each modality a head or a segmenter is trained on the codes of the train clips, and used
 * untouched on those of every modality of the test clips: what it gets right on a modality it
 * has not seen is what the codes of both have in common. To retrieve, nothing is trained.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <unicode/unic.h>

#include "cli/clip_table.h"
#include "cli/limit.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/threads.h"
#include "eval/eval.h"

enum { MOST_PATH = 4096 }; /* that the kernel takes */

/* The split in "TABLE.csv:SPLIT", or NULL; what stat() says of the file without it. */
static const char *look_at(const char *path, struct stat *about, bool *found)
{
    const size_t table = cli_table_size(path), size = table ? table : strlen(path);
    char file[MOST_PATH];
    snprintf(file, sizeof file, "%.*s", (int)(size < MOST_PATH ? size : 0), path);
    *found = !stat(file, about);
    return path[size] ? path + size + 1 : NULL;
}

/* A head that has learnt its clips by heart passes for one that tells classes apart where it is
 * tested on the same clips. A table without a split is that of all its splits. */
static void warn_of_same_clips(const evaluation *e)
{
    struct stat train, test;
    bool trained, tested;
    if (!e->train_path)
        return;
    const char *of_train = look_at(e->train_path, &train, &trained);
    const char *of_test = look_at(e->test_path, &test, &tested);
    if (trained && tested && train.st_dev == test.st_dev && train.st_ino == test.st_ino &&
        (!of_train || !of_test || !strcmp(of_train, of_test)))
        cli_note("warning: --test has clips of --train: the scores say how well a head "
                 "remembers them, not what it does with others");
}

static bool run(evaluation *e)
{
    const char *queries = e->task == RETRIEVE ? e->test_path : e->train_path;
    const char *const inputs[] = {e->model_path,     e->train_path,   e->test_path,
                                  e->class_map_path, e->classes_path, e->test_classes_path};
    const size_t count = sizeof inputs / sizeof *inputs;
    if (!cli_ok(unic_set_threads((int)e->threads)) ||
        !cli_output_ready("--json", e->json_path, inputs, count) ||
        !cli_output_ready("--logits", e->logits_path, inputs, count) ||
        !cli_outputs_differ("--json", e->json_path, "--logits", e->logits_path) ||
        !cli_model_open(&e->model, e->model_path, &e->settings) ||
        !cli_ok(unic_model_codebook(&e->whole, e->model)) || !eval_choose_channels(e))
        return false;
    warn_of_same_clips(e);
    const cli_space space = {e->requantize ? e->codebook : e->whole,
                             e->requantize ? e->channels.chosen : NULL, 0, e->temperature};
    const cli_space *train = e->requantize ? &space : NULL;
    cli_space test = space;
    test.k = e->soft;
    if (!cli_codes_read(&e->train, e->model, &e->how, queries, &e->train_on, train) ||
        !cli_codes_read(&e->test, e->model, &e->how, e->test_path, &e->test_on,
                        e->soft ? &test : train) ||
        !cli_usage_count(&e->usage, &e->test, e->codebook))
        return false;
    switch (e->task) {
    case CLASSIFY:
    case LOCALISE:
        return eval_read_labels(e) && eval_heads(e);
    case SEGMENT:
        return eval_segment(e);
    case RETRIEVE:
        break;
    }
    return (!e->by_class || eval_read_clip_labels(e)) && eval_retrieve(e);
}

static void release(evaluation *e)
{
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++) {
            free(e->scores[i][j].confusion);
            free(e->scores[i][j].per_class);
        }
    eval_labels_free(e);
    unic_npz_writer_free(e->logits);
    cli_usage_free(&e->usage);
    cli_codes_free(&e->train);
    cli_codes_free(&e->test);
    unic_codebook_free(e->codebook);
    unic_codebook_free(e->whole);
    free(e->channels.chosen);
    unic_model_free(e->model);
    cli_list_free(&e->settings);
    cli_list_free(&e->train_on);
    cli_list_free(&e->test_on);
}

static const char purpose[] =
    "how well codes carry over from one modality to another.\n\n"
    "A head is trained on the codes of one modality and used untouched on those of\n"
    "every modality, for each in turn. What is above chance for a modality that the\n"
    "head has not seen is what the codes of both have in common.";

static const char more[] =
    "Tasks, and what each needs beside the features:\n"
    "  classify  \"label\" [N], one class per clip: top-1 accuracy, also of each class\n"
    "  localise  \"<modality>.step_labels\": [N,T], one class per step (the background\n"
    "            has its own; -1: not counted): accuracy over the steps there are;\n"
    "            or [N,T,C] of 0 and 1: micro F1 at --threshold. Both: precision,\n"
    "            recall and F1 of segments, and of events (IoU at least 0.5)\n"
    "  segment   \"masks\" [N,F,H,W] of 0, 1 and -1 (no mask), and \"frames\" [N,F,H,W,C]\n"
    "            or feature maps \"maps0\", \"maps1\", ...: mean IoU; F over thresholds\n"
    "  retrieve  nothing, or \"label\": clips of one modality found by those of another,\n"
    "            mAP, R@1, R@5, R@10, median rank. Nothing is trained for it\n"
    "\n"
    "A data file is an npz with an array [N,T,...] for each modality, or what else\n"
    "unic-train reads. The two need not have the same modalities.\n"
    "\n"
    "Another data set's clips are tested on with --class-map, a text with a line\n"
    "\"their class = our class\" for each class that both have; \"theirs\" is --test's. The\n"
    "names are those of --classes and --test-classes, a line each, or of the tables, or\n"
    "numbers from 0. What no line names is not counted. Without a map, classes that have\n"
    "names on both sides are matched by them. A class of the test that no label to train\n"
    "on is of is said, and not counted.\n"
    "\n"
    "shared codes: of the codes used at least 5 times on the test clips, the part of\n"
    "which every modality has 20 to 80 % of the uses. same code: of the steps that every\n"
    "modality has, those with one code in all. perplexity: exp of the entropy of all\n"
    "uses. The JSON has them, and task, metric, results {\"a>b\": fraction of 1,\n"
    "trained on a, tested on b}, scores {\"a>b\": all there are; \"..._cmg\": as the CMG\n"
    "code computes them}, usage {modality: [uses of each code]} and, unless the\n"
    "labels are [N,T,C], confusion {\"a>b\": [[clips or steps]]}, rows the truth.\n"
    "\n"
    "Examples:\n"
    "  unic-eval --model model.npz --train heads.npz --test test.npz --table --json r.json\n"
    "  unic-eval --model model.npz --train ave.npz --test avvp.npz --task localise \\\n"
    "      --class-map avvp-to-ave.txt --classes ave.txt --test-classes avvp.txt \\\n"
    "      --train-on video --test-on audio\n"
    "  unic-eval --model model.npz --train seen.npz --test new.npz --task segment\n"
    "  unic-eval --model model.npz --test test.npz --task retrieve --relevant classes";

static const char *const task_names[] = {"classify", "localise", "segment", "retrieve"};

/* The options that only some tasks have. */
static void check_task(const cli_program *program, const evaluation *e)
{
    bool heads = e->task == CLASSIFY || e->task == LOCALISE;
    const struct {
        const char *name;
        bool given, fits;
    } some[] = {
        {"--train", e->train_path, e->task != RETRIEVE},
        {"--epochs", e->epochs, e->task != RETRIEVE},
        {"--class-map", e->class_map_path, heads},
        {"--classes", e->classes_path, heads},
        {"--test-classes", e->test_classes_path, heads},
        {"--soft", e->soft_text, heads},
        {"--background", e->background_name, e->task == LOCALISE},
        {"--threshold", e->threshold_text, e->task == LOCALISE},
        {"--segmenter", e->segmenter, e->task == SEGMENT},
        {"--logits", e->logits_path, e->task == SEGMENT},
        {"--relevant", e->relevant, e->task == RETRIEVE},
        {"--metric", e->metric_name, e->task == RETRIEVE},
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        if (some[i].given && !some[i].fits)
            cli_wrong_usage(program, "%s is given, but --task %s has no use for it",
                            some[i].name, e->task_name);
    if (!e->train_path && e->task != RETRIEVE)
        cli_wrong_usage(program, "--train FILE is missing");
    if (e->test_classes_path && !e->class_map_path)
        cli_wrong_usage(program, "--test-classes is given, but no --class-map that has them");
}

static void set_threshold(const cli_program *program, evaluation *e)
{
    char *end = NULL;
    if (e->threshold_text && !strcmp(e->threshold_text, "best")) {
        e->threshold = 0.0;
        return;
    }
    double p = e->threshold_text ? strtod(e->threshold_text, &end) : 0.5;
    if (!(p > 0.0 && p < 1.0) || (end && *end))
        cli_wrong_usage(program,
                        "--threshold is \"%s\", but must be a number between 0 and 1, or best",
                        e->threshold_text);
    e->threshold = p;
}

/* What the table of options cannot say. */
static void check_usage(const cli_program *program, evaluation *e)
{
    while (e->task < sizeof task_names / sizeof *task_names &&
           strcmp(task_names[e->task], e->task_name))
        e->task++;
    if (e->task > RETRIEVE)
        cli_wrong_usage(program,
                        "--task is \"%s\", but must be classify, localise, segment or "
                        "retrieve",
                        e->task_name);
    check_task(program, e);
    set_threshold(program, e);
    if (e->channels_text && !eval_parse_channels(&e->channels, e->channels_text))
        cli_wrong_usage(program, "--toc is \"%s\", but must be C or C:P:Q, as 32 or 32:3:1",
                        e->channels_text);
    if (e->soft_text && !eval_parse_soft(e, e->soft_text))
        cli_wrong_usage(program, "--soft is \"%s\", but must be K or K:T, as 8 or 8:0.25",
                        e->soft_text);
    if (e->requantize && !e->channels_text)
        cli_wrong_usage(program, "--requantize is given, but no --toc that chooses channels");
    if (!e->segmenter)
        e->segmenter = "small";
    if (strcmp(e->segmenter, "small") && strcmp(e->segmenter, "paper"))
        cli_wrong_usage(program, "--segmenter is \"%s\", but must be small or paper",
                        e->segmenter);
    if (!e->relevant)
        e->relevant = "pairs";
    e->by_class = !strcmp(e->relevant, "classes");
    if (!e->by_class && strcmp(e->relevant, "pairs"))
        cli_wrong_usage(program, "--relevant is \"%s\", but must be pairs or classes",
                        e->relevant);
    if (!(e->metric = cli_metric_named(e->metric_name)))
        cli_wrong_usage(program, "--metric is \"%s\", but must be " CLI_METRIC_NAMES,
                        e->metric_name);
}

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    static evaluation e; /* zero; too large for comfort on the stack */
    e.task_name = "classify";
    e.threads = cli_threads_default();
    const cli_option options[] = {
        {"--model", "FILE", CLI_MODEL_HELP, .text = &e.model_path, .required = true},
        {"--train", "FILE", "the clips that heads are trained on", .text = &e.train_path},
        {"--test", "FILE", "the clips they are tested on", .text = &e.test_path,
         .required = true},
        {"--task", "TASK", "classify, localise, segment or retrieve [classify]",
         .text = &e.task_name},
        {"--train-on", "NAME",
         "a modality to train on, or of queries; may be given again [all]",
         .list = &e.train_on},
        {"--test-on", "NAME", "a modality to test on, or to search; may be given again [all]",
         .list = &e.test_on},
        {"--class-map", "FILE", "what the test's classes are called in training",
         .text = &e.class_map_path},
        {"--classes", "FILE", "names of the training's classes [numbers]",
         .text = &e.classes_path},
        {"--test-classes", "FILE", "names of the test's, for the map [numbers]",
         .text = &e.test_classes_path},
        {"--background", "CLASS",
         "localise: the class of no event, left out of segments and events [it counts]",
         .text = &e.background_name},
        {"--threshold", "P",
         "localise: a class is there above this probability, or \"best\": the one that each "
         "head finds most with in its train clips, by F1 [0.5]",
         .text = &e.threshold_text},
        {"--segmenter", "SIZE", "segment: small or paper [small]", .text = &e.segmenter},
        {"--logits", "FILE", "segment: write \"logits\" [trained,tested,N,F,H,W] there, an npz",
         .text = &e.logits_path},
        {"--relevant", "WHAT", "retrieve: pairs (the same clip) or classes [pairs]",
         .text = &e.relevant},
        {"--metric", "NAME", "retrieve: " CLI_METRIC_NAMES " [cosine]", .text = &e.metric_name},
        {"--toc", "C[:P:Q]",
         "use C channels of the codes: P parts of those that tell most apart, Q of the least "
         "[all; P 1, Q 0]",
         .text = &e.channels_text},
        {"--soft", "K[:T]",
         "heads are given the K nearest codes of each test step, with weights exp(-distance / "
         "T) "
         "[one; T 0.5]",
         .text = &e.soft_text},
        {"--requantize", NULL, "with --toc: assign codes anew, in these channels alone",
         .flag = &e.requantize},
        {"--epochs", "N", "over the train clips [30; segment: 15]", .number = &e.epochs,
         .least = 1, .most = 1000000},
        {"--json", "FILE", "write results and statistics there", .text = &e.json_path},
        {"--seed", "N", "of the weights and shuffles [0]", .number = &e.seed,
         .most = UINT64_MAX},
        {"--table", NULL, "print all scores as tables, in %", .flag = &e.table},
        CLI_MODEL_SET_OPTION(&e.settings),
        CLI_SKIP_DAMAGED_OPTION(&e.how.skip_damaged),
        CLI_MEMORY_LIMIT_OPTION,
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
    check_usage(&program, &e);
    bool ok = run(&e) && eval_save_json(&e) && eval_print(&e);
    int status = ok || !cli_signal() ? cli_exit_status(ok) : 128 + cli_signal();
    release(&e);
    return status;
}
