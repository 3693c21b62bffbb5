/* Opening: the options, the source, and which streams are read. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

enum { MAX_THREADS = 64 };

static const unic_media_options defaults = {.struct_size = sizeof defaults,
                                            .threads = 1,
                                            .max_pixels = (int64_t)1 << 26,
                                            .max_seconds = 86400};

static unic_status take_options(unic_media_options *out, const unic_media_options *from,
                                const char *call)
{
    *out = defaults;
    if (!from)
        return UNIC_OK;
    if (from->struct_size < sizeof *from)
        return unic__media_fail(UNIC_E_ARG, "%s: options->struct_size is %zu, expected %zu",
                                call, from->struct_size, sizeof *from);
    if (from->threads < 0 || from->threads > MAX_THREADS)
        return unic__media_fail(UNIC_E_ARG, "%s: options.threads is %d, expected 0..%d", call,
                                (int)from->threads, MAX_THREADS);
    if (from->skip_damaged < 0 || from->skip_damaged > 1)
        return unic__media_fail(UNIC_E_ARG, "%s: options.skip_damaged is %d, expected 0 or 1",
                                call, (int)from->skip_damaged);
    if (from->max_pixels < 0 || from->max_pixels > INT32_MAX)
        return unic__media_fail(UNIC_E_ARG,
                                "%s: options.max_pixels is %lld, expected 0..2^31-1", call,
                                (long long)from->max_pixels);
    if (!(from->max_seconds >= 0 && from->max_seconds <= 1e9))
        return unic__media_fail(UNIC_E_ARG, "%s: options.max_seconds is %g, expected 0..1e9",
                                call, from->max_seconds);
    if (from->alpha < UNIC_MEDIA_ON_WHITE || from->alpha > UNIC_MEDIA_ALPHA_IGNORED)
        return unic__media_fail(UNIC_E_ARG, "%s: options.alpha is %d, no unic_media_alpha",
                                call, (int)from->alpha);
    if (from->reserved_int)
        return unic__media_fail(UNIC_E_ARG, "%s: options.reserved_int is not 0", call);
    for (size_t i = 0; i < sizeof from->reserved / sizeof from->reserved[0]; i++)
        if (from->reserved[i])
            return unic__media_fail(UNIC_E_ARG, "%s: options.reserved is not NULL", call);
    out->threads = from->threads ? from->threads : defaults.threads;
    out->skip_damaged = from->skip_damaged;
    out->alpha = from->alpha;
    out->max_pixels = from->max_pixels ? from->max_pixels : defaults.max_pixels;
    out->max_seconds = from->max_seconds > 0 ? from->max_seconds : defaults.max_seconds;
    return UNIC_OK;
}

static int choose(AVFormatContext *format, enum AVMediaType type)
{
    int found = av_find_best_stream(format, type, -1, -1, NULL, 0);
    return found >= 0 && !(format->streams[found]->disposition & AV_DISPOSITION_ATTACHED_PIC)
               ? found
               : -1;
}

static unic_status check_limits(const unic_media *media)
{
    const AVFormatContext *format = media->about.format;
    if (unic_media_seconds(media) > media->options.max_seconds)
        return unic__media_fail(
            UNIC_E_NOMEM, "%s: it lasts %g s, but options.max_seconds allows %g s",
            media->input.name, unic_media_seconds(media), media->options.max_seconds);
    if (media->frames_index < 0)
        return UNIC_OK;
    const AVCodecParameters *about = format->streams[media->frames_index]->codecpar;
    return unic__media_check_size(media, about->width, about->height);
}

/* A start below 0 is, as a rule, what a decoder drops in front of the sound, no time that is heard or
 * seen. It is time that passes where frames begin there, where FFmpeg counts it back from the place at
 * which short stamps run over (MPEG-TS and -PS, every 26.5 hours), or where no decoder drops so much. */
static bool starts_below_0(const unic_media *media)
{
    AVFormatContext *format = media->about.format;
    const int indices[] = {media->sound_index, media->frames_index};
    bool short_stamps = false;
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++)
        short_stamps |= indices[i] >= 0 && format->streams[indices[i]]->pts_wrap_bits < 63;
    const int64_t frames = media->frames_index >= 0
                               ? format->streams[media->frames_index]->start_time
                               : AV_NOPTS_VALUE;
    return short_stamps || (frames != AV_NOPTS_VALUE && frames < 0) ||
           format->start_time < -AV_TIME_BASE;
}

static unic_status look_inside(unic_media *media)
{
    UNIC__MEDIA_TRY(unic__media_demuxer_open(&media->about, &media->input, &media->options));
    AVFormatContext *format = media->about.format;
    media->sound_index = choose(format, AVMEDIA_TYPE_AUDIO);
    media->frames_index = choose(format, AVMEDIA_TYPE_VIDEO);
    if (media->sound_index < 0 && media->frames_index < 0)
        return unic__media_fail(UNIC_E_FORMAT,
                                "%s: it has neither sound nor frames (format %s)",
                                media->input.name, format->iformat->name);
    if (format->start_time != AV_NOPTS_VALUE &&
        (format->start_time > 0 || starts_below_0(media)))
        media->origin = (double)format->start_time / AV_TIME_BASE;
    return check_limits(media);
}

/* From a path or a source, of which one is NULL. A source is closed whatever comes of it. */
static unic_status open_either(unic_media **out, const char *path, const unic_source *source,
                               const unic_media_options *options, const char *call)
{
    unic_media *media = calloc(1, sizeof *media);
    if (!media) {
        if (source && source->close)
            source->close(source->user);
        return unic__media_fail(UNIC_E_NOMEM, "%s: out of memory", call);
    }
    unic_status status = path ? unic__media_input_open_file(&media->input, path)
                              : unic__media_input_open(&media->input, source);
    if (status == UNIC_OK)
        status = take_options(&media->options, options, call);
    if (status == UNIC_OK) {
        unic__media_enter();
        status = unic__media_leave(look_inside(media));
    }
    if (status != UNIC_OK) {
        unic_media_free(media);
        return status;
    }
    *out = media;
    return UNIC_OK;
}

unic_status unic_media_open(unic_media **out, const char *path,
                            const unic_media_options *options)
{
    if (out)
        *out = NULL;
    if (!out || !path)
        return unic__media_fail(UNIC_E_ARG, "unic_media_open: %s is NULL",
                                out ? "path" : "out");
    return open_either(out, path, NULL, options, "unic_media_open");
}

unic_status unic_media_open_source(unic_media **out, const unic_source *source,
                                   const unic_media_options *options)
{
    static const char call[] = "unic_media_open_source";
    if (out)
        *out = NULL;
    if (!source || source->struct_size < sizeof *source || !source->read_at || source->size < 0)
        return unic__media_fail(UNIC_E_ARG, "%s: %s", call,
                                !source ? "source is NULL"
                                : source->struct_size < sizeof *source
                                    ? "source->struct_size is too small"
                                : !source->read_at ? "source->read_at is NULL"
                                                   : "source->size is negative");
    if (!out) {
        if (source->close)
            source->close(source->user);
        return unic__media_fail(UNIC_E_ARG, "%s: out is NULL", call);
    }
    return open_either(out, NULL, source, options, call);
}

void unic_media_free(unic_media *media)
{
    if (!media)
        return;
    unic__media_enter();
    unic__media_sound_close(&media->sound);
    unic__media_frames_close(&media->frames);
    unic__media_demuxer_close(&media->about);
    unic__media_input_close(&media->input);
    unic__media_leave(UNIC_OK);
    free(media);
}
