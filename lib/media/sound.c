/* Sound: decoded, averaged over its channels and resampled, in blocks of any size. */
#include <math.h>
#include <string.h>

#include "media/media.h"

enum { MIN_RATE = 1000, MAX_RATE = 768000, MAX_CHANNELS = 64 };

/* The most samples a second that are resampled, those of DSD512. FFmpeg's filter is as much longer as
 * a file says that its rate is higher: for 654 MHz it took 1.4 GB and 9 s. */
enum { MAX_RESAMPLED_RATE = 3072000 };

/* FFmpeg's filter is about 40 samples of the lower rate long. Of a sound that is shorter than it,
 * FFmpeg gives nothing, and of one that is a little longer, less than there is. */
enum { SHORT = 64 };

void unic__media_sound_close(unic__media_sound *sound)
{
    swr_free(&sound->resampler);
    av_channel_layout_uninit(&sound->layout);
    unic__media_track_close(&sound->track);
    memset(sound, 0, sizeof *sound);
}

unic_status unic_media_sound_begin(unic_media *media, int rate)
{
    if (!media)
        return unic__media_fail(UNIC_E_ARG, "unic_media_sound_begin: media is NULL");
    const char *name = media->input.name;
    if (rate && (rate < MIN_RATE || rate > MAX_RATE))
        return unic__media_fail(UNIC_E_ARG,
                                "unic_media_sound_begin: %s: rate is %d, expected %d..%d, or 0",
                                name, rate, MIN_RATE, MAX_RATE);
    if (media->sound_index < 0)
        return unic__media_fail(UNIC_E_NOTFOUND, "unic_media_sound_begin: %s: it has no sound",
                                name);
    unic__media_enter();
    unic__media_sound *sound = &media->sound;
    unic__media_sound_close(sound);
    unic_status status = unic__media_track_open(&sound->track, media, media->sound_index);
    if (status != UNIC_OK) {
        unic__media_sound_close(sound);
        return unic__media_leave(status);
    }
    sound->rate = rate ? rate : sound->track.codec->sample_rate;
    sound->begun = true;
    return unic__media_leave(UNIC_OK);
}

static unic_status check_form(const unic__media_sound *sound, const char *name,
                              const AVFrame *frame)
{
    int channels = frame->ch_layout.nb_channels, rate = frame->sample_rate;
    if (channels < 1 || channels > MAX_CHANNELS)
        return unic__media_fail(UNIC_E_FORMAT, "%s: its sound has %d channels, expected 1..%d",
                                name, channels, MAX_CHANNELS);
    if (rate < 1 || (rate != sound->rate && rate > MAX_RESAMPLED_RATE))
        return unic__media_fail(UNIC_E_FORMAT,
                                "%s: its sound has %d samples a second, expected 1..%d, or any "
                                "number if it is read at its own rate (0)",
                                name, rate, MAX_RESAMPLED_RATE);
    return UNIC_OK;
}

/* A resampler for frames such as this one: every channel weighs the same. */
static int make_resampler(unic__media_sound *sound, const AVFrame *frame)
{
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO; /* FFmpeg 5 takes no const one */
    double weights[MAX_CHANNELS];
    int channels = frame->ch_layout.nb_channels;
    swr_free(&sound->resampler);
    sound->taken = sound->given = sound->dropped = 0;
    sound->due = INT64_MAX;
    int code = av_channel_layout_copy(&sound->layout, &frame->ch_layout);
    sound->format = frame->format;
    sound->from_rate = frame->sample_rate;
    if (code >= 0)
        code = swr_alloc_set_opts2(&sound->resampler, &mono, AV_SAMPLE_FMT_FLT, sound->rate,
                                   &sound->layout, frame->format, frame->sample_rate, 0, NULL);
    if (code >= 0)
        code = av_opt_set_sample_fmt(sound->resampler, "internal_sample_fmt",
                                     AV_SAMPLE_FMT_FLTP, 0);
    for (int i = 0; i < channels; i++)
        weights[i] = 1.0 / channels;
    if (code >= 0)
        code = swr_set_matrix(sound->resampler, weights, channels);
    return code < 0 ? code : swr_init(sound->resampler);
}

static unic_status resampling_failed(int code, const unic_media *media)
{
    return unic__media_fail_code(code, media->input.name, "resampling its sound failed");
}

static bool same_input(const unic__media_sound *sound, const AVFrame *frame)
{
    return sound->resampler && frame->format == sound->format &&
           frame->sample_rate == sound->from_rate &&
           !av_channel_layout_compare(&frame->ch_layout, &sound->layout);
}

/* Sound that begins late is preceded by silence; of sound that begins early, the first samples are
 * dropped. Less than a millisecond is a container's rounding. */
static int align_start(unic__media_sound *sound)
{
    double late = sound->track.time;
    if (late >= 1e-3)
        sound->silence = llround(late * sound->rate);
    if (late <= -1e-3 && late > -1e3)
        sound->dropped = llround(-late * sound->rate);
    return swr_drop_output(sound->resampler, (int)sound->dropped);
}

/* No more frames of this form. Silence behind a short sound fills the filter; as many samples are
 * due as the sound lasts, one at least. */
static int end_form(unic__media_sound *sound)
{
    const double ratio = (double)sound->from_rate / sound->rate;
    const int room = (int)ceil(SHORT * fmax(ratio, 1));
    if (ratio == 1 || !sound->taken || sound->taken >= room)
        return 0;
    sound->due = llround(fmax((double)sound->taken / ratio, 1)) - sound->dropped;
    sound->due = sound->due > 0 ? sound->due : 0;
    return swr_inject_silence(sound->resampler, room);
}

/* The silence in front, then what the resampler holds, or, with `flush`, its rest too. */
static int pull(unic__media_sound *sound, float *samples, size_t room, bool flush)
{
    uint8_t *to[] = {(uint8_t *)samples};
    const uint8_t *none[MAX_CHANNELS] = {0};
    int most = room > 1 << 20 ? 1 << 20 : (int)room;
    if (sound->silence) {
        most = most < sound->silence ? most : (int)sound->silence;
        memset(samples, 0, (size_t)most * sizeof *samples);
        sound->silence -= most;
        return most;
    }
    most = most < sound->due - sound->given ? most : (int)(sound->due - sound->given);
    if (most <= 0)
        return 0;
    int got = swr_convert(sound->resampler, to, most, flush ? NULL : none, 0);
    sound->given += got > 0 ? got : 0;
    return got;
}

/* The next frame into the resampler. A frame of another form waits until the old resampler is
 * empty: then this is called again, with the frame still in its place. */
static unic_status push(unic__media_sound *sound, unic_media *media)
{
    AVFrame *frame = sound->track.frame;
    int code = 0;
    if (!same_input(sound, frame)) {
        bool first = !sound->resampler;
        UNIC__MEDIA_TRY(check_form(sound, media->input.name, frame));
        code = make_resampler(sound, frame);
        if (code >= 0 && first)
            code = align_start(sound);
    }
    if (code >= 0)
        code = swr_convert(sound->resampler, NULL, 0,
                           (const uint8_t **)(void *)frame->extended_data, frame->nb_samples);
    sound->taken += frame->nb_samples;
    return code < 0 ? resampling_failed(code, media) : UNIC_OK;
}

/* Decode one frame more. The end, and a change of form, first empty the resampler. */
static unic_status step(unic__media_sound *sound, unic_media *media)
{
    bool got;
    if (sound->flushed && !sound->ended) { /* a frame of another form waits */
        sound->flushed = false;
        return push(sound, media);
    }
    UNIC__MEDIA_TRY(unic__media_track_step(&sound->track, media, &got));
    sound->ended = !got;
    if (got && (!sound->resampler || same_input(sound, sound->track.frame)))
        return push(sound, media);
    int code = sound->resampler ? end_form(sound) : 0;
    sound->flushed = true;
    return code < 0 ? resampling_failed(code, media) : UNIC_OK;
}

static unic_status read_block(size_t *count, unic_media *media, size_t max_count,
                              float *samples)
{
    unic__media_sound *sound = &media->sound;
    while (*count < max_count) {
        int got = sound->resampler
                      ? pull(sound, samples + *count, max_count - *count, sound->flushed)
                      : 0;
        if (got < 0)
            return resampling_failed(got, media);
        *count += (size_t)got;
        sound->count += got;
        if ((double)sound->count > media->options.max_seconds * sound->rate)
            return unic__media_fail(UNIC_E_NOMEM,
                                    "%s: its sound is longer than options.max_seconds, %g s",
                                    media->input.name, media->options.max_seconds);
        if (got)
            continue;
        if (sound->ended)
            return UNIC_OK;
        UNIC__MEDIA_TRY(step(sound, media));
    }
    return UNIC_OK;
}

unic_status unic_media_sound_read(size_t *count, unic_media *media, size_t max_count,
                                  float *samples)
{
    if (!count || !media || !samples || !max_count)
        return unic__media_fail(UNIC_E_ARG, "unic_media_sound_read: %s",
                                !count     ? "count is NULL"
                                : !media   ? "media is NULL"
                                : !samples ? "samples is NULL"
                                           : "max_count is 0, expected at least 1");
    *count = 0;
    if (!media->sound.begun)
        return unic__media_fail(
            UNIC_E_STATE, "unic_media_sound_read: %s: unic_media_sound_begin() comes first",
            media->input.name);
    unic__media_enter();
    unic_status status = read_block(count, media, max_count, samples);
    if (status != UNIC_OK) {
        *count = 0;
        unic__media_sound_close(&media->sound);
    }
    return unic__media_leave(status);
}
