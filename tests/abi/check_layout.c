/*
 * The public structs: their layout on machines of 64-bit pointers (layouts.h), and that every size
 * which a released header gave them is still taken. A release whose struct has grown adds its size
 * to the struct's list here, in `structs`; sizes are never taken away.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unicode/unic.h>
#include <unistd.h>

#if UINTPTR_MAX == UINT64_MAX
#include "abi/layouts.h"
#endif

/* ---- a call with each struct, which succeeds if the struct is taken ---- */

static float steps[4];

static unic_status give_array(void *at)
{
    unic_array *a = at;
    a->data = steps;
    a->dtype = UNIC_F32;
    a->rank = 3;
    a->dims[0] = 1;
    a->dims[1] = a->dims[2] = 2;
    unic_batch *batch;
    ck_assert_int_eq(unic_batch_create(&batch), UNIC_OK);
    unic_status status = unic_batch_set(batch, "a", at, NULL);
    unic_batch_free(batch);
    return status;
}

static unic_status take_array(void *at)
{
    unic_array a;
    const int32_t *lengths;
    unic_batch *batch;
    unic_array_init(&a, steps, UNIC_F32, 3, (const int64_t[]){1, 2, 2});
    ck_assert_int_eq(unic_batch_create(&batch), UNIC_OK);
    ck_assert_int_eq(unic_batch_set(batch, "a", &a, NULL), UNIC_OK);
    unic_status status = unic_batch_get(at, &lengths, batch, "a");
    unic_batch_free(batch);
    return status;
}

static unic_status take_key(void *at)
{
    return unic_config_key_at(at, 0);
}

/* There is no such file: what is refused before that is the struct. */
static unic_status give_dataset_options(void *at)
{
    unic_dataset *dataset;
    ((unic_dataset_options *)at)->batch = 1;
    unic_status status = unic_dataset_open(&dataset, (const char *const[]){"nowhere.npz"}, 1,
                                           at);
    return status == UNIC_E_NOTFOUND ? UNIC_OK : status;
}

/* What is refused after the struct was taken: there are no encoders. */
static unic_status give_encode_options(void *at)
{
    unic_status status = unic_encoder_encode_dataset(NULL, 0, NULL, at, NULL);
    int taken = status == UNIC_E_ARG && strstr(unic_last_error(), "encoders is NULL") != NULL;
    return taken ? UNIC_OK : status;
}

static unic_status with_head(void *at, unic_status (*call)(unic_head *head, void *at))
{
    unic_codebook *codebook;
    unic_head *head = NULL;
    unic_head_options o = {.struct_size = sizeof o, .kind = UNIC_HEAD_CLIP, .class_count = 2};
    ck_assert_int_eq(unic_codebook_create(&codebook, 4, 2, 2), UNIC_OK);
    if (!call) {
        ((unic_head_options *)at)->kind = UNIC_HEAD_CLIP;
        ((unic_head_options *)at)->class_count = 2;
    }
    unic_status status = unic_head_create(&head, codebook, call ? &o : at);
    if (call && status == UNIC_OK)
        status = call(head, at);
    unic_head_free(head);
    unic_codebook_free(codebook);
    return status;
}

static unic_status give_head_options(void *at)
{
    return with_head(at, NULL);
}

static unic_status settings(unic_head *head, void *at)
{
    return unic_head_settings(at, head);
}

static unic_status take_head_options(void *at)
{
    return with_head(at, settings);
}

/* For two modalities "a" and "b" of 2 dims; NULL if the options are refused. */
static unic_trainer *small_trainer(const unic_trainer_options *options)
{
    static const char text[] = "preset = small\nmodalities = a b\na.kind = vector\na.dims = 2\n"
                               "b.kind = vector\nb.dims = 2\ntrain.batch = 2\n"
                               "train.length = 2\n";
    unic_config *config;
    unic_trainer *trainer;
    ck_assert_int_eq(unic_config_create(&config), UNIC_OK);
    ck_assert_int_eq(unic_config_parse(config, text, NULL), UNIC_OK);
    unic_status status = unic_trainer_create(&trainer, config, options);
    ck_assert(status == UNIC_OK || status == UNIC_E_ARG);
    unic_config_free(config);
    return trainer;
}

static unic_status give_draws(void *at)
{
    static const float x[2 * 2 * 2] = {1, 2, 3, 4, 5, 6, 7, 8};
    unic_trainer *trainer = small_trainer(NULL);
    unic_batch *batch;
    unic_array a;
    ck_assert_int_eq(unic_batch_create(&batch), UNIC_OK);
    unic_array_init(&a, x, UNIC_F32, 3, (const int64_t[]){2, 2, 2});
    ck_assert_int_eq(unic_batch_set(batch, "a", &a, NULL), UNIC_OK);
    ck_assert_int_eq(unic_batch_set(batch, "b", &a, NULL), UNIC_OK);
    unic_status status = unic_trainer_step(trainer, batch, at, NULL);
    unic_batch_free(batch);
    unic_trainer_free(trainer);
    return status;
}

static void *plain_alloc(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void plain_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

static unic_status give_allocator(void *at)
{
    unic_allocator *a = at;
    a->alloc = plain_alloc;
    a->release = plain_release;
    unic_status status = unic_set_allocator(a);
    unic_set_allocator(NULL);
    return status;
}

static unic_status give_class_names(void *at)
{
    unic_class_map *map;
    ((unic_class_names *)at)->their_count = ((unic_class_names *)at)->our_count = 2;
    unic_status status = unic_class_map_parse(&map, "0 = 1\n", 6, NULL, at);
    unic_class_map_free(map);
    return status;
}

static unic_status give_index_options(void *at)
{
    unic_index *index;
    ((unic_index_options *)at)->dim = 2;
    ((unic_index_options *)at)->metric = UNIC_INDEX_L2;
    unic_status status = unic_index_create(&index, at);
    unic_index_free(index);
    return status;
}

static unic_status give_search_options(void *at)
{
    unic_index *index;
    unic_array none;
    const unic_index_options o = {.struct_size = sizeof o, .dim = 2, .metric = UNIC_INDEX_L2};
    ck_assert_int_eq(unic_index_create(&index, &o), UNIC_OK);
    unic_array_init(&none, NULL, UNIC_F32, 2, (const int64_t[]){0, 2});
    unic_status status = unic_index_search(index, &none, 1, at, NULL, NULL);
    unic_index_free(index);
    return status;
}

static unic_status with_retriever(void *given, void *taken)
{
    unic_codebook *codebook;
    unic_retriever *retriever;
    unic_retriever_options o = {.struct_size = sizeof o, .item_dim = 3};
    ck_assert_int_eq(unic_codebook_create(&codebook, 4, 2, 2), UNIC_OK);
    unic_status status = unic_retriever_create(&retriever, codebook, given ? given : &o);
    if (taken && status == UNIC_OK)
        status = unic_retriever_settings(taken, retriever);
    unic_retriever_free(retriever);
    unic_codebook_free(codebook);
    return status;
}

static unic_status give_retriever_options(void *at)
{
    ((unic_retriever_options *)at)->item_dim = 3;
    return with_retriever(at, NULL);
}

static unic_status take_retriever_options(void *at)
{
    return with_retriever(NULL, at);
}

static unic_status with_segmenter(void *given, void *taken)
{
    unic_codebook *codebook;
    unic_segmenter *segmenter;
    unic_segmenter_options o = {.struct_size = sizeof o};
    ck_assert_int_eq(unic_codebook_create(&codebook, 4, 2, 2), UNIC_OK);
    unic_status status = unic_segmenter_create(&segmenter, codebook, given ? given : &o);
    if (taken && status == UNIC_OK)
        status = unic_segmenter_settings(taken, segmenter);
    unic_segmenter_free(segmenter);
    unic_codebook_free(codebook);
    return status;
}

static unic_status give_segmenter_options(void *at)
{
    return with_segmenter(at, NULL);
}

static unic_status take_segmenter_options(void *at)
{
    return with_segmenter(NULL, at);
}

/* Two rows of two classes, queries and items, or masks and pixels. */
static const float scores[4] = {1.0F, 0.0F, 0.0F, 1.0F};
static const int32_t truth[4] = {0, 1, 0, 1};

static unic_status take_class_report(void *at)
{
    return unic_metrics_classes(at, scores, truth, 2, 2, NULL, NULL);
}

static unic_status take_match_report(void *at)
{
    return unic_metrics_steps(at, scores, truth, 2, 2, 0.5F, -1);
}

static unic_status take_mask_report(void *at)
{
    return unic_metrics_masks(at, scores, (const uint8_t[]){1, 0, 0, 1}, 2, 2, NULL);
}

static unic_status take_rank_report(void *at)
{
    return unic_metrics_ranks(at, scores, 2, 2, truth, truth, NULL, 0, NULL);
}

static unic_status take_usage_report(void *at)
{
    static const int32_t codes[] = {0, 1};
    return unic_metrics_usage(at, (const int32_t *const[]){codes}, 1, 2, 2, NULL, NULL, NULL);
}

static unic_status take_drift_report(void *at)
{
    unic_codebook *codebook;
    ck_assert_int_eq(unic_codebook_create(&codebook, 2, 1, 1), UNIC_OK);
    unic_status status = unic_codebook_drift(at, codebook, codebook, NULL, NULL, 0);
    unic_codebook_free(codebook);
    return status;
}

/* There is no such file: what is refused before that is the struct. */
static unic_status give_open_options(void *at)
{
    unic_model *model;
    unic_status status = unic_model_open(&model, "nowhere.npz", at);
    return status == UNIC_E_NOTFOUND ? UNIC_OK : status;
}

/* What is refused after the source was taken: it is empty. */
static int64_t read_nothing(void *buffer, size_t bytes, int64_t offset, void *user)
{
    (void)buffer;
    (void)bytes;
    (void)offset;
    (void)user;
    return 0;
}

static unic_status give_source(void *at)
{
    unic_model *model;
    ((unic_source *)at)->read_at = read_nothing;
    unic_status status = unic_model_open_source(&model, at, NULL);
    return status == UNIC_E_FORMAT ? UNIC_OK : status;
}

static int write_nothing(const void *data, size_t bytes, void *user)
{
    (void)data;
    (void)bytes;
    (void)user;
    return 0;
}

static unic_status give_sink(void *at)
{
    unic_codebook *codebook;
    ((unic_sink *)at)->write = write_nothing;
    ck_assert_int_eq(unic_codebook_create(&codebook, 4, 2, 2), UNIC_OK);
    unic_status status = unic_codebook_save_sink(codebook, at);
    unic_codebook_free(codebook);
    return status;
}

static unic_status give_codebook_init_options(void *at)
{
    unic_codebook *codebook;
    unic_array z;
    unic_array_init(&z, steps, UNIC_F32, 2, (const int64_t[]){2, 2});
    ck_assert_int_eq(unic_codebook_create(&codebook, 4, 2, 2), UNIC_OK);
    unic_status status = unic_codebook_init(codebook, &z, at);
    unic_codebook_free(codebook);
    return status;
}

static unic_status give_trainer_options(void *at)
{
    unic_trainer *trainer = small_trainer(at);
    unic_trainer_free(trainer);
    return trainer ? UNIC_OK : UNIC_E_ARG;
}

static int start_nothing(void *data, size_t count, unic_comm_type type, void **request,
                         void *user)
{
    (void)data;
    (void)count;
    (void)type;
    (void)request;
    (void)user;
    return 0;
}

static int wait_for_nothing(void *request, void *user)
{
    (void)request;
    (void)user;
    return 0;
}

static int gather_nothing(const void *data, size_t bytes, void *all, void *user)
{
    (void)data;
    (void)bytes;
    (void)all;
    (void)user;
    return 0;
}

static unic_status give_comm(void *at)
{
    unic_comm *comm = at;
    unic_trainer_options o = {.struct_size = sizeof o, .comm = comm};
    comm->size = 1;
    comm->sum_start = start_nothing;
    comm->sum_wait = wait_for_nothing;
    comm->gather = gather_nothing;
    return give_trainer_options(&o);
}

static unic_status give_encoder_options(void *at)
{
    unic_model *model;
    unic_encoder *encoder;
    unic_trainer *trainer = small_trainer(NULL);
    ((unic_encoder_options *)at)->max_batch = ((unic_encoder_options *)at)->max_length = 2;
    ck_assert_int_eq(unic_trainer_model(&model, trainer), UNIC_OK);
    unic_status status = unic_encoder_create(&encoder, model, "a", at);
    unic_encoder_free(encoder);
    unic_model_free(model);
    unic_trainer_free(trainer);
    return status;
}

static unic_status give_stream_options(void *at)
{
    unic_model *model;
    unic_encoder *encoder;
    unic_stream *stream;
    unic_trainer *trainer = small_trainer(NULL);
    unic_encoder_options o = {.struct_size = sizeof o, .max_batch = 1, .max_length = 2};
    ((unic_stream_options *)at)->window = 2;
    ck_assert_int_eq(unic_trainer_model(&model, trainer), UNIC_OK);
    ck_assert_int_eq(unic_encoder_create(&encoder, model, "a", &o), UNIC_OK);
    unic_status status = unic_stream_create(&stream, encoder, at);
    unic_stream_free(stream);
    unic_encoder_free(encoder);
    unic_model_free(model);
    unic_trainer_free(trainer);
    return status;
}

static unic_status give_extractor_options(void *at)
{
    unic_extractor *extractor;
    unic_status status = unic_extractor_create(&extractor, "kind = ngrams\nbuckets = 1", at);
    unic_extractor_free(extractor);
    return status;
}

/* ---- every size, at the edge of what may be read or written ---- */

typedef struct grown {
    const char *name;
    unic_status (*call)(void *at);
    size_t sizes[4]; /* of the releases, ascending: 0.1, ...; on 64-bit machines */
} grown;

static const grown structs[] = {
    {"unic_array", give_array, {152}},
    {"unic_array (out)", take_array, {152}},
    {"unic_config_key (out)", take_key, {88}},
    {"unic_dataset_options", give_dataset_options, {144}},
    {"unic_head_options", give_head_options, {96}},
    {"unic_head_options (out)", take_head_options, {96}},
    {"unic_draws", give_draws, {72}},
    {"unic_open_options", give_open_options, {56}},
    {"unic_source", give_source, {80}},
    {"unic_sink", give_sink, {80}},
    {"unic_codebook_init_options", give_codebook_init_options, {80}},
    {"unic_encode_options", give_encode_options, {72}},
    {"unic_encoder_options", give_encoder_options, {64}},
    {"unic_extractor_options", give_extractor_options, {48}},
    {"unic_stream_options", give_stream_options, {64}},
    {"unic_trainer_options", give_trainer_options, {72}},
    {"unic_comm", give_comm, {88}},
    {"unic_allocator", give_allocator, {32}},
    {"unic_class_names", give_class_names, {56}},
    {"unic_index_options", give_index_options, {64}},
    {"unic_search_options", give_search_options, {64}},
    {"unic_retriever_options", give_retriever_options, {96}},
    {"unic_retriever_options (out)", take_retriever_options, {96}},
    {"unic_segmenter_options", give_segmenter_options, {136}},
    {"unic_segmenter_options (out)", take_segmenter_options, {136}},
    {"unic_class_report (out)", take_class_report, {40}},
    {"unic_match_report (out)", take_match_report, {56}},
    {"unic_mask_report (out)", take_mask_report, {40}},
    {"unic_rank_report (out)", take_rank_report, {32}},
    {"unic_usage_report (out)", take_usage_report, {104}},
    {"unic_drift_report (out)", take_drift_report, {56}},
};
enum { STRUCTS = sizeof structs / sizeof structs[0], LATER = 48, TAIL = 0xA5 };

static char *page; /* what is behind it can be neither read nor written */
static size_t page_size;

static void setup(void)
{
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    page = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    ck_assert_int_eq(mprotect(page + page_size, page_size, PROT_NONE), 0);
}

static void teardown(void)
{
    munmap(page, 2 * page_size);
}

/* `size` bytes that end where the page does, zero but for their struct_size. */
static void *at_the_edge(size_t size)
{
    void *at = page + page_size - size;
    memset(page, 0, page_size);
    memcpy(at, &size, sizeof size);
    return at;
}

START_TEST(sizes_of_all_releases_are_taken)
{
    const grown *s = &structs[_i];
    for (size_t i = 0; i < 4 && s->sizes[i]; i++) {
        unic_status status = s->call(at_the_edge(s->sizes[i]));
        ck_assert_msg(status == UNIC_OK, "%s of %zu bytes: %s", s->name, s->sizes[i],
                      unic_last_error());
    }
}
END_TEST

/* A struct of a later release: what this one does not know it leaves alone. */
START_TEST(larger_structs_are_taken)
{
    const grown *s = &structs[_i];
    size_t known = 0;
    for (size_t i = 0; i < 4 && s->sizes[i]; i++)
        known = s->sizes[i];
    char *at = at_the_edge(known + LATER);
    memset(at + known, TAIL, LATER);
    ck_assert_msg(s->call(at) == UNIC_OK, "%s: %s", s->name, unic_last_error());
    for (size_t i = 0; i < LATER; i++)
        ck_assert_msg((unsigned char)at[known + i] == TAIL, "%s: byte %zu is written", s->name,
                      known + i);
}
END_TEST

/* Where `reserved` stands in what the library reads. */
static const struct {
    const char *name;
    size_t at;
} reserved[] = {
    {"unic_array", offsetof(unic_array, reserved)},
    {"unic_dataset_options", offsetof(unic_dataset_options, reserved)},
    {"unic_head_options", offsetof(unic_head_options, reserved)},
    {"unic_draws", offsetof(unic_draws, reserved)},
    {"unic_open_options", offsetof(unic_open_options, reserved)},
    {"unic_codebook_init_options", offsetof(unic_codebook_init_options, reserved)},
    {"unic_encode_options", offsetof(unic_encode_options, reserved)},
    {"unic_encoder_options", offsetof(unic_encoder_options, reserved)},
    {"unic_trainer_options", offsetof(unic_trainer_options, reserved)},
    {"unic_comm", offsetof(unic_comm, reserved)},
    {"unic_class_names", offsetof(unic_class_names, reserved)},
    {"unic_index_options", offsetof(unic_index_options, reserved)},
    {"unic_search_options", offsetof(unic_search_options, reserved)},
    {"unic_retriever_options", offsetof(unic_retriever_options, reserved)},
    {"unic_segmenter_options", offsetof(unic_segmenter_options, reserved)},
    {"unic_source", offsetof(unic_source, reserved)},
    {"unic_sink", offsetof(unic_sink, reserved)},
};
enum { RESERVED = sizeof reserved / sizeof reserved[0] };

/* A member that a later release gives a meaning must not be passed over in silence. */
START_TEST(reserved_members_must_be_zero)
{
    char says[96];
    const grown *s = structs;
    while (strcmp(s->name, reserved[_i].name) != 0)
        s++;
    char *at = at_the_edge(s->sizes[0]);
    snprintf(says, sizeof says, ": reserved[1] of %s is not zero", s->name);
    at[reserved[_i].at + sizeof(void *) + 3] = 1;
    ck_assert_msg(s->call(at) == UNIC_E_ARG, "%s is taken", s->name);
    ck_assert_msg(strstr(unic_last_error(), says), "%s", unic_last_error());
}
END_TEST

/* A struct that is nothing but its size, and one whose size was not set. */
START_TEST(smaller_structs_are_refused)
{
    const grown *s = &structs[_i];
    if (s->call == take_array) /* all of it is the library's, the size too */
        return;
    for (int zero = 0; zero <= 1; zero++) {
        size_t size = zero ? 0 : sizeof size;
        void *at = at_the_edge(s->sizes[0]);
        memcpy(at, &size, sizeof size);
        ck_assert_msg(s->call(at) == UNIC_E_ARG, "%s of %zu bytes is taken", s->name, size);
        ck_assert_msg(strstr(unic_last_error(), "struct_size"), "%s", unic_last_error());
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layout");
    TCase *tcase = tcase_create("structs");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
#if UINTPTR_MAX == UINT64_MAX
    tcase_add_loop_test(tcase, sizes_of_all_releases_are_taken, 0, STRUCTS);
    tcase_add_loop_test(tcase, larger_structs_are_taken, 0, STRUCTS);
    tcase_add_loop_test(tcase, smaller_structs_are_refused, 0, STRUCTS);
    tcase_add_loop_test(tcase, reserved_members_must_be_zero, 0, RESERVED);
#endif
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
