/**
 * @file unic_extractor.h
 * From sound, pictures and text to features. An extractor is given what a decoder gives (PCM, RGB
 * frames, UTF-8) and computes one row of features a step, which an encoder or a data set takes.
 * docs/media.md says which kinds there are, what each computes, and where it comes from.
 */
#ifndef UNICODE_UNIC_EXTRACTOR_H
#define UNICODE_UNIC_EXTRACTOR_H

#include "unic_array.h"
#include "unic_io.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An extractor: its settings, its tables, its workspace. Opaque; used by one thread at a time, so
 * each thread creates one of its own. */
typedef struct unic_extractor unic_extractor;

/** What an extractor reads. Values are part of the ABI. */
typedef enum unic_extractor_input {
    UNIC_EXTRACTOR_SOUND = 1,  /**< [samples] real numbers, mono, mostly in -1..1, at the
                                    extractor's rate                                         */
    UNIC_EXTRACTOR_FRAMES = 2, /**< [frames,H,W,3] uint8, RGB                                */
    UNIC_EXTRACTOR_TEXT = 3    /**< UTF-8                                                    */
} unic_extractor_input;

/** An extractor's settings beside those of its kind. */
typedef struct unic_extractor_options {
    size_t struct_size; /**< sizeof(unic_extractor_options)                                  */
    int32_t threads;    /**< 1..256; 0: the number of unic_set_threads()                     */
    void *reserved[4];  /**< NULL                                                            */
} unic_extractor_options;

/**
 * Create an extractor. This computes its tables and allocates all memory that extracting needs; for
 * a pretrained network, unic_extractor_load_weights() does.
 *
 * @param out       the extractor, to be freed with unic_extractor_free(); NULL on failure.
 * @param settings  lines "key = value" as in a config (unic_config.h), NUL-terminated: `kind` and,
 *                  in any order, keys of this kind; what is left out has its default. The kinds
 *                  and their keys are listed in docs/media.md.
 * @param options   NULL: defaults.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_CONFIG names the line, the key and what is allowed;
 *         UNIC_E_NOMEM. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_extractor_create(unic_extractor **out, const char *settings,
                                           const unic_extractor_options *options);
/** Free the extractor. NULL is allowed. Since 0.1. */
UNIC_API void unic_extractor_free(unic_extractor *extractor);

/** The word of its kind ("logmel"), valid as long as the extractor; NULL for NULL. Since 0.1. */
UNIC_API const char *unic_extractor_kind(const unic_extractor *extractor);

/**
 * All settings with their values, as text that unic_extractor_create() takes, with `kind` first;
 * valid as long as the extractor; NULL for NULL. Since 0.1.
 */
UNIC_API const char *unic_extractor_settings(const unic_extractor *extractor);

/**
 * A hash of the settings' text, of the weights, if it has any, and of what it normalises by:
 * features of extractors with the same fingerprint may be mixed. 0 for NULL. Since 0.1.
 */
UNIC_API uint64_t unic_extractor_fingerprint(const unic_extractor *extractor);

/** What it reads: a unic_extractor_input; 0 for NULL. Since 0.1. */
UNIC_API int32_t unic_extractor_input_of(const unic_extractor *extractor);

/** The samples a second of the sound that it reads, or the frames a second of a film; 0 if it reads
 * text. Nothing is resampled. Since 0.1. */
UNIC_API double unic_extractor_rate(const unic_extractor *extractor);

/**
 * Get the dims of the arrays that it reads, 0 standing for any number: {0} for sound, {0,H,W,3} for
 * frames, none for text. `dims` has room for UNIC_MAX_RANK.
 * @return UNIC_OK; UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_extractor_input_dims(size_t *rank, const unic_extractor *extractor,
                                               int64_t *dims);

/**
 * Get the dims of one step of its features ({128}, {7,7,64}); `dims` has room for UNIC_MAX_RANK.
 * Those of a pretrained network are known for certain once it has its weights.
 * @return UNIC_OK; UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_extractor_feature_dims(size_t *rank, const unic_extractor *extractor,
                                                 int64_t *dims);

/**
 * Extract the features of sound or of frames.
 *
 * @param step_count  out: the number of steps that the input gives; 0 if it is shorter than one.
 *                    It is also told if max_steps is too small.
 * @param extractor   used by one thread at a time.
 * @param input       sound or frames, whichever it reads.
 * @param max_steps   room of `features`, in steps.
 * @param features    [max_steps,...] out, steps of unic_extractor_feature_dims(); NULL: the steps
 *                    are only counted, which reads no values.
 * @return UNIC_OK; UNIC_E_ARG, also if the extractor reads something else; UNIC_E_SHAPE names
 *         the dims, or that the features need more room; UNIC_E_VALUE for NaN or Inf in the
 *         sound; UNIC_E_NUMERIC if samples are so large that features are not finite;
 *         UNIC_E_NOMEM if there is no memory for the thread's stack; UNIC_E_STATE if another
 *         thread is using it, or if it has no weights yet. After a failure `features` are
 *         undefined. Allocates nothing. Since 0.1.
 */
UNIC_API unic_status unic_extractor_extract(size_t *step_count, unic_extractor *extractor,
                                            const unic_array *input, size_t max_steps,
                                            float *features);

/**
 * Extract the features of a text.
 *
 * @param step_count, extractor, max_steps, features  as for unic_extractor_extract().
 * @param text   UTF-8; need not end with NUL.
 * @param bytes  of the text.
 * @return as unic_extractor_extract(); UNIC_E_VALUE names the byte where the text is not UTF-8.
 *         Allocates nothing. Since 0.1.
 */
UNIC_API unic_status unic_extractor_extract_text(size_t *step_count, unic_extractor *extractor,
                                                 const char *text, size_t bytes,
                                                 size_t max_steps, float *features);

/**
 * Learn the weights of an extractor that has some (kind `patches`) from the caller's own data: the
 * typical patches of frames (docs/media.md). Fitted again, it forgets what it learnt before.
 *
 * @param extractor  used by one thread at a time.
 * @param input      what it reads: [frames,H,W,3] uint8 for `patches`.
 * @return UNIC_OK; UNIC_E_ARG, also for a kind that is not fitted; UNIC_E_SHAPE; UNIC_E_VALUE if
 *         there are too few frames, or nothing to see in them; UNIC_E_NOMEM; UNIC_E_STATE if
 *         another thread is using it. A failure leaves the extractor as it was. Since 0.1.
 */
UNIC_API unic_status unic_extractor_fit(unic_extractor *extractor, const unic_array *input);

/**
 * Let an extractor of any kind normalise its features: each channel k, an entry of their last
 * axis, becomes (y_k - m_k) / v_k, with the mean m_k and the deviation v_k that it has in
 * features which the extractor has given, of the training clips mostly; over them it then has
 * mean 0 and deviation 1. A channel that hardly varies is divided by a tenth of the channels'
 * mean deviation. Both are part of what the extractor saves and of its fingerprint.
 *
 * An extractor that does so already is given features that are normalised, and does both. New
 * weights, lists of words or a fit end it.
 *
 * @param extractor  used by one thread at a time.
 * @param features   [steps,...] as unic_extractor_extract() gives them, of one clip or many;
 *                   real numbers; not kept. At least two of a channel's numbers must
 *                   differ.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE if the dims of a step are others; UNIC_E_VALUE for
 *         NaN or Inf, and for features that do not vary, or are too large or too small for it;
 *         UNIC_E_NOMEM; UNIC_E_STATE if another thread is using it, or if it has no weights
 *         yet. A failure leaves the extractor as it was. Since 0.1.
 */
UNIC_API unic_status unic_extractor_normalise(unic_extractor *extractor,
                                              const unic_array *features);

/**
 * Give an extractor of a kind that is a pretrained network (`vggish`, `vgg19`, `bert`) the
 * weights of a file: what torch.save() wrote (.pth, .pt, .bin), safetensors, or an npz, which
 * is known by its contents. Names are those that are published for the network (docs/media.md),
 * with or without a common beginning ("module."); tensors that it does not need are not read.
 * Its sizes are those of the file: unic_extractor_feature_dims() may change. Memory that
 * extracting needs is allocated here.
 *
 * @param extractor  used by one thread at a time.
 * @param path       of the file.
 * @param options    NULL: defaults.
 * @return UNIC_OK; UNIC_E_ARG, also for a kind without such weights; UNIC_E_NOTFOUND;
 *         UNIC_E_IO; UNIC_E_FORMAT lists tensors that are missing or have other shapes, and
 *         what the file has; UNIC_E_CONFIG if a setting does not fit the network of the file
 *         (heads, max_seq_length); UNIC_E_NOMEM; UNIC_E_CANCELLED; UNIC_E_STATE if another
 *         thread is using it. A failure leaves the extractor as it was. Since 0.1.
 */
UNIC_API unic_status unic_extractor_load_weights(unic_extractor *extractor, const char *path,
                                                 const unic_open_options *options);
/**
 * The same as unic_extractor_load_weights(), from a source (unic_io.h) instead of a file. The
 * source is closed by this call. @return also what the source's read_at() returned, UNIC_E_IO if it
 * is no status. Since 0.1.
 */
UNIC_API unic_status unic_extractor_load_weights_source(unic_extractor *extractor,
                                                        const unic_source *source,
                                                        const unic_open_options *options);

/** What a list of words is for. Values are part of the ABI. */
typedef enum unic_extractor_list {
    UNIC_EXTRACTOR_VOCABULARY = 1, /**< the pieces of WordPiece, in the order of the network's
                                        embeddings, as a vocab.txt has them; [UNK], [CLS] and
                                        [SEP] are among them                                  */
    UNIC_EXTRACTOR_KEEP = 2        /**< words that give a step, as the tokenizer makes them (in
                                        lower case); all others give none, nor do words that
                                        are not one piece of the vocabulary                   */
} unic_extractor_list;

/**
 * Give an extractor of a kind that reads text by a vocabulary (`bert`) a list of words, in place of
 * the one that it has: UTF-8, one a line, up to 16 MiB. The extractor's own file has it too, and it
 * counts in the fingerprint.
 *
 * @param extractor  used by one thread at a time.
 * @param path       of the file.
 * @param list       a unic_extractor_list.
 * @param options    NULL: defaults.
 * @return UNIC_OK; UNIC_E_ARG, also for a kind without such lists; UNIC_E_NOTFOUND; UNIC_E_IO;
 *         UNIC_E_FORMAT names the line that is not as expected, a piece that is missing, or
 *         that the network knows fewer pieces; UNIC_E_NOMEM; UNIC_E_CANCELLED; UNIC_E_STATE if
 *         another thread is using the extractor. A failure leaves it as it was. Since 0.1.
 */
UNIC_API unic_status unic_extractor_load_words(unic_extractor *extractor, const char *path,
                                               int32_t list, const unic_open_options *options);
/**
 * The same as unic_extractor_load_words(), from a source (unic_io.h) instead of a file. The source
 * is closed by this call. @return also what the source's read_at() returned, UNIC_E_IO if it is no
 * status. Since 0.1.
 */
UNIC_API unic_status unic_extractor_load_words_source(unic_extractor *extractor,
                                                      const unic_source *source, int32_t list,
                                                      const unic_open_options *options);

/**
 * Write an extractor, its settings, weights and what it normalises by, to one npz. The file
 * appears complete or not at all.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the folder does not exist; UNIC_E_IO;
 * UNIC_E_STATE if it has no weights yet, or another call is using it; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_extractor_save(const unic_extractor *extractor, const char *path);
/**
 * The same as unic_extractor_save(), to a sink (unic_io.h) instead of a file. @return also what the
 * sink's functions returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_extractor_save_sink(const unic_extractor *extractor,
                                              const unic_sink *sink);

/**
 * Read an extractor that unic_extractor_save() wrote. It computes with the number of threads of
 * unic_set_threads().
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT names the member that
 * is not as expected (`*out` is NULL); UNIC_E_NOMEM; UNIC_E_CANCELLED. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_extractor_load(unic_extractor **out, const char *path,
                                         const unic_open_options *options);
/**
 * The same as unic_extractor_load(), from a source (unic_io.h) instead of a file. The source is
 * closed by this call. @return also what the source's read_at() returned, UNIC_E_IO if it is no
 * status. Since 0.1.
 */
UNIC_API unic_status unic_extractor_load_source(unic_extractor **out, const unic_source *source,
                                                const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
