/**
 * @file unic_config.h
 * The settings of a model and of its training run: typed keys with bounds and defaults.
 *
 * A config is a text with one `key = value` per line; `#` begins a comment:
 *
 *     modalities = image speech
 *     image.kind = grid
 *     image.dims = 7 7 64
 *     speech.kind = vector
 *     speech.dims = 128
 *     code.dim = 64
 *
 * docs/config.md lists every key. Whatever their order in the text, `behaviour` is applied
 * first, then `preset`, then `objective`, then `modalities`, then all other keys.
 */
#ifndef UNICODE_UNIC_CONFIG_H
#define UNICODE_UNIC_CONFIG_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The maximum number of modalities of a config, a codebook or a model. */
#define UNIC_MAX_MODALITIES 8

/** The settings of a model and of its training run. Opaque; used by one thread at a time. */
typedef struct unic_config unic_config;

/**
 * Create a config in which every key has its default (`behaviour = paper`, no modalities yet).
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_config_create(unic_config **out);
/** Free the config. NULL is allowed. Since 0.1. */
UNIC_API void unic_config_free(unic_config *config);

/** Copy a config. @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM. Since 0.1. */
UNIC_API unic_status unic_config_copy(unic_config **out, const unic_config *config);

/**
 * Set one key from text. Setting `behaviour`, `preset` or `objective` resets the keys it governs,
 * except those that were set individually.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM; UNIC_E_CONFIG names the key, the value and what is
 * allowed (for an unknown key, the nearest existing one), and the config is unchanged. Since
 * 0.1.
 */
UNIC_API unic_status unic_config_set(unic_config *config, const char *key, const char *value);

/**
 * Apply all lines of a text. On an error the message names `source` (such as a file name; may
 * be NULL) and the line, and the config is unchanged. @return UNIC_OK; UNIC_E_ARG;
 * UNIC_E_CONFIG; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_config_parse(unic_config *config, const char *text,
                                       const char *source);

/** Apply a file, as unic_config_parse(). @return also UNIC_E_NOTFOUND; UNIC_E_IO. Since 0.1. */
UNIC_API unic_status unic_config_load(unic_config *config, const char *path);

/**
 * Get the value of a key, as a text that unic_config_set() accepts. `*value` is valid until the
 * config changes.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM; UNIC_E_CONFIG if there is no such key. Since 0.1.
 */
UNIC_API unic_status unic_config_get(const char **value, unic_config *config, const char *key);

/**
 * Get the whole config as text, every key with its value: parsing it gives an equal config.
 * `*text` is valid until the config changes. @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM. Since
 * 0.1.
 */
UNIC_API unic_status unic_config_text(const char **text, unic_config *config);

/**
 * Check the rules that involve several keys: at least two modalities, code.dim divisible by the
 * number of heads, a kind and dims for each modality, and so on. Creating a trainer does the
 * same check. @return UNIC_OK; UNIC_E_ARG; UNIC_E_CONFIG names the keys. Since 0.1.
 */
UNIC_API unic_status unic_config_check(const unic_config *config);

/** Description of one key, as docs/config.md shows it. All strings are static. */
typedef struct unic_config_key {
    size_t struct_size; /**< sizeof(unic_config_key), set by the caller                     */
    const char *name;   /**< "ema.decay"; keys of a modality are "<modality>.kind" and so on  */
    const char *type;   /**< "number", "integer", "choice", "text", "integers", "switch"      */
    const char *value;  /**< default (behaviour = paper)                                      */
    const char *compat; /**< default under behaviour = compat, NULL if the same               */
    const char
        *allowed;      /**< "[0, 1)", "two | any"                                            */
    const char *help;  /**< one sentence                                                     */
    void *reserved[4]; /**< NULL                                                            */
} unic_config_key;

/** The number of keys. Thread-safe. Since 0.1. */
UNIC_API size_t unic_config_key_count(void);
/**
 * Describe the i-th key, in the order of docs/config.md. Thread-safe.
 * @return UNIC_OK; UNIC_E_ARG if `i` is out of range or struct_size is not set. Since 0.1.
 */
UNIC_API unic_status unic_config_key_at(unic_config_key *key, size_t i);

#ifdef __cplusplus
}
#endif
#endif
