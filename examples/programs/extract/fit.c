/* --fit: the extractor's weights are learnt from the frames of the files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "extract/clips.h"

enum { MOST_BYTES = 1 << 28 }; /* of frames that are held */

/* Frames of all films with equal chances: the first ones, then each new one takes, with the chance
 * that it deserves, the place of another (Vitter's algorithm R). */
typedef struct sample {
    uint8_t *frames;
    size_t element, room, seen;
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

static bool keep(const uint8_t *frame, void *user)
{
    sample *s = user;
    size_t place = s->seen < s->room ? s->seen : (size_t)(next(s) % (s->seen + 1));
    if (place < s->room)
        memcpy(s->frames + place * s->element, frame, s->element);
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
    void *frames = realloc(s->frames, room * s->element);
    if (!frames)
        return cli_fail("out of memory (%zu frames)", room);
    s->frames = frames;
    s->room = room;
    return true;
}

static bool keep_growing(const uint8_t *frame, void *user)
{
    return grow(user) && keep(frame, user);
}

static bool gather(const extract_request *r, cli_features *f, sample *s)
{
    size_t good = 0;
    cli_progress_begin(r->files.count, 0, "files");
    for (size_t i = 0; i < r->files.count; i++) {
        cli_outcome outcome = cli_features_frames(f, r->files.items[i], keep_growing, s);
        if (outcome == CLI_FAILED || (outcome == CLI_BAD && !r->skip_damaged))
            return false;
        good += outcome == CLI_GOOD;
        cli_progress_at(i + 1, "");
    }
    cli_progress_clear();
    return good || cli_fail("nothing came of any of the %zu files", r->files.count);
}

bool extract_fit(const extract_request *r, unic_extractor *extractor, cli_features *f)
{
    sample s = {.element = f->element, .room = 1};
    if (f->reads != UNIC_EXTRACTOR_FRAMES)
        return cli_fail("--fit: an extractor of kind %s has nothing that is fitted",
                        unic_extractor_kind(extractor));
    if (!cli_output_apart("--fit", r->fit_path, r->files.items, r->files.count) ||
        !(s.frames = cli_alloc(s.room, s.element)))
        return false;
    bool ok = gather(r, f, &s);
    const size_t held = s.seen < s.room ? s.seen : s.room;
    const int64_t dims[] = {(int64_t)held, f->height, f->width, 3};
    unic_array array;
    unic_array_init(&array, s.frames, UNIC_U8, 4, dims);
    ok = ok && cli_ok(unic_extractor_fit(extractor, &array)) &&
         cli_ok(unic_extractor_save(extractor, r->fit_path));
    if (ok)
        printf("written: %s: fitted on %zu frames of %zu files\n", r->fit_path, held,
               r->files.count);
    free(s.frames);
    return ok;
}
