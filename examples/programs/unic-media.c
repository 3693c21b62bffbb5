/*
 * unic-media: what is in a film, a sound or a picture; its sound and frames as arrays.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <unicode/unic.h>

#include "cli/limit.h"
#include "cli/media.h"
#include "cli/npy.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"

enum { BLOCK = 1 << 16, MAX_SIDE = 16384, MAX_RATE = 768000 };

typedef struct request {
    const char *path, *sound_path, *frames_path; /* the last two may be NULL */
    uint64_t rate, fps, width, height;           /* fps 0: every frame                    */
    bool skip_damaged;
} request;

/* ---- arrays ---- */

static bool sound_into(cli_output *out, const request *r, unic_media *media)
{
    static float samples[BLOCK];
    size_t total = 0, count;
    if (!cli_media_ok(cli_media.sound_begin(media, (int)r->rate)) ||
        !cli_npy_header(out, "<f4", 0, NULL, 0))
        return false;
    do {
        if (!cli_media_ok(cli_media.sound_read(&count, media, BLOCK, samples)) ||
            !cli_npy_append(out, samples, count * sizeof *samples))
            return false;
        total += count;
    } while (count == BLOCK);
    if (!total)
        cli_note("warning: %s has sound, but no samples of it", r->path);
    printf("written: %s: %zu samples\n", out->path, total);
    return cli_npy_header(out, "<f4", total, NULL, 0);
}

static double *regular_times(size_t count, uint64_t fps)
{
    double *times = cli_alloc(count, sizeof *times);
    for (size_t i = 0; times && i < count; i++)
        times[i] = (double)i / (double)fps;
    return times;
}

/* The times of the frames that are wanted; NULL after a failure. */
static double *wanted_times(size_t *count, const request *r, unic_media *media)
{
    double seconds = cli_media.seconds(media);
    *count = (size_t)floor(seconds * (double)r->fps + 1e-6);
    if (r->fps && *count)
        return regular_times(*count, r->fps);
    if (!cli_media_ok(cli_media.frame_times(count, media, 0, NULL)))
        return NULL;
    double *times = cli_alloc(*count, sizeof *times);
    if (times && !cli_media_ok(cli_media.frame_times(count, media, *count, times))) {
        free(times);
        return NULL;
    }
    if (!times || !r->fps || *count < 2)
        return times;
    /* nobody says how long it is: as long as its frames */
    const double last = times[*count - 1];
    *count = (size_t)floor((last + last / (double)(*count - 1)) * (double)r->fps + 1e-6);
    *count = *count ? *count : 1;
    free(times);
    return regular_times(*count, r->fps);
}

static bool frames_into(cli_output *out, const request *r, unic_media *media)
{
    const int64_t dims[] = {(int64_t)r->height, (int64_t)r->width, 3};
    size_t count, size = (size_t)(3 * r->width * r->height);
    double *times = wanted_times(&count, r, media);
    uint8_t *rgb = times ? cli_alloc(size, 1) : NULL;
    double last = 0;
    bool ok = rgb != NULL;
    ok = ok && cli_npy_header(out, "|u1", count, dims, 3);
    cli_progress_begin(count, 0, "frames");
    for (size_t i = 0; ok && i < count; i++) {
        ok = cli_media_ok(cli_media.frame_at(&last, media, times[i], (int)r->width,
                                             (int)r->height, rgb)) &&
             cli_npy_append(out, rgb, size);
        cli_progress_at(i + 1, "");
    }
    cli_progress_clear();
    if (ok && count && times[count - 1] - last > 1)
        cli_note("%s: its last frame begins at %.4g s, and stands for the time up to %.4g s",
                 r->path, last, times[count - 1]);
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
    if (!cli_output_ready("--sound", r->sound_path, &r->path, 1) ||
        !cli_output_ready("--frames", r->frames_path, &r->path, 1) ||
        !cli_outputs_differ("--sound", r->sound_path, "--frames", r->frames_path) ||
        !cli_media_open(&media, r->path, r->skip_damaged, 1))
        return false;
    bool ok = r->sound_path || r->frames_path || cli_media_print(media);
    ok = ok && write_array(r->sound_path, r, media, sound_into) &&
         write_array(r->frames_path, r, media, frames_into);
    if (cli_media.damaged_count(media))
        cli_note("%s: %zu damaged parts were passed over", r->path,
                 cli_media.damaged_count(media));
    cli_media.free(media);
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
        CLI_MEMORY_LIMIT_OPTION,
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
