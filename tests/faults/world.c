#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array/npz.h"
#include "data/clips_help.h"
#include "extract/small_bert.h"
#include "faults.h"
#include "file/io_help.h"
#include "task/retriever.h"

world_files files;
const small_batch *features;
const head_data *head_clips;
const segment_data *pictures;
unic_array rows, items, shown;

static const char map_text[] = "dog = animal\ncat = animal\nbread = food\n";
static const unic_class_names map_names = {
    .struct_size = sizeof map_names,
    .theirs = (const char *const[]){"dog", "cat", "bread"},
    .their_count = 3,
    .ours = (const char *const[]){"animal", "food"},
    .our_count = 2,
};

/* ---- files ---- */

static void name(char path[600], const char *last)
{
    snprintf(path, 600, "%s/%s", files.folder, last);
}

static void write_dataset(void)
{
    unic__npz_writer *w;
    const int32_t labels[8] = {0, 1, 2, 0, 1, 2, 0, 1}, lengths[8] = {5, 5, 4, 3, 5, 2, 1, 5};
    float x[8 * 5 * 6];
    for (size_t i = 0; i < 8 * 5 * 6; i++)
        x[i] = unic__random_normal(unic__random_key(3, 0, 0), i);
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(files.dataset)));
    io_assert_ok(unic__npz_add_f32(w, "audio", &UNIC__SHAPE_OF(8, 5, 6), x));
    io_assert_ok(unic__npz_add_i32(w, "audio.lengths", &UNIC__SHAPE_OF(8), lengths));
    io_assert_ok(unic__npz_add_i32(w, "label", &UNIC__SHAPE_OF(8), labels));
    io_assert_ok(unic__npz_add_f32(w, "touch", &UNIC__SHAPE_OF(8, 5, 5), x));
    io_assert_ok(unic__npz_finish(w));
}

/* A folder of clips in files of their own, and the table that names them. */
static void write_clips(void)
{
    char text[4096] = "id,onset,offset,event_labels\n";
    for (size_t i = 0; i < 4; i++) {
        char clip[64];
        snprintf(clip, sizeof clip, "audio/c%zu.npy", i);
        clips_write(files.clips, clip, &UNIC__SHAPE_OF(5, 6), (float)i);
        snprintf(clip, sizeof clip, "touch/c%zu.%s", i, i % 2 ? "npy" : "zip");
        clips_write(files.clips, clip, &UNIC__SHAPE_OF(5, 5), (float)i);
        snprintf(text + strlen(text), sizeof text - strlen(text), "c%zu,0,%zu,e%zu\n", i, i + 1,
                 i % 3);
    }
    io_write(files.table, text, strlen(text));
}

static void write_handles(void)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    io_assert_ok(unic_trainer_step(t, features->batch, NULL, NULL));
    io_assert_ok(unic_trainer_save(t, files.model));
    unic_trainer_free(t);
    world w = world_open(NEEDS_HEAD | NEEDS_INDEX | NEEDS_RETRIEVER | NEEDS_SEGMENTER);
    io_assert_ok(unic_head_save(w.head, files.head));
    io_assert_ok(unic_index_save(w.index, files.index));
    io_assert_ok(unic_retriever_save(w.retriever, files.retriever));
    io_assert_ok(unic_segmenter_save(w.segmenter, files.segmenter));
    world_close(&w);
    io_assert_ok(unic_extractor_create(&w.extractor, FAULT_PATCHES, NULL));
    io_assert_ok(unic_extractor_fit(w.extractor, &shown));
    static const float features[2][2 * 2 * 3] = {{0, 0, 0, 1}, {2, 1, 3}};
    unic_array array;
    unic_array_init(&array, features, UNIC_F32, 4, (const int64_t[]){2, 2, 2, 3});
    io_assert_ok(unic_extractor_normalise(w.extractor, &array));
    io_assert_ok(unic_extractor_save(w.extractor, files.extractor));
    io_assert_ok(small_weights(files.weights, &small_vggish, "", SIZE_MAX));
    io_write(files.words, SMALL_BERT_WORDS, sizeof SMALL_BERT_WORDS - 1);
    world_close(&w);
}

static struct {
    const char *file;
    unsigned char *data;
    size_t size;
} held[11];

static void hold_files(void)
{
    const char *const kept[] = {files.model,     files.head,    files.index, files.retriever,
                                files.segmenter, files.dataset, files.run,   CHECKPOINT,
                                files.extractor, files.weights, files.words};
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        free(held[i].data);
        held[i].file = kept[i];
        held[i].data = io_read(kept[i], &held[i].size);
    }
}

unic_source world_source(const char *file)
{
    unic_source source;
    size_t i = 0;
    while (strcmp(held[i].file, file) != 0)
        i++;
    unic_source_memory(&source, held[i].data, held[i].size, file);
    return source;
}

void world_files_make(void)
{
    static float row[12 * 6], item[CLIPS * 3];
    static unsigned char pixels[9 * 4 * 4 * 3];
    snprintf(files.folder, sizeof files.folder, "%s", small_path("faults"));
    ck_assert(mkdir(files.folder, 0777) == 0);
    name(files.model, "m.npz");
    name(files.run, "m.run.npz");
    name(files.head, "h.npz");
    name(files.index, "i.npz");
    name(files.retriever, "r.npz");
    name(files.extractor, "e.npz");
    name(files.weights, "w.npz");
    name(files.words, "w.txt");
    name(files.segmenter, "s.npz");
    name(files.dataset, "d.npz");
    name(files.table, "t.csv");
    name(files.config, "c.ini");
    name(files.map, "map.txt");
    name(files.out, "out.npz");
    name(files.out_run, "out.run.npz");
    snprintf(files.clips, sizeof files.clips, "%s", files.folder);
    features = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 5);
    head_clips = head_data_new(11);
    pictures = segment_data_new(21, -1);
    for (size_t i = 0; i < 12 * 6; i++)
        row[i] = unic__random_normal(unic__random_key(4, 0, 0), i);
    for (size_t i = 0; i < CLIPS * 3; i++)
        item[i] = unic__random_normal(unic__random_key(4, 0, 1), i);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)unic__random_bits(unic__random_key(4, 0, 2), i);
    unic_array_init(&shown, pixels, UNIC_U8, 4, (const int64_t[]){9, 4, 4, 3});
    unic_array_init(&rows, row, UNIC_F32, 2, (const int64_t[]){12, 6});
    unic_array_init(&items, item, UNIC_F32, 2, (const int64_t[]){CLIPS, 3});
    io_write(files.config, SMALL_TWO, strlen(SMALL_TWO));
    io_write(files.map, map_text, strlen(map_text));
    write_dataset();
    write_clips();
    write_handles();
    hold_files();
}

static void remove_in(const char *folder)
{
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            if (remove(path) != 0)
                remove_in(path);
        }
    if (d)
        closedir(d);
    rmdir(folder);
}

void world_files_remove(void)
{
    remove_in(files.folder);
}

void outputs_reset(void)
{
    io_write(files.out, "old", 3);
    io_write(files.out_run, "old", 3);
}

static void assert_old(const char *path, const char *what)
{
    size_t size;
    unsigned char *bytes = io_read(path, &size);
    ck_assert_msg(size == 3 && memcmp(bytes, "old", 3) == 0, "%s: %s is no longer what it was",
                  what, path);
    free(bytes);
}

void outputs_assert_old(const char *what)
{
    assert_old(files.out, what);
    assert_old(files.out_run, what);
    ck_assert_msg(!io_has_leftovers(files.out) && !io_has_leftovers(files.out_run),
                  "%s: a temporary file is left", what);
}

/* ---- handles ---- */

unic_array steps_of_audio(void)
{
    unic_array steps;
    unic_array_init(&steps, features->x[0], UNIC_F32, 2, (const int64_t[]){2, 6});
    return steps;
}

static void open_model(world *w, unsigned needs)
{
    const unic_encoder_options sizes = {
        .struct_size = sizeof sizes, .max_batch = SMALL_BATCH, .max_length = SMALL_LENGTH};
    if (needs & NEEDS_TRAINER)
        w->trainer = small_trainer(SMALL_TWO, "");
    if (needs & (NEEDS_MODEL | NEEDS_ENCODER | NEEDS_STREAM))
        io_assert_ok(unic_model_open(&w->model, files.model, NULL));
    if (needs & (NEEDS_ENCODER | NEEDS_STREAM))
        io_assert_ok(unic_encoder_create(&w->encoder, w->model, "audio", &sizes));
    if (needs & NEEDS_STREAM) {
        const unic_stream_options o = {.struct_size = sizeof o, .window = 3, .lag = 1};
        const unic_array steps = steps_of_audio();
        io_assert_ok(unic_stream_create(&w->stream, w->encoder, &o));
        io_assert_ok(unic_stream_push(w->stream, &steps));
    }
}

static void open_tasks(world *w, unsigned needs)
{
    unic_index_options o = {.struct_size = sizeof o, .dim = 6, .metric = UNIC_INDEX_L2};
    unic_retriever_options r = {.struct_size = sizeof r, .item_dim = 3, .epochs = 1};
    unic_head_options h = {.kind = UNIC_HEAD_CLIP, .epochs = 1};
    if (needs & NEEDS_HEAD)
        w->head = head_new(&h);
    if (needs & NEEDS_INDEX) {
        io_assert_ok(unic_index_create(&w->index, &o));
        io_assert_ok(unic_index_add(w->index, &rows, NULL));
    }
    if (needs & NEEDS_RETRIEVER) {
        unic_codebook *cb = head_codebook(1);
        io_assert_ok(unic_retriever_create(&w->retriever, cb, &r));
        w->retriever->trained = true; /* drawn weights are as good as fitted ones here */
        unic_codebook_free(cb);
    }
    if (needs & NEEDS_SEGMENTER)
        w->segmenter = segment_new(&segment_small);
}

world world_open(unsigned needs)
{
    world w = {.digest = UNIC__FNV_START};
    unic_dataset_options o = {.struct_size = sizeof o, .batch = 3};
    const char *path = files.dataset;
    if (needs & NEEDS_CONFIG)
        w.config = small_config(SMALL_TWO, "");
    if (needs & NEEDS_CODEBOOK)
        w.codebook = head_codebook(1);
    open_model(&w, needs);
    if (needs & NEEDS_DATASET)
        io_assert_ok(unic_dataset_open(&w.dataset, &path, 1, &o));
    if (needs & NEEDS_BATCH) {
        io_assert_ok(unic_batch_create(&w.batch));
        io_assert_ok(unic_batch_set(w.batch, "audio", &features->array[0], NULL));
    }
    open_tasks(&w, needs);
    if (needs & NEEDS_MAP)
        io_assert_ok(
            unic_class_map_parse(&w.map, map_text, sizeof map_text - 1, NULL, &map_names));
    if (needs & NEEDS_WRITER)
        io_assert_ok(unic_npz_writer_create(&w.writer, files.out));
    if (needs & NEEDS_EXTRACTOR)
        io_assert_ok(
            unic_extractor_create(&w.extractor, "kind = ngrams\ndim = 4\nbuckets = 9", NULL));
    if (needs & NEEDS_PATCHES)
        io_assert_ok(unic_extractor_load(&w.extractor, files.extractor, NULL));
    if (needs & NEEDS_SPECTRA)
        io_assert_ok(unic_extractor_create(&w.extractor, FAULT_LOGMEL, NULL));
    if (needs & NEEDS_NETWORK)
        io_assert_ok(unic_extractor_create(&w.extractor, "kind = vggish", NULL));
    if (needs & NEEDS_BERT)
        io_assert_ok(unic_extractor_create(&w.extractor, SMALL_BERT, NULL));
    if (needs & NEEDS_BUFFER)
        io_assert_ok(unic_buffer_create(&w.buffer));
    return w;
}

void world_close(world *w)
{
    unic_extractor_free(w->extractor);
    unic_buffer_free(w->buffer);
    unic_npz_writer_free(w->writer);
    unic_class_map_free(w->map);
    unic_segmenter_free(w->segmenter);
    unic_retriever_free(w->retriever);
    unic_index_free(w->index);
    unic_head_free(w->head);
    unic_batch_free(w->batch);
    unic_dataset_free(w->dataset);
    unic_stream_free(w->stream);
    unic_encoder_free(w->encoder);
    unic_model_free(w->model);
    unic_trainer_free(w->trainer);
    unic_codebook_free(w->codebook);
    unic_config_free(w->config);
    *w = (world){.digest = UNIC__FNV_START};
}

/* ---- what a call gave ---- */

void give(world *w, const void *data, size_t bytes)
{
    w->digest = unic__hash_bytes(w->digest, data, bytes);
}

void give_text(world *w, const char *text)
{
    give(w, text ? text : "NULL", text ? strlen(text) : 4);
}

void give_file(world *w, const char *path)
{
    size_t size;
    unsigned char *bytes = io_read(path, &size);
    give(w, bytes, size);
    free(bytes);
}
