#include "cli/output.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/report.h"
#include "cli/text.h"

static const char TEMPORARY[] = ".tmp-";

/* The directory `path` is in; to be freed. */
static char *directory_of(const char *path)
{
    char *copy = strdup(path);
    char *name = copy ? strdup(dirname(copy)) : NULL;
    free(copy);
    if (!name)
        cli_fail("out of memory for the path %s", path);
    return name;
}

bool cli_output_possible(const char *path)
{
    struct stat s;
    if (!lstat(path, &s) && S_ISLNK(s.st_mode)) /* the rename would replace the link itself */
        return cli_fail("cannot write %s: it is a symbolic link; name the file itself", path);
    if (!lstat(path, &s) && !S_ISREG(s.st_mode))
        return cli_fail("cannot write %s: it is there and is no regular file", path);
    char *directory = directory_of(path);
    if (!directory)
        return false;
    bool ok = !access(directory, W_OK | X_OK);
    if (!ok)
        cli_fail("cannot write %s: the directory %s: %s", path, directory, strerror(errno));
    free(directory);
    return ok;
}

bool cli_output_apart(const char *option, const char *path, const char *const *inputs,
                      size_t count)
{
    struct stat out, in;
    if (!path)
        return true;
    for (size_t i = 0; i < count && !stat(path, &out); i++)
        if (inputs[i] && !stat(inputs[i], &in) && in.st_dev == out.st_dev &&
            in.st_ino == out.st_ino)
            return cli_fail("%s %s is an input", option, path);
    return cli_output_possible(path);
}

static void close_output(cli_output *o)
{
    if (o->stream)
        fclose(o->stream);
    free(o->path);
    free(o->temporary);
    memset(o, 0, sizeof *o);
}

/* How much of a file's name the name of its temporary begins with: at most 255 bytes in all. */
static size_t kept_size(const char *name)
{
    enum { LONGEST = 255, TAIL = 40 };
    size_t size = strlen(name);
    return size < LONGEST - TAIL ? size : LONGEST - TAIL;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A new file "<path>.tmp-<process>-<number>", as the library calls its own. */
static bool open_temporary(cli_output *o)
{
    enum { TRIES = 100, MORE = 64 };
    static unsigned number;
    size_t size = strlen(o->path) + MORE;
    const char *name = name_of(o->path);
    int kept = (int)((size_t)(name - o->path) + kept_size(name));
    o->temporary = cli_alloc(size, 1);
    int file = -1;
    for (int i = 0; o->temporary && file < 0 && i < TRIES; i++) {
        snprintf(o->temporary, size, "%.*s%s%ld-%u", kept, o->path, TEMPORARY, (long)getpid(),
                 number++);
        file = cli_open(o->temporary, O_RDWR | O_CREAT | O_EXCL);
        if (file < 0 && errno != EEXIST)
            break;
    }
    if (!o->temporary)
        return false;
    o->stream = file < 0 ? NULL : fdopen(file, "w");
    if (o->stream)
        return true;
    cli_fail("cannot write %s: %s", o->path, strerror(errno));
    if (file >= 0) {
        close(file);
        unlink(o->temporary);
    }
    return false;
}

bool cli_output_open(cli_output *output, const char *path)
{
    memset(output, 0, sizeof *output);
    if (!cli_output_possible(path))
        return false;
    output->path = strdup(path);
    bool ok = output->path ? open_temporary(output)
                           : cli_fail("out of memory for the path %s", path);
    if (!ok)
        close_output(output);
    return ok;
}

bool cli_synchronise(int file)
{
    int result;
    do
        result = fsync(file);
    while (result && errno == EINTR);
    return !result;
}

bool cli_output_commit(cli_output *output)
{
    bool ok = !fflush(output->stream) && !ferror(output->stream) &&
              cli_synchronise(fileno(output->stream));
    ok = !fclose(output->stream) && ok; /* some file systems tell only now that it is full */
    output->stream = NULL;
    ok = ok && !rename(output->temporary, output->path);
    if (!ok) {
        cli_fail("cannot write %s: %s", output->path, strerror(errno));
        unlink(output->temporary);
    }
    close_output(output);
    return ok;
}

void cli_output_discard(cli_output *output)
{
    if (output->stream)
        unlink(output->temporary);
    close_output(output);
}

/* ---- what processes left that were killed ---- */

/* The process of "<file>.tmp-<process>-<number>"; 0 if the name is another. */
static long writer_of(const char *name, const char *file)
{
    size_t length = kept_size(file), mark = strlen(TEMPORARY);
    char *end;
    if (strncmp(name, file, length) || strncmp(name + length, TEMPORARY, mark))
        return 0;
    name += length + mark;
    errno = 0;
    long process = strtol(name, &end, 10);
    if (!isdigit((unsigned char)*name) || errno || process <= 0 || *end != '-' || !end[1] ||
        end[1 + strspn(end + 1, "0123456789")])
        return 0;
    return process;
}

/* Those of the process, or, if that is 0, of all that are no more or that had our number. */
static bool is_left(long writer, long process)
{
    if (process || !writer)
        return writer && writer == process;
    return writer == (long)getpid() || (kill((pid_t)writer, 0) && errno == ESRCH);
}

static bool clear_left(const char *path, long process)
{
    char *directory = directory_of(path);
    if (!directory)
        return false;
    const char *file = name_of(path);
    DIR *names = opendir(directory);
    for (const struct dirent *entry; names && (entry = readdir(names));)
        if (is_left(writer_of(entry->d_name, file), process))
            unlinkat(dirfd(names), entry->d_name, 0);
    if (names)
        closedir(names);
    free(directory);
    return true;
}

bool cli_output_clear(const char *path)
{
    return clear_left(path, 0);
}

bool cli_output_clear_of(const char *path, long process)
{
    return clear_left(path, process);
}
