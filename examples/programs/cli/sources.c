#include "cli/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/limit.h"
#include "cli/report.h"
#include "cli/text.h"

enum { MOST = 1 << 30, FIELDS = 4 };

static const char NAME[] = "/sources.tsv";

typedef struct cli_source_line {
    const char *output, *mark, *path; /* in the text, as escape() writes them */
    uint64_t bytes;
} line;

/* ---- what an output is made of ---- */

bool cli_source_of_file(cli_source *out, const char *path)
{
    struct stat about;
    if (stat(path, &about))
        return false;
    *out = (cli_source){.path = path};
    out->bytes = S_ISDIR(about.st_mode) ? 0 : (uint64_t)about.st_size;
    snprintf(out->mark, sizeof out->mark, "%lld.%09ld", (long long)about.st_mtim.tv_sec,
             about.st_mtim.tv_nsec);
    return true;
}

/* FNV-1a. */
void cli_source_of_text(cli_source *out, const char *path, const char *text)
{
    uint64_t hash = 0xCBF29CE484222325U;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        hash = (hash ^ *c) * 0x100000001B3U;
    *out = (cli_source){.path = path, .bytes = strlen(text)};
    snprintf(out->mark, sizeof out->mark, "%016" PRIx64, hash);
}

/* ---- fields ---- */

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7F;
}

/* A name as it stands in a line, which control characters would divide: these, and backslashes,
 * become "\09". To be freed. */
static char *escape(const char *name)
{
    enum { LONGEST = 3 };
    char *out = cli_alloc(strlen(name) + 1, LONGEST), *at = out;
    for (; out && *name; name++) {
        if (is_control(*name) || *name == '\\')
            at += snprintf(at, LONGEST + 1, "\\%02x", (unsigned)(unsigned char)*name);
        else
            *at++ = *name;
    }
    return out;
}

/* Without what says no more than "here". */
static const char *plain(const char *path)
{
    while (!strncmp(path, "./", 2))
        path += 2 + strspn(path + 2, "/");
    return path;
}

/* Takes a line apart; false if it is damaged, or another's. */
static bool parse(line *out, char *text)
{
    char *fields[FIELDS], *next = text, *end;
    size_t count = 0;
    for (; next && count < FIELDS; count++) {
        char *field = fields[count] = next;
        next = strchr(field, '\t');
        if (next)
            *next++ = '\0';
    }
    if (count < FIELDS || next)
        return false;
    for (size_t i = 0; i < FIELDS; i++)
        for (const char *c = fields[i]; c == fields[i] || *c; c++)
            if (is_control(*c)) /* as is the end of an empty one */
                return false;
    errno = 0;
    *out = (line){fields[0], fields[2], fields[3], strtoull(fields[1], &end, 10)};
    return !errno && !*end && strspn(fields[1], "0123456789") == strlen(fields[1]);
}

/* ---- reading ---- */

/* By outputs, and those of one in the order of the text. */
static int by_output(const void *a, const void *b)
{
    const line *x = a, *y = b;
    const int order = strcmp(x->output, y->output);
    return order ? order : (x->output > y->output) - (x->output < y->output);
}

static int find_output(const void *output, const void *one)
{
    return strcmp(output, ((const line *)one)->output);
}

/* Reads the file as it is now; others may be appending. */
static bool read_text(cli_sources *s, size_t *size)
{
    struct stat about;
    const size_t most = cli_limited(MOST);
    *size = 0;
    if (stat(s->path, &about))
        return errno == ENOENT || errno == ENOTDIR ||
               cli_fail("cannot read %s: %s", s->path, strerror(errno));
    if (!S_ISREG(about.st_mode) || (uint64_t)about.st_size > most)
        return cli_fail("%s is no list of sources: a text of at most %zu bytes was expected",
                        s->path, most);
    FILE *in = cli_fopen(s->path, "rb");
    if (!in)
        return cli_fail("cannot read %s: %s", s->path, strerror(errno));
    bool ok = (s->text = cli_alloc((size_t)about.st_size + 1, 1)) != NULL;
    if (ok) {
        *size = fread(s->text, 1, (size_t)about.st_size, in);
        ok = !ferror(in) || cli_fail("cannot read %s: %s", s->path, strerror(errno));
    }
    fclose(in);
    return ok;
}

/* Keeps the lines that are whole, of each output the last. */
static bool index_lines(cli_sources *s, size_t size)
{
    size_t most = 0, kept = 0;
    for (size_t i = 0; i < size; i++) {
        most += s->text[i] == '\n';
        if (!s->text[i])
            s->text[i] = 1; /* which no line has */
    }
    const size_t limit = cli_limited(MOST);
    if (most > (limit - size) / sizeof *s->lines)
        return cli_fail("%s: its %zu lines would take more than %zu bytes of memory", s->path,
                        most, limit);
    if (!(s->lines = cli_alloc(most, sizeof *s->lines)))
        return false;
    for (char *at = s->text, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        s->count += parse(&s->lines[s->count], at);
    }
    qsort(s->lines, s->count, sizeof *s->lines, by_output);
    for (size_t i = 0; i < s->count; i++)
        if (i + 1 == s->count || strcmp(s->lines[i].output, s->lines[i + 1].output))
            s->lines[kept++] = s->lines[i];
    s->count = kept;
    return true;
}

bool cli_sources_read(cli_sources *out, const char *folder)
{
    size_t size = strlen(folder) + sizeof NAME;
    *out = (cli_sources){.path = cli_alloc(size, 1)};
    if (!out->path)
        return false;
    snprintf(out->path, size, "%s%s", folder, NAME);
    if (!read_text(out, &size))
        return false;
    out->is_cut = size > 0 && out->text[size - 1] != '\n';
    return size == 0 || index_lines(out, size);
}

void cli_sources_free(cli_sources *s)
{
    free(s->path);
    free(s->text);
    free(s->lines);
    *s = (cli_sources){.path = NULL};
}

cli_source_state cli_sources_compare(const char **path, const cli_sources *s,
                                     const char *output, const cli_source *now)
{
    char *name = escape(output), *given = escape(now->path);
    cli_source_state state = CLI_SOURCE_FAILED;
    *path = NULL;
    if (name && given) {
        const line *was = s->count
                              ? bsearch(name, s->lines, s->count, sizeof *s->lines, find_output)
                              : NULL;
        *path = was ? was->path : NULL;
        state = !was                                                        ? CLI_SOURCE_UNKNOWN
                : was->bytes == now->bytes && !strcmp(was->mark, now->mark) ? CLI_SOURCE_SAME
                : !strcmp(plain(was->path), plain(given))                   ? CLI_SOURCE_CHANGED
                                                          : CLI_SOURCE_ANOTHER;
    }
    free(name);
    free(given);
    return state;
}

/* ---- writing ---- */

/* By one call, which others' lines do not come between. */
static bool append(cli_sources *s, const char *text)
{
    const size_t size = strlen(text);
    ssize_t written;
    int file = cli_open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK);
    if (file < 0)
        return false;
    errno = 0;
    do
        written = write(file, text, size);
    while (written < 0 && errno == EINTR);
    if (written > 0)
        s->is_cut = (size_t)written < size;
    const int reason = errno ? errno : ENOSPC;
    close(file);
    errno = reason;
    return written >= 0 && (size_t)written == size;
}

/* A line that was cut off gets a field more, which makes it none. */
void cli_sources_add(cli_sources *s, const char *output, const cli_source *of)
{
    char *name = escape(output), *path = escape(of->path), *text = NULL;
    if (name && path) {
        const size_t size = strlen(name) + strlen(path) + sizeof of->mark + 32;
        text = cli_alloc(size, 1);
        if (text)
            snprintf(text, size, "%s%s\t%" PRIu64 "\t%s\t%s\n", s->is_cut ? "\t\n" : "", name,
                     of->bytes, of->mark, path);
    }
    if (text && !append(s, text) && !s->has_warned) {
        cli_note("warning: cannot write %s: %s; outputs without a line there are not compared "
                 "with their inputs",
                 s->path, strerror(errno));
        s->has_warned = true;
    }
    free(name);
    free(path);
    free(text);
}
