/*
 * unic-media: what is in a film, a sound or a picture; its sound and frames as arrays.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>
#include <unicode/unic_media.h>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/table.h"

enum { BLOCK = 1 << 16, HEADER = 128, MAX_SIDE = 16384, MAX_RATE = 768000 };

typedef struct request {
    const char *path, *sound_path, *frames_path; /* the last two may be NULL */
    uint64_t rate, fps, width, height;           /* fps 0: every frame                    */
    bool skip_damaged;
} request;

static bool media_ok(unic_status status)
{
    return status == UNIC_OK || cli_fail("%s", unic_media_last_error());
}

/* ---- what there is ---- */

static bool print_streams(const unic_media *media)
{
    static const char *const kinds[] = {"other", "sound", "frames"};
    cli_table table;
    char duration[CLI_DURATION];
    printf("%s, %s\n\n", unic_media_format(media),
           unic_media_seconds(media) > 0 ? cli_duration(duration, unic_media_seconds(media))
                                         : "no duration");
    cli_table_begin(&table, 4);
    cli_table_cell(&table, "stream");
    cli_table_cell(&table, "codec");
    cli_table_cell(&table, "seconds");
    cli_table_cell(&table, "holds");
    for (size_t i = 0; i < unic_media_stream_count(media); i++) {
        unic_media_stream s = {.struct_size = sizeof s};
        if (!media_ok(unic_media_stream_get(&s, media, i)))
            return false;
        cli_table_cell(&table, "%s%s", kinds[s.kind],
                       s.chosen || s.kind == UNIC_MEDIA_OTHER ? "" : " (not read)");
        cli_table_cell(&table, "%s", s.codec);
        cli_table_cell(&table, "%.3f", s.seconds);
        if (s.kind == UNIC_MEDIA_SOUND)
            cli_table_cell(&table, "%" PRId32 " Hz, %" PRId32 " channels", s.rate, s.channels);
        else if (s.kind == UNIC_MEDIA_FRAMES)
            cli_table_cell(&table, "%" PRId32 " x %" PRId32 ", %.4g a second", s.width,
                           s.height, s.frame_rate);
        else
            cli_table_cell(&table, "-");
    }
    return cli_table_end(&table, stdout);
}

/* ---- arrays ---- */

/* The beginning of an npy. Its length is known at the end only, so the header has a fixed size. */
static bool write_header(FILE *out, const char *type, size_t count, const char *more_dims)
{
    char header[HEADER + 1];
    int used = snprintf(
        header, sizeof header,
        "\x93NUMPY%c%c%c%c{'descr': '%s', 'fortran_order': False, 'shape': (%zu,%s), }", 1, '?',
        HEADER - 10, '?', type, count, more_dims);
    memset(header + used, ' ', (size_t)(HEADER - used));
    header[7] = header[9] = 0; /* version 1.0, a length of two bytes */
    header[HEADER - 1] = '\n';
    return fseek(out, 0, SEEK_SET) == 0 && fwrite(header, 1, HEADER, out) == HEADER;
}

static bool written(cli_output *out, bool ok)
{
    if (!ok)
        cli_fail("cannot write %s: %s", out->path, strerror(errno));
    return ok;
}

static bool sound_into(cli_output *out, const request *r, unic_media *media)
{
    static float samples[BLOCK];
    size_t total = 0, count;
    if (!media_ok(unic_media_sound_begin(media, (int)r->rate)) ||
        !written(out, write_header(out->stream, "<f4", 0, "")))
        return false;
    do {
        if (!media_ok(unic_media_sound_read(&count, media, BLOCK, samples)) ||
            !written(out, fwrite(samples, sizeof *samples, count, out->stream) == count))
            return false;
        total += count;
    } while (count == BLOCK);
    printf("written: %s: %zu samples\n", out->path, total);
    return written(out, write_header(out->stream, "<f4", total, ""));
}

/* The times of the frames that are wanted; NULL after a failure. */
static double *wanted_times(size_t *count, const request *r, unic_media *media)
{
    double seconds = unic_media_seconds(media);
    *count = (size_t)floor(seconds * (double)r->fps + 1e-6);
    bool every = !r->fps || !*count; /* of unknown duration, too */
    if (every && !media_ok(unic_media_frame_times(count, media, 0, NULL)))
        return NULL;
    double *times = cli_alloc(*count, sizeof *times);
    if (times && every && !media_ok(unic_media_frame_times(count, media, *count, times))) {
        free(times);
        return NULL;
    }
    for (size_t i = 0; times && !every && i < *count; i++)
        times[i] = (double)i / (double)r->fps;
    return times;
}

static bool frames_into(cli_output *out, const request *r, unic_media *media)
{
    char dims[64];
    size_t count, size = (size_t)(3 * r->width * r->height);
    double *times = wanted_times(&count, r, media);
    uint8_t *rgb = times ? cli_alloc(size, 1) : NULL;
    bool ok = rgb != NULL;
    snprintf(dims, sizeof dims, " %" PRIu64 ", %" PRIu64 ", 3", r->height, r->width);
    ok = ok && written(out, write_header(out->stream, "|u1", count, dims));
    cli_progress_begin(count, 0, "frames");
    for (size_t i = 0; ok && i < count; i++) {
        ok = media_ok(unic_media_frame_at(NULL, media, times[i], (int)r->width, (int)r->height,
                                          rgb)) &&
             written(out, fwrite(rgb, 1, size, out->stream) == size);
        cli_progress_at(i + 1, "");
    }
    cli_progress_clear();
    if (ok)
        printf("written: %s: %zu frames\n", out->path, count);
    free(rgb);
    free(times);
    return ok;
}

static bool write_array(const char *path, const request *r, unic_media *media,
                        bool (*into)(cli_output *, const request *, unic_media *))
{
    cli_output out = {0};
    bool ok = !path ||
              (cli_output_open(&out, path) && into(&out, r, media) && cli_output_commit(&out));
    cli_output_discard(&out);
    return ok;
}

static bool run(const request *r)
{
    unic_media *media;
    const unic_media_options options = {.struct_size = sizeof options,
                                        .skip_damaged = r->skip_damaged};
    if (!cli_output_apart("--sound", r->sound_path, &r->path, 1) ||
        !cli_output_apart("--frames", r->frames_path, &r->path, 1) ||
        !media_ok(unic_media_open(&media, r->path, &options)))
        return false;
    bool ok = r->sound_path || r->frames_path || print_streams(media);
    ok = ok && write_array(r->sound_path, r, media, sound_into) &&
         write_array(r->frames_path, r, media, frames_into);
    if (unic_media_damaged_count(media))
        cli_note("%s: %zu damaged parts were passed over", r->path,
                 unic_media_damaged_count(media));
    unic_media_free(media);
    return ok;
}

static const char purpose[] =
    "what is in a film, a sound or a picture; its sound and frames as arrays.\n\n"
    "Prints the streams of FILE, or writes arrays that numpy.load() reads. FFmpeg's libraries\n"
    "decode; what they read is known by its contents.";

static const char more[] =
    "Sound is float32 [samples], the mean of the channels; frames are uint8\n"
    "[frames,height,width,3], RGB, as they are shown, the aspect ratio not kept.\n\n"
    "Examples:\n"
    "  unic-media clip.mp4\n"
    "  unic-media clip.mp4 --sound clip-sound.npy --rate 16000\n"
    "  unic-media clip.mp4 --frames clip-frames.npy --fps 16";

int main(int argc, char **argv)
{
    request r = {.rate = 16000, .width = 224, .height = 224};
    cli_list files = {0};
    const cli_option options[] = {
        {"--sound", "OUT.npy", "write the sound", .text = &r.sound_path},
        {"--rate", "N", "samples a second of the sound; default 16000", .number = &r.rate,
         .least = 1000, .most = MAX_RATE},
        {"--frames", "OUT.npy", "write frames", .text = &r.frames_path},
        {"--fps", "N", "frames a second, at the times 0, 1/N, 2/N, ...; default: every frame",
         .number = &r.fps, .least = 1, .most = 1000},
        {"--width", "N", "columns of a frame; default 224", .number = &r.width, .least = 1,
         .most = MAX_SIDE},
        {"--height", "N", "rows of a frame; default 224", .number = &r.height, .least = 1,
         .most = MAX_SIDE},
        {"--skip-damaged", NULL, "pass over damaged parts of the file, and say how many",
         .flag = &r.skip_damaged},
    };
    const cli_program program = {
        .name = "unic-media",
        .purpose = purpose,
        .usage = "FILE [options]",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &files,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    if (files.count != 1)
        cli_wrong_usage(&program, "expected one FILE, not %zu", files.count);
    r.path = files.items[0];
    int status = cli_exit_status(run(&r));
    cli_list_free(&files);
    return status;
}
