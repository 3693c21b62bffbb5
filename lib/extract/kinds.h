/* The settings of each kind of extractor, as plain values; each kind's file has the table of their
 * keys, with bounds, defaults and help. */
#ifndef UNIC_EXTRACT_KINDS_H
#define UNIC_EXTRACT_KINDS_H

#include "base/base.h"

typedef enum unic__framing { UNIC__FRAMING_SECOND, UNIC__FRAMING_VGGISH } unic__framing;

typedef struct unic__logmel_settings {
    size_t rate;        /* samples a second                                     */
    double window, hop; /* milliseconds                                         */
    size_t bands;
    double low, high, offset; /* Hz, Hz, and what is added before the logarithm */
    size_t frames;            /* of a patch                                     */
    unsigned framing;         /* a unic__framing                                */
    size_t parts;             /* that a patch's frames are averaged in; 0: none */
} unic__logmel_settings;

typedef struct unic__ngrams_settings {
    size_t dim, buckets, shortest, longest;
    uint64_t seed;
} unic__ngrams_settings;

typedef struct unic__patches_settings {
    double rate; /* frames a second */
    size_t side, cells, patch;
    unsigned colors; /* 1: all three */
    size_t components, channels, samples;
    uint64_t seed;
} unic__patches_settings;

typedef struct unic__vggish_settings {
    unsigned framing; /* a unic__framing                                              */
    bool last_relu;   /* features are not negative                                     */
    bool pca;         /* AudioSet's principal components, in steps of 0..255          */
} unic__vggish_settings;

typedef struct unic__vgg19_settings {
    unsigned preprocessing; /* 0: torch; 1: caffe                                       */
    size_t rate;            /* frames of a step                                         */
    unsigned times;         /* for who decodes: 0: by their index; 1: by their time     */
    size_t side;            /* pixels                                                   */
} unic__vgg19_settings;

typedef enum unic__bert_steps { UNIC__STEPS_WORDS, UNIC__STEPS_PIECES } unic__bert_steps;

typedef struct unic__bert_settings {
    unsigned steps;    /* a unic__bert_steps                                           */
    bool lower_case;   /* and without accents                                          */
    size_t max_length; /* pieces of a text, with [CLS] and [SEP]                       */
    size_t heads;      /* of attention; 0: one for each 64 dims                        */
} unic__bert_settings;

typedef union unic__extract_settings {
    unic__bert_settings bert;
    unic__logmel_settings logmel;
    unic__ngrams_settings ngrams;
    unic__patches_settings patches;
    unic__vggish_settings vggish;
    unic__vgg19_settings vgg19;
} unic__extract_settings;

#endif
