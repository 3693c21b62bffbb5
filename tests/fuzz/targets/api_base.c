/* Statuses, settings, arrays, batches, class maps, and files of arrays. */
#include <string.h>

#include "api.h"

/* ---- unic_status.h ---- */

static void call_unic_status_name(api *a)
{
    FUZZ_CHECK(*unic_status_name((unic_status)(fuzz_byte(&a->in) - 100)));
}

static void call_unic_last_error(api *a)
{
    (void)a;
    FUZZ_CHECK(unic_last_error());
}

static void call_unic_version(api *a)
{
    (void)a;
    FUZZ_CHECK(strcmp(unic_version(), UNIC_VERSION_STRING) == 0);
}

/* Refused ones only: the harness's own stays. */
static void call_unic_set_allocator(api *a)
{
    const unic_allocator wrong = {.struct_size = fuzz_byte(&a->in) ? sizeof wrong : 0};
    FUZZ_CHECK(!fuzz_ok(unic_set_allocator(&wrong)));
}

static void take_line(unic_log_level level, const char *line, void *user)
{
    FUZZ_CHECK((level == UNIC_LOG_INFO || level == UNIC_LOG_WARNING) && !user);
    FUZZ_CHECK(*line && !strpbrk(line, "\r\n"));
}

static void call_unic_set_log(api *a)
{
    unic_set_log(fuzz_byte(&a->in) & 1 ? NULL : take_line, NULL);
}

static void call_unic_set_threads(api *a)
{
    int32_t n = api_threads(a);
    FUZZ_CHECK(fuzz_ok(unic_set_threads(n)) == (n >= 1 && n <= 256));
    if (n > 2)
        unic_set_threads(2);
}

static void call_unic_get_threads(api *a)
{
    (void)a;
    FUZZ_CHECK(unic_get_threads() >= 1 && unic_get_threads() <= 2);
}

/* ---- unic_config.h ---- */

static const char *const keys[] = {
    "code.dim",    "code.count",   "modalities",  "a.kind",
    "a.dims",      "behaviour",    "preset",      "encoder.heads",
    "train.batch", "train.length", "ema.start",   "kernel.backend",
    "reset.steps", "club.form",    "train.guard", "train.lr"};
static const char *const values[] = {"2",     "0",    "a b",   "vector", "2 2 2",  "compat",
                                     "small", "1",    "4",     "1e30",   "kmeans", "blas",
                                     "paper", "grid", "token", "nan"};

static void call_unic_config_create(api *a)
{
    unic_config *made = NULL;
    size_t slot = fuzz_below(&a->in, API_HANDLES);
    FUZZ_CHECK(unic_config_create(NULL) == UNIC_E_ARG);
    if (fuzz_made(unic_config_create(&made), made)) {
        unic_config_free(a->config[slot]);
        a->config[slot] = made;
    }
}

static void call_unic_config_free(api *a)
{
    API_FREE(a, config);
}

static void call_unic_config_copy(api *a)
{
    unic_config *from = api_config_of(a);
    API_PUT(a, config, unic_config_copy, from);
}

static void call_unic_config_set(api *a)
{
    unic_config *config = api_config_of(a);
    const char *key = api_name(a, keys, sizeof keys / sizeof keys[0]);
    fuzz_ok(
        unic_config_set(config, key, api_name(a, values, sizeof values / sizeof values[0])));
}

static void call_unic_config_parse(api *a)
{
    static const char *const texts[] = {FUZZ_TWO, FUZZ_THREE, "code.dim = 8\n", "= \n", "x"};
    unic_config *config = api_config_of(a);
    fuzz_ok(
        unic_config_parse(config, api_name(a, texts, 5), fuzz_byte(&a->in) ? "source" : NULL));
}

static void call_unic_config_load(api *a)
{
    unic_config *config = api_config_of(a);
    fuzz_ok(unic_config_load(config, api_path(a)));
}

static void call_unic_config_get(api *a)
{
    const char *value;
    unic_config *config = api_config_of(a);
    fuzz_ok(
        unic_config_get(fuzz_rarely(&a->in) ? NULL : &value, config, api_name(a, keys, 16)));
}

static void call_unic_config_text(api *a)
{
    const char *text;
    unic_config *config = api_config_of(a);
    if (fuzz_ok(unic_config_text(&text, config)))
        FUZZ_CHECK(strlen(text) > 10);
}

static void call_unic_config_check(api *a)
{
    fuzz_ok(unic_config_check(api_config_of(a)));
}

static void call_unic_config_key_at(api *a)
{
    unic_config_key key = {.struct_size = api_struct_size(a, sizeof key)};
    size_t i = fuzz_byte(&a->in);
    if (key.struct_size > sizeof key)
        key.struct_size = sizeof key;
    if (fuzz_ok(unic_config_key_at(&key, i)))
        FUZZ_CHECK(*key.name && i < unic_config_key_count());
}

static void call_unic_config_key_count(api *a)
{
    (void)a;
    FUZZ_CHECK(unic_config_key_count() > 0);
}

/* ---- unic_array.h ---- */

static const char *const modalities[] = {"a", "b", "a", "b", "g", "v", "t", "c"};

static void call_unic_array_init(api *a)
{
    api_array(a, (int)fuzz_below(&a->in, 7), (const int64_t[]){1, 2, 1, 2, 1, 2});
}

static void call_unic_batch_create(api *a)
{
    unic_batch *made;
    size_t slot = fuzz_below(&a->in, API_HANDLES);
    FUZZ_CHECK(unic_batch_create(NULL) == UNIC_E_ARG);
    if (fuzz_made(unic_batch_create(&made), made)) {
        unic_batch_free(a->batch[slot]);
        a->batch[slot] = made;
    }
}

static void call_unic_batch_free(api *a)
{
    API_FREE(a, batch);
}

static void call_unic_batch_set(api *a)
{
    unic_batch *batch = api_batch_of(a);
    const char *name = api_name(a, modalities, sizeof modalities / sizeof modalities[0]);
    int64_t clips = 1 + (int64_t)fuzz_below(&a->in, 3),
            length = 1 + (int64_t)fuzz_below(&a->in, 4);
    bool grid = name && name[0] == 'g';
    int64_t dims[] = {clips, length, grid ? 5 : name && name[0] == 'b' ? 3 : 2, 5, 1};
    unic_array *x = api_array(a, grid ? 5 : 3, dims);
    int32_t *lengths = NULL;
    if (fuzz_byte(&a->in) & 1) { /* as many as a later call may read */
        lengths = api_memory(a, 64 * sizeof *lengths);
        for (size_t i = 0; i < 64; i++)
            lengths[i] = (int32_t)(fuzz_byte(&a->in) % 6) - (int32_t)fuzz_rarely(&a->in);
    }
    if (x && x->rank > 0 && x->dims[0] > 64)
        lengths = NULL;
    fuzz_ok(unic_batch_set(batch, name, x, lengths));
}

static void call_unic_batch_number_clips(api *a)
{
    unic_batch *batch = api_batch_of(a);
    size_t n = unic_batch_clip_count(batch);
    int64_t *clips = api_memory(a, 8 * (n < 64 ? n : 64));
    fuzz_ok(unic_batch_number_clips(batch, n > 64 || fuzz_byte(&a->in) & 1 ? NULL : clips));
}

static void call_unic_batch_clip_count(api *a)
{
    unic_batch_clip_count(api_batch_of(a));
}

static void call_unic_batch_get(api *a)
{
    unic_array x;
    const int32_t *lengths;
    unic_batch *batch = api_batch_of(a);
    unsigned how = fuzz_byte(&a->in);
    if (fuzz_ok(unic_batch_get(how & 1 ? NULL : &x, how & 2 ? NULL : &lengths, batch,
                               api_name(a, modalities, 8))) &&
        !(how & 1))
        FUZZ_CHECK(x.rank >= 2 && x.struct_size == sizeof x);
}

/* ---- unic_class_map.h ---- */

static const unic_class_names *class_names(api *a)
{
    unic_class_names *names = api_memory(a, sizeof *names);
    static const char *const words[] = {"cat", "dog", "cello"}, *const twice[] = {"cat", "cat",
                                                                                  NULL};
    *names = (unic_class_names){.struct_size = api_struct_size(a, sizeof *names),
                                .their_count = 1 + fuzz_below(&a->in, 3),
                                .our_count = 1 + fuzz_below(&a->in, 3)};
    unsigned how = fuzz_byte(&a->in);
    names->theirs = how & 1 ? words : how == 0xFE ? twice : NULL;
    names->ours = how & 2 ? words : NULL;
    if (how % 32 == 20 && !names->theirs)
        names->their_count = (size_t)fuzz_size(&a->in, 8) % (1 << 12);
    return fuzz_rarely(&a->in) ? NULL : names;
}

static const char *const maps[] = {"cat = dog\n", "0 = 1\n2 = 0\n", "# none\n",
                                   "cat=cat\ncat=dog", "a"};

static void call_unic_class_map_parse(api *a)
{
    const unic_class_names *names = class_names(a);
    const char *text = api_name(a, maps, 5);
    size_t n = text ? strlen(text) : 1;
    API_PUT(a, class_map, unic_class_map_parse, text, n, "text", names);
}

static void call_unic_class_map_load(api *a)
{
    const unic_class_names *names = class_names(a);
    const char *path = api_path(a);
    API_PUT(a, class_map, unic_class_map_load, path, names);
}

static void call_unic_class_map_free(api *a)
{
    API_FREE(a, class_map);
}

static void call_unic_class_map_get(api *a)
{
    unic_class_map_get(api_class_map_of(a), (int32_t)((uint32_t)fuzz_size(&a->in, 4) - 1));
}

static void call_unic_class_map_classes(api *a)
{
    const unic_class_map *map = api_class_map_of(a);
    int32_t *labels = api_codes(a, 4, 3), out[4];
    fuzz_ok(unic_class_map_classes(map, labels, fuzz_below(&a->in, 5),
                                   fuzz_byte(&a->in) & 1 ? out : labels));
}

/* Of the first map only, whose classes are known here: three and at most three. */
static void call_unic_class_map_steps(api *a)
{
    const unic_class_names names = {
        .struct_size = sizeof names, .their_count = 3, .our_count = 2};
    unic_class_map *map;
    int32_t out[4], *labels = api_codes(a, 6, 2);
    if (fuzz_made(unic_class_map_parse(&map, maps[1], strlen(maps[1]), NULL, &names), map))
        fuzz_ok(unic_class_map_steps(map, labels, fuzz_below(&a->in, 3), out));
    unic_class_map_free(map);
    fuzz_ok(unic_class_map_steps(NULL, labels, 1, out));
}

/* ---- unic_npz.h ---- */

static const char *const members[] = {"a", "b", "x/y", "label", "a.npy", "..", "/", "a\\b"};

static void call_unic_npz_writer_create(api *a)
{
    const char *path = api_path(a);
    API_PUT(a, npz_writer, unic_npz_writer_create, path);
}

static void call_unic_npz_writer_free(api *a)
{
    API_FREE(a, npz_writer);
}

static void call_unic_npz_writer_add(api *a)
{
    unic_npz_writer *w = api_npz_writer_of(a);
    const char *name = api_name(a, members, 8);
    fuzz_ok(unic_npz_writer_add(
        w, name, api_array(a, (int)fuzz_below(&a->in, 4), (const int64_t[]){2, 3, 1})));
}

static void call_unic_npz_writer_add_text(api *a)
{
    unic_npz_writer *w = api_npz_writer_of(a);
    const char *name = api_name(a, members, 8);
    fuzz_ok(unic_npz_writer_add_text(w, name, api_name(a, values, 8)));
}

static void call_unic_npz_writer_begin(api *a)
{
    unic_npz_writer *w = api_npz_writer_of(a);
    const char *name = api_name(a, members, 8);
    int64_t dims[UNIC_MAX_RANK] = {2, 2};
    unsigned how = fuzz_byte(&a->in);
    if (how > 0xF0)
        dims[0] = -(int64_t)how;
    fuzz_ok(unic_npz_writer_begin(w, name, (unic_dtype)(how % 12), (int)(how / 16 % 3), dims));
}

static void call_unic_npz_writer_append(api *a)
{
    unic_npz_writer *w = api_npz_writer_of(a);
    const char *name = api_name(a, members, 8);
    fuzz_ok(unic_npz_writer_append(w, name, api_array(a, 1, (const int64_t[]){2})));
}

static void call_unic_npz_writer_finish(api *a)
{
    fuzz_ok(unic_npz_writer_finish(api_npz_writer_of(a)));
}

/* ---- files in memory ---- */

static void call_unic_buffer_create(api *a)
{
    size_t slot = fuzz_below(&a->in, API_HANDLES);
    unic_buffer *made;
    if (fuzz_rarely(&a->in))
        FUZZ_CHECK(unic_buffer_create(NULL) == UNIC_E_ARG);
    else if (fuzz_made(unic_buffer_create(&made), made)) {
        unic_buffer_free(a->buffer[slot]);
        a->buffer[slot] = made;
    }
}

static void call_unic_buffer_free(api *a)
{
    API_FREE(a, buffer);
}

static void call_unic_buffer_sink(api *a)
{
    unic_sink sink;
    unic_buffer_sink(fuzz_rarely(&a->in) ? NULL : &sink, api_buffer_of(a));
}

static void call_unic_buffer_data(api *a)
{
    const unic_buffer *buffer = api_buffer_of(a);
    const size_t bytes = unic_buffer_byte_count(buffer);
    FUZZ_CHECK((unic_buffer_data(buffer) != NULL) == (bytes > 0));
    if (bytes) /* what was saved is a zip file */
        FUZZ_CHECK(memcmp(unic_buffer_data(buffer), "PK", 2) == 0);
}

static void call_unic_buffer_byte_count(api *a)
{
    call_unic_buffer_data(a);
}

static void call_unic_source_memory(api *a)
{
    unic_source source;
    const size_t bytes = fuzz_size(&a->in, 1000);
    const void *memory = api_memory(a, bytes <= 1 << 20 ? bytes : 0); /* nothing is read yet */
    unic_source_memory(fuzz_rarely(&a->in) ? NULL : &source, memory, bytes,
                       api_name(a, members, 8));
}

static const api_call calls[] = {
    API_CALL(unic_status_name),
    API_CALL(unic_last_error),
    API_CALL(unic_version),
    API_CALL(unic_set_allocator),
    API_CALL(unic_set_log),
    API_CALL(unic_set_threads),
    API_CALL(unic_get_threads),
    API_CALL(unic_config_create),
    API_CALL(unic_config_free),
    API_CALL(unic_config_copy),
    API_CALL(unic_config_set),
    API_CALL(unic_config_parse),
    API_CALL(unic_config_load),
    API_CALL(unic_config_get),
    API_CALL(unic_config_text),
    API_CALL(unic_config_check),
    API_CALL(unic_config_key_at),
    API_CALL(unic_config_key_count),
    API_CALL(unic_array_init),
    API_CALL(unic_batch_create),
    API_CALL(unic_batch_free),
    API_CALL(unic_batch_set),
    API_CALL(unic_batch_number_clips),
    API_CALL(unic_batch_clip_count),
    API_CALL(unic_batch_get),
    API_CALL(unic_class_map_parse),
    API_CALL(unic_class_map_load),
    API_CALL(unic_class_map_free),
    API_CALL(unic_class_map_get),
    API_CALL(unic_class_map_classes),
    API_CALL(unic_class_map_steps),
    API_CALL(unic_source_memory),
    API_CALL(unic_buffer_create),
    API_CALL(unic_buffer_free),
    API_CALL(unic_buffer_sink),
    API_CALL(unic_buffer_data),
    API_CALL(unic_buffer_byte_count),
    API_CALL(unic_npz_writer_create),
    API_CALL(unic_npz_writer_free),
    API_CALL(unic_npz_writer_add),
    API_CALL(unic_npz_writer_add_text),
    API_CALL(unic_npz_writer_begin),
    API_CALL(unic_npz_writer_append),
    API_CALL(unic_npz_writer_finish),
};
API_PART(api_base, calls);
