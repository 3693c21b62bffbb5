/* A text as BERT's pieces, and what step each is of. */
#include <string.h>

#include "base/utf8.h"
#include "extract/bert.h"

/* Whether a word gives a step: with a list of words that are kept, only those of the list do, and
 * of them only whole pieces of the vocabulary. */
static bool is_kept(const unic_extractor *e, const unic__word_reader *word, size_t pieces,
                    int32_t first)
{
    const unic__word_list *keep = e->words[UNIC__WORDS_KEEP];
    return !keep || (pieces == 1 && first != e->plan.bert->wordpiece.unknown &&
                     unic__word_list_find(keep, word->word, word->bytes) >= 0);
}

static void add_piece(unic__bert *b, int32_t piece, int32_t step)
{
    b->pieces[b->length] = piece;
    b->step[b->length++] = step;
}

/* The pieces of a word, as many as there is room for. */
static void add_word(const unic_extractor *e, const unic__word_reader *word, size_t most)
{
    unic__bert *b = e->plan.bert;
    int32_t pieces[UNIC__WORD_POINTS];
    const bool words = e->settings.bert.steps == UNIC__STEPS_WORDS;
    const size_t n = unic__wordpiece_split(&b->wordpiece, word, pieces);
    const bool kept = is_kept(e, word, n, pieces[0]);
    for (size_t i = 0; i < n && b->length < most; i++) {
        add_piece(b, pieces[i], kept ? (int32_t)b->steps : -1);
        b->steps += kept && !words;
    }
    b->steps += kept && words;
}

unic_status unic__bert_read(const unic_extractor *e, const char *text, size_t bytes)
{
    unic__bert *b = e->plan.bert;
    unic__word_reader word;
    const size_t most = e->settings.bert.max_length - 1; /* the last place is [SEP]'s */
    UNIC__TRY(unic__extractor_check_words(e));
    UNIC__TRY(unic__utf8_check(text, bytes));
    b->length = b->steps = 0;
    add_piece(b, b->wordpiece.begin, -1);
    unic__words_begin(&word, text, bytes, e->settings.bert.lower_case);
    while (b->length < most && unic__words_next(&word))
        add_word(e, &word, most);
    add_piece(b, b->wordpiece.end, -1);
    return UNIC_OK;
}

/* ---- lists of words ---- */

/* A line that the tokenizer would not make a word of would never be found. */
static unic_status check_kept(const unic_extractor *e, const unic__word_line *line)
{
    unic__word_reader r, rest;
    unic__words_begin(&r, line->word.start, line->word.size, e->settings.bert.lower_case);
    bool same = unic__words_next(&r) && r.bytes == line->word.size &&
                memcmp(r.word, line->word.start, r.bytes) == 0;
    rest = r;
    if (!same || unic__words_next(&rest))
        return unic__fail(
            UNIC_E_FORMAT,
            "line %zu of the words to keep is not one word as the tokenizer makes "
            "them: its first one is \"%.*s\"",
            line->number + 1, (int)r.bytes, r.word);
    return UNIC_OK;
}

unic_status unic__bert_take_words(unic_extractor *e, unic__word_use which,
                                  const unic__word_list *list)
{
    unic__wordpiece wordpiece;
    if (which == UNIC__WORDS_KEEP) {
        if (e->settings.bert.steps != UNIC__STEPS_WORDS)
            return unic__fail(UNIC_E_ARG, "words are kept or dropped where steps = words, not "
                                          "where steps = pieces");
        for (size_t i = 0; i < list->n; i++)
            UNIC__TRY(check_kept(e, &list->line[i]));
        return UNIC_OK;
    }
    UNIC__TRY(unic__wordpiece_begin(&wordpiece, list));
    if (e->network && list->lines > e->network->plan.bert->vocabulary)
        return unic__fail(UNIC_E_FORMAT, "the vocabulary has %zu pieces, the network knows %zu",
                          list->lines, e->network->plan.bert->vocabulary);
    e->plan.bert->wordpiece = wordpiece;
    return UNIC_OK;
}
