/**
 * @file unic_media.h
 * Sound and frames from films, sound files and pictures, as feature extraction takes them.
 *
 * This header belongs to a library of its own, libunicode-media (`-lunicode-media`, pkg-config
 * `unicode-media`), which decodes with FFmpeg's libraries. libunicode does not need it, and it
 * needs of libunicode the headers alone. docs/media-decoding.md says what is read and what FFmpeg's
 * licence asks of who ships it.
 *
 * Times are seconds from the start of the file, which sound and frames share.
 */
#ifndef UNICODE_UNIC_MEDIA_H
#define UNICODE_UNIC_MEDIA_H

#include "unic_io.h"
#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A film, a sound or a picture that is open for reading. Opaque; used by one thread at a time.
 * Sound and frames are read independently of each other, and nothing but the present position of
 * each is held: memory does not grow with the duration. It is allocated by FFmpeg, not through
 * unic_set_allocator(). Decoding runs on the calling thread unless more are asked for.
 */
typedef struct unic_media unic_media;

/** Kinds of streams. Values are part of the ABI. */
typedef enum unic_media_kind {
    UNIC_MEDIA_OTHER = 0, /**< subtitles, data, an attached cover picture                    */
    UNIC_MEDIA_SOUND = 1, /**< read by unic_media_sound_read()                               */
    UNIC_MEDIA_FRAMES = 2 /**< read by unic_media_frame_at()                                 */
} unic_media_kind;

/** What becomes of an alpha channel. Values are part of the ABI. */
typedef enum unic_media_alpha {
    UNIC_MEDIA_ON_WHITE = 0, /**< the frame is laid on white, as pages show it             */
    UNIC_MEDIA_ON_BLACK = 1, /**< the frame is laid on black                               */
    UNIC_MEDIA_ALPHA_IGNORED =
        2 /**< what is stored under transparent pixels is seen          */
} unic_media_alpha;

/** Limits and choices for reading. A NULL pointer to it, and every 0, means the default. */
typedef struct unic_media_options {
    size_t struct_size;   /**< sizeof(unic_media_options)                                     */
    int32_t threads;      /**< threads that decode, 1..64; 0: 1                               */
    int32_t skip_damaged; /**< 0: the first damaged part of a stream ends its reading with
                               UNIC_E_FORMAT; 1: it is passed over, and counted by
                               unic_media_damaged_count()                                     */
    int64_t max_pixels;   /**< maximum of width x height of a stored or an asked-for frame,
                               up to 2^31 - 1; 0: 2^26. A decoder holds up to about 20 frames */
    double max_seconds;   /**< maximum duration, up to 1e9; 0: 86400, one day                 */
    int32_t alpha;        /**< a unic_media_alpha: what becomes of transparent pixels         */
    int32_t reserved_int; /**< 0                                                              */
    void *reserved[4];    /**< NULL                                                           */
} unic_media_options;

/** What is known of one stream. The caller sets `struct_size`. */
typedef struct unic_media_stream {
    size_t struct_size; /**< sizeof(unic_media_stream)                                        */
    int32_t kind;       /**< a unic_media_kind                                                */
    int32_t chosen;     /**< 1: the stream of its kind that is read; FFmpeg chooses it        */
    const char *codec;  /**< FFmpeg's name of it ("h264"); borrowed from the library          */
    double seconds;     /**< duration that the file says; 0: unknown. A stream may begin later
                             than the file                                                    */
    int32_t rate;       /**< of sound: samples a second                                       */
    int32_t channels;   /**< of sound                                                         */
    int32_t width;      /**< of frames as they are shown, after rotation by the stream's tag; a
                             picture's own (EXIF) is known when its frame is read             */
    int32_t height;     /**< of frames as they are shown, after rotation by the stream's tag  */
    int32_t rotation;   /**< of frames: degrees clockwise that the stream's tag turns them: 0,
                             90, 180, 270                                                     */
    int32_t still;      /**< of frames: 1 for a picture                                       */
    double frame_rate;  /**< of frames: mean number a second that the file says; 0: unknown   */
    void *reserved[4];  /**< NULL                                                             */
} unic_media_stream;

/**
 * The message of this thread's last failed call of this library: one line that names the file,
 * and what FFmpeg said last; "" if none has failed yet. Valid until this thread's next call that
 * fails. Never NULL. (unic_last_error() has the messages of libunicode itself.) Since 0.1.
 */
UNIC_API const char *unic_media_last_error(void);

/**
 * Open a film, a sound or a picture. The format goes by the contents, not by the name. A file can
 * make nothing else be opened: playlists and references to other files and hosts are refused.
 *
 * The first call in a process sets FFmpeg's log callback (av_log_set_callback()), once: what
 * FFmpeg says during calls of this library is kept for their messages and printed nowhere, all
 * else goes where FFmpeg sends it. A program that sets its own afterwards keeps that.
 * @param out      freed with unic_media_free().
 * @param path     a regular file.
 * @param options  may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if there is no such file; UNIC_E_IO;
 *         UNIC_E_FORMAT if it is damaged, of no known format, or has neither sound nor frames;
 *         UNIC_E_NOMEM also if it exceeds a limit of `options`. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_media_open(unic_media **out, const char *path,
                                     const unic_media_options *options);

/**
 * Open what a source reads: memory (unic_source_memory()) or read and seek callbacks.
 * @param source  copied, and closed as unic_source says: by unic_media_free(), or after a failure.
 * @return as unic_media_open(), and any status that `source->read_at` returns. Since 0.1.
 */
UNIC_API unic_status unic_media_open_source(unic_media **out, const unic_source *source,
                                            const unic_media_options *options);

/** Free the handle and close its file. NULL is allowed. Since 0.1. */
UNIC_API void unic_media_free(unic_media *media);

/** FFmpeg's name of the file's format ("matroska,webm"); borrowed from the library; "" for NULL.
 * Since 0.1. */
UNIC_API const char *unic_media_format(const unic_media *media);

/** The duration in seconds that the file says, or FFmpeg's estimate; 0: unknown, or a picture. Of a
 * film that does not say it, nothing is guessed from its rate of bits. Since 0.1. */
UNIC_API double unic_media_seconds(const unic_media *media);

/** The number of streams; 0 for NULL. Since 0.1. */
UNIC_API size_t unic_media_stream_count(const unic_media *media);

/**
 * What is known of a stream.
 * @param stream  out: as many members as its struct_size covers.
 * @param index   0 .. unic_media_stream_count() - 1.
 * @return UNIC_OK; UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_media_stream_get(unic_media_stream *stream, const unic_media *media,
                                           size_t index);

/** Whether the file has a stream of this kind that can be read: 1 or 0. Since 0.1. */
UNIC_API int unic_media_has(const unic_media *media, unic_media_kind kind);

/** The number of tags of the file and of the streams that are read; 0 for NULL. Since 0.1. */
UNIC_API size_t unic_media_tag_count(const unic_media *media);

/**
 * One tag, such as "title". It is what the file holds: any bytes, not checked to be UTF-8.
 * @param key    out: borrowed from `media`.
 * @param value  out: borrowed from `media`.
 * @param index  0 .. unic_media_tag_count() - 1: the file's first, then the sound's, the frames'.
 * @return UNIC_OK; UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_media_tag_get(const char **key, const char **value,
                                        const unic_media *media, size_t index);

/** The number of damaged parts that were passed over under `skip_damaged`; a part that was read
 * several times counts each time. 0 for NULL. Since 0.1. */
UNIC_API size_t unic_media_damaged_count(const unic_media *media);

/**
 * Begin to read the sound, at time 0: the mean of its channels, resampled by FFmpeg's
 * libswresample. Sound that begins later than the file is preceded by silence, so that sample n is
 * heard at the time n / rate. Gaps inside it are not filled. A sound that lasts for t seconds gives
 * t * rate samples, rounded up or down, and at least one.
 * @param media  may be read already: then it begins again.
 * @param rate   samples a second, 1000..768000; 0: the stream's own. Sound of more than 3072000
 *               samples a second is read at 0 alone: otherwise unic_media_sound_read() is
 *               UNIC_E_FORMAT.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if there is no sound; else as
 *         unic_media_open(). Since 0.1.
 */
UNIC_API unic_status unic_media_sound_begin(unic_media *media, int rate);

/**
 * Read the next samples, in blocks of any size.
 * @param count      out: samples written, 0..max_count; fewer than max_count only at the end,
 *                   where further calls write 0.
 * @param media      sound was begun.
 * @param max_count  room of `samples`, >= 1.
 * @param samples    [max_count] out: full scale is [-1, 1]; floating-point files may exceed it.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if sound was not begun, or after a failure; else as
 *         unic_media_open(). After a failure `samples` is undefined; sound may be begun again.
 *         Since 0.1.
 */
UNIC_API unic_status unic_media_sound_read(size_t *count, unic_media *media, size_t max_count,
                                           float *samples);

/**
 * The times of all frames, ascending. The first call decodes the whole film, since files do not
 * say reliably how many frames they have and when; later calls return what was found.
 * @param count      out: the number of frames, which may exceed max_count.
 * @param media      has frames.
 * @param max_count  room of `times`; 0 asks for the number alone.
 * @param times      [max_count] out, seconds; the first min(count, max_count) are written; may be
 *                   NULL if max_count is 0.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if there are no frames; else as
 *         unic_media_open(). Since 0.1.
 */
UNIC_API unic_status unic_media_frame_times(size_t *count, unic_media *media, size_t max_count,
                                            double *times);

/**
 * The frame that is shown at a time: the last one whose time is `at` or earlier (by a microsecond
 * for rounding), the first one before that, and the last one behind the end. A picture shows its
 * frame at any time. Times may come in any order; ascending ones are fastest, as each frame is
 * decoded once.
 *
 * Frames are turned as the file's tags say (by quarters, with mirroring), scaled to the size asked
 * for by FFmpeg's libswscale, bilinear, the aspect ratio not kept, and converted to RGB with the
 * film's matrix and range. An alpha channel is treated as options.alpha says; grey has three equal
 * channels.
 * @param time    out: when this frame begins; may be NULL.
 * @param media   has frames.
 * @param at      seconds, finite.
 * @param width   columns, 1..16384.
 * @param height  rows, 1..16384; width x height is at most options.max_pixels.
 * @param rgb     [height,width,3] out.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if there are no frames; else as
 *         unic_media_open(). After a failure `rgb` is undefined; other times may be read.
 *         Since 0.1.
 */
UNIC_API unic_status unic_media_frame_at(double *time, unic_media *media, double at, int width,
                                         int height, uint8_t *rgb);

#ifdef __cplusplus
}
#endif
#endif
