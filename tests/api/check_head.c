/* unic_head.h: wrong arguments, the codebook a head belongs to, and many threads. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic.h"

enum { L = 5, D = 3, CLASSES = 3, CLIPS = 30, LENGTH = 4 };

static unic_codebook *new_codebook(float shift)
{
    unic_codebook *cb;
    float e[L * D];
    for (size_t i = 0; i < L * D; i++)
        e[i] = (float)(i * i % 7) + shift;
    unic_array rows;
    unic_array_init(&rows, e, UNIC_F32, 2, (const int64_t[]){L, D});
    io_assert_ok(unic_codebook_create(&cb, L, D, 1));
    io_assert_ok(unic_codebook_set(cb, &rows));
    return cb;
}

static unic_head_options options_of(int32_t kind)
{
    return (unic_head_options){
        .struct_size = sizeof(unic_head_options), .kind = kind, .class_count = CLASSES};
}

static unic_head *new_head(int32_t kind)
{
    unic_head *head;
    unic_codebook *cb = new_codebook(0.0F);
    unic_head_options options = options_of(kind);
    io_assert_ok(unic_head_create(&head, cb, &options));
    unic_codebook_free(cb);
    return head;
}

START_TEST(wrong_options_are_named)
{
    unic_codebook *cb = new_codebook(0.0F);
    unic_head *head = (void *)&head;
    const unic_head_options good = options_of(UNIC_HEAD_CLIP);
    static const struct {
        int32_t kind, classes, hidden, epochs, batch;
        float rate;
        const char *says;
    } cases[] = {{0, 3, 0, 0, 0, 0, "options->kind = 0 is none of unic_head_kind"},
                 {4, 3, 0, 0, 0, 0, "options->kind = 4"},
                 {-1, 3, 0, 0, 0, 0, "options->kind = -1"},
                 {1, 0, 0, 0, 0, 0, "options->class_count = 0 is not in 2..1048576"},
                 {1, 1, 0, 0, 0, 0, "options->class_count = 1 is not in 2.."},
                 {2, -5, 0, 0, 0, 0, "options->class_count = -5"},
                 {3, 0, 0, 0, 0, 0, "options->class_count = 0 is not in 1..1048576"},
                 {3, 2000000, 0, 0, 0, 0, "options->class_count = 2000000"},
                 {1, 3, -1, 0, 0, 0, "hidden = -1"},
                 {1, 3, 65537, 0, 0, 0, "hidden = 65537"},
                 {1, 3, 0, -1, 0, 0, "epochs = -1"},
                 {1, 3, 0, 0, -1, 0, "batch = -1"},
                 {1, 3, 0, 0, 65537, 0, "batch = 65537"},
                 {1, 3, 0, 0, 0, -0.1F, "options->learning_rate = -0.1 must be positive"},
                 {1, 3, 0, 0, 0, NAN, "options->learning_rate = nan"},
                 {1, 3, 0, 0, 0, INFINITY, "options->learning_rate = inf"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_head_options o = {sizeof o,
                               cases[i].kind,
                               cases[i].classes,
                               cases[i].hidden,
                               cases[i].epochs,
                               cases[i].batch,
                               cases[i].rate,
                               0,
                               0,
                               0,
                               NULL,
                               NULL,
                               {NULL}};
        io_assert_fails(unic_head_create(&head, cb, &o), UNIC_E_ARG, cases[i].says);
        ck_assert(head == NULL);
    }
    unic_head_options other_loss = good;
    other_loss.loss = 2;
    io_assert_fails(unic_head_create(&head, cb, &other_loss), UNIC_E_ARG,
                    "options->loss = 2 is none of unic_head_loss");
    for (int32_t kind = UNIC_HEAD_CLIP; kind < UNIC_HEAD_STEP_MULTI; kind++) {
        other_loss.loss = UNIC_HEAD_LOSS_CMG;
        other_loss.kind = kind;
        io_assert_fails(unic_head_create(&head, cb, &other_loss), UNIC_E_ARG,
                        "options->loss = UNIC_HEAD_LOSS_CMG is for heads of kind");
    }
    unic_head_options old = good, later = good;
    old.struct_size--;
    io_assert_fails(unic_head_create(&head, cb, &old), UNIC_E_ARG, "options has struct_size");
    later.struct_size += 8;
    io_assert_ok(unic_head_create(&head, cb, &later));
    unic_head_free(head);
    io_assert_fails(unic_head_create(NULL, cb, &good), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_head_create(&head, NULL, &good), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_head_create(&head, cb, NULL), UNIC_E_ARG, "options is NULL");
    unic_codebook_free(cb);
    unic_head_free(NULL);
}
END_TEST

START_TEST(one_class_is_enough_for_many_labels)
{
    unic_head *head;
    unic_codebook *cb = new_codebook(0.0F);
    unic_head_options options = options_of(UNIC_HEAD_STEP_MULTI);
    const int32_t codes[] = {0, 1, 2, -1}, labels[] = {1, 0, 1, 0};
    float logits[4];
    options.class_count = 1;
    options.epochs = 200;
    options.learning_rate = 0.1F;
    io_assert_ok(unic_head_create(&head, cb, &options));
    io_assert_ok(unic_head_fit(NULL, head, codes, 2, 2, labels));
    io_assert_ok(unic_head_predict(head, codes, 1, 4, logits));
    ck_assert(logits[0] > 0 && logits[1] < 0 && logits[2] > 0 && logits[3] == 0.0F);
    unic_head_free(head);
    unic_codebook_free(cb);
}
END_TEST

START_TEST(wrong_codes_and_labels_are_named)
{
    float logits[2 * LENGTH * CLASSES], untouched[2 * LENGTH * CLASSES];
    memset(logits, 0x55, sizeof logits);
    memset(untouched, 0x55, sizeof untouched);
    int32_t codes[2 * LENGTH] = {0, 1, 2, 3, 4, -1, 0, 1}, labels[2 * LENGTH * CLASSES] = {0};
    for (int32_t kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI; kind++) {
        unic_head *head = new_head(kind);
        const int32_t bad_codes[] = {-2, L, INT32_MIN, INT32_MAX};
        for (size_t i = 0; i < 4; i++) {
            codes[6] = bad_codes[i];
            io_assert_fails(unic_head_fit(NULL, head, codes, 2, LENGTH, labels), UNIC_E_VALUE,
                            "of clip 1, step 2 is not in -1..4");
            io_assert_fails(unic_head_predict(head, codes, 2, LENGTH, logits), UNIC_E_VALUE,
                            "of clip 1, step 2 is not in -1..4");
        }
        codes[6] = 0;
        /* of clip 1, its step 2, and there class 1 */
        const size_t at[] = {1, LENGTH + 2, (LENGTH + 2) * CLASSES + 1};
        const char *const place[] = {" of clip 1 is not in -1..2",
                                     " of clip 1, step 2 is not in -1..2",
                                     " of clip 1, step 2, class 1 is not in -1..1"};
        const int32_t bad_labels[] = {-2, kind == UNIC_HEAD_STEP_MULTI ? 2 : CLASSES};
        for (size_t i = 0; i < 2; i++) {
            labels[at[kind - 1]] = bad_labels[i];
            io_assert_fails(unic_head_fit(NULL, head, codes, 2, LENGTH, labels), UNIC_E_VALUE,
                            place[kind - 1]);
        }
        labels[at[kind - 1]] = 0;
        io_assert_ok(unic_head_fit(NULL, head, codes, 2, LENGTH, labels));
        unic_head_free(head);
    }
    ck_assert_mem_eq(logits, untouched, sizeof logits);
}
END_TEST

/* What its weights were drawn to would else be taken for what it has learnt. */
START_TEST(a_fit_of_nothing_is_refused)
{
    enum { ALL = 2 * LENGTH * CLASSES };
    const int32_t codes[2 * LENGTH] = {0, -1, -1, -1, -1, -1, -1, -1};
    int32_t none[2 * LENGTH], labels[ALL], minus[ALL], beside[ALL];
    memset(none, 0xff, sizeof none);
    memset(minus, 0xff, sizeof minus);
    for (size_t i = 0; i < ALL; i++)
        labels[i] = i % 2 == 0;
    for (int32_t kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI; kind++) {
        const char *said = kind == UNIC_HEAD_CLIP ? "none of the 2 clips has a code"
                                                  : "none of the 8 steps has a code";
        float logits[ALL];
        unic_codebook *cb = new_codebook(0.0F);
        unic_head *head;
        unic_head_options options = options_of(kind);
        io_assert_ok(unic_head_create(&head, cb, &options));
        memcpy(beside, labels, sizeof beside); /* the only step with a code has no label */
        beside[kind == UNIC_HEAD_STEP_MULTI ? CLASSES - 1 : 0] = -1;
        io_assert_fails(unic_head_fit(NULL, head, none, 2, LENGTH, labels), UNIC_E_VALUE, said);
        io_assert_fails(unic_head_fit(NULL, head, codes, 2, LENGTH, minus), UNIC_E_VALUE, said);
        io_assert_fails(unic_head_fit(NULL, head, codes, 2, LENGTH, beside), UNIC_E_VALUE,
                        said);
        io_assert_fails(unic_head_predict(head, codes, 2, LENGTH, logits), UNIC_E_STATE,
                        "the head is untrained");
        if (kind == UNIC_HEAD_CLIP)
            io_assert_fails(unic_head_predict(head, NULL, 2, 0, logits), UNIC_E_STATE,
                            "the head is untrained");
        io_assert_ok(unic_head_fit(NULL, head, codes, 2, LENGTH, labels));
        unic_head_free(head);
        unic_codebook_free(cb);
    }
}
END_TEST

/* A clip head has a row for each clip, however short: it was left as it was. */
START_TEST(clips_without_steps_are_padding)
{
    for (int32_t kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI; kind++) {
        const bool whole = kind == UNIC_HEAD_CLIP;
        unic_head *head = new_head(kind);
        const int32_t codes[LENGTH] = {0};
        float logits[2 * CLASSES + 1], soft[2 * CLASSES + 1];
        int32_t labels[3] = {1, 1, 1};
        for (size_t i = 0; i < 2 * CLASSES + 1; i++)
            logits[i] = soft[i] = 7.0F;
        const int32_t one[LENGTH * CLASSES] = {0};
        io_assert_ok(unic_head_fit(NULL, head, codes, 1, LENGTH, one));
        io_assert_ok(unic_head_predict(head, NULL, 2, 0, logits));
        io_assert_ok(unic_head_predict_soft(head, NULL, NULL, 3, 2, 0, soft));
        io_assert_ok(unic_head_mask_labels(head, NULL, 2, 0, labels));
        for (size_t i = 0; i < 2 * CLASSES + 1; i++) {
            ck_assert(logits[i] == (whole && i < 2 * CLASSES ? 0.0F : 7.0F));
            ck_assert(soft[i] == logits[i]);
        }
        for (size_t i = 0; i < 3; i++)
            ck_assert_int_eq(labels[i], whole && i < 2 ? -1 : 1);
        if (whole)
            io_assert_fails(unic_head_predict(head, NULL, 2, 0, NULL), UNIC_E_ARG,
                            "unic_head_predict: logits is NULL");
        unic_head_free(head);
    }
}
END_TEST

START_TEST(wrong_arguments_are_named)
{
    unic_head *head = new_head(UNIC_HEAD_STEP);
    const int32_t codes[] = {0}, labels[] = {0};
    float logits[CLASSES];
    const size_t half = SIZE_MAX / 2;
    io_assert_fails(unic_head_fit(NULL, NULL, codes, 1, 1, labels), UNIC_E_ARG, "head is NULL");
    io_assert_fails(unic_head_fit(NULL, head, NULL, 1, 1, labels), UNIC_E_ARG, "codes is NULL");
    io_assert_fails(unic_head_fit(NULL, head, codes, 1, 1, NULL), UNIC_E_ARG, "labels is NULL");
    io_assert_fails(unic_head_fit(NULL, head, codes, 0, 1, labels), UNIC_E_ARG,
                    "clip_count = 0 and length = 1; at least 1 of each expected");
    io_assert_fails(unic_head_fit(NULL, head, codes, 1, 0, labels), UNIC_E_ARG,
                    "clip_count = 1 and length = 0");
    io_assert_fails(unic_head_fit(NULL, head, codes, half, 4, labels), UNIC_E_ARG,
                    "larger than any memory");
    io_assert_fails(unic_head_predict(NULL, codes, 1, 1, logits), UNIC_E_ARG, "head is NULL");
    io_assert_fails(unic_head_predict(head, NULL, 1, 1, logits), UNIC_E_ARG, "codes is NULL");
    io_assert_fails(unic_head_predict(head, codes, 1, 1, NULL), UNIC_E_ARG, "logits is NULL");
    io_assert_fails(unic_head_predict(head, codes, half, 1, logits), UNIC_E_ARG,
                    "larger than any memory");
    io_assert_ok(unic_head_predict(head, NULL, 0, 1, NULL));
    io_assert_ok(unic_head_predict(head, NULL, 1, 0, NULL));
    io_assert_fails(unic_head_save(NULL, "x"), UNIC_E_ARG, "head is NULL");
    io_assert_fails(unic_head_save(head, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_head_accepts(NULL, 0), UNIC_E_ARG, "head is NULL");
    ck_assert(unic_head_fingerprint(NULL) == 0);
    int32_t masked[] = {0};
    io_assert_fails(unic_head_mask_labels(NULL, codes, 1, 1, masked), UNIC_E_ARG,
                    "head is NULL");
    io_assert_fails(unic_head_mask_labels(head, NULL, 1, 1, masked), UNIC_E_ARG,
                    "codes is NULL");
    io_assert_fails(unic_head_mask_labels(head, codes, 1, 1, NULL), UNIC_E_ARG,
                    "labels is NULL");
    io_assert_fails(unic_head_mask_labels(head, codes, half, 4, masked), UNIC_E_ARG,
                    "larger than any memory");
    io_assert_ok(unic_head_mask_labels(head, NULL, 0, 1, NULL));
    unic_head_options settings = {.struct_size = sizeof settings - 1};
    io_assert_fails(unic_head_settings(&settings, head), UNIC_E_ARG, "has struct_size");
    io_assert_fails(unic_head_settings(NULL, head), UNIC_E_ARG, "options is NULL");
    io_assert_fails(unic_head_settings(&settings, NULL), UNIC_E_ARG, "head is NULL");
    unic_head *none = (void *)&none;
    io_assert_fails(unic_head_load(NULL, "x", NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_head_load(&none, NULL, NULL), UNIC_E_ARG, "path is NULL");
    ck_assert(none == NULL);
    unic_head_free(head);
}
END_TEST

START_TEST(tells_its_settings)
{
    struct {
        unic_head_options options;
        uint64_t behind;
    } later = {.options = {.struct_size = sizeof later}, .behind = 77};
    unic_head *head = new_head(UNIC_HEAD_STEP);
    io_assert_ok(unic_head_settings(&later.options, head));
    ck_assert(later.options.kind == UNIC_HEAD_STEP && later.options.class_count == CLASSES);
    ck_assert(later.options.hidden == D && later.options.epochs == 30);
    ck_assert(later.options.struct_size == sizeof later && later.behind == 77);
    unic_head_free(head);
}
END_TEST

/* Labels of what a head cannot see become -1, the others stay. */
START_TEST(masks_labels)
{
    const int32_t codes[] = {0, -1, -1, -1, -1, 3}; /* [3,2] */
    const int32_t kept[3][12] = {
        {2, -1, 2}, {2, -1, -1, -1, -1, 2}, {1, 1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 1}};
    for (int32_t kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI; kind++) {
        unic_head *head;
        unic_codebook *cb = new_codebook(0.0F);
        unic_head_options options = options_of(kind);
        size_t count = kind == UNIC_HEAD_CLIP ? 3 : kind == UNIC_HEAD_STEP ? 6 : 12;
        int32_t labels[13], bad[] = {0, L};
        options.class_count = kind == UNIC_HEAD_STEP_MULTI ? 2 : CLASSES;
        for (size_t i = 0; i < 13; i++)
            labels[i] = kind == UNIC_HEAD_STEP_MULTI ? 1 : 2;
        io_assert_ok(unic_head_create(&head, cb, &options));
        io_assert_ok(unic_head_mask_labels(head, codes, 3, 2, labels));
        ck_assert_mem_eq(labels, kept[kind - 1], count * sizeof *labels);
        ck_assert_int_eq(labels[count], kind == UNIC_HEAD_STEP_MULTI ? 1 : 2);
        io_assert_fails(unic_head_mask_labels(head, bad, 1, 2, labels), UNIC_E_VALUE,
                        "unic_head_mask_labels: code 5 of clip 0, step 1");
        unic_head_free(head);
        unic_codebook_free(cb);
    }
}
END_TEST

START_TEST(belongs_to_its_codebook)
{
    unic_head *head = new_head(UNIC_HEAD_CLIP);
    unic_codebook *same = new_codebook(0.0F), *other = new_codebook(0.5F);
    io_assert_ok(unic_head_accepts(head, unic_codebook_fingerprint(same)));
    ck_assert(unic_head_fingerprint(head) == unic_codebook_fingerprint(same));
    io_assert_fails(unic_head_accepts(head, unic_codebook_fingerprint(other)), UNIC_E_MISMATCH,
                    "unic_head_accepts: the codes are of codebook");
    unic_codebook_free(same);
    unic_codebook_free(other);
    unic_head_free(head);
}
END_TEST

/* ---- threads ---- */

enum { READERS = 4 };

typedef struct reader {
    pthread_t thread;
    const unic_head *head;
    const int32_t *codes;
    float logits[CLIPS * CLASSES];
    bool failed;
} reader;

static void *predict_often(void *argument)
{
    reader *r = argument;
    for (int i = 0; i < 50; i++)
        r->failed |= unic_head_predict(r->head, r->codes, CLIPS, LENGTH, r->logits) != UNIC_OK;
    return NULL;
}

START_TEST(predicts_in_several_threads)
{
    static reader readers[READERS];
    static int32_t codes[CLIPS * LENGTH], labels[CLIPS];
    static float expected[CLIPS * CLASSES];
    unic_head *head = new_head(UNIC_HEAD_CLIP);
    for (int32_t i = 0; i < CLIPS * LENGTH; i++) {
        codes[i] = i * 7 % (L + 1) - 1;
        labels[i / LENGTH] = i % CLASSES;
    }
    io_assert_ok(unic_head_fit(NULL, head, codes, CLIPS, LENGTH, labels));
    io_assert_ok(unic_head_predict(head, codes, CLIPS, LENGTH, expected));
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (reader){.head = head, .codes = codes};
        ck_assert(!pthread_create(&readers[i].thread, NULL, predict_often, &readers[i]));
    }
    for (size_t i = 0; i < READERS; i++) {
        ck_assert(!pthread_join(readers[i].thread, NULL) && !readers[i].failed);
        ck_assert_mem_eq(readers[i].logits, expected, sizeof expected);
    }
    unic_head_free(head);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("head");
    tcase_add_test(t, wrong_options_are_named);
    tcase_add_test(t, one_class_is_enough_for_many_labels);
    tcase_add_test(t, wrong_codes_and_labels_are_named);
    tcase_add_test(t, a_fit_of_nothing_is_refused);
    tcase_add_test(t, clips_without_steps_are_padding);
    tcase_add_test(t, wrong_arguments_are_named);
    tcase_add_test(t, tells_its_settings);
    tcase_add_test(t, masks_labels);
    tcase_add_test(t, belongs_to_its_codebook);
    tcase_add_test(t, predicts_in_several_threads);
    return small_run("api/head", t);
}
