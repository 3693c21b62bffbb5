/*
 * What the files of libunicode-media share. One handle has up to three demuxers over one source:
 * one that only knows what the file holds, one for sound and one for frames, each opened when it is
 * first needed. So either is read at its own pace, and no packets wait for the other.
 */
#ifndef UNIC_MEDIA_MEDIA_H
#define UNIC_MEDIA_MEDIA_H

#include <stdbool.h>

#include "media/ffmpeg.h"
#include "unicode/unic_media.h"

enum { UNIC__MEDIA_MAX_SIDE = 16384 };

/* ---- messages (message.c) ---- */

/* Every exported call that reaches FFmpeg begins with enter and ends with leave, which returns its
 * status: between them FFmpeg's log is kept for messages. */
void unic__media_enter(void);
unic_status unic__media_leave(unic_status status);
unic_status unic__media_fail(unic_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "`name`: `what`: FFmpeg's words for the code (the last line of its log)". */
unic_status unic__media_fail_code(int code, const char *name, const char *what);

/* UNIC_E_NOMEM for frames of more than options.max_pixels. A size of 0 is not known: then it is that
 * of the frame which FFmpeg refused for its size in this call, if there was one. */
unic_status unic__media_check_size(const unic_media *media, int64_t width, int64_t height);
/* What was refused so far was no frame of the stream that is read. */
void unic__media_forget_size(void);

/* The `opaque` of every decoder of this library. */
void *unic__media_owner(void);

#define UNIC__MEDIA_TRY(call)                                                                  \
    do {                                                                                       \
        unic_status try_status = (call);                                                       \
        if (try_status != UNIC_OK)                                                             \
            return try_status;                                                                 \
    } while (0)

/* ---- the file (input.c) ---- */

/* A source of the caller's, or a file as one. */
typedef struct unic__media_input {
    unic_source source;
    char *name;
    unic_status failed; /* of the last read that failed, which FFmpeg may take for the end */
    int error;          /* the system's reason for that; 0: a source's */
} unic__media_input;

unic_status unic__media_input_open_file(unic__media_input *input, const char *path);
unic_status unic__media_input_open(unic__media_input *input, const unic_source *source);
void unic__media_input_close(unic__media_input *input);
/* `failed`, with a message. */
unic_status unic__media_input_failure(const unic__media_input *input);

/* A demuxer over an input. */
typedef struct unic__media_demuxer {
    unic__media_input *input;
    int64_t position;
    bool refused; /* the file asked for others */
    AVIOContext *io;
    AVFormatContext *format;
} unic__media_demuxer;

unic_status unic__media_demuxer_open(unic__media_demuxer *demuxer, unic__media_input *input,
                                     const unic_media_options *options);
void unic__media_demuxer_close(unic__media_demuxer *demuxer); /* zeroed is fine */

/* ---- a stream that is decoded (track.c) ---- */

typedef struct unic__media_track {
    unic__media_demuxer demuxer;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame; /* the present one                                                    */
    double time;    /* its time                                                           */
    double before;  /* the last time that was less                                        */
    double next;    /* the time of a frame that says none                                 */
    double shift;   /* of times that began anew, to those before                          */
    double shift_before, anew_from, anew_at; /* before they did last, and the times around it */
    bool has_time;      /* `time` is that of a frame before, since the start or the last seek */
    bool drained;       /* all packets are given to the decoder                               */
    bool after_seek;    /* frames are passed over until one needs no others */
    bool times_guessed; /* a packet did not say when it is shown (avi), or times began anew:
                           counted from the start alone are times right */
} unic__media_track;

/* At the first frame, `index` being the stream. An open track is opened again. */
unic_status unic__media_track_open(unic__media_track *track, unic_media *media, int index);
void unic__media_track_close(unic__media_track *track); /* zeroed is fine */
/* Decode the next frame; *got is false at the end. */
unic_status unic__media_track_step(unic__media_track *track, unic_media *media, bool *got);
/* Go to the last key frame at or before `seconds`, as far as the format can. */
bool unic__media_track_seek(unic__media_track *track, double seconds);

/* ---- sound (sound.c) and frames (frames.c, picture.c) ---- */

typedef struct unic__media_sound {
    unic__media_track track;
    SwrContext *resampler;
    AVChannelLayout layout; /* what the resampler takes */
    int format, from_rate, rate;
    int64_t silence; /* samples of it that are still to be written, in front          */
    int64_t count;   /* samples written                                               */
    int64_t taken, given, due; /* by the present resampler, of it, and at most        */
    int64_t dropped;           /* of its first samples                                */
    bool begun, ended, flushed;
} unic__media_sound;

void unic__media_sound_close(unic__media_sound *sound);

/* What turns a frame as it is stored into one as it is shown: column x and row y of a pixel go to
 * a x + c y and b x + d y, up to a shift. One of a and c is 0, the others are 1 or -1. */
typedef struct unic__media_turn {
    int a, b, c, d;
} unic__media_turn;

unic__media_turn unic__media_turn_of(const AVStream *stream);

/* Scales frames to RGB; what it holds fits the last frame. */
typedef struct unic__media_scaler {
    struct SwsContext *context;
    uint8_t *data[4];
    int lines[4], width, height;
} unic__media_scaler;

/* UNIC_E_FORMAT for colours that libswscale would take for others. */
unic_status unic__media_check_colours(const unic_media *media, const AVFrame *frame);
unic_status unic__media_scale(unic__media_scaler *scaler, const AVFrame *frame,
                              unic__media_turn turn, int alpha, int width, int height,
                              uint8_t *rgb);
void unic__media_scaler_close(unic__media_scaler *scaler);

typedef struct unic__media_frames {
    unic__media_track track;
    AVFrame *held, *ahead; /* the frame at the last time asked for, and the one after it */
    double held_time, ahead_time;
    bool open, has_held, has_ahead, ended;
    bool from_the_start; /* seeking would give wrong times */
    double *times;       /* of all frames, once they were asked for */
    size_t count;
    bool counted;
    unic__media_turn turn;
    unic__media_scaler scaler;
} unic__media_frames;

void unic__media_frames_close(unic__media_frames *frames);

/* Whether the file is a picture, which has one frame (about.c). */
bool unic__media_is_picture(const unic_media *media);

struct unic_media {
    unic_media_options options; /* with the defaults filled in */
    unic__media_input input;
    unic__media_demuxer about;
    double origin;                 /* the file's time that is 0 in ours, seconds */
    int sound_index, frames_index; /* -1: none */
    size_t damaged;
    unic__media_sound sound;
    unic__media_frames frames;
};

#endif
