#include "cli/codes.h"

#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/report.h"

enum { BATCH = 64, READ_AHEAD = 2 };

static bool is_wanted(const cli_list *only, const char *name)
{
    bool wanted = !only || only->count == 0;
    for (size_t i = 0; !wanted && i < only->count; i++)
        wanted = !strcmp(only->items[i], name);
    return wanted;
}

/* Each of those that are asked for must be there. */
static bool check_found(const cli_codes *c, const cli_list *only, const char *path)
{
    for (size_t i = 0; only && i < only->count; i++) {
        size_t k = 0;
        while (k < c->count && strcmp(c->names[k], only->items[i]))
            k++;
        if (k == c->count)
            return cli_fail("\"%s\" is no modality that both the model and %s have",
                            only->items[i], path);
    }
    return true;
}

/* Names the modalities that file and model have, in the model's order. */
static bool find_common(cli_codes *c, const unic_model *model, const cli_data *how,
                        const char *path, const cli_list *only)
{
    size_t n = unic_model_modality_count(model);
    for (size_t i = 0; i < n && c->count < UNIC_MAX_MODALITIES; i++) {
        const char *name = unic_model_modality_name(model, i);
        unic_dataset *data = NULL;
        if (!is_wanted(only, name))
            continue;
        unic_dataset_options options = {.struct_size = sizeof options,
                                        .modalities = &name,
                                        .modality_count = 1,
                                        .batch = 1,
                                        .length = 1}; /* no need to look for the longest */
        cli_report_log(false);
        unic_status status = cli_data_try(&data, how, &path, 1, options);
        cli_report_log(true);
        unic_dataset_free(data);
        if (status == UNIC_OK)
            c->names[c->count++] = name;
        else if (status != UNIC_E_NOTFOUND)
            return cli_ok(status);
    }
    if (!check_found(c, only, path))
        return false;
    if (c->count == 0)
        return cli_fail("%s: no modality of the model is found: %s", path, unic_last_error());
    return true;
}

static bool create_encoders(const cli_codes *c, unic_model *model, unic_encoder **encoders)
{
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = BATCH, .max_length = c->length};
    for (size_t i = 0; i < c->count; i++)
        if (!cli_ok(unic_encoder_create(&encoders[i], model, c->names[i], &options)))
            return false;
    return true;
}

/* ---- codes that are assigned here ---- */

typedef struct assignment {
    const cli_space *space;
    cli_codes *codes;
    size_t dim, channels;             /* of the semantic vectors, of the codebook */
    size_t done[UNIC_MAX_MODALITIES]; /* clips; they come in the file's order */
    float *rows;                      /* [BATCH x length, channels] */
} assignment;

static bool assignment_begin(assignment *a, cli_codes *c, const cli_space *space,
                             const unic_model *model)
{
    size_t places;
    *a = (assignment){.space = space, .codes = c, .dim = unic_model_code_dim(model)};
    if (!space)
        return true;
    a->channels = unic_codebook_dim(space->codebook);
    c->k = space->k;
    places = c->clips * c->length * c->k;
    if (!(a->rows = cli_alloc(BATCH * c->length, a->channels * sizeof *a->rows)))
        return false;
    if (c->k && (!(c->near[0] = cli_alloc(places, c->count * sizeof **c->near)) ||
                 !(c->weights[0] = cli_alloc(places, c->count * sizeof **c->weights))))
        return false;
    for (size_t i = 1; c->k && i < c->count; i++) {
        c->near[i] = c->near[0] + i * places;
        c->weights[i] = c->weights[0] + i * places;
    }
    return true;
}

/* unic_encoded_fn: a batch's codes, instead of those that the encoder gave. */
static int assign_batch(size_t encoder, const unic_batch *batch, const int32_t *codes,
                        const float *quantized, const float *semantic, void *user)
{
    assignment *a = user;
    const cli_space *space = a->space;
    cli_codes *c = a->codes;
    size_t steps = unic_batch_clip_count(batch) * c->length;
    size_t first = a->done[encoder] * c->length;
    int32_t *out = c->codes[encoder] + first;
    unic_array rows;
    (void)quantized;
    for (size_t i = 0; i < steps; i++)
        for (size_t d = 0; d < a->channels; d++)
            a->rows[i * a->channels + d] =
                semantic[i * a->dim + (space->channels ? space->channels[d] : d)];
    unic_array_init(&rows, a->rows, UNIC_F32, 2,
                    (const int64_t[]){(int64_t)steps, (int64_t)a->channels});
    if (!cli_ok(unic_codebook_assign(space->codebook, &rows, out)) ||
        (c->k && !cli_ok(unic_codebook_soften(space->codebook, &rows, c->k, space->temperature,
                                              c->near[encoder] + first * c->k,
                                              c->weights[encoder] + first * c->k))))
        return 1;
    for (size_t i = 0; i < steps; i++) {
        if (codes[i] >= 0)
            continue;
        out[i] = -1;
        for (size_t j = 0; j < c->k; j++)
            c->near[encoder][(first + i) * c->k + j] = -1;
    }
    a->done[encoder] += unic_batch_clip_count(batch);
    return 0;
}

/* The codes of the modalities that are named, one behind the other. */
static bool encode(cli_codes *c, unic_model *model, const char *path, const cli_space *space)
{
    assignment a = {.space = NULL};
    const unic_encode_options options = {.struct_size = sizeof options,
                                         .progress = cli_progress_told,
                                         .encoded = space ? assign_batch : NULL,
                                         .encoded_user = &a};
    unic_encoder *encoders[UNIC_MAX_MODALITIES] = {NULL};
    size_t steps = c->clips * c->length;
    int32_t *all = cli_alloc(steps, c->count * sizeof *all);
    for (size_t i = 0; all && i < c->count; i++)
        c->codes[i] = all + i * steps;
    bool ok = all && assignment_begin(&a, c, space, model) &&
              create_encoders(c, model, encoders);
    cli_progress_begin(c->clips, 0, "clips");
    ok = ok &&
         cli_fits(unic_encoder_encode_dataset(encoders, c->count, c->data, &options, c->codes),
                  path);
    cli_progress_clear();
    for (size_t i = 0; i < c->count; i++)
        unic_encoder_free(encoders[i]);
    free(a.rows);
    return ok;
}

static bool read_named(cli_codes *c, unic_model *model, const cli_data *how, const char *path,
                       const cli_space *space)
{
    const unic_dataset_options options = {.struct_size = sizeof options,
                                          .modalities = c->names,
                                          .modality_count = c->count,
                                          .batch = BATCH,
                                          .prefetch = READ_AHEAD};
    if (!cli_data_open_for(&c->data, how, model, &path, 1, options))
        return false;
    c->clips = unic_dataset_clip_count(c->data);
    c->length = unic_dataset_length(c->data);
    return encode(c, model, path, space);
}

bool cli_codes_read(cli_codes *out, unic_model *model, const cli_data *how, const char *path,
                    const cli_list *only, const cli_space *space)
{
    memset(out, 0, sizeof *out);
    return find_common(out, model, how, path, only) && read_named(out, model, how, path, space);
}

bool cli_codes_read_one(cli_codes *out, unic_model *model, const cli_data *how,
                        const char *path, const char *modality)
{
    *out = (cli_codes){.count = 1, .names = {modality}};
    return read_named(out, model, how, path, NULL);
}

void cli_codes_free(cli_codes *codes)
{
    free(codes->codes[0]);
    free(codes->near[0]);
    free(codes->weights[0]);
    unic_dataset_free(codes->data);
    memset(codes, 0, sizeof *codes);
}

bool cli_codes_any(const int32_t *codes, size_t length)
{
    for (size_t t = 0; t < length; t++)
        if (codes[t] >= 0)
            return true;
    return false;
}

/* ---- usage ---- */

int64_t cli_usage_total(const cli_usage *usage, size_t modalities, size_t l)
{
    int64_t total = 0;
    for (size_t i = 0; i < modalities; i++)
        total += usage->counts[i][l];
    return total;
}

bool cli_usage_count(cli_usage *out, const cli_codes *codes, const unic_codebook *codebook)
{
    memset(out, 0, sizeof *out);
    out->codes = unic_codebook_code_count(codebook);
    out->all.struct_size = sizeof out->all;
    if (!(out->counts[0] = cli_alloc(out->codes, codes->count * sizeof *out->counts[0])))
        return false;
    for (size_t i = 1; i < codes->count; i++)
        out->counts[i] = out->counts[0] + i * out->codes;
    if (!cli_ok(unic_metrics_usage(&out->all, (const int32_t *const *)codes->codes,
                                   codes->count, codes->clips * codes->length, out->codes,
                                   out->counts[0], NULL, out->perplexity)))
        return false;
    for (size_t i = 0; i < codes->count; i++)
        for (size_t l = 0; l < out->codes; l++)
            out->used[i] += out->counts[i][l] > 0;
    return true;
}

void cli_usage_free(cli_usage *usage)
{
    free(usage->counts[0]);
    memset(usage, 0, sizeof *usage);
}
