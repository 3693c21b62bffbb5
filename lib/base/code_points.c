#include "base/code_points.h"

typedef struct unic__fold {
    uint32_t from, to;
} unic__fold;

typedef struct unic__expansion {
    uint32_t from, to[UNIC__FOLD_MOST]; /* up to a 0 */
} unic__expansion;

#include "base/code_point_tables.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The last of n numbers, `stride` bytes from one to the next, that is at most `value`; the first is. */
static size_t last_at_most(const void *first, size_t stride, size_t n, uint32_t value)
{
    size_t low = 0, high = n;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        const uint32_t *at = (const void *)((const char *)first + middle * stride);
        if (*at <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

unsigned unic__point_class(uint32_t point)
{
    const size_t run = last_at_most(unic__point_runs, sizeof(uint32_t), COUNT(unic__point_runs),
                                    point << 8 | 0xFF);
    return unic__point_runs[run] & 0xFF;
}

/* A syllable is a leading consonant, a vowel and perhaps a trailing one (the standard, 3.12). */
static size_t split_hangul(uint32_t syllable, uint32_t to[UNIC__FOLD_MOST])
{
    enum { LEADING = 0x1100, VOWEL = 0x1161, TRAILING = 0x11A7, VOWELS = 21, TRAILINGS = 28 };
    to[0] = LEADING + syllable / (VOWELS * TRAILINGS);
    to[1] = VOWEL + syllable / TRAILINGS % VOWELS;
    to[2] = TRAILING + syllable % TRAILINGS;
    return to[2] > TRAILING ? 3 : 2;
}

size_t unic__point_fold(uint32_t point, uint32_t to[UNIC__FOLD_MOST])
{
    enum { SYLLABLES = 0xAC00, SYLLABLE_COUNT = 11172 };
    const unic__fold *folds = unic__fold_table;
    const unic__expansion *expansions = unic__point_expansions;
    if (point - SYLLABLES < SYLLABLE_COUNT)
        return split_hangul(point - SYLLABLES, to);
    const unic__fold *fold = folds + last_at_most(&folds->from, sizeof *folds,
                                                  COUNT(unic__fold_table), point);
    const unic__expansion *more = expansions +
                                  last_at_most(&expansions->from, sizeof *expansions,
                                               COUNT(unic__point_expansions), point);
    size_t n = 0;
    if (more->from == point)
        for (; n < UNIC__FOLD_MOST && more->to[n]; n++)
            to[n] = more->to[n];
    else if ((unic__point_class(point) & UNIC__POINT_KIND) != UNIC__POINT_MARK)
        to[n++] = fold->from == point ? fold->to : point;
    return n;
}
