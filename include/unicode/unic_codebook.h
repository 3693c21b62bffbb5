/**
 * @file unic_codebook.h
 * The shared codebook: assignment, look-up, multi-modal EMA update, revival and usage. Usable
 * on its own as a vector quantiser. Concurrent reads are safe; an update needs exclusive
 * access.
 */
#ifndef UNICODE_UNIC_CODEBOOK_H
#define UNICODE_UNIC_CODEBOOK_H

#include "unic_array.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A codebook: L codes of D dims, their EMA state and their use. Opaque. */
typedef struct unic_codebook unic_codebook;

/**
 * A codebook of `code_count` x `dim` for `modality_count` modalities (their usage is counted
 * apart), all codes zero until unic_codebook_set() or unic_codebook_init().
 * @return UNIC_OK; UNIC_E_ARG if a size is 0 or too large; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_codebook_create(unic_codebook **out, size_t code_count, size_t dim,
                                          size_t modality_count);
/** Frees the codebook. NULL is fine. Since 0.1. */
UNIC_API void unic_codebook_free(unic_codebook *codebook);

/** L, the number of codes. Since 0.1. */
UNIC_API size_t unic_codebook_code_count(const unic_codebook *codebook);
/** D, the dims of a code. Since 0.1. */
UNIC_API size_t unic_codebook_dim(const unic_codebook *codebook);
/** The number of modalities whose use of the codes is counted. Since 0.1. */
UNIC_API size_t unic_codebook_modality_count(const unic_codebook *codebook);

/**
 * Set all codes: embedding [L,D] float32 or float64. EMA: N = 1, o = e.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE; UNIC_E_VALUE if it holds NaN or Inf; UNIC_E_NOMEM.
 * The codebook is as it was after a failure. Since 0.1.
 */
UNIC_API unic_status unic_codebook_set(unic_codebook *codebook, const unic_array *embedding);

/** The codes [L,D], borrowed until the codebook changes or is freed. Since 0.1. */
UNIC_API const float *unic_codebook_embedding(const unic_codebook *codebook);

/** How a codebook starts from data. NULL in its place: all zero. */
typedef struct unic_codebook_init_options {
    size_t struct_size;        /**< sizeof(unic_codebook_init_options)                       */
    size_t iterations;         /**< of Lloyd's algorithm, at most, after k-means++ seeding: it
                                    ends when no row changes its code any more; 0: the codes
                                    are rows drawn at random                                 */
    uint64_t seed;             /**< of the draws                                             */
    unic_progress_fn progress; /**< told of seeded codes, then of iterations; may be NULL    */
    void *progress_user;       /**< what it is given                                         */
    int32_t threads;           /**< 0: the process's number; 1..256                          */
    void *reserved[4];         /**< NULL                                                     */
} unic_codebook_init_options;

/**
 * Start from data: the codes become means of rows of `z` [rows,D], or rows. EMA: N = 1, o = e.
 * Deterministic for a seed, whatever the number of threads.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE, also without rows; UNIC_E_VALUE; UNIC_E_NUMERIC if
 * a code is too large for a float; UNIC_E_NOMEM; UNIC_E_CANCELLED: nothing is changed. Since
 * 0.1.
 */
UNIC_API unic_status unic_codebook_init(unic_codebook *codebook, const unic_array *z,
                                        const unic_codebook_init_options *options);

/**
 * Assign each row of `z` to its nearest code: codes[n] = argmin_k ||z_n - e_k||_2 (method P2), as
 * double precision gives it, wherever rows and codes lie and however large or small they are.
 *
 * @param codebook  concurrent reads are safe.
 * @param z         [rows,D] float32 or float64; 0 rows do nothing.
 * @param codes     [rows] out, 0..L-1; on a tie the lowest index.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE if D is not the codebook's; UNIC_E_VALUE if `z`
 * holds NaN or Inf (nothing is written then); UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_codebook_assign(const unic_codebook *codebook, const unic_array *z,
                                          int32_t *codes);

/**
 * Look codes up: out[n] = e_{codes[n]}; a code of -1 (padding) gives zeros.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code that is not in -1..L-1. Since 0.1.
 */
UNIC_API unic_status unic_codebook_lookup(const unic_codebook *codebook, const int32_t *codes,
                                          size_t row_count, float *out);

/**
 * One joint EMA update from every modality (method P6):
 *
 *     N_l <- decay N_l + (1-decay) n_l,   o_l <- decay o_l + (1-decay) sum targets,
 *     e_l = o_l / N_l
 *
 * where row r of modality m, targets[m][r] (z, or its mean with the partners'), was assigned
 * codes[m][r] (-1: left out). Idle counters advance for the modalities that have rows.
 *
 * @param codebook    exclusive access.
 * @param decay       [0, 1).
 * @param row_counts  [modalities] number of rows of each.
 * @param targets     [modalities] pointers to [rows,D] float32.
 * @param codes       [modalities] pointers to [rows].
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE; UNIC_E_NUMERIC if a code would become NaN or Inf
 * (the sum of its targets is too large); UNIC_E_NOMEM: nothing is changed. Since 0.1.
 */
UNIC_API unic_status unic_codebook_update(unic_codebook *codebook, float decay,
                                          const size_t *row_counts, const float *const *targets,
                                          const int32_t *const *codes);

/** Which codes count as used (method P8). */
typedef enum unic_reset_rule {
    UNIC_RESET_OFF = 0,
    UNIC_RESET_ANY =
        1, /**< kept if any modality selected it within `steps` updates             */
    UNIC_RESET_TWO =
        2 /**< kept if at least two modalities did (all, where there are but two)  */
} unic_reset_rule;

/**
 * Re-initialise codes that are not in use: each becomes a row of `z` [rows,D] drawn at random,
 * with N = 1, o = e and its counters cleared; the longest idle first.
 * @param revived    out, how many; may be NULL.
 * @param codebook   exclusive access.
 * @param rule       which codes are in use.
 * @param steps      updates after which a code that is not in use is idle.
 * @param max_count  the most codes that are re-initialised; 0: no limit.
 * @param z          [rows,D] float32 or float64; without rows nothing is done.
 * @param seed       of the draw.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE; UNIC_E_VALUE; UNIC_E_NOMEM: nothing is changed.
 * Since 0.1.
 */
UNIC_API unic_status unic_codebook_revive(size_t *revived, unic_codebook *codebook,
                                          unic_reset_rule rule, uint32_t steps,
                                          size_t max_count, const unic_array *z, uint64_t seed);

/**
 * Count assignments: counts[l] = how often `codes` [rows] holds l (-1 is left out), and the
 * perplexity exp(-sum p log p) of their shares p (`perplexity` may be NULL).
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code that is not in -1..L-1. Since 0.1.
 */
UNIC_API unic_status unic_codebook_usage(double *perplexity, const unic_codebook *codebook,
                                         const int32_t *codes, size_t row_count,
                                         int64_t *counts);

/**
 * What training left behind: the EMA counts N [L] (method P6; their shares say how codes are
 * used) and for each modality the updates since it last selected each code, idle
 * [modalities,L]. Either may be NULL. @return UNIC_OK; UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_codebook_state(const unic_codebook *codebook, float *ema_counts,
                                         int32_t *idle);

/**
 * exp(-sum p log p) of the shares p of the EMA counts: how many codes training used, if it used
 * them alike; 0 of NULL or where nothing was counted. Since 0.1.
 */
UNIC_API double unic_codebook_perplexity(const unic_codebook *codebook);

/**
 * Squared distances between codes: out [L,L].
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NUMERIC if one is more than a float holds (`out` is then
 * written in part). Since 0.1.
 */
UNIC_API unic_status unic_codebook_distances(const unic_codebook *codebook, float *out);

/**
 * A hash of (L, D, the codes): equal for equal codebooks (docs/formats.md has it). What keeps
 * codes beside a head compares them with it (unic_head_accepts). Since 0.1.
 */
UNIC_API uint64_t unic_codebook_fingerprint(const unic_codebook *codebook);

#ifdef __cplusplus
}
#endif
#endif
