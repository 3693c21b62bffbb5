/* What tokenizing (bert_text.c), the network (bert_network.c) and the kind's row (bert.c) share. */
#ifndef UNIC_EXTRACT_BERT_H
#define UNIC_EXTRACT_BERT_H

#include "extract/network.h"
#include "extract/wordpiece.h"

/* The network for texts of up to the most pieces: n->plan.bert. */
typedef struct unic__bert_network {
    size_t vocabulary, positions, types; /* rows of the embeddings                       */
    size_t dim, heads, wide, layers;     /* wide: of the feed-forward layers              */
    size_t length;                       /* of the text that it is ready for             */
    unic__node *pieces, *y;              /* [length] i32; [1,length,dim]                 */
} unic__bert_network;

/* The extractor's own: e->plan.bert. */
typedef struct unic__bert {
    unic__wordpiece wordpiece;
    int32_t
        *pieces; /* [most] of the text that was read last, with [CLS] and [SEP]              */
    int32_t
        *step; /* [most], the step that a piece is of; -1: of none                         */
    size_t length, steps;
} unic__bert;

extern const unic__pretrained unic__bert_pretrained;

/* Computes y [1,length,dim] of plan.bert's pieces. Allocates nothing. */
unic_status unic__bert_run(const unic_extractor *e);

/* Fills plan.bert with the pieces of a text. UNIC_E_VALUE; UNIC_E_STATE without a vocabulary. */
unic_status unic__bert_read(const unic_extractor *e, const char *text, size_t bytes);

/* What a list has to be; lists that pass are taken for plan.bert. */
unic_status unic__bert_take_words(unic_extractor *e, unic__word_use which,
                                  const unic__word_list *list);

#endif
