#include "cli/media.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/limit.h"
#include "cli/model.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/text.h"

/* Bytes that a pixel takes: of a film, whose decoder holds some 20 frames, and of a picture, which is
 * held three times by one thread and may have 16 bits a channel. */
enum { MESSAGE = 512, MOST_THREADS = 64, FILM_BYTES = 80, PICTURE_BYTES = 32 };

cli_media_calls cli_media;

bool cli_media_is(const char *path)
{
    static const char *const others[] = {
        ".npz",     ".npy",      ".zip", ".csv",  ".tsv",   ".pkl",     ".pickle",     ".p",
        ".joblib",  ".pt",       ".pth", ".ckpt", ".bin",   ".h5",      ".hdf5",       ".mat",
        ".parquet", ".tfrecord", ".tar", ".gz",   ".tgz",   ".bz2",     ".xz",         ".zst",
        ".7z",      ".rar",      ".db",  ".xlsx", ".arrow", ".feather", ".safetensors"};
    struct stat about;
    return !CLI_ENDS(path, others) && !cli_media_is_list(path) && !stat(path, &about) &&
           S_ISREG(about.st_mode);
}

bool cli_media_is_text(const char *path)
{
    static const char *const texts[] = {".txt"};
    return CLI_ENDS(path, texts);
}

bool cli_media_is_list(const char *path)
{
    static const char *const lists[] = {".tab", ".json", ".jsonl", ".ndjson"};
    return CLI_ENDS(path, lists);
}

/* FFmpeg takes as large a block as a file says: its bound on one is the process's, and is set by who
 * owns that. libunicode-media, which leaves it alone, brings the function along. */
static void bound_blocks(void *library)
{
    void (*bound)(size_t);
    void *symbol = cli_memory_limit ? dlsym(library, "av_max_alloc") : NULL;
    memcpy(&bound, &symbol, sizeof symbol);
    if (bound)
        bound(cli_limited(SIZE_MAX));
}

/* Loads the library; why not, or NULL. */
static const char *load(void)
{
    static const char file[] = "libunicode-media.so.0";
    static char why[MESSAGE];
    cli_media_calls calls;
    void *library = cli_media.open ? NULL : dlopen(file, RTLD_NOW | RTLD_LOCAL);
    void *symbol;
    if (cli_media.open)
        return NULL;
    if (!library) {
        snprintf(why, sizeof why,
                 "films, sound and pictures are decoded by libunicode-media, which cannot be "
                 "loaded: %s",
                 dlerror());
        return why;
    }
#define LOAD(name)                                                                             \
    if (!(symbol = dlsym(library, "unic_media_" #name)))                                       \
        return "libunicode-media has no unic_media_" #name "(): it is of another version";     \
    memcpy(&calls.name, &symbol, sizeof symbol);
    CLI_MEDIA_CALLS(LOAD)
#undef LOAD
    cli_media = calls;
    bound_blocks(library);
    return NULL;
}

/* What the library said of a call; of memory that the limit may have kept from it, the limit too. */
static const char *why_not(unic_status status)
{
    static char why[MESSAGE];
    const bool of_limit = status == UNIC_E_NOMEM && cli_memory_limit &&
                          !strstr(cli_media.last_error(), "max_seconds");
    snprintf(why, sizeof why, "%s", cli_media.last_error());
    if (of_limit)
        snprintf(why, sizeof why, "%s (--memory-limit allows %" PRIu64 " bytes)",
                 cli_media.last_error(), cli_memory_limit);
    return why;
}

bool cli_media_ok(unic_status status)
{
    return status == UNIC_OK || cli_fail("%s", why_not(status));
}

/* What --memory-limit leaves for a frame; 0, the library's own bound, without one. */
static int64_t most_pixels(uint64_t bytes)
{
    const uint64_t pixels = cli_memory_limit / bytes;
    return pixels > INT32_MAX                ? INT32_MAX
           : cli_memory_limit && pixels == 0 ? 1
                                             : (int64_t)pixels;
}

static bool is_still(const unic_media *media)
{
    for (size_t i = 0; i < cli_media.stream_count(media); i++) {
        unic_media_stream s = {.struct_size = sizeof s};
        if (cli_media.stream_get(&s, media, i) == UNIC_OK && s.kind == UNIC_MEDIA_FRAMES &&
            s.chosen)
            return s.still;
    }
    return false;
}

/* What is too large for a film may be a picture that fits. */
static unic_status open_picture(unic_media **out, const char *path, unic_media_options options)
{
    unic_media *media = NULL;
    options.max_pixels = most_pixels(PICTURE_BYTES);
    options.threads = 1;
    if (cli_media.open(&media, path, &options) == UNIC_OK && is_still(media)) {
        *out = media;
        return UNIC_OK;
    }
    cli_media.free(media);
    return UNIC_E_NOMEM;
}

const char *cli_media_try(unic_media **out, const char *path, bool skip_damaged,
                          uint64_t threads)
{
    const unic_media_options options = {
        .struct_size = sizeof options,
        .threads = (int32_t)(threads < MOST_THREADS ? threads : MOST_THREADS),
        .skip_damaged = skip_damaged,
        .max_pixels = most_pixels(FILM_BYTES)};
    *out = NULL;
    const char *why = load();
    if (why)
        return why;
    const unic_status status = cli_media.open(out, path, &options);
    if (status != UNIC_E_NOMEM || !cli_memory_limit)
        return status == UNIC_OK ? NULL : why_not(status);
    why = why_not(status);
    return open_picture(out, path, options) == UNIC_OK ? NULL : why;
}

bool cli_media_open(unic_media **out, const char *path, bool skip_damaged, uint64_t threads)
{
    const char *why = cli_media_try(out, path, skip_damaged, threads);
    return !why || cli_fail("%s", why);
}

/* ---- what there is ---- */

static bool print_streams(const unic_media *media)
{
    static const char *const kinds[] = {"other", "sound", "frames"};
    static const char *const head[] = {"stream", "codec", "seconds", "holds"};
    cli_table table;
    cli_table_begin(&table, sizeof head / sizeof *head);
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cli_table_cell(&table, "%s", head[i]);
    for (size_t i = 0; i < cli_media.stream_count(media); i++) {
        unic_media_stream s = {.struct_size = sizeof s};
        if (!cli_media_ok(cli_media.stream_get(&s, media, i)))
            return false;
        cli_table_cell(&table, "%s%s", kinds[s.kind],
                       s.chosen || s.kind == UNIC_MEDIA_OTHER ? "" : " (not read)");
        cli_table_cell(&table, "%s", s.codec);
        cli_table_cell(&table, "%.3f", s.seconds);
        if (s.kind == UNIC_MEDIA_SOUND)
            cli_table_cell(&table, "%" PRId32 " Hz, %" PRId32 " channel%s", s.rate, s.channels,
                           s.channels == 1 ? "" : "s");
        else if (s.kind == UNIC_MEDIA_FRAMES && s.still)
            cli_table_cell(&table, "%" PRId32 " x %" PRId32 ", a picture", s.width, s.height);
        else if (s.kind == UNIC_MEDIA_FRAMES)
            cli_table_cell(&table, "%" PRId32 " x %" PRId32 ", %.4g a second", s.width,
                           s.height, s.frame_rate);
        else
            cli_table_cell(&table, "-");
    }
    return cli_table_end(&table, stdout);
}

static bool print_tags(const unic_media *media)
{
    size_t count = cli_media.tag_count(media);
    for (size_t i = 0; i < count; i++) {
        const char *key, *value;
        if (!cli_media_ok(cli_media.tag_get(&key, &value, media, i)))
            return false;
        printf("%s", i ? "  " : "tags\n  ");
        cli_text_print(key);
        printf(": ");
        cli_text_print(value);
        putchar('\n');
    }
    if (count)
        putchar('\n');
    return true;
}

bool cli_media_print(const unic_media *media)
{
    char duration[CLI_DURATION];
    double seconds = cli_media.seconds(media);
    printf("%s, %s\n\n", cli_media.format(media),
           seconds > 0 ? cli_duration(duration, seconds) : "no duration");
    return print_streams(media) && print_tags(media);
}
