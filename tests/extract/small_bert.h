/* A narrow BERT with random weights, and a vocabulary for it, as files. */
#ifndef TESTS_EXTRACT_SMALL_BERT_H
#define TESTS_EXTRACT_SMALL_BERT_H

#include <string.h>

#include "extract/small_weights.h"

/* Settings for it; WORDS is its vocabulary. */
#define SMALL_BERT       "kind = bert\nheads = 2\nmax_seq_length = 8\n"
#define SMALL_BERT_WORDS "[PAD]\n[UNK]\n[CLS]\n[SEP]\none\ntwo\n##s\ndo\n##g\n.\n"

enum {
    SMALL_BERT_PIECES = 10,
    SMALL_BERT_POSITIONS = 9,
    SMALL_BERT_DIM = 6,
    SMALL_BERT_WIDE = 5,
    SMALL_BERT_LAYERS = 2,
    SMALL_BERT_TENSORS = 5 + 16 * SMALL_BERT_LAYERS
};

typedef struct small_bert_tensor {
    const char *name; /* behind its layer's; a norm's is without weight | gamma, bias | beta */
    int64_t dims[2];
} small_bert_tensor;

static const small_bert_tensor small_bert_embeddings[] = {
    {"embeddings.word_embeddings.weight", {SMALL_BERT_PIECES, SMALL_BERT_DIM}},
    {"embeddings.position_embeddings.weight", {SMALL_BERT_POSITIONS, SMALL_BERT_DIM}},
    {"embeddings.token_type_embeddings.weight", {2, SMALL_BERT_DIM}},
    {"embeddings.LayerNorm.weight", {SMALL_BERT_DIM, 0}},
    {"embeddings.LayerNorm.bias", {SMALL_BERT_DIM, 0}},
};
static const small_bert_tensor small_bert_layer[] = {
    {"attention.self.query.weight", {SMALL_BERT_DIM, SMALL_BERT_DIM}},
    {"attention.self.query.bias", {SMALL_BERT_DIM, 0}},
    {"attention.self.key.weight", {SMALL_BERT_DIM, SMALL_BERT_DIM}},
    {"attention.self.key.bias", {SMALL_BERT_DIM, 0}},
    {"attention.self.value.weight", {SMALL_BERT_DIM, SMALL_BERT_DIM}},
    {"attention.self.value.bias", {SMALL_BERT_DIM, 0}},
    {"attention.output.dense.weight", {SMALL_BERT_DIM, SMALL_BERT_DIM}},
    {"attention.output.dense.bias", {SMALL_BERT_DIM, 0}},
    {"attention.output.LayerNorm.weight", {SMALL_BERT_DIM, 0}},
    {"attention.output.LayerNorm.bias", {SMALL_BERT_DIM, 0}},
    {"intermediate.dense.weight", {SMALL_BERT_WIDE, SMALL_BERT_DIM}},
    {"intermediate.dense.bias", {SMALL_BERT_WIDE, 0}},
    {"output.dense.weight", {SMALL_BERT_DIM, SMALL_BERT_WIDE}},
    {"output.dense.bias", {SMALL_BERT_DIM, 0}},
    {"output.LayerNorm.weight", {SMALL_BERT_DIM, 0}},
    {"output.LayerNorm.bias", {SMALL_BERT_DIM, 0}},
};

/* Tensor i of all, from 0 on. */
static inline const small_bert_tensor *small_bert_at(size_t i, char name[96])
{
    const small_bert_tensor *t = i < 5 ? &small_bert_embeddings[i]
                                       : &small_bert_layer[(i - 5) % 16];
    if (i < 5)
        snprintf(name, 96, "%s", t->name);
    else
        snprintf(name, 96, "encoder.layer.%zu.%s", (i - 5) / 16, t->name);
    return t;
}

/* Its values; a norm's weights are about 1. */
static inline float *small_bert_values(size_t i)
{
    char name[96];
    const small_bert_tensor *t = small_bert_at(i, name);
    const size_t rows = (size_t)t->dims[0], columns = (size_t)t->dims[1];
    float *x = small_tensor(rows * (columns ? columns : 1), i, columns ? 0.8 : 0.3);
    for (size_t j = 0; x && strstr(name, "LayerNorm.weight") && j < rows; j++)
        x[j] += 1.0F;
    return x;
}

/* A file of the weights, but for number `without`; tensor `cut` has a row less. */
static inline unic_status small_bert(const char *path, size_t without, size_t cut)
{
    unic_npz_writer *w;
    unic_status status = unic_npz_writer_create(&w, path);
    for (size_t i = 0; i < SMALL_BERT_TENSORS && status == UNIC_OK; i++) {
        char name[96];
        unic_array array;
        const small_bert_tensor *t = small_bert_at(i, name);
        const int64_t dims[] = {t->dims[0] - (i == cut), t->dims[1]};
        float *x = small_bert_values(i);
        unic_array_init(&array, x, UNIC_F32, t->dims[1] ? 2 : 1, dims);
        if (i != without)
            status = unic_npz_writer_add(w, name, &array);
        free(x);
    }
    if (status == UNIC_OK)
        status = unic_npz_writer_finish(w);
    unic_npz_writer_free(w);
    return status;
}

#endif
