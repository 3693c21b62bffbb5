/* Models, encoders, trainers, checkpoints of the authors' code. */
#include <string.h>

#include "faults.h"
#include "train/silent_comm.h"
#include "train/trainer.h"

/* ---- models ---- */

static unic_status give_model(world *w, unic_status status)
{
    if (status == UNIC_OK)
        give_text(w, unic_model_config(w->model));
    return status;
}

CALL(model_open)
{
    return give_model(w, unic_model_open(&w->model, files.model, NULL));
}

CALL(model_open_source)
{
    const unic_source source = world_source(files.model);
    return give_model(w, unic_model_open_source(&w->model, &source, NULL));
}

/* All weights are read by this call, and nothing of them stays if one cannot be. */
CALL(model_open_preloaded)
{
    const unic_open_options o = {.struct_size = sizeof o, .preload = 1};
    return give_model(w, unic_model_open(&w->model, files.model, &o));
}

CALL(model_import_source)
{
    const unic_source source = world_source(CHECKPOINT);
    return give_model(w, unic_model_import_source(&w->model, &source, NULL, NULL));
}

CALL(model_import)
{
    return give_model(w, unic_model_import(&w->model, CHECKPOINT, NULL, NULL));
}

/* The reference is given back at once. */
CALL(model_retain)
{
    unic_model_free(unic_model_retain(w->model));
    return give_model(w, UNIC_OK);
}

CALL(model_free)
{
    unic_model_free(w->model);
    w->model = NULL;
    return UNIC_OK;
}

CALL(model_sizes)
{
    size_t n[3] = {unic_model_modality_count(w->model), unic_model_code_count(w->model),
                   unic_model_code_dim(w->model)};
    give(w, n, sizeof n);
    give_text(w, unic_model_modality_name(w->model, 1));
    give_text(w, unic_model_weights(w->model));
    return give_model(w, UNIC_OK);
}

CALL(model_feature_dims)
{
    size_t rank;
    int64_t dims[UNIC_MAX_RANK] = {0};
    unic_status status = unic_model_feature_dims(&rank, w->model, "touch", dims);
    give(w, dims, sizeof dims);
    return status;
}

CALL(model_parameter_at)
{
    const char *text;
    const float *data;
    size_t rank;
    int64_t dims[UNIC_MAX_RANK] = {0};
    unic_status status = unic_model_parameter_at(&text, &data, &rank, w->model, 2, dims);
    if (status == UNIC_OK) {
        give_text(w, text);
        give(w, data, sizeof *data);
        give(w, dims, sizeof dims);
    }
    return status;
}

CALL(model_codebook)
{
    unic_status status = unic_model_codebook(&w->codebook, w->model);
    if (status == UNIC_OK) {
        give(w, unic_codebook_embedding(w->codebook), sizeof(float));
        unic_codebook_free(w->codebook);
        w->codebook = NULL;
    }
    return status;
}

/* And the weights of the new model, which are read when they are needed. */
CALL(model_convert)
{
    unic_model *half;
    const char *text;
    const float *data;
    size_t rank;
    int64_t dims[UNIC_MAX_RANK] = {0};
    unic_status status = unic_model_convert(&half, w->model, "f16");
    if (status == UNIC_OK)
        status = unic_model_parameter_at(&text, &data, &rank, half, 0, dims);
    if (status == UNIC_OK) {
        give_text(w, unic_model_weights(half));
        give(w, data, sizeof *data);
    }
    unic_model_free(half);
    return status;
}

CALL(model_save)
{
    unic_status status = unic_model_save(w->model, files.out);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

CALL(model_save_sink)
{
    GIVE_SAVED(w, unic_model_save_sink, w->model);
}

CALL(model_convert_saved)
{
    unic_model *other;
    unic_status status = unic_model_convert(&other, w->model, "f16");
    if (status != UNIC_OK)
        return status;
    status = unic_model_save(other, files.out);
    unic_model_free(other);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

/* ---- encoders ---- */

static const unic_encoder_options sizes = {
    .struct_size = sizeof sizes, .max_batch = SMALL_BATCH, .max_length = SMALL_LENGTH};

CALL(encoder_create)
{
    return unic_encoder_create(&w->encoder, w->model, "touch", &sizes);
}

CALL(encoder_free)
{
    unic_encoder_free(w->encoder);
    w->encoder = NULL;
    return UNIC_OK;
}

typedef struct encoded {
    int32_t codes[SMALL_BATCH * SMALL_LENGTH];
    float quantized[SMALL_BATCH * SMALL_LENGTH * SMALL_DIM];
    float semantic[SMALL_BATCH * SMALL_LENGTH * SMALL_DIM];
} encoded;

CALL(encoder_encode)
{
    encoded e;
    unic_status status = unic_encoder_encode(w->encoder, &features->array[0], NULL, e.codes,
                                             e.quantized, e.semantic);
    if (status == UNIC_OK)
        give(w, &e, sizeof e);
    return status;
}

CALL(encoder_encode_batch)
{
    encoded e;
    unic_status status = unic_encoder_encode_batch(w->encoder, w->batch, e.codes, e.quantized,
                                                   e.semantic);
    if (status == UNIC_OK)
        give(w, &e, sizeof e);
    return status;
}

/* From the data set's beginning, however far an earlier try came. */
CALL(encoder_encode_dataset)
{
    unic_encoder *const encoders[] = {w->encoder};
    int32_t codes[8 * 5] = {0};
    int32_t *const all[] = {codes};
    unic_status status = unic_dataset_seek(w->dataset, 0, 0);
    if (status == UNIC_OK)
        status = unic_encoder_encode_dataset(encoders, 1, w->dataset, NULL, all);
    if (status == UNIC_OK)
        give(w, codes, sizeof codes);
    return status;
}

/* ---- streams ---- */

static const unic_stream_options window = {.struct_size = sizeof window, .window = 3};

CALL(stream_create)
{
    return unic_stream_create(&w->stream, w->encoder, &window);
}

CALL(stream_free)
{
    unic_stream_free(w->stream);
    w->stream = NULL;
    return UNIC_OK;
}

CALL(stream_push)
{
    const unic_array steps = steps_of_audio();
    unic_status status = unic_stream_push(w->stream, &steps);
    size_t ready = unic_stream_ready_count(w->stream);
    give(w, &ready, sizeof ready);
    return status;
}

CALL(stream_pull)
{
    encoded e;
    size_t count;
    uint64_t first;
    unic_status status = unic_stream_finish(w->stream);
    if (status == UNIC_OK)
        status = unic_stream_pull(&count, &first, w->stream, SMALL_LENGTH, e.codes, e.quantized,
                                  e.semantic);
    if (status == UNIC_OK) {
        give(w, &count, sizeof count);
        give(w, &first, sizeof first);
        give(w, e.codes, count * sizeof *e.codes);
        give(w, e.quantized, count * SMALL_DIM * sizeof *e.quantized);
        give(w, e.semantic, count * SMALL_DIM * sizeof *e.semantic);
    }
    return status;
}

CALL(stream_finish)
{
    unic_status status = unic_stream_finish(w->stream);
    size_t ready = unic_stream_ready_count(w->stream);
    give(w, &ready, sizeof ready);
    return status;
}

CALL(stream_ready_count)
{
    size_t ready = unic_stream_ready_count(w->stream);
    give(w, &ready, sizeof ready);
    return UNIC_OK;
}

CALL(stream_reset)
{
    return unic_stream_reset(w->stream);
}

/* ---- trainers ---- */

CALL(trainer_create)
{
    return unic_trainer_create(&w->trainer, w->config, NULL);
}

/* One of two ranks: to create a trainer asks nothing of the other. */
CALL(trainer_create_rank)
{
    const unic_comm comm = silent_comm();
    const unic_trainer_options o = {.struct_size = sizeof o, .comm = &comm};
    return unic_trainer_create(&w->trainer, w->config, &o);
}

/* The model's weights are read here. */
CALL(trainer_start_from)
{
    unic_status status = unic_trainer_start_from(w->trainer, w->model);
    if (status == UNIC_OK)
        give(w, w->trainer->params.values, w->trainer->params.total * sizeof(float));
    return status;
}

CALL(trainer_free)
{
    unic_trainer_free(w->trainer);
    w->trainer = NULL;
    return UNIC_OK;
}

CALL(trainer_sizes)
{
    size_t n = unic_trainer_figure_count(w->trainer);
    uint64_t steps[2] = {unic_trainer_step_count(w->trainer),
                         unic_trainer_total_step_count(w->trainer)};
    give(w, &n, sizeof n);
    give(w, steps, sizeof steps);
    give_text(w, unic_trainer_figure_name(w->trainer, 0));
    give_text(w, unic_trainer_config(w->trainer));
    return UNIC_OK;
}

CALL(trainer_set_total)
{
    unic_status status = unic_trainer_set_total_step_count(w->trainer, 9);
    return status == UNIC_OK ? trainer_sizes(w) : status;
}

CALL(trainer_step)
{
    double figures[64];
    unic_status status = unic_trainer_step(w->trainer, features->batch, NULL, figures);
    if (status == UNIC_OK)
        give(w, figures, unic_trainer_figure_count(w->trainer) * sizeof *figures);
    return status;
}

CALL(trainer_evaluate)
{
    double figures[64];
    unic_status status = unic_trainer_evaluate(w->trainer, features->batch, figures);
    if (status == UNIC_OK)
        give(w, figures, unic_trainer_figure_count(w->trainer) * sizeof *figures);
    return status;
}

CALL(trainer_save)
{
    unic_status status = unic_trainer_save(w->trainer, files.out);
    if (status == UNIC_OK) {
        give_file(w, files.out);
        give_file(w, files.out_run);
    }
    return status;
}

CALL(trainer_save_sink)
{
    GIVE_SAVED(w, unic_trainer_save_sink, w->trainer);
}

CALL(trainer_resume_source)
{
    const unic_source source = world_source(files.run);
    return unic_trainer_resume_source(&w->trainer, &source, NULL, NULL);
}

CALL(trainer_resume)
{
    const unic_trainer_options o = {.struct_size = sizeof o, .settings = "train.lr = 0.5\n"};
    unic_status status = unic_trainer_resume(&w->trainer, files.model, &o, NULL);
    return status == UNIC_OK ? trainer_sizes(w) : status;
}

CALL(trainer_import)
{
    unic_status status = unic_trainer_import(&w->trainer, "tests/cmg/fixtures/av.pt",
                                             "train.batch = 2\ntrain.length = 3\n", NULL, NULL);
    return status == UNIC_OK ? trainer_sizes(w) : status;
}

CALL(trainer_model)
{
    return give_model(w, unic_trainer_model(&w->model, w->trainer));
}

const fault_case model_cases[] = {
    CASE(model_open, 0, ALLOCATES),
    CASE(model_import, 0, ALLOCATES),
    CASE(model_open_source, 0, ALLOCATES),
    CASE_OF(model_open, model_open_preloaded, 0, ALLOCATES),
    CASE(model_import_source, 0, ALLOCATES),
    CASE(model_retain, NEEDS_MODEL, NOTHING),
    CASE(model_free, NEEDS_MODEL, NOTHING),
    CASE_OF(model_modality_count, model_sizes, NEEDS_MODEL, NOTHING),
    CASE_OF(model_modality_name, model_sizes, NEEDS_MODEL, NOTHING),
    CASE_OF(model_code_count, model_sizes, NEEDS_MODEL, NOTHING),
    CASE_OF(model_code_dim, model_sizes, NEEDS_MODEL, NOTHING),
    CASE_OF(model_config, model_sizes, NEEDS_MODEL, NOTHING),
    CASE(model_feature_dims, NEEDS_MODEL, NOTHING),
    CASE(model_parameter_at, NEEDS_MODEL, KEEPS),
    CASE(model_codebook, NEEDS_MODEL, ALLOCATES),
    CASE(model_convert, NEEDS_MODEL, ALLOCATES),
    CASE_OF(model_weights, model_sizes, NEEDS_MODEL, NOTHING),
    CASE(model_save, NEEDS_MODEL, WRITES | KEEPS),
    CASE_OF(model_convert, model_convert_saved, NEEDS_MODEL, WRITES | KEEPS),
    CASE(encoder_create, NEEDS_MODEL, KEEPS),
    CASE(encoder_free, NEEDS_ENCODER, NOTHING),
    CASE(encoder_encode, NEEDS_ENCODER, NOTHING),
    CASE(encoder_encode_batch, NEEDS_ENCODER | NEEDS_BATCH, NOTHING),
    CASE(encoder_encode_dataset, NEEDS_ENCODER | NEEDS_DATASET, ALLOCATES),
    CASE(stream_create, NEEDS_ENCODER, ALLOCATES),
    CASE(stream_free, NEEDS_STREAM, NOTHING),
    CASE(stream_push, NEEDS_STREAM, NOTHING),
    CASE(stream_pull, NEEDS_STREAM, NOTHING),
    CASE(stream_finish, NEEDS_STREAM, NOTHING),
    CASE(stream_ready_count, NEEDS_STREAM, NOTHING),
    CASE(stream_reset, NEEDS_STREAM, NOTHING),
    CASE(trainer_create, NEEDS_CONFIG, ALLOCATES),
    CASE_OF(trainer_create, trainer_create_rank, NEEDS_CONFIG, ALLOCATES),
    CASE(trainer_start_from, NEEDS_TRAINER | NEEDS_MODEL, KEEPS),
    CASE(trainer_free, NEEDS_TRAINER, NOTHING),
    CASE_OF(trainer_figure_count, trainer_sizes, NEEDS_TRAINER, NOTHING),
    CASE_OF(trainer_figure_name, trainer_sizes, NEEDS_TRAINER, NOTHING),
    CASE_OF(trainer_step_count, trainer_sizes, NEEDS_TRAINER, NOTHING),
    CASE_OF(trainer_total_step_count, trainer_sizes, NEEDS_TRAINER, NOTHING),
    CASE_OF(trainer_config, trainer_sizes, NEEDS_TRAINER, NOTHING),
    CASE_OF(trainer_set_total_step_count, trainer_set_total, NEEDS_TRAINER, NOTHING),
    CASE(trainer_step, NEEDS_TRAINER, ALLOCATES),
    CASE(trainer_evaluate, NEEDS_TRAINER, NOTHING),
    CASE(trainer_save, NEEDS_TRAINER, WRITES),
    CASE(trainer_resume, 0, ALLOCATES),
    CASE(trainer_save_sink, NEEDS_TRAINER | NEEDS_BUFFER, ALLOCATES),
    CASE(trainer_resume_source, 0, ALLOCATES),
    CASE(model_save_sink, NEEDS_MODEL | NEEDS_BUFFER, ALLOCATES | KEEPS),
    CASE(trainer_import, 0, ALLOCATES),
    CASE(trainer_model, NEEDS_TRAINER, ALLOCATES),
    {NULL, NULL, 0, 0},
};
