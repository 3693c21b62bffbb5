#include "encode/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/extractor.h"
#include "cli/features.h"
#include "cli/media.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"

enum { MESSAGE = 512 };

/* A modality, ready to run: its extractor, and its encoder for clips of up to `length` steps. */
typedef struct ready {
    const char *name;
    unic_extractor *extractor;
    cli_features features;
    unic_encoder *encoder;
    size_t length;
    float *rows; /* [room,...] of the file that is being read */
    size_t steps, room;
    const encode_media *m;
} ready;

struct encode_ready {
    const encode_media *m;
    ready modalities[UNIC_MAX_MODALITIES];
    size_t count;
    bool lacks_files; /* a modality is left out for want of its extractor's file */
};

/* ---- extractors ---- */

/* The extractor of a modality; *out is NULL if nobody says which one, or its file is not given
 * (*lacks_file), and it need not be known. */
static bool find_extractor(unic_extractor **out, bool *lacks_file, const encode_media *m,
                           unic_config *config, const char *name)
{
    const char *words;
    char what[MESSAGE];
    *out = NULL;
    snprintf(what, sizeof what, "%s: modality %s", m->model_path, name);
    if (!cli_extractor_of(&words, config, name) ||
        (m->description && !cli_extractor_described(out, m->description, name)))
        return false;
    if (*out)
        return !words || cli_extractor_is(*out, words, what, m->description);
    if (words && !cli_extractor_recall(out, words, &m->extractors, what))
        return false;
    if (words && !*out && m->modality)
        return cli_fail("%s has features of the extractor %s, which has weights or was fitted: "
                        "give its file with --extractor E.npz",
                        what, words);
    if (words && !*out) {
        cli_note("%s is left out: its extractor has weights or was fitted, give its file with "
                 "--extractor E.npz",
                 what);
        *lacks_file = true;
    }
    return words || !m->modality ||
           cli_fail(
               "%s: the model does not say how the features of %s are made; --extract FILE.ini "
               "does",
               m->model_path, name);
}

static bool make_ready(encode_ready *j, unic_config *config, const char *name)
{
    ready *r = &j->modalities[j->count];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    r->name = name;
    r->m = j->m;
    if (!cli_ok(unic_model_feature_dims(&rank, j->m->model, name, dims)) ||
        !find_extractor(&r->extractor, &j->lacks_files, j->m, config, name))
        return false;
    if (!r->extractor)
        return true;
    j->count++;
    if (!cli_features_begin(&r->features, r->extractor, j->m->skip_damaged, j->m->threads))
        return false;
    if (rank != r->features.rank || memcmp(dims, r->features.dims, rank * sizeof *dims) != 0)
        return cli_fail(
            "%s: its extractor's features have other dims than the model's modality %s",
            j->m->description ? j->m->description : j->m->model_path, name);
    return true;
}

static bool make_all_ready(encode_ready *j)
{
    const encode_media *m = j->m;
    unic_config *config = NULL;
    const char *padding = "";
    bool ok = cli_ok(unic_config_create(&config)) &&
              cli_ok(unic_config_parse(config, unic_model_config(m->model), m->model_path)) &&
              cli_ok(unic_config_get(&padding, config, "padding"));
    if (ok && !strcmp(padding, "real"))
        ok = cli_fail(
            "%s has padding = real: make features with unic-extract, and encode those",
            m->model_path);
    if (ok && m->modality)
        ok = make_ready(j, config, m->modality);
    for (size_t i = 0; ok && !m->modality && i < unic_model_modality_count(m->model); i++)
        ok = make_ready(j, config, unic_model_modality_name(m->model, i));
    if (ok && j->count == 0 && j->lacks_files)
        ok = cli_fail("%s: no modality is left; give their extractors' files", m->model_path);
    else if (ok && j->count == 0)
        ok = cli_fail(
            "%s: the model does not say how features are made; --extract FILE.ini does",
            m->model_path);
    unic_config_free(config);
    return ok;
}

bool encode_ready_open(encode_ready **out, const encode_media *m)
{
    *out = cli_alloc(1, sizeof **out);
    if (!*out)
        return false;
    (*out)->m = m;
    return make_all_ready(*out);
}

int32_t encode_ready_reads(const encode_ready *j)
{
    return j->modalities[0].features.reads;
}

void encode_ready_free(encode_ready *j)
{
    for (size_t i = 0; j && i < UNIC_MAX_MODALITIES; i++) {
        cli_features_free(&j->modalities[i].features);
        unic_extractor_free(j->modalities[i].extractor);
        unic_encoder_free(j->modalities[i].encoder);
        free(j->modalities[i].rows);
    }
    free(j);
}

/* ---- a file ---- */

/* A cli_features_fn: the clip's features are held as a whole, since its steps see each other. */
static bool gather(const float *features, size_t steps, double part, void *user)
{
    ready *r = user;
    const size_t width = r->features.numbers;
    (void)part;
    if (r->steps + steps > r->room) {
        size_t room = 2 * (r->steps + steps);
        float *rows = realloc(r->rows, room * width * sizeof *rows);
        if (!rows)
            return cli_fail("out of memory (%zu steps of %s)", room, r->name);
        r->rows = rows;
        r->room = room;
    }
    memcpy(r->rows + r->steps * width, features, steps * width * sizeof *features);
    r->steps += steps;
    return r->m->tick ? r->m->tick(0, r->m->tick_user) : !cli_signal();
}

static bool reserve(ready *r, unic_model *model)
{
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = 1, .max_length = r->steps};
    if (r->steps <= r->length)
        return true;
    unic_encoder_free(r->encoder);
    r->encoder = NULL;
    r->length = r->steps;
    return cli_ok(unic_encoder_create(&r->encoder, model, r->name, &options));
}

/* The codes of the features that were gathered. */
static bool encode(encode_ready *j, ready *r, encode_result *result)
{
    const size_t vectors = j->m->vectors ? r->steps * unic_model_code_dim(j->m->model) : 0;
    int64_t dims[UNIC_MAX_RANK] = {1, (int64_t)r->steps};
    unic_array array;
    memcpy(dims + 2, r->features.dims, r->features.rank * sizeof *dims);
    unic_array_init(&array, r->rows, UNIC_F32, (int)r->features.rank + 2, dims);
    result->steps = r->steps;
    result->codes = cli_alloc(r->steps, sizeof *result->codes);
    if (vectors) {
        result->quantized = cli_alloc(vectors, sizeof(float));
        result->semantic = cli_alloc(vectors, sizeof(float));
    }
    return result->codes && (!vectors || (result->quantized && result->semantic)) &&
           reserve(r, j->m->model) &&
           cli_ok(unic_encoder_encode(r->encoder, &array, NULL, result->codes,
                                      result->quantized, result->semantic));
}

/* Whether the file holds what the modality is made of; not asked if the modality was named. */
static bool applies(const ready *r, const char *path, const unic_media *media)
{
    if (r->features.reads == UNIC_EXTRACTOR_TEXT)
        return cli_media_is_text(path);
    return media &&
           cli_media.has(media, r->features.reads == UNIC_EXTRACTOR_SOUND ? UNIC_MEDIA_SOUND
                                                                          : UNIC_MEDIA_FRAMES);
}

static cli_outcome one_modality(encode_ready *j, ready *r, size_t file, const char *path,
                                encode_take_fn *take, void *user)
{
    encode_result result = {.file = file, .path = path, .modality = r->name};
    r->steps = 0;
    cli_outcome outcome = cli_features_file(&r->features, path, gather, r);
    if (outcome == CLI_GOOD && (!encode(j, r, &result) || !take(&result, user)))
        outcome = CLI_FAILED;
    if (outcome == CLI_BAD && j->m->skip_damaged && !take(&result, user))
        outcome = CLI_FAILED;
    free(result.codes);
    free(result.quantized);
    free(result.semantic);
    return outcome;
}

cli_outcome encode_ready_file(encode_ready *j, size_t file, const char *path,
                              encode_take_fn *take, void *user)
{
    unic_media *media = NULL;
    cli_outcome outcome = CLI_GOOD;
    size_t used = 0;
    if (j->m->modality)
        return one_modality(j, &j->modalities[0], file, path, take, user);
    if (!cli_media_is_text(path) &&
        !cli_media_open(&media, path, j->m->skip_damaged, j->m->threads))
        return cli_media.open ? CLI_BAD : CLI_FAILED;
    for (size_t i = 0; i < j->count && outcome != CLI_FAILED; i++) {
        if (!applies(&j->modalities[i], path, media))
            continue;
        used++;
        cli_outcome now = one_modality(j, &j->modalities[i], file, path, take, user);
        outcome = now == CLI_GOOD ? outcome : now;
    }
    if (media)
        cli_media.free(media);
    if (used == 0)
        cli_fail("%s holds nothing that a modality of the model is made of", path);
    return used ? outcome : CLI_BAD;
}

bool encode_media_files(const encode_media *m, const cli_list *files, encode_take_fn *take,
                        void *user)
{
    encode_ready *j;
    bool ok = encode_ready_open(&j, m);
    cli_progress_begin(files->count, 0, "files");
    for (size_t i = 0; ok && i < files->count; i++) {
        cli_outcome outcome = encode_ready_file(j, i, files->items[i], take, user);
        ok = outcome == CLI_GOOD || (outcome == CLI_BAD && m->skip_damaged);
        cli_progress_at(i + 1, "");
    }
    cli_progress_clear();
    encode_ready_free(j);
    return ok && !cli_signal();
}
