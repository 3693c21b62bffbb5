/**
 * @file unic_codebook.h
 * The shared codebook: assignment, look-up, multi-modal EMA update, revival and usage. It can
 * be used on its own as a vector quantiser. Concurrent reads are safe; an update needs
 * exclusive access.
 *
 * A call that changes the codebook while another one reads or changes it, and one that reads it
 * while another changes it, returns UNIC_E_STATE and does nothing. Functions that return no
 * status do not notice it.
 */
#ifndef UNICODE_UNIC_CODEBOOK_H
#define UNICODE_UNIC_CODEBOOK_H

#include "unic_array.h"
#include "unic_io.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A codebook: L codes of D dims, their EMA state and their usage counters. Opaque. */
typedef struct unic_codebook unic_codebook;

/**
 * Create a codebook of `code_count` codes of `dim` dims. Usage is counted separately for each
 * of `modality_count` modalities. All codes are zero until unic_codebook_set() or
 * unic_codebook_init() is called.
 * @return UNIC_OK; UNIC_E_ARG unless there are 1..2^24 codes of 1..2^16 dims and
 * 1..UNIC_MAX_MODALITIES modalities; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_codebook_create(unic_codebook **out, size_t code_count, size_t dim,
                                          size_t modality_count);
/**
 * Copy a codebook with all its state; the copy is the caller's. Concurrent reads of `codebook`
 * are safe. @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_NOMEM (`*out` is NULL after a
 * failure). Since 0.1.
 */
UNIC_API unic_status unic_codebook_copy(unic_codebook **out, const unic_codebook *codebook);
/** Free the codebook. NULL is allowed. Since 0.1. */
UNIC_API void unic_codebook_free(unic_codebook *codebook);

/**
 * Write a codebook with all its state, its EMA sums and idle counters too, to an npz
 * (docs/formats.md). On failure an older file of that name is kept.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_NOTFOUND if the folder does not exist;
 * UNIC_E_IO; UNIC_E_NUMERIC if its state holds NaN or Inf, which reading would refuse;
 * UNIC_E_NOMEM. May run while the codebook is being read. Since 0.1.
 */
UNIC_API unic_status unic_codebook_save(const unic_codebook *codebook, const char *path);
/**
 * The same as unic_codebook_save(), to a sink (unic_io.h) instead of a file. @return also what
 * the sink's functions returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_codebook_save_sink(const unic_codebook *codebook,
                                             const unic_sink *sink);
/**
 * Read a codebook from a file of unic_codebook_save(), or that of a model or a run, whose
 * codebook has the same members. Every later call gives the same bits as with the codebook that
 * was saved.
 * @param options  limits for reading; NULL: none.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the path does not exist; UNIC_E_IO;
 * UNIC_E_FORMAT names what is wrong in the file (`*out` is NULL); UNIC_E_NOMEM;
 * UNIC_E_CANCELLED. Since 0.1.
 */
UNIC_API unic_status unic_codebook_load(unic_codebook **out, const char *path,
                                        const unic_open_options *options);
/**
 * The same as unic_codebook_load(), from a source (unic_io.h) instead of a file. The source is
 * closed by this call.
 * @return also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_codebook_load_source(unic_codebook **out, const unic_source *source,
                                               const unic_open_options *options);

/** L, the number of codes. Since 0.1. */
UNIC_API size_t unic_codebook_code_count(const unic_codebook *codebook);
/** D, the dims of a code. Since 0.1. */
UNIC_API size_t unic_codebook_dim(const unic_codebook *codebook);
/** The number of modalities whose usage of the codes is counted. Since 0.1. */
UNIC_API size_t unic_codebook_modality_count(const unic_codebook *codebook);

/**
 * Set all codes from `embedding` [L,D], real numbers. The EMA state becomes N = 1, o = e.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE; UNIC_E_VALUE if it holds NaN or Inf;
 * UNIC_E_NOMEM. A failure leaves the codebook unchanged. Since 0.1.
 */
UNIC_API unic_status unic_codebook_set(unic_codebook *codebook, const unic_array *embedding);

/** The codes [L,D], borrowed until the codebook changes or is freed. Since 0.1. */
UNIC_API const float *unic_codebook_embedding(const unic_codebook *codebook);

/** Options of unic_codebook_init(). A NULL pointer means that all members are zero. */
typedef struct unic_codebook_init_options {
    size_t struct_size;        /**< sizeof(unic_codebook_init_options)                       */
    size_t iterations;         /**< maximum iterations of Lloyd's algorithm after k-means++
                                    seeding; it ends earlier if no row changes its code;
                                    0: the codes are rows drawn at random                    */
    uint64_t seed;             /**< seed of the random draws                                 */
    unic_progress_fn progress; /**< reports seeded codes, then rows that are assigned in the
                                    iterations; may be NULL                                  */
    void *progress_user;       /**< passed to `progress`                                     */
    int32_t threads;           /**< 1..256; 0: the number of unic_set_threads()              */
    void *reserved[4];         /**< NULL                                                     */
} unic_codebook_init_options;

/**
 * Initialise the codes from the rows of `z` [rows,D]: by k-means, or as rows drawn at random
 * (options.iterations = 0). The EMA state becomes N = 1, o = e. The result depends on the seed
 * but not on the number of threads. If `z` has fewer different rows than there are codes (drawn
 * at random: fewer rows), the other codes are rows of `z` moved a little, by noise of standard
 * deviation 0.01 in each dim: unic_codebook_jittered_count() says how many, and a line of the
 * log (UNIC_LOG_WARNING) too.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE, also if `z` has no rows;
 * UNIC_E_VALUE; UNIC_E_NUMERIC if a code is too large for a float; UNIC_E_NOMEM;
 * UNIC_E_CANCELLED. A failure leaves the codebook unchanged. Since 0.1.
 */
UNIC_API unic_status unic_codebook_init(unic_codebook *codebook, const unic_array *z,
                                        const unic_codebook_init_options *options);

/**
 * The number of codes that the last unic_codebook_init() began as a row moved a little, since
 * there were no more rows to begin with. 0 for NULL, after unic_codebook_set(), and of a
 * codebook from a file. Since 0.1.
 */
UNIC_API size_t unic_codebook_jittered_count(const unic_codebook *codebook);

/**
 * Assign each row of `z` to its nearest code: codes[n] = argmin_k ||z_n - e_k||_2 (method P2).
 * The result is that of double precision, however large, small or close together rows and codes
 * are.
 *
 * @param codebook  concurrent reads are safe.
 * @param z         [rows,D] real numbers; may have no rows.
 * @param codes     [rows] out, 0..L-1; the lowest index on a tie.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE if D is not the codebook's;
 * UNIC_E_VALUE if `z` holds NaN or Inf (nothing is written then); UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_codebook_assign(const unic_codebook *codebook, const unic_array *z,
                                          int32_t *codes);

/**
 * Find the `k` codes nearest to each row of `z`, and how far they are: the nearest first, the
 * lowest code first on a tie. With k = 1 the codes are those of unic_codebook_assign().
 *
 * @param codebook   concurrent reads are safe.
 * @param z          [rows,D] real numbers; may have no rows.
 * @param k          1 or more. Places behind the last of the L codes get the code -1 and the
 *                   distance +Inf.
 * @param codes      [rows,k] out.
 * @param distances  [rows,k] out, ||z_n - e_k||^2, measured in double precision and rounded to
 *                   float32; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE; UNIC_E_VALUE if `z` holds NaN or
 * Inf; UNIC_E_NOMEM (nothing is written in all these cases); UNIC_E_NUMERIC if a distance is
 * too large for a float (it is +Inf, all else is written). Results do not depend on the number
 * of threads. Since 0.1.
 */
UNIC_API unic_status unic_codebook_nearest(const unic_codebook *codebook, const unic_array *z,
                                           size_t k, int32_t *codes, float *distances);

/**
 * Assign each row of `z` softly: its `k` nearest codes, with weights that sum to 1,
 *
 *     w_i = exp(-d_i / temperature) / sum_j exp(-d_j / temperature),   d_i = ||z_n - e_i||_2,
 *
 * the nearest first, measured in double precision. With k = 1 the weight is 1.
 * unic_head_predict_soft() takes them.
 *
 * @param codebook     concurrent reads are safe.
 * @param z            [rows,D] real numbers; may have no rows.
 * @param k            1 or more. Places behind the last of the L codes get the code -1 and the
 *                     weight 0.
 * @param temperature  positive and finite. Code matching trains with 1; docs/tasks.md says what
 *                     is worth using.
 * @param codes        [rows,k] out.
 * @param weights      [rows,k] out.
 * @return as unic_codebook_nearest(), but never UNIC_E_NUMERIC. Since 0.1.
 */
UNIC_API unic_status unic_codebook_soften(const unic_codebook *codebook, const unic_array *z,
                                          size_t k, double temperature, int32_t *codes,
                                          float *weights);

/**
 * Look up the vectors of codes: out[n] = e_{codes[n]}; a code of -1 (padding) gives zeros.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_VALUE names a code that is not in -1..L-1.
 * Since 0.1.
 */
UNIC_API unic_status unic_codebook_lookup(const unic_codebook *codebook, const int32_t *codes,
                                          size_t row_count, float *out);

/**
 * One joint EMA update from every modality (method P6):
 *
 *     N_l <- decay N_l + (1-decay) n_l,   o_l <- decay o_l + (1-decay) sum targets,
 *     e_l = o_l / N_l
 *
 * where targets[m][r] is row r of modality m (z, or the mean of z and its partners' vectors)
 * and codes[m][r] the code it was assigned to (-1: the row is left out). Idle counters advance
 * for the modalities that have rows.
 *
 * @param codebook    exclusive access.
 * @param decay       [0, 1).
 * @param row_counts  [modalities] number of rows of each modality.
 * @param targets     [modalities] pointers to [rows,D] float32.
 * @param codes       [modalities] pointers to [rows].
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_VALUE; UNIC_E_NUMERIC if a code would
 * become NaN or Inf (the sum of its targets is too large); UNIC_E_NOMEM. A failure changes
 * nothing. Since 0.1.
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
        2 /**< kept if at least two modalities selected it within `steps` updates  */
} unic_reset_rule;

/**
 * Re-initialise codes that are not in use, beginning with those that have been idle longest:
 * each becomes a row of `z` [rows,D] drawn at random, with N = 1, o = e and cleared counters.
 * @param revived    out, number of codes that were re-initialised; may be NULL.
 * @param codebook   exclusive access.
 * @param rule       which codes count as being in use.
 * @param steps      updates without selection after which a code is no longer in use.
 * @param max_count  maximum number of codes to re-initialise; 0: no limit.
 * @param z          [rows,D] real numbers; without rows nothing is done.
 * @param seed       seed of the random draws.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE; UNIC_E_VALUE; UNIC_E_NOMEM. A
 * failure changes nothing. Since 0.1.
 */
UNIC_API unic_status unic_codebook_revive(size_t *revived, unic_codebook *codebook,
                                          unic_reset_rule rule, uint32_t steps,
                                          size_t max_count, const unic_array *z, uint64_t seed);

/**
 * Count how often each code occurs: counts[l] = number of entries of `codes` [rows] that are l
 * (entries of -1 are left out). `perplexity`, which may be NULL, becomes exp(-sum p log p) of
 * the codes' shares p.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_VALUE names a code that is not in -1..L-1.
 * Since 0.1.
 */
UNIC_API unic_status unic_codebook_usage(double *perplexity, const unic_codebook *codebook,
                                         const int32_t *codes, size_t row_count,
                                         int64_t *counts);

/**
 * Copy the training state: the EMA counts N [L] (method P6), whose shares tell how much each
 * code is used, and `idle` [modalities,L], the number of updates since each modality last
 * selected each code. Either may be NULL. @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE. Since 0.1.
 */
UNIC_API unic_status unic_codebook_state(const unic_codebook *codebook, float *ema_counts,
                                         int32_t *idle);
/** The EMA sums o [L,D] (method P6), borrowed until the codebook changes or is freed; NULL for
 * NULL. Since 0.1. */
UNIC_API const float *unic_codebook_ema_sums(const unic_codebook *codebook);
/**
 * Set the training state that unic_codebook_state() and unic_codebook_ema_sums() gave; the
 * codes themselves stay. A later unic_codebook_update() gives the same bits as with a codebook
 * that has been trained to this state.
 *
 * @param codebook    exclusive access.
 * @param ema_counts  N [L], 0 or more; NULL: stays.
 * @param ema_sums    o [L,D], finite; NULL: stays.
 * @param idle        [modalities,L], -1 or more (`compat` starts at -1); NULL: stays.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_VALUE names what is not allowed (nothing is
 * changed). Since 0.1.
 */
UNIC_API unic_status unic_codebook_set_state(unic_codebook *codebook, const float *ema_counts,
                                             const float *ema_sums, const int32_t *idle);

/**
 * The perplexity exp(-sum p log p) of the shares p of the EMA counts: the effective number of
 * codes used in training. 0 for NULL, or if nothing was counted. A model's codes that gradients
 * train (`codis.weight`) are not counted: it is their number. Pairs of codes of two levels
 * (`level2.weight`) share the count of the first level's evenly. Since 0.1.
 */
UNIC_API double unic_codebook_perplexity(const unic_codebook *codebook);

/**
 * Squared distances between all pairs of codes: out [L,L].
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_NUMERIC if a distance is too large for a
 * float (`out` is then partly written). Since 0.1.
 */
UNIC_API unic_status unic_codebook_distances(const unic_codebook *codebook, float *out);

/** How far a codebook has gone. The caller sets `struct_size`; nothing is written beyond it. */
typedef struct unic_drift_report {
    size_t struct_size;   /**< sizeof(unic_drift_report)                                     */
    size_t moved_count;   /**< codes that are now nearer to another code's earlier place than
                             to their own                                                    */
    size_t step_count;    /**< steps that had a code before and have one now                 */
    size_t changed_count; /**< of these, steps whose code is another one now                 */
    double moved;         /**< moved_count / L                                               */
    double changed;       /**< changed_count / step_count; 0 if there are none               */
    double distance; /**< sqrt(sum_l ||e'_l - e_l||^2 / sum_l ||e_l||^2), 0 if all e are 0 */
} unic_drift_report;

/**
 * How much a codebook, and the codes of some clips, have changed: between two epochs of a
 * training, for example, where both settle down if it goes well.
 *
 * @param report        out.
 * @param before        the earlier state; concurrent reads are safe.
 * @param after         the later one, with as many codes and dims.
 * @param codes_before  [count] codes of some steps at the earlier time; may be NULL if `count`
 *                      is 0.
 * @param codes_after   [count] of the same steps at the later time; -1 in either: not counted.
 * @param count         may be 0.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE if the sizes differ; UNIC_E_VALUE
 * names a code that is not in -1..L-1; UNIC_E_NOMEM. Nothing is written after a failure. Since
 * 0.1.
 */
UNIC_API unic_status unic_codebook_drift(unic_drift_report *report, const unic_codebook *before,
                                         const unic_codebook *after,
                                         const int32_t *codes_before,
                                         const int32_t *codes_after, size_t count);

/**
 * Choose the channels (dims) in which codes differ most and overlap least: TOC, the training-free
 * optimisation of a codebook (Huang et al., TOC_H-DCID). Over the codes e_1..e_L each channel has
 *
 *     sim_d   = ((sum_i e_id)^2 - sum_i e_id^2) / (L (L-1)),   the mean product of two codes
 *     score_d = (1-lambda) mean_i e_id^2 - sim_d
 *
 * which is (1-lambda) var_d - lambda sim_d with the unbiased variance var_d. Of `most` channels,
 * floor(most / (p+q)) p are those of the highest scores and floor(most / (p+q)) q those of the
 * lowest, the lower channel first on a tie. All codes count, also dead ones. Computed in double
 * precision.
 *
 * @param count     out: how many are chosen, floor(most / (p+q)) (p+q).
 * @param codebook  of at least 2 codes; concurrent reads are safe.
 * @param lambda    0..1; the authors' code has 0.7.
 * @param most      1..D.
 * @param p         parts of the highest; p + q is in 1..most.
 * @param q         parts of the lowest.
 * @param channels  [most] out, 0..D-1: the highest first, then the lowest from the lowest on; only
 *                  `*count` of them are written.
 * @param scores    [D] out, may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_codebook_channels(size_t *count, const unic_codebook *codebook,
                                            double lambda, size_t most, size_t p, size_t q,
                                            size_t *channels, double *scores);

/**
 * A codebook of some channels of another one: code l is still code l, with fewer dims, and so are
 * its EMA state and its idle counters. Heads, indexes and segmenters that are created for it are
 * given the same codes; unic_codebook_assign() of the same channels of z quantises anew in the
 * smaller space.
 *
 * @param out       the caller's.
 * @param codebook  concurrent reads are safe.
 * @param channels  [count], each in 0..D-1, none twice; their order is that of the new dims.
 * @param count     1..D.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_VALUE names a channel that is out of range
 * or there twice; UNIC_E_NOMEM (`*out` is NULL after a failure). Since 0.1.
 */
UNIC_API unic_status unic_codebook_select(unic_codebook **out, const unic_codebook *codebook,
                                          const size_t *channels, size_t count);

/**
 * A hash of L, D and the codes, equal for equal codebooks (defined in docs/formats.md). Store
 * it with codes to check later that a head belongs to their codebook (unic_head_accepts()).
 * Since 0.1.
 */
UNIC_API uint64_t unic_codebook_fingerprint(const unic_codebook *codebook);

#ifdef __cplusplus
}
#endif
#endif
