/* The kind "bert": its settings, its memory, a call. What a text's pieces are is in bert_text.c, the
 * network in bert_network.c. */
#include "extract/bert.h"

#include <string.h>

#define KEY(type, field)                                                                       \
    UNIC__OF_CONFIG, _Generic(((unic__bert_settings *)0)->field, type                          \
                              : offsetof(unic__bert_settings, field))

static const unic__config_key keys[] = {
    {"steps", UNIC__KEY_CHOICE, KEY(unsigned, steps), "words | pieces", "words", NULL,
     "A step is a word, the mean of its pieces' features, or a piece of WordPiece."},
    {"lower_case", UNIC__KEY_SWITCH, KEY(bool, lower_case), "off | on", "on", NULL,
     "Words in lower case without accents, for uncased models."},
    {"max_seq_length", UNIC__KEY_SIZE, KEY(size_t, max_length), "[3, 4096]", "25", NULL,
     "Pieces of a text, with [CLS] and [SEP]; the rest of a longer text is cut off."},
    {"heads", UNIC__KEY_SIZE, KEY(size_t, heads), "[0, 1024]", "0", NULL,
     "Heads of attention, which a file of weights does not tell; 0: one for each 64 dims."},
};

static unic_status plan_bert(unic_extractor *e)
{
    const size_t most = e->settings.bert.max_length;
    unic__bert *b;
    UNIC__TRY(unic__extract_memory((void **)&b, e, 1, sizeof *b, "BERT"));
    e->plan.bert = b;
    UNIC__TRY(unic__extract_memory((void **)&b->pieces, e, most, sizeof *b->pieces, "pieces"));
    UNIC__TRY(unic__extract_memory((void **)&b->step, e, most, sizeof *b->step, "pieces"));
    e->dims = UNIC__SHAPE_OF(768); /* of BERT-base, until the weights tell */
    return UNIC_OK;
}

static unic_status count_steps(const unic_extractor *e, const unic__extract_input *in,
                               size_t *steps)
{
    UNIC__TRY(unic__bert_read(e, in->text, in->bytes));
    *steps = e->plan.bert->steps;
    return UNIC_OK;
}

/* Rows of pieces become rows of steps: each the mean of its pieces, which follow each other. */
static unic_status run_bert(unic_extractor *e, const unic__extract_input *in, float *features)
{
    const unic__bert *b = e->plan.bert; /* as count_steps() has read the text */
    const size_t dim = unic__shape_count(&e->dims);
    (void)in;
    UNIC__TRY(unic__bert_run(e));
    const float *row = e->network->plan.bert->y->t.x;
    for (size_t i = 0, n = 1; i < b->length; i += n, n = 1) {
        if (b->step[i] < 0)
            continue;
        float *to = features + (size_t)b->step[i] * dim;
        memcpy(to, row + i * dim, dim * sizeof *to);
        for (; b->step[i + n] == b->step[i]; n++) /* the last piece is of no step */
            for (size_t j = 0; j < dim; j++)
                to[j] += row[(i + n) * dim + j];
        for (size_t j = 0; n > 1 && j < dim; j++)
            to[j] /= (float)n;
    }
    return UNIC_OK;
}

const unic__extract_kind unic__extract_bert = {.name = "bert",
                                               .input = UNIC_EXTRACTOR_TEXT,
                                               .keys = keys,
                                               .key_count = sizeof keys / sizeof keys[0],
                                               .plan = plan_bert,
                                               .count = count_steps,
                                               .run = run_bert,
                                               .take_words = unic__bert_take_words,
                                               .pretrained = &unic__bert_pretrained};
