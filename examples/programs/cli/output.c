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

#include "cli/clip_table.h"
#include "cli/model.h"
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

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
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

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The path behind links; NULL, after a message, if it cannot be told. */
static char *real_path(const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    if (path && !real)
        cli_fail("cannot tell where %s is: %s", path, strerror(errno));
    return real;
}

/* The folder whose arrays and clips are read: the input, or that of a table of clips. */
static char *folder_of_clips(const char *input, bool is_folder)
{
    if (is_folder)
        return real_path(input);
    char *named = directory_of(input), *folder = real_path(named);
    free(named);
    return folder;
}

typedef enum is_input { IS_NOT, IS, CANNOT_TELL } is_input;

/* Whether `path` is there and is `input`, or an array or a clip that is read with it. */
static is_input is_of(const char *path, const char *input)
{
    struct stat out, in;
    if (stat(path, &out) || !S_ISREG(out.st_mode) || stat(input, &in))
        return IS_NOT;
    if (is_same_file(&out, &in))
        return IS;
    if (!S_ISDIR(in.st_mode) && !cli_table_size(input))
        return IS_NOT;
    char *real = real_path(path), *folder = folder_of_clips(input, S_ISDIR(in.st_mode));
    const size_t length = folder ? strlen(folder) : 0;
    is_input is = CANNOT_TELL;
    if (real && folder)
        is = !strncmp(real, folder, length) && real[length] == '/' &&
                     (cli_ends_with(real, ".npy") || cli_ends_with(real, ".zip"))
                 ? IS
                 : IS_NOT;
    free(real);
    free(folder);
    return is;
}

/* The same, where `input` may be "TABLE.csv:SPLIT". */
static is_input is_read(const char *path, const char *input)
{
    const size_t size = cli_table_size(input);
    is_input is = is_of(path, input);
    if (is != IS_NOT || !size || !input[size])
        return is;
    char *table = cli_alloc(size + 1, 1);
    if (table)
        memcpy(table, input, size);
    is = table ? is_of(path, table) : CANNOT_TELL;
    free(table);
    return is;
}

bool cli_output_is_input(const char *option, const char *path, const char *const *inputs,
                         size_t count)
{
    for (size_t i = 0; path && i < count; i++) {
        const is_input is = inputs[i] ? is_read(path, inputs[i]) : IS_NOT;
        if (is == IS)
            cli_fail("%s %s is an input", option, path);
        if (is != IS_NOT) /* what cannot be told has been said */
            return true;
    }
    return false;
}

bool cli_output_apart(const char *option, const char *path, const char *const *inputs,
                      size_t count)
{
    return !path ||
           (!cli_output_is_input(option, path, inputs, count) && cli_output_possible(path));
}

bool cli_output_ready(const char *option, const char *path, const char *const *inputs,
                      size_t count)
{
    return cli_output_apart(option, path, inputs, count) && (!path || cli_output_clear(path));
}

/* Whether both names, of files that may be there or not yet, are those of one file. */
static bool is_same_name(const char *one, const char *other)
{
    struct stat a, b;
    if (!stat(one, &a) && !stat(other, &b))
        return S_ISREG(a.st_mode) && is_same_file(&a, &b);
    char *one_folder = directory_of(one), *other_folder = directory_of(other);
    bool is = one_folder && other_folder && !stat(one_folder, &a) && !stat(other_folder, &b) &&
              is_same_file(&a, &b) && !strcmp(name_of(one), name_of(other));
    free(one_folder);
    free(other_folder);
    return is;
}

bool cli_outputs_differ(const char *option, const char *path, const char *other_option,
                        const char *other_path)
{
    return !path || !other_path || !is_same_name(path, other_path) ||
           cli_fail("%s and %s are both %s", option, other_option, path);
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

/* rename(), which some file systems alone have, but a file that is there stays. */
static int rename_first(const char *from, const char *to)
{
    if (link(from, to) && errno != EEXIST)
        return errno == EPERM || errno == ENOTSUP || errno == ENOSYS ? rename(from, to) : -1;
    unlink(from);
    return 0;
}

static bool commit(cli_output *output, int (*put)(const char *from, const char *to))
{
    bool ok = !fflush(output->stream) && !ferror(output->stream) &&
              cli_synchronise(fileno(output->stream));
    ok = !fclose(output->stream) && ok; /* some file systems tell only now that it is full */
    output->stream = NULL;
    ok = ok && !put(output->temporary, output->path);
    if (!ok) {
        cli_fail("cannot write %s: %s", output->path, strerror(errno));
        unlink(output->temporary);
    }
    close_output(output);
    return ok;
}

bool cli_output_commit(cli_output *output)
{
    return commit(output, rename);
}

bool cli_output_commit_first(cli_output *output)
{
    return commit(output, rename_first);
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
    const char *mark = name + kept_size(file);
    if (strncmp(name, file, kept_size(file)) || strncmp(mark, TEMPORARY, strlen(TEMPORARY)))
        return 0;
    const char *digits = mark + strlen(TEMPORARY);
    char *end;
    errno = 0;
    long process = strtol(digits, &end, 10);
    if (!isdigit((unsigned char)*digits) || errno || process <= 0 || *end != '-' || !end[1] ||
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

static void clear_names(const char *directory, const char *file, long process)
{
    DIR *names = cli_opendir(directory);
    for (const struct dirent *entry; names && (entry = readdir(names));)
        if (is_left(writer_of(entry->d_name, file), process))
            unlinkat(dirfd(names), entry->d_name, 0);
    if (names)
        closedir(names);
}

static bool clear_left(const char *path, long process)
{
    char *directory = directory_of(path);
    if (!directory)
        return false;
    clear_names(directory, name_of(path), process);
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
