/*
 * A word by its character n-grams, hashed (Joulin et al., 2017, do so to classify texts):
 *   y = sum_g R[crc32(g) mod buckets] / sqrt(number of g),   R [buckets,dim] ~ N(0, 1)
 * over all n-grams g of "<word>", n = shortest..longest code points, or "<word>" itself if it is
 * shorter than all. R is a function of the seed alone, the numbers of numpy's default_rng(seed), so
 * that features of examples/demo/text.py and of this kind may be mixed. Words stand between white
 * space and are taken as they are: neither case nor accents nor punctuation are changed.
 */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "extract/extract.h"
#include "extract/numpy_random.h"
#include "file/zip.h"

#define KEY(type, field)                                                                       \
    UNIC__OF_CONFIG, _Generic(((unic__ngrams_settings *)0)->field, type                        \
                              : offsetof(unic__ngrams_settings, field))

static const unic__config_key keys[] = {
    {"dim", UNIC__KEY_SIZE, KEY(size_t, dim), "[1, 1024]", "64", NULL,
     "Dims of a word's features."},
    {"buckets", UNIC__KEY_SIZE, KEY(size_t, buckets), "[1, 65536]", "4096", NULL,
     "Rows that n-grams are hashed to."},
    {"shortest", UNIC__KEY_SIZE, KEY(size_t, shortest), "[1, 16]", "3", NULL,
     "Code points of the shortest n-grams."},
    {"longest", UNIC__KEY_SIZE, KEY(size_t, longest), "[1, 16]", "5", NULL,
     "Code points of the longest n-grams."},
    {"seed", UNIC__KEY_SEED, KEY(uint64_t, seed), "[0, 18446744073709551615]", "20240229", NULL,
     "Seed of the rows."},
};

typedef struct unic__ngrams {
    double *rows; /* [buckets,dim] */
    double *sum;  /* [dim]         */
} unic__ngrams;

static unic_status plan_ngrams(unic_extractor *e)
{
    const unic__ngrams_settings *s = &e->settings.ngrams;
    unic__numpy_random random;
    unic__ngrams *p;
    if (s->longest < s->shortest)
        return unic__fail(UNIC_E_CONFIG, "longest = %zu is below shortest = %zu", s->longest,
                          s->shortest);
    UNIC__TRY(unic__extract_memory((void **)&p, e, 1, sizeof *p, "n-gram tables"));
    e->plan.ngrams = p;
    UNIC__TRY(unic__extract_memory((void **)&p->rows, e, s->buckets * s->dim, sizeof(double),
                                   "n-gram tables"));
    UNIC__TRY(
        unic__extract_memory((void **)&p->sum, e, s->dim, sizeof(double), "n-gram tables"));
    unic__numpy_random_begin(&random, s->seed);
    for (size_t i = 0; i < s->buckets * s->dim; i++)
        p->rows[i] = unic__numpy_random_normal(&random);
    e->dims = UNIC__SHAPE_OF(s->dim);
    return UNIC_OK;
}

static unic_status count_words(const unic_extractor *e, const unic__extract_input *in,
                               size_t *steps)
{
    const char *at = in->text, *end = at + in->bytes;
    unic__piece word;
    (void)e;
    UNIC__TRY(unic__utf8_check(in->text, in->bytes));
    for (*steps = 0; unic__utf8_word(&at, end, &word);)
        ++*steps;
    return UNIC_OK;
}

/* Adds the row of one n-gram: `bytes` of the word, with "<" before and ">" behind if it has them. */
static void add_gram(const unic_extractor *e, bool opens, const char *from, size_t bytes,
                     bool closes)
{
    const unic__ngrams_settings *s = &e->settings.ngrams;
    uint32_t crc = opens ? unic__zip_crc(0, "<", 1) : 0;
    crc = unic__zip_crc(crc, from, bytes);
    crc = closes ? unic__zip_crc(crc, ">", 1) : crc;
    const double *row = e->plan.ngrams->rows + crc % s->buckets * s->dim;
    for (size_t j = 0; j < s->dim; j++)
        e->plan.ngrams->sum[j] += row[j];
}

static const char *next_point(const char *at, const char *end)
{
    uint32_t point;
    return at + unic__utf8_bytes(at, end, &point);
}

/* All n-grams of one length; returns how many there are. `length` is that of "<word>". */
static size_t add_grams(const unic_extractor *e, unic__piece word, size_t length, size_t n)
{
    const char *from = word.start, *to = from, *end = from + word.size;
    if (n > length)
        return 0;
    for (size_t i = 1; i < n; i++)
        to = next_point(to, end);
    for (size_t i = 0; i + n <= length; i++) {
        add_gram(e, i == 0, from, (size_t)(to - from), i + n == length);
        from = i > 0 ? next_point(from, end) : from;
        to = next_point(to, end);
    }
    return length - n + 1;
}

static void extract_word(const unic_extractor *e, unic__piece word, float *y)
{
    const unic__ngrams_settings *s = &e->settings.ngrams;
    const char *end = word.start + word.size;
    size_t length = 2, grams = 0;
    for (const char *at = word.start; at < end; at = next_point(at, end))
        length++;
    memset(e->plan.ngrams->sum, 0, s->dim * sizeof(double));
    for (size_t n = s->shortest; n <= s->longest; n++)
        grams += add_grams(e, word, length, n);
    if (grams == 0)
        grams = add_grams(e, word, length, length);
    for (size_t j = 0; j < s->dim; j++)
        y[j] = (float)(e->plan.ngrams->sum[j] / sqrt((double)grams));
}

static unic_status run_ngrams(unic_extractor *e, const unic__extract_input *in, float *features)
{
    const char *at = in->text, *end = at + in->bytes;
    unic__piece word;
    for (; unic__utf8_word(&at, end, &word); features += e->settings.ngrams.dim)
        extract_word(e, word, features);
    return UNIC_OK;
}

const unic__extract_kind unic__extract_ngrams = {.name = "ngrams",
                                                 .input = UNIC_EXTRACTOR_TEXT,
                                                 .keys = keys,
                                                 .key_count = sizeof keys / sizeof keys[0],
                                                 .plan = plan_ngrams,
                                                 .count = count_words,
                                                 .run = run_ngrams};
