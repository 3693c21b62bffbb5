/* Frames by time. Two neighbours are held, so that ascending times decode each frame once. */
#include <math.h>
#include <string.h>

#include "media/media.h"

enum { MAX_FRAMES = 1 << 23, SEEK_SECONDS = 8 };

void unic__media_frames_close(unic__media_frames *frames)
{
    av_frame_free(&frames->held);
    av_frame_free(&frames->ahead);
    av_freep(&frames->times);
    unic__media_scaler_close(&frames->scaler);
    unic__media_track_close(&frames->track);
    memset(frames, 0, sizeof *frames);
}

static void forget(unic__media_frames *frames)
{
    av_frame_unref(frames->held);
    av_frame_unref(frames->ahead);
    frames->has_held = frames->has_ahead = frames->ended = false;
}

/* At the first frame. Opening the file again is the one way back that every format has. */
static unic_status rewind_frames(unic__media_frames *frames, unic_media *media)
{
    if (!frames->held)
        frames->held = av_frame_alloc();
    if (!frames->ahead)
        frames->ahead = av_frame_alloc();
    if (!frames->held || !frames->ahead)
        return unic__media_fail(UNIC_E_NOMEM, "%s: out of memory", media->input.name);
    forget(frames);
    frames->open = false;
    UNIC__MEDIA_TRY(unic__media_track_open(&frames->track, media, media->frames_index));
    frames->turn = unic__media_turn_of(frames->track.stream);
    /* FFmpeg calls frames of it whole that are changes of others. */
    frames->from_the_start |= frames->track.codec->codec_id == AV_CODEC_ID_APNG;
    frames->open = true;
    return UNIC_OK;
}

/* Decode the next frame. What stands behind a picture in its file, as the map of brightness behind a
 * phone's, is no frame of a film. */
static unic_status next_frame(unic__media_frames *frames, unic_media *media, bool *got)
{
    *got = false;
    if (frames->track.has_time && unic__media_is_picture(media))
        return UNIC_OK;
    return unic__media_track_step(&frames->track, media, got);
}

/* Decode until the frame ahead is one that comes after `at`, or the film ends. */
static unic_status advance(unic__media_frames *frames, unic_media *media, double at)
{
    while (!frames->ended && (!frames->has_ahead || frames->ahead_time <= at)) {
        bool got;
        UNIC__MEDIA_TRY(next_frame(frames, media, &got));
        if (frames->has_ahead) {
            AVFrame *free_one = frames->held;
            frames->held = frames->ahead;
            frames->held_time = frames->ahead_time;
            frames->has_held = true;
            frames->ahead = free_one;
            av_frame_unref(frames->ahead);
        }
        frames->has_ahead = got;
        frames->ended = !got;
        if (got) {
            av_frame_move_ref(frames->ahead, frames->track.frame);
            frames->ahead_time = frames->track.time;
        }
    }
    return UNIC_OK;
}

/* Go on at a key frame before `at`; *found is false if the format gave none, and the place is lost. */
static unic_status jump(unic__media_frames *frames, unic_media *media, double at, bool *found)
{
    static const double back[] = {0, 1, SEEK_SECONDS};
    *found = false;
    frames->from_the_start |= frames->track.times_guessed;
    for (size_t i = 0; !*found && !frames->from_the_start && i < sizeof back / sizeof back[0];
         i++) {
        double to = at - back[i];
        if (to <= 0 || !unic__media_track_seek(&frames->track, to + media->origin))
            return UNIC_OK;
        forget(frames);
        UNIC__MEDIA_TRY(advance(frames, media, at));
        frames->from_the_start |= frames->track.times_guessed;
        if (frames->from_the_start)
            return UNIC_OK;
        *found = frames->has_held;
    }
    return UNIC_OK;
}

/* To where decoding on leads to the frame at `at`: here, a key frame before it, or the start. */
static unic_status approach(unic__media_frames *frames, unic_media *media, double at)
{
    bool found;
    if (!frames->open)
        UNIC__MEDIA_TRY(rewind_frames(frames, media));
    double reached = frames->has_ahead  ? frames->ahead_time
                     : frames->has_held ? frames->held_time
                                        : 0;
    bool behind_us = frames->has_held && at < frames->held_time;
    if (!behind_us && (frames->ended || at <= reached + SEEK_SECONDS))
        return UNIC_OK;
    if (!behind_us && frames->from_the_start)
        return UNIC_OK;
    UNIC__MEDIA_TRY(jump(frames, media, at, &found));
    return found ? UNIC_OK : rewind_frames(frames, media);
}

/* The frame that is shown at a time. */
static unic_status find(const AVFrame **out, double *time, unic_media *media, double at)
{
    unic__media_frames *frames = &media->frames;
    at += 1e-6;
    UNIC__MEDIA_TRY(approach(frames, media, at));
    UNIC__MEDIA_TRY(advance(frames, media, at));
    if (!frames->has_held && !frames->has_ahead)
        return unic__media_fail(UNIC_E_NOTFOUND, "%s: its film has no frame",
                                media->input.name);
    *out = frames->has_held ? frames->held : frames->ahead;
    *time = frames->has_held ? frames->held_time : frames->ahead_time;
    return UNIC_OK;
}

static unic_status has_frames(const unic_media *media, const char *call)
{
    if (!media)
        return unic__media_fail(UNIC_E_ARG, "%s: media is NULL", call);
    return media->frames_index >= 0
               ? UNIC_OK
               : unic__media_fail(UNIC_E_NOTFOUND, "%s: %s: it has no frames", call,
                                  media->input.name);
}

static unic_status check_size(const unic_media *media, int width, int height)
{
    if (width < 1 || height < 1 || width > UNIC__MEDIA_MAX_SIDE ||
        height > UNIC__MEDIA_MAX_SIDE)
        return unic__media_fail(UNIC_E_ARG,
                                "unic_media_frame_at: %s: size is %d x %d, expected 1..%d each",
                                media->input.name, width, height, UNIC__MEDIA_MAX_SIDE);
    if ((int64_t)width * height > media->options.max_pixels)
        return unic__media_fail(
            UNIC_E_ARG,
            "unic_media_frame_at: %s: %d x %d is more than options.max_pixels, %lld",
            media->input.name, width, height, (long long)media->options.max_pixels);
    return UNIC_OK;
}

unic_status unic_media_frame_at(double *time, unic_media *media, double at, int width,
                                int height, uint8_t *rgb)
{
    const AVFrame *frame = NULL;
    double begins = 0;
    UNIC__MEDIA_TRY(has_frames(media, "unic_media_frame_at"));
    UNIC__MEDIA_TRY(check_size(media, width, height));
    if (!rgb || !isfinite(at))
        return unic__media_fail(UNIC_E_ARG, "unic_media_frame_at: %s: %s", media->input.name,
                                rgb ? "`at` is not finite" : "rgb is NULL");
    unic__media_enter();
    unic__media_frames *frames = &media->frames;
    unic_status status = find(&frame, &begins, media, at);
    if (status == UNIC_OK)
        status = unic__media_check_colours(media, frame);
    if (status == UNIC_OK)
        status = unic__media_scale(&frames->scaler, frame, frames->turn, media->options.alpha,
                                   width, height, rgb);
    if (status != UNIC_OK)
        frames->open = false; /* the next call begins anew */
    else if (time)
        *time = begins;
    return unic__media_leave(status);
}

/* The times of all frames, from a pass of its own. */
static unic_status count_frames(unic__media_frames *frames, unic_media *media)
{
    size_t room = 0;
    UNIC__MEDIA_TRY(rewind_frames(frames, media));
    frames->open = false; /* this leaves the position at the end */
    for (frames->count = 0;; frames->count++) {
        bool got;
        UNIC__MEDIA_TRY(next_frame(frames, media, &got));
        if (!got)
            break;
        if (frames->count == MAX_FRAMES)
            return unic__media_fail(UNIC_E_NOMEM, "%s: it has more than %d frames",
                                    media->input.name, MAX_FRAMES);
        if (frames->count == room) {
            room = room ? 2 * room : 1024;
            double *grown = av_realloc_array(frames->times, room, sizeof *grown);
            if (!grown)
                return unic__media_fail(UNIC_E_NOMEM, "%s: out of memory", media->input.name);
            frames->times = grown;
        }
        frames->times[frames->count] = frames->track.time;
    }
    frames->from_the_start |= frames->track.times_guessed;
    frames->counted = true;
    return UNIC_OK;
}

unic_status unic_media_frame_times(size_t *count, unic_media *media, size_t max_count,
                                   double *times)
{
    if (!count || (max_count && !times))
        return unic__media_fail(UNIC_E_ARG, "unic_media_frame_times: %s is NULL",
                                count ? "times" : "count");
    UNIC__MEDIA_TRY(has_frames(media, "unic_media_frame_times"));
    unic__media_frames *frames = &media->frames;
    if (!frames->counted) {
        unic__media_enter();
        UNIC__MEDIA_TRY(unic__media_leave(count_frames(frames, media)));
    }
    *count = frames->count;
    if (max_count && frames->count)
        memcpy(times, frames->times,
               (max_count < frames->count ? max_count : frames->count) * sizeof *times);
    return UNIC_OK;
}
