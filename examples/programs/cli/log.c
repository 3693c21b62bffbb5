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

static const char BEGIN[] = "{\"step\":";

/* The step of a whole line; 0 of what is none. */
static uint64_t step_of(const char *line)
{
    const size_t length = strlen(line), begin = sizeof BEGIN - 1;
    return length > begin && line[length - 1] == '\n' && !strncmp(line, BEGIN, begin)
               ? strtoull(line + begin, NULL, 10)
               : 0;
}

/* What a run wrote, though a kill may have cut its first line short. */
static bool is_log(const char *first_line)
{
    const size_t length = strlen(first_line), begin = sizeof BEGIN - 1;
    return !strncmp(first_line, BEGIN, length < begin ? length : begin);
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

/* Copies the lines of steps up to `step`. A log whose steps go beyond `most` is refused. */
static bool copy_kept(FILE *old, FILE *kept, const char *path, uint64_t step, uint64_t most)
{
    char *line = NULL;
    size_t capacity = 0, lines = 0;
    uint64_t last = 0;
    bool ok = true, is_cut = false; /* the last line */
    ssize_t length;
    while (ok && (length = getline(&line, &capacity, old)) > 0) {
        ok = lines++ > 0 || is_log(line) ||
             cli_fail("%s is no log of a run: its first line does not begin with {\"step\":",
                      path);
        const uint64_t at = step_of(line);
        last = at > last ? at : last;
        is_cut = line[length - 1] != '\n';
        if (ok && at > 0 && at <= step)
            fputs(line, kept);
    }
    if (ok && !feof(old)) /* nor was there memory for a line */
        ok = cli_fail("cannot read %s: %s", path, strerror(errno));
    free(line);
    if (ok && last > most)
        return cli_fail(
            "%s goes on to step %llu, but this run was saved at step %llu and would have saved "
            "again by step %llu: it is the log of another run, or of a later state of this "
            "one; name another --log",
            path, (unsigned long long)last, (unsigned long long)step, (unsigned long long)most);
    if (ok && is_cut && last + 1 == step)
        cli_note("warning: %s: the line of step %llu was cut short, as on a full disk, and is "
                 "dropped",
                 path, (unsigned long long)step);
    else if (ok && lines > 0 && last < step)
        cli_note("warning: %s ends at step %llu, and the run goes on from step %llu: is it the "
                 "log of this run?",
                 path, (unsigned long long)last, (unsigned long long)step);
    return ok;
}

/* Drops the lines of steps after `step`: they were taken after the last save. `real` is the file
 * behind links, which is the one to rename another to. */
static bool trim(const char *real, const char *path, uint64_t step, uint64_t most)
{
    cli_output kept;
    struct stat about;
    if (!stat(real, &about) && !S_ISREG(about.st_mode))
        return true; /* what a pipe has taken is gone */
    FILE *old = cli_fopen(real, "r+");
    if (!old)
        return cli_fail("cannot write %s: %s", path, strerror(errno));
    bool ok = lock(old, path) && cli_output_open(&kept, real);
    if (ok && !(ok = copy_kept(old, kept.stream, path, step, most)))
        cli_output_discard(&kept);
    fclose(old);
    return ok && cli_output_commit(&kept);
}

/* But for what a process has open, such as /dev/stdout. */
static bool trim_behind_links(const char *path, uint64_t step, uint64_t most)
{
    if (!strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6))
        return true;
    char *real = realpath(path, NULL);
    const bool ok = real ? trim(real, path, step, most)
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

bool cli_log_open(cli_log *log, const char *path, uint64_t step, uint64_t most)
{
    struct stat about;
    *log = (cli_log){.path = path};
    if (!path)
        return true;
    if (step > 0)
        return trim_behind_links(path, step, most) && append(log);
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
