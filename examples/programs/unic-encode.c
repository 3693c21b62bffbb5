/*
 * unic-encode: the codes of a modality's features, or of films, sounds, pictures and texts.
 *
 * One clip's way: data file -> unic_encoder_encode_dataset() -> output file; a film's goes through
 * encode_media_files() instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/data.h"
#include "cli/limit.h"
#include "cli/media.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/text.h"
#include "cli/threads.h"
#include "encode/media.h"

enum { READ_AHEAD = 2 };

typedef struct job {
    /* the command line */
    const char *model_path, *modality, *out_path;
    cli_list inputs, settings;
    bool vectors;
    cli_data how;
    uint64_t batch, threads;

    unic_model *model;
    unic_dataset *data;
    unic_encoder *encoder;
    unic_npz_writer *out;
    size_t clips, length, dim; /* N, T, D */
    size_t done;               /* clips that are encoded */
    int32_t *codes, *lengths;  /* [N,T], [N] */
    encode_media media;        /* how films become features */
    encode_result *results;    /* of films, whose codes are written at the end */
    size_t result_count;
    int32_t *labels; /* NULL if the inputs have none */
    size_t label_rank;
    int64_t label_dims[UNIC_MAX_RANK];
} job;

static bool open_model(job *j)
{
    return cli_ok(unic_set_threads((int)j->threads)) &&
           cli_output_apart("--out", j->out_path, j->inputs.items, j->inputs.count) &&
           cli_model_open(&j->model, j->model_path, &j->settings);
}

static bool make_room(job *j)
{
    j->dim = unic_model_code_dim(j->model);
    return (j->codes = cli_alloc(j->clips, j->length * sizeof *j->codes)) &&
           (j->lengths = cli_alloc(j->clips, sizeof *j->lengths));
}

static bool open_all(job *j)
{
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .modalities = &j->modality,
                                    .modality_count = 1,
                                    .batch = (size_t)j->batch,
                                    .prefetch = READ_AHEAD};
    if (!cli_data_open_for(&j->data, &j->how, j->model, j->inputs.items, j->inputs.count,
                           options))
        return false;
    j->clips = unic_dataset_clip_count(j->data);
    j->length = unic_dataset_length(j->data);
    const unic_encoder_options shape = {
        .struct_size = sizeof shape, .max_batch = (size_t)j->batch, .max_length = j->length};
    return cli_ok(unic_encoder_create(&j->encoder, j->model, j->modality, &shape)) &&
           make_room(j);
}

/* The inputs' labels, if they have any: [N], or [N,C]. */
static bool read_labels(job *j)
{
    size_t count;
    unic_status status = unic_dataset_labels(&j->label_rank, j->data, "label", j->label_dims,
                                             NULL);
    if (status == UNIC_E_NOTFOUND)
        return true;
    return cli_ok(status) &&
           cli_data_label_count("label", j->label_dims, j->label_rank, &count) &&
           (j->labels = cli_alloc(count, sizeof *j->labels)) &&
           cli_ok(
               unic_dataset_labels(&j->label_rank, j->data, "label", j->label_dims, j->labels));
}

/* ---- vectors: too many to be held, so they are written as they come ---- */

static bool begin_vectors(job *j, const char *name)
{
    const int64_t dims[] = {(int64_t)j->clips, (int64_t)j->length, (int64_t)j->dim};
    return cli_ok(unic_npz_writer_begin(j->out, name, UNIC_F32, 3, dims));
}

static bool append_vectors(job *j, const char *name, size_t clips, const float *vectors)
{
    const int64_t dims[] = {(int64_t)clips, (int64_t)j->length, (int64_t)j->dim};
    unic_array array;
    unic_array_init(&array, vectors, UNIC_F32, 3, dims);
    return cli_ok(unic_npz_writer_append(j->out, name, &array));
}

/* A unic_encoded_fn. */
static int take_vectors(size_t encoder, const unic_batch *batch, const int32_t *codes,
                        const float *quantized, const float *semantic, void *user)
{
    (void)encoder, (void)codes;
    size_t clips = unic_batch_clip_count(batch);
    return !append_vectors(user, "quantized", clips, quantized) ||
           !append_vectors(user, "semantic", clips, semantic);
}

/* ---- codes ---- */

static int told(const char *what, uint64_t done, uint64_t total, void *user)
{
    ((job *)user)->done = (size_t)done;
    return cli_progress_told(what, done, total, NULL);
}

static bool encode(job *j)
{
    const unic_encode_options options = {.struct_size = sizeof options,
                                         .encoded = j->vectors ? take_vectors : NULL,
                                         .encoded_user = j,
                                         .progress = told,
                                         .progress_user = j};
    cli_progress_begin(j->clips, 0, "clips");
    unic_status status = unic_encoder_encode_dataset(&j->encoder, 1, j->data, &options,
                                                     &j->codes);
    cli_progress_clear();
    if (status == UNIC_E_CANCELLED) /* else vectors could not be written, which was said */
        return cli_signal() && cli_fail("stopped at clip %zu of %zu; %s was not written",
                                        j->done, j->clips, j->out_path);
    return cli_ok(status);
}

/* ---- the file ---- */

static bool open_output(job *j)
{
    return cli_ok(unic_npz_writer_create(&j->out, j->out_path)) &&
           (!j->vectors || (begin_vectors(j, "quantized") && begin_vectors(j, "semantic")));
}

static bool add(job *j, const char *name, const void *data, unic_dtype dtype, size_t rank,
                const int64_t *dims)
{
    unic_array array;
    unic_array_init(&array, data, dtype, (int)rank, dims);
    return cli_ok(unic_npz_writer_add(j->out, name, &array));
}

/* A clip's codes end where it does. */
static void find_lengths(job *j)
{
    for (size_t i = 0; i < j->clips * j->length; i++)
        j->lengths[i / j->length] += j->codes[i] >= 0;
}

static bool finish_output(job *j)
{
    unic_codebook *codebook = NULL;
    if (!cli_ok(unic_model_codebook(&codebook, j->model)))
        return false;
    uint64_t fingerprint = unic_codebook_fingerprint(codebook);
    unic_codebook_free(codebook);
    find_lengths(j);
    const int64_t dims[] = {(int64_t)j->clips, (int64_t)j->length};
    return add(j, "codes", j->codes, UNIC_I32, 2, dims) &&
           add(j, "lengths", j->lengths, UNIC_I32, 1, dims) &&
           add(j, "fingerprint", &fingerprint, UNIC_U64, 0, NULL) &&
           (!j->labels || add(j, "label", j->labels, UNIC_I32, j->label_rank, j->label_dims)) &&
           cli_ok(unic_npz_writer_finish(j->out)) &&
           printf("%zu clips of up to %zu steps, written: %s\n", j->clips, j->length,
                  j->out_path) > 0;
}

/* ---- films ---- */

/* An encode_take_fn: the codes of a file, as a line. */
static bool print_codes(encode_result *result, void *user)
{
    (void)user;
    cli_progress_clear();
    cli_text_print(result->path);
    printf("\t%s\t", result->modality);
    for (size_t t = 0; t < result->steps; t++)
        printf("%s%d", t ? " " : "", (int)result->codes[t]);
    putchar('\n');
    return true;
}

/* An encode_take_fn: how long the longest clip is, is known at the end. */
static bool keep_codes(encode_result *result, void *user)
{
    job *j = user;
    j->length = result->steps > j->length ? result->steps : j->length;
    j->results[j->result_count++] = *result;
    result->codes = NULL;
    result->quantized = result->semantic = NULL;
    return true;
}

/* A clip's vectors, with zeros behind its end. */
static bool append_padded(job *j, const char *name, const float *vectors, size_t steps)
{
    float *padded = cli_alloc(j->length * j->dim, sizeof *padded);
    if (padded && steps)
        memcpy(padded, vectors, steps * j->dim * sizeof *padded);
    bool ok = padded && append_vectors(j, name, 1, padded);
    free(padded);
    return ok;
}

static bool write_results(job *j)
{
    j->clips = j->result_count;
    if (j->length == 0)
        return cli_fail("nothing came of any of the %zu files", j->clips);
    if (!make_room(j) || !open_output(j))
        return false;
    for (size_t i = 0; i < j->clips; i++) {
        const encode_result *r = &j->results[i];
        for (size_t t = 0; t < j->length; t++)
            j->codes[i * j->length + t] = t < r->steps ? r->codes[t] : -1;
        if (j->vectors && (!append_padded(j, "quantized", r->quantized, r->steps) ||
                           !append_padded(j, "semantic", r->semantic, r->steps)))
            return false;
    }
    return finish_output(j);
}

static bool encode_films(job *j)
{
    j->media.model = j->model;
    j->media.model_path = j->model_path;
    j->media.modality = j->modality;
    j->media.skip_damaged = j->how.skip_damaged;
    j->media.vectors = j->vectors;
    j->media.threads = j->threads;
    if (!j->out_path)
        return encode_media_files(&j->media, &j->inputs, print_codes, j);
    j->results = cli_alloc(j->inputs.count, sizeof *j->results);
    return j->results && encode_media_files(&j->media, &j->inputs, keep_codes, j) &&
           write_results(j);
}

static void release(job *j)
{
    for (size_t i = 0; i < j->result_count; i++) {
        free(j->results[i].codes);
        free(j->results[i].quantized);
        free(j->results[i].semantic);
    }
    free(j->results);
    cli_list_free(&j->media.extractors);
    unic_npz_writer_free(j->out);
    unic_encoder_free(j->encoder);
    unic_dataset_free(j->data);
    unic_model_free(j->model);
    cli_list_free(&j->inputs);
    cli_list_free(&j->settings);
    free(j->codes);
    free(j->lengths);
    free(j->labels);
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
    "  fingerprint  [] uint64      of the codebook: another one's codes mean other things\n"
    "  quantized    [N,T,D] float32, with --vectors: the codes' vectors\n"
    "  semantic     [N,T,D] float32, with --vectors: what was rounded to them\n"
    "\n"
    "Examples:\n"
    "  unic-encode --model model.npz clip.mp4\n"
    "  unic-encode --model model.npz --modality speech --out codes.npz test.npz\n"
    "  unic-encode --model DCID-model-0.pt --modality audio --out codes.npz audio/*.zip";

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    job j = {.batch = 64, .threads = cli_threads_default()};
    const cli_option options[] = {
        {"--model", "FILE", CLI_MODEL_HELP, .text = &j.model_path, .required = true},
        {"--modality", "NAME", "whose features", .text = &j.modality},
        {"--out", "FILE", "the npz to write", .text = &j.out_path},
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
        .usage = "--model MODEL.npz [--modality NAME --out C.npz] [options] INPUT...",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &j.inputs,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    if (j.inputs.count == 0)
        cli_wrong_usage(&program, "there is no INPUT");
    size_t films = 0;
    for (size_t i = 0; i < j.inputs.count; i++)
        films += cli_media_is(j.inputs.items[i]);
    if (films && films < j.inputs.count)
        cli_wrong_usage(&program,
                        "%zu of the %zu INPUTs are films, sounds, pictures or texts, and "
                        "the others are features",
                        films, j.inputs.count);
    if (!j.modality && (!films || j.out_path))
        cli_wrong_usage(&program, "--modality NAME is missing");
    if (!j.out_path && (!films || j.vectors))
        cli_wrong_usage(&program, "--out FILE is missing");

    cli_signal_catch();
    bool ok = open_model(&j) && (films ? encode_films(&j)
                                       : open_all(&j) && read_labels(&j) && open_output(&j) &&
                                             encode(&j) && finish_output(&j));
    int status = ok || !cli_signal() ? cli_exit_status(ok) : 128 + cli_signal();
    release(&j);
    return status;
}
