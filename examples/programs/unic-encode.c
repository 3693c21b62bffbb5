/*
 * unic-encode: the codes of a modality's features.
 *
 * One clip's way: data file -> unic_dataset_next() -> unic_encoder_encode_batch() -> output file.
 */
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/data.h"
#include "cli/limit.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/threads.h"

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
    size_t clips, length, dim;   /* N, T, D */
    int32_t *codes, *lengths;    /* [batch,T], [N] */
    float *quantized, *semantic; /* [batch,T,D] with --vectors */
    int32_t *labels;             /* NULL if the inputs have none */
    size_t label_rank;
    int64_t label_dims[UNIC_MAX_RANK];
} job;

static bool open_all(job *j)
{
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .modalities = &j->modality,
                                    .modality_count = 1,
                                    .batch = (size_t)j->batch,
                                    .prefetch = READ_AHEAD};
    if (!cli_ok(unic_set_threads((int)j->threads)) ||
        !cli_output_apart("--out", j->out_path, j->inputs.items, j->inputs.count) ||
        !cli_model_open(&j->model, j->model_path, &j->settings) ||
        !cli_data_open_for(&j->data, &j->how, j->model, j->inputs.items, j->inputs.count,
                           options))
        return false;
    j->clips = unic_dataset_clip_count(j->data);
    j->length = unic_dataset_length(j->data);
    j->dim = unic_model_code_dim(j->model);
    size_t steps = (size_t)j->batch * j->length;
    return cli_ok(unic_encoder_create(
               &j->encoder, j->model, j->modality,
               &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                       .max_batch = (size_t)j->batch,
                                       .max_length = j->length})) &&
           (j->codes = cli_alloc(steps, sizeof *j->codes)) &&
           (j->lengths = cli_alloc(j->clips, sizeof *j->lengths)) &&
           (!j->vectors || ((j->quantized = cli_alloc(steps, j->dim * sizeof(float))) &&
                            (j->semantic = cli_alloc(steps, j->dim * sizeof(float)))));
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

static bool begin(job *j, const char *name, unic_dtype dtype, int rank)
{
    const int64_t dims[] = {(int64_t)j->clips, (int64_t)j->length, (int64_t)j->dim};
    return cli_ok(unic_npz_writer_begin(j->out, name, dtype, rank, dims));
}

static bool add(job *j, const char *name, const void *data, unic_dtype dtype, size_t rank,
                const int64_t *dims)
{
    unic_array array;
    unic_array_init(&array, data, dtype, (int)rank, dims);
    return cli_ok(unic_npz_writer_add(j->out, name, &array));
}

/* What is written batch by batch has its place in the file from the beginning. */
static bool open_output(job *j)
{
    return cli_ok(unic_npz_writer_create(&j->out, j->out_path)) &&
           begin(j, "codes", UNIC_I32, 2) &&
           (!j->vectors ||
            (begin(j, "quantized", UNIC_F32, 3) && begin(j, "semantic", UNIC_F32, 3)));
}

static bool append(job *j, const char *name, const void *data, unic_dtype dtype, size_t count)
{
    unic_array elements;
    unic_array_init(&elements, data, dtype, 1, (const int64_t[]){(int64_t)count});
    return cli_ok(unic_npz_writer_append(j->out, name, &elements));
}

/* Features in, codes and vectors out; `done` clips are behind us. */
static bool encode_batch(job *j, const unic_batch *batch, size_t done)
{
    const int32_t *lengths;
    size_t clips = unic_batch_clip_count(batch), steps = clips * j->length;
    if (!cli_ok(unic_batch_get(NULL, &lengths, batch, j->modality)) ||
        !cli_ok(
            unic_encoder_encode_batch(j->encoder, batch, j->codes, j->quantized, j->semantic)))
        return false;
    for (size_t i = 0; i < clips; i++)
        j->lengths[done + i] = lengths ? lengths[i] : (int32_t)j->length;
    return append(j, "codes", j->codes, UNIC_I32, steps) &&
           (!j->vectors || (append(j, "quantized", j->quantized, UNIC_F32, steps * j->dim) &&
                            append(j, "semantic", j->semantic, UNIC_F32, steps * j->dim)));
}

static bool encode_all(job *j)
{
    size_t done = 0;
    cli_progress_begin(j->clips, 0, "clips");
    for (;;) {
        const unic_batch *batch;
        if (cli_signal())
            return cli_fail("stopped at clip %zu of %zu; %s was not written", done, j->clips,
                            j->out_path);
        if (!cli_ok(unic_dataset_next(&batch, j->data)))
            return false;
        if (!batch)
            break;
        if (!encode_batch(j, batch, done))
            return false;
        done += unic_batch_clip_count(batch);
        cli_progress_at(done, "");
    }
    cli_progress_clear();
    return true;
}

/* What is known only at the end, or for the whole file. */
static bool finish_output(job *j)
{
    unic_codebook *codebook = NULL;
    if (!cli_ok(unic_model_codebook(&codebook, j->model)))
        return false;
    uint64_t fingerprint = unic_codebook_fingerprint(codebook);
    unic_codebook_free(codebook);
    return add(j, "fingerprint", &fingerprint, UNIC_U64, 0, NULL) &&
           add(j, "lengths", j->lengths, UNIC_I32, 1, (const int64_t[]){(int64_t)j->clips}) &&
           (!j->labels || add(j, "label", j->labels, UNIC_I32, j->label_rank, j->label_dims)) &&
           cli_ok(unic_npz_writer_finish(j->out)) &&
           printf("%zu clips of up to %zu steps, written: %s\n", j->clips, j->length,
                  j->out_path) > 0;
}

static void release(job *j)
{
    unic_npz_writer_free(j->out);
    unic_encoder_free(j->encoder);
    unic_dataset_free(j->data);
    unic_model_free(j->model);
    cli_list_free(&j->inputs);
    cli_list_free(&j->settings);
    free(j->codes);
    free(j->lengths);
    free(j->quantized);
    free(j->semantic);
    free(j->labels);
}

static const char purpose[] =
    "the codes of a modality's features.\n\n"
    "Every step of every clip becomes one integer, the number of the nearest code of\n"
    "the model's codebook; the same event has the same code in every modality.";

static const char more[] =
    "An INPUT is an npz with an array [N,T,...] under the modality's name, optionally\n"
    "\"<modality>.lengths\" [N] and \"label\" [N]; other arrays are not looked at. Or a\n"
    "directory of such arrays or of clips, a table of clips, or a .npy or .zip file of\n"
    "one clip [T,...]; docs/data.md has them all.\n"
    "Several INPUTs are read one after the other, as one file.\n"
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
    "  unic-encode --model model.npz --modality speech --out codes.npz test.npz\n"
    "  unic-encode --model DCID-model-0.pt --modality audio --out codes.npz audio/*.zip";

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    job j = {.batch = 64, .threads = cli_threads_default()};
    const cli_option options[] = {
        {"--model", "FILE", CLI_MODEL_HELP, .text = &j.model_path, .required = true},
        {"--modality", "NAME", "whose features", .text = &j.modality, .required = true},
        {"--out", "FILE", "the npz to write", .text = &j.out_path, .required = true},
        {"--data", "FILE", "one INPUT", .list = &j.inputs},
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
        .usage = "--model MODEL.npz --modality NAME --out C.npz [options] INPUT...",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &j.inputs,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    if (j.inputs.count == 0)
        cli_wrong_usage(&program, "there is no INPUT");

    cli_signal_catch();
    bool ok = open_all(&j) && read_labels(&j) && open_output(&j) && encode_all(&j) &&
              finish_output(&j);
    int status = ok || !cli_signal() ? cli_exit_status(ok) : 128 + cli_signal();
    release(&j);
    return status;
}
