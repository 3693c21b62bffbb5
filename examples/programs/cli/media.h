/*
 * libunicode-media, which decodes: loaded when a program first opens a film, so that all else works
 * where it, or FFmpeg, is not installed.
 */
#ifndef UNIC_CLI_MEDIA_H
#define UNIC_CLI_MEDIA_H

#include <stdbool.h>

#include <unicode/unic_media.h>

#define CLI_MEDIA_CALLS(CALL)                                                                  \
    CALL(last_error)                                                                           \
    CALL(open)                                                                                 \
    CALL(free)                                                                                 \
    CALL(format)                                                                               \
    CALL(seconds)                                                                              \
    CALL(stream_count)                                                                         \
    CALL(stream_get)                                                                           \
    CALL(has)                                                                                  \
    CALL(tag_count)                                                                            \
    CALL(tag_get)                                                                              \
    CALL(damaged_count)                                                                        \
    CALL(sound_begin)                                                                          \
    CALL(sound_read)                                                                           \
    CALL(frame_times)                                                                          \
    CALL(frame_at)

/* cli_media.open is unic_media_open(), and so on. */
typedef struct cli_media_calls {
#define CLI_MEDIA_MEMBER(name) __typeof__(unic_media_##name) *name;
    CLI_MEDIA_CALLS(CLI_MEDIA_MEMBER)
#undef CLI_MEDIA_MEMBER
} cli_media_calls;

extern cli_media_calls cli_media;

/* Whether the path is a film, sound, picture or text, rather than features or a model: a regular
 * file without a suffix of those. */
bool cli_media_is(const char *path);
/* Whether a file of this name is a text, one clip. */
bool cli_media_is_text(const char *path);
/* Whether a file of this name lists texts, or features, in a way that no program reads: as one text it
 * would be a clip of all of its words. */
bool cli_media_is_list(const char *path);

/* Opens a file, within --memory-limit, for `threads` to decode; the first call loads the
 * library. */
bool cli_media_open(unic_media **out, const char *path, bool skip_damaged, uint64_t threads);
/* The same without a message: why not, or NULL. */
const char *cli_media_try(unic_media **out, const char *path, bool skip_damaged,
                          uint64_t threads);

/* Whether a call of that library succeeded; reports its message if not. */
bool cli_media_ok(unic_status status);

/* What is in the file: format, duration, streams, tags. */
bool cli_media_print(const unic_media *media);

#endif
