#include "cli/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/limit.h"
#include "cli/media.h"
#include "cli/report.h"
#include "cli/text.h"

enum {
    AT_ONCE = 16,          /* steps of a call, where a step is small         */
    MOST_BYTES = 1 << 25,  /* of the input of a call, unless a step is larger */
    MOST_WINDOW = 1 << 28, /* samples or frames of a step                  */
    MOST_TEXT = 1 << 20
};

/* A film's last step is there if nine tenths of it are: files end a few frames early. */
static const double LAST = 0.1;

/* Seconds that sound and frames may be beside what the file says, before it is told. */
static const double SHORT = 1;

/* ---- what a step is made of ---- */

/* `count` elements of the input, from `data` on, as the extractor takes them. */
static unic_array input_of(const cli_features *f, const void *data, size_t count)
{
    const int64_t frames[] = {(int64_t)count, f->height, f->width, 3};
    const bool sound = f->reads == UNIC_EXTRACTOR_SOUND;
    unic_array array;
    unic_array_init(&array, data, sound ? UNIC_F32 : UNIC_U8, sound ? 1 : 4, frames);
    return array;
}

/* The steps of so many elements: only counted, which reads no values. */
static bool count_steps(size_t *steps, const cli_features *f, size_t count)
{
    static const float nothing;
    const unic_array array = input_of(f, &nothing, count);
    return cli_ok(unic_extractor_extract(steps, f->extractor, &array, 0, NULL));
}

/* The least number of elements that give `wanted` steps. */
static bool least_of(size_t *least, const cli_features *f, size_t wanted)
{
    size_t low = 0, high = 1, steps = 0;
    for (;; high *= 2) {
        if (!count_steps(&steps, f, high))
            return false;
        if (steps >= wanted)
            break;
        if (high > MOST_WINDOW)
            return cli_fail("%s: no step is found in %zu samples or frames",
                            unic_extractor_kind(f->extractor), high);
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (!count_steps(&steps, f, middle))
            return false;
        *(steps >= wanted ? &high : &low) = middle;
    }
    *least = high;
    return true;
}

/* Step t is made of elements t stride .. t stride + window - 1. */
static bool find_step(cli_features *f)
{
    size_t second;
    if (!least_of(&f->window, f, 1) || !least_of(&second, f, 2))
        return false;
    f->stride = second - f->window;
    const size_t longest = f->window > f->stride ? f->window : f->stride;
    const size_t fit = f->stride ? MOST_BYTES / f->element / f->stride : 0;
    f->at_once = fit < 1 ? 1 : fit < AT_ONCE ? fit : AT_ONCE;
    f->room = (f->at_once - 1) * f->stride + longest;
    f->input = cli_alloc(f->room, f->element);
    return f->input != NULL;
}

bool cli_features_begin(cli_features *out, unic_extractor *extractor, bool skip_damaged,
                        uint64_t threads)
{
    int64_t in[UNIC_MAX_RANK];
    size_t rank;
    *out = (cli_features){.extractor = extractor,
                          .reads = unic_extractor_input_of(extractor),
                          .rate = unic_extractor_rate(extractor),
                          .element = sizeof(float),
                          .skip_damaged = skip_damaged,
                          .threads = threads,
                          .numbers = 1};
    if (!cli_ok(unic_extractor_feature_dims(&out->rank, extractor, out->dims)) ||
        !cli_ok(unic_extractor_input_dims(&rank, extractor, in)))
        return false;
    for (size_t i = 0; i < out->rank; i++)
        out->numbers *= (size_t)out->dims[i];
    if (out->reads == UNIC_EXTRACTOR_TEXT)
        return true;
    if (out->reads == UNIC_EXTRACTOR_FRAMES) {
        out->height = (int)in[1];
        out->width = (int)in[2];
        out->element = (size_t)(3 * in[1] * in[2]);
        out->by_number = strstr(unic_extractor_settings(extractor), "\ntimes = index\n") !=
                         NULL;
    }
    if (!find_step(out))
        return false;
    out->output = cli_alloc(out->at_once * out->numbers, sizeof(float));
    out->output_steps = out->at_once;
    return out->output != NULL;
}

void cli_features_free(cli_features *f)
{
    free(f->input);
    free(f->output);
    f->input = NULL;
    f->output = NULL;
}

/* What the extractor says of a file's contents; the features stand in f->output. */
static cli_outcome outcome_of(unic_status status, const char *path)
{
    if (status == UNIC_OK)
        return CLI_GOOD;
    cli_fail("%s: %s", path, unic_last_error());
    return status == UNIC_E_VALUE || status == UNIC_E_NUMERIC ? CLI_BAD : CLI_FAILED;
}

/* Extracts from the `count` elements that stand in f->input. */
static cli_outcome extract(cli_features *f, const char *path, size_t count, size_t *steps)
{
    const unic_array array = input_of(f, f->input, count);
    return outcome_of(
        unic_extractor_extract(steps, f->extractor, &array, f->at_once, f->output), path);
}

/* ---- sound ---- */

/* The stream of this kind that is read; zeros if there is none. */
static unic_media_stream stream_of(const unic_media *media, unic_media_kind kind)
{
    unic_media_stream s = {.struct_size = sizeof s};
    for (size_t i = 0; i < cli_media.stream_count(media); i++)
        if (cli_media.stream_get(&s, media, i) == UNIC_OK && s.kind == (int32_t)kind &&
            s.chosen)
            return s;
    return (unic_media_stream){.struct_size = sizeof s};
}

/* Of several languages, or views, FFmpeg chooses one. */
static void tell_if_several(const cli_features *f, const char *path, const unic_media *media)
{
    const bool sound = f->reads == UNIC_EXTRACTOR_SOUND;
    size_t count = 0, read = 0;
    unic_media_stream s = {.struct_size = sizeof s};
    for (size_t i = 0; i < cli_media.stream_count(media); i++)
        if (cli_media.stream_get(&s, media, i) == UNIC_OK &&
            s.kind == (sound ? UNIC_MEDIA_SOUND : UNIC_MEDIA_FRAMES)) {
            count++;
            read = s.chosen ? count : read;
        }
    if (count > 1)
        cli_note("%s: it has %zu streams of %s, number %zu is read", path, count,
                 sound ? "sound" : "frames", read);
}

/* How long it is, which only whole files say in some formats. */
static double duration_of(const unic_media *media, unic_media_kind kind)
{
    const unic_media_stream s = stream_of(media, kind);
    return s.seconds > 0 ? s.seconds : cli_media.seconds(media);
}

static double part_of(double done, double all)
{
    return all > 0 && done < all ? done / all : 1.0;
}

static cli_outcome sound(cli_features *f, const char *path, unic_media *media,
                         cli_features_fn *take, void *user)
{
    float *samples = (float *)(void *)f->input;
    bool more = true;
    double seconds = duration_of(media, UNIC_MEDIA_SOUND), heard = 0;
    size_t have = 0, got, steps, all = 0;
    if (!cli_media_ok(cli_media.sound_begin(media, (int)f->rate)))
        return CLI_BAD;
    while (more) {
        size_t wanted = f->room - have;
        if (!cli_media_ok(cli_media.sound_read(&got, media, wanted, samples + have)))
            return CLI_BAD;
        have += got;
        heard += (double)got / f->rate;
        more = got == wanted;
        cli_outcome outcome = extract(f, path, have, &steps);
        if (outcome != CLI_GOOD) {
            cli_note("%s: that part of its sound begins at sample %.0f", path,
                     heard * f->rate - (double)have);
            return outcome;
        }
        all += steps;
        if (steps && !take(f->output, steps, part_of(heard, seconds), user))
            return CLI_FAILED;
        if (more) { /* then there were at_once steps, and what they share with the next is kept */
            have -= f->at_once * f->stride;
            memmove(samples, samples + f->at_once * f->stride, have * sizeof *samples);
        }
    }
    if (all == 0)
        cli_fail("%s: its sound lasts %.3g s, and the first step takes %.4g s", path, heard,
                 (double)f->window / f->rate);
    else if (cli_media.has(media, UNIC_MEDIA_FRAMES) && heard + SHORT < seconds)
        cli_note("%s: its sound lasts %.4g s of the %.4g s that the file says: it ends early, "
                 "or has gaps, behind which steps come too early",
                 path, heard, seconds);
    return all ? CLI_GOOD : CLI_BAD;
}

/* ---- frames ---- */

/* How long a film lasts that does not say it, by decoding it; one frame alone is a picture. */
static bool measure(double *seconds, bool *still, unic_media *media)
{
    size_t frames;
    double *times = NULL;
    bool ok = cli_media_ok(cli_media.frame_times(&frames, media, 0, NULL)) &&
              (times = cli_alloc(frames, sizeof *times)) &&
              cli_media_ok(cli_media.frame_times(&frames, media, frames, times));
    if (ok) {
        *still = frames == 1;
        *seconds = frames > 1 ? times[frames - 1] + times[frames - 1] / (double)(frames - 1)
                              : 0;
    }
    free(times);
    return ok;
}

/* When the film ends, by what the file says: frames may begin later than it does, which is told. */
static bool find_end(double *seconds, const cli_features *f, const char *path,
                     unic_media *media, uint8_t *frame)
{
    const unic_media_stream s = stream_of(media, UNIC_MEDIA_FRAMES);
    double first = 0;
    *seconds = duration_of(media, UNIC_MEDIA_FRAMES);
    if (s.still || !cli_media.has(media, UNIC_MEDIA_FRAMES))
        return true;
    if (!cli_media_ok(cli_media.frame_at(&first, media, 0, f->width, f->height, frame)))
        return false;
    if (s.seconds > 0 && first > 0)
        *seconds += first;
    if (first > SHORT)
        cli_note("%s: its first frame begins at %.4g s, and stands for the time before it",
                 path, first);
    return true;
}

/* How many frames the film gives, at the times 0, 1 / rate, 2 / rate, ...; those of a picture are
 * one step of the same frame. */
static bool count_frames(size_t *count, const cli_features *f, const char *path,
                         unic_media *media, uint8_t *frame, bool *still)
{
    *still = stream_of(media, UNIC_MEDIA_FRAMES).still;
    const double step = (double)f->stride / f->rate;
    double seconds, steps;
    if (!find_end(&seconds, f, path, media, frame) ||
        (!*still && seconds < (1 - LAST) * step && !measure(&seconds, still, media)))
        return false;
    steps = floor(seconds / step + LAST);
    *count = *still ? f->window : steps < 1 ? 0 : (size_t)(steps - 1) * f->stride + f->window;
    return *count > 0 || cli_fail("%s: it lasts %.3g s, and a step takes %.3g s", path, seconds,
                                  (double)f->window / f->rate);
}

/* A place to put frame i at, and what is done when it stands there. */
typedef struct frame_sink {
    uint8_t *(*place)(void *user);
    cli_outcome (*put)(size_t i, size_t count, void *user);
    void *user;
} frame_sink;

/* The times of the frames that a script would choose by number: of second s and its frame i
 * int(s k + i k / rate), k = floor(frames / seconds). *last is the film's last. NULL after a
 * failure. */
static double *times_by_number(double *last, const cli_features *f, const char *path,
                               unic_media *media, size_t count)
{
    size_t frames;
    double *all = NULL, *chosen = cli_alloc(count, sizeof *chosen);
    bool ok = chosen && cli_media_ok(cli_media.frame_times(&frames, media, 0, NULL)) &&
              (all = cli_alloc(frames, sizeof *all)) &&
              cli_media_ok(cli_media.frame_times(&frames, media, frames, all));
    const size_t seconds = count / f->stride, each = ok && seconds ? frames / seconds : 0;
    double most = 0;
    for (size_t i = 0; ok && i < count; i++) {
        chosen[i] = all[i / f->stride * each + i % f->stride * each / f->stride];
        most = fmax(most, fabs(chosen[i] - (double)i / f->rate));
    }
    if (most > SHORT)
        cli_note("%s: its frames by their number are up to %.3g s beside their seconds, as "
                 "its frame rate varies or is below 1: times = time takes them by their time",
                 path, most);
    *last = ok && frames ? all[frames - 1] : 0;
    free(all);
    if (ok)
        return chosen;
    free(chosen);
    return NULL;
}

/* *last <- when the last of them begins. */
static cli_outcome each_chosen(double *last, const cli_features *f, unic_media *media,
                               const frame_sink *sink, size_t count, const double *times)
{
    for (size_t i = 0; i < count; i++) {
        double at = times ? times[i] : (double)i / f->rate;
        if (!cli_media_ok(cli_media.frame_at(last, media, at, f->width, f->height,
                                             sink->place(sink->user))))
            return CLI_BAD;
        cli_outcome outcome = sink->put(i, count, sink->user);
        if (outcome != CLI_GOOD)
            return outcome;
    }
    return CLI_GOOD;
}

/* A film that was cut off may still say how long it was: then its last frame is shown for all
 * that lacks. So may one whose pictures stand for seconds, which is no fault. */
static void tell_if_cut_off(const cli_features *f, const char *path, const unic_media *media,
                            size_t count, double last)
{
    const double wanted = (double)(count - 1) / f->rate,
                 rate = stream_of(media, UNIC_MEDIA_FRAMES).frame_rate;
    if (wanted - last > fmax(SHORT, rate > 0 ? 2 / rate : 0))
        cli_note("%s: its last frame begins at %.4g s, and stands for the time up to %.4g s, "
                 "which the "
                 "file says it lasts: was it cut off?",
                 path, last, wanted + 1 / f->rate);
}

/* Of a film that goes on behind what its file says, the rest has no features. */
static void tell_if_longer(const cli_features *f, const char *path, unic_media *media,
                           size_t count, double last, uint8_t *frame)
{
    const double step = (double)f->stride / f->rate, end = (double)count / f->rate;
    if (last < end &&
        cli_media.frame_at(&last, media, end + step, f->width, f->height, frame) != UNIC_OK)
        cli_note(
            "%s: no features are made of what is behind %.4g s, where it cannot be read: %s",
            path, end, cli_media.last_error());
    else if (last > end + (1 - LAST) * step)
        cli_note("%s: it goes on at %.4g s, behind the end that the file says: no features are "
                 "made of what is behind %.4g s",
                 path, last, end);
}

static cli_outcome film(const cli_features *f, const char *path, unic_media *media,
                        const frame_sink *sink, uint8_t *frame)
{
    size_t count;
    bool still;
    double *times = NULL, last_of_film = 0, last = 0;
    if (!count_frames(&count, f, path, media, frame, &still))
        return CLI_BAD;
    if (!still && f->by_number &&
        !(times = times_by_number(&last_of_film, f, path, media, count)))
        return CLI_BAD;
    cli_outcome outcome = each_chosen(&last, f, media, sink, count, times);
    if (outcome == CLI_GOOD && !still) {
        tell_if_cut_off(f, path, media, count, times ? last_of_film : last);
        tell_if_longer(f, path, media, count, times ? last_of_film : last, frame);
    }
    free(times);
    return outcome;
}

static cli_outcome each_frame(const cli_features *f, const char *path, unic_media *media,
                              const frame_sink *sink)
{
    uint8_t *frame = cli_alloc(f->element, 1); /* one that is only looked at */
    cli_outcome outcome = frame ? film(f, path, media, sink, frame) : CLI_FAILED;
    free(frame);
    return outcome;
}

typedef struct frame_run {
    cli_features *f;
    const char *path;
    cli_features_fn *take;
    void *user;
    size_t have; /* frames in f->input */
} frame_run;

static uint8_t *place_in_input(void *user)
{
    const frame_run *run = user;
    return run->f->input + run->have * run->f->element;
}

/* Extracts when the room is full, and at the end. */
static cli_outcome put_in_input(size_t i, size_t count, void *user)
{
    frame_run *run = user;
    cli_features *f = run->f;
    size_t steps;
    if (++run->have < f->room && i + 1 < count)
        return CLI_GOOD;
    cli_outcome outcome = extract(f, run->path, run->have, &steps);
    if (outcome != CLI_GOOD)
        return outcome;
    if (steps && !run->take(f->output, steps, (double)(i + 1) / (double)count, run->user))
        return CLI_FAILED;
    if (i + 1 < count) {
        run->have -= f->at_once * f->stride;
        memmove(f->input, f->input + f->at_once * f->stride * f->element,
                run->have * f->element);
    }
    return CLI_GOOD;
}

typedef struct fit_run {
    cli_features *f;
    cli_frame_fn *take;
    void *user;
} fit_run;

static uint8_t *place_alone(void *user)
{
    return ((fit_run *)user)->f->input;
}

static cli_outcome put_alone(size_t i, size_t count, void *user)
{
    fit_run *run = user;
    (void)i, (void)count;
    return run->take(run->f->input, run->user) ? CLI_GOOD : CLI_FAILED;
}

cli_outcome cli_features_frames(cli_features *f, const char *path, cli_frame_fn *take,
                                void *user)
{
    fit_run run = {f, take, user};
    const frame_sink sink = {place_alone, put_alone, &run};
    unic_media *media;
    if (!cli_media_open(&media, path, f->skip_damaged, f->threads))
        return cli_media.open ? CLI_BAD : CLI_FAILED;
    tell_if_several(f, path, media);
    cli_outcome outcome = each_frame(f, path, media, &sink);
    cli_media.free(media);
    return outcome;
}

/* ---- texts ---- */

cli_outcome cli_features_text(cli_features *f, const char *name, const char *text,
                              cli_features_fn *take, void *user)
{
    size_t steps;
    cli_outcome outcome = outcome_of(
        unic_extractor_extract_text(&steps, f->extractor, text, strlen(text), 0, NULL), name);
    if (outcome != CLI_GOOD)
        return outcome;
    if (steps == 0) {
        cli_fail("%s: there is no word in it", name);
        return CLI_BAD;
    }
    if (cli_memory_limit && steps > cli_memory_limit / sizeof(float) / f->numbers) {
        cli_fail(
            "%s: the features of its %zu words, %zu numbers each, are more than --memory-limit",
            name, steps, f->numbers);
        return CLI_FAILED;
    }
    if (steps > f->output_steps) {
        free(f->output);
        f->output_steps = 0;
        if (!(f->output = cli_alloc(steps * f->numbers, sizeof(float))))
            return CLI_FAILED;
        f->output_steps = steps;
    }
    outcome = outcome_of(unic_extractor_extract_text(&steps, f->extractor, text, strlen(text),
                                                     f->output_steps, f->output),
                         name);
    return outcome == CLI_GOOD && !take(f->output, steps, 1.0, user) ? CLI_FAILED : outcome;
}

static cli_outcome text_file(cli_features *f, const char *path, cli_features_fn *take,
                             void *user)
{
    char *text = cli_text_read(path, cli_limited(MOST_TEXT), "text");
    cli_outcome outcome = text ? cli_features_text(f, path, cli_text_begin(text), take, user)
                               : CLI_BAD;
    free(text);
    return outcome;
}

/* ---- a file ---- */

cli_outcome cli_features_file(cli_features *f, const char *path, cli_features_fn *take,
                              void *user)
{
    frame_run run = {.f = f, .path = path, .take = take, .user = user};
    const frame_sink sink = {place_in_input, put_in_input, &run};
    unic_media *media;
    if (f->reads == UNIC_EXTRACTOR_TEXT)
        return text_file(f, path, take, user);
    if (!cli_media_open(&media, path, f->skip_damaged, f->threads))
        return cli_media.open ? CLI_BAD : CLI_FAILED;
    tell_if_several(f, path, media);
    cli_outcome outcome = f->reads == UNIC_EXTRACTOR_SOUND ? sound(f, path, media, take, user)
                                                           : each_frame(f, path, media, &sink);
    if (cli_media.damaged_count(media))
        cli_note("%s: %zu damaged parts were passed over", path,
                 cli_media.damaged_count(media));
    cli_media.free(media);
    return outcome;
}
