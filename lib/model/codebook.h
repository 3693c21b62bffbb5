/*
 * The shared codebook (P2, P6, P8): the codes, the EMA state behind them, and how long each
 * code has been idle for each modality. These are state, not parameters: no gradient changes
 * them.
 */
#ifndef UNIC_MODEL_CODEBOOK_H
#define UNIC_MODEL_CODEBOOK_H

#include "array/bundle.h"
#include "base/ranks.h"
#include "base/use.h"
#include "config/config.h"
#include "kernel/assign.h"
#include "kernel/nearest.h"
#include "unicode/unic_codebook.h"

enum { UNIC__CODEBOOK_MAX_CODES = 1 << 24, UNIC__CODEBOOK_MAX_DIM = 1 << 16 };

/* Of an idle counter: `compat` starts there, so that a code is new until the second update. */
enum { UNIC__IDLE_LEAST = -1 };

/* One modality's columns of every code, where codes have segments (codebook_segments.c). */
typedef struct unic__segment {
    float *embedding; /* [L, D / M] */
    unic__code_table table;
} unic__segment;

struct unic_codebook {
    unic__use use;
    size_t codes, dim, modalities; /* L, D, M */
    float *embedding;              /* e [L,D] */
    unic__code_table table;        /* derived from e for assignment; kept up to date with e */
    float *count;                  /* N [L]   */
    float *sum;                    /* o [L,D] */
    int32_t *idle;                 /* [M,L] updates since modality m last selected code l */
    unic__ranks *ranks;     /* that learn it together: an update's sums are theirs; NULL: one */
    unic__segment *segment; /* [M], kept up to date with e; NULL: codes have no segments */
    unic_codebook *level2;  /* borrowed: of a run, its second level; or NULL */
    size_t jittered; /* codes that the last unic__codebook_init() made of rows and noise */
};

unic_status unic__codebook_create(unic_codebook **out, size_t codes, size_t dim,
                                  size_t modalities);
void unic__codebook_free(unic_codebook *cb);
unic_status unic__codebook_copy(unic_codebook **out, const unic_codebook *from);
/* All state of `from`, which has the same sizes. */
void unic__codebook_assign_state(unic_codebook *to, const unic_codebook *from);

/* codes[r] = the nearest code of z_r, the lowest on a tie (P2). z [rows,D]. */
void unic__codebook_nearest(const unic_codebook *cb, const float *z, size_t rows,
                            int32_t *codes);

/* The k nearest codes of each row, and their squared distances ("kernel/nearest.h"). */
unic_status unic__codebook_nearest_few(const unic_codebook *cb, const float *z, size_t rows,
                                       size_t k, int32_t *codes, float *distances);

/* Recomputes what is derived from e; to be called after every change of e. */
void unic__codebook_refresh(unic_codebook *cb);

/* Sets the codes to rows [L,D], with N = 1, o = e, and idle counters of 0. */
void unic__codebook_set(unic_codebook *cb, const float *rows);

/* Random rows of z [rows,D], or k-means from k-means++ seeds (iterations > 0). Where there are
 * fewer (different) rows than codes, rows repeat with a little noise; `jittered` counts them. UNIC_E_NUMERIC where a centre is too
 * large for a float. A failure changes nothing. */
unic_status unic__codebook_init(unic_codebook *cb, const float *z, size_t rows,
                                size_t iterations, unic__key key,
                                const unic__progress *progress);

/* One modality's part in an update; rows with code -1 are left out. */
typedef struct unic__ema_part {
    size_t rows;
    const float *target;  /* [rows,D] */
    const int32_t *codes; /* [rows]   */
} unic__ema_part;

/* The floats of `scratch` in an update, which also holds doubles: memory of unic__alloc(). */
size_t unic__codebook_update_scratch(size_t codes, size_t dim);

/* P6 (joint) or A.3 (sequential, with smoothing). UNIC_E_NUMERIC names a code that would become
 * NaN or Inf; or what the ranks' sum returned: the codebook is then unchanged. */
unic_status unic__codebook_update(unic_codebook *cb, unic__ema_order order, double decay,
                                  double epsilon, const unic__ema_part *parts, float *scratch);

/* Advances the idle counters of the modalities that have rows. */
void unic__codebook_count_idle(unic_codebook *cb, const unic__ema_part *parts);

/* P8: which codes are restarted, and from which vectors. */
typedef struct unic__revival {
    unic__reset rule;
    size_t steps, max; /* max 0: no limit                                            */
    bool ema;          /* N = 1, o = e too                                           */
    unic__reset_source source;
    const float *z; /* [rows,D] candidates                                           */
    size_t rows;
    const int32_t *from; /* [L] rows of z to take, or NULL: drawn                    */
    unic__key key;
} unic__revival;

/* The codes that are to be restarted, in `order`, which has room for L; how many. */
size_t unic__codebook_due(const unic_codebook *cb, const unic__revival *r, int32_t *order);
/* The row of z that the i-th of them takes, with source = encoder. */
size_t unic__revival_row(const unic__revival *r, size_t i, const int32_t *order);
/* Returns how many codes were restarted. `order` has room for L. */
size_t unic__codebook_revive(unic_codebook *cb, const unic__revival *r, int32_t *order);

/* ---- codes in q groups of K vectors each, L = K^q (codebook_groups.c) ---- */

/* After unic__codebook_init(): every code becomes the combination of its parts. */
void unic__codebook_group_start(unic_codebook *cb, size_t groups, size_t k);
/* The same after an update, of N and o as they are; `scratch` has room for D / q numbers. */
void unic__codebook_group(unic_codebook *cb, size_t groups, size_t k, double *scratch);

/* ---- codes in segments, one of each modality (codebook_segments.c) ---- */

/* From now on the codebook keeps its segments; M divides D. */
unic_status unic__codebook_cut(unic_codebook *cb);
void unic__codebook_free_segments(unic_codebook *cb);
void unic__codebook_refresh_segments(unic_codebook *cb);
/* Segments take over a part of each other, one after the other; to be refreshed then. */
void unic__codebook_blend(unic_codebook *cb);
/* z [rows, D / M] of modality m -> rows [rows,D]: the code whose segment is nearest, with z itself
 * in the place of that segment. `codes` [rows] are those codes. */
void unic__codebook_complete(const unic_codebook *cb, size_t m, const float *z, size_t rows,
                             int32_t *codes, float *out);

/* ---- pairs of codes of two levels (codebook_pairs.c) ---- */

/* The codebook of all pairs, [first ; second], which are numbered l1 L2 + l2. */
unic_status unic__codebook_pairs(unic_codebook **out, const unic_codebook *first,
                                 const unic_codebook *second);
/* One level (0 or 1) of such a codebook, of levels of the same width; `second` is L2. */
unic_status unic__codebook_level(unic_codebook **out, const unic_codebook *pairs, size_t second,
                                 size_t level);

/* A hash of L, D and the codes. */
uint64_t unic__codebook_fingerprint(const unic_codebook *cb);

/* ---- for use without a trainer (codebook_use.c) ---- */

/* out [rows,D] = e of each code; zeros for -1. */
void unic__codebook_lookup(const unic_codebook *cb, const int32_t *codes, size_t rows,
                           float *out);

/* A joint update (P6), and the idle counters after it. UNIC_E_NUMERIC if targets are so large
 * that their sums may overflow. */
unic_status unic__codebook_learn(unic_codebook *cb, double decay, const unic__ema_part *parts);

/* unic__codebook_revive() with memory of its own. */
unic_status unic__codebook_restart(unic_codebook *cb, const unic__revival *r,
                                   size_t *restarted);

/* counts [L]: how often each code occurs; -1 is left out. */
void unic__codebook_count(const unic_codebook *cb, const int32_t *codes, size_t rows,
                          int64_t *counts);

/* out [L,L] = ||e_a - e_b||^2; UNIC_E_NUMERIC if one is more than a float holds. */
unic_status unic__codebook_distances(const unic_codebook *cb, float *out);

/* Codebooks of the same sizes; the report's counts are 0, codes are in range. */
unic_status unic__codebook_drift(unic_drift_report *report, const unic_codebook *before,
                                 const unic_codebook *after, const int32_t *codes_before,
                                 const int32_t *codes_after, size_t count);

/* exp(-sum p log p) of counts [L]; 0 if nothing was counted. */
double unic__perplexity(const int64_t *counts, size_t n);
double unic__codebook_perplexity(const unic_codebook *cb); /* of the EMA counts */

/* ---- channels (codebook_channels.c) ---- */

/* scores [D]; at least 2 codes. */
void unic__codebook_channel_scores(const unic_codebook *cb, double lambda, double *scores);
/* channels [highest + lowest <= D]: those of the highest scores, then those of the lowest;
 * `scores` [D] may be NULL. */
unic_status unic__codebook_channels(const unic_codebook *cb, double lambda, size_t highest,
                                    size_t lowest, size_t *channels, double *scores);
/* The channels are in range. */
unic_status unic__codebook_select(unic_codebook **out, const unic_codebook *cb,
                                  const size_t *channels, size_t count);

/* ---- files (codebook_file.c) ---- */

/* The four members of a codebook, borrowed until the bundle is written. */
void unic__bundle_codebook(unic__bundle *b, const unic_codebook *cb);
/* The same of a file that must have a codebook of these sizes. */
unic_status unic__codebook_read(unic__npz *z, size_t codes, size_t dim, size_t modalities,
                                unic_codebook **out);

unic_status unic__codebook_save(const unic_codebook *cb, unic__output to);
/* Of the sizes that the file's shapes say. */
unic_status unic__codebook_load(unic_codebook **out, unic__source *source);

#endif
