#include "extract/word_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static int by_bytes(const void *a, const void *b)
{
    const unic__word_line *x = a, *y = b;
    const size_t common = x->word.size < y->word.size ? x->word.size : y->word.size;
    const int order = memcmp(x->word.start, y->word.start, common);
    if (order || x->word.size != y->word.size)
        return order ? order : x->word.size < y->word.size ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static unic_status check_line(unic__piece word, size_t number)
{
    if (memchr(word.start, '\0', word.size))
        return unic__fail(UNIC_E_FORMAT, "line %zu has a NUL", number);
    if (unic__utf8_check(word.start, word.size) != UNIC_OK)
        return unic__fail(UNIC_E_FORMAT, "line %zu is not UTF-8", number);
    return UNIC_OK;
}

/* Copies the lines into list->text, and those with a word into list->line. */
static unic_status take_lines(unic__word_list *list, unic__lines *lines)
{
    char *to = list->text, *last = to;
    for (unic__piece word; unic__lines_next(lines, &word);) {
        word = unic__piece_trim(word);
        UNIC__TRY(check_line(word, lines->number));
        memcpy(to, word.start, word.size);
        word.start = to;
        to += word.size;
        *to++ = '\n';
        list->line[list->n] = (unic__word_line){word, lines->number - 1};
        list->n += word.size > 0; /* an empty line's place is the next one's */
        list->lines = word.size > 0 ? lines->number : list->lines;
        last = word.size > 0 ? to : last;
    }
    *last = '\0';
    return UNIC_OK;
}

/* Of equal lines the last one stays, which is the one that BERT's own reader finds. */
static void drop_repeated(unic__word_list *list)
{
    size_t kept = 0, repeated = 0;
    unic__word_line *line = list->line;
    for (size_t i = 0; i < list->n; i++) {
        const bool same = i + 1 < list->n && line[i].word.size == line[i + 1].word.size &&
                          memcmp(line[i].word.start, line[i + 1].word.start,
                                 line[i].word.size) == 0;
        if (!same)
            line[kept++] = line[i];
        else if (repeated++ == 0)
            unic__log_line(UNIC_LOG_WARNING,
                           "a list of words: line %zu stands again in line %zu, which counts",
                           line[i].number + 1, line[i + 1].number + 1);
    }
    list->n = kept;
}

static size_t count_lines(unic__lines lines)
{
    size_t n = 0;
    for (unic__piece line; unic__lines_next(&lines, &line);)
        n++;
    return n;
}

unic_status unic__word_list_parse(unic__word_list **out, const char *text, size_t size)
{
    unic__lines lines;
    *out = NULL;
    UNIC__TRY(unic__lines_begin(&lines, text, size));
    const size_t n = count_lines(lines);
    unic__word_list *list = unic__alloc_zero(sizeof *list);
    if (!list)
        return unic__no_memory(sizeof *list, "a list of words");
    list->text = unic__alloc(size + 2); /* the last line need not have its end */
    list->line = unic__alloc_array(n + 1, sizeof *list->line);
    unic_status status = list->text && list->line ? take_lines(list, &lines)
                                                  : unic__no_memory(size, "a list of words");
    if (status != UNIC_OK) {
        unic__word_list_free(list);
        return status;
    }
    qsort(list->line, list->n, sizeof *list->line, by_bytes);
    drop_repeated(list);
    *out = list;
    return UNIC_OK;
}

void unic__word_list_free(unic__word_list *list)
{
    if (!list)
        return;
    unic__free(list->text);
    unic__free(list->line);
    unic__free(list);
}

/* The first line of the range whose byte at `at` is `byte` or more; a word that ends there is less
 * than any. */
static size_t first_from(const unic__word_list *list, unic__word_range range, size_t at,
                         int byte)
{
    while (range.from < range.to) {
        const size_t middle = range.from + (range.to - range.from) / 2;
        const unic__piece *word = &list->line[middle].word;
        if (word->size > at && (unsigned char)word->start[at] >= byte)
            range.to = middle;
        else
            range.from = middle + 1;
    }
    return range.from;
}

unic__word_range unic__word_list_narrow(const unic__word_list *list, unic__word_range range,
                                        size_t at, char byte)
{
    const int value = (unsigned char)byte;
    range.from = first_from(list, range, at, value);
    range.to = first_from(list, range, at, value + 1);
    return range;
}

int32_t unic__word_list_find(const unic__word_list *list, const char *word, size_t bytes)
{
    unic__word_range range = {0, list->n};
    for (size_t i = 0; i < bytes && range.from < range.to; i++)
        range = unic__word_list_narrow(list, range, i, word[i]);
    const bool found = range.from < range.to && list->line[range.from].word.size == bytes;
    return found ? (int32_t)list->line[range.from].number : -1;
}
