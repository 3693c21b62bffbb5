/**
 * @file unic_retriever.h
 * Retrieval of a gallery's clips by codes. Two small networks are trained together: one maps
 * the frozen codes of a modality, the other the vectors of the gallery's clips, into a common
 * space. After training, codes of another modality may be used for queries; unic_index.h
 * searches the resulting vectors.
 */
#ifndef UNICODE_UNIC_RETRIEVER_H
#define UNICODE_UNIC_RETRIEVER_H

#include "unic_codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A retriever: its weights, Adam state and copy of the codebook. Opaque. */
typedef struct unic_retriever unic_retriever;

/** A retriever's settings; zero members take the default in brackets. */
typedef struct unic_retriever_options {
    size_t struct_size;        /**< sizeof(unic_retriever_options)                           */
    int32_t item_dim;          /**< dims of the gallery's vectors, 1..65536; no default      */
    int32_t hidden;            /**< width between the layers of each network, up to 65536
                                    [256]                                                    */
    int32_t dim;               /**< dims of both networks' outputs, up to 65536 [128]        */
    int32_t epochs;            /**< passes over the clips in each unic_retriever_fit() [50]  */
    int32_t batch;             /**< clips contrasted with each other in a batch, 2..65536
                                    [64]                                                     */
    float learning_rate;       /**< learning rate of Adam, positive and finite [0.001]       */
    float temperature;         /**< tau, 0.001..1000 [0.07]                                  */
    int32_t threads;           /**< 1..256 [the number of unic_set_threads()]                */
    uint64_t seed;             /**< seed of the weights and the shuffle                      */
    unic_progress_fn progress; /**< reports a fit's batches; may be NULL                     */
    void *progress_user;       /**< passed to `progress`                                     */
    void *reserved[4];         /**< NULL                                                     */
} unic_retriever_options;

/**
 * Create an untrained retriever for codes of this codebook. It keeps a copy of the codebook.
 * With e the code vectors, x a vector of the gallery and normalise(y) = y / sqrt(||y||^2 +
 * 1e-12):
 *   q = normalise(W2 relu(W1 mean_t e_{c_t} + b1) + b2)      over the valid steps of a clip
 *   v = normalise(U2 relu(U1 x + a1) + a2)
 *
 * @param out       the retriever, to be freed with unic_retriever_free(); NULL on failure.
 * @param codebook  borrowed for the call.
 * @param options   borrowed for the call.
 * @return UNIC_OK; UNIC_E_ARG names an option that is out of range; UNIC_E_STATE if another
 * call is changing the codebook; UNIC_E_NOMEM. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_create(unic_retriever **out, const unic_codebook *codebook,
                                           const unic_retriever_options *options);

/** Free the retriever. NULL is allowed. Since 0.1. */
UNIC_API void unic_retriever_free(unic_retriever *retriever);

/**
 * Get the options of a retriever, with all defaults filled in.
 *
 * @param options  out; its struct_size is set by the caller.
 * @return UNIC_OK; UNIC_E_ARG. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_settings(unic_retriever_options *options,
                                             const unic_retriever *retriever);

/**
 * Train on clips and their items, with Adam and the symmetric InfoNCE loss of each batch of B
 * clips (van den Oord et al., 2018; in both directions as in CLIP, Radford et al., 2021):
 *   S = q v^T / tau,   loss = -1/(2B) sum_i (log softmax_j(S_ij)[i] + log softmax_j(S_ji)[i])
 * May be called again to train further. A failure leaves the retriever unchanged.
 *
 * @param loss        out, mean loss of the last epoch; may be NULL.
 * @param codes       [clips,length] in 0..L-1, -1 = padding; each clip has at least one.
 * @param clip_count  N, >= 2; a last batch of one clip has a loss of 0.
 * @param length      T, >= 1; it may differ between calls.
 * @param items       [N,item_dim] real numbers, finite: the vector of each clip in the
 *                    gallery, for example its features pooled over time; borrowed for the call.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE if items are not [N,item_dim]; UNIC_E_VALUE names a
 * code out of range, a clip without codes, or an item that is not finite; UNIC_E_NUMERIC names
 * the quantity that overflowed; UNIC_E_NOMEM; UNIC_E_CANCELLED; UNIC_E_STATE if another call is
 * using the retriever. Needs exclusive access. Since 0.1.
 */
UNIC_API unic_status unic_retriever_fit(double *loss, unic_retriever *retriever,
                                        const int32_t *codes, size_t clip_count, size_t length,
                                        const unic_array *items);

/**
 * Compute the query vectors q of clips from their codes, of any modality. They have length 1,
 * so that the inner product with an item's vector is their cosine (UNIC_INDEX_INNER,
 * UNIC_INDEX_COSINE).
 *
 * @param codes, clip_count, length  as for unic_retriever_fit(); clip_count may be 0.
 * @param out  [clips,dim] out.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code out of range or a clip without codes
 * (nothing is written); UNIC_E_NUMERIC names a clip whose vector cannot be
 * normalised to length 1 (earlier clips are written); UNIC_E_NOMEM; UNIC_E_STATE if the
 * retriever was never fitted, or a fit is running. Concurrent calls are safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_queries(const unic_retriever *retriever,
                                            const int32_t *codes, size_t clip_count,
                                            size_t length, float *out);

/**
 * Compute the vectors v of items of the gallery. They have length 1.
 *
 * @param items  [N,item_dim] as for unic_retriever_fit(); N may be 0.
 * @param out    [N,dim] out.
 * @return as unic_retriever_queries(), and UNIC_E_SHAPE; UNIC_E_VALUE names an item that is not
 * finite. Since 0.1.
 */
UNIC_API unic_status unic_retriever_items(const unic_retriever *retriever,
                                          const unic_array *items, float *out);

/** The fingerprint of the codebook that the retriever was created for
 * (unic_codebook_fingerprint()); 0 for NULL. Since 0.1. */
UNIC_API uint64_t unic_retriever_fingerprint(const unic_retriever *retriever);

/**
 * Check that codes of the codebook with this fingerprint may be given to the retriever.
 * @return UNIC_OK; UNIC_E_MISMATCH if it was created for another codebook; UNIC_E_ARG.
 * Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_accepts(const unic_retriever *retriever,
                                            uint64_t fingerprint);

/**
 * Write a retriever with its options and its copy of the codebook to one npz, without Adam's
 * moments. The file appears complete or not at all.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the folder does not exist; UNIC_E_IO;
 * UNIC_E_STATE if it was never fitted, or a fit is running; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_retriever_save(const unic_retriever *retriever, const char *path);
/**
 * The same as unic_retriever_save(), to a sink (unic_io.h) instead of a file. @return also what
 * the sink's functions returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_retriever_save_sink(const unic_retriever *retriever,
                                              const unic_sink *sink);

/**
 * Read a retriever from a file. Further training starts with zero moments. It computes with the
 * number of threads of unic_set_threads() and reports no progress: neither option is in the
 * file.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT names the member that
 * is not as expected (`*out` is NULL); UNIC_E_NOMEM; UNIC_E_CANCELLED. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_load(unic_retriever **out, const char *path,
                                         const unic_open_options *options);
/**
 * The same as unic_retriever_load(), from a source (unic_io.h) instead of a file. The source is
 * closed by this call.
 * @return also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_retriever_load_source(unic_retriever **out, const unic_source *source,
                                                const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
