/**
 * @file unic_retriever.h
 * Retrieval by codes of a gallery's clips: two small networks, trained against each other on
 * the frozen codes of one modality X and on vectors of the gallery's clips. At the test X's
 * codes are exchanged for another modality's; unic_index.h searches what comes out.
 */
#ifndef UNICODE_UNIC_RETRIEVER_H
#define UNICODE_UNIC_RETRIEVER_H

#include "unic_codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A retriever: its weights, its Adam state, its copy of the codebook. Opaque. */
typedef struct unic_retriever unic_retriever;

/** A retriever's settings; zero members take the default in brackets. */
typedef struct unic_retriever_options {
    size_t struct_size;        /**< sizeof(unic_retriever_options)                           */
    int32_t item_dim;          /**< of the gallery's vectors, 1..65536; has no default       */
    int32_t hidden;            /**< width between the layers of each network [256]           */
    int32_t dim;               /**< of what both networks give [128]                         */
    int32_t epochs;            /**< [50]                                                     */
    int32_t batch;             /**< clips told apart from each other at a time, >= 2 [64]    */
    float learning_rate;       /**< Adam's [0.001]                                           */
    float temperature;         /**< tau, 0.001..1000 [0.07]                                  */
    int32_t threads;           /**< it computes with, 1..256 [the process's number]          */
    uint64_t seed;             /**< of the weights and the shuffle                           */
    unic_progress_fn progress; /**< told of a fit's batches; may be NULL                     */
    void *progress_user;       /**< what it is given                                         */
    void *reserved[4];         /**< NULL                                                     */
} unic_retriever_options;

/**
 * An untrained retriever for codes of this codebook, of which it keeps a copy. With e the code
 * vectors, x a gallery's vector and normalise(y) = y / sqrt(||y||^2 + 1e-12):
 *   q = normalise(W2 relu(W1 mean_t e_{c_t} + b1) + b2)      over the valid steps of a clip
 *   v = normalise(U2 relu(U1 x + a1) + a2)
 *
 * @param out       the retriever, to be freed with unic_retriever_free(); NULL on failure.
 * @param codebook  borrowed for the call.
 * @param options   borrowed for the call.
 * @return UNIC_OK; UNIC_E_ARG names an option that is out of range; UNIC_E_NOMEM. Thread-safe.
 * Since 0.1.
 */
UNIC_API unic_status unic_retriever_create(unic_retriever **out, const unic_codebook *codebook,
                                           const unic_retriever_options *options);

/** Free a retriever; NULL is fine. Since 0.1. */
UNIC_API void unic_retriever_free(unic_retriever *retriever);

/**
 * The settings as they are, with the defaults filled in.
 *
 * @param options  out; its struct_size is set by the caller.
 * @return UNIC_OK; UNIC_E_ARG. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_settings(unic_retriever_options *options,
                                             const unic_retriever *retriever);

/**
 * Train on clips and their items, by Adam on the symmetric InfoNCE loss of each batch of B
 * clips (van den Oord et al., 2018; in both directions as in CLIP, Radford et al., 2021):
 *   S = q v^T / tau,   loss = -1/(2B) sum_i (log softmax_j(S_ij)[i] + log softmax_j(S_ji)[i])
 * May be called again to train further. All or nothing: where it fails, the retriever is as
 * before.
 *
 * @param loss        out, mean loss of the last epoch; may be NULL.
 * @param codes       [clips,length] in 0..L-1, -1 = padding; each clip has at least one.
 * @param clip_count  N, >= 2; a last batch of one clip has a loss of 0.
 * @param length      T, >= 1; another call may have another.
 * @param items       [N,item_dim] float32 or float64, finite: each clip's own in the gallery,
 *                    its features pooled over time, say; borrowed for the call.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE if items are not [N,item_dim]; UNIC_E_VALUE names a
 * code out of range, a clip without codes, or an item that is not finite; UNIC_E_NUMERIC names
 * what grew beyond what can be computed with; UNIC_E_NOMEM; UNIC_E_CANCELLED. One thread at a
 * time. Since 0.1.
 */
UNIC_API unic_status unic_retriever_fit(double *loss, unic_retriever *retriever,
                                        const int32_t *codes, size_t clip_count, size_t length,
                                        const unic_array *items);

/**
 * Queries of clips by their codes, of any modality: q, vectors of length 1. The inner product
 * with an item's is the cosine of the two (UNIC_INDEX_INNER, UNIC_INDEX_COSINE).
 *
 * @param codes, clip_count, length  as of unic_retriever_fit(); 0 clips do nothing.
 * @param out  [clips,dim]; the caller's.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code out of range or a clip without codes
 * (nothing is written); UNIC_E_NUMERIC names a clip whose vector is not of length 1 (earlier
 * ones are written); UNIC_E_NOMEM. Concurrent calls are safe while no fit is under way. Since
 * 0.1.
 */
UNIC_API unic_status unic_retriever_queries(const unic_retriever *retriever,
                                            const int32_t *codes, size_t clip_count,
                                            size_t length, float *out);

/**
 * Items of the gallery: v, vectors of length 1.
 *
 * @param items  [N,item_dim] as of unic_retriever_fit(); 0 rows do nothing.
 * @param out    [N,dim]; the caller's.
 * @return as unic_retriever_queries(), and UNIC_E_SHAPE; UNIC_E_VALUE names an item that is not
 * finite. Since 0.1.
 */
UNIC_API unic_status unic_retriever_items(const unic_retriever *retriever,
                                          const unic_array *items, float *out);

/** unic_codebook_fingerprint() of the codebook it was made for; 0 for NULL. Since 0.1. */
UNIC_API uint64_t unic_retriever_fingerprint(const unic_retriever *retriever);

/**
 * Whether codes of the codebook with this fingerprint may be put to the retriever.
 * @return UNIC_OK; UNIC_E_MISMATCH if it was made for another codebook; UNIC_E_ARG.
 * Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_accepts(const unic_retriever *retriever,
                                            uint64_t fingerprint);

/**
 * Write a retriever with its settings and its copy of the codebook, as one npz; Adam's moments
 * are not in it. The file appears whole or not at all.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_retriever_save(const unic_retriever *retriever, const char *path);

/**
 * Read a retriever; trained further, it begins with fresh moments.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT names the member that
 * is not as expected (`*out` is NULL); UNIC_E_NOMEM. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_retriever_load(unic_retriever **out, const char *path,
                                         const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
