#include "cli/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

/* Whether a line is whole and of a step up to `step`. */
static bool is_kept(const char *line, uint64_t step)
{
    static const char begin[] = "{\"step\":";
    size_t length = strlen(line);
    return !strncmp(line, begin, sizeof begin - 1) && length > 0 && line[length - 1] == '\n' &&
           strtoull(line + sizeof begin - 1, NULL, 10) <= step;
}

/* What a run wrote, though a kill may have cut its first line short. */
static bool is_log(const char *first_line)
{
    static const char begin[] = "{\"step\":";
    size_t length = strlen(first_line);
    return !strncmp(first_line, begin, length < sizeof begin - 1 ? length : sizeof begin - 1);
}

/* A lock on a file that is open for writing; a file that cannot be locked goes without. */
static bool lock(FILE *file, const char *path)
{
    struct flock whole;
    memset(&whole, 0, sizeof whole);
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return !fcntl(fileno(file), F_SETLK, &whole) || (errno != EACCES && errno != EAGAIN) ||
           cli_fail("%s is being written by another run", path);
}

/* Copies the lines of steps up to `step`. */
static bool copy_kept(FILE *old, FILE *kept, const char *path, uint64_t step)
{
    char *line = NULL;
    size_t capacity = 0, lines = 0;
    bool ok = true;
    while (ok && getline(&line, &capacity, old) >= 0) {
        ok = lines++ > 0 || is_log(line) ||
             cli_fail("%s is no log of a run: its first line does not begin with {\"step\":",
                      path);
        if (ok && is_kept(line, step))
            fputs(line, kept);
    }
    free(line);
    return ok && (!ferror(old) || cli_fail("cannot read %s", path));
}

/* Drops the lines of steps after `step`: they were taken after the last save. `real` is the file
 * behind links, which is the one to rename another to. */
static bool trim(const char *real, const char *path, uint64_t step)
{
    cli_output kept;
    struct stat about;
    if (!stat(real, &about) && !S_ISREG(about.st_mode))
        return true; /* what a pipe has taken is gone */
    FILE *old = cli_fopen(real, "r+");
    if (!old)
        return cli_fail("cannot write %s: %s", path, strerror(errno));
    bool ok = lock(old, path) && cli_output_open(&kept, real);
    if (ok && !(ok = copy_kept(old, kept.stream, path, step)))
        cli_output_discard(&kept);
    fclose(old);
    return ok && cli_output_commit(&kept);
}

/* But for what a process has open, such as /dev/stdout. */
static bool trim_behind_links(const char *path, uint64_t step)
{
    if (!strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6))
        return true;
    char *real = realpath(path, NULL);
    const bool ok = real ? trim(real, path, step)
                         : errno == ENOENT ||
                               cli_fail("cannot read %s: %s", path, strerror(errno));
    free(real);
    return ok;
}

static bool append(cli_log *log)
{
    log->stream = cli_fopen(log->path, "a");
    if (!log->stream)
        return cli_fail("cannot write %s: %s", log->path, strerror(errno));
    return lock(log->stream, log->path);
}

/* The log of the run before is locked, and the new one begins beside it. */
static bool begin_beside(cli_log *log)
{
    char *real = realpath(log->path, NULL); /* a link stays one */
    log->before = real ? cli_fopen(real, "r+") : NULL;
    bool ok = log->before || cli_fail("cannot write %s: %s", log->path, strerror(errno));
    ok = ok && lock(log->before, log->path) && cli_output_open(&log->beside, real);
    log->stream = ok ? log->beside.stream : NULL;
    free(real);
    return ok;
}

bool cli_log_open(cli_log *log, const char *path, uint64_t step)
{
    struct stat about;
    *log = (cli_log){.path = path};
    if (!path)
        return true;
    if (step > 0)
        return trim_behind_links(path, step) && append(log);
    if (strncmp(path, "/dev/", 5) && strncmp(path, "/proc/", 6) && !stat(path, &about) &&
        S_ISREG(about.st_mode) && about.st_size > 0)
        return begin_beside(log);
    return append(log);
}

bool cli_log_keep(cli_log *log)
{
    if (!log->before)
        return true;
    bool ok = cli_output_commit(&log->beside);
    fclose(log->before);
    log->before = log->stream = NULL;
    return ok && append(log);
}

bool cli_log_write(cli_log *log, uint64_t step, uint64_t epoch, const char *kind,
                   const unic_trainer *trainer, const double *figures)
{
    FILE *out = log->stream;
    if (!out)
        return true;
    fprintf(out, "{\"step\":%llu,\"epoch\":%llu,\"%s\":{", (unsigned long long)step,
            (unsigned long long)epoch, kind);
    for (size_t i = 0; i < unic_trainer_figure_count(trainer); i++) {
        if (i)
            fputc(',', out);
        cli_json_text(out, unic_trainer_figure_name(trainer, i));
        fputc(':', out);
        cli_json_number(out, figures[i]);
    }
    fputs("}}\n", out);
    if (fflush(out) || ferror(out))
        return cli_fail("cannot write %s: %s", log->path, strerror(errno));
    return true;
}

bool cli_log_close(cli_log *log)
{
    bool ok = true;
    if (log->before) { /* the run was not saved, and the one before is as it was */
        cli_output_discard(&log->beside);
        fclose(log->before);
    } else
        ok = !log->stream || !fclose(log->stream);
    log->before = log->stream = NULL;
    return ok || cli_fail("cannot write %s: %s", log->path, strerror(errno));
}
