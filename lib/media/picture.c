/* One decoded frame as RGB: scaled by libswscale, then turned as the file says. */
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

static bool quarter_turn(unic__media_turn t)
{
    return abs(t.a) + abs(t.c) == 1 && abs(t.b) + abs(t.d) == 1 && abs(t.a) + abs(t.b) == 1;
}

static int sign_of(int32_t fixed) /* 16.16 */
{
    return fixed > 0x8000 ? 1 : fixed < -0x8000 ? -1 : 0;
}

unic__media_turn unic__media_turn_of(const AVStream *stream)
{
    const int32_t *m = unic__media_display_matrix(stream);
    unic__media_turn none = {1, 0, 0, 1};
    if (!m)
        return none;
    unic__media_turn turn = {sign_of(m[0]), sign_of(m[1]), sign_of(m[3]), sign_of(m[4])};
    return quarter_turn(turn) ? turn : none;
}

/* A picture's own tag (EXIF 1 to 8), where the stream has none. */
static unic__media_turn turn_of_picture(const AVFrame *frame, unic__media_turn turn)
{
    static const unic__media_turn by_tag[] = {{1, 0, 0, 1},   {-1, 0, 0, 1}, {-1, 0, 0, -1},
                                              {1, 0, 0, -1},  {0, 1, 1, 0},  {0, 1, -1, 0},
                                              {0, -1, -1, 0}, {0, -1, 1, 0}};
    const AVDictionaryEntry *entry = av_dict_get(frame->metadata, "Orientation", NULL, 0);
    long tag = entry ? strtol(entry->value, NULL, 10) : 1;
    return turn.a == 1 && turn.d == 1 && tag >= 1 && tag <= 8 ? by_tag[tag - 1] : turn;
}

/* Room for the scaled frame: libswscale writes whole vectors, beyond a row's end. */
static int make_room(unic__media_scaler *scaler, int width, int height)
{
    if (scaler->data[0] && scaler->width == width && scaler->height == height)
        return 0;
    av_freep(&scaler->data[0]);
    scaler->width = width;
    scaler->height = height;
    return av_image_alloc(scaler->data, scaler->lines, width, height, AV_PIX_FMT_RGB24, 64);
}

/* Whether luma has all of its values: as the frame says; if it says nothing, as its form of pixels
 * does, and grey has. */
static bool is_full(const AVFrame *frame)
{
    const AVPixFmtDescriptor *about = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    if (frame->color_range != AVCOL_RANGE_UNSPECIFIED)
        return frame->color_range == AVCOL_RANGE_JPEG;
    return about && (about->nb_components <= 2 || !strncmp(about->name, "yuvj", 4));
}

unic_status unic__media_check_colours(const unic_media *media, const AVFrame *frame)
{
    const AVPixFmtDescriptor *about = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    const bool by_matrix = about && !(about->flags & AV_PIX_FMT_FLAG_RGB) &&
                           about->nb_components >= 3;
    const bool known = frame->colorspace != AVCOL_SPC_YCGCO &&
                       (frame->colorspace < AVCOL_SPC_SMPTE2085 ||
                        frame->colorspace == AVCOL_SPC_CHROMA_DERIVED_NCL);
    const char *name = av_color_space_name(frame->colorspace);
    return known || !by_matrix
               ? UNIC_OK
               : unic__media_fail(
                     UNIC_E_FORMAT,
                     "%s: its colours are %s, which FFmpeg does not convert to RGB; "
                     "expected BT.601, BT.709, BT.2020 or RGB",
                     media->input.name, name ? name : "of an unknown kind");
}

/* The matrix and the range that the frame says: both may change in the midst of a film. */
static void set_colours(struct SwsContext *context, const AVFrame *frame)
{
    const int *matrix = sws_getCoefficients((int)frame->colorspace);
    const int *from, *to;
    int from_full, to_full, brightness, contrast, saturation;
    if (sws_getColorspaceDetails(context, (int **)(void *)&from, &from_full,
                                 (int **)(void *)&to, &to_full, &brightness, &contrast,
                                 &saturation) >= 0)
        sws_setColorspaceDetails(context, matrix, is_full(frame), to, to_full, brightness,
                                 contrast, saturation);
}

static bool has_alpha(const AVFrame *frame)
{
    const AVPixFmtDescriptor *about = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    return about && about->flags & AV_PIX_FMT_FLAG_ALPHA;
}

/* Pixels of one bit, whose scaled greys libswscale takes for those of limited range. */
static bool is_of_bits(const AVFrame *frame)
{
    return frame->format == AV_PIX_FMT_MONOBLACK || frame->format == AV_PIX_FMT_MONOWHITE;
}

/* c a + ground (1 - a) in each of the three channels, in the frame's own size: what is stored under
 * transparent pixels must not be mixed into their neighbours by scaling. */
static void lay_on(AVFrame *flat, unsigned ground)
{
    for (int y = 0; y < flat->height; y++) {
        uint8_t *pixel = flat->data[0] + (ptrdiff_t)y * flat->linesize[0];
        for (int x = 0; x < flat->width; x++, pixel += 4)
            for (int c = 0; c < 3; c++)
                pixel[c] = (uint8_t)((pixel[c] * pixel[3] + ground * (255u - pixel[3]) + 127) /
                                     255);
    }
}

/* *out: the frame without alpha. */
static int flatten(AVFrame **out, const AVFrame *frame, int alpha)
{
    AVFrame *flat = av_frame_alloc();
    if (!flat)
        return AVERROR(ENOMEM);
    *out = flat;
    flat->format = AV_PIX_FMT_RGBA;
    flat->width = frame->width;
    flat->height = frame->height;
    int code = av_frame_get_buffer(flat, 0);
    if (code < 0)
        return code;
    struct SwsContext *context = sws_getContext(
        frame->width, frame->height, (enum AVPixelFormat)frame->format, frame->width,
        frame->height, AV_PIX_FMT_RGBA, SWS_POINT | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL,
        NULL, NULL);
    if (!context)
        return AVERROR(EINVAL);
    set_colours(context, frame);
    code = sws_scale(context, (const uint8_t *const *)frame->data, frame->linesize, 0,
                     frame->height, flat->data, flat->linesize);
    sws_freeContext(context);
    lay_on(flat, alpha == UNIC_MEDIA_ON_WHITE ? 255 : 0);
    flat->format = AV_PIX_FMT_RGB0;
    return code;
}

/* Grey of 8 bits whose size is kept goes through libswscale as it is, also where its range is limited. */
static void stretch_grey(unic__media_scaler *scaler, const AVFrame *frame)
{
    enum { BLACK = 16, WHITE = 235 };
    if (frame->format != AV_PIX_FMT_GRAY8 || is_full(frame) || frame->width != scaler->width ||
        frame->height != scaler->height)
        return;
    for (int y = 0; y < scaler->height; y++) {
        uint8_t *row = scaler->data[0] + (ptrdiff_t)y * scaler->lines[0];
        for (int x = 0; x < 3 * scaler->width; x++) {
            const int above = row[x] < BLACK   ? 0
                              : row[x] > WHITE ? WHITE - BLACK
                                               : row[x] - BLACK;
            row[x] = (uint8_t)((above * 255 + (WHITE - BLACK) / 2) / (WHITE - BLACK));
        }
    }
}

static int scale(unic__media_scaler *scaler, const AVFrame *frame, int width, int height)
{
    enum {
        FLAGS = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT |
                SWS_FULL_CHR_H_INP /* of RGB, the colour of every pixel, not of each second */
    };
    int code = make_room(scaler, width, height);
    if (code < 0)
        return code;
    scaler->context = sws_getCachedContext(scaler->context, frame->width, frame->height,
                                           (enum AVPixelFormat)frame->format, width, height,
                                           AV_PIX_FMT_RGB24, FLAGS, NULL, NULL, NULL);
    if (!scaler->context)
        return AVERROR(EINVAL);
    set_colours(scaler->context, frame);
    code = sws_scale(scaler->context, (const uint8_t *const *)frame->data, frame->linesize, 0,
                     frame->height, scaler->data, scaler->lines);
    stretch_grey(scaler, frame);
    return code == height ? 0 : code < 0 ? code : AVERROR(EINVAL);
}

/* Each pixel to its place in the frame as it is shown, which has `width` columns. */
static void place(const unic__media_scaler *scaler, unic__media_turn t, size_t width,
                  size_t height, uint8_t *rgb)
{
    ptrdiff_t step_x = 3 * (t.a + t.b * (ptrdiff_t)width);
    ptrdiff_t step_y = 3 * (t.c + t.d * (ptrdiff_t)width);
    size_t first_x = t.a < 0 || t.c < 0 ? width - 1 : 0;
    size_t first_y = t.b < 0 || t.d < 0 ? height - 1 : 0;
    uint8_t *origin = rgb + 3 * (first_y * width + first_x);
    for (int y = 0; y < scaler->height; y++) {
        const uint8_t *from = scaler->data[0] + (ptrdiff_t)y * scaler->lines[0];
        uint8_t *to = origin + y * step_y;
        if (step_x == 3)
            memcpy(to, from, 3 * width);
        else
            for (int x = 0; x < scaler->width; x++)
                memcpy(to + x * step_x, from + (ptrdiff_t)3 * x, 3);
    }
}

unic_status unic__media_scale(unic__media_scaler *scaler, const AVFrame *frame,
                              unic__media_turn turn, int alpha, int width, int height,
                              uint8_t *rgb)
{
    AVFrame *flat = NULL;
    int code = 0;
    turn = turn_of_picture(frame, turn);
    if ((alpha != UNIC_MEDIA_ALPHA_IGNORED && has_alpha(frame)) || is_of_bits(frame))
        code = flatten(&flat, frame, alpha);
    if (code >= 0)
        code = scale(scaler, flat ? flat : frame, turn.a ? width : height,
                     turn.a ? height : width);
    av_frame_free(&flat);
    if (code < 0)
        return unic__media_fail_code(code, "frame", "scaling it failed");
    place(scaler, turn, (size_t)width, (size_t)height, rgb);
    return UNIC_OK;
}

void unic__media_scaler_close(unic__media_scaler *scaler)
{
    sws_freeContext(scaler->context);
    av_freep(&scaler->data[0]);
    memset(scaler, 0, sizeof *scaler);
}
