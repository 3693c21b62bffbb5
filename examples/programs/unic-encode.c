/*
 * unic-encode: the codes of a modality's features, or of films, sounds, pictures and texts.
 *
 * One clip's way: data file -> unic_encoder_encode_dataset() -> output file (encode/features.c); a
 * film's goes through its extractor instead (encode/films.c). With --out-dir every input has an
 * output of its own, and any number of processes share them (encode/many.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <unicode/unic.h>

#include "cli/limit.h"
#include "cli/media.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/threads.h"
#include "encode/features.h"
#include "encode/films.h"
#include "encode/many.h"

static bool find_fingerprint(encode_job *j)
{
    unic_codebook *codebook = NULL;
    if (!cli_ok(unic_model_codebook(&codebook, j->model)))
        return false;
    j->fingerprint = unic_codebook_fingerprint(codebook);
    unic_codebook_free(codebook);
    return true;
}

/* --out is none of what is read. */
static bool is_apart(const encode_job *j)
{
    const char *const others[] = {j->model_path, j->media.description};
    return cli_output_ready("--out", j->out_path, j->inputs.items, j->inputs.count) &&
           !cli_output_is_input("--out", j->out_path, others, 2) &&
           !cli_output_is_input("--out", j->out_path, j->media.extractors.items,
                                j->media.extractors.count);
}

static bool open_model(encode_job *j)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    if (!cli_ok(unic_set_threads((int)j->threads)) || !is_apart(j) ||
        !cli_model_open(&j->model, j->model_path, &j->settings) || !find_fingerprint(j))
        return false;
    j->media.model = j->model;
    j->media.model_path = j->model_path;
    j->media.modality = j->modality;
    j->media.skip_damaged = j->how.skip_damaged;
    j->media.vectors = j->vectors;
    j->media.threads = j->threads;
    return !j->modality || cli_ok(unic_model_feature_dims(&rank, j->model, j->modality, dims));
}

static bool encode(encode_job *j, bool films)
{
    encode_count count;
    if (j->out_folder)
        return encode_many(j);
    if (films && !j->out_path)
        return encode_films_printed(j);
    bool ok = films ? encode_films(&count, j)
                    : encode_features(&count, j, j->inputs.items, j->inputs.count,
                                      j->out_path) == CLI_GOOD;
    return ok && printf("%zu clips of up to %zu steps, written: %s\n", count.clips,
                        count.length, j->out_path) > 0;
}

static void release(encode_job *j)
{
    cli_list_free(&j->media.extractors);
    unic_model_free(j->model);
    cli_list_free(&j->inputs);
    cli_list_free(&j->settings);
}

static const char purpose[] =
    "the codes of features, or of films, sounds, pictures and texts.\n\n"
    "Every step of every clip becomes one integer, the number of the nearest code of\n"
    "the model's codebook; the same event has the same code in every modality.";

static const char more[] =
    "An INPUT is an npz with an array [N,T,...] under the modality's name, optionally\n"
    "\"<modality>.lengths\" [N] and \"label\" [N]; other arrays are not looked at. Or a\n"
    "directory of such arrays or of clips, a table of clips, or a .npy or .zip file of\n"
    "one clip [T,...]; docs/data.md has them all.\n"
    "Several INPUTs are read one after the other, as one file.\n"
    "\n"
    "Or INPUTs are films, sounds, pictures and texts (.txt), if the model remembers how the\n"
    "features of its modalities are made, as one that was trained on the folders of\n"
    "unic-extract does: --extractor names the file of an extractor with weights, --extract\n"
    "FILE.ini says it all by lines such as\n"
    "  speech.kind = logmel\n"
    "  speech.bands = 16\n"
    "  image.extractor = patches.npz\n"
    "Another extractor than the model's is refused. Without --out the codes are printed, a\n"
    "line for each file and modality, and without --modality those of all that a file has. A\n"
    "file is one clip, whose steps see each other: cut long films as the training clips were.\n"
    "\n"
    "A checkpoint of the CMG code is read as it is, and so are its clips: all of them\n"
    "have train.length steps (10; --set train.length=N).\n"
    "\n"
    "C.npz, which appears when it is complete, has\n"
    "  codes        [N,T] int32    -1 behind a clip's end\n"
    "  lengths      [N] int32      steps of each clip\n"
    "  label        [N] int32      if the inputs have it\n"
    "  label.names  [bytes] uint8  what a table calls the classes, a 0 behind each name\n"
    "  fingerprint  [] uint64      of the codebook: another one's codes mean other things\n"
    "  quantized    [N,T,D] float32, with --vectors: the codes' vectors\n"
    "  semantic     [N,T,D] float32, with --vectors: what was rounded to them\n"
    "\n"
    "With --out-dir each INPUT has an output of its own, DIR/<name>.npz; of a directory that\n"
    "has npz files or media in it, each of these. Outputs that are there are passed over, so\n"
    "that a command that was ended goes on when it is given again; given on several machines\n"
    "or several times on one, with one DIR, the processes share the work. An input of which\n"
    "no output can be made is told, and the status is then 1. docs/scale.md has the rest.\n"
    "\n"
    "Examples:\n"
    "  unic-encode --model model.npz clip.mp4\n"
    "  unic-encode --model model.npz --modality speech --out codes.npz test.npz\n"
    "  unic-encode --model DCID-model-0.pt --modality audio --out codes.npz audio/*.zip\n"
    "  unic-encode --model model.npz --modality speech --out-dir codes shards/";

/* Whether all inputs are there. What is not would be taken for features. */
static bool are_there(const cli_list *inputs)
{
    struct stat about;
    for (size_t i = 0; i < inputs->count; i++)
        if (stat(inputs->items[i], &about))
            return cli_fail("%s: %s", inputs->items[i], strerror(errno));
    return true;
}

/* Whether all may be read, as media or features, by their names. */
static bool are_readable(const cli_list *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        if (!encode_features_may_be(inputs->items[i]))
            return false;
    return true;
}

/* A folder among the inputs; NULL: none. */
static const char *folder_of(const cli_list *inputs)
{
    struct stat about;
    for (size_t i = 0; i < inputs->count; i++)
        if (!stat(inputs->items[i], &about) && S_ISDIR(about.st_mode))
            return inputs->items[i];
    return NULL;
}

/* What options and inputs have to be together; returns the number of films among the inputs. */
static size_t check_usage(const cli_program *program, const encode_job *j)
{
    const char *folder = j->modality ? NULL : folder_of(&j->inputs);
    size_t films = 0;
    if (j->inputs.count == 0)
        cli_wrong_usage(program, "there is no INPUT");
    for (size_t i = 0; i < j->inputs.count; i++)
        films += cli_media_is(j->inputs.items[i]);
    if (j->out_path && j->out_folder)
        cli_wrong_usage(program, "--out and --out-dir are given, one of them is expected");
    if (!j->out_folder && films && films < j->inputs.count)
        cli_wrong_usage(program,
                        "%zu of the %zu INPUTs are films, sounds, pictures or texts, and "
                        "the others are features",
                        films, j->inputs.count);
    if (folder && !j->out_folder)
        cli_wrong_usage(
            program, "--modality NAME is missing; if %s holds films, name the files", folder);
    if (!j->modality && (!films || j->out_path || j->out_folder))
        cli_wrong_usage(program, "--modality NAME is missing");
    if (!j->out_path && !j->out_folder && (!films || j->vectors))
        cli_wrong_usage(program, "--out FILE is missing");
    return films;
}

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    encode_job j = {.batch = 64, .threads = cli_threads_default(), .claim_timeout = 600};
    const cli_option options[] = {
        {"--model", "FILE", CLI_MODEL_HELP, .text = &j.model_path, .required = true},
        {"--modality", "NAME", "whose features", .text = &j.modality},
        {"--out", "FILE", "the npz to write", .text = &j.out_path},
        {"--out-dir", "DIR", "the directory of the outputs, one for each INPUT",
         .text = &j.out_folder},
        {"--claim-timeout", "SECONDS",
         "take over from a process that is silent for so long [600]",
         .number = &j.claim_timeout, .least = 1, .most = 1000000},
        {"--data", "FILE", "one INPUT", .list = &j.inputs},
        {"--extractor", "E.npz",
         "of films: an extractor of the model's that has weights; may be given again",
         .list = &j.media.extractors},
        {"--extract", "FILE", "of films: how their features are made",
         .text = &j.media.description},
        CLI_MODEL_SET_OPTION(&j.settings),
        {"--vectors", NULL, "write the vectors too", .flag = &j.vectors},
        {"--batch", "N", "encode N clips at a time [64]", .number = &j.batch, .least = 1,
         .most = 65536},
        CLI_SKIP_DAMAGED_OPTION(&j.how.skip_damaged),
        CLI_MEMORY_LIMIT_OPTION,
        CLI_THREADS_OPTION(&j.threads),
    };
    const cli_program program = {
        .name = "unic-encode",
        .purpose = purpose,
        .usage = "--model M [--modality X --out FILE|--out-dir DIR] [options] INPUT...",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &j.inputs,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    if (!j.modality && !j.out_path && !j.out_folder && !are_there(&j.inputs))
        return EXIT_FAILURE;
    if (!j.out_folder && !are_readable(&j.inputs)) /* of many each is told */
        return EXIT_FAILURE;
    const size_t films = check_usage(&program, &j);

    cli_signal_catch();
    bool ok = open_model(&j) && encode(&j, films > 0);
    int status = ok || !cli_signal() ? cli_exit_status(ok) : 128 + cli_signal();
    release(&j);
    return status;
}
