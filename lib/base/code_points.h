/* What a code point of Unicode is, in the terms of WordPiece: what it separates; and what it becomes
 * in lower case without its accents. */
#ifndef UNIC_BASE_CODE_POINTS_H
#define UNIC_BASE_CODE_POINTS_H

#include "base/base.h"

typedef enum unic__point_kind {
    UNIC__POINT_PLAIN,
    UNIC__POINT_CONTROL,     /* left out: Unicode's categories C*, U+FFFD              */
    UNIC__POINT_SPACE,       /* Z*, tab, LF and CR                                     */
    UNIC__POINT_PUNCTUATION, /* a word of its own: P*, and ASCII's other signs         */
    UNIC__POINT_MARK,        /* Mn: accents                                            */
    UNIC__POINT_IDEOGRAPH,   /* a word of its own: the blocks of CJK ideographs        */
} unic__point_kind;

/* How a capital sigma that stands beside it becomes small: cased letters before it and none behind
 * it make it a final one, whatever can be ignored stands between them. */
enum { UNIC__POINT_KIND = 7, UNIC__POINT_CASED = 8, UNIC__POINT_IGNORABLE = 16 };

/* Its kind, and these bits. */
unsigned unic__point_class(uint32_t point);

/* The code points that it becomes in lower case, decomposed (NFD), without those of kind MARK:
 * returns how many, 0 for a mark. Where there are several, all are PLAIN. */
enum { UNIC__FOLD_MOST = 3 };
size_t unic__point_fold(uint32_t point, uint32_t to[UNIC__FOLD_MOST]);

#endif
