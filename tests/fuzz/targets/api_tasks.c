/* Heads, retrievers, segmenters. */
#include "api.h"

enum { CLIPS = 3, LENGTH = 4, CODES = 3 };

/* A part of the settings that must be known to read outputs: kept small here. */
static int32_t small(api *a, size_t most)
{
    int64_t n = fuzz_size(&a->in, most);
    return n > 64 && n <= 1 << 20 ? 1 : (int32_t)n;
}

/* ---- heads ---- */

static void call_unic_head_create(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    unsigned stop = 0;
    unic_head_options o = {.struct_size = api_struct_size(a, sizeof o),
                           .kind = (int32_t)fuzz_below(&a->in, 5),
                           .class_count = small(a, 4),
                           .hidden = small(a, 4),
                           .epochs = small(a, 2),
                           .batch = small(a, 4),
                           .loss = (int32_t)fuzz_below(&a->in, 3),
                           .threads = api_threads(a)};
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    o.learning_rate = fuzz_byte(&a->in) < 0xC0 ? 0 : fuzz_float(&a->in);
    (void)stop;
    API_PUT(a, head, unic_head_create, codebook, fuzz_rarely(&a->in) ? NULL : &o);
}

static void call_unic_head_free(api *a)
{
    API_FREE(a, head);
}

static size_t classes_of(const unic_head *head)
{
    unic_head_options o = {.struct_size = sizeof o};
    return head && unic_head_settings(&o, head) == UNIC_OK ? (size_t)o.class_count : 2;
}

static void call_unic_head_settings(api *a)
{
    unic_head_options o = {.struct_size = api_struct_size(a, sizeof o)};
    const unic_head *head = api_head_of(a);
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    if (fuzz_ok(unic_head_settings(fuzz_rarely(&a->in) ? NULL : &o, head)) && o.kind)
        FUZZ_CHECK(o.class_count > 0);
}

static void call_unic_head_fit(api *a)
{
    unic_head *head = api_head_of(a);
    size_t clips = 1 + fuzz_below(&a->in, CLIPS), length = 1 + fuzz_below(&a->in, LENGTH);
    size_t classes = classes_of(head);
    int32_t *codes = api_codes(a, CLIPS * LENGTH, CODES);
    int32_t *labels = api_codes(a, CLIPS * LENGTH * (classes <= 64 ? classes : 64),
                                classes < 2 ? 2 : 2);
    double loss = 0;
    if (classes <= 64 && fuzz_ok(unic_head_fit(fuzz_byte(&a->in) & 1 ? NULL : &loss, head,
                                               codes, clips, length, labels)))
        FUZZ_CHECK(loss > -1e300 && loss < 1e300);
}

static void call_unic_head_predict(api *a)
{
    const unic_head *head = api_head_of(a);
    size_t clips = fuzz_below(&a->in, CLIPS), length = 1 + fuzz_below(&a->in, LENGTH);
    size_t classes = classes_of(head), n = CLIPS * LENGTH * classes;
    float *logits = api_memory(a, classes <= 64 ? n * sizeof *logits : 0);
    int32_t *codes = api_codes(a, CLIPS * LENGTH, CODES);
    if (classes <= 64 && fuzz_ok(unic_head_predict(head, codes, clips, length, logits)))
        fuzz_check_finite(logits, n);
}

static void call_unic_head_predict_soft(api *a)
{
    const unic_head *head = api_head_of(a);
    size_t clips = fuzz_below(&a->in, CLIPS), length = 1 + fuzz_below(&a->in, LENGTH);
    size_t classes = classes_of(head), n = CLIPS * LENGTH * classes, k = fuzz_below(&a->in, 3);
    float *logits = api_memory(a, classes <= 64 ? n * sizeof *logits : 0);
    int32_t *codes = api_codes(a, 2 * CLIPS * LENGTH, CODES);
    const float *weights = api_floats(a, 2 * CLIPS * LENGTH);
    if (classes <= 64)
        fuzz_ok(unic_head_predict_soft(head, codes, weights, k, clips, length, logits));
}

static void call_unic_head_mask_labels(api *a)
{
    const unic_head *head = api_head_of(a);
    size_t classes = classes_of(head);
    int32_t *codes = api_codes(a, CLIPS * LENGTH, CODES);
    int32_t *labels = api_codes(a, CLIPS * LENGTH * (classes <= 64 ? classes : 0), 2);
    if (classes <= 64)
        fuzz_ok(unic_head_mask_labels(head, codes, fuzz_below(&a->in, CLIPS),
                                      1 + fuzz_below(&a->in, LENGTH), labels));
}

static void call_unic_head_fingerprint(api *a)
{
    unic_head_fingerprint(api_head_of(a));
}

static void call_unic_head_accepts(api *a)
{
    const unic_head *head = api_head_of(a);
    bool right = fuzz_byte(&a->in) & 1;
    FUZZ_CHECK(fuzz_ok(unic_head_accepts(head, unic_head_fingerprint(head) + !right)) ==
               (head && right));
}

static void call_unic_head_save(api *a)
{
    const unic_head *head = api_head_of(a);
    fuzz_ok(unic_head_save(head, api_path(a)));
}

static void call_unic_head_save_sink(api *a)
{
    const unic_head *head = api_head_of(a);
    fuzz_ok(unic_head_save_sink(head, api_sink(a)));
}

static void call_unic_head_load(api *a)
{
    const char *path = api_path(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, head, unic_head_load, path, open);
}

static void call_unic_head_load_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, head, unic_head_load_source, source, open);
}

/* ---- retrievers ---- */

static void call_unic_retriever_create(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    unic_retriever_options o = {.struct_size = api_struct_size(a, sizeof o),
                                .item_dim = small(a, 3),
                                .hidden = small(a, 4),
                                .dim = small(a, 4),
                                .epochs = small(a, 2),
                                .batch = small(a, 4),
                                .threads = api_threads(a)};
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    o.temperature = fuzz_byte(&a->in) < 0xC0 ? 0 : fuzz_float(&a->in);
    API_PUT(a, retriever, unic_retriever_create, codebook, fuzz_rarely(&a->in) ? NULL : &o);
}

static void call_unic_retriever_free(api *a)
{
    API_FREE(a, retriever);
}

static unic_retriever_options settings_of(const unic_retriever *retriever)
{
    unic_retriever_options o = {.struct_size = sizeof o};
    if (!retriever || unic_retriever_settings(&o, retriever) != UNIC_OK)
        o.dim = o.item_dim = 2;
    return o;
}

static void call_unic_retriever_settings(api *a)
{
    unic_retriever_options o = {.struct_size = sizeof o};
    const unic_retriever *retriever = api_retriever_of(a);
    fuzz_ok(unic_retriever_settings(fuzz_rarely(&a->in) ? NULL : &o, retriever));
}

static void call_unic_retriever_fit(api *a)
{
    unic_retriever *retriever = api_retriever_of(a);
    size_t clips = 1 + fuzz_below(&a->in, CLIPS), length = 1 + fuzz_below(&a->in, LENGTH);
    int32_t *codes = api_codes(a, CLIPS * LENGTH, CODES);
    const unic_array *items = api_array(
        a, 2, (const int64_t[]){(int64_t)clips, settings_of(retriever).item_dim});
    double loss = 0;
    if (fuzz_ok(unic_retriever_fit(&loss, retriever, codes, clips, length, items)))
        FUZZ_CHECK(loss > -1e300 && loss < 1e300);
}

static void call_unic_retriever_queries(api *a)
{
    const unic_retriever *retriever = api_retriever_of(a);
    size_t clips = fuzz_below(&a->in, CLIPS), length = 1 + fuzz_below(&a->in, LENGTH);
    size_t n = CLIPS * (size_t)settings_of(retriever).dim;
    int32_t *codes = api_codes(a, CLIPS * LENGTH, CODES);
    float *out = api_memory(a, n * sizeof *out);
    if (fuzz_ok(unic_retriever_queries(retriever, codes, clips, length, out)))
        fuzz_check_finite(out, n);
}

static void call_unic_retriever_items(api *a)
{
    const unic_retriever *retriever = api_retriever_of(a);
    unic_retriever_options o = settings_of(retriever);
    unic_array *items = api_array(
        a, 2, (const int64_t[]){(int64_t)fuzz_below(&a->in, 4), o.item_dim});
    size_t rows = items && items->rank > 0 && items->dims[0] > 0 ? (size_t)items->dims[0] : 1;
    float *out = api_memory(a, rows <= 1 << 14 ? rows * (size_t)o.dim * sizeof *out : 0);
    if (rows <= 1 << 14 && fuzz_ok(unic_retriever_items(retriever, items, out)))
        fuzz_check_finite(out, rows * (size_t)o.dim);
}

static void call_unic_retriever_fingerprint(api *a)
{
    unic_retriever_fingerprint(api_retriever_of(a));
}

static void call_unic_retriever_accepts(api *a)
{
    const unic_retriever *retriever = api_retriever_of(a);
    fuzz_ok(unic_retriever_accepts(retriever, unic_retriever_fingerprint(retriever) +
                                                  fuzz_below(&a->in, 2)));
}

static void call_unic_retriever_save(api *a)
{
    const unic_retriever *retriever = api_retriever_of(a);
    fuzz_ok(unic_retriever_save(retriever, api_path(a)));
}

static void call_unic_retriever_save_sink(api *a)
{
    const unic_retriever *retriever = api_retriever_of(a);
    fuzz_ok(unic_retriever_save_sink(retriever, api_sink(a)));
}

static void call_unic_retriever_load(api *a)
{
    const char *path = api_path(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, retriever, unic_retriever_load, path, open);
}

static void call_unic_retriever_load_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, retriever, unic_retriever_load_source, source, open);
}

/* ---- segmenters ---- */

static void call_unic_segmenter_create(api *a)
{
    const unic_codebook *codebook = api_codebook_of(a);
    unic_segmenter_options o = {.struct_size = api_struct_size(a, sizeof o),
                                .preset = fuzz_rarely(&a->in) ? 2 : UNIC_SEGMENTER_SMALL,
                                .input = (int32_t)fuzz_below(&a->in, 4),
                                .image_channels = small(a, 3),
                                .height = 8 * (int32_t)(1 + fuzz_below(&a->in, 2)),
                                .width = fuzz_rarely(&a->in) ? 3 : 8,
                                .level_count = (int32_t)(1 + fuzz_below(&a->in, 3)),
                                .level_channels = {small(a, 2), 1, 1, 1},
                                .channels = small(a, 2),
                                .inner = small(a, 2),
                                .dilations = {1, small(a, 2), 1, 1},
                                .output_channels = {1, small(a, 2)},
                                .batch = small(a, 2),
                                .threads = api_threads(a)};
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    API_PUT(a, segmenter, unic_segmenter_create, codebook, fuzz_rarely(&a->in) ? NULL : &o);
}

static void call_unic_segmenter_free(api *a)
{
    API_FREE(a, segmenter);
}

static void call_unic_segmenter_settings(api *a)
{
    unic_segmenter_options o = {.struct_size = sizeof o};
    const unic_segmenter *segmenter = api_segmenter_of(a);
    fuzz_ok(unic_segmenter_settings(fuzz_rarely(&a->in) ? NULL : &o, segmenter));
}

typedef struct pictures {
    const unic_array *images[UNIC_SEGMENTER_MAX_LEVELS];
    size_t count, pixels; /* arrays; of one frame's mask */
    int64_t clips, frames, height, width;
} pictures;

static pictures pictures_for(api *a, const unic_segmenter *segmenter)
{
    unic_segmenter_options o = {.struct_size = sizeof o};
    pictures p = {.clips = 1 + (int64_t)fuzz_below(&a->in, 2),
                  .frames = 1 + (int64_t)fuzz_below(&a->in, 2)};
    if (!segmenter || unic_segmenter_settings(&o, segmenter) != UNIC_OK) {
        o.height = o.width = 4;
        o.image_channels = o.level_count = 1;
        o.input = UNIC_SEGMENTER_FRAMES;
    }
    p.height = o.height;
    p.width = o.width;
    p.pixels = (size_t)(o.height * o.width);
    bool frames = o.input == UNIC_SEGMENTER_FRAMES;
    p.count = frames ? 1 : (size_t)o.level_count;
    for (size_t l = 0; l < p.count; l++) {
        int64_t part = frames ? 1 : 4 << l;
        p.images[l] = api_array(
            a, 5,
            (const int64_t[]){p.clips, p.frames, p.height / part, p.width / part,
                              frames ? o.image_channels : o.level_channels[l]});
    }
    if (fuzz_rarely(&a->in))
        p.count = fuzz_below(&a->in, 5);
    return p;
}

static void call_unic_segmenter_step(api *a)
{
    unic_segmenter *segmenter = api_segmenter_of(a);
    pictures p = pictures_for(a, segmenter);
    int32_t *codes = api_codes(a, CLIPS * LENGTH, CODES);
    const unic_array *masks = api_array(
        a, 4, (const int64_t[]){p.clips, p.frames, p.height, p.width});
    float *inside = api_floats(a, (size_t)(p.clips * p.frames) * p.pixels);
    unic_array whole;
    double loss = 0;
    if (fuzz_byte(&a->in) < 0xC0) { /* 0 and 1, as they are to be */
        for (size_t i = 0; i < (size_t)(p.clips * p.frames) * p.pixels; i++)
            inside[i] = (float)(i % 3 == 0);
        unic_array_init(&whole, inside, UNIC_F32, 4,
                        (const int64_t[]){p.clips, p.frames, p.height, p.width});
        masks = &whole;
    }
    if (fuzz_ok(unic_segmenter_step(&loss, segmenter, p.images, p.count, codes,
                                    1 + fuzz_below(&a->in, LENGTH), masks)))
        FUZZ_CHECK(loss > -1e300 && loss < 1e300);
}

static void call_unic_segmenter_predict(api *a)
{
    const unic_segmenter *segmenter = api_segmenter_of(a);
    pictures p = pictures_for(a, segmenter);
    int32_t *codes = api_codes(a, CLIPS * LENGTH, CODES);
    size_t n = 0;
    if (p.images[0] &&
        p.images[0]->rank >= 2) /* another number of clips or frames is no fault */
        n = (size_t)(p.images[0]->dims[0] * p.images[0]->dims[1]) * p.pixels;
    float *logits = api_memory(a, n <= 1 << 20 ? n * sizeof *logits : 0);
    if (n <= 1 << 20 && p.images[0] && p.images[0]->dims[0] <= CLIPS &&
        fuzz_ok(unic_segmenter_predict(segmenter, p.images, p.count, codes,
                                       1 + fuzz_below(&a->in, LENGTH), logits)))
        fuzz_check_finite(logits, n);
}

static void call_unic_segmenter_fingerprint(api *a)
{
    unic_segmenter_fingerprint(api_segmenter_of(a));
}

static void call_unic_segmenter_accepts(api *a)
{
    const unic_segmenter *segmenter = api_segmenter_of(a);
    fuzz_ok(unic_segmenter_accepts(segmenter, unic_segmenter_fingerprint(segmenter) +
                                                  fuzz_below(&a->in, 2)));
}

static void call_unic_segmenter_save(api *a)
{
    const unic_segmenter *segmenter = api_segmenter_of(a);
    fuzz_ok(unic_segmenter_save(segmenter, api_path(a)));
}

static void call_unic_segmenter_save_sink(api *a)
{
    const unic_segmenter *segmenter = api_segmenter_of(a);
    fuzz_ok(unic_segmenter_save_sink(segmenter, api_sink(a)));
}

static void call_unic_segmenter_load(api *a)
{
    const char *path = api_path(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, segmenter, unic_segmenter_load, path, open);
}

static void call_unic_segmenter_load_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, segmenter, unic_segmenter_load_source, source, open);
}

static const api_call calls[] = {
    API_CALL(unic_head_create),
    API_CALL(unic_head_free),
    API_CALL(unic_head_settings),
    API_CALL(unic_head_fit),
    API_CALL(unic_head_predict),
    API_CALL(unic_head_mask_labels), API_CALL(unic_head_predict_soft),
    API_CALL(unic_head_fingerprint),
    API_CALL(unic_head_accepts),
    API_CALL(unic_head_save),
    API_CALL(unic_head_save_sink),
    API_CALL(unic_head_load),
    API_CALL(unic_head_load_source),
    API_CALL(unic_retriever_create),
    API_CALL(unic_retriever_free),
    API_CALL(unic_retriever_settings),
    API_CALL(unic_retriever_fit),
    API_CALL(unic_retriever_queries),
    API_CALL(unic_retriever_items),
    API_CALL(unic_retriever_fingerprint),
    API_CALL(unic_retriever_accepts),
    API_CALL(unic_retriever_save),
    API_CALL(unic_retriever_save_sink),
    API_CALL(unic_retriever_load),
    API_CALL(unic_retriever_load_source),
    API_CALL(unic_segmenter_create),
    API_CALL(unic_segmenter_free),
    API_CALL(unic_segmenter_settings),
    API_CALL(unic_segmenter_step),
    API_CALL(unic_segmenter_predict),
    API_CALL(unic_segmenter_fingerprint),
    API_CALL(unic_segmenter_accepts),
    API_CALL(unic_segmenter_save),
    API_CALL(unic_segmenter_save_sink),
    API_CALL(unic_segmenter_load),
    API_CALL(unic_segmenter_load_source),
};
API_PART(api_tasks, calls);
