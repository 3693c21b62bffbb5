#include "cli/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* Drops the lines of steps after `step`: they were taken after the last save. */
static bool trim(const char *path, uint64_t step)
{
    cli_output kept;
    char *line = NULL;
    size_t capacity = 0;
    struct stat about;
    if (!stat(path, &about) && !S_ISREG(about.st_mode))
        return true; /* what a pipe has taken is gone */
    FILE *old = cli_fopen(path, "r");
    if (!old)
        return errno == ENOENT || cli_fail("cannot read %s: %s", path, strerror(errno));
    bool ok = cli_output_open(&kept, path);
    while (ok && getline(&line, &capacity, old) >= 0)
        if (is_kept(line, step))
            fputs(line, kept.stream);
    if (ok && ferror(old)) {
        ok = cli_fail("cannot read %s", path);
        cli_output_discard(&kept);
    }
    free(line);
    fclose(old);
    return ok && cli_output_commit(&kept);
}

bool cli_log_open(cli_log *log, const char *path, uint64_t step)
{
    log->stream = NULL;
    log->path = path;
    if (!path)
        return true;
    if (step > 0 && !trim(path, step))
        return false;
    log->stream = cli_fopen(path, step > 0 ? "a" : "w");
    return log->stream || cli_fail("cannot write %s: %s", path, strerror(errno));
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
    bool ok = !log->stream || !fclose(log->stream);
    log->stream = NULL;
    return ok || cli_fail("cannot write %s: %s", log->path, strerror(errno));
}
