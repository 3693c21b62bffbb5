#include "io_kinds.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "task/head_help.h"
#include "task/retriever.h"
#include "task/segment_help.h"

/* ---- kinds ---- */

static void write_model(const char *path)
{
    unic_model *model = small_model(SMALL_TWO, "", 1);
    io_assert_ok(unic_model_save(model, path));
    unic_model_free(model);
}

static void write_codebook(const char *path)
{
    unic_codebook *cb = head_codebook(1);
    io_assert_ok(unic_codebook_save(cb, path));
    unic_codebook_free(cb);
}

static void write_head(const char *path)
{
    unic_head *head = head_of_kind(UNIC_HEAD_CLIP);
    io_assert_ok(unic_head_save(head, path));
    unic_head_free(head);
}

static void write_index(const char *path)
{
    const float rows[4] = {1.0F, 2.0F, 3.0F, 4.0F};
    const unic_index_options o = {.struct_size = sizeof o, .dim = 2, .metric = UNIC_INDEX_L2};
    unic_array a;
    unic_index *index;
    unic_array_init(&a, rows, UNIC_F32, 2, (const int64_t[]){2, 2});
    io_assert_ok(unic_index_create(&index, &o));
    io_assert_ok(unic_index_add(index, &a, (const int64_t[]){7, 5}));
    io_assert_ok(unic_index_save(index, path));
    unic_index_free(index);
}

static void write_retriever(const char *path)
{
    const unic_retriever_options o = {.struct_size = sizeof o, .item_dim = 3, .epochs = 1};
    unic_codebook *cb = head_codebook(1);
    unic_retriever *r;
    io_assert_ok(unic_retriever_create(&r, cb, &o));
    r->trained = true; /* drawn weights are as good as fitted ones here */
    io_assert_ok(unic_retriever_save(r, path));
    unic_retriever_free(r);
    unic_codebook_free(cb);
}

static void write_segmenter(const char *path)
{
    unic_segmenter *s = segment_new(&segment_small);
    io_assert_ok(unic_segmenter_save(s, path));
    unic_segmenter_free(s);
}

static void write_extractor(const char *path)
{
    unsigned char pixels[9 * 4 * 4 * 3];
    unic_array frames;
    unic_extractor *e;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * i * 31 >> 3);
    unic_array_init(&frames, pixels, UNIC_U8, 4, (const int64_t[]){9, 4, 4, 3});
    io_assert_ok(unic_extractor_create(&e,
                                       "kind = patches\nside = 4\ncells = 2\npatch = 2\n"
                                       "components = 2\nchannels = 3",
                                       NULL));
    io_assert_ok(unic_extractor_fit(e, &frames));
    io_assert_ok(unic_extractor_save(e, path));
    unic_extractor_free(e);
}

#define KIND(thing, verb)                                                                      \
    static unic_status verb##_##thing(void **out, const char *path)                            \
    {                                                                                          \
        unic_##thing *made = NULL;                                                             \
        unic_status status = unic_##thing##_##verb(&made, path, NULL);                         \
        *out = made;                                                                           \
        return status;                                                                         \
    }                                                                                          \
    static unic_status source_##thing(void **out, const unic_source *source)                   \
    {                                                                                          \
        unic_##thing *made = (void *)out; /* which the call clears */                          \
        unic_status status = unic_##thing##_##verb##_source(&made, source, NULL);              \
        *out = made;                                                                           \
        return status;                                                                         \
    }                                                                                          \
    static unic_status save_##thing(void *handle, const char *path)                            \
    {                                                                                          \
        return unic_##thing##_save(handle, path);                                              \
    }                                                                                          \
    static unic_status sink_##thing(void *handle, const unic_sink *sink)                       \
    {                                                                                          \
        return unic_##thing##_save_sink(handle, sink);                                         \
    }                                                                                          \
    static void free_##thing(void *handle)                                                     \
    {                                                                                          \
        unic_##thing##_free(handle);                                                           \
    }
#define ROW(thing, verb)                                                                       \
    {                                                                                          \
#thing, verb##_##thing, source_##thing, save_##thing, sink_##thing, free_##thing,      \
            write_##thing                                                                      \
    }

KIND(model, open)
KIND(codebook, load)
KIND(head, load)
KIND(index, load)
KIND(retriever, load)
KIND(segmenter, load)
KIND(extractor, load)

const io_kind io_kinds[IO_KINDS] = {
    ROW(model, open),     ROW(codebook, load),  ROW(head, load),     ROW(index, load),
    ROW(retriever, load), ROW(segmenter, load), ROW(extractor, load)};

/* ---- sources ---- */

io_bytes io_bytes_of(const char *path)
{
    io_bytes b = {.data = NULL};
    b.data = io_read(path, &b.size);
    return b;
}

static int64_t read_bytes(void *buffer, size_t bytes, int64_t offset, void *user)
{
    io_bytes *b = user;
    ck_assert_int_eq(__atomic_add_fetch(&b->inside, 1, __ATOMIC_RELAXED), 1);
    ck_assert(bytes > 0 && offset >= 0 && (uint64_t)offset + bytes <= b->size && !b->closed);
    size_t n = b->most && b->most < bytes ? b->most : bytes;
    memcpy(buffer, b->data + offset, n);
    int64_t result = (int64_t)n;
    if (++b->reads >= b->fails_at && b->fails_at)
        result = b->returns == INT64_MAX ? (int64_t)bytes + 1 : b->returns;
    __atomic_sub_fetch(&b->inside, 1, __ATOMIC_RELAXED);
    return result;
}

static void close_bytes(void *user)
{
    ((io_bytes *)user)->closed++;
}

unic_source io_source(io_bytes *bytes, const char *name)
{
    bytes->reads = bytes->closed = 0;
    return (unic_source){.struct_size = sizeof(unic_source),
                         .name = name,
                         .size = (int64_t)bytes->size,
                         .read_at = read_bytes,
                         .close = close_bytes,
                         .user = bytes};
}

/* ---- sinks ---- */

static int take(const void *data, size_t bytes, void *user)
{
    io_taken *t = user;
    ck_assert(bytes > 0 && !t->finished && !t->abandoned);
    if (++t->writes == t->fails_at)
        return t->returns;
    t->data = realloc(t->data, t->size + bytes);
    ck_assert(t->data != NULL);
    memcpy(t->data + t->size, data, bytes);
    t->size += bytes;
    return 0;
}

static int finish(void *user)
{
    io_taken *t = user;
    ck_assert(!t->finished && !t->abandoned);
    if (t->finish_fails)
        return t->returns;
    t->finished++;
    return 0;
}

static void abandon(void *user)
{
    io_taken *t = user;
    ck_assert(!t->finished && !t->abandoned);
    t->abandoned++;
}

unic_sink io_sink(io_taken *taken, const char *name)
{
    taken->size = taken->writes = taken->finished = taken->abandoned = 0;
    return (unic_sink){.struct_size = sizeof(unic_sink),
                       .name = name,
                       .write = take,
                       .finish = finish,
                       .abandon = abandon,
                       .user = taken};
}
