/* Trainers, models, encoders. */
#include <string.h>

#include "api.h"
#include "train/silent_comm.h"

static const char *const names[] = {"a", "b", "a", "b", "g", "v", "t", "c"};
static const char *const settings[] = {"encoder.heads = 2\n", "", "code.dim = 3\n", "x = y\n"};
static const char *const changes[] = {"train.lr = 0.5\n", "train.freeze = a codebook\n",
                                      "code.dim = 3\n", "x = y\n"};

static const unic_comm *comm_of(api *a)
{
    unic_comm *comm = api_memory(a, sizeof *comm + 16);
    const unsigned ranks = fuzz_byte(&a->in);
    *comm = silent_comm();
    comm->struct_size = api_struct_size(a, sizeof *comm);
    comm->rank = (int32_t)(ranks >> 4) - 1;
    comm->size = (int32_t)(ranks & 15) - 1;
    return comm;
}

/* NULL, or with as many threads as there may be. */
static const unic_trainer_options *trainer_options(api *a)
{
    unic_trainer_options *o = api_memory(a, sizeof *o + 16);
    *o = (unic_trainer_options){.struct_size = api_struct_size(a, sizeof *o),
                                .threads = api_threads(a)};
    unsigned how = fuzz_byte(&a->in);
    if (how & 2) /* refused but where a run is resumed */
        o->settings = api_name(a, changes, 4);
    if (how & 4)
        o->comm = comm_of(a);
    if (how & 8) /* refused but where one is created */
        o->memory_limit = (size_t)fuzz_byte(&a->in) << 14;
    return how & 1 ? NULL : o;
}

static void call_unic_trainer_create(api *a)
{
    const unic_config *config = api_config_of(a);
    const unic_trainer_options *o = trainer_options(a);
    API_PUT(a, trainer, unic_trainer_create, config, o);
}

static void call_unic_trainer_start_from(api *a)
{
    unic_trainer *trainer = api_trainer_of(a);
    fuzz_ok(unic_trainer_start_from(trainer, api_model_of(a)));
}

static void call_unic_trainer_free(api *a)
{
    API_FREE(a, trainer);
}

static double *figures_for(api *a, const unic_trainer *trainer)
{
    double *figures = api_memory(a, (1 + unic_trainer_figure_count(trainer)) * sizeof *figures);
    return fuzz_byte(&a->in) & 1 ? NULL : figures;
}

static void check_figures(const unic_trainer *trainer, const double *figures)
{
    for (size_t i = 0; figures && i < unic_trainer_figure_count(trainer); i++)
        FUZZ_CHECK(figures[i] > -1e300 && figures[i] < 1e300);
}

static void call_unic_trainer_step(api *a)
{
    unic_trainer *trainer = api_trainer_of(a);
    unic_batch *batch = api_batch_of(a);
    double *figures = figures_for(a, trainer);
    unic_draws draws = {.struct_size = sizeof draws};
    int32_t *step = api_codes(a, 1, 3);
    int32_t *sources = api_codes(a, 64, 6);
    unsigned how = fuzz_byte(&a->in);
    draws.cpc_step = how & 1 ? step : NULL;
    draws.revival_source = how & 2 && how & 4 ? sources : NULL;
    if (how == 0xFF)
        draws.reserved[0] = &draws;
    uint64_t before = unic_trainer_step_count(trainer);
    bool ok = fuzz_ok(unic_trainer_step(trainer, batch, how & 8 ? &draws : NULL, figures));
    FUZZ_CHECK(unic_trainer_step_count(trainer) == before + ok);
    if (ok)
        check_figures(trainer, figures);
}

static void call_unic_trainer_evaluate(api *a)
{
    unic_trainer *trainer = api_trainer_of(a);
    unic_batch *batch = api_batch_of(a);
    double *figures = figures_for(a, trainer);
    if (fuzz_ok(unic_trainer_evaluate(trainer, batch, figures)))
        check_figures(trainer, figures);
}

static void call_unic_trainer_figure_count(api *a)
{
    unic_trainer_figure_count(api_trainer_of(a));
}

static void call_unic_trainer_figure_name(api *a)
{
    const unic_trainer *trainer = api_trainer_of(a);
    size_t i = fuzz_byte(&a->in);
    FUZZ_CHECK((unic_trainer_figure_name(trainer, i) != NULL) ==
               (i < unic_trainer_figure_count(trainer)));
}

static void call_unic_trainer_set_total_step_count(api *a)
{
    unic_trainer *trainer = api_trainer_of(a);
    fuzz_ok(unic_trainer_set_total_step_count(trainer, fuzz_number(&a->in, 8)));
}

static void call_unic_trainer_total_step_count(api *a)
{
    unic_trainer_total_step_count(api_trainer_of(a));
}

static void call_unic_trainer_step_count(api *a)
{
    unic_trainer_step_count(api_trainer_of(a));
}

static void call_unic_trainer_save(api *a)
{
    unic_trainer *trainer = api_trainer_of(a);
    fuzz_ok(unic_trainer_save(trainer, api_path(a)));
}

static void call_unic_trainer_save_sink(api *a)
{
    unic_trainer *trainer = api_trainer_of(a);
    fuzz_ok(unic_trainer_save_sink(trainer, api_sink(a)));
}

static void call_unic_trainer_resume(api *a)
{
    const char *path = api_path(a);
    const unic_trainer_options *o = trainer_options(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, trainer, unic_trainer_resume, path, o, open);
}

static void call_unic_trainer_resume_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_trainer_options *o = trainer_options(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, trainer, unic_trainer_resume_source, source, o, open);
}

static void call_unic_trainer_import(api *a)
{
    const char *path = api_path(a), *more = api_name(a, settings, 4);
    const unic_trainer_options *o = trainer_options(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, trainer, unic_trainer_import, path, more, o, open);
}

static void call_unic_trainer_model(api *a)
{
    unic_trainer *trainer = api_trainer_of(a);
    API_PUT(a, model, unic_trainer_model, trainer);
}

static void call_unic_trainer_config(api *a)
{
    FUZZ_CHECK(unic_trainer_config(api_trainer_of(a)));
}

/* ---- models ---- */

static void call_unic_model_open(api *a)
{
    const char *path = api_path(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, model, unic_model_open, path, open);
}

static void call_unic_model_import(api *a)
{
    const char *path = api_path(a), *more = api_name(a, settings, 4);
    const unic_open_options *open = api_open(a);
    API_PUT(a, model, unic_model_import, path, more, open);
}

static void call_unic_model_open_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, model, unic_model_open_source, source, open);
}

static void call_unic_model_import_source(api *a)
{
    const unic_source *source = api_source(a);
    const char *more = api_name(a, settings, 4);
    const unic_open_options *open = api_open(a);
    API_PUT(a, model, unic_model_import_source, source, more, open);
}

static void call_unic_model_retain(api *a)
{
    unic_model *model = api_model_of(a), *other = unic_model_retain(model);
    FUZZ_CHECK(other == model);
    unic_model_free(other);
}

static void call_unic_model_free(api *a)
{
    API_FREE(a, model);
}

static void call_unic_model_modality_count(api *a)
{
    FUZZ_CHECK(unic_model_modality_count(api_model_of(a)) <= UNIC_MAX_MODALITIES);
}

static void call_unic_model_modality_name(api *a)
{
    const unic_model *model = api_model_of(a);
    size_t i = fuzz_below(&a->in, 10);
    FUZZ_CHECK((unic_model_modality_name(model, i) != NULL) ==
               (i < unic_model_modality_count(model)));
}

static void call_unic_model_feature_dims(api *a)
{
    size_t rank;
    int64_t dims[UNIC_MAX_RANK];
    unic_model *model = api_model_of(a);
    const char *name = api_name(a, names, 8);
    if (fuzz_ok(unic_model_feature_dims(fuzz_rarely(&a->in) ? NULL : &rank, model, name, dims)))
        FUZZ_CHECK(rank == 1 || rank == 3);
}

static void call_unic_model_parameter_at(api *a)
{
    const char *name;
    const float *data;
    size_t rank;
    int64_t dims[UNIC_MAX_RANK];
    unic_model *model = api_model_of(a);
    size_t i = fuzz_byte(&a->in);
    if (fuzz_ok(unic_model_parameter_at(&name, fuzz_byte(&a->in) & 1 ? NULL : &data, &rank,
                                        model, i, dims)))
        FUZZ_CHECK(*name && rank <= UNIC_MAX_RANK);
}

static void call_unic_model_code_count(api *a)
{
    unic_model_code_count(api_model_of(a));
}

static void call_unic_model_code_dim(api *a)
{
    unic_model_code_dim(api_model_of(a));
}

static void call_unic_model_config(api *a)
{
    FUZZ_CHECK(unic_model_config(api_model_of(a)));
}

static void call_unic_model_codebook(api *a)
{
    unic_model *model = api_model_of(a);
    API_PUT(a, codebook, unic_model_codebook, model);
}

static void call_unic_model_weights(api *a)
{
    const unic_model *model = api_model_of(a);
    FUZZ_CHECK(!model || *unic_model_weights(model));
}

static void call_unic_model_convert(api *a)
{
    static const char *const types[] = {"f32", "f16", "bf16", "f8"};
    unic_model *model = api_model_of(a);
    const char *type = api_name(a, types, 4);
    API_PUT(a, model, unic_model_convert, model, type);
}

static void call_unic_model_save(api *a)
{
    unic_model *model = api_model_of(a);
    fuzz_ok(unic_model_save(model, api_path(a)));
}

static void call_unic_model_save_sink(api *a)
{
    unic_model *model = api_model_of(a);
    fuzz_ok(unic_model_save_sink(model, api_sink(a)));
}

/* ---- encoders ---- */

static void call_unic_encoder_create(api *a)
{
    unic_model *model = api_model_of(a);
    const char *name = api_name(a, names, 8);
    unic_encoder_options o = {.struct_size = api_struct_size(a, sizeof o),
                              .max_batch = (size_t)fuzz_size(&a->in, 3),
                              .max_length = (size_t)fuzz_size(&a->in, 4),
                              .threads = api_threads(a)};
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    if (o.max_batch > 16 && o.max_batch <= 1 << 20) /* in range, and slow */
        o.max_batch = 1;
    if (o.max_length > 16 && o.max_length <= 1 << 20)
        o.max_length = 1;
    API_PUT(a, encoder, unic_encoder_create, model, name, fuzz_rarely(&a->in) ? NULL : &o);
}

static void call_unic_encoder_free(api *a)
{
    API_FREE(a, encoder);
}

enum { OUTPUTS = 1 << 12 };

static void call_unic_encoder_encode(api *a)
{
    unic_encoder *encoder = api_encoder_of(a);
    int64_t clips = 1 + (int64_t)fuzz_below(&a->in, 2),
            length = 1 + (int64_t)fuzz_below(&a->in, 3);
    bool grid = fuzz_byte(&a->in) % 8 == 7;
    int64_t dims[] = {clips, length, grid ? 5 : 2, 5, 1};
    unic_array *x = api_array(a, grid ? 5 : 3, dims);
    int32_t *lengths = fuzz_byte(&a->in) & 1 ? api_codes(a, 4, 4) : NULL;
    int32_t *codes = api_memory(a, OUTPUTS * sizeof *codes);
    float *z = api_memory(a, OUTPUTS * sizeof *z), *e = api_memory(a, OUTPUTS * sizeof *e);
    unsigned how = fuzz_byte(&a->in);
    if (fuzz_ok(unic_encoder_encode(encoder, x, lengths, how & 1 ? NULL : codes,
                                    how & 2 ? NULL : e, how & 4 ? NULL : z))) {
        fuzz_check_finite(z, OUTPUTS);
        fuzz_check_finite(e, OUTPUTS);
    }
}

static void call_unic_encoder_encode_batch(api *a)
{
    unic_encoder *encoder = api_encoder_of(a);
    unic_batch *batch = api_batch_of(a);
    int32_t *codes = api_memory(a, OUTPUTS * sizeof *codes);
    float *z = api_memory(a, OUTPUTS * sizeof *z);
    if (fuzz_ok(unic_encoder_encode_batch(encoder, batch, codes, NULL, z)))
        fuzz_check_finite(z, OUTPUTS);
}

static int take_encoded(size_t encoder, const unic_batch *batch, const int32_t *codes,
                        const float *quantized, const float *semantic, void *user)
{
    unsigned *left = user;
    FUZZ_CHECK(encoder < 2 && batch && codes && quantized && semantic);
    return *left > 0 && --*left == 0;
}

static void call_unic_encoder_encode_dataset(api *a)
{
    unic_dataset *dataset = api_dataset_of(a);
    unic_encoder *encoders[2] = {api_encoder_of(a), api_encoder_of(a)};
    size_t n = fuzz_below(&a->in, 3), clips = unic_dataset_clip_count(dataset);
    size_t length = unic_dataset_length(dataset);
    unsigned stop = fuzz_byte(&a->in) & 3, how = fuzz_byte(&a->in);
    const unic_encode_options o = {.struct_size = sizeof o,
                                   .encoded = how & 1 ? take_encoded : NULL,
                                   .encoded_user = &stop,
                                   .progress = how & 2 ? api_progress : NULL,
                                   .progress_user = &stop};
    if (clips * length > OUTPUTS)
        return;
    int32_t *codes[2] = {api_memory(a, OUTPUTS * 4), api_memory(a, OUTPUTS * 4)};
    fuzz_ok(unic_encoder_encode_dataset(how == 0xFF ? NULL : encoders, n, dataset,
                                        how & 4 ? NULL : &o, how & 8 ? NULL : codes));
}

/* ---- streams ---- */

static void call_unic_stream_create(api *a)
{
    unic_encoder *encoder = api_encoder_of(a);
    unic_stream_options o = {.struct_size = api_struct_size(a, sizeof o),
                             .window = (size_t)fuzz_size(&a->in, 4),
                             .lag = (size_t)fuzz_size(&a->in, 3),
                             .backlog = (size_t)fuzz_size(&a->in, 6)};
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    if (o.backlog > 1 << 10 && o.backlog <= 1 << 24) /* in range, and large */
        o.backlog = 7;
    API_PUT(a, stream, unic_stream_create, encoder, fuzz_rarely(&a->in) ? NULL : &o);
}

static void call_unic_stream_free(api *a)
{
    API_FREE(a, stream);
}

static void call_unic_stream_push(api *a)
{
    unic_stream *stream = api_stream_of(a);
    int64_t dims[] = {(int64_t)fuzz_below(&a->in, 5), 2};
    fuzz_ok(unic_stream_push(stream, api_array(a, 2, dims)));
}

static void call_unic_stream_finish(api *a)
{
    fuzz_ok(unic_stream_finish(api_stream_of(a)));
}

static void call_unic_stream_ready_count(api *a)
{
    FUZZ_CHECK(unic_stream_ready_count(api_stream_of(a)) <= 1 << 10);
}

static void call_unic_stream_pull(api *a)
{
    unic_stream *stream = api_stream_of(a);
    size_t count = 0, most = fuzz_below(&a->in, 8), ready = unic_stream_ready_count(stream);
    uint64_t first;
    int32_t *codes = api_memory(a, OUTPUTS * sizeof *codes);
    float *z = api_memory(a, OUTPUTS * sizeof *z), *e = api_memory(a, OUTPUTS * sizeof *e);
    unsigned how = fuzz_byte(&a->in);
    if (fuzz_ok(unic_stream_pull(how >= 0xF0 ? NULL : &count, how & 8 ? NULL : &first, stream,
                                 most, how & 1 ? NULL : codes, how & 2 ? NULL : e,
                                 how & 4 ? NULL : z))) {
        FUZZ_CHECK(count == (ready < most ? ready : most));
        fuzz_check_finite(z, OUTPUTS);
        fuzz_check_finite(e, OUTPUTS);
    }
}

static void call_unic_stream_reset(api *a)
{
    fuzz_ok(unic_stream_reset(api_stream_of(a)));
}

static const api_call calls[] = {
    API_CALL(unic_trainer_create),
    API_CALL(unic_trainer_start_from),
    API_CALL(unic_trainer_free),
    API_CALL(unic_trainer_step),
    API_CALL(unic_trainer_evaluate),
    API_CALL(unic_trainer_figure_count),
    API_CALL(unic_trainer_figure_name),
    API_CALL(unic_trainer_set_total_step_count),
    API_CALL(unic_trainer_total_step_count),
    API_CALL(unic_trainer_step_count),
    API_CALL(unic_trainer_save),
    API_CALL(unic_trainer_save_sink),
    API_CALL(unic_trainer_resume),
    API_CALL(unic_trainer_resume_source),
    API_CALL(unic_trainer_import),
    API_CALL(unic_trainer_model),
    API_CALL(unic_trainer_config),
    API_CALL(unic_model_open),
    API_CALL(unic_model_import),
    API_CALL(unic_model_open_source),
    API_CALL(unic_model_import_source),
    API_CALL(unic_model_retain),
    API_CALL(unic_model_free),
    API_CALL(unic_model_modality_count),
    API_CALL(unic_model_modality_name),
    API_CALL(unic_model_feature_dims),
    API_CALL(unic_model_parameter_at),
    API_CALL(unic_model_code_count),
    API_CALL(unic_model_code_dim),
    API_CALL(unic_model_config),
    API_CALL(unic_model_codebook),
    API_CALL(unic_model_weights),
    API_CALL(unic_model_convert),
    API_CALL(unic_model_save),
    API_CALL(unic_model_save_sink),
    API_CALL(unic_encoder_create),
    API_CALL(unic_encoder_free),
    API_CALL(unic_encoder_encode),
    API_CALL(unic_encoder_encode_batch),
    API_CALL(unic_encoder_encode_dataset),
    API_CALL(unic_stream_create),
    API_CALL(unic_stream_free),
    API_CALL(unic_stream_push),
    API_CALL(unic_stream_finish),
    API_CALL(unic_stream_ready_count),
    API_CALL(unic_stream_pull),
    API_CALL(unic_stream_reset),
};
API_PART(api_models, calls);
