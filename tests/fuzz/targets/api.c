#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "extract/small_bert.h"

enum { MOST_CALLS = 24, MOST_BYTES = 1 << 16 };

/* ---- arguments ---- */

void *api_memory(api *a, size_t bytes)
{
    FUZZ_CHECK(a->block_count < API_BLOCKS);
    void *memory = calloc(bytes ? bytes : 1, 1);
    FUZZ_CHECK(memory);
    return a->blocks[a->block_count++] = memory;
}

static size_t item_size(int32_t dtype)
{
    return dtype == UNIC_I8 || dtype == UNIC_U8      ? 1
           : dtype == UNIC_F16 || dtype == UNIC_BF16 ? 2
           : dtype == UNIC_F32 || dtype == UNIC_I32  ? 4
                                                     : 8;
}

static void put_number(void *at, int32_t dtype, float x)
{
    double wide = x;
    int64_t whole = x > -100.0F && x < 100.0F ? (int64_t)(x * 2.0F) : 1;
    int32_t shorter = (int32_t)whole;
    uint16_t half;
    uint8_t byte = (uint8_t)whole;
    unic__narrow(&half, &x, 1, dtype == UNIC_F16 ? UNIC__FLOAT16 : UNIC__BFLOAT16);
    const void *from = dtype == UNIC_F32       ? (const void *)&x
                       : dtype == UNIC_F64     ? (const void *)&wide
                       : dtype == UNIC_I32     ? (const void *)&shorter
                       : item_size(dtype) == 2 ? (const void *)&half
                       : item_size(dtype) == 1 ? (const void *)&byte
                                               : (const void *)&whole;
    memcpy(at, from, item_size(dtype));
}

/* Ordinary numbers, and at times one that is not. */
static void fill(api *a, void *memory, int32_t dtype, size_t n)
{
    unsigned seed = fuzz_byte(&a->in);
    for (size_t i = 0; i < n; i++)
        put_number((char *)memory + i * item_size(dtype), dtype,
                   (float)((i * 7 + seed) * (seed | 1) % 23) / 8.0F - 1.25F);
    if (seed % 4 == 3 && n > 0)
        put_number((char *)memory + fuzz_byte(&a->in) % n * item_size(dtype), dtype,
                   fuzz_float(&a->in));
}

/* Fortran's order, or the first dim from back to front. */
static void set_strides(api *a, unic_array *x, size_t bytes)
{
    unsigned how = fuzz_byte(&a->in) % 8;
    int64_t stride = (int64_t)item_size(x->dtype);
    if (x->rank == 0 || bytes == 0 || how < 6)
        return;
    if (how == 6) {
        for (int i = 0; i < x->rank; stride *= x->dims[i++])
            x->strides[i] = stride;
        return;
    }
    for (int i = x->rank - 1; i >= 0; stride *= x->dims[i--])
        x->strides[i] = stride;
    x->data = (const char *)x->data + (x->dims[0] - 1) * x->strides[0];
    x->strides[0] = -x->strides[0];
}

unic_array *api_array(api *a, int rank, const int64_t *dims)
{
    static const int32_t dtypes[] = {UNIC_F32, UNIC_F32,  UNIC_F64, UNIC_F32,
                                     UNIC_F16, UNIC_BF16, UNIC_I8,  UNIC_U8,
                                     UNIC_I32, UNIC_I64,  UNIC_U64};
    unic_array *x = api_memory(a, sizeof *x);
    unsigned how = fuzz_byte(&a->in);
    size_t bytes;
    bool real = true;
    if (how == 0xFF)
        return NULL;
    int32_t dtype = dtypes[how % 16 == 15 ? 8 + how / 16 % 3 : how / 16 % 8];
    unic_array_init(x, NULL, (unic_dtype)dtype, rank, dims);
    if (how % 16 == 14) { /* another dim, or another rank */
        if (rank > 0 && how & 0x80)
            x->dims[how / 16 % (unsigned)rank] = fuzz_size(&a->in, 4);
        else
            x->rank = (int32_t)fuzz_below(&a->in, UNIC_MAX_RANK + 2) - 1;
    }
    bytes = item_size(dtype);
    for (int i = 0; i < x->rank && i < UNIC_MAX_RANK; i++) {
        real = real && x->dims[i] >= 0 &&
               !__builtin_mul_overflow(bytes, (size_t)x->dims[i], &bytes);
        if (real && bytes > MOST_BYTES && bytes < PTRDIFF_MAX) { /* more than there is here */
            bytes /= (size_t)x->dims[i];
            x->dims[i] = 1;
        }
    }
    real = real && bytes <= MOST_BYTES;
    x->data = api_memory(a, real ? bytes : 0);
    if (real) {
        fill(a, api_memory(a, 0), dtype, 0);
        union {
            const void *from;
            void *to;
        } memory = {x->data};
        fill(a, memory.to, dtype, bytes / item_size(dtype));
        if (x->rank >= 0 && x->rank <= UNIC_MAX_RANK)
            set_strides(a, x, bytes);
    }
    if (how == 0xFD)
        x->struct_size = fuzz_byte(&a->in);
    if (how == 0xFB)
        x->reserved[1] = 1;
    if (how == 0xF9)
        x->data = NULL;
    return x;
}

int32_t *api_codes(api *a, size_t count, size_t n)
{
    static const int32_t odd[] = {-2, INT32_MAX, INT32_MIN, 1 << 16};
    int32_t *codes = api_memory(a, count * sizeof *codes);
    unsigned seed = fuzz_byte(&a->in);
    if (seed == 0xFF)
        return NULL;
    for (size_t i = 0; i < count; i++)
        codes[i] = (int32_t)((i * 5 + seed) % (n + (seed & 1))) - (int32_t)(seed & 1);
    if (seed % 16 == 13 && count > 0)
        codes[seed / 16 % count] = fuzz_rarely(&a->in) ? (int32_t)n : odd[seed / 16 % 4];
    return codes;
}

float *api_floats(api *a, size_t count)
{
    float *x = api_memory(a, count * sizeof *x);
    fill(a, x, UNIC_F32, count);
    return x;
}

const char *api_name(api *a, const char *const *names, size_t n)
{
    unsigned how = fuzz_byte(&a->in);
    if (how >= 0xFE)
        return NULL;
    return how >= 0xF0 ? fuzz_text(&a->in, api_memory(a, 64), 64) : names[how % n];
}

const char *api_path(api *a)
{
    static const char *const names[] = {"a.npz", "b.npz", "c", "a.run.npz", "x/d.npz"};
    unsigned how = fuzz_byte(&a->in);
    if (how == 0xFF)
        return NULL;
    if (how == 0xFE)
        return "";
    if (how == 0xFD)
        return fuzz_folder();
    if (how == 0xFC)
        return "/proc/self/nothing/a.npz";
    return fuzz_path(names[how % 5]);
}

/* ---- sources ---- */

typedef struct file_in_memory {
    unsigned char *bytes;
    size_t size, fails_at; /* the read, from 1, that returns `returns`; 0: none */
    int64_t returns;
    bool is_short, closed;
} file_in_memory;

static int64_t read_memory(void *buffer, size_t bytes, int64_t offset, void *user)
{
    file_in_memory *f = user;
    FUZZ_CHECK(!f->closed && bytes && offset >= 0 && (uint64_t)offset + bytes <= f->size);
    if (f->fails_at && --f->fails_at == 0)
        return f->returns;
    const size_t n = f->is_short && bytes > 3 ? bytes / 2 : bytes;
    memcpy(buffer, f->bytes + offset, n);
    return (int64_t)n;
}

static void close_memory(void *user)
{
    file_in_memory *f = user;
    FUZZ_CHECK(!f->closed);
    f->closed = true;
}

/* Empty if there is none, or if it is large. */
static void read_file(api *a, const char *path, file_in_memory *f)
{
    enum { MOST = 1 << 18 };
    FILE *file = path ? fopen(path, "rb") : NULL;
    f->bytes = api_memory(a, MOST);
    f->size = file ? fread(f->bytes, 1, MOST, file) : 0; /* 0: a folder */
    if (file)
        fclose(file);
}

const unic_source *api_source(api *a)
{
    static const int64_t odd[] = {0, -1, -UNIC_E_IO, -UNIC_E_NOMEM, INT64_MIN, INT64_MAX};
    file_in_memory *f = api_memory(a, sizeof *f);
    unic_source *s = api_memory(a, sizeof *s);
    read_file(a, api_path(a), f);
    const unsigned how = fuzz_byte(&a->in);
    if (how == 0xFF)
        return NULL;
    unic_source_memory(s, f->bytes, f->size, how & 1 ? "source" : NULL);
    s->struct_size = api_struct_size(a, sizeof *s);
    if (how % 4 == 3) { /* else what unic_source_memory() made of it */
        s->read_at = how == 0xF3 ? NULL : read_memory;
        s->close = close_memory;
        s->user = f;
        s->size = how == 0xF7 ? -1 : s->size;
        f->is_short = how & 16;
        f->fails_at = how & 32 ? fuzz_byte(&a->in) : 0;
        f->returns = odd[how / 64 + how / 8 % 3];
    }
    return s;
}

/* ---- sinks ---- */

typedef struct taker {
    size_t left; /* bytes that it takes */
    int returns; /* then, and from finish() if it is odd */
    bool finished, abandoned;
} taker;

static int take(const void *data, size_t bytes, void *user)
{
    taker *t = user;
    FUZZ_CHECK(data && bytes && !t->finished && !t->abandoned);
    if (bytes > t->left)
        return t->returns;
    t->left -= bytes;
    return 0;
}

static int finish_taking(void *user)
{
    taker *t = user;
    FUZZ_CHECK(!t->finished && !t->abandoned);
    t->finished = true;
    return t->returns & 1 ? t->returns : 0;
}

static void abandon_taking(void *user)
{
    taker *t = user;
    FUZZ_CHECK(!t->abandoned);
    t->abandoned = true;
}

const unic_sink *api_sink(api *a)
{
    unic_sink *s = api_memory(a, sizeof *s);
    const unsigned how = fuzz_byte(&a->in);
    if (how == 0xFF)
        return NULL;
    unic_buffer_sink(s, api_buffer_of(a));
    s->struct_size = api_struct_size(a, sizeof *s);
    if (how % 4 == 3) {
        taker *t = api_memory(a, sizeof *t);
        t->left = fuzz_size(&a->in, 20000);
        t->returns = (int)fuzz_number(&a->in, 2) - 100;
        s->write = take;
        s->finish = how & 16 ? finish_taking : NULL;
        s->abandon = how & 32 ? abandon_taking : NULL;
        s->user = t;
    }
    return s;
}

const unic_open_options *api_open(api *a)
{
    unic_open_options *o = api_memory(a, sizeof *o);
    unsigned how = fuzz_byte(&a->in);
    *o = fuzz_open;
    o->preload = how % 8 == 6;
    if (how < 0x80)
        return how & 1 ? NULL : o;
    o->preload = how & 2;
    o->memory_limit = (size_t)1 << how % 24;
    o->struct_size = api_struct_size(a, sizeof *o);
    if (how & 4) {
        o->progress = api_progress;
        o->progress_user = api_memory(a, sizeof(unsigned)); /* 0: it does not stop */
    }
    if (how == 0xFF)
        o->reserved[0] = o;
    return o;
}

int32_t api_threads(api *a)
{
    unsigned how = fuzz_byte(&a->in);
    return how < 0xF0 ? (int32_t)(how % 8 == 7) * 2 : (int32_t)fuzz_number(&a->in, 2) - 300;
}

size_t api_struct_size(api *a, size_t today)
{
    unsigned how = fuzz_byte(&a->in);
    return how < 0xF0 ? today : how < 0xF8 ? today + 8 : fuzz_byte(&a->in);
}

int api_progress(const char *what, uint64_t done, uint64_t total, void *user)
{
    unsigned *left = user;
    FUZZ_CHECK(*what && done <= total);
    return *left > 0 && --*left == 0;
}

/* ---- handles ---- */

/* At times NULL; MAKE is called if the slot is empty. */
#define HANDLE(kind, make)                                                                     \
    unic_##kind *api_##kind##_of(api *a)                                                       \
    {                                                                                          \
        unsigned how = fuzz_byte(&a->in);                                                      \
        if (how == 0xFF)                                                                       \
            return NULL;                                                                       \
        unic_##kind **slot = &a->kind[how % API_HANDLES];                                      \
        if (!*slot) {                                                                          \
            fuzz_fail_allocation(0);                                                           \
            *slot = make;                                                                      \
        }                                                                                      \
        return *slot;                                                                          \
    }

static const char *config_text(unsigned how)
{
    return how / 2 % 4 == 3 ? FUZZ_THREE : FUZZ_TWO;
}

static unic_encoder *make_encoder(unic_model *model)
{
    const unic_encoder_options o = {.struct_size = sizeof o, .max_batch = 2, .max_length = 3};
    unic_encoder *encoder;
    FUZZ_CHECK(unic_encoder_create(&encoder, model, unic_model_modality_name(model, 0), &o) ==
               UNIC_OK);
    unic_model_free(model);
    return encoder;
}

static unic_stream *make_stream(unic_encoder *encoder, unsigned how)
{
    const unic_stream_options o = {
        .struct_size = sizeof o, .window = 3, .lag = how / 2 % 3, .backlog = how / 8 % 4 + 3};
    unic_stream *stream;
    FUZZ_CHECK(unic_stream_create(&stream, encoder, &o) == UNIC_OK);
    unic_encoder_free(encoder); /* which the stream keeps */
    return stream;
}

static unic_dataset *make_dataset(void)
{
    static const char path[] = "data.npz";
    const int64_t dims[] = {3, 2, 2}, flat[] = {3};
    const float x[18] = {1, 2, 3};
    const int32_t labels[] = {0, 1, -1};
    unic_array a, b, label;
    unic_npz_writer *w;
    unic_dataset *d;
    const char *paths[] = {fuzz_path(path)};
    const unic_dataset_options o = {.struct_size = sizeof o, .batch = 2};
    unic_array_init(&a, x, UNIC_F32, 3, dims);
    unic_array_init(&b, x, UNIC_F32, 3, (const int64_t[]){3, 2, 3});
    unic_array_init(&label, labels, UNIC_I32, 1, flat);
    FUZZ_CHECK(unic_npz_writer_create(&w, paths[0]) == UNIC_OK);
    FUZZ_CHECK(unic_npz_writer_add(w, "a", &a) == UNIC_OK &&
               unic_npz_writer_add(w, "b", &b) == UNIC_OK);
    FUZZ_CHECK(unic_npz_writer_add(w, "label", &label) == UNIC_OK);
    FUZZ_CHECK(unic_npz_writer_finish(w) == UNIC_OK);
    unic_npz_writer_free(w);
    FUZZ_CHECK(unic_dataset_open(&d, paths, 1, &o) == UNIC_OK);
    return d;
}

static unic_batch *make_batch(api *a)
{
    unic_batch *batch;
    unic_array x;
    FUZZ_CHECK(unic_batch_create(&batch) == UNIC_OK);
    unic_array_init(&x, api_floats(a, 12), UNIC_F32, 3, (const int64_t[]){2, 3, 2});
    FUZZ_CHECK(unic_batch_set(batch, "a", &x, NULL) == UNIC_OK);
    unic_array_init(&x, api_floats(a, 18), UNIC_F32, 3, (const int64_t[]){2, 3, 3});
    FUZZ_CHECK(unic_batch_set(batch, "b", &x, NULL) == UNIC_OK);
    return batch;
}

static unic_head *make_head(unsigned how)
{
    const unic_head_options o = {.struct_size = sizeof o,
                                 .kind = 1 + (int32_t)(how / 2 % 3),
                                 .class_count = 2,
                                 .hidden = 2,
                                 .epochs = 1};
    unic_codebook *codebook = fuzz_small_codebook(3, 4);
    unic_head *head;
    FUZZ_CHECK(unic_head_create(&head, codebook, &o) == UNIC_OK);
    unic_codebook_free(codebook);
    return head;
}

static unic_index *make_index(unsigned how)
{
    const unic_index_options o = {
        .struct_size = sizeof o, .dim = 2, .metric = 1 + (int32_t)(how / 2 % 4)};
    static const float x[] = {1, 0, 0.5F, 0.25F};
    unic_array vectors;
    unic_index *index;
    FUZZ_CHECK(unic_index_create(&index, &o) == UNIC_OK);
    unic_array_init(&vectors, x, UNIC_F32, 2, (const int64_t[]){2, 2});
    FUZZ_CHECK(unic_index_add(index, &vectors, NULL) == UNIC_OK);
    return index;
}

static unic_retriever *make_retriever(void)
{
    const unic_retriever_options o = {
        .struct_size = sizeof o, .item_dim = 2, .hidden = 2, .dim = 2, .epochs = 1, .batch = 2};
    unic_codebook *codebook = fuzz_small_codebook(3, 4);
    unic_retriever *retriever;
    FUZZ_CHECK(unic_retriever_create(&retriever, codebook, &o) == UNIC_OK);
    unic_codebook_free(codebook);
    return retriever;
}

static unic_segmenter *make_segmenter(void)
{
    const unic_segmenter_options o = {.struct_size = sizeof o,
                                      .image_channels = 1,
                                      .height = 4,
                                      .width = 4,
                                      .level_count = 1,
                                      .level_channels = {1},
                                      .channels = 1,
                                      .inner = 1,
                                      .dilations = {1, 1, 1, 1},
                                      .output_channels = {1, 1}};
    unic_codebook *codebook = fuzz_small_codebook(3, 4);
    unic_segmenter *segmenter;
    FUZZ_CHECK(unic_segmenter_create(&segmenter, codebook, &o) == UNIC_OK);
    unic_codebook_free(codebook);
    return segmenter;
}

static unic_class_map *make_class_map(void)
{
    const unic_class_names names = {
        .struct_size = sizeof names, .their_count = 3, .our_count = 2};
    unic_class_map *map;
    FUZZ_CHECK(unic_class_map_parse(&map, "0 = 1\n2 = 0\n", 12, NULL, &names) == UNIC_OK);
    return map;
}

static unic_buffer *make_buffer(void)
{
    unic_buffer *buffer;
    FUZZ_CHECK(unic_buffer_create(&buffer) == UNIC_OK);
    return buffer;
}

static unic_npz_writer *make_npz_writer(void)
{
    unic_npz_writer *w;
    FUZZ_CHECK(unic_npz_writer_create(&w, fuzz_path("written.npz")) == UNIC_OK);
    return w;
}

static void give_bert(unic_extractor *e)
{
    const char *path = fuzz_path("w.npz");
    unic_source words;
    unic_source_memory(&words, SMALL_BERT_WORDS, sizeof SMALL_BERT_WORDS - 1, "w.txt");
    FUZZ_CHECK(small_bert(path, SIZE_MAX, SIZE_MAX) == UNIC_OK);
    FUZZ_CHECK(unic_extractor_load_weights(e, path, NULL) == UNIC_OK);
    FUZZ_CHECK(unic_extractor_load_words_source(e, &words, UNIC_EXTRACTOR_VOCABULARY, NULL) ==
               UNIC_OK);
}

static void give_vggish(unic_extractor *e)
{
    const char *path = fuzz_path("w.npz");
    FUZZ_CHECK(small_weights(path, &small_vggish, "", SIZE_MAX) == UNIC_OK);
    FUZZ_CHECK(unic_extractor_load_weights(e, path, NULL) == UNIC_OK);
}

static unic_extractor *make_extractor(unsigned how)
{
    static const struct {
        const char *settings;
        void (*give)(unic_extractor *e);
    } kinds[] = {
        {"kind = ngrams\ndim = 3\nbuckets = 5", NULL},
        {"kind = logmel\nrate = 1000\nwindow = 3\nhop = 1\nbands = 3\nhigh = 500\nframes = 2",
         NULL},
        {"kind = patches\nside = 4\ncells = 2\npatch = 2\ncomponents = 2\nchannels = 3", NULL},
        {"kind = vggish", give_vggish},
        {SMALL_BERT, give_bert},
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    const size_t kind = how / 2 % KINDS;
    unic_extractor *e;
    FUZZ_CHECK(unic_extractor_create(&e, kinds[kind].settings, NULL) == UNIC_OK);
    if (kinds[kind].give && how / 16 % 2)
        kinds[kind].give(e);
    return e;
}

HANDLE(config, fuzz_small_config(config_text(how)))
HANDLE(trainer, fuzz_small_trainer(config_text(how)))
HANDLE(model, fuzz_small_model(config_text(how)))
HANDLE(encoder, make_encoder(fuzz_small_model(config_text(how))))
HANDLE(stream, make_stream(make_encoder(fuzz_small_model(config_text(how))), how))
HANDLE(codebook, fuzz_small_codebook(3, 4))
HANDLE(dataset, make_dataset())
HANDLE(batch, make_batch(a))
HANDLE(head, make_head(how))
HANDLE(index, make_index(how))
HANDLE(retriever, make_retriever())
HANDLE(segmenter, make_segmenter())
HANDLE(class_map, make_class_map())
HANDLE(npz_writer, make_npz_writer())
HANDLE(buffer, make_buffer())
HANDLE(extractor, make_extractor(how))

/* ---- a run ---- */

static const api_part *const parts[] = {&api_base,  &api_codebooks, &api_models, &api_data,
                                        &api_tasks, &api_metrics,   &api_indexes, &api_extract};

#define FREE_ALL(a, kind)                                                                      \
    for (size_t i_ = 0; i_ < API_HANDLES; i_++)                                                \
    unic_##kind##_free((a)->kind[i_])

static void run_api(const unsigned char *data, size_t size)
{
    api a = {.in = {data, data + size}};
    for (size_t calls = 0; a.in.at < a.in.end && calls < MOST_CALLS; calls++) {
        const api_part *part = parts[fuzz_below(&a.in, sizeof parts / sizeof parts[0])];
        const api_call *call = &part->calls[fuzz_below(&a.in, part->count)];
        unsigned failing = fuzz_byte(&a.in);
        fuzz_fail_allocation(failing >= 0xE0 ? failing - 0xDF : 0);
        call->run(&a);
        fuzz_fail_allocation(0);
    }
    FREE_ALL(&a, npz_writer);
    FREE_ALL(&a, buffer);
    FREE_ALL(&a, extractor);
    FREE_ALL(&a, stream);
    FREE_ALL(&a, encoder); /* these two in this order, */
    FREE_ALL(&a, model);
    FREE_ALL(&a, trainer);
    FREE_ALL(&a, config);
    FREE_ALL(&a, codebook);
    FREE_ALL(&a, dataset);
    FREE_ALL(&a, batch);
    FREE_ALL(&a, head);
    FREE_ALL(&a, index);
    FREE_ALL(&a, retriever);
    FREE_ALL(&a, segmenter);
    FREE_ALL(&a, class_map);
    unic_set_threads(1);
    unic_set_log(NULL, NULL);
    while (a.block_count > 0)
        free(a.blocks[--a.block_count]);
}

/* Each call once with ordinary arguments, and each with odd ones. */
static void api_seeds(fuzz_seed_fn *add)
{
    static const unsigned char rests[] = {0, 1, 0x11, 0x4F, 0xEE, 0xF3, 0xFF};
    unsigned char seed[160];
    for (unsigned part = 0; part < sizeof parts / sizeof parts[0]; part++)
        for (unsigned call = 0; call < parts[part]->count; call++) {
            memset(seed, rests[(part + call) % sizeof rests], sizeof seed);
            for (unsigned i = 0; i < 4; i++) { /* four in a row */
                seed[40 * i] = (unsigned char)part;
                seed[40 * i + 1] = (unsigned char)(call + i);
                seed[40 * i + 2] = 0;
            }
            add(seed, call % 2 ? 3 : sizeof seed);
        }
}

const fuzz_target fuzz_api_target = {.name = "api",
                                     .reads = "every exported function, in any order",
                                     .form = FUZZ_RAW,
                                     .largest = 1024,
                                     .run = run_api,
                                     .seeds = api_seeds};
