/*
 * Feature extractors: what a decoder gives in, one row of features a step out. A kind is a table of
 * its settings and a few functions (kinds.c lists them); settings.c reads and prints the text of
 * any kind, extractor.c creates and runs one.
 */
#ifndef UNIC_EXTRACT_EXTRACT_H
#define UNIC_EXTRACT_EXTRACT_H

#include "array/weight_file.h"
#include "base/use.h"
#include "config/config_keys.h"
#include "extract/kinds.h"
#include "extract/word_list.h"
#include "file/source.h"
#include "file/writer.h"
#include "unicode/unic_extractor.h"

/* What a call reads: an array, or a text where `array` is NULL. */
typedef struct unic__extract_input {
    const unic_array *array; /* checked, with the dims that the kind takes */
    const char *text;
    size_t bytes;
} unic__extract_input;

/* The lists of words that an extractor may have, each at its unic_extractor_list less 1. */
typedef enum unic__word_use {
    UNIC__WORDS_VOCABULARY,
    UNIC__WORDS_KEEP,
    UNIC__WORD_USES,
} unic__word_use;

typedef struct unic__extract_kind {
    const char *name;
    int32_t input; /* a unic_extractor_input */
    const unic__config_key *keys;
    size_t key_count;
    /* Checks settings that must fit together, sets rate and dims, makes the tables. UNIC_E_CONFIG;
     * UNIC_E_NOMEM. */
    unic_status (*plan)(unic_extractor *e);
    void (*release)(unic_extractor *e); /* frees what plan allocated outside of the arena */
    /* The steps of an input; UNIC_E_VALUE for a text that is none. */
    unic_status (*count)(const unic_extractor *e, const unic__extract_input *in, size_t *steps);
    /* Writes all of them. Allocates nothing. */
    unic_status (*run)(unic_extractor *e, const unic__extract_input *in, float *features);
    /* Learns the weights; NULL: it has none that can be learnt. UNIC_E_VALUE; UNIC_E_NOMEM. */
    unic_status (*fit)(unic_extractor *e, const unic_array *input);
    /* Checks a list of words before it takes the place of the one that there is; NULL: it reads no
     * lists. UNIC_E_FORMAT; UNIC_E_ARG. */
    unic_status (*take_words)(unic_extractor *e, unic__word_use use,
                              const unic__word_list *list);
    const struct unic__pretrained *pretrained; /* its network (network.h); NULL: it has none */
} unic__extract_kind;

/* A weight of an extractor, in the arena. */
typedef struct unic__extract_weight {
    const char *name; /* in its file, in which weights stand in the order of their names */
    unic__shape shape;
    float *data;
} unic__extract_weight;

struct unic_extractor {
    unic__use use;
    const unic__extract_kind *kind;
    unic__extract_settings settings;
    const char *text; /* all settings, with their values */
    double rate;      /* samples or frames a second; 0: it reads text */
    unic__shape in;   /* dims of an input array, 0: any number */
    unic__shape dims; /* of a step's features */
    const unic__extract_weight *weights;
    size_t weight_count;
    bool has_weights; /* they were fitted or loaded */
    float *normal;    /* [2,channels] means and deviations; NULL: features stay as they are */
    struct unic__network *network; /* of a kind that has one, once its weights were loaded */
    unic__word_list *words[UNIC__WORD_USES]; /* NULL: it has none                            */
    int threads;
    unic__arena arena; /* holds the text, and the tables of plan */
    union {
        struct unic__bert *bert;
        struct unic__logmel *logmel;
        struct unic__ngrams *ngrams;
        struct unic__patches *patches;
        struct unic__vggish *vggish;
    } plan;
};

extern const unic__extract_kind unic__extract_bert, unic__extract_logmel, unic__extract_ngrams,
    unic__extract_patches, unic__extract_vggish, unic__extract_vgg19;

/* ---- settings.c ---- */

/* Reads the text into kind and settings. UNIC_E_CONFIG. */
unic_status unic__extract_settings_read(unic_extractor *e, const char *text);
/* Prints them to e->text. UNIC_E_NOMEM. */
unic_status unic__extract_settings_print(unic_extractor *e);

/* ---- extractor.c ---- */

unic_status unic__extractor_create(unic_extractor **out, const char *settings, int threads);
void unic__extractor_free(unic_extractor *e);
uint64_t unic__extractor_fingerprint(const unic_extractor *e);
/* Memory of the arena; the message names `what`. */
unic_status unic__extract_memory(void **out, unic_extractor *e, size_t count, size_t size,
                                 const char *what);
unic_status unic__extractor_run(size_t *step_count, unic_extractor *e,
                                const unic__extract_input *in, size_t max_steps,
                                float *features);

/* UNIC_E_STATE if it has weights that were neither fitted nor loaded. */
unic_status unic__extractor_check_weights(const unic_extractor *e);
unic_status unic__extractor_fit(unic_extractor *e, const unic_array *input);
/* As unic__normal_learn(); UNIC_E_STATE if it has no weights or words yet. */
unic_status unic__extractor_normalise(unic_extractor *e, const unic_array *features);
/* UNIC_E_ARG for a kind without a network. */
unic_status unic__extractor_takes_weights(const unic_extractor *e);
/* The weights of a file, in place of those that it has; as unic__network_create(). */
unic_status unic__extractor_load_weights(unic_extractor *e, unic__weight_file *f);

/* ---- extractor_words.c ---- */

/* UNIC_E_ARG for a kind that reads no lists of words. */
unic_status unic__extractor_takes_words(const unic_extractor *e);
/* UNIC_E_STATE if it reads lists of words and has no vocabulary. */
unic_status unic__extractor_check_words(const unic_extractor *e);
/* A list in place of the one that the extractor has. UNIC_E_FORMAT; UNIC_E_ARG; UNIC_E_NOMEM. */
unic_status unic__extractor_load_words(unic_extractor *e, unic__word_use use,
                                       unic__source *source);
/* Adds the lists to the hash; writes them to an npz, and reads them from it. */
uint64_t unic__extractor_hash_words(const unic_extractor *e, uint64_t hash);
unic_status unic__extractor_write_words(const unic_extractor *e, unic__npz_writer *w);
unic_status unic__extractor_read_words(unic_extractor *e, unic__npz *z);

/* ---- normalise.c ---- */

/* deviation [n] <- the roots of the variances, which it changes. A channel that hardly varies would
 * get values in the thousands: none is below a tenth of the mean one; 1 if all are 0. */
void unic__normal_deviations(float *deviation, double *variance, size_t n);
/* Means and deviations of features that it gave, by which those that it gives from now on are
 * normalised. UNIC_E_SHAPE; UNIC_E_VALUE; UNIC_E_NOMEM. */
unic_status unic__normal_learn(unic_extractor *e, const unic_array *features);
/* To the features of so many steps; nothing if it is not normalised. */
void unic__normal_apply(const unic_extractor *e, float *features, size_t steps);
/* What the features are has changed. */
void unic__normal_forget(unic_extractor *e);
/* Adds it to the hash; what its file has of it, up to two arrays; reads them. */
uint64_t unic__normal_hash(const unic_extractor *e, uint64_t hash);
size_t unic__normal_weights(const unic_extractor *e, unic__extract_weight weights[2]);
unic_status unic__normal_read(unic_extractor *e, unic__npz *z);

/* ---- extractor_file.c ---- */

unic_status unic__extractor_save(const unic_extractor *e, unic__output to);
unic_status unic__extractor_load(unic_extractor **out, unic__source *source);

#endif
