/* Settings, arrays, codebooks, npz files, data sets, class maps, and what is set for the
 * process. */
#include <stdio.h>
#include <string.h>

#include "faults.h"

/* ---- the process ---- */

CALL(status_name)
{
    give_text(w, unic_status_name(UNIC_E_SHAPE));
    return UNIC_OK;
}

CALL(last_error)
{
    (void)w;
    return unic_last_error() ? UNIC_OK : UNIC_E_STATE;
}

CALL(version)
{
    give_text(w, unic_version());
    return UNIC_OK;
}

/* The one that is set stays: a wrong one is refused. */
CALL(set_allocator)
{
    const unic_allocator wrong = {.struct_size = sizeof wrong};
    (void)w;
    return unic_set_allocator(&wrong) == UNIC_E_ARG ? UNIC_OK : UNIC_E_STATE;
}

CALL(set_log)
{
    (void)w;
    unic_set_log(NULL, NULL);
    return UNIC_OK;
}

CALL(set_threads)
{
    (void)w;
    return unic_set_threads(1);
}

CALL(get_threads)
{
    int n = unic_get_threads();
    give(w, &n, sizeof n);
    return UNIC_OK;
}

/* ---- settings ---- */

CALL(config_create)
{
    return unic_config_create(&w->config);
}

CALL(config_free)
{
    unic_config_free(w->config);
    w->config = NULL;
    return UNIC_OK;
}

CALL(config_copy)
{
    unic_config *copy;
    unic_status status = unic_config_copy(&copy, w->config);
    if (status == UNIC_OK)
        unic_config_free(copy);
    return status;
}

static unic_status give_config(world *w, unic_status status)
{
    const char *text;
    if (status == UNIC_OK)
        status = unic_config_text(&text, w->config);
    if (status == UNIC_OK)
        give_text(w, text);
    return status;
}

CALL(config_set)
{
    return unic_config_set(w->config, "ema.decay", "0.5");
}

CALL(config_parse)
{
    return unic_config_parse(w->config, "ema.decay = 0.5\nmodalities = a b\n", "here");
}

CALL(config_load)
{
    return unic_config_load(w->config, files.config);
}

CALL(config_get)
{
    const char *value;
    unic_status status = unic_config_get(&value, w->config, "audio.dims");
    if (status == UNIC_OK)
        give_text(w, value);
    return status;
}

CALL(config_text)
{
    return give_config(w, UNIC_OK);
}

CALL(config_check)
{
    return unic_config_check(w->config);
}

CALL(config_key_count)
{
    size_t n = unic_config_key_count();
    give(w, &n, sizeof n);
    return UNIC_OK;
}

CALL(config_key_at)
{
    unic_config_key key = {.struct_size = sizeof key};
    unic_status status = unic_config_key_at(&key, 3);
    give_text(w, key.name);
    return status;
}

/* ---- arrays and batches ---- */

CALL(array_init)
{
    unic_array a;
    unic_array_init(&a, NULL, UNIC_F32, 2, (const int64_t[]){0, 3});
    give(w, a.dims, sizeof a.dims);
    return UNIC_OK;
}

CALL(batch_create)
{
    return unic_batch_create(&w->batch);
}

CALL(batch_free)
{
    unic_batch_free(w->batch);
    w->batch = NULL;
    return UNIC_OK;
}

CALL(batch_set)
{
    return unic_batch_set(w->batch, "touch", &features->array[1], features->lengths[1]);
}

CALL(batch_number_clips)
{
    return unic_batch_number_clips(w->batch, (const int64_t[]){7, 5, 3, 1});
}

CALL(batch_clip_count)
{
    size_t n = unic_batch_clip_count(w->batch);
    give(w, &n, sizeof n);
    return UNIC_OK;
}

CALL(batch_get)
{
    unic_array a;
    unic_status status = unic_batch_get(&a, NULL, w->batch, "audio");
    give(w, a.dims, sizeof a.dims);
    return status;
}

/* ---- class maps ---- */

static const unic_class_names numbers = {
    .struct_size = sizeof numbers, .their_count = 3, .our_count = 2};
static const char *const animals[] = {"dog", "cat", "bread"};
static const char *const kinds[] = {"animal", "food"};
static const unic_class_names words = {.struct_size = sizeof words,
                                       .theirs = animals,
                                       .their_count = 3,
                                       .ours = kinds,
                                       .our_count = 2};

static unic_status give_map(world *w, unic_status status)
{
    for (int32_t i = 0; i < 3 && status == UNIC_OK; i++) {
        int32_t ours = unic_class_map_get(w->map, i);
        give(w, &ours, sizeof ours);
    }
    return status;
}

CALL(class_map_parse)
{
    const char *text = "0 = 1\n2 = 0\n";
    return give_map(w, unic_class_map_parse(&w->map, text, strlen(text), NULL, &numbers));
}

CALL(class_map_load)
{
    return give_map(w, unic_class_map_load(&w->map, files.map, &words));
}

CALL(class_map_free)
{
    unic_class_map_free(w->map);
    w->map = NULL;
    return UNIC_OK;
}

CALL(class_map_get)
{
    return give_map(w, UNIC_OK);
}

CALL(class_map_classes)
{
    int32_t out[4];
    unic_status status = unic_class_map_classes(w->map, (const int32_t[]){0, 1, 2, -1}, 4, out);
    give(w, out, sizeof out);
    return status;
}

CALL(class_map_steps)
{
    int32_t out[4] = {0};
    unic_status status = unic_class_map_steps(w->map, (const int32_t[]){0, 1, 0, 1, 1, 1}, 2,
                                              out);
    if (status == UNIC_OK)
        give(w, out, sizeof out);
    return status;
}

/* ---- codebooks ---- */

static unic_status give_codebook(world *w, unic_status status)
{
    float counts[2 * 12];
    int32_t idle[2 * 12];
    if (status != UNIC_OK)
        return status;
    give(w, unic_codebook_embedding(w->codebook), 12 * 6 * sizeof(float));
    status = unic_codebook_state(w->codebook, counts, idle);
    give(w, counts, 12 * sizeof counts[0]);
    return status;
}

CALL(codebook_create)
{
    return unic_codebook_create(&w->codebook, 12, 6, 2);
}

CALL(codebook_free)
{
    unic_codebook_free(w->codebook);
    w->codebook = NULL;
    return UNIC_OK;
}

CALL(codebook_sizes)
{
    size_t n[3] = {unic_codebook_code_count(w->codebook), unic_codebook_dim(w->codebook),
                   unic_codebook_modality_count(w->codebook)};
    give(w, n, sizeof n);
    return UNIC_OK;
}

CALL(codebook_set)
{
    return give_codebook(w, unic_codebook_set(w->codebook, &rows));
}

CALL(codebook_state)
{
    return give_codebook(w, UNIC_OK);
}

CALL(codebook_init)
{
    static float many[40 * 6];
    unic_array z;
    const unic_codebook_init_options o = {.struct_size = sizeof o, .iterations = 3, .seed = 9};
    for (size_t i = 0; i < 40 * 6; i++)
        many[i] = unic__random_normal(unic__random_key(8, 0, 0), i);
    unic_array_init(&z, many, UNIC_F32, 2, (const int64_t[]){40, 6});
    return give_codebook(w, unic_codebook_init(w->codebook, &z, &o));
}

CALL(codebook_assign)
{
    int32_t codes[12] = {0};
    unic_status status = unic_codebook_assign(w->codebook, &rows, codes);
    if (status == UNIC_OK)
        give(w, codes, sizeof codes);
    return status;
}

CALL(codebook_assign_doubles)
{
    double wide[12 * 6];
    unic_array z;
    int32_t codes[12] = {0};
    for (size_t i = 0; i < 12 * 6; i++)
        wide[i] = (double)((const float *)rows.data)[i];
    unic_array_init(&z, wide, UNIC_F64, 2, rows.dims);
    unic_status status = unic_codebook_assign(w->codebook, &z, codes);
    if (status == UNIC_OK)
        give(w, codes, sizeof codes);
    return status;
}

CALL(codebook_lookup)
{
    float out[3 * 6] = {0};
    unic_status status = unic_codebook_lookup(w->codebook, (const int32_t[]){1, -1, 11}, 3,
                                              out);
    give(w, out, sizeof out);
    return status;
}

CALL(codebook_update)
{
    const size_t counts[2] = {4, 2};
    const float *const targets[2] = {rows.data, rows.data};
    static const int32_t one[4] = {0, 1, 1, 5}, two[2] = {3, 0};
    const int32_t *const codes[2] = {one, two};
    return give_codebook(w, unic_codebook_update(w->codebook, 0.9F, counts, targets, codes));
}

CALL(codebook_revive)
{
    size_t revived;
    unic_status status = unic_codebook_revive(&revived, w->codebook, UNIC_RESET_ANY, 0, 4,
                                              &rows, 5);
    return give_codebook(w, status);
}

CALL(codebook_copy)
{
    unic_codebook *copy, *first = w->codebook;
    UNIC__TRY(unic_codebook_copy(&copy, first));
    w->codebook = copy;
    unic_codebook_free(first);
    return give_codebook(w, UNIC_OK);
}

CALL(codebook_save)
{
    unic_status status = unic_codebook_save(w->codebook, files.out);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

CALL(codebook_save_sink)
{
    GIVE_SAVED(w, unic_codebook_save_sink, w->codebook);
}

CALL(codebook_load_source)
{
    const unic_source source = world_source(files.model);
    UNIC__TRY(unic_codebook_load_source(&w->codebook, &source, NULL));
    give(w, unic_codebook_embedding(w->codebook), sizeof(float));
    return UNIC_OK;
}

CALL(buffer_create)
{
    return unic_buffer_create(&w->buffer);
}

CALL(buffer_free)
{
    unic_buffer_free(w->buffer);
    w->buffer = NULL;
    return UNIC_OK;
}

/* An empty one, and the sink that fills it. */
CALL(buffer_tells)
{
    unic_sink sink;
    unic_buffer_sink(&sink, w->buffer);
    const size_t n = unic_buffer_byte_count(w->buffer);
    give(w, &n, sizeof n);
    return unic_buffer_data(w->buffer) ? UNIC_E_STATE : UNIC_OK;
}

/* Fills the caller's memory. */
CALL(source_memory)
{
    const unic_source source = world_source(files.model);
    give(w, &source.size, sizeof source.size);
    return UNIC_OK;
}

CALL(codebook_load)
{
    UNIC__TRY(unic_codebook_load(&w->codebook, files.model, NULL));
    give(w, unic_codebook_embedding(w->codebook),
         unic_codebook_code_count(w->codebook) * unic_codebook_dim(w->codebook) *
             sizeof(float));
    return UNIC_OK;
}

CALL(codebook_nearest)
{
    int32_t codes[12 * 3];
    float distances[12 * 3];
    unic_status status = unic_codebook_nearest(w->codebook, &rows, 3, codes, distances);
    if (status == UNIC_OK) {
        give(w, codes, sizeof codes);
        give(w, distances, sizeof distances);
    }
    return status;
}

CALL(codebook_ema)
{
    static const float counts[12] = {1, 2, 3};
    size_t jittered = unic_codebook_jittered_count(w->codebook);
    give(w, &jittered, sizeof jittered);
    give(w, unic_codebook_ema_sums(w->codebook), 12 * 6 * sizeof(float));
    return give_codebook(w, unic_codebook_set_state(w->codebook, counts, rows.data, NULL));
}

CALL(codebook_usage)
{
    double perplexity = 0.0;
    int64_t counts[12] = {0};
    unic_status status = unic_codebook_usage(&perplexity, w->codebook,
                                             (const int32_t[]){0, 3, 3, 7}, 4, counts);
    if (status == UNIC_OK) {
        give(w, &perplexity, sizeof perplexity);
        give(w, counts, sizeof counts);
    }
    return status;
}

CALL(codebook_perplexity)
{
    double p = unic_codebook_perplexity(w->codebook);
    give(w, &p, sizeof p);
    return UNIC_OK;
}

CALL(codebook_distances)
{
    float out[12 * 12] = {0};
    unic_status status = unic_codebook_distances(w->codebook, out);
    if (status == UNIC_OK)
        give(w, out, sizeof out);
    return status;
}

CALL(codebook_drift)
{
    unic_drift_report r = {.struct_size = sizeof r};
    unic_status status = unic_codebook_drift(&r, w->codebook, w->codebook, NULL, NULL, 0);
    if (status == UNIC_OK)
        give(w, &r.distance, sizeof r.distance);
    return status;
}

CALL(codebook_channels)
{
    size_t count, channels[3];
    double scores[8];
    unic_status status = unic_codebook_channels(&count, w->codebook, 0.7, 3, 2, 1, channels,
                                                scores);
    if (status == UNIC_OK)
        give(w, channels, count * sizeof *channels);
    return status;
}

CALL(codebook_select)
{
    unic_codebook *some = NULL;
    unic_status status = unic_codebook_select(&some, w->codebook, (const size_t[]){2, 0}, 2);
    if (status == UNIC_OK)
        give(w, unic_codebook_embedding(some),
             2 * unic_codebook_code_count(some) * sizeof(float));
    unic_codebook_free(some);
    return status;
}

CALL(codebook_soften)
{
    static const float z[2 * 64];
    int32_t codes[2 * 3];
    float weights[2 * 3];
    unic_array rows;
    unic_array_init(&rows, z, UNIC_F32, 2,
                    (const int64_t[]){2, (int64_t)unic_codebook_dim(w->codebook)});
    unic_status status = unic_codebook_soften(w->codebook, &rows, 3, 0.5, codes, weights);
    if (status == UNIC_OK)
        give(w, weights, sizeof weights);
    return status;
}

CALL(codebook_fingerprint)
{
    uint64_t f = unic_codebook_fingerprint(w->codebook);
    give(w, &f, sizeof f);
    return UNIC_OK;
}

/* ---- npz files: after a failure the file cannot be finished, so a call is the whole of it ---- */

static unic_status finish(world *w, unic_status status)
{
    if (status == UNIC_OK)
        status = unic_npz_writer_finish(w->writer);
    unic_npz_writer_free(w->writer);
    w->writer = NULL;
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

static unic_status begin(world *w)
{
    return unic_npz_writer_create(&w->writer, files.out);
}

CALL(npz_create)
{
    unic_status status = begin(w);
    return status == UNIC_OK ? finish(w, UNIC_OK) : status;
}

CALL(npz_free)
{
    unic_npz_writer_free(w->writer);
    w->writer = NULL;
    return UNIC_OK;
}

CALL(npz_add)
{
    unic_status status = begin(w);
    return status == UNIC_OK ? finish(w, unic_npz_writer_add(w->writer, "x", &rows)) : status;
}

CALL(npz_add_text)
{
    unic_status status = begin(w);
    return status == UNIC_OK ? finish(w, unic_npz_writer_add_text(w->writer, "t", "text"))
                             : status;
}

CALL(npz_append)
{
    unic_status status = begin(w);
    if (status != UNIC_OK)
        return status;
    status = unic_npz_writer_begin(w->writer, "x", UNIC_F32, 2, rows.dims);
    if (status == UNIC_OK)
        status = unic_npz_writer_append(w->writer, "x", &rows);
    return finish(w, status);
}

/* ---- data sets ---- */

static unic_status give_dataset(world *w, unic_status status)
{
    if (status != UNIC_OK)
        return status;
    size_t n[2] = {unic_dataset_clip_count(w->dataset), unic_dataset_length(w->dataset)};
    give(w, n, sizeof n);
    return UNIC_OK;
}

CALL(dataset_open)
{
    const char *path = files.dataset;
    const unic_dataset_options o = {.struct_size = sizeof o, .batch = 3, .shuffle = 1};
    return give_dataset(w, unic_dataset_open(&w->dataset, &path, 1, &o));
}

CALL(dataset_open_sources)
{
    const unic_source source = world_source(files.dataset), *both[] = {&source, &source};
    const unic_dataset_options o = {.struct_size = sizeof o, .batch = 3, .shuffle = 1};
    return give_dataset(w, unic_dataset_open_sources(&w->dataset, both, 2, &o));
}

CALL(dataset_open_clips)
{
    const char *path = files.table;
    const unic_dataset_options o = {.struct_size = sizeof o, .batch = 2};
    return give_dataset(w, unic_dataset_open(&w->dataset, &path, 1, &o));
}

CALL(dataset_free)
{
    unic_dataset_free(w->dataset);
    w->dataset = NULL;
    return UNIC_OK;
}

CALL(dataset_sizes)
{
    size_t n[3] = {unic_dataset_batch_count(w->dataset),
                   unic_dataset_modality_count(w->dataset),
                   unic_dataset_class_count(w->dataset, "label")};
    give(w, n, sizeof n);
    give_text(w, unic_dataset_modality_name(w->dataset, 1));
    give_text(w, unic_dataset_class_name(w->dataset, "label", 0));
    int has = unic_dataset_has(w->dataset, "audio", 2);
    give(w, &has, sizeof has);
    return give_dataset(w, UNIC_OK);
}

CALL(dataset_feature_dims)
{
    size_t rank;
    int64_t dims[UNIC_MAX_RANK] = {0};
    unic_status status = unic_dataset_feature_dims(&rank, w->dataset, "touch", dims);
    give(w, dims, sizeof dims);
    return status;
}

CALL(dataset_paired_count)
{
    size_t n = 0;
    unic_status status = unic_dataset_paired_count(&n, w->dataset, "touch", "audio");
    give(w, &n, sizeof n);
    return status;
}

CALL(dataset_clip_name)
{
    char text[700] = "";
    unic_status status = unic_dataset_clip_name(w->dataset, "touch", 4, text, sizeof text);
    give_text(w, text);
    return status;
}

static unic_status give_batches(world *w)
{
    const unic_batch *b;
    unic_array x;
    unic_status status;
    while ((status = unic_dataset_next(&b, w->dataset)) == UNIC_OK && b)
        if (unic_batch_get(&x, NULL, b, "touch") == UNIC_OK)
            give(w, x.data, (size_t)(x.dims[0] * x.dims[1] * x.dims[2]) * sizeof(float));
    return status;
}

/* From the beginning, however far an earlier try came. */
CALL(dataset_next)
{
    w->digest = UNIC__FNV_START;
    unic_status status = unic_dataset_seek(w->dataset, 0, 0);
    return status == UNIC_OK ? give_batches(w) : status;
}

/* Opened, read to the end of an epoch on a thread of its own, and freed. */
static unic_status read_all(world *w, const char *path)
{
    w->digest = UNIC__FNV_START;
    const unic_dataset_options o = {.struct_size = sizeof o, .batch = 3, .prefetch = 2};
    unic_status status = unic_dataset_open(&w->dataset, &path, 1, &o);
    if (status == UNIC_OK)
        status = give_batches(w);
    unic_dataset_free(w->dataset);
    w->dataset = NULL;
    return status;
}

CALL(dataset_next_ahead)
{
    const char *path = files.dataset;
    return read_all(w, path);
}

CALL(dataset_next_clips)
{
    const char *path = files.table;
    return read_all(w, path);
}

CALL(dataset_seek)
{
    return unic_dataset_seek(w->dataset, 1, 1);
}

CALL(dataset_labels)
{
    size_t rank;
    int64_t dims[UNIC_MAX_RANK] = {0};
    int32_t labels[8] = {0};
    unic_status status = unic_dataset_labels(&rank, w->dataset, "label", dims, labels);
    if (status == UNIC_OK)
        give(w, labels, sizeof labels);
    return status;
}

/* The table's, made when they are asked for. */
CALL(dataset_labels_of_table)
{
    const char *path = files.table;
    const unic_dataset_options o = {.struct_size = sizeof o, .batch = 2};
    size_t rank;
    int64_t dims[UNIC_MAX_RANK] = {0};
    int32_t labels[4 * 5 * 4] = {0};
    unic_status status = unic_dataset_open(&w->dataset, &path, 1, &o);
    if (status == UNIC_OK)
        status = unic_dataset_labels(&rank, w->dataset, "audio.step_labels", dims, labels);
    unic_dataset_free(w->dataset);
    w->dataset = NULL;
    if (status == UNIC_OK)
        give(w, labels, sizeof labels);
    return status;
}

const fault_case ground_cases[] = {
    CASE(status_name, 0, NOTHING),
    CASE(last_error, 0, NOTHING),
    CASE(version, 0, NOTHING),
    CASE(set_allocator, 0, NOTHING),
    CASE(set_log, 0, NOTHING),
    CASE(set_threads, 0, NOTHING),
    CASE(get_threads, 0, NOTHING),
    CASE(config_create, 0, ALLOCATES),
    CASE(config_free, NEEDS_CONFIG, NOTHING),
    CASE(config_copy, NEEDS_CONFIG, ALLOCATES),
    CASE(config_set, NEEDS_CONFIG, NOTHING),
    CASE(config_parse, NEEDS_CONFIG, NOTHING),
    CASE(config_load, NEEDS_CONFIG, ALLOCATES),
    CASE(config_get, NEEDS_CONFIG, ALLOCATES),
    CASE(config_text, NEEDS_CONFIG, ALLOCATES),
    CASE(config_check, NEEDS_CONFIG, NOTHING),
    CASE(config_key_count, 0, NOTHING),
    CASE(config_key_at, 0, NOTHING),
    CASE(array_init, 0, NOTHING),
    CASE(batch_create, 0, ALLOCATES),
    CASE(batch_free, NEEDS_BATCH, NOTHING),
    CASE(batch_set, NEEDS_BATCH, ALLOCATES),
    CASE(batch_number_clips, NEEDS_BATCH, NOTHING),
    CASE(batch_clip_count, NEEDS_BATCH, NOTHING),
    CASE(batch_get, NEEDS_BATCH, NOTHING),
    CASE(class_map_parse, 0, ALLOCATES),
    CASE(class_map_load, 0, ALLOCATES),
    CASE(class_map_free, NEEDS_MAP, NOTHING),
    CASE(class_map_get, NEEDS_MAP, NOTHING),
    CASE(class_map_classes, NEEDS_MAP, NOTHING),
    CASE(class_map_steps, NEEDS_MAP, NOTHING),
    CASE(codebook_create, 0, ALLOCATES),
    CASE(codebook_free, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(codebook_code_count, codebook_sizes, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(codebook_dim, codebook_sizes, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(codebook_modality_count, codebook_sizes, NEEDS_CODEBOOK, NOTHING),
    CASE(codebook_set, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_state, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(codebook_embedding, codebook_state, NEEDS_CODEBOOK, NOTHING),
    CASE(codebook_init, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_assign, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(codebook_assign, codebook_assign_doubles, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_lookup, NEEDS_CODEBOOK, NOTHING),
    CASE(codebook_update, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_revive, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_copy, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_save, NEEDS_CODEBOOK, WRITES),
    CASE(codebook_save_sink, NEEDS_CODEBOOK | NEEDS_BUFFER, ALLOCATES),
    CASE(codebook_load, 0, ALLOCATES),
    CASE(codebook_load_source, 0, ALLOCATES),
    CASE(source_memory, 0, NOTHING),
    CASE(buffer_create, 0, ALLOCATES),
    CASE(buffer_free, NEEDS_BUFFER, NOTHING),
    CASE_OF(buffer_sink, buffer_tells, NEEDS_BUFFER, NOTHING),
    CASE_OF(buffer_data, buffer_tells, NEEDS_BUFFER, NOTHING),
    CASE_OF(buffer_byte_count, buffer_tells, NEEDS_BUFFER, NOTHING),
    CASE(codebook_nearest, NEEDS_CODEBOOK, ALLOCATES),
    CASE_OF(codebook_jittered_count, codebook_ema, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(codebook_ema_sums, codebook_ema, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(codebook_set_state, codebook_ema, NEEDS_CODEBOOK, NOTHING),
    CASE(codebook_usage, NEEDS_CODEBOOK, NOTHING),
    CASE(codebook_perplexity, NEEDS_CODEBOOK, NOTHING),
    CASE(codebook_distances, NEEDS_CODEBOOK, NOTHING),
    CASE(codebook_drift, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_channels, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_select, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_soften, NEEDS_CODEBOOK, ALLOCATES),
    CASE(codebook_fingerprint, NEEDS_CODEBOOK, NOTHING),
    CASE_OF(npz_writer_create, npz_create, 0, WRITES),
    CASE_OF(npz_writer_free, npz_free, NEEDS_WRITER, NOTHING),
    CASE_OF(npz_writer_add, npz_add, 0, WRITES),
    CASE_OF(npz_writer_add_text, npz_add_text, 0, WRITES),
    CASE_OF(npz_writer_begin, npz_append, 0, WRITES),
    CASE_OF(npz_writer_append, npz_append, 0, WRITES),
    CASE_OF(npz_writer_finish, npz_append, 0, WRITES),
    CASE(dataset_open, 0, ALLOCATES),
    CASE_OF(dataset_open, dataset_open_clips, 0, ALLOCATES),
    CASE(dataset_open_sources, 0, ALLOCATES),
    CASE(dataset_free, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_clip_count, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_batch_count, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_length, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_modality_count, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_modality_name, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_class_count, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_class_name, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE_OF(dataset_has, dataset_sizes, NEEDS_DATASET, NOTHING),
    CASE(dataset_feature_dims, NEEDS_DATASET, NOTHING),
    CASE(dataset_paired_count, NEEDS_DATASET, NOTHING),
    CASE(dataset_clip_name, NEEDS_DATASET, NOTHING),
    CASE(dataset_next, NEEDS_DATASET, ALLOCATES),
    CASE_OF(dataset_next, dataset_next_ahead, 0, READS_AHEAD),
    CASE_OF(dataset_next, dataset_next_clips, 0, READS_AHEAD),
    CASE(dataset_seek, NEEDS_DATASET, NOTHING),
    CASE(dataset_labels, NEEDS_DATASET, ALLOCATES),
    CASE_OF(dataset_labels, dataset_labels_of_table, 0, ALLOCATES),
    {NULL, NULL, 0, 0},
};
