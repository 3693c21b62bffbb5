/* Segmentation: masks asked for by codes. */
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "eval/eval.h"
#include "eval/pictures.h"

enum { EPOCHS = 15, SMALL_BATCH = 8, PAPER_BATCH = 4, MOST_BATCH = SMALL_BATCH };

/* ---- clips in an order ---- */

/* Clips that are used, in an order, and their codes. */
typedef struct selection {
    const int32_t *codes; /* [clips,length] of all */
    size_t length, count;
    size_t *clips; /* [count] their numbers */
    int32_t *batch;
} selection;

/* Those that have codes and, to train with, a mask. */
static bool select_clips(selection *s, const pictures *p, const cli_codes *c, size_t modality)
{
    s->codes = c->codes[modality];
    s->length = c->length;
    if (!(s->clips = cli_alloc(p->clips, sizeof *s->clips)) ||
        !(s->batch = cli_alloc(MOST_BATCH, s->length * sizeof *s->batch)))
        return false;
    for (size_t i = 0; i < p->clips; i++)
        if (pictures_used(p, i) && cli_codes_any(s->codes + i * s->length, s->length))
            s->clips[s->count++] = i;
    if (s->count == 0)
        return cli_fail("%s: no clip has both codes of %s and a mask", p->path,
                        c->names[modality]);
    return true;
}

static void selection_free(selection *s)
{
    free(s->clips);
    free(s->batch);
}

/* Reads `n` clips from place `from` of the order on. */
static bool read_batch(pictures *p, selection *s, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t clip = s->clips[from + i];
        if (!pictures_read(p, clip, i))
            return false;
        memcpy(s->batch + i * s->length, s->codes + clip * s->length,
               s->length * sizeof *s->batch);
    }
    return true;
}

/* SplitMix64 (Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void shuffle(selection *s, uint64_t *state)
{
    for (size_t i = s->count; i > 1; i--) {
        size_t j = (size_t)(draw(state) % i), kept = s->clips[i - 1];
        s->clips[i - 1] = s->clips[j];
        s->clips[j] = kept;
    }
}

/* ---- training ---- */

static bool is_paper(const evaluation *e)
{
    return !strcmp(e->segmenter, "paper");
}

static size_t batch_size(const evaluation *e)
{
    return is_paper(e) ? PAPER_BATCH : SMALL_BATCH;
}

/* A segmenter for images of these sizes. */
static bool create(const evaluation *e, const pictures *p, unic_segmenter **out)
{
    unic_segmenter_options options = {
        .struct_size = sizeof options,
        .preset = is_paper(e) ? UNIC_SEGMENTER_PAPER : UNIC_SEGMENTER_SMALL,
        .input = p->maps ? UNIC_SEGMENTER_MAPS : UNIC_SEGMENTER_FRAMES,
        .height = (int32_t)p->dims[p->images][1],
        .width = (int32_t)p->dims[p->images][2],
        .batch = (int32_t)batch_size(e),
        .seed = e->seed,
    };
    if (p->maps)
        options.level_count = (int32_t)p->images;
    else
        options.image_channels = (int32_t)p->dims[0][3];
    for (size_t i = 0; p->maps && i < p->images; i++)
        options.level_channels[i] = (int32_t)p->dims[i][3];
    return cli_ok(unic_segmenter_create(out, e->codebook, &options));
}

/* Epochs over the clips, shuffled anew for each. */
static bool train(const evaluation *e, unic_segmenter *segmenter, pictures *p, selection *s)
{
    unic_array arrays[PICTURES_ARRAYS];
    const unic_array *images[PICTURES_ARRAYS];
    size_t most = batch_size(e), epochs = e->epochs ? (size_t)e->epochs : EPOCHS;
    size_t done = 0, steps = (s->count + most - 1) / most;
    uint64_t state = e->seed;
    char tail[32];
    double loss;
    for (size_t i = 0; i < p->images; i++)
        images[i] = &arrays[i];
    cli_progress_begin(epochs * steps, 0, "steps");
    for (size_t epoch = 0; epoch < epochs; epoch++) {
        shuffle(s, &state);
        for (size_t from = 0; from < s->count; from += most) {
            size_t n = s->count - from < most ? s->count - from : most;
            if (cli_signal() || !read_batch(p, s, from, n))
                return false;
            pictures_describe(p, n, arrays);
            if (unic_segmenter_step(&loss, segmenter, images, p->images, s->batch, s->length,
                                    &arrays[p->images]) != UNIC_OK)
                return cli_fail("%s: %s", p->path, unic_last_error());
            snprintf(tail, sizeof tail, "loss %.3f", loss);
            cli_progress_at(++done, tail);
        }
    }
    cli_progress_clear();
    return true;
}

/* ---- testing ---- */

/* Logits of the first `n` clips of the batch. */
static unic_status predict_batch(const unic_segmenter *segmenter, const pictures *p,
                                 const selection *s, size_t n, float *logits)
{
    unic_array arrays[PICTURES_ARRAYS];
    const unic_array *images[PICTURES_ARRAYS];
    for (size_t i = 0; i < p->images; i++)
        images[i] = &arrays[i];
    pictures_describe(p, n, arrays);
    return unic_segmenter_predict(segmenter, images, p->images, s->batch, s->length, logits);
}

/* Logits of `n` clips from place `from` of the order on. The library counts clips from a batch's first:
 * where it refuses a number, it is asked again for one clip at a time, which is then known. */
static bool predict_clips(const unic_segmenter *segmenter, pictures *p, selection *s,
                          size_t from, size_t n, float *logits)
{
    if (!read_batch(p, s, from, n))
        return false;
    const unic_status status = predict_batch(segmenter, p, s, n, logits);
    if (status == UNIC_OK)
        return true;
    for (size_t i = from; status == UNIC_E_NUMERIC && i < from + n; i++) {
        if (!read_batch(p, s, i, 1))
            return false;
        if (predict_batch(segmenter, p, s, 1, logits) == UNIC_E_NUMERIC)
            return cli_fail(
                "%s: clip %zu: a logit is NaN or Inf; its %s or codes are too large", p->path,
                s->clips[i], p->maps ? "maps" : "frames");
    }
    return cli_fail("%s: %s", p->path, unic_last_error());
}

/* Logits [clips,F,pixels], 0 for clips without codes. */
static bool predict(const unic_segmenter *segmenter, pictures *p, selection *s, size_t most,
                    float *logits)
{
    size_t size = p->frames * p->pixels;
    float *batch = cli_alloc(most, size * sizeof *batch);
    bool ok = batch;
    cli_progress_begin(s->count, 0, "clips");
    for (size_t from = 0; ok && from < s->count; from += most) {
        size_t n = s->count - from < most ? s->count - from : most;
        ok = !cli_signal() && predict_clips(segmenter, p, s, from, n, batch);
        for (size_t i = 0; ok && i < n; i++)
            memcpy(logits + s->clips[from + i] * size, batch + i * size, size * sizeof *batch);
        cli_progress_at(from + n, "");
    }
    cli_progress_clear();
    free(batch);
    return ok;
}

/* Moves what counts to the front: frames with a mask, of clips with codes. */
static size_t gather(const pictures *p, const selection *s, float *logits, uint8_t *truth)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        for (size_t f = 0; f < p->frames; f++) {
            size_t frame = s->clips[i] * p->frames + f;
            if (!p->counts[frame])
                continue;
            memmove(logits + kept * p->pixels, logits + frame * p->pixels,
                    p->pixels * sizeof *logits);
            memcpy(truth + kept * p->pixels, p->truth + frame * p->pixels, p->pixels);
            kept++;
        }
    return kept;
}

static bool score(const pictures *p, const selection *s, float *logits, eval_score *out)
{
    uint8_t *truth = cli_alloc(p->clips * p->frames, p->pixels);
    size_t masks = truth ? gather(p, s, logits, truth) : 0;
    out->masks.struct_size = sizeof out->masks;
    out->masks_cmg.struct_size = sizeof out->masks_cmg;
    out->there = truth && (masks || cli_fail("%s: no clip with codes has a mask", p->path)) &&
                 cli_ok(
                     unic_metrics_masks(&out->masks, logits, truth, masks, p->pixels, NULL)) &&
                 cli_ok(unic_metrics_masks_cmg(&out->masks_cmg, logits, truth, masks, p->pixels,
                                               EVAL_CMG_MASK_CLIPS * p->frames));
    free(truth);
    return out->there;
}

static bool append_logits(evaluation *e, const float *logits, size_t count)
{
    unic_array elements;
    unic_array_init(&elements, logits, UNIC_F32, 1, (const int64_t[]){(int64_t)count});
    return cli_ok(unic_npz_writer_append(e->logits, "logits", &elements));
}

static bool test(evaluation *e, const unic_segmenter *segmenter, pictures *p, size_t a,
                 size_t b)
{
    selection s = {0};
    size_t all = p->clips * p->frames;
    float *logits = cli_alloc(all, p->pixels * sizeof *logits);
    bool ok = logits && select_clips(&s, p, &e->test, b) &&
              predict(segmenter, p, &s, batch_size(e), logits) &&
              (!e->logits_path || append_logits(e, logits, all * p->pixels)) &&
              score(p, &s, logits, &e->scores[a][b]);
    selection_free(&s);
    free(logits);
    return ok;
}

/* ---- all directions ---- */

/* A segmenter trained with modality `a`, tested with every one. */
static bool evaluate(evaluation *e, pictures *seen, pictures *unseen, size_t a)
{
    unic_segmenter *segmenter = NULL;
    selection s = {0};
    bool ok = create(e, seen, &segmenter) && select_clips(&s, seen, &e->train, a) &&
              train(e, segmenter, seen, &s);
    for (size_t b = 0; ok && b < e->test.count; b++)
        ok = test(e, segmenter, unseen, a, b);
    selection_free(&s);
    unic_segmenter_free(segmenter);
    return ok;
}

/* "32,16,1", what is behind [N,F]. */
static const char *dims_text(const pictures *p, size_t i, char *text, size_t size)
{
    size_t used = 0;
    for (size_t d = 1; d < p->rank[i] && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", d > 1 ? "," : "",
                                 (long long)p->dims[i][d]);
    return text;
}

/* Whether a segmenter that is trained on one file can be tested on the other; F may differ. */
static bool are_alike(const pictures *p, const pictures *q)
{
    char here[96], there[96];
    if (p->maps != q->maps || p->images != q->images)
        return cli_fail("%s has %zu arrays of images (%s), but %s has %zu (%s)", p->path,
                        p->images, p->names[0], q->path, q->images, q->names[0]);
    for (size_t i = 0; i <= p->images; i++)
        if (memcmp(p->dims[i] + 1, q->dims[i] + 1, (p->rank[i] - 1) * sizeof **p->dims) != 0)
            return cli_fail("%s of %s is [N,F,%s], but of %s [N,F,%s]", p->names[i], p->path,
                            dims_text(p, i, here, sizeof here), q->path,
                            dims_text(q, i, there, sizeof there));
    return true;
}

/* "logits" [trained on, tested on, clips, F, H, W]; from here on Ctrl-C leaves no half of
 * it. */
static bool open_logits(evaluation *e, const pictures *p)
{
    const int64_t *of = p->dims[p->images];
    const int64_t dims[] = {(int64_t)e->train.count,
                            (int64_t)e->test.count,
                            (int64_t)p->clips,
                            of[0],
                            of[1],
                            of[2]};
    if (!e->logits_path)
        return true;
    cli_signal_catch();
    return cli_ok(unic_npz_writer_create(&e->logits, e->logits_path)) &&
           cli_ok(unic_npz_writer_begin(e->logits, "logits", UNIC_F32, 6, dims));
}

bool eval_segment(evaluation *e)
{
    pictures seen = {0}, unseen = {0};
    size_t room = batch_size(e);
    bool ok = pictures_open(&seen, &e->how, e->train_path, e->train.clips, room, false) &&
              pictures_open(&unseen, &e->how, e->test_path, e->test.clips, room, true) &&
              are_alike(&seen, &unseen) && open_logits(e, &unseen);
    for (size_t a = 0; ok && a < e->train.count; a++)
        ok = evaluate(e, &seen, &unseen, a);
    ok = ok && (!e->logits_path || cli_ok(unic_npz_writer_finish(e->logits)));
    pictures_close(&seen);
    pictures_close(&unseen);
    return ok;
}
