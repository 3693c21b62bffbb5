/* Files that the library writes: models, runs, and what tasks save. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/harness/parcel.h"
#include "fuzz/targets/targets.h"

/* Two files are equal. */
static void check_same(const char *a, const char *b)
{
    size_t size, other;
    unsigned char *x = fuzz_read(a, &size), *y = fuzz_read(b, &other);
    FUZZ_CHECK(x && y && size == other && memcmp(x, y, size) == 0);
    free(x);
    free(y);
}

/* What was read is written, read again and written: the same bytes. */
#define CHECK_ROUND_TRIP(kind, load, handle)                                                   \
    do {                                                                                       \
        unic_##kind *again_;                                                                   \
        const char *first_ = fuzz_path("first.npz"), *second_ = fuzz_path("second.npz");       \
        FUZZ_CHECK(fuzz_ok(unic_##kind##_save(handle, first_)));                               \
        FUZZ_CHECK(fuzz_made(load(&again_, first_, NULL), again_));                            \
        FUZZ_CHECK(fuzz_ok(unic_##kind##_save(again_, second_)));                              \
        unic_##kind##_free(again_);                                                            \
        check_same(first_, second_);                                                           \
    } while (0)

/* Reads the archive of a parcel with `load`, under the limit; the handle is NULL after a failure. */
#define LOAD(handle, load, data, size)                                                         \
    do {                                                                                       \
        fuzz_bytes zip_ = fuzz_parcel_zip(data, size);                                         \
        const char *path_ = fuzz_file(zip_.at, zip_.size);                                     \
        free(zip_.at);                                                                         \
        fuzz_limit_begin();                                                                    \
        fuzz_made(load(&(handle), path_, &fuzz_open), handle);                                 \
        fuzz_limit_end();                                                                      \
    } while (0)

/* ---- model ---- */

static void run_model(const unsigned char *data, size_t size)
{
    unic_model *model;
    LOAD(model, unic_model_open, data, size);
    if (!model)
        return;
    fuzz_use_model(model);
    if (fuzz_ok(unic_model_save(model, fuzz_path("model.npz")))) /* all weights can be read */
        CHECK_ROUND_TRIP(model, unic_model_open, model);
    unic_model_free(model);
}

static void model_seeds(fuzz_seed_fn *add)
{
    static const char *const configs[] = {FUZZ_TWO, FUZZ_THREE};
    for (size_t i = 0; i < 2; i++) {
        unic_model *model = fuzz_small_model(configs[i]);
        FUZZ_CHECK(unic_model_save(model, fuzz_path("seed.npz")) == UNIC_OK);
        fuzz_seed_parcel(add, fuzz_path("seed.npz"));
        fuzz_seed_edited(add, fuzz_path("seed.npz"), "encoder.ff = 4", "encoder.ff = 65536");
        fuzz_seed_edited(add, fuzz_path("seed.npz"), "code.dim = 4", "code.dim = 4096");
        unic_model *half;
        FUZZ_CHECK(unic_model_convert(&half, model, i ? "bf16" : "f16") == UNIC_OK);
        FUZZ_CHECK(unic_model_save(half, fuzz_path("seed.npz")) == UNIC_OK);
        fuzz_seed_parcel(add, fuzz_path("seed.npz"));
        unic_model_free(half);
        unic_model_free(model);
    }
}

const fuzz_target fuzz_model_target = {.name = "model",
                                       .reads = "model files, encoders of them",
                                       .form = FUZZ_PARCEL,
                                       .largest = 1 << 14,
                                       .run = run_model,
                                       .seeds = model_seeds};

/* ---- run ---- */

static void run_run(const unsigned char *data, size_t size)
{
    unic_trainer *trainer;
    unic_model *model;
    fuzz_batch batch;
    fuzz_bytes zip = fuzz_parcel_zip(data, size);
    fuzz_write("run.run.npz", zip.at, zip.size);
    free(zip.at);
    fuzz_limit_begin();
    fuzz_made(unic_trainer_resume(&trainer, fuzz_path("run.npz"), NULL, &fuzz_open), trainer);
    fuzz_limit_end();
    if (!trainer)
        return;
    FUZZ_CHECK(fuzz_ok(unic_trainer_save(trainer, fuzz_path("again.npz"))));
    if (fuzz_made(unic_trainer_model(&model, trainer), model) &&
        fuzz_batch_make(&batch, model, 1, 1)) {
        double *figures = calloc(unic_trainer_figure_count(trainer) + 1, sizeof *figures);
        fuzz_ok(unic_trainer_evaluate(trainer, batch.batch, figures));
        if (fuzz_ok(unic_trainer_step(trainer, batch.batch, NULL, figures)))
            FUZZ_CHECK(fuzz_ok(unic_trainer_save(trainer, fuzz_path("again.npz"))));
        free(figures);
        fuzz_batch_free(&batch);
    }
    unic_model_free(model);
    unic_trainer_free(trainer);
}

/* Also with configs that ask for more than the file has: such a file once took gigabytes. */
static void run_seeds(fuzz_seed_fn *add)
{
    static const char *const edits[][2] = {{"encoder.ff = 4", "encoder.ff = 65536"},
                                           {"encoder.layers = 1", "encoder.layers = 64"},
                                           {"train.batch = 2", "train.batch = 65536"},
                                           {"train.length = 3", "train.length = 4096"},
                                           {"code.count = 3", "code.count = 65536"}};
    static const char *const configs[] = {
        FUZZ_TWO, FUZZ_TWO "ema.start = kmeans\nreset.steps = 1\nclub.form = permutation\n"};
    for (size_t i = 0; i < 2; i++) {
        unic_trainer *trainer = fuzz_small_trainer(configs[i]);
        FUZZ_CHECK(unic_trainer_save(trainer, fuzz_path("seed.npz")) == UNIC_OK);
        fuzz_seed_parcel(add, fuzz_path("seed.run.npz"));
        for (size_t k = 0; k < sizeof edits / sizeof edits[0]; k++)
            fuzz_seed_edited(add, fuzz_path("seed.run.npz"), edits[k][0], edits[k][1]);
        unic_trainer_free(trainer);
    }
}

const fuzz_target fuzz_run_file_target = {.name = "run_file",
                                          .reads = "runs that are resumed",
                                          .form = FUZZ_PARCEL,
                                          .largest = 1 << 15,
                                          .run = run_run,
                                          .seeds = run_seeds};

/* ---- head ---- */

static void run_head(const unsigned char *data, size_t size)
{
    unic_head *head;
    unic_head_options o = {.struct_size = sizeof o};
    const int32_t codes[] = {0, -1, 0, 0};
    LOAD(head, unic_head_load, data, size);
    if (!head)
        return;
    FUZZ_CHECK(fuzz_ok(unic_head_settings(&o, head)));
    size_t classes = (size_t)o.class_count;
    if (classes <= 4096) {
        int32_t *labels = calloc(4 * classes, sizeof *labels);
        float *logits = malloc(4 * classes * sizeof *logits);
        fuzz_ok(unic_head_predict(head, codes, 2, 2, logits));
        FUZZ_CHECK(fuzz_ok(unic_head_mask_labels(head, codes, 2, 2, labels)));
        free(labels);
        free(logits);
    }
    fuzz_ok(unic_head_accepts(head, unic_head_fingerprint(head)));
    CHECK_ROUND_TRIP(head, unic_head_load, head);
    unic_head_free(head);
}

static void head_seeds(fuzz_seed_fn *add)
{
    unic_codebook *codebook = fuzz_small_codebook(3, 4);
    const int32_t codes[] = {0, 1, 2, -1}, labels[] = {0, 1, 1, 0, 0, 1, 1, 0};
    for (int32_t kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI + 1; kind++) {
        unic_head_options o = {
            .struct_size = sizeof o, .class_count = 2, .hidden = 2, .epochs = 1};
        unic_head *head;
        o.loss = kind > UNIC_HEAD_STEP_MULTI ? UNIC_HEAD_LOSS_CMG : UNIC_HEAD_LOSS_PLAIN;
        o.kind = kind > UNIC_HEAD_STEP_MULTI ? UNIC_HEAD_STEP_MULTI : kind;
        FUZZ_CHECK(unic_head_create(&head, codebook, &o) == UNIC_OK);
        FUZZ_CHECK(unic_head_fit(NULL, head, codes, 2, 2, labels) == UNIC_OK);
        FUZZ_CHECK(unic_head_save(head, fuzz_path("seed.npz")) == UNIC_OK);
        fuzz_seed_parcel(add, fuzz_path("seed.npz"));
        unic_head_free(head);
    }
    unic_codebook_free(codebook);
}

const fuzz_target fuzz_head_target = {.name = "head",
                                      .reads = "heads' files",
                                      .form = FUZZ_PARCEL,
                                      .largest = 4096,
                                      .run = run_head,
                                      .seeds = head_seeds};

/* ---- codebook: also that of a model's file ---- */

static void run_codebook(const unsigned char *data, size_t size)
{
    unic_codebook *codebook;
    LOAD(codebook, unic_codebook_load, data, size);
    if (!codebook)
        return;
    size_t n = unic_codebook_code_count(codebook) * unic_codebook_dim(codebook);
    int32_t *idle = calloc(UNIC_MAX_MODALITIES * n, sizeof *idle);
    float *counts = malloc(n * sizeof *counts);
    fuzz_check_finite(unic_codebook_embedding(codebook), n);
    fuzz_check_finite(unic_codebook_ema_sums(codebook), n);
    if (fuzz_ok(unic_codebook_state(codebook, counts, idle)))
        FUZZ_CHECK(fuzz_ok(unic_codebook_set_state(codebook, counts, NULL, idle)));
    unic_codebook_fingerprint(codebook);
    free(idle);
    free(counts);
    CHECK_ROUND_TRIP(codebook, unic_codebook_load, codebook);
    unic_codebook_free(codebook);
}

static void codebook_seeds(fuzz_seed_fn *add)
{
    unic_codebook *codebook = fuzz_small_codebook(3, 4);
    FUZZ_CHECK(unic_codebook_save(codebook, fuzz_path("seed.npz")) == UNIC_OK);
    fuzz_seed_parcel(add, fuzz_path("seed.npz"));
    unic_codebook_free(codebook);
}

const fuzz_target fuzz_codebook_target = {.name = "codebook",
                                          .reads = "codebooks' files",
                                          .form = FUZZ_PARCEL,
                                          .largest = 2048,
                                          .run = run_codebook,
                                          .seeds = codebook_seeds};

/* ---- index ---- */

static void run_index(const unsigned char *data, size_t size)
{
    unic_index *index;
    LOAD(index, unic_index_load, data, size);
    if (!index)
        return;
    size_t dim = unic_index_dim(index), n = unic_index_item_count(index);
    if (n > 0 && dim <= 4096) {
        unic_array query;
        float *q = calloc(dim, sizeof *q);
        int64_t id, rank;
        float score;
        q[0] = 1;
        unic_array_init(&query, q, UNIC_F32, 2, (const int64_t[]){1, (int64_t)dim});
        FUZZ_CHECK(fuzz_ok(unic_index_search(index, &query, 1, NULL, &id, &score)));
        fuzz_check_finite(&score, 1);
        FUZZ_CHECK(fuzz_ok(unic_index_rank(index, &query, &id, NULL, &rank)));
        FUZZ_CHECK(rank >= 1 && rank <= (int64_t)n);
        FUZZ_CHECK(unic_index_ids(index) && unic_index_metric_of(index) > 0);
        fuzz_check_finite(unic_index_vectors(index), n * dim);
        free(q);
    }
    CHECK_ROUND_TRIP(index, unic_index_load, index);
    unic_index_free(index);
}

static void index_seeds(fuzz_seed_fn *add)
{
    static const float x[] = {1, 0, 0.5F, 0.25F, 0, 2};
    static const int64_t ids[] = {7, -3, 1};
    unic_array vectors;
    unic_array_init(&vectors, x, UNIC_F32, 2, (const int64_t[]){3, 2});
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++) {
        unic_index_options o = {.struct_size = sizeof o, .dim = 2, .metric = metric};
        unic_index *index;
        FUZZ_CHECK(unic_index_create(&index, &o) == UNIC_OK);
        FUZZ_CHECK(unic_index_add(index, &vectors, metric == UNIC_INDEX_L2 ? ids : NULL) ==
                   UNIC_OK);
        FUZZ_CHECK(unic_index_save(index, fuzz_path("seed.npz")) == UNIC_OK);
        fuzz_seed_parcel(add, fuzz_path("seed.npz"));
        unic_index_free(index);
    }
}

const fuzz_target fuzz_index_target = {.name = "index",
                                       .reads = "indexes' files",
                                       .form = FUZZ_PARCEL,
                                       .largest = 2048,
                                       .run = run_index,
                                       .seeds = index_seeds};

/* ---- extractor ---- */

/* One frame or a few words, if the extractor is a small one. */
static void run_extractor(const unsigned char *data, size_t size)
{
    unic_extractor *extractor;
    LOAD(extractor, unic_extractor_load, data, size);
    if (!extractor)
        return;
    static unsigned char pixels[3 * 64 * 64];
    int64_t in[UNIC_MAX_RANK], dims[UNIC_MAX_RANK];
    size_t rank, steps, width = 1;
    unic_array frame;
    FUZZ_CHECK(fuzz_ok(unic_extractor_feature_dims(&rank, extractor, dims)));
    for (size_t i = 0; i < rank; i++)
        width *= (size_t)dims[i];
    FUZZ_CHECK(fuzz_ok(unic_extractor_input_dims(&rank, extractor, in)));
    float *y = calloc(2 * width, sizeof *y);
    if (rank == 4 && in[1] <= 64) {
        in[0] = 1;
        unic_array_init(&frame, pixels, UNIC_U8, 4, in);
        if (fuzz_ok(unic_extractor_extract(&steps, extractor, &frame, 2, y)))
            fuzz_check_finite(y, steps * width);
    } else if (rank == 0 && fuzz_ok(unic_extractor_extract_text(&steps, extractor, "a bcd", 5, 2, y))) {
        fuzz_check_finite(y, steps * width);
    }
    free(y);
    CHECK_ROUND_TRIP(extractor, unic_extractor_load, extractor);
    unic_extractor_free(extractor);
}

static void extractor_seeds(fuzz_seed_fn *add)
{
    enum { WORDS, NORMALISED, PATCHES, SEEDS };
    static const char *const settings[SEEDS] = {
        "kind = ngrams\nbuckets = 3\ndim = 2", "kind = ngrams\nbuckets = 3\ndim = 2",
        "kind = patches\nside = 4\ncells = 2\npatch = 2\ncomponents = 2\nchannels = 3"};
    const float numbers[] = {1, 2, 3, 5};
    unsigned char pixels[9 * 4 * 4 * 3];
    unic_array frames, features;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * i * 31 >> 3);
    unic_array_init(&frames, pixels, UNIC_U8, 4, (const int64_t[]){9, 4, 4, 3});
    unic_array_init(&features, numbers, UNIC_F32, 2, (const int64_t[]){2, 2});
    for (size_t i = 0; i < SEEDS; i++) {
        unic_extractor *extractor;
        FUZZ_CHECK(unic_extractor_create(&extractor, settings[i], NULL) == UNIC_OK);
        FUZZ_CHECK(i != PATCHES || unic_extractor_fit(extractor, &frames) == UNIC_OK);
        FUZZ_CHECK(i != NORMALISED ||
                   unic_extractor_normalise(extractor, &features) == UNIC_OK);
        FUZZ_CHECK(unic_extractor_save(extractor, fuzz_path("seed.npz")) == UNIC_OK);
        fuzz_seed_parcel(add, fuzz_path("seed.npz"));
        unic_extractor_free(extractor);
    }
}

const fuzz_target fuzz_extractor_target = {.name = "extractor",
                                           .reads = "an extractor's file: settings and weights",
                                           .form = FUZZ_PARCEL,
                                           .largest = 1 << 14,
                                           .run = run_extractor,
                                           .seeds = extractor_seeds};

/* ---- retriever ---- */

static void run_retriever(const unsigned char *data, size_t size)
{
    unic_retriever *retriever;
    unic_retriever_options o = {.struct_size = sizeof o};
    const int32_t codes[] = {0, 0};
    LOAD(retriever, unic_retriever_load, data, size);
    if (!retriever)
        return;
    FUZZ_CHECK(fuzz_ok(unic_retriever_settings(&o, retriever)));
    if (o.dim <= 4096 && o.item_dim <= 4096) {
        float *out = malloc((size_t)o.dim * sizeof *out),
              *item = calloc((size_t)o.item_dim, sizeof *item);
        unic_array items;
        unic_array_init(&items, item, UNIC_F32, 2, (const int64_t[]){1, o.item_dim});
        if (fuzz_ok(unic_retriever_queries(retriever, codes, 1, 2, out)))
            fuzz_check_finite(out, (size_t)o.dim);
        if (fuzz_ok(unic_retriever_items(retriever, &items, out)))
            fuzz_check_finite(out, (size_t)o.dim);
        free(out);
        free(item);
    }
    fuzz_ok(unic_retriever_accepts(retriever, unic_retriever_fingerprint(retriever)));
    CHECK_ROUND_TRIP(retriever, unic_retriever_load, retriever);
    unic_retriever_free(retriever);
}

static void retriever_seeds(fuzz_seed_fn *add)
{
    unic_codebook *codebook = fuzz_small_codebook(3, 4);
    unic_retriever_options o = {
        .struct_size = sizeof o, .item_dim = 2, .hidden = 2, .dim = 2, .epochs = 1};
    unic_retriever *retriever;
    const int32_t codes[] = {0, 1, 2, -1};
    const float item[] = {1.0F, 2.0F, 2.0F, 1.0F};
    unic_array items;
    unic_array_init(&items, item, UNIC_F32, 2, (const int64_t[]){2, 2});
    FUZZ_CHECK(unic_retriever_create(&retriever, codebook, &o) == UNIC_OK);
    FUZZ_CHECK(unic_retriever_fit(NULL, retriever, codes, 2, 2, &items) == UNIC_OK);
    FUZZ_CHECK(unic_retriever_save(retriever, fuzz_path("seed.npz")) == UNIC_OK);
    fuzz_seed_parcel(add, fuzz_path("seed.npz"));
    unic_retriever_free(retriever);
    unic_codebook_free(codebook);
}

const fuzz_target fuzz_retriever_target = {.name = "retriever",
                                           .reads = "retrievers' files",
                                           .form = FUZZ_PARCEL,
                                           .largest = 4096,
                                           .run = run_retriever,
                                           .seeds = retriever_seeds};

/* ---- segmenter ---- */

static void run_segmenter(const unsigned char *data, size_t size)
{
    enum { LARGEST = 16 };
    unic_segmenter *segmenter;
    unic_segmenter_options o = {.struct_size = sizeof o};
    const int32_t codes[] = {0};
    LOAD(segmenter, unic_segmenter_load, data, size);
    if (!segmenter)
        return;
    FUZZ_CHECK(fuzz_ok(unic_segmenter_settings(&o, segmenter)));
    if (o.height <= LARGEST && o.width <= LARGEST && o.input == UNIC_SEGMENTER_FRAMES) {
        size_t n = (size_t)(o.height * o.width);
        float *frame = calloc(n * (size_t)o.image_channels, sizeof *frame),
              *out = malloc(n * sizeof *out);
        unic_array image;
        const unic_array *images[] = {&image};
        unic_array_init(&image, frame, UNIC_F32, 5,
                        (const int64_t[]){1, 1, o.height, o.width, o.image_channels});
        if (fuzz_ok(unic_segmenter_predict(segmenter, images, 1, codes, 1, out)))
            fuzz_check_finite(out, n);
        free(frame);
        free(out);
    }
    fuzz_ok(unic_segmenter_accepts(segmenter, unic_segmenter_fingerprint(segmenter)));
    CHECK_ROUND_TRIP(segmenter, unic_segmenter_load, segmenter);
    unic_segmenter_free(segmenter);
}

/* One step on one frame of 4 x 4 (a map of 1 x 1), so that the segmenter may be saved. */
static unic_status train_once(unic_segmenter *segmenter, int32_t input)
{
    static const float image[16], mask[16];
    const int32_t code = 0;
    const int64_t side = input == UNIC_SEGMENTER_MAPS ? 1 : 4;
    unic_array images, masks;
    const unic_array *levels[] = {&images};
    unic_array_init(&images, image, UNIC_F32, 5, (const int64_t[]){1, 1, side, side, 1});
    unic_array_init(&masks, mask, UNIC_F32, 4, (const int64_t[]){1, 1, 4, 4});
    return unic_segmenter_step(NULL, segmenter, levels, 1, &code, 1, &masks);
}

static void segmenter_seeds(fuzz_seed_fn *add)
{
    unic_codebook *codebook = fuzz_small_codebook(3, 4);
    for (int32_t input = UNIC_SEGMENTER_FRAMES; input <= UNIC_SEGMENTER_MAPS; input++) {
        unic_segmenter_options o = {.struct_size = sizeof o,
                                    .input = input,
                                    .image_channels = 1,
                                    .height = 4,
                                    .width = 4,
                                    .level_count = 1,
                                    .level_channels = {1},
                                    .channels = 1,
                                    .inner = 1,
                                    .dilations = {1, 1, 1, 1},
                                    .output_channels = {1, 1}};
        unic_segmenter *segmenter;
        FUZZ_CHECK(unic_segmenter_create(&segmenter, codebook, &o) == UNIC_OK);
        FUZZ_CHECK(train_once(segmenter, input) == UNIC_OK);
        FUZZ_CHECK(unic_segmenter_save(segmenter, fuzz_path("seed.npz")) == UNIC_OK);
        fuzz_seed_parcel(add, fuzz_path("seed.npz"));
        unic_segmenter_free(segmenter);
    }
    unic_codebook_free(codebook);
}

const fuzz_target fuzz_segmenter_target = {.name = "segmenter",
                                           .reads = "segmenters' files",
                                           .form = FUZZ_PARCEL,
                                           .largest = 1 << 13,
                                           .run = run_segmenter,
                                           .seeds = segmenter_seeds};
