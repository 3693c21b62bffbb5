/* The lists of words of an extractor, each of a file of its own until the extractor is saved. */
#include <string.h>

#include "extract/extract.h"

/* Their members of an extractor's npz. */
static const char *const members[UNIC__WORD_USES] = {
    [UNIC__WORDS_VOCABULARY] = "vocabulary.txt", [UNIC__WORDS_KEEP] = "keep.txt"};

unic_status unic__extractor_takes_words(const unic_extractor *e)
{
    if (!e->kind->take_words)
        return unic__fail(UNIC_E_ARG, "an extractor of kind %s reads no lists of words",
                          e->kind->name);
    return UNIC_OK;
}

unic_status unic__extractor_check_words(const unic_extractor *e)
{
    if (e->kind->take_words && !e->words[UNIC__WORDS_VOCABULARY])
        return unic__fail(UNIC_E_STATE,
                          "an extractor of kind %s has no vocabulary until "
                          "unic_extractor_load_words() has read it",
                          e->kind->name);
    return UNIC_OK;
}

static unic_status take(unic_extractor *e, unic__word_use use, const char *text, size_t size)
{
    unic__word_list *list;
    UNIC__TRY(unic__word_list_parse(&list, text, size));
    unic_status status = e->kind->take_words(e, use, list);
    if (status != UNIC_OK) {
        unic__word_list_free(list);
        return status;
    }
    unic__word_list_free(e->words[use]);
    e->words[use] = list;
    unic__normal_forget(e);
    return UNIC_OK;
}

unic_status unic__extractor_load_words(unic_extractor *e, unic__word_use use,
                                       unic__source *source)
{
    const char *name = unic__source_name(source);
    const uint64_t size = unic__source_size(source);
    UNIC__TRY(unic__extractor_takes_words(e));
    if (size > UNIC__WORD_LIST_MOST)
        return unic__fail(UNIC_E_FORMAT,
                          "%s has more than %d bytes, too many for a list of words", name,
                          UNIC__WORD_LIST_MOST);
    char *text = unic__alloc((size_t)size + 1);
    if (!text)
        return unic__no_memory((size_t)size + 1, "a list of words");
    unic_status status = unic__source_read(source, 0, text, (size_t)size);
    if (status == UNIC_OK)
        status = take(e, use, text, (size_t)size);
    unic__free(text);
    return status == UNIC_OK ? status : unic__fail_in(status, "%s", name);
}

uint64_t unic__extractor_hash_words(const unic_extractor *e, uint64_t hash)
{
    for (size_t i = 0; i < UNIC__WORD_USES; i++)
        if (e->words[i]) {
            hash = unic__hash_bytes(hash, members[i], strlen(members[i]));
            hash = unic__hash_bytes(hash, e->words[i]->text, strlen(e->words[i]->text));
        }
    return hash;
}

unic_status unic__extractor_write_words(const unic_extractor *e, unic__npz_writer *w)
{
    for (size_t i = 0; i < UNIC__WORD_USES; i++)
        if (e->words[i])
            UNIC__TRY(unic__npz_add_text(w, members[i], e->words[i]->text));
    return UNIC_OK;
}

static unic_status read_member(unic_extractor *e, unic__word_use use, unic__npz *z)
{
    char *text;
    UNIC__TRY(unic__npz_read_text(z, members[use], &text));
    const unic_status status = take(e, use, text, strlen(text));
    unic__free(text);
    return status == UNIC_OK ? status
                             : unic__fail_in(status == UNIC_E_ARG ? UNIC_E_FORMAT : status,
                                             "%s: %s", unic__npz_path(z), members[use]);
}

unic_status unic__extractor_read_words(unic_extractor *e, unic__npz *z)
{
    if (!e->kind->take_words)
        return UNIC_OK;
    if (!unic__npz_has(z, members[UNIC__WORDS_VOCABULARY]))
        return unic__fail(UNIC_E_FORMAT, "%s: an extractor of kind %s has no member %s",
                          unic__npz_path(z), e->kind->name, members[UNIC__WORDS_VOCABULARY]);
    for (unic__word_use i = 0; i < UNIC__WORD_USES; i++)
        if (unic__npz_has(z, members[i]))
            UNIC__TRY(read_member(e, i, z));
    return UNIC_OK;
}
