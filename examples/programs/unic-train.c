/*
 * unic-train: pre-train a model on paired, unlabelled clips.
 *
 * A run can be stopped and resumed at any step: the trainer saves all of its state, and the
 * order of the dataset is a function of seed, epoch and batch.
 */
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/config.h"
#include "cli/data.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "cli/threads.h"

enum { READ_AHEAD = 2, TAIL = 256 };

typedef struct run {
    /* the command line */
    const char *config_path, *from_path, *data_path, *valid_path, *out_path, *log_path;
    bool resume;
    cli_data how;
    cli_list settings;
    uint64_t threads;

    unic_config *config;
    unic_dataset *data, *valid; /* valid: NULL without --valid */
    unic_trainer *trainer;
    cli_log log;
    uint64_t batches, epochs; /* of the whole run */
    uint64_t begun_at;        /* the step this process began at */
    double started;

    /* [figure_count] each: of this step, summed over this epoch, the means of the first and the last
     * epoch, and on the validation clips */
    size_t figure_count;
    double *now, *sum, *first, *last, *held_out;
    uint64_t summed;            /* steps in `sum` */
    uint64_t first_at, last_at; /* which epochs, from 1; 0: none yet */
} run;

/* ---- the figures in one line ---- */

/* Figures of one name ("cpc", "club.image", "club.speech"): their sum, and how many there are. */
static double sum_of(const run *r, const double *figures, const char *name, size_t *count)
{
    size_t length = strlen(name);
    double sum = 0.0;
    *count = 0;
    for (size_t i = 0; i < r->figure_count; i++) {
        const char *figure = unic_trainer_figure_name(r->trainer, i);
        if (strncmp(figure, name, length) || (figure[length] && figure[length] != '.'))
            continue;
        sum += figures[i];
        ++*count;
    }
    return sum;
}

/*
 * "total 3.21  reconstruction 1.2 ...": parts two blanks apart, the important ones first. In
 * short for the bar, which may have room for few.
 */
static const char *describe(const run *r, const double *figures, double scale, bool in_short,
                            char text[TAIL])
{
    static const char *const names[][2] = {
        {"total", "total"}, {"reconstruction", "recon"},
        {"cpc", "cpc"},     {"code_match", "match"},
        {"club", "club"},   {"commitment", "commit"},
    };
    size_t used = 0, count;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names && used < TAIL; i++) {
        double value = scale * sum_of(r, figures, names[i][0], &count);
        if (count > 0)
            used += (size_t)snprintf(text + used, TAIL - used, "%s%s %.*g", used ? "  " : "",
                                     names[i][in_short], in_short ? 3 : 4, value);
    }
    double perplexity = scale * sum_of(r, figures, "perplexity", &count);
    if (count > 0 && used < TAIL)
        snprintf(text + used, TAIL - used, "  perplexity %.0f", perplexity / (double)count);
    return text;
}

/* ---- preparing ---- */

static bool open_data(run *r, unic_dataset **out, const char *path, bool train)
{
    cli_modalities modalities;
    uint64_t batch, seed, length;
    bool drop_last;
    if (!cli_config_modalities(r->config, &modalities) ||
        !cli_config_number(r->config, "train.batch", &batch) ||
        !cli_config_number(r->config, "train.seed", &seed) ||
        !cli_config_number(r->config, "train.length", &length) ||
        !cli_config_switch(r->config, "train.drop_last", &drop_last))
        return false;
    unic_dataset_options options = {
        .struct_size = sizeof options,
        .modalities = modalities.count ? modalities.names : NULL,
        .modality_count = modalities.count,
        .batch = (size_t)batch,
        .seed = seed,
        .shuffle = train,
        .drop_last = train && drop_last,
        .prefetch = READ_AHEAD,
    };
    if (!cli_data_open(out, &r->how, r->config, &path, 1, options))
        return false;
    if (unic_dataset_length(*out) > length)
        return cli_fail("%s has clips of %zu steps, but train.length is %llu: give --set "
                        "train.length=%zu, or --cut",
                        path, unic_dataset_length(*out), (unsigned long long)length,
                        unic_dataset_length(*out));
    return (!train || cli_summary_print(stderr, *out, path)) && cli_summary_check(*out, path);
}

/* A run from its beginning: what the config leaves out comes from the data. */
static bool begin(run *r)
{
    return cli_ok(unic_config_create(&r->config)) &&
           cli_ok(unic_config_load(r->config, r->config_path)) &&
           cli_config_apply(r->config, &r->settings) &&
           open_data(r, &r->data, r->data_path, true) &&
           cli_config_complete(r->config, r->data) &&
           cli_ok(unic_trainer_create(&r->trainer, r->config));
}

/* A run that goes on where a CMG checkpoint ends, at its step. */
static bool begin_from(run *r)
{
    char *settings = cli_config_lines(r->config_path, &r->settings);
    bool ok = settings && cli_ok(unic_trainer_import(&r->trainer, r->from_path, settings)) &&
              cli_ok(unic_config_create(&r->config)) &&
              cli_ok(unic_config_parse(r->config, unic_trainer_config(r->trainer),
                                       r->from_path)) &&
              open_data(r, &r->data, r->data_path, true);
    free(settings);
    return ok;
}

/* A run that was saved: what the command line says must be what it was. */
static bool resume(run *r)
{
    if (unic_trainer_resume(&r->trainer, r->out_path) != UNIC_OK)
        return cli_fail("cannot resume: %s (a run begins without --resume)", unic_last_error());
    return cli_ok(unic_config_create(&r->config)) &&
           cli_ok(unic_config_parse(r->config, unic_trainer_config(r->trainer), r->out_path)) &&
           (!r->config_path || cli_ok(unic_config_load(r->config, r->config_path))) &&
           cli_config_apply(r->config, &r->settings) &&
           cli_config_same_run(r->config, unic_trainer_config(r->trainer)) &&
           open_data(r, &r->data, r->data_path, true);
}

static bool allocate_figures(run *r)
{
    r->figure_count = unic_trainer_figure_count(r->trainer);
    double **all[] = {&r->now, &r->sum, &r->first, &r->last, &r->held_out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!(*all[i] = cli_alloc(r->figure_count, sizeof **all[i])))
            return false;
    return true;
}

static bool prepare(run *r)
{
    if (!cli_ok(unic_set_threads((int)r->threads)) || !cli_output_possible(r->out_path) ||
        !(r->resume      ? resume(r)
          : r->from_path ? begin_from(r)
                         : begin(r)) ||
        !allocate_figures(r))
        return false;
    if (r->valid_path && !open_data(r, &r->valid, r->valid_path, false))
        return false;
    r->batches = unic_dataset_batch_count(r->data);
    r->begun_at = unic_trainer_step_count(r->trainer);
    return cli_config_number(r->config, "train.epochs", &r->epochs) &&
           cli_ok(unic_trainer_set_total_step_count(r->trainer, r->epochs * r->batches)) &&
           cli_log_open(&r->log, r->log_path, r->resume ? r->begun_at : 0);
}

/* ---- the loop ---- */

/* The figures' means over the validation clips. */
static bool validate(run *r)
{
    double clips = 0.0;
    memset(r->held_out, 0, r->figure_count * sizeof *r->held_out);
    for (;;) {
        const unic_batch *batch;
        if (!cli_ok(unic_dataset_next(&batch, r->valid)))
            return false;
        if (!batch)
            break;
        if (!cli_ok(unic_trainer_evaluate(r->trainer, batch, r->now)))
            return false;
        double size = (double)unic_batch_clip_count(batch);
        for (size_t i = 0; i < r->figure_count; i++)
            r->held_out[i] += size * r->now[i];
        clips += size;
    }
    for (size_t i = 0; i < r->figure_count; i++)
        r->held_out[i] /= clips;
    return true;
}

/* After the last batch of an epoch: validate, log, save, and say how it went. Saving comes
 * after logging: a run that is killed here has lines too many, and resuming drops them. */
static bool end_epoch(run *r, uint64_t step, uint64_t epoch)
{
    char train[TAIL], valid[TAIL] = "";
    describe(r, r->sum, 1.0 / (double)r->summed, false, train);
    for (size_t i = 0; i < r->figure_count; i++)
        r->last[i] = r->sum[i] / (double)r->summed;
    if (!r->first_at)
        memcpy(r->first, r->last, r->figure_count * sizeof *r->first);
    r->first_at = r->first_at ? r->first_at : epoch;
    r->last_at = epoch;
    r->summed = 0;
    memset(r->sum, 0, r->figure_count * sizeof *r->sum);

    if (r->valid) {
        if (!validate(r) ||
            !cli_log_write(&r->log, step, epoch, "valid", r->trainer, r->held_out))
            return false;
        describe(r, r->held_out, 1.0, false, valid);
    }
    if (!cli_ok(unic_trainer_save(r->trainer, r->out_path)))
        return false;
    cli_progress_clear();
    fprintf(stderr, "epoch %llu/%llu  step %llu  %s  (%.1f steps/s)\n",
            (unsigned long long)epoch, (unsigned long long)r->epochs, (unsigned long long)step,
            train, cli_progress_rate());
    if (r->valid)
        fprintf(stderr, "    on %s: %s\n", r->valid_path, valid);
    return true;
}

static bool take_step(run *r, uint64_t *step)
{
    const unic_batch *batch;
    char tail[TAIL];
    if (!cli_ok(unic_dataset_next(&batch, r->data)))
        return false;
    if (!batch) /* the epoch's end; the next call begins another */
        return true;
    if (!cli_ok(unic_trainer_step(r->trainer, batch, NULL, r->now)))
        return false;
    uint64_t epoch = *step / r->batches + 1;
    ++*step;
    for (size_t i = 0; i < r->figure_count; i++)
        r->sum[i] += r->now[i];
    r->summed++;
    if (!cli_log_write(&r->log, *step, epoch, "figures", r->trainer, r->now))
        return false;
    cli_progress_at(*step, describe(r, r->sum, 1.0 / (double)r->summed, true, tail));
    return *step % r->batches ? true : end_epoch(r, *step, epoch);
}

/* Returns the exit status. */
static int train(run *r)
{
    uint64_t step = r->begun_at, total = r->epochs * r->batches;
    if (!cli_ok(unic_dataset_seek(r->data, step / r->batches, step % r->batches)))
        return EXIT_FAILURE;
    cli_signal_catch();
    cli_progress_begin(total, step, "steps");
    r->started = cli_now();
    while (step < total && !cli_signal())
        if (!take_step(r, &step))
            return EXIT_FAILURE;
    cli_progress_clear();
    if (step >= total)
        return EXIT_SUCCESS;
    if (!cli_ok(unic_trainer_save(r->trainer, r->out_path)))
        return EXIT_FAILURE;
    cli_note(
        "stopped at step %llu of %llu, saved in %s; the same command with --resume continues",
        (unsigned long long)step, (unsigned long long)total, r->out_path);
    return 128 + cli_signal();
}

/* ---- the end ---- */

/* The figures at the beginning and at the end: means over the first and the last epoch. */
static bool print_figures(const run *r)
{
    cli_table table;
    bool both = r->first_at < r->last_at;
    cli_table_begin(&table, both ? 3 : 2);
    cli_table_cell(&table, "mean of epoch");
    if (both)
        cli_table_cell(&table, "%llu", (unsigned long long)r->first_at);
    cli_table_cell(&table, "%llu", (unsigned long long)r->last_at);
    for (size_t i = 0; i < r->figure_count; i++) {
        cli_table_cell(&table, "%s", unic_trainer_figure_name(r->trainer, i));
        if (both)
            cli_table_cell(&table, "%.5g", r->first[i]);
        cli_table_cell(&table, "%.5g", r->last[i]);
    }
    return cli_table_end(&table, stdout);
}

static bool summarise(const run *r)
{
    char time[CLI_DURATION];
    uint64_t steps = unic_trainer_step_count(r->trainer) - r->begun_at;
    double seconds = cli_now() - r->started;
    if (steps == 0) {
        cli_note("nothing to do: %s has taken all %llu steps of its %llu epochs",
                 r->resume ? r->out_path : r->from_path, (unsigned long long)r->begun_at,
                 (unsigned long long)r->epochs);
        return true;
    }
    if (!print_figures(r))
        return false;
    printf("%llu steps in %s (%.1f steps/s), at most %.0f MB of memory\nwritten: %s\n",
           (unsigned long long)steps, cli_duration(time, seconds), (double)steps / seconds,
           (double)cli_peak_memory() / 1e6, r->out_path);
    return true;
}

static void release(run *r)
{
    cli_log_close(&r->log);
    unic_trainer_free(r->trainer);
    unic_dataset_free(r->valid);
    unic_dataset_free(r->data);
    unic_config_free(r->config);
    cli_list_free(&r->settings);
    free(r->now);
    free(r->sum);
    free(r->first);
    free(r->last);
    free(r->held_out);
}

static const char purpose[] =
    "pre-train a model on paired, unlabelled clips.\n\n"
    "It learns one codebook for all modalities and an encoder into it for each: a step\n"
    "of a clip gets the same code whatever modality it is seen in.";

static const char more[] =
    "The config is text, one \"key = value\" a line; docs/config.md lists the keys:\n"
    "  preset = small\n"
    "  train.epochs = 12\n"
    "If it does not set \"modalities\", they are those of the data file: grids where a\n"
    "step's features have rank 3, vectors where 1. \"<modality>.dims\" come from it too.\n"
    "\n"
    "A data file is an npz: per modality an array [N,T,...], the same N clips of up to T\n"
    "steps in each, and optionally \"<modality>.lengths\" [N], how many steps are there. Or\n"
    "a directory of such arrays or of clips, <modality>/<clip>.npy or .zip, or a table of\n"
    "such clips, TABLE.csv or TABLE.csv:SPLIT; docs/data.md has them all.\n"
    "\n"
    "MODEL.npz and, for resuming, MODEL.run.npz are written after every epoch and on\n"
    "Ctrl-C. With the same number of threads a resumed run takes the very steps that it\n"
    "would have taken. The log has an object for each step, {\"step\":..,\"epoch\":..,\n"
    "\"figures\":{..}}, and with --valid one for each epoch, with \"valid\" for \"figures\".\n"
    "\n"
    "Example:\n"
    "  unic-train --config small.ini --data train.npz --valid valid.npz --out model.npz \\\n"
    "             --log run.jsonl --set train.epochs=20 train.seed=1\n"
    "  unic-train --from DCID-model-2.pt --data train.csv --out model.npz";

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    run r = {.threads = cli_threads_default()};
    const cli_option options[] = {
        {"--config", "FILE", "the settings; may be left out with --resume",
         .text = &r.config_path},
        {"--data", "FILE", "the clips to train on", .text = &r.data_path, .required = true},
        {"--out", "FILE", "the model to write, or with --resume to continue",
         .text = &r.out_path, .required = true},
        {"--valid", "FILE", "clips to evaluate at the end of each epoch",
         .text = &r.valid_path},
        {"--log", "FILE", "write every step's figures, one JSON object a line",
         .text = &r.log_path},
        {"--set", "KEY=VALUE...", "set single keys, over those of --config",
         .list = &r.settings},
        {"--from", "CKPT.pt",
         "go on with a checkpoint of the CMG code: its parameters, codebook, Adam's moments "
         "and "
         "step; --config may be left out",
         .text = &r.from_path},
        {"--resume", NULL, "continue the run that wrote --out", .flag = &r.resume},
        {"--cut", NULL, "cut clips that are longer than train.length", .flag = &r.how.cut},
        CLI_SKIP_DAMAGED_OPTION(&r.how.skip_damaged),
        CLI_THREADS_OPTION(&r.threads),
    };
    const cli_program program = {
        .name = "unic-train",
        .purpose = purpose,
        .usage = "--config FILE --data TRAIN.npz --out MODEL.npz [options]",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &r.settings,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    for (size_t i = 0; i < r.settings.count; i++)
        if (!strchr(r.settings.items[i], '='))
            cli_wrong_usage(&program, "\"%s\" is neither an option nor KEY=VALUE",
                            r.settings.items[i]);
    if (!r.resume && !r.config_path && !r.from_path)
        cli_wrong_usage(&program, "--config FILE is missing");

    int status = prepare(&r) ? train(&r) : EXIT_FAILURE;
    if (status == EXIT_SUCCESS)
        status = cli_exit_status(summarise(&r));
    release(&r);
    return status;
}
