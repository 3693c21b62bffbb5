#include "encode/features.h"

#include <stdlib.h>
#include <string.h>

#include "cli/media.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "encode/output.h"

enum { READ_AHEAD = 2 };

typedef struct work {
    const encode_job *job;
    const char *path, *input; /* of the output, of the first input */
    unic_dataset *data;
    unic_encoder *encoder;
    encode_output out;
    size_t done;       /* clips that are encoded */
    bool write_failed; /* the input is not at fault */
} work;

/* ---- the inputs ---- */

bool encode_features_may_be(const char *input)
{
    return !cli_media_is_list(input) ||
           cli_fail("%s: texts are encoded from .txt files, one a clip, and features from an "
                    "npz, a folder or a table of clips; of a .tsv of texts unic-extract makes "
                    "features",
                    input);
}

static bool open_inputs(work *w, const char *const *inputs, size_t input_count)
{
    const encode_job *job = w->job;
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .modalities = &job->modality,
                                    .modality_count = 1,
                                    .batch = (size_t)job->batch,
                                    .prefetch = READ_AHEAD};
    if (!cli_data_open_for(&w->data, &job->how, job->model, inputs, input_count, options))
        return false;
    const unic_encoder_options shape = {.struct_size = sizeof shape,
                                        .max_batch = (size_t)job->batch,
                                        .max_length = unic_dataset_length(w->data)};
    return cli_ok(unic_encoder_create(&w->encoder, job->model, job->modality, &shape));
}

/* What a table calls the classes: a number means another class in another table. */
static bool read_names(work *w)
{
    encode_output *o = &w->out;
    const size_t n = unic_dataset_class_count(w->data, "label");
    for (size_t i = 0; i < n; i++)
        o->names_size += strlen(unic_dataset_class_name(w->data, "label", i)) + 1;
    if (n == 0)
        return true;
    char *at = o->names = cli_alloc(o->names_size, 1);
    for (size_t i = 0; at && i < n; i++) {
        const char *name = unic_dataset_class_name(w->data, "label", i);
        const size_t size = strlen(name) + 1;
        memcpy(at, name, size);
        at += size;
    }
    return at;
}

/* The inputs' labels, if they have any: [N], or [N,C]. */
static bool read_labels(work *w)
{
    size_t count;
    encode_output *o = &w->out;
    unic_status status = unic_dataset_labels(&o->label_rank, w->data, "label", o->label_dims,
                                             NULL);
    if (status == UNIC_E_NOTFOUND)
        return true;
    return cli_ok(status) &&
           cli_data_label_count("label", o->label_dims, o->label_rank, &count) &&
           (o->labels = cli_alloc(count, sizeof *o->labels)) &&
           cli_ok(unic_dataset_labels(&o->label_rank, w->data, "label", o->label_dims,
                                      o->labels)) &&
           read_names(w);
}

/* ---- codes ---- */

/* A unic_encoded_fn. */
static int take_vectors(size_t encoder, const unic_batch *batch, const int32_t *codes,
                        const float *quantized, const float *semantic, void *user)
{
    work *w = user;
    (void)encoder, (void)codes;
    w->write_failed = !encode_output_vectors(&w->out, unic_batch_clip_count(batch), quantized,
                                             semantic);
    return w->write_failed;
}

/* A unic_progress_fn. */
static int told(const char *what, uint64_t done, uint64_t total, void *user)
{
    work *w = user;
    w->done = (size_t)done;
    if (!w->job->tick)
        return cli_progress_told(what, done, total, NULL);
    return !w->job->tick((size_t)done, w->job->tick_user);
}

static cli_outcome encode(work *w)
{
    const unic_encode_options options = {.struct_size = sizeof options,
                                         .encoded = w->out.vectors ? take_vectors : NULL,
                                         .encoded_user = w,
                                         .progress = told,
                                         .progress_user = w};
    if (!w->job->tick)
        cli_progress_begin(w->out.count.clips, 0, "clips");
    unic_status status = unic_encoder_encode_dataset(&w->encoder, 1, w->data, &options,
                                                     &w->out.codes);
    cli_progress_clear();
    if (w->write_failed) /* which was said */
        return CLI_FAILED;
    if (status == UNIC_E_CANCELLED) {
        cli_fail("stopped at clip %zu of %zu; %s was not written", w->done, w->out.count.clips,
                 w->path);
        return CLI_FAILED;
    }
    if (status == UNIC_OK)
        return CLI_GOOD;
    cli_fits(status, w->input);
    return status == UNIC_E_NOMEM ? CLI_FAILED : CLI_BAD;
}

cli_outcome encode_features(encode_count *count, const encode_job *job,
                            const char *const *inputs, size_t input_count, const char *out)
{
    work w = {.job = job, .path = out, .input = inputs[0]};
    cli_outcome outcome = CLI_BAD;
    if (open_inputs(&w, inputs, input_count) && read_labels(&w)) {
        bool begun = encode_output_begin(&w.out, job, out, unic_dataset_clip_count(w.data),
                                         unic_dataset_length(w.data));
        outcome = begun ? encode(&w) : CLI_FAILED;
        if (outcome == CLI_GOOD && !encode_output_finish(&w.out, job))
            outcome = CLI_FAILED;
    }
    *count = w.out.count;
    encode_output_free(&w.out);
    unic_encoder_free(w.encoder);
    unic_dataset_free(w.data);
    return outcome;
}
