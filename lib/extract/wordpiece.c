#include "extract/wordpiece.h"

#include <string.h>

#include "base/code_points.h"
#include "base/utf8.h"

/* ---- words ---- */

void unic__words_begin(unic__word_reader *r, const char *text, size_t bytes, bool lower_case)
{
    *r = (unic__word_reader){.at = text, .end = text + bytes, .lower_case = lower_case};
}

static void add_point(unic__word_reader *r, uint32_t point)
{
    if (r->points++ < UNIC__WORD_POINTS)
        r->bytes += unic__utf8_put(r->word + r->bytes, point);
}

/* Whether a letter that has a case comes in what is left of the word, before all that is not to be
 * ignored. */
static bool before_cased(const char *at, const char *end)
{
    uint32_t point;
    for (size_t n; (n = unic__utf8_bytes(at, end, &point)) > 0; at += n) {
        const unsigned is = unic__point_class(point), kind = is & UNIC__POINT_KIND;
        if (kind == UNIC__POINT_SPACE || kind == UNIC__POINT_IDEOGRAPH)
            return false;
        if (kind != UNIC__POINT_CONTROL && !(is & UNIC__POINT_IGNORABLE))
            return is & UNIC__POINT_CASED;
    }
    return false;
}

/* What the code point before `next` becomes. */
static size_t fold(const unic__word_reader *r, uint32_t point, const char *next,
                   uint32_t to[UNIC__FOLD_MOST])
{
    enum { SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2 };
    if (r->lower_case && point != SIGMA)
        return unic__point_fold(point, to);
    to[0] = point;
    if (r->lower_case)
        to[0] = r->after_cased && !before_cased(next, r->end) ? FINAL_SIGMA : SIGMA + 0x20;
    return 1;
}

static bool stands_alone(uint32_t point)
{
    return (unic__point_class(point) & UNIC__POINT_KIND) == UNIC__POINT_PUNCTUATION;
}

/* Takes the code point at r->at into the word, or leaves it there: returns whether the word ends. */
static bool take_point(unic__word_reader *r, uint32_t point, size_t bytes)
{
    const unsigned is = unic__point_class(point), kind = is & UNIC__POINT_KIND;
    const bool ideograph = kind == UNIC__POINT_IDEOGRAPH;
    uint32_t to[UNIC__FOLD_MOST];
    if (kind == UNIC__POINT_SPACE || ideograph)
        r->after_cased = false;
    if (kind == UNIC__POINT_SPACE || kind == UNIC__POINT_CONTROL) {
        r->at += bytes;
        return kind == UNIC__POINT_SPACE && r->points > 0;
    }
    const size_t n = fold(r, point, r->at + bytes, to);
    const bool alone = ideograph || (n == 1 && stands_alone(to[0]));
    if (alone && r->points > 0)
        return true;
    for (size_t i = 0; i < n; i++)
        add_point(r, to[i]);
    r->at += bytes;
    if (!ideograph && !(is & UNIC__POINT_IGNORABLE))
        r->after_cased = is & UNIC__POINT_CASED;
    return alone;
}

bool unic__words_next(unic__word_reader *r)
{
    uint32_t point;
    r->bytes = r->points = 0;
    for (size_t n; (n = unic__utf8_bytes(r->at, r->end, &point)) > 0;)
        if (take_point(r, point, n))
            break;
    return r->points > 0;
}

/* ---- pieces ---- */

static unic_status find_special(int32_t *piece, const unic__word_list *vocabulary,
                                const char *name)
{
    *piece = unic__word_list_find(vocabulary, name, strlen(name));
    if (*piece < 0)
        return unic__fail(UNIC_E_FORMAT, "no vocabulary of BERT: it has no line \"%s\"", name);
    return UNIC_OK;
}

unic_status unic__wordpiece_begin(unic__wordpiece *w, const unic__word_list *vocabulary)
{
    w->vocabulary = vocabulary;
    w->first = w->later = (unic__word_range){0, vocabulary->n};
    w->later = unic__word_list_narrow(vocabulary, w->later, 0, '#');
    w->later = unic__word_list_narrow(vocabulary, w->later, 1, '#');
    UNIC__TRY(find_special(&w->unknown, vocabulary, "[UNK]"));
    UNIC__TRY(find_special(&w->begin, vocabulary, "[CLS]"));
    return find_special(&w->end, vocabulary, "[SEP]");
}

/* The longest piece at `from`; returns where it ends, or `from` if there is none. */
static size_t longest(const unic__wordpiece *w, const unic__word_reader *word, size_t from,
                      int32_t *piece)
{
    unic__word_range range = from ? w->later : w->first;
    const size_t before = from ? 2 : 0; /* "##" */
    size_t end = from;
    for (size_t at = from; at < word->bytes && range.from < range.to;) {
        range = unic__word_list_narrow(w->vocabulary, range, before + at - from,
                                       word->word[at]);
        at++;
        const unic__word_line *line = &w->vocabulary->line[range.from];
        if (range.from < range.to && line->word.size == before + at - from) {
            *piece = (int32_t)line->number;
            end = at;
        }
    }
    return end;
}

size_t unic__wordpiece_split(const unic__wordpiece *w, const unic__word_reader *word,
                             int32_t pieces[UNIC__WORD_POINTS])
{
    size_t n = 0;
    for (size_t at = 0, end; word->points <= UNIC__WORD_POINTS && at < word->bytes; at = end)
        if ((end = longest(w, word, at, &pieces[n++])) == at) {
            n = 0;
            break;
        }
    if (n > 0)
        return n;
    pieces[0] = w->unknown;
    return 1;
}
