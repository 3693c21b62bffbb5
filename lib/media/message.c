/* Messages: this library's last error, and what FFmpeg logs meanwhile. */
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

enum { MESSAGE_BYTES = 1024, LINE_BYTES = 256 };

static _Thread_local char message[MESSAGE_BYTES];
static _Thread_local char last_line[LINE_BYTES]; /* of FFmpeg's log, in this call */
static _Thread_local bool inside;
static _Thread_local unsigned refused_width, refused_height; /* 0: no frame was, in this call */

const char *unic_media_last_error(void)
{
    return message;
}

/* Names and tags from files are in it. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = ' ';
}

void *unic__media_owner(void)
{
    static char owner;
    return &owner;
}

/* What logs on behalf of another object; NULL: on its own. */
static void *parent_of(const void *object)
{
    const AVClass *const is = *(const AVClass *const *)object;
    void *parent = NULL;
    if (is && is->parent_log_context_offset)
        memcpy(&parent, (const char *)object + is->parent_log_context_offset, sizeof parent);
    return parent;
}

/* Decoders that were asked to run on threads log there, outside any call: they are known by their
 * `opaque`. */
static bool of_ours(void *object)
{
    enum { DEPTH = 4 };
    for (int i = 0; object && i < DEPTH; i++, object = parent_of(object))
        if (*(const AVClass *const *)object == avcodec_get_class())
            return ((AVCodecContext *)object)->opaque == unic__media_owner();
    return false;
}

/* FFmpeg refuses a frame of more than max_pixels under the code of damage: its log alone tells which
 * of the two it is, and the size that no header said. */
static void note_size(const char *line)
{
    static const char start[] = "Picture size ";
    const bool said = strstr(line, " exceeds specified max pixel count ") ||
                      strstr(line, " is invalid"); /* beyond what FFmpeg takes at all */
    if (!said || strncmp(line, start, sizeof start - 1) != 0)
        return;
    char *end;
    const unsigned long width = strtoul(line + sizeof start - 1, &end, 10);
    const unsigned long height = *end == 'x' ? strtoul(end + 1, NULL, 10) : 0;
    if (width && height && width <= INT_MAX && height <= INT_MAX) {
        refused_width = (unsigned)width;
        refused_height = (unsigned)height;
    }
}

static void receive(void *object, int level, const char *format, va_list args)
{
    if (!inside && !of_ours(object)) {
        av_log_default_callback(object, level, format, args);
        return;
    }
    if (level > AV_LOG_ERROR || !inside)
        return;
    char line[LINE_BYTES];
    vsnprintf(line, sizeof line, format, args);
    make_printable(line);
    note_size(line);
    size_t end = strlen(line);
    while (end && (line[end - 1] == ' ' || line[end - 1] == '.'))
        line[--end] = '\0';
    if (end)
        memcpy(last_line, line, end + 1);
}

static void take_the_log(void)
{
    av_log_set_callback(receive);
}

void unic__media_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, take_the_log);
    inside = true;
    last_line[0] = '\0';
    unic__media_forget_size();
}

void unic__media_forget_size(void)
{
    refused_width = refused_height = 0;
}

unic_status unic__media_check_size(const unic_media *media, int64_t width, int64_t height)
{
    if (width <= 0 && refused_width) { /* no header says it */
        width = refused_width;
        height = refused_height;
    }
    return width <= 0 || height <= media->options.max_pixels / width
               ? UNIC_OK
               : unic__media_fail(UNIC_E_NOMEM,
                                  "%s: its frames have %lld x %lld pixels, but "
                                  "options.max_pixels allows %lld",
                                  media->input.name, (long long)width, (long long)height,
                                  (long long)media->options.max_pixels);
}

unic_status unic__media_leave(unic_status status)
{
    inside = false;
    return status;
}

unic_status unic__media_fail(unic_status status, const char *format, ...)
{
    char whole[MESSAGE_BYTES]; /* arguments may point into `message` */
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    make_printable(whole);
    memcpy(message, whole, sizeof message);
    return status;
}

unic_status unic__media_fail_code(int code, const char *name, const char *what)
{
    char words[128];
    if (code == AVERROR(ENOMEM))
        return unic__media_fail(UNIC_E_NOMEM, "%s: %s: out of memory", name, what);
    if (av_strerror(code, words, sizeof words) < 0)
        snprintf(words, sizeof words, "error %d", code);
    return unic__media_fail(UNIC_E_FORMAT, "%s: %s: %s%s%s%s", name, what, words,
                            last_line[0] ? " (" : "", last_line, last_line[0] ? ")" : "");
}
