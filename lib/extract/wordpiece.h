/*
 * WordPiece, as BERT's tokenizer does it (Devlin et al., 2019): a text becomes words, a word pieces
 * of a vocabulary. First the words: control characters are left out, white space separates, and
 * punctuation and CJK ideographs are words of their own; in lower case, accents are left out too.
 * Then the pieces: the longest one that the word begins with, and so on with its rest, whose pieces
 * begin with "##". A word with more than 100 code points, or with a part that no piece fits, is one
 * piece, [UNK].
 */
#ifndef UNIC_EXTRACT_WORDPIECE_H
#define UNIC_EXTRACT_WORDPIECE_H

#include "extract/word_list.h"

enum { UNIC__WORD_POINTS = 100, UNIC__WORD_BYTES = 4 * UNIC__WORD_POINTS };

/* Reads the words of a text that is UTF-8, one after another. */
typedef struct unic__word_reader {
    const char *at,
        *end; /* the unread rest                                                     */
    bool lower_case;
    bool
        after_cased; /* the rest goes on in a word behind a letter that has a case              */
    char word[UNIC__WORD_BYTES];
    size_t bytes,
        points; /* of the word; of one with too many code points, the first ones' bytes */
} unic__word_reader;

void unic__words_begin(unic__word_reader *r, const char *text, size_t bytes, bool lower_case);
/* The next word; false after the last one. */
bool unic__words_next(unic__word_reader *r);

/* A vocabulary with the pieces that every text has; ids are lines, from 0. */
typedef struct unic__wordpiece {
    const unic__word_list *vocabulary;
    unic__word_range first,
        later; /* the lines of pieces that begin a word, "##" and what follows */
    int32_t unknown, begin,
        end; /* [UNK], [CLS], [SEP]                                          */
} unic__wordpiece;

/* UNIC_E_FORMAT names a piece that every vocabulary has and this one lacks. */
unic_status unic__wordpiece_begin(unic__wordpiece *w, const unic__word_list *vocabulary);

/* The pieces of the reader's word, of which there are at least one. */
size_t unic__wordpiece_split(const unic__wordpiece *w, const unic__word_reader *word,
                             int32_t pieces[UNIC__WORD_POINTS]);

#endif
