/* What is read: a file or a caller's source, and a demuxer over it that can open nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/media.h"

enum { BLOCK_BYTES = 1 << 16, MAX_STREAMS = 100 };

/* ---- a file as a source: `user` holds the descriptor ---- */

static int64_t file_read_at(void *buffer, size_t bytes, int64_t offset, void *user)
{
    ssize_t got;
    do
        got = pread((int)(intptr_t)user, buffer, bytes, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -UNIC_E_IO : (int64_t)got;
}

static void file_close(void *user)
{
    close((int)(intptr_t)user);
}

static unic_status take_name(unic__media_input *input, const char *name)
{
    input->name = strdup(name);
    return input->name ? UNIC_OK : unic__media_fail(UNIC_E_NOMEM, "%s: out of memory", name);
}

unic_status unic__media_input_open_file(unic__media_input *input, const char *path)
{
    UNIC__MEDIA_TRY(take_name(input, path));
    int file;
    do /* a pipe must not keep us waiting */
        file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (file < 0 && errno == EINTR);
    if (file < 0)
        return unic__media_fail(errno == ENOENT ? UNIC_E_NOTFOUND : UNIC_E_IO, "%s: %s", path,
                                strerror(errno));
    struct stat about;
    const int error = fstat(file, &about) ? errno : 0;
    if (error || !S_ISREG(about.st_mode)) {
        close(file);
        return unic__media_fail(UNIC_E_IO, "%s: %s", path,
                                error ? strerror(error) : "expected a regular file");
    }
    input->source = (unic_source){.struct_size = sizeof input->source,
                                  .size = about.st_size,
                                  .read_at = file_read_at,
                                  .close = file_close,
                                  .user = (void *)(intptr_t)file};
    return UNIC_OK;
}

unic_status unic__media_input_open(unic__media_input *input, const unic_source *source)
{
    input->source = *source; /* ours to close from now on */
    input->source.name = NULL;
    return take_name(input, source->name ? source->name : "source");
}

void unic__media_input_close(unic__media_input *input)
{
    if (input->source.close)
        input->source.close(input->source.user);
    free(input->name);
    memset(input, 0, sizeof *input);
}

unic_status unic__media_input_failure(const unic__media_input *input)
{
    return unic__media_fail(input->failed, "%s: reading it failed%s%s", input->name,
                            input->error ? ": " : "",
                            input->error ? strerror(input->error) : "");
}

/* ---- what FFmpeg reads through ---- */

static int demuxer_read(void *user, uint8_t *buffer, int bytes)
{
    unic__media_demuxer *demuxer = user;
    unic__media_input *input = demuxer->input;
    int64_t left = input->source.size - demuxer->position;
    if (left <= 0 || bytes <= 0)
        return AVERROR_EOF;
    int64_t wanted = left < bytes ? left : bytes;
    int64_t got = input->source.read_at(buffer, (size_t)wanted, demuxer->position,
                                        input->source.user);
    if (got > 0 && got <= wanted) {
        demuxer->position += got;
        return (int)got;
    }
    input->error = input->source.read_at == file_read_at && got < 0 ? errno : 0;
    input->failed = got < -1 && got >= -UNIC_E_CANCELLED ? (unic_status)-got : UNIC_E_IO;
    return AVERROR(EIO);
}

static int64_t demuxer_seek(void *user, int64_t offset, int whence)
{
    unic__media_demuxer *demuxer = user;
    if (whence == AVSEEK_SIZE)
        return demuxer->input->source.size;
    if (whence != SEEK_SET || offset < 0) /* FFmpeg counts from the start itself */
        return AVERROR(EINVAL);
    return demuxer->position = offset;
}

/* Playlists and files of references ask for other files and hosts here. */
static int refuse_others(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                         AVDictionary **options)
{
    (void)io;
    (void)url;
    (void)flags;
    (void)options;
    ((unic__media_demuxer *)format->opaque)->refused = true;
    return AVERROR(EPERM);
}

/* The limits hold for the decoders too with which FFmpeg finds out what the streams are. Of a stream
 * with larger frames FFmpeg then forgets the size that the header said: it is put back, so that the
 * stream can be refused with it. */
static int find_streams(AVFormatContext *format, const unic_media_options *options)
{
    struct {
        int width, height;
    } said[MAX_STREAMS];
    unsigned count = format->nb_streams;
    AVDictionary **each = count ? av_calloc(count, sizeof(AVDictionary *)) : NULL;
    int code = count && !each ? AVERROR(ENOMEM) : 0;
    for (unsigned i = 0; code >= 0 && i < count; i++) {
        said[i].width = format->streams[i]->codecpar->width;
        said[i].height = format->streams[i]->codecpar->height;
        code = av_dict_set_int(&each[i], "max_pixels", options->max_pixels, 0);
    }
    if (code >= 0)
        code = avformat_find_stream_info(format, each);
    for (unsigned i = 0; code >= 0 && i < count; i++)
        if (!format->streams[i]->codecpar->width) {
            format->streams[i]->codecpar->width = said[i].width;
            format->streams[i]->codecpar->height = said[i].height;
        }
    for (unsigned i = 0; each && i < count; i++)
        av_dict_free(&each[i]);
    av_free(each);
    return code;
}

static int open_format(unic__media_demuxer *demuxer, const unic_media_options *options)
{
    uint8_t *block = av_malloc(BLOCK_BYTES);
    if (!block)
        return AVERROR(ENOMEM);
    demuxer->io = avio_alloc_context(block, BLOCK_BYTES, 0, demuxer, demuxer_read, NULL,
                                     demuxer_seek);
    if (!demuxer->io) {
        av_free(block);
        return AVERROR(ENOMEM);
    }
    AVFormatContext *format = avformat_alloc_context();
    if (!format)
        return AVERROR(ENOMEM);
    format->pb = demuxer->io;
    format->opaque = demuxer;
    format->io_open = refuse_others;
    format->max_streams = MAX_STREAMS;
    AVDictionary *settings = NULL;
    int code = av_dict_set(&settings, "protocol_whitelist", "none", 0);
    if (code < 0)
        avformat_free_context(format);
    else
        /* some formats take it for an error that there is no name */
        code = avformat_open_input(&format, "media", NULL,
                                   &settings); /* frees it if it fails */
    av_dict_free(&settings);
    if (code < 0)
        return code;
    demuxer->format = format;
    return find_streams(format, options);
}

/* A list begins with this; newer versions of FFmpeg (7.1) only know one by the end of its name. */
static bool is_list(const unic__media_input *input)
{
    static const char start[] = "#EXTM3U";
    const size_t bytes = sizeof start - 1;
    char first[sizeof start];
    return input->source.size >= (int64_t)bytes &&
           input->source.read_at(first, bytes, 0, input->source.user) == (int64_t)bytes &&
           memcmp(first, start, bytes) == 0;
}

/* FFmpeg's guess at the format is worth this much of AVPROBE_SCORE_MAX at least: a quarter of what
 * the end of a name alone would be. Weaker ones are made of a few bytes that happen to fit. */
enum { LEAST_SCORE = AVPROBE_SCORE_EXTENSION / 4 };

unic_status unic__media_demuxer_open(unic__media_demuxer *demuxer, unic__media_input *input,
                                     const unic_media_options *options)
{
    *demuxer = (unic__media_demuxer){.input = input};
    input->failed = UNIC_OK;
    demuxer->refused = is_list(input);
    int code = demuxer->refused ? AVERROR(EPERM) : open_format(demuxer, options);
    if (input->failed)
        return unic__media_input_failure(input);
    if (demuxer->refused)
        return unic__media_fail(UNIC_E_FORMAT,
                                "%s: it is a list of other files, or refers to one: "
                                "they are not opened",
                                input->name);
    if (code < 0)
        return unic__media_fail_code(code, input->name,
                                     "no film, sound or picture was recognised");
    if (demuxer->format->probe_score < LEAST_SCORE)
        return unic__media_fail(
            UNIC_E_FORMAT,
            "%s: no film, sound or picture was recognised: the best guess is "
            "%s, by %d of %d points, %d expected",
            input->name, demuxer->format->iformat->name, demuxer->format->probe_score,
            AVPROBE_SCORE_MAX, LEAST_SCORE);
    return UNIC_OK;
}

void unic__media_demuxer_close(unic__media_demuxer *demuxer)
{
    avformat_close_input(&demuxer->format);
    if (demuxer->io)
        av_freep(&demuxer->io->buffer); /* it may be another one than was given */
    avio_context_free(&demuxer->io);
    memset(demuxer, 0, sizeof *demuxer);
}
