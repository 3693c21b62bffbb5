/* What a file says of itself: format, duration, streams, tags. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

const char *unic_media_format(const unic_media *media)
{
    return media ? media->about.format->iformat->name : "";
}

/* Pictures come through demuxers of their own, one for each format. */
bool unic__media_is_picture(const unic_media *media)
{
    const char *name = unic_media_format(media);
    size_t length = strlen(name);
    return length > 5 && !strcmp(name + length - 5, "_pipe");
}

/* From the rate of bits that its header says and the file's size, FFmpeg guesses how long a film lasts
 * that does not say it: at a varying rate that is wrong by any factor. Of sound it is near. */
static bool is_guessed(const unic_media *media)
{
    return media->frames_index >= 0 &&
           media->about.format->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
}

double unic_media_seconds(const unic_media *media)
{
    if (!media || unic__media_is_picture(media) || is_guessed(media) ||
        media->about.format->duration <= 0)
        return 0;
    return (double)media->about.format->duration / AV_TIME_BASE;
}

size_t unic_media_stream_count(const unic_media *media)
{
    return media ? media->about.format->nb_streams : 0;
}

static int32_t kind_of(const AVStream *stream)
{
    if (stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
        return UNIC_MEDIA_SOUND;
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
                   !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
               ? UNIC_MEDIA_FRAMES
               : UNIC_MEDIA_OTHER;
}

/* Sizes of a hostile file may be negative: then they are not known. */
static int32_t known(int size)
{
    return size > 0 ? size : 0;
}

static void describe_frames(unic_media_stream *out, const unic_media *media,
                            const AVStream *stream)
{
    unic__media_turn turn = unic__media_turn_of(stream);
    out->width = known(turn.a ? stream->codecpar->width : stream->codecpar->height);
    out->height = known(turn.a ? stream->codecpar->height : stream->codecpar->width);
    out->rotation = turn.a > 0 || (turn.a < 0 && turn.d > 0) ? 0
                    : turn.a                                 ? 180
                    : turn.b > 0                             ? 90
                                                             : 270;
    out->still = unic__media_is_picture(media);
    AVRational rate = stream->avg_frame_rate;
    out->frame_rate = !out->still && rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
}

unic_status unic_media_stream_get(unic_media_stream *stream, const unic_media *media,
                                  size_t index)
{
    unic_media_stream found = {.struct_size = sizeof found};
    if (!media || !stream || stream->struct_size < sizeof found)
        return unic__media_fail(UNIC_E_ARG, "unic_media_stream_get: %s",
                                !media    ? "media is NULL"
                                : !stream ? "stream is NULL"
                                          : "stream->struct_size is too small");
    if (index >= media->about.format->nb_streams)
        return unic__media_fail(UNIC_E_ARG,
                                "unic_media_stream_get: %s: index is %zu of %u streams",
                                media->input.name, index, media->about.format->nb_streams);
    const AVStream *from = media->about.format->streams[index];
    found.struct_size = stream->struct_size;
    found.kind = kind_of(from);
    found.chosen = (int)index == media->sound_index || (int)index == media->frames_index;
    found.codec = avcodec_get_name(from->codecpar->codec_id);
    if (from->duration > 0 && !unic__media_is_picture(media) && !is_guessed(media))
        found.seconds = (double)from->duration * av_q2d(from->time_base);
    if (found.kind == UNIC_MEDIA_SOUND) {
        found.rate = known(from->codecpar->sample_rate);
        found.channels = known(from->codecpar->ch_layout.nb_channels);
    } else if (found.kind == UNIC_MEDIA_FRAMES) {
        describe_frames(&found, media, from);
    }
    *stream = found;
    return UNIC_OK;
}

int unic_media_has(const unic_media *media, unic_media_kind kind)
{
    return media && ((kind == UNIC_MEDIA_SOUND && media->sound_index >= 0) ||
                     (kind == UNIC_MEDIA_FRAMES && media->frames_index >= 0));
}

/* The dictionary number `i` that tags come from, or NULL. */
static const AVDictionary *tags_of(const unic_media *media, int i)
{
    const AVFormatContext *format = media->about.format;
    int index = i == 1 ? media->sound_index : media->frames_index;
    return !i ? format->metadata : index >= 0 ? format->streams[index]->metadata : NULL;
}

size_t unic_media_tag_count(const unic_media *media)
{
    size_t count = 0;
    for (int i = 0; media && i < 3; i++)
        count += (size_t)av_dict_count(tags_of(media, i));
    return count;
}

unic_status unic_media_tag_get(const char **key, const char **value, const unic_media *media,
                               size_t index)
{
    if (!key || !value || !media)
        return unic__media_fail(UNIC_E_ARG, "unic_media_tag_get: %s is NULL",
                                !key     ? "key"
                                : !value ? "value"
                                         : "media");
    size_t left = index;
    for (int i = 0; i < 3; i++) {
        const AVDictionaryEntry *entry = NULL;
        while ((entry = av_dict_get(tags_of(media, i), "", entry, AV_DICT_IGNORE_SUFFIX)))
            if (!left--) {
                *key = entry->key;
                *value = entry->value;
                return UNIC_OK;
            }
    }
    return unic__media_fail(UNIC_E_ARG, "unic_media_tag_get: %s: index is %zu of %zu tags",
                            media->input.name, index, unic_media_tag_count(media));
}

size_t unic_media_damaged_count(const unic_media *media)
{
    return media ? media->damaged : 0;
}
