#include "encode/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <unicode/unic.h>

#include "cli/media.h"
#include "cli/model.h"
#include "cli/report.h"

/* Of what in a directory are media; a file that is named itself may be called anything. */
static const char *const films[] = {".mp4",  ".m4v", ".mkv", ".webm", ".mov", ".avi", ".mpg",
                                    ".mpeg", ".ts",  ".flv", ".ogv",  ".wmv", ".gif"};
static const char *const sounds[] = {".wav", ".flac", ".mp3", ".ogg",  ".oga", ".opus",
                                     ".m4a", ".aac",  ".aif", ".aiff", ".wma"};
static const char *const pictures[] = {".png", ".jpg", ".jpeg", ".webp",
                                       ".bmp", ".tif", ".tiff"};

static bool is_media(const char *name)
{
    return CLI_ENDS(name, films) || CLI_ENDS(name, sounds) || CLI_ENDS(name, pictures) ||
           cli_media_is_text(name);
}

static bool holds(const char *name, int reads)
{
    if (reads == UNIC_EXTRACTOR_TEXT)
        return cli_media_is_text(name);
    return CLI_ENDS(name, films) ||
           (reads == UNIC_EXTRACTOR_SOUND ? CLI_ENDS(name, sounds) : CLI_ENDS(name, pictures));
}

static char *join(const char *folder, const char *name, const char *end)
{
    const size_t size = strlen(folder) + strlen(name) + strlen(end) + 2;
    char *path = cli_alloc(size, 1);
    if (path)
        snprintf(path, size, "%s%s%s%s", folder, *folder && *name ? "/" : "", name, end);
    return path;
}

/* `name` is the output's, in its folder. */
static bool add(encode_listing *l, const char *input, const char *folder, const char *name,
                bool is_film)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        void *items = realloc(l->items, capacity * sizeof *l->items);
        if (!items)
            return cli_fail("out of memory (%zu inputs)", capacity);
        l->items = items;
        l->capacity = capacity;
    }
    encode_item *item = &l->items[l->count++];
    *item = (encode_item){join(input, "", ""),
                          join(folder, name, cli_ends_with(name, ".npz") ? "" : ".npz"),
                          is_film};
    l->films += is_film;
    return item->input && item->out;
}

/* ---- directories ---- */

typedef struct walk {
    encode_listing *l;
    const char *folder; /* of the outputs */
    struct stat out;    /* that folder, which is not walked into */
    size_t shards, media, arrays;
} walk;

/* All names but those that begin with a dot, which hidden and half-copied files have. */
static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool walk_into(walk *w, const char *path, const char *below, int depth);

/* What cannot be looked at may be a directory of inputs; with a suffix that no input has it hardly is. */
static bool tell_unread(const char *path, bool is_link, int error)
{
    static const char *const clips[] = {".npy", ".zip"};
    const char *name = strrchr(path, '/'), *link = is_link ? ", a symbolic link" : "";
    if (!strchr(name ? name : path, '.') || CLI_ENDS(path, clips))
        return cli_fail("cannot read %s%s: %s", path, link, strerror(error));
    cli_note("warning: %s%s is passed over: %s", path, link, strerror(error));
    return true;
}

static bool take(walk *w, const char *path, const char *name, int depth)
{
    static const char *const shards[] = {".npz"};
    struct stat about = {.st_mode = 0};
    bool there = !stat(path, &about), shard = CLI_ENDS(name, shards), media = is_media(name);
    const int error = errno;
    if (!there && lstat(path, &about) && errno == ENOENT)
        return true; /* gone meanwhile */
    if (!there && !shard && !media)
        return tell_unread(path, S_ISLNK(about.st_mode), error);
    if (there && S_ISDIR(about.st_mode))
        return (about.st_dev == w->out.st_dev && about.st_ino == w->out.st_ino) ||
               walk_into(w, path, name, depth + 1);
    w->shards += shard;
    w->media += media;
    w->arrays += cli_ends_with(name, ".npy") || cli_ends_with(name, ".zip");
    /* What cannot be read is an input too: that no output was made of it is said with the reason. */
    return (!shard && !media) || add(w->l, path, w->folder, name, media);
}

static bool walk_into(walk *w, const char *path, const char *below, int depth)
{
    enum { DEEPEST = 32 }; /* links may lead round in circles */
    struct dirent **names;
    int count = depth > DEEPEST ? -1 : scandir(path, &names, is_shown, NULL);
    bool ok = true;
    if (depth > DEEPEST)
        return cli_fail("%s: more than %d directories deep", path, DEEPEST);
    if (count < 0)
        return cli_fail("cannot read the directory %s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        char *inside = ok ? join(path, names[i]->d_name, "") : NULL;
        char *name = ok ? join(below, names[i]->d_name, "") : NULL;
        ok = ok && inside && name && take(w, inside, name, depth);
        free(inside);
        free(name);
        free(names[i]);
    }
    free(names);
    return ok;
}

static int by_input(const void *a, const void *b)
{
    return strcmp(((const encode_item *)a)->input, ((const encode_item *)b)->input);
}

/* What stands behind the last '/', other than at the end, in a copy. */
static char *base_of(const char *path)
{
    char *copy = join(path, "", "");
    size_t n = copy ? strlen(copy) : 0;
    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = '\0';
    char *slash = copy ? strrchr(copy, '/') : NULL;
    if (slash && slash[1])
        memmove(copy, slash + 1, strlen(slash));
    return copy;
}

/* Leaves out what was found after the first `count`. */
static void cut_to(encode_listing *l, size_t count)
{
    while (l->count > count) {
        encode_item *item = &l->items[--l->count];
        l->films -= item->is_film;
        free(item->input);
        free(item->out);
    }
}

static bool add_input(encode_listing *l, const char *path, const char *folder)
{
    struct stat about;
    walk w = {.l = l, .folder = folder};
    const size_t first = l->count;
    bool is_folder = !stat(path, &about) && S_ISDIR(about.st_mode), ok = true;
    if (is_folder) {
        (void)stat(folder, &w.out);
        ok = walk_into(&w, path, "", 0);
        if (w.arrays && !w.shards) /* a data set's directory; its texts are about it */
            cut_to(l, first);
        else if (ok && w.shards && w.media)
            return cli_fail("%s has %zu npz files and %zu films, sounds, pictures or texts: "
                            "give those that are meant",
                            path, w.shards, w.media);
        qsort(l->items + first, l->count - first, sizeof *l->items, by_input);
    }
    if (!ok || l->count > first)
        return ok;
    char *name = base_of(path);
    ok = name && add(l, path, folder, name, cli_media_is(path));
    free(name);
    return ok;
}

/* ---- all ---- */

static int by_out(const void *a, const void *b)
{
    const encode_item *const *x = a, *const *y = b;
    return strcmp((*x)->out, (*y)->out);
}

static bool check_outputs(const encode_listing *l)
{
    const encode_item **sorted = cli_alloc(l->count, sizeof *sorted);
    bool ok = sorted != NULL;
    for (size_t i = 0; ok && i < l->count; i++)
        sorted[i] = &l->items[i];
    if (ok)
        qsort(sorted, l->count, sizeof *sorted, by_out);
    for (size_t i = 1; ok && i < l->count; i++)
        if (!strcmp(sorted[i - 1]->out, sorted[i]->out))
            ok = cli_fail("%s and %s would both be written to %s", sorted[i - 1]->input,
                          sorted[i]->input, sorted[i]->out);
    free(sorted);
    return ok;
}

bool encode_listing_find(encode_listing *out, const cli_list *inputs, const char *folder)
{
    *out = (encode_listing){.items = NULL};
    for (size_t i = 0; i < inputs->count; i++)
        if (!add_input(out, inputs->items[i], folder))
            return false;
    return check_outputs(out);
}

static bool is_named(const encode_item *item, const cli_list *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        if (!strcmp(inputs->items[i], item->input))
            return true;
    return false;
}

void encode_listing_keep(encode_listing *l, const cli_list *inputs, int reads)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        encode_item *item = &l->items[i];
        if (!item->is_film || holds(item->input, reads) || is_named(item, inputs)) {
            l->items[kept++] = *item;
        } else {
            free(item->input);
            free(item->out);
            l->films--;
        }
    }
    l->count = kept;
}

static bool make_folder(const char *path)
{
    return !mkdir(path, 0777) || errno == EEXIST ||
           cli_fail("cannot make the directory %s: %s", path, strerror(errno));
}

bool encode_listing_make_folders(const encode_listing *l, const char *folder)
{
    const size_t above = strlen(folder);
    bool ok = make_folder(folder);
    for (size_t i = 0; ok && i < l->count; i++) {
        char *path = l->items[i].out;
        for (char *at = path + above + 1; ok && (at = strchr(at, '/')); *at++ = '/') {
            *at = '\0';
            ok = make_folder(path);
        }
    }
    return ok;
}

void encode_listing_free(encode_listing *l)
{
    cut_to(l, 0);
    free(l->items);
    *l = (encode_listing){.items = NULL};
}
