/*
 * --fit: what the extractor learns from the files. `patches` learns typical patches from their
 * frames; every other kind mean and deviation of its own features.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "extract/clips.h"

enum { MOST_BYTES = 1 << 28 }; /* of frames or features that are held */

/* Frames, or steps of features, of all files with equal chances: the first ones, then each new one
 * takes, with the chance that it deserves, the place of another (Vitter's algorithm R). */
typedef struct sample {
    unsigned char *items;
    size_t element, room, seen; /* bytes of one */
    uint64_t state;
} sample;

/* The next number of splitmix64, which is the same in every run. */
static uint64_t next(sample *s)
{
    uint64_t z = (s->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static bool keep(sample *s, const void *item)
{
    size_t place = s->seen < s->room ? s->seen : (size_t)(next(s) % (s->seen + 1));
    if (place < s->room)
        memcpy(s->items + place * s->element, item, s->element);
    s->seen++;
    return !cli_signal();
}

/* More room when it is needed, up to MOST_BYTES. */
static bool grow(sample *s)
{
    const size_t most = MOST_BYTES / s->element ? MOST_BYTES / s->element : 1;
    if (s->seen < s->room || s->room == most)
        return true;
    size_t room = s->room * 2 < most ? s->room * 2 : most;
    const size_t bytes = room * s->element;
    void *items = bytes ? realloc(s->items, bytes) : NULL;
    if (!items)
        return cli_fail("out of memory (%zu frames or steps)", room);
    s->items = items;
    s->room = room;
    return true;
}

static bool keep_frame(const uint8_t *frame, void *user)
{
    return grow(user) && keep(user, frame);
}

/* A cli_features_fn. */
static bool keep_steps(const float *features, size_t steps, double part, void *user)
{
    sample *s = user;
    const unsigned char *item = (const unsigned char *)features;
    (void)part;
    for (size_t t = 0; t < steps; t++, item += s->element)
        if (!grow(s) || !keep(s, item))
            return false;
    return true;
}

static bool learns_frames(const unic_extractor *extractor)
{
    return !strcmp(unic_extractor_kind(extractor), "patches");
}

static cli_outcome take_clip(cli_features *f, const extract_clip *clip, sample *s)
{
    if (learns_frames(f->extractor))
        return cli_features_frames(f, clip->path, keep_frame, s);
    return clip->text ? cli_features_text(f, clip->name, clip->text, keep_steps, s)
                      : cli_features_file(f, clip->path, keep_steps, s);
}

static bool gather(const extract_request *r, cli_features *f, sample *s)
{
    extract_clips clips;
    size_t good = 0;
    bool ok = extract_clips_find(&clips, r, f->reads == UNIC_EXTRACTOR_TEXT);
    cli_progress_begin(ok ? clips.count : 0, 0, "clips");
    for (size_t i = 0; ok && i < clips.count; i++) {
        cli_outcome outcome = take_clip(f, &clips.items[i], s);
        ok = outcome == CLI_GOOD || (outcome == CLI_BAD && r->skip_damaged);
        good += outcome == CLI_GOOD;
        cli_progress_at(i + 1, "");
    }
    cli_progress_clear();
    ok = ok && (good || cli_fail("nothing came of any of the %zu clips", clips.count));
    extract_clips_free(&clips);
    return ok;
}

/* Frames [held,H,W,3], or features [held,...]. */
static bool learn(unic_extractor *extractor, const cli_features *f, const sample *s,
                  size_t held)
{
    int64_t dims[UNIC_MAX_RANK] = {(int64_t)held, f->height, f->width, 3};
    unic_array array;
    if (learns_frames(extractor)) {
        unic_array_init(&array, s->items, UNIC_U8, 4, dims);
        return cli_ok(unic_extractor_fit(extractor, &array));
    }
    memcpy(dims + 1, f->dims, f->rank * sizeof *dims);
    unic_array_init(&array, s->items, UNIC_F32, (int)f->rank + 1, dims);
    return cli_ok(unic_extractor_normalise(extractor, &array));
}

bool extract_fit(const extract_request *r, unic_extractor *extractor, cli_features *f)
{
    const bool frames = learns_frames(extractor);
    sample s = {.element = frames ? f->element : f->numbers * sizeof(float), .room = 1};
    if (!(s.items = cli_alloc(s.room, s.element)))
        return false;
    bool ok = gather(r, f, &s);
    const size_t held = s.seen < s.room ? s.seen : s.room;
    ok = ok && learn(extractor, f, &s, held) &&
         cli_ok(unic_extractor_save(extractor, r->fit_path));
    if (ok)
        printf("written: %s: %s %zu %s of %zu files\n", r->fit_path,
               frames ? "fitted on" : "normalised over", held, frames ? "frames" : "steps",
               r->files.count);
    free(s.items);
    return ok;
}
