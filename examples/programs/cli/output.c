#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/report.h"

static const char SUFFIX[] = ".XXXXXX";

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

bool cli_output_open(cli_output *output, const char *path)
{
    memset(output, 0, sizeof *output);
    if (!cli_output_possible(path))
        return false;
    size_t length = strlen(path);
    output->path = strdup(path);
    output->temporary = malloc(length + sizeof SUFFIX);
    if (!output->path || !output->temporary) {
        close_output(output);
        return cli_fail("out of memory for the path %s", path);
    }
    memcpy(output->temporary, path, length);
    memcpy(output->temporary + length, SUFFIX, sizeof SUFFIX);

    output->file = mkstemp(output->temporary);
    output->stream = output->file < 0 ? NULL : fdopen(output->file, "w");
    if (!output->stream) {
        cli_fail("cannot write %s: %s", path, strerror(errno));
        if (output->file >= 0) {
            close(output->file);
            unlink(output->temporary);
        }
        close_output(output);
        return false;
    }
    mode_t mask = umask(0); /* mkstemp makes the file private: give it a new file's mode */
    umask(mask);
    fchmod(output->file, 0666 & ~mask);
    return true;
}

bool cli_output_commit(cli_output *output)
{
    bool ok = !fflush(output->stream) && !ferror(output->stream) && !fsync(output->file) &&
              !rename(output->temporary, output->path);
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
