/*
 * unic-train: pre-train a model on paired, unlabelled clips.
 *
 * A run can be stopped and resumed at any step: the trainer saves all of its state, and the
 * order of the dataset is a function of seed, epoch and batch.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/config.h"
#include "cli/data.h"
#include "cli/extractor.h"
#include "cli/limit.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/summary.h"
#include "cli/threads.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/drift.h"
#include "train/figures.h"
#include "train/interval.h"
#include "train/ranks.h"

enum { READ_AHEAD = 2 };

typedef struct run {
    /* the command line */
    const char *config_path, *from_path, *data_path, *valid_path, *out_path, *log_path;
    const char *save_every;
    bool resume, mpi;
    uint64_t timeout;
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
    train_figures figures;
    train_drift drift;
    train_checkpoint checkpoint;
    train_interval interval; /* between two saves within an epoch */
    train_seen seen;         /* with damage skipped, since the run began */
    bool save_failed;        /* there is no use in trying again */
} run;

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
    train_ranks_part(&options);
    if (!cli_data_open(out, &r->how, r->config, &path, 1, options))
        return false;
    r->drift.batch = options.batch;
    if (unic_dataset_length(*out) > length)
        return cli_fail("%s has clips of %zu steps, but train.length is %llu: give --set "
                        "train.length=%zu, or --cut",
                        path, unic_dataset_length(*out), (unsigned long long)length,
                        unic_dataset_length(*out));
    return (!train || !train_ranks_first() || cli_summary_print(stderr, *out, path)) &&
           cli_summary_check(*out, path);
}

/* What the config leaves out comes from the data: modalities, dims, how the features were made. */
static bool complete(run *r)
{
    return cli_config_complete(r->config, r->data) &&
           cli_extractor_keep(r->config, r->data, r->data_path);
}

/* A new trainer of the config, in step with those of the other ranks. */
static bool create_trainer(run *r)
{
    const unic_trainer_options options = {
        .struct_size = sizeof options,
        .comm = train_ranks_comm(),
        .memory_limit = cli_memory_limit ? cli_limited(SIZE_MAX) : 0};
    return cli_ok(unic_trainer_create(&r->trainer, r->config, &options));
}

/* A run from its beginning. */
static bool begin(run *r)
{
    return cli_ok(unic_config_create(&r->config)) &&
           cli_ok(unic_config_load(r->config, r->config_path)) &&
           cli_config_apply(r->config, &r->settings) &&
           open_data(r, &r->data, r->data_path, true) && complete(r) && create_trainer(r);
}

/* A run from its beginning, but with the encoders and the codebook of a model. Without a config
 * it has the model's. */
static bool begin_from_model(run *r)
{
    unic_model *model;
    if (!cli_ok(unic_model_open(&model, r->from_path, cli_open_options())))
        return false;
    bool ok = cli_ok(unic_config_create(&r->config)) &&
              cli_ok(r->config_path ? unic_config_load(r->config, r->config_path)
                                    : unic_config_parse(r->config, unic_model_config(model),
                                                        r->from_path)) &&
              cli_config_apply(r->config, &r->settings) &&
              open_data(r, &r->data, r->data_path, true) && complete(r) && create_trainer(r) &&
              cli_ok(unic_trainer_start_from(r->trainer, model));
    unic_model_free(model);
    return ok;
}

/* A run that goes on where a CMG checkpoint ends, at its step. */
static bool begin_from_checkpoint(run *r)
{
    char *settings = cli_config_lines(r->config_path, &r->settings);
    const unic_trainer_options options = {.struct_size = sizeof options,
                                          .comm = train_ranks_comm()};
    bool ok = settings &&
              cli_ok(unic_trainer_import(&r->trainer, r->from_path, settings, &options,
                                         cli_open_options())) &&
              cli_ok(unic_config_create(&r->config)) &&
              cli_ok(unic_config_parse(r->config, unic_trainer_config(r->trainer),
                                       r->from_path)) &&
              open_data(r, &r->data, r->data_path, true);
    free(settings);
    return ok;
}

/* A run that was saved, with the settings of the command line where it gives any. */
static bool resume(run *r)
{
    char *settings = cli_config_lines(r->config_path, &r->settings);
    bool ok = settings &&
              train_checkpoint_resume(&r->checkpoint, &r->trainer, settings,
                                      train_ranks_comm()) &&
              cli_ok(unic_config_create(&r->config)) &&
              cli_ok(
                  unic_config_parse(r->config, unic_trainer_config(r->trainer), r->out_path)) &&
              open_data(r, &r->data, r->data_path, true);
    free(settings);
    return ok;
}

/* The steps of an epoch of the run that was saved; 0 where it does not tell. What is declared is as
 * many epochs as the config has, also where --set changes their number. */
static uint64_t epoch_before(const run *r)
{
    uint64_t epochs = 0, total = unic_trainer_total_step_count(r->trainer);
    const bool known = cli_config_number(r->config, "train.epochs", &epochs);
    return known && epochs && total % epochs == 0 ? total / epochs : 0;
}

static void warn_of_other_data(const run *r, uint64_t before)
{
    if (before && before != r->batches)
        cli_note("warning: an epoch of this run had %llu steps, and of %s it has %llu: is that "
                 "the data that it was trained on?",
                 (unsigned long long)before, r->data_path, (unsigned long long)r->batches);
}

/* The log of a run that is saved after every epoch has at most the steps of one more. A run that
 * goes on from an older checkpoint had more of them saved. */
static bool open_log(run *r, bool is_newest, uint64_t before)
{
    const uint64_t epoch = before > r->batches ? before : r->batches;
    return cli_log_open(&r->log, r->log_path, r->resume ? r->begun_at : 0,
                        is_newest ? r->begun_at + epoch : UINT64_MAX);
}

/* A path that may be NULL. `other` is the option that mends it. */
static bool is_no_kept(const run *r, const char *option, const char *path, const char *other)
{
    return !path || !train_checkpoint_has(&r->checkpoint, path) ||
           cli_fail("%s %s has the name of a checkpoint of %s, and a run replaces these; "
                    "name another %s",
                    option, path, r->out_path, other);
}

/* Nothing that is read is written, nor anything twice. */
static bool are_apart(const run *r)
{
    const char *const inputs[] = {r->config_path, r->data_path, r->valid_path, r->from_path};
    const char *const options[] = {"--config", "--data", "--valid", "--from"};
    const size_t count = sizeof inputs / sizeof *inputs;
    const char *run_path = r->checkpoint.run_path, *lock_path = r->checkpoint.lock_path;
    for (size_t i = 0; i < count; i++)
        if (!is_no_kept(r, options[i], inputs[i], "--out"))
            return false;
    return cli_output_apart("--out", r->out_path, inputs, count) &&
           cli_output_apart("--out's run", run_path, inputs, count) &&
           !cli_output_is_input("--out's lock", lock_path, inputs, count) &&
           !cli_output_is_input("--log", r->log_path, inputs, count) &&
           is_no_kept(r, "--log", r->log_path, "--log") &&
           cli_outputs_differ("--log", r->log_path, "--out", r->out_path) &&
           cli_outputs_differ("--log", r->log_path, "--out's run", run_path) &&
           cli_outputs_differ("--log", r->log_path, "--out's lock", lock_path);
}

/* The place to write to: nobody else writes there, and it can be written to. */
static bool take_place(run *r)
{
    if (!train_ranks_first()) /* it reads from there alone */
        return train_checkpoint_name(&r->checkpoint, r->out_path);
    return train_checkpoint_name(&r->checkpoint, r->out_path) && are_apart(r) &&
           train_checkpoint_open(&r->checkpoint, r->log_path);
}

static bool prepare(run *r)
{
    r->checkpoint.is_new = !r->resume;
    if ((r->mpi && !train_ranks_begin(r->timeout)) ||
        !cli_ok(unic_set_threads((int)r->threads)) || !take_place(r) ||
        !(r->resume                                 ? resume(r)
          : !r->from_path                           ? begin(r)
          : train_checkpoint_is_model(r->from_path) ? begin_from_model(r)
                                                    : begin_from_checkpoint(r)) ||
        !train_figures_create(&r->figures, r->trainer))
        return false;
    if (!cli_extractor_keep(r->config, r->data, r->data_path) ||
        (r->valid_path && (!open_data(r, &r->valid, r->valid_path, false) ||
                           !cli_extractor_keep(r->config, r->valid, r->valid_path))))
        return false;
    r->batches = unic_dataset_batch_count(r->data);
    r->begun_at = unic_trainer_step_count(r->trainer);
    const bool is_newest = r->checkpoint.is_saved;
    const uint64_t before = r->resume && train_ranks_first() ? epoch_before(r) : 0;
    warn_of_other_data(r, before);
    if (!cli_config_number(r->config, "train.epochs", &r->epochs))
        return false;
    const bool is_changed = (r->config_path || r->settings.count > 0) &&
                            r->begun_at >= r->epochs * r->batches;
    return cli_ok(unic_trainer_set_total_step_count(r->trainer, r->epochs * r->batches)) &&
           (!train_ranks_first() ||
            ((!r->resume || train_checkpoint_mend(&r->checkpoint, r->trainer, is_changed)) &&
             open_log(r, is_newest, before)));
}

/* ---- the loop ---- */

/* The next of the validation clips. Where one rank cannot read them, all stop before they ask each
 * other for the batch's figures. */
static bool read_held_out(run *r, const unic_batch **batch)
{
    bool fails = !cli_ok(unic_dataset_next(batch, r->valid));
    return train_ranks_any(&fails) && !fails;
}

/* The figures' means over the validation clips. */
static bool validate(run *r)
{
    train_figures *f = &r->figures;
    const size_t clips = unic_dataset_clip_count(r->valid);
    size_t left = clips, damaged = 0; /* in batches that have no other */
    memset(f->held_out, 0, f->count * sizeof *f->held_out);
    for (;;) {
        const unic_batch *batch;
        if (!read_held_out(r, &batch))
            return false;
        if (!batch)
            break;
        const size_t size = left < r->drift.batch ? left : r->drift.batch; /* of all ranks */
        bool some = true;
        if (r->how.skip_damaged && !train_batch_has_step(&some, r->valid, batch))
            return false;
        if (some && !cli_fits(unic_trainer_evaluate(r->trainer, batch, f->now), r->valid_path))
            return false;
        for (size_t i = 0; i < f->count && some; i++)
            f->held_out[i] += (double)size * f->now[i] / (double)clips;
        left -= size;
        damaged += some ? 0 : size;
    }
    if (damaged == clips)
        return cli_fail("none of the %zu clips of %s can be used", clips, r->valid_path);
    for (size_t i = 0; i < f->count && damaged; i++)
        f->held_out[i] *= (double)clips / (double)(clips - damaged);
    return true;
}

static bool save(run *r)
{
    if (!train_ranks_first()) /* which has the same bits */
        return true;
    const bool logged = cli_log_keep(&r->log);
    r->save_failed = !train_checkpoint_save(&r->checkpoint, r->trainer);
    train_interval_restart(&r->interval);
    return logged && !r->save_failed;
}

/* After the last batch of an epoch: validate, log, save, and say how it went. Saving comes
 * after logging: a run that is killed here has lines too many, and resuming drops them. */
static bool end_epoch(run *r, uint64_t step, uint64_t epoch)
{
    char train[TRAIN_LINE], valid[TRAIN_LINE], drift[TRAIN_DRIFT_LINE] = "", part[80] = "";
    train_figures_so_far(&r->figures, false, train);
    if (r->figures.summed < r->batches) /* another process took the others */
        snprintf(part, sizeof part, " (mean of its last %llu of %llu steps)",
                 (unsigned long long)r->figures.summed, (unsigned long long)r->batches);
    train_figures_end_epoch(&r->figures, epoch, r->batches);
    if (r->how.skip_damaged && step - r->begun_at >= r->batches &&
        !train_seen_check(&r->seen, r->data, r->data_path))
        return false;
    if (r->valid && !validate(r))
        return false;
    if (!train_ranks_first())
        return true;
    if (r->valid &&
        !cli_log_write(&r->log, step, epoch, "valid", r->trainer, r->figures.held_out))
        return false;
    /* Each rank reads a part of the clips, so none can encode all of them. */
    if (!save(r) || !train_drift_end_epoch(&r->drift, r->trainer,
                                           train_ranks_comm() ? NULL : r->valid, drift))
        return false;
    cli_progress_clear();
    fprintf(stderr, "epoch %llu/%llu  step %llu%s  %s  (%.1f steps/s)\n",
            (unsigned long long)epoch, (unsigned long long)r->epochs, (unsigned long long)step,
            part, train, cli_progress_rate());
    if (r->valid)
        fprintf(stderr, "    on %s: %s\n", r->valid_path,
                train_figures_line(&r->figures, r->figures.held_out, 1.0, false, valid));
    if (*drift)
        fprintf(stderr, "    codes: %s\n", drift);
    return true;
}

/* `*stops`: a rank was told to stop, or cannot read on, and all of them stop before this step. */
static bool read_batch(run *r, const unic_batch **batch, bool *stops)
{
    *batch = NULL;
    *stops = cli_signal() > 0;
    const bool is_read = *stops || cli_ok(unic_dataset_next(batch, r->data));
    *stops = *stops || !is_read;
    return train_ranks_any(stops) && is_read;
}

static bool seek(run *r, uint64_t step)
{
    return cli_ok(unic_dataset_seek(r->data, step / r->batches, step % r->batches));
}

/* The batch of a step; NULL at an epoch's end, where the next call begins another. A step whose
 * batch has damaged clips alone takes the next one of its epoch that has others: a run that is
 * resumed does the same. `*away`: then the data do not stand behind the step's own batch. */
static bool find_batch(run *r, uint64_t step, const unic_batch **batch, bool *away, bool *stops)
{
    bool some = !r->how.skip_damaged;
    *away = false;
    if (!read_batch(r, batch, stops))
        return false;
    for (uint64_t i = 1; *batch; i++) {
        if (!some && !train_batch_has_step(&some, r->data, *batch))
            return false;
        if (some)
            break;
        if (i == r->batches)
            return cli_fail("none of the clips of %s can be used", r->data_path);
        const uint64_t begin = step - step % r->batches;
        if (!seek(r, begin + (step + i) % r->batches) || !read_batch(r, batch, stops))
            return false;
        *away = true;
    }
    return true;
}

static bool take_step(run *r, uint64_t *step, bool *stops)
{
    const unic_batch *batch;
    char tail[TRAIN_LINE];
    bool away;
    if (!find_batch(r, *step, &batch, &away, stops))
        return false;
    if (*stops || !batch)
        return true;
    if (away)
        cli_note("step %llu: all clips of its batch are damaged, it takes those of another",
                 (unsigned long long)*step + 1);
    if ((r->how.skip_damaged && !train_seen_add(&r->seen, r->data, batch)) ||
        !cli_fits(unic_trainer_step(r->trainer, batch, NULL, r->figures.now), r->data_path) ||
        (away && !seek(r, *step + 1)))
        return false;
    uint64_t epoch = *step / r->batches + 1;
    ++*step;
    train_figures_add(&r->figures);
    if (train_ranks_first()) {
        if (!cli_log_write(&r->log, *step, epoch, "figures", r->trainer, r->figures.now))
            return false;
        cli_progress_at(*step, train_figures_so_far(&r->figures, true, tail));
    }
    if (*step % r->batches == 0)
        return end_epoch(r, *step, epoch);
    return !train_interval_is_over(&r->interval) || save(r);
}

/* A run that ends before its time, by a signal or an error that has been told: what it has
 * learned so far is saved. */
static bool stop(run *r, uint64_t step, uint64_t total)
{
    bool is_begun = step > r->begun_at || r->resume;
    const bool is_saved = !r->save_failed && (!is_begun || save(r));
    if (r->save_failed && r->checkpoint.is_saved)
        cli_note("the last checkpoint, of step %llu, is whole; the same command with --resume "
                 "continues from it",
                 (unsigned long long)r->checkpoint.step);
    if (!is_saved)
        return false;
    if (is_begun)
        cli_note("stopped at step %llu of %llu, saved in %s; the same command with --resume "
                 "continues",
                 (unsigned long long)step, (unsigned long long)total, r->out_path);
    return true;
}

/* Returns the exit status. */
static int train(run *r)
{
    uint64_t step = r->begun_at, total = r->epochs * r->batches;
    bool ok = cli_ok(unic_dataset_seek(r->data, step / r->batches, step % r->batches));
    bool stops = false;
    if (!ok)
        return EXIT_FAILURE;
    cli_signal_catch();
    if (train_ranks_first())
        cli_progress_begin(total, step, "steps");
    r->started = cli_now();
    train_interval_restart(&r->interval);
    while (ok && step < total && !stops)
        ok = take_step(r, &step, &stops);
    cli_progress_clear();
    if (ok && step >= total)
        return EXIT_SUCCESS;
    ok = stop(r, step, total) && ok;
    stops = true;
    if (ok || !train_ranks_first()) /* else it ends the others, wherever they are */
        train_ranks_wait(&stops);   /* for the first to have saved the run */
    return ok ? 128 + (cli_signal() ? cli_signal() : SIGTERM) : EXIT_FAILURE;
}

/* ---- the end ---- */

static bool summarise(const run *r)
{
    if (!train_ranks_first())
        return true;
    char time[CLI_DURATION];
    uint64_t steps = unic_trainer_step_count(r->trainer) - r->begun_at;
    double seconds = cli_now() - r->started;
    if (steps == 0) {
        cli_note("nothing to do: %s has taken all %llu steps of its %llu epochs",
                 r->resume ? r->out_path : r->from_path, (unsigned long long)r->begun_at,
                 (unsigned long long)r->epochs);
        return true;
    }
    if (!train_figures_print(&r->figures))
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
    train_figures_free(&r->figures);
    train_drift_free(&r->drift);
    train_checkpoint_close(&r->checkpoint);
}

static const char purpose[] =
    "pre-train a model on paired, unlabelled clips.\n\n"
    "It learns one codebook for all modalities and an encoder into it for each: a step\n"
    "of a clip gets the same code whatever modality it is seen in.";

static const char more[] =
    "The config is text, one \"key = value\" a line; docs/config.md lists the keys:\n"
    "  preset = small\n"
    "  objective = unicode\n"
    "  train.epochs = 12\n"
    "\"preset\" says how large the model is (none, small, paper-av, paper-at, paper-vt,\n"
    "paper-avt; recommended, between them, and recommended-av ..., as large as the paper's,\n"
    "with what serves best instead of what the paper has), \"objective\" whether Uni-Code or\n"
    "another method is trained (unicode, baseline, smit, mst, codis, turn, cmcm,\n"
    "dcid+smit, dcid+mst, dcid+codis, dcid+turn, dcid+cmcm, micu, codaar, hdcid).\n"
    "If it does not set \"modalities\", they are those of the data file: grids where a\n"
    "step's features have rank 3, vectors where 1. \"<modality>.dims\" come from it too.\n"
    "\n"
    "A data file is an npz: per modality an array [N,T,...], the same N clips of up to T\n"
    "steps in each, and optionally \"<modality>.lengths\" [N], how many steps are there. Or\n"
    "a directory of such arrays or of clips, <modality>/<clip>.npy or .zip, or a table of\n"
    "such clips, TABLE.csv or TABLE.csv:SPLIT; docs/data.md has them all.\n"
    "\n"
    "MODEL.npz and, for resuming, MODEL.run.npz are written after every epoch, every\n"
    "--save-every, on Ctrl-C and before an error ends the run. With the same number of\n"
    "threads a resumed run takes the very steps that it would have taken. With --keep the\n"
    "checkpoints before are MODEL.step-N.npz and MODEL.step-N.run.npz; --resume goes on\n"
    "from the newest that is whole. A new run replaces all of these. MODEL.npz.lock keeps\n"
    "a second run from the same MODEL.npz; that of a killed run stops nobody.\n"
    "\n"
    "--from MODEL.npz begins a run at step 0 with the model's encoders of the modalities that\n"
    "both have, and its codebook; train.freeze=\"codebook image.encoder\" keeps parts as\n"
    "they are. --from CKPT.pt goes on with all of a checkpoint, at its step. A run that is\n"
    "resumed may go on with other settings (train.lr, train.epochs, train.freeze ...), but\n"
    "for those that its parameters, codes and batches follow from.\n"
    "\n"
    "The log has an object for each step, {\"step\":..,\"epoch\":..,\n"
    "\"figures\":{..}}, and with --valid one for each epoch, with \"valid\" for \"figures\".\n"
    "\n"
    "mpirun -n 4 unic-train --mpi ... shares each batch out over four processes, on as many\n"
    "machines as mpirun says: train.batch counts the clips of all of them, every one reads\n"
    "its part, and the first writes and prints. The run can be resumed with any number.\n"
    "\n"
    "Examples:\n"
    "  unic-train --config small.ini --data train.npz --valid valid.npz --out model.npz \\\n"
    "             --log run.jsonl --set train.epochs=20 train.seed=1\n"
    "  unic-train --from DCID-model-2.pt --data train.csv --out model.npz\n"
    "  unic-train --from model.npz --data mine.npz --out tuned.npz --set train.lr=1e-4";

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    run r = {.threads = cli_threads_default()};
    const cli_option options[] = {
        {"--config", "FILE", "the settings; may be left out with --resume and --from",
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
        {"--from", "FILE",
         "begin with a model's encoders and codebook, or go on with a checkpoint of the CMG "
         "code; --config may be left out",
         .text = &r.from_path},
        {"--resume", NULL, "continue the run that wrote --out", .flag = &r.resume},
        {"--save-every", "N",
         "save within an epoch too: after N steps, or N seconds, minutes or hours (500, 90s, "
         "10m, 2h)",
         .text = &r.save_every},
        {"--keep", "K", "keep the last K checkpoints [1]", .number = &r.checkpoint.keep,
         .least = 1, .most = 1000000},
        {"--cut", NULL, "cut clips that are longer than train.length", .flag = &r.how.cut},
        {"--mpi", NULL, "one of the processes that mpirun started, which train as one",
         .flag = &r.mpi},
        {"--timeout", "SECONDS", "with --mpi: wait so long for another process [600]",
         .number = &r.timeout, .least = 1, .most = 1000000},
        CLI_SKIP_DAMAGED_OPTION(&r.how.skip_damaged),
        CLI_MEMORY_LIMIT_OPTION,
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
    if (r.save_every && !train_interval_parse(&r.interval, r.save_every))
        cli_wrong_usage(&program,
                        "--save-every is \"%s\", but must be a number of steps, or of "
                        "time as 90s, 10m or 2h",
                        r.save_every);
    if (!r.resume && !r.config_path && !r.from_path)
        cli_wrong_usage(&program, "--config FILE is missing");

    int status = prepare(&r) ? train(&r) : EXIT_FAILURE;
    if (status == EXIT_SUCCESS)
        status = cli_exit_status(cli_log_close(&r.log) && summarise(&r));
    release(&r);
    train_ranks_end(status == EXIT_FAILURE);
    return status;
}
