#include "data/clip_group.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "file/folder.h"
#include "file/litter.h"

/* ---- files ------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const unic__clip_entry *)a)->stem, ((const unic__clip_entry *)b)->stem);
}

/* Takes those of the names that are clips' files. */
static unic_status fill(unic__clip_group *g, unic__arena *arena, const char *const *names,
                        size_t n)
{
    size_t bytes = SIZE_MAX, size;
    if (unic__mul_size(n, sizeof *g->entries, &bytes))
        g->entries = unic__arena_alloc(arena, bytes);
    if (!g->entries)
        return unic__no_memory(bytes, "the clips of a directory");
    for (size_t i = 0; i < n; i++) {
        unic__clip_format format = unic__clip_format_of(names[i], &size);
        if (format == UNIC__CLIP_ABSENT) {
            UNIC__TRY(unic__suffix_check(g->prefix, names[i], ".npy"));
            UNIC__TRY(unic__suffix_check(g->prefix, names[i], ".zip"));
            continue;
        }
        const char *stem = unic__arena_printf(arena, "%.*s", (int)size, names[i]);
        if (!stem)
            return unic__no_memory(size + 1, "a clip's name");
        g->entries[g->n++] = (unic__clip_entry){stem, (unsigned char)format};
        size += strlen(g->prefix) + sizeof ".npy";
        g->path_size = size > g->path_size ? size : g->path_size;
    }
    return UNIC_OK;
}

static unic_status sort(unic__clip_group *g)
{
    if (g->n)
        qsort(g->entries, g->n, sizeof *g->entries, compare_entries);
    for (size_t i = 1; i < g->n; i++)
        if (strcmp(g->entries[i - 1].stem, g->entries[i].stem) == 0)
            return unic__fail(UNIC_E_FORMAT,
                              "%s%s: there as .npy and as .zip, one file a clip expected",
                              g->prefix, g->entries[i].stem);
    return UNIC_OK;
}

bool unic__may_hold_features(const char *name)
{
    static const char *const suffixes[] = {"npz", "pt",   "pth", "pkl",        "pickle",
                                           "h5",  "hdf5", "mat", "safetensors"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof suffixes / sizeof *suffixes; i++)
        if (unic__is_same_word(dot + 1, suffixes[i]))
            return true;
    return false;
}

/* Whether the file or directory, which is no clip's, may hold clips all the same; what cannot be looked
 * at, as a symbolic link to nothing, may. */
static unic_status may_hold_clips(const char *folder, const char *name, bool *yes)
{
    unic__arena arena = {NULL};
    *yes = unic__may_hold_features(name);
    if (strchr(name, '.') || unic__is_litter(name))
        return UNIC_OK;
    const char *path = unic__arena_printf(&arena, "%s%s", folder, name);
    if (path && unic__is_folder(yes, path) != UNIC_OK)
        *yes = true;
    unic__arena_free(&arena);
    return path ? UNIC_OK : unic__no_memory(strlen(folder) + strlen(name), "a file's name");
}

/* Clips in files of another kind, or a directory further down, are left out: said, if there are others
 * that are not. */
static unic_status report_passed(unic__clip_group *g, unic__arena *arena,
                                 const unic__folder *files)
{
    size_t n = 0, size;
    bool yes;
    for (size_t i = 0; i < files->n; i++) {
        if (unic__clip_format_of(files->names[i], &size) != UNIC__CLIP_ABSENT)
            continue;
        UNIC__TRY(may_hold_clips(g->prefix, files->names[i], &yes));
        if (yes && !n++ && !(g->passed = unic__arena_printf(arena, "%s", files->names[i])))
            return unic__no_memory(strlen(files->names[i]), "a file's name");
    }
    if (n && g->n)
        unic__log_line(
            UNIC_LOG_WARNING,
            "%s: has %zu clips, and %zu files or directories, the first \"%s\", that may "
            "be meant as clips but are no .npy and no .zip: they are passed over",
            g->prefix, g->n, n, g->passed);
    return UNIC_OK;
}

unic_status unic__clip_group_is_in(const char *folder, const char *name, bool *yes)
{
    unic__arena arena = {NULL};
    unic__folder files = {.n = 0};
    size_t size;
    *yes = false;
    const char *path = unic__arena_printf(&arena, "%s/%s", folder, name);
    if (!path)
        return unic__no_memory(strlen(folder) + strlen(name), "a directory's name");
    bool there;
    unic_status status = unic__is_folder(&there, path);
    if (status == UNIC_OK && there)
        status = unic__folder_list(&files, path);
    for (size_t i = 0; i < files.n && status == UNIC_OK; i++)
        *yes |= unic__clip_format_of(files.names[i], &size) != UNIC__CLIP_ABSENT;
    unic__folder_free(&files);
    unic__arena_free(&arena);
    return status == UNIC_E_NOMEM ? status : UNIC_OK;
}

unic_status unic__clip_group_open(unic__clip_group *g, unic__arena *arena, const char *folder,
                                  const char *name)
{
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    *g = (unic__clip_group){
        .name = unic__arena_printf(arena, "%s", name),
        .prefix = unic__arena_printf(arena, "%s%s%s/", folder, slash, name)};
    const char *path = unic__arena_printf(arena, "%s%s%s", folder, slash, name);
    if (!g->name || !g->prefix || !path)
        return unic__no_memory(strlen(folder) + strlen(name), "a directory's name");
    bool there;
    unic__folder files;
    UNIC__TRY(unic__is_folder(&there, path));
    if (!there)
        return UNIC_OK;
    unic_status status = unic__folder_list(&files, g->prefix);
    if (status == UNIC_OK)
        status = fill(g, arena, files.names, files.n);
    if (status == UNIC_OK)
        status = report_passed(g, arena, &files);
    unic__folder_free(&files);
    return status == UNIC_OK ? sort(g) : status;
}

unic_status unic__clip_group_list(unic__clip_group *g, unic__arena *arena,
                                  const char *const *paths, size_t n, const char *name)
{
    *g = (unic__clip_group){
        .name = unic__arena_printf(arena, "%s", name), .prefix = "", .listed = true};
    return g->name ? fill(g, arena, paths, n)
                   : unic__no_memory(strlen(name) + 1, "a modality's name");
}

/* ---- names ------------------------------------------------------------------------------- */

/* The file whose name is the first `size` bytes of `name`. */
static const unic__clip_entry *find(const unic__clip_group *g, const char *name, size_t size)
{
    size_t low = 0, high = g->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const unic__clip_entry *e = &g->entries[middle];
        int order = strncmp(e->stem, name, size);
        if (order == 0 && !e->stem[size])
            return e;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The bytes before ".mp4"; 0 if the name does not end like a medium's file. */
static size_t size_without_medium(const char *name)
{
    static const char *const media[] = {"mp4", "avi",  "mkv", "webm", "mov", "m4a",
                                        "wav", "flac", "mp3", "ogg",  "npy", "zip"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof media / sizeof *media; i++)
        if (unic__is_same_word(dot + 1, media[i]))
            return (size_t)(dot - name);
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes "_123" off the end of the name's first `size` bytes; false if they do not end so. */
static bool take_number(const char *name, size_t *size, unsigned long *number)
{
    size_t at = *size;
    while (at && is_digit(name[at - 1]))
        at--;
    if (at == *size || !at || name[at - 1] != '_')
        return false;
    *number = strtoul(name + at, NULL, 10);
    *size = at - 1;
    return true;
}

/* Whether the name ends with its seconds, and 8 to 11 characters stand before them: what is left
 * of YouTube's names in AVVP's tables, where some lack a '-' or '_': P7x4FV4lg_570_580. Only for
 * their clips, of 10 seconds, may the 11 characters end inside of a number: vid_1000_1200 is not
 * read from vid_1000_12, nor recording_570_600 from recording_5. */
static bool ends_with_seconds(const char *name, size_t size)
{
    enum { SHORTEST = 8, THEIR_SECONDS = 10 };
    unsigned long from, to;
    bool cuts = is_digit(name[UNIC__CLIP_START - 1]) && is_digit(name[UNIC__CLIP_START]);
    return take_number(name, &size, &to) && take_number(name, &size, &from) && from < to &&
           size >= SHORTEST && size <= UNIC__CLIP_START &&
           (!cuts || to - from == THEIR_SECONDS);
}

/* 11, if behind that many characters only numbers follow (AAAAAAAAAAA_23_33), or the name ends
 * with its seconds. */
static size_t size_of_start(const char *name)
{
    size_t size = size_without_medium(name), at = UNIC__CLIP_START;
    if (!size)
        size = strlen(name);
    if (size > UNIC__CLIP_START && ends_with_seconds(name, size))
        return UNIC__CLIP_START;
    while (at < size && name[at] == '_') {
        size_t digits = strspn(name + at + 1, "0123456789.");
        if (!digits)
            return 0;
        at += 1 + digits;
    }
    return at > UNIC__CLIP_START && at >= size ? UNIC__CLIP_START : 0;
}

const unic__clip_entry *unic__clip_group_find(const unic__clip_group *g, const char *name,
                                              unic__clip_naming *naming)
{
    const size_t sizes[UNIC__NAMINGS] = {strlen(name), size_without_medium(name),
                                         size_of_start(name)};
    for (int i = UNIC__NAMED_WHOLE; i < UNIC__NAMINGS; i++) {
        const unic__clip_entry *e = sizes[i] ? find(g, name, sizes[i]) : NULL;
        *naming = (unic__clip_naming)i;
        if (e)
            return e;
    }
    return NULL;
}

const unic__clip_entry *unic__clip_group_find_whole(const unic__clip_group *g, const char *name)
{
    return find(g, name, strlen(name));
}
