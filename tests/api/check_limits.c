/* memory_limit: what a file's contents may make the library allocate, wherever files are
 * read. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmg/cmg_help.h"
#include "data/dataset_help.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "task/head_help.h"
#include "task/retriever.h"
#include "task/segment_help.h"

/* ---- one of each kind of file, opened within a limit ---- */

static const char *model_path, *head_path, *index_path, *retriever_path, *segmenter_path;

static unic_status open_model(const unic_open_options *o)
{
    unic_model *m;
    unic_status status = unic_model_open(&m, model_path, o);
    ck_assert((status == UNIC_OK) == (m != NULL));
    unic_model_free(m);
    return status;
}

/* With an encoder: its weights are the file's, too. */
static unic_status open_weights(const unic_open_options *o)
{
    unic_model *m;
    unic_encoder *e = NULL;
    unic_encoder_options sizes = {.struct_size = sizeof sizes, .max_batch = 1, .max_length = 1};
    unic_status status = unic_model_open(&m, model_path, o);
    if (status == UNIC_OK)
        status = unic_encoder_create(&e, m, "audio", &sizes);
    ck_assert((status == UNIC_OK) == (e != NULL));
    unic_encoder_free(e);
    unic_model_free(m);
    return status;
}

static unic_status import_model(const unic_open_options *o)
{
    unic_model *m;
    unic_status status = unic_model_import(&m, CMG "av.pt", "encoder.heads = 2\n", o);
    ck_assert((status == UNIC_OK) == (m != NULL));
    unic_model_free(m);
    return status;
}

static unic_status resume(const unic_open_options *o)
{
    unic_trainer *t;
    unic_status status = unic_trainer_resume(&t, model_path, NULL, o);
    ck_assert((status == UNIC_OK) == (t != NULL));
    unic_trainer_free(t);
    return status;
}

static unic_status import_trainer(const unic_open_options *o)
{
    unic_trainer *t;
    unic_status status = unic_trainer_import(&t, CMG "av.pt", "encoder.heads = 2\n", NULL, o);
    ck_assert((status == UNIC_OK) == (t != NULL));
    unic_trainer_free(t);
    return status;
}

static unic_status load_head(const unic_open_options *o)
{
    unic_head *h;
    unic_status status = unic_head_load(&h, head_path, o);
    ck_assert((status == UNIC_OK) == (h != NULL));
    unic_head_free(h);
    return status;
}

static unic_status load_index(const unic_open_options *o)
{
    unic_index *x;
    unic_status status = unic_index_load(&x, index_path, o);
    ck_assert((status == UNIC_OK) == (x != NULL));
    unic_index_free(x);
    return status;
}

static unic_status load_retriever(const unic_open_options *o)
{
    unic_retriever *r;
    unic_status status = unic_retriever_load(&r, retriever_path, o);
    ck_assert((status == UNIC_OK) == (r != NULL));
    unic_retriever_free(r);
    return status;
}

static unic_status load_segmenter(const unic_open_options *o)
{
    unic_segmenter *s;
    unic_status status = unic_segmenter_load(&s, segmenter_path, o);
    ck_assert((status == UNIC_OK) == (s != NULL));
    unic_segmenter_free(s);
    return status;
}

/* All of an epoch, and labels. */
static unic_status read_dataset(const unic_open_options *limit, int prefetch)
{
    char path[512];
    const char *paths[] = {data_write(&data_ten, path)};
    unic_dataset_options o = data_options(4, 1, prefetch);
    int64_t dims[UNIC_MAX_RANK];
    int32_t labels[10];
    size_t rank;
    unic_dataset *d;
    const unic_batch *batch = NULL;
    o.memory_limit = limit ? limit->memory_limit : 0;
    unic_status status = unic_dataset_open(&d, paths, 1, &o);
    if (status == UNIC_OK)
        status = unic_dataset_labels(&rank, d, "label", dims, labels);
    do {
        if (status == UNIC_OK)
            status = unic_dataset_next(&batch, d);
    } while (status == UNIC_OK && batch);
    unic_dataset_free(d);
    return status;
}

static unic_status read_here(const unic_open_options *o)
{
    return read_dataset(o, 0);
}

static unic_status read_ahead(const unic_open_options *o)
{
    return read_dataset(o, 3);
}

static const struct {
    const char *name; /* that messages begin with */
    unic_status (*open)(const unic_open_options *o);
} kinds[] = {
    {"unic_model_open: ", open_model},
    {"unic_", open_weights},
    {"unic_model_import: ", import_model},
    {"unic_trainer_resume: ", resume},
    {"unic_trainer_import: ", import_trainer},
    {"unic_head_load: ", load_head},
    {"unic_index_load: ", load_index},
    {"unic_retriever_load: ", load_retriever},
    {"unic_segmenter_load: ", load_segmenter},
    {"", read_here},
    {"", read_ahead},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- the library's heap: how many blocks live ---- */

static size_t live;

static void *count_alloc(size_t bytes, void *user)
{
    (void)user;
    void *memory = malloc(bytes);
    __atomic_add_fetch(&live, memory != NULL, __ATOMIC_RELAXED);
    return memory;
}

static void count_release(void *memory, void *user)
{
    (void)user;
    __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    free(memory);
}

static void setup(void)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    unic_codebook *cb = head_codebook(1);
    unic_retriever *r;
    unic_index *x;
    unic_array rows;
    unic_head_options how = {.kind = UNIC_HEAD_CLIP};
    unic_head *head = head_new(&how);
    unic_segmenter *s = segment_new(&segment_small);
    unic_index_options o = {.struct_size = sizeof o, .dim = D, .metric = UNIC_INDEX_INNER};
    unic_retriever_options ro = {.struct_size = sizeof ro, .item_dim = 3};
    model_path = strdup(small_path("limit.model.npz"));
    head_path = strdup(small_path("limit.head.npz"));
    index_path = strdup(small_path("limit.index.npz"));
    retriever_path = strdup(small_path("limit.retriever.npz"));
    segmenter_path = strdup(small_path("limit.segmenter.npz"));
    io_assert_ok(unic_trainer_save(t, model_path));
    io_assert_ok(unic_head_save(head, head_path));
    unic_array_init(&rows, unic_codebook_embedding(cb), UNIC_F32, 2, (const int64_t[]){L, D});
    io_assert_ok(unic_index_create(&x, &o));
    io_assert_ok(unic_index_add(x, &rows, NULL));
    io_assert_ok(unic_index_save(x, index_path));
    io_assert_ok(unic_retriever_create(&r, cb, &ro));
    r->trained = true; /* drawn weights are as good as fitted ones here */
    io_assert_ok(unic_retriever_save(r, retriever_path));
    io_assert_ok(unic_segmenter_save(s, segmenter_path));
    unic_segmenter_free(s);
    unic_retriever_free(r);
    unic_index_free(x);
    unic_head_free(head);
    unic_codebook_free(cb);
    unic_trainer_free(t);
}

/* Whatever the limit, the call succeeds or names it, and leaves nothing behind. */
START_TEST(limits_hold)
{
    const unic_allocator hook = {sizeof hook, count_alloc, count_release, NULL};
    unic_open_options o = {.struct_size = sizeof o};
    size_t enough = 1, failures = 0;
    io_assert_ok(kinds[_i].open(NULL));
    io_assert_ok(kinds[_i].open(&o)); /* 0: none */
    io_assert_ok(unic_set_allocator(&hook));
    for (;; enough *= 2) {
        o.memory_limit = enough;
        live = 0;
        unic_status status = kinds[_i].open(&o);
        ck_assert_uint_eq(live, 0);
        if (status == UNIC_OK)
            break;
        io_assert_fails(status, UNIC_E_NOMEM, ", the limit is ");
        ck_assert_msg(strstr(unic_last_error(), " asks for ") &&
                          strncmp(unic_last_error(), kinds[_i].name, strlen(kinds[_i].name)) ==
                              0,
                      "%s", unic_last_error());
        failures++;
    }
    io_assert_ok(unic_set_allocator(NULL));
    ck_assert(failures >= 5 && enough < 1 << 30);
    o.memory_limit = SIZE_MAX;
    io_assert_ok(kinds[_i].open(&o));
}
END_TEST

/* A config is a file from outside too. */
START_TEST(what_a_config_asks_for)
{
    const unic_allocator hook = {sizeof hook, count_alloc, count_release, NULL};
    unic_trainer_options o = {.struct_size = sizeof o};
    unic_config *config = small_config(SMALL_TWO, "encoder.ff = 20000\n");
    unic_trainer *t;
    size_t failures = 0;
    io_assert_ok(unic_set_allocator(&hook));
    for (o.memory_limit = 1;; o.memory_limit *= 2) {
        live = 0;
        unic_status status = unic_trainer_create(&t, config, &o);
        if (status == UNIC_OK)
            break;
        ck_assert_uint_eq(live, 0);
        ck_assert_ptr_null(t);
        io_assert_fails(status, UNIC_E_NOMEM, "unic_trainer_create: the config asks for ");
        ck_assert(strstr(unic_last_error(), ", the limit is "));
        failures++;
    }
    ck_assert(failures >= 20 && o.memory_limit < 1 << 28);
    unic_trainer_free(t);
    ck_assert_uint_eq(live, 0);
    io_assert_ok(unic_set_allocator(NULL));
    unic_config_free(config);
    io_assert_fails(unic_trainer_resume(&t, model_path, &o, NULL), UNIC_E_ARG,
                    "but a run is opened with that of unic_open_options");
    io_assert_fails(unic_trainer_import(&t, CMG "av.pt", NULL, &o, NULL), UNIC_E_ARG,
                    "options->memory_limit is ");
}
END_TEST

/* The weights are refused when they are needed; the model stays usable. */
START_TEST(weights_that_are_read_later_count)
{
    unic_open_options o = {.struct_size = sizeof o};
    unic_encoder_options sizes = {.struct_size = sizeof sizes, .max_batch = 1, .max_length = 1};
    char *path = strdup(small_path("limit.wide.npz"));
    unic_model *m = small_model(SMALL_TWO, "encoder.ff = 20000\n", 0);
    unic_encoder *e;
    io_assert_ok(unic_model_save(m, path));
    unic_model_free(m);
    for (o.memory_limit = 1; unic_model_open(&m, path, &o) != UNIC_OK;)
        o.memory_limit += 4096;
    io_assert_fails(unic_encoder_create(&e, m, "audio", &sizes), UNIC_E_NOMEM,
                    "unic_encoder_create: ");
    ck_assert(strstr(unic_last_error(), "limit.wide.npz asks for "));
    ck_assert_ptr_null(e);
    ck_assert_uint_eq(unic_model_code_count(m), SMALL_CODES);
    unic_model_free(m);
    free(path);
}
END_TEST

/* A dataset holds what it holds, however long it is read: nothing adds up. */
START_TEST(epochs_do_not_add_up)
{
    char path[512];
    const char *paths[] = {data_write(&data_ten, path)};
    for (int prefetch = 0; prefetch <= 2; prefetch += 2) {
        unic_dataset_options o = data_options(3, 1, prefetch);
        unic_dataset *d = NULL;
        const unic_batch *batch;
        for (o.memory_limit = 256; unic_dataset_open(&d, paths, 1, &o) != UNIC_OK;)
            o.memory_limit += 256;
        unic_dataset_free(d);
        o.memory_limit += 1 << 17; /* of the reader's own buffers */
        io_assert_ok(unic_dataset_open(&d, paths, 1, &o));
        for (int i = 0; i < 2000; i++)
            io_assert_ok(unic_dataset_next(&batch, d));
        unic_dataset_free(d);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("limits");
    tcase_add_unchecked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, limits_hold, 0, KINDS);
    tcase_add_test(t, what_a_config_asks_for);
    tcase_add_test(t, weights_that_are_read_later_count);
    tcase_add_test(t, epochs_do_not_add_up);
    return small_run("api/limits", t);
}
