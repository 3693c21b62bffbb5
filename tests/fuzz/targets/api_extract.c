/* Feature extractors. */
#include <string.h>

#include "api.h"

enum { STEPS = 8, WIDTH = 64 };

static void call_unic_extractor_create(api *a)
{
    static const char *const settings[] = {
        "kind = ngrams\ndim = 3\nbuckets = 5\nshortest = 1",
        "kind = logmel\nrate = 1000\nwindow = 3\nhop = 1\nbands = 3\nhigh = 500\nframes = 2",
        "kind = logmel\nrate = 2000\nhigh = 900\nframes = 4\nparts = 2\nframing = vggish",
        "kind = patches\nside = 4\ncells = 2\npatch = 2\ncomponents = 2\nchannels = 3",
        "kind = bert\nheads = 2\nmax_seq_length = 8",
        "kind = logmel\nhigh = 1"};
    unic_extractor_options o = {.struct_size = api_struct_size(a, sizeof o),
                                .threads = api_threads(a)};
    const char *text = api_name(a, settings, sizeof settings / sizeof *settings);
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    API_PUT(a, extractor, unic_extractor_create, text, fuzz_rarely(&a->in) ? NULL : &o);
}

static void call_unic_extractor_free(api *a)
{
    API_FREE(a, extractor);
}

static void call_unic_extractor_kind(api *a)
{
    const unic_extractor *e = api_extractor_of(a);
    FUZZ_CHECK(!unic_extractor_kind(e) == !e);
}

static void call_unic_extractor_settings(api *a)
{
    const unic_extractor *e = api_extractor_of(a);
    unic_extractor *again;
    if (e && fuzz_ok(unic_extractor_create(&again, unic_extractor_settings(e), NULL))) {
        FUZZ_CHECK(strcmp(unic_extractor_settings(again), unic_extractor_settings(e)) == 0);
        unic_extractor_free(again);
    }
}

static void call_unic_extractor_fingerprint(api *a)
{
    const unic_extractor *e = api_extractor_of(a);
    FUZZ_CHECK(!unic_extractor_fingerprint(e) == !e);
}

static void call_unic_extractor_input_of(api *a)
{
    const unic_extractor *e = api_extractor_of(a);
    FUZZ_CHECK(!unic_extractor_input_of(e) == !e);
}

static void call_unic_extractor_rate(api *a)
{
    FUZZ_CHECK(unic_extractor_rate(api_extractor_of(a)) >= 0);
}

static void call_unic_extractor_input_dims(api *a)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    const unic_extractor *e = api_extractor_of(a);
    fuzz_ok(unic_extractor_input_dims(&rank, e, fuzz_rarely(&a->in) ? NULL : dims));
}

static void call_unic_extractor_feature_dims(api *a)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    const unic_extractor *e = api_extractor_of(a);
    if (fuzz_ok(unic_extractor_feature_dims(&rank, e, fuzz_rarely(&a->in) ? NULL : dims)))
        FUZZ_CHECK(rank > 0 && dims[0] > 0);
}

/* Floats of a step; 0: they do not fit into WIDTH. */
static size_t width_of(const unic_extractor *e)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank, width = 1;
    if (!e || unic_extractor_feature_dims(&rank, e, dims) != UNIC_OK)
        return 1;
    for (size_t i = 0; i < rank; i++)
        width *= (size_t)dims[i];
    return width <= WIDTH ? width : 0;
}

static void call_unic_extractor_extract(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    const int64_t dims[] = {(int64_t)fuzz_below(&a->in, 3000)};
    float *y = api_memory(a, STEPS * WIDTH * sizeof *y);
    const unic_array *x = api_array(a, 1, dims);
    const size_t width = width_of(e), room = width ? fuzz_below(&a->in, STEPS) : 0;
    size_t steps = 0;
    if (fuzz_ok(unic_extractor_extract(fuzz_rarely(&a->in) ? NULL : &steps, e, x, room,
                                       width ? y : NULL)))
        fuzz_check_finite(y, STEPS * WIDTH);
}

static void call_unic_extractor_extract_text(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    float *y = api_memory(a, STEPS * WIDTH * sizeof *y);
    char *text = api_memory(a, 40);
    const size_t width = width_of(e), room = width ? fuzz_below(&a->in, STEPS) : 0;
    const size_t bytes = fuzz_below(&a->in, 40);
    size_t steps = 0;
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)fuzz_byte(&a->in);
    if (fuzz_ok(unic_extractor_extract_text(fuzz_rarely(&a->in) ? NULL : &steps, e,
                                            fuzz_rarely(&a->in) ? NULL : text, bytes, room,
                                            width ? y : NULL)))
        fuzz_check_finite(y, STEPS * WIDTH);
}

/* Frames of 4 x 4, whose values are the input's. */
static const unic_array *frames_of(api *a)
{
    unic_array *frames = api_memory(a, sizeof *frames);
    const int64_t dims[] = {(int64_t)fuzz_below(&a->in, 6), 4, 4, fuzz_rarely(&a->in) ? 2 : 3};
    unsigned char *pixels = api_memory(a, 6 * 4 * 4 * 3);
    for (size_t i = 0; i < 24; i++)
        pixels[i * 7] = (unsigned char)fuzz_byte(&a->in);
    unic_array_init(frames, pixels, UNIC_U8, 4, dims);
    return frames;
}

static void call_unic_extractor_fit(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    const unic_array *frames = frames_of(a);
    float y[6 * WIDTH];
    size_t steps;
    if (fuzz_ok(unic_extractor_fit(e, frames)) && width_of(e) == 12) {
        FUZZ_CHECK(fuzz_ok(unic_extractor_extract(&steps, e, frames, 6, y)));
        fuzz_check_finite(y, steps * 12);
    }
}

static void call_unic_extractor_normalise(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    int64_t dims[UNIC_MAX_RANK + 1] = {(int64_t)fuzz_below(&a->in, STEPS)};
    size_t rank = 0;
    if (e)
        unic_extractor_feature_dims(&rank, e, dims + 1);
    if (fuzz_rarely(&a->in))
        dims[1]++;
    fuzz_ok(unic_extractor_normalise(e, api_array(a, width_of(e) ? (int)rank + 1 : 1, dims)));
}

static void call_unic_extractor_load_weights(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    const char *path = api_path(a);
    fuzz_ok(unic_extractor_load_weights(e, path, api_open(a)));
}

static void call_unic_extractor_load_weights_source(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    const unic_source *source = api_source(a);
    fuzz_ok(unic_extractor_load_weights_source(e, source, api_open(a)));
}

static int32_t list_of(api *a)
{
    static const int32_t lists[] = {UNIC_EXTRACTOR_VOCABULARY, UNIC_EXTRACTOR_KEEP, 0, 7};
    return lists[fuzz_below(&a->in, 4)];
}

static void call_unic_extractor_load_words(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    const char *path = api_path(a);
    const int32_t list = list_of(a);
    fuzz_ok(unic_extractor_load_words(e, path, list, api_open(a)));
}

static void call_unic_extractor_load_words_source(api *a)
{
    unic_extractor *e = api_extractor_of(a);
    const unic_source *source = api_source(a);
    const int32_t list = list_of(a);
    fuzz_ok(unic_extractor_load_words_source(e, source, list, api_open(a)));
}

static void call_unic_extractor_save(api *a)
{
    const unic_extractor *e = api_extractor_of(a);
    fuzz_ok(unic_extractor_save(e, api_path(a)));
}

static void call_unic_extractor_save_sink(api *a)
{
    const unic_extractor *e = api_extractor_of(a);
    fuzz_ok(unic_extractor_save_sink(e, api_sink(a)));
}

static void call_unic_extractor_load(api *a)
{
    const char *path = api_path(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, extractor, unic_extractor_load, path, open);
}

static void call_unic_extractor_load_source(api *a)
{
    const unic_source *source = api_source(a);
    const unic_open_options *open = api_open(a);
    API_PUT(a, extractor, unic_extractor_load_source, source, open);
}

static const api_call calls[] = {
    API_CALL(unic_extractor_create),
    API_CALL(unic_extractor_free),
    API_CALL(unic_extractor_kind),
    API_CALL(unic_extractor_settings),
    API_CALL(unic_extractor_fingerprint),
    API_CALL(unic_extractor_input_of),
    API_CALL(unic_extractor_rate),
    API_CALL(unic_extractor_input_dims),
    API_CALL(unic_extractor_feature_dims),
    API_CALL(unic_extractor_extract),
    API_CALL(unic_extractor_extract_text),
    API_CALL(unic_extractor_fit),
    API_CALL(unic_extractor_normalise),
    API_CALL(unic_extractor_load_weights),
    API_CALL(unic_extractor_load_weights_source),
    API_CALL(unic_extractor_load_words),
    API_CALL(unic_extractor_load_words_source),
    API_CALL(unic_extractor_save),
    API_CALL(unic_extractor_save_sink),
    API_CALL(unic_extractor_load),
    API_CALL(unic_extractor_load_source),
};
API_PART(api_extract, calls);
