#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cli/progress.h"
#include "cli/text.h"

static const char *program_name = "unic";
static int32_t rank_number;

void cli_report_rank(int32_t rank)
{
    rank_number = rank;
}

void cli_make_printable(char *text)
{
    for (size_t size; *text; text += size ? size : 1) {
        size = cli_text_unprintable(text);
        memset(text, '?', size);
    }
}

static void say(const char *kind, const char *format, va_list args)
{
    char some[1024] = ""; /* where there is no memory for a longer one, its beginning */
    va_list again;
    va_copy(again, args);
    const int size = vsnprintf(some, sizeof some, format, again);
    va_end(again);
    char *whole = size < (int)sizeof some ? NULL : malloc((size_t)size + 1), *text = some;
    if (whole) {
        vsnprintf(whole, (size_t)size + 1, format, args);
        text = whole;
    }
    cli_make_printable(text);
    cli_progress_clear();
    fprintf(stderr, "%s: ", program_name);
    if (rank_number > 0)
        fprintf(stderr, "rank %d: ", rank_number);
    fputs(kind, stderr);
    fputs(text, stderr);
    fputc('\n', stderr);
    free(whole);
}

bool cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
    return false;
}

void cli_note(const char *format, ...)
{
    va_list args;
    if (rank_number > 0)
        return;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

static void log_line(unic_log_level level, const char *line, void *user)
{
    (void)user;
    cli_note("%s%s", level == UNIC_LOG_WARNING ? "warning: " : "", line);
}

void cli_report_log(bool on)
{
    unic_set_log(on ? log_line : NULL, NULL);
}

void cli_report_begin(const char *program)
{
    program_name = program;
    unic_set_log(log_line, NULL);
}

bool cli_ok(unic_status status)
{
    return status == UNIC_OK || cli_fail("%s", unic_last_error());
}

bool cli_fits(unic_status status, const char *path)
{
    return status == UNIC_E_SHAPE ? cli_fail("%s: %s", path, unic_last_error())
                                  : cli_ok(status);
}

int cli_exit_status(bool ok)
{
    bool written = !fflush(stdout) && !ferror(stdout);
    if ((fclose(stdout) && errno != EBADF) || !written) /* EBADF: the caller had closed it */
        ok = cli_fail("cannot write to standard output: %s", strerror(errno));
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

void *cli_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        cli_fail("out of memory (%zu x %zu bytes)", count, size);
    return memory;
}

const char *cli_duration(char *text, double seconds)
{
    uint64_t s = seconds < 0.0 ? 0 : (uint64_t)(seconds + 0.5);
    unsigned minutes = (unsigned)(s / 60 % 60), rest = (unsigned)(s % 60);
    if (s < 3600)
        snprintf(text, CLI_DURATION, "%u:%02u", minutes, rest);
    else
        snprintf(text, CLI_DURATION, "%llu:%02u:%02u", (unsigned long long)(s / 3600), minutes,
                 rest);
    return text;
}

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* getrusage() also counts what the process was before exec(): a large one that started this. */
uint64_t cli_peak_memory(void)
{
    static const char peak[] = "VmHWM:";
    struct rusage usage;
    unsigned long long kib = 0;
    char line[128];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && !kib && fgets(line, sizeof line, status))
        if (!strncmp(line, peak, strlen(peak)))
            kib = strtoull(line + strlen(peak), NULL, 10);
    if (status)
        fclose(status);
    getrusage(RUSAGE_SELF, &usage);
    return 1024 * (kib ? kib : (uint64_t)usage.ru_maxrss);
}
