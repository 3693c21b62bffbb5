/*
 * FFmpeg's headers, which stand nowhere else but in this library, and what differs between its
 * versions: 5.1 (Debian 12) to 7.1 (Debian 13).
 */
#ifndef UNIC_MEDIA_FFMPEG_H
#define UNIC_MEDIA_FFMPEG_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#pragma GCC diagnostic pop

/* The matrix by which the stream says that it is turned, [9], or NULL. */
static inline const int32_t *unic__media_display_matrix(const AVStream *stream)
{
#if LIBAVCODEC_VERSION_MAJOR >= 61
    const AVPacketSideData *found = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data,
        AV_PKT_DATA_DISPLAYMATRIX);
    return found && found->size >= 9 * sizeof(int32_t) ? (const void *)found->data : NULL;
#else
    size_t size = 0;
    const uint8_t *found = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return found && size >= 9 * sizeof(int32_t) ? (const void *)found : NULL;
#endif
}

#endif
