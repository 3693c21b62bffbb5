#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
    MESSAGE_BYTES = 1024,
    WHOLE_BYTES = 8192 /* room for the longest path, 4096, and for what is said about it */
};

static _Thread_local char message[MESSAGE_BYTES];
static _Thread_local bool exhausted;
static unic_log_fn log_fn;
static void *log_user;

static const char *const names[] = {
    [UNIC_OK] = "UNIC_OK",
    [UNIC_E_ARG] = "UNIC_E_ARG",
    [UNIC_E_SHAPE] = "UNIC_E_SHAPE",
    [UNIC_E_VALUE] = "UNIC_E_VALUE",
    [UNIC_E_NOMEM] = "UNIC_E_NOMEM",
    [UNIC_E_IO] = "UNIC_E_IO",
    [UNIC_E_FORMAT] = "UNIC_E_FORMAT",
    [UNIC_E_CONFIG] = "UNIC_E_CONFIG",
    [UNIC_E_STATE] = "UNIC_E_STATE",
    [UNIC_E_NOTFOUND] = "UNIC_E_NOTFOUND",
    [UNIC_E_NUMERIC] = "UNIC_E_NUMERIC",
    [UNIC_E_KERNEL] = "UNIC_E_KERNEL",
    [UNIC_E_MISMATCH] = "UNIC_E_MISMATCH",
    [UNIC_E_CANCELLED] = "UNIC_E_CANCELLED",
};

const char *unic_status_name(unic_status status)
{
    size_t i = (size_t)status;
    return i < sizeof names / sizeof names[0] ? names[i] : "UNIC_E_UNKNOWN";
}

const char *unic_last_error(void)
{
    return message;
}

const char *unic_version(void)
{
    return UNIC_VERSION_STRING;
}

/* Writes `whole` to `line`, printable. What does not fit loses its middle, for the call and the
 * argument stand at the front and the reason at the end; a long path stands between them. */
static void fit(char line[MESSAGE_BYTES], char *whole)
{
    static const char gap[] = " ... ";
    enum { BACK = 480, FRONT = MESSAGE_BYTES - BACK - (int)sizeof gap };
    unic__text_printable(whole); /* names from files are in it */
    size_t size = strlen(whole);
    if (size < MESSAGE_BYTES) {
        memcpy(line, whole, size + 1);
        return;
    }
    size_t front = FRONT;
    const char *back = whole + size - BACK;
    while (front && (whole[front] & 0xC0) == 0x80) /* no half characters of UTF-8 */
        front--;
    while ((*back & 0xC0) == 0x80)
        back++;
    snprintf(line, MESSAGE_BYTES, "%.*s%s%s", (int)front, whole, gap, back);
}

unic_status(unic__fail)(unic_status status, const char *format, ...)
{
    char whole[WHOLE_BYTES]; /* arguments may point into `message` */
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    fit(message, whole);
    exhausted = false;
    return status;
}

unic_status(unic__exhausted)(unic_status status)
{
    exhausted = true;
    return status;
}

bool unic__is_exhausted(unic_status status)
{
    return status == UNIC_E_NOMEM || (status != UNIC_OK && exhausted);
}

unic_status(unic__fail_in)(unic_status status, const char *format, ...)
{
    char whole[WHOLE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof whole)
        snprintf(whole + n, sizeof whole - (size_t)n, ": %s", message);
    fit(message, whole);
    return status;
}

unic_status(unic__no_memory)(size_t bytes, const char *what)
{
    return unic__fail(UNIC_E_NOMEM, "out of memory (%zu bytes for %s)", bytes, what);
}

void unic_set_log(unic_log_fn fn, void *user)
{
    log_fn = fn;
    log_user = user;
}

void unic__log_line(unic_log_level level, const char *format, ...)
{
    if (!log_fn)
        return;
    char whole[WHOLE_BYTES], line[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    fit(line, whole);
    log_fn(level, line, log_user);
}

/* Levenshtein distance; words longer than the table are infinitely far away. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t n = strlen(a), m = strlen(b), row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *unic__nearest_word(const char *word, const char *const *candidates, size_t n)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2; /* further than that is no typing mistake */
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, candidates[i]);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
