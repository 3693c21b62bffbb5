/* One stream, decoded frame by frame. What is damaged ends it, or is passed over and counted. */
#include <stdio.h>
#include <string.h>

#include "media/media.h"

static int open_decoder(unic__media_track *track, const unic_media_options *options)
{
    const AVCodec *decoder = avcodec_find_decoder(track->stream->codecpar->codec_id);
    if (!decoder)
        return AVERROR_DECODER_NOT_FOUND;
    track->codec = avcodec_alloc_context3(decoder);
    track->packet = av_packet_alloc();
    track->frame = av_frame_alloc();
    if (!track->codec || !track->packet || !track->frame)
        return AVERROR(ENOMEM);
    int code = avcodec_parameters_to_context(track->codec, track->stream->codecpar);
    if (code < 0)
        return code;
    track->codec->opaque = unic__media_owner();
    track->codec->pkt_timebase = track->stream->time_base;
    track->codec->thread_count = options->threads;
    track->codec->max_pixels = options->max_pixels;
    return avcodec_open2(track->codec, decoder, NULL);
}

unic_status unic__media_track_open(unic__media_track *track, unic_media *media, int index)
{
    unic__media_track_close(track);
    UNIC__MEDIA_TRY(unic__media_demuxer_open(&track->demuxer, &media->input, &media->options));
    AVFormatContext *format = track->demuxer.format;
    if ((unsigned)index >= format->nb_streams)
        return unic__media_fail(UNIC_E_IO, "%s: it has changed since it was opened",
                                media->input.name);
    for (unsigned i = 0; i < format->nb_streams; i++)
        format->streams[i]->discard = (int)i == index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    track->stream = format->streams[index];
    unic__media_forget_size();
    int code = open_decoder(track, &media->options);
    return code < 0 ? unic__media_fail_code(code, media->input.name, "its decoder failed")
                    : UNIC_OK;
}

void unic__media_track_close(unic__media_track *track)
{
    avcodec_free_context(&track->codec);
    av_packet_free(&track->packet);
    av_frame_free(&track->frame);
    unic__media_demuxer_close(&track->demuxer);
    memset(track, 0, sizeof *track);
}

bool unic__media_track_seek(unic__media_track *track, double seconds)
{
    AVFormatContext *format = track->demuxer.format;
    AVRational base = track->stream->time_base;
    double to = seconds / av_q2d(base);
    if (format->iformat->flags & AVFMT_NOTIMESTAMPS || !(to > -1e15 && to < 1e15) ||
        avformat_seek_file(format, track->stream->index, INT64_MIN, (int64_t)to, (int64_t)to,
                           0) < 0)
        return false;
    avcodec_flush_buffers(track->codec);
    track->drained = false;
    track->after_seek = true;
    track->has_time = false;
    return true;
}

/* A damaged part, under the code `code`; a frame beyond max_pixels is none. */
static unic_status damaged(const unic__media_track *track, unic_media *media, int code)
{
    char what[64];
    if (track->codec->codec_type == AVMEDIA_TYPE_VIDEO)
        UNIC__MEDIA_TRY(unic__media_check_size(media, 0, 0));
    if (media->options.skip_damaged && code != AVERROR(ENOMEM)) {
        media->damaged++;
        return UNIC_OK;
    }
    snprintf(what, sizeof what, "%s is damaged behind %.3f s",
             av_get_media_type_string(track->codec->codec_type), track->time);
    return unic__media_fail_code(code, media->input.name, what);
}

/* Of plain samples, a last packet that is cut off is only a shorter one. */
static bool cut_off(const unic__media_track *track)
{
    return track->packet->flags & AV_PKT_FLAG_CORRUPT &&
           !av_get_exact_bits_per_sample(track->codec->codec_id);
}

/* Give the decoder the stream's next packet, or tell it that there is none. */
static unic_status feed(unic__media_track *track, unic_media *media)
{
    int code = av_read_frame(track->demuxer.format, track->packet);
    if (media->input.failed)
        return unic__media_input_failure(&media->input);
    if (code < 0) {
        track->drained = true;
        avcodec_send_packet(track->codec, NULL);
        return code == AVERROR_EOF ? UNIC_OK : damaged(track, media, code);
    }
    unic_status status = UNIC_OK;
    if (track->packet->stream_index == track->stream->index) {
        if (track->packet->pts == AV_NOPTS_VALUE)
            track->times_guessed = true;
        if (cut_off(track))
            status = damaged(track, media, AVERROR_INVALIDDATA);
        code = status == UNIC_OK ? avcodec_send_packet(track->codec, track->packet) : 0;
        if (code < 0 && code != AVERROR_EOF)
            status = damaged(track, media, code);
    }
    av_packet_unref(track->packet);
    return status;
}

/* Where times begin anew, as in transport streams that were put behind one another, they go on. Not
 * for one frame whose time is wrong: if the last one was it, `time` is as before; if it is that of the
 * one before, times go back by no second. */
static double go_on(unic__media_track *track, double time)
{
    static const double anew = 1, soon = 0.5; /* seconds: that times go back by; that show it */
    const double shifted = track->shift - track->shift_before;
    if (shifted > 0 && track->time < track->anew_at + soon &&
        time - shifted >= track->anew_from) {
        track->shift = track->shift_before;
        return time - shifted;
    }
    if (time >= track->time - anew || time >= track->before - anew)
        return time;
    track->shift_before = track->shift;
    track->shift += track->next - time;
    track->anew_from = track->time;
    track->anew_at = track->next;
    track->times_guessed = true;
    return track->next;
}

/* The time of the frame, and its end. Where a file's times go back, a frame comes with the one before
 * it: who looks for a time must not find it twice. */
static unic_status take_time(unic__media_track *track, unic_media *media)
{
    const AVFrame *frame = track->frame;
    AVRational base = track->stream->time_base, rate = track->stream->avg_frame_rate;
    int64_t stamp = frame->best_effort_timestamp;
    double time = track->next;
    if (stamp != AV_NOPTS_VALUE)
        time = (double)stamp * base.num / base.den - media->origin + track->shift;
    if (track->has_time)
        time = go_on(track, time);
    if (!track->has_time || time > track->time) {
        track->before = track->has_time ? track->time : time;
        track->time = time;
    }
    track->has_time = true;
    double lasts = frame->nb_samples > 0 ? (double)frame->nb_samples / frame->sample_rate
                   : rate.num > 0 && rate.den > 0 ? (double)rate.den / rate.num
                                                  : 0.04;
    track->next = track->time + lasts;
    if (!(track->time <= media->options.max_seconds))
        return unic__media_fail(UNIC_E_NOMEM,
                                "%s: it goes on at %g s, but options.max_seconds allows %g s",
                                media->input.name, track->time, media->options.max_seconds);
    return UNIC_OK;
}

static bool incomplete(const AVFrame *frame)
{
    return frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags;
}

/* Behind a seek, frames that refer to earlier ones come out broken until one that does not. It must
 * say its time, too: there is none before it to go on from. */
static bool passed_over(unic__media_track *track)
{
    if (track->after_seek && (track->frame->pict_type != AV_PICTURE_TYPE_I ||
                              track->frame->best_effort_timestamp == AV_NOPTS_VALUE))
        return true;
    track->after_seek = false;
    return false;
}

unic_status unic__media_track_step(unic__media_track *track, unic_media *media, bool *got)
{
    *got = false;
    for (;;) {
        int code = avcodec_receive_frame(track->codec, track->frame);
        if (code == AVERROR_EOF)
            return UNIC_OK;
        if (code >= 0) {
            if (passed_over(track))
                continue;
            if (incomplete(track->frame))
                UNIC__MEDIA_TRY(damaged(track, media, AVERROR_INVALIDDATA));
            *got = true;
            return take_time(track, media);
        }
        if (code != AVERROR(EAGAIN))
            UNIC__MEDIA_TRY(damaged(track, media, code));
        if (track->drained) /* it fails although it was told the end */
            return UNIC_OK;
        UNIC__MEDIA_TRY(feed(track, media));
    }
}
