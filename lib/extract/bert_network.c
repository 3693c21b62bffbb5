/*
 * BERT's encoder (Devlin et al., 2019), of any size:
 *   x = norm(W[piece] + P[position] + S[0])                                     [T,D]
 *   h = norm(x + A o(x)),  o: attention of each head over all pieces
 *   x = norm(h + W2 gelu(W1 h))                                                 in each layer
 * Sizes are those of the file of weights, but for the number of heads, which it does not tell. The
 * names are those that Hugging Face's files have.
 */
#include <stdio.h>
#include <string.h>

#include "extract/bert.h"
#include "graph/nodes.h"

static const unic__init zeros = {UNIC__INIT_ZEROS, 0.0}; /* values come from a file */

/* ---- sizes ---- */

/* The shape of a tensor of this rank that the others' shapes follow from. */
static unic_status shape_of(const unic__weight_file *f, const char *name, size_t rank,
                            unic__shape *shape)
{
    char got[UNIC__SHAPE_TEXT], list[UNIC__WEIGHT_LIST];
    const unic__weight_tensor *t = unic__weight_file_find(f, name);
    if (!t)
        return unic__fail(UNIC_E_FORMAT, "%s: %s%s of %s is missing (the file has %s)",
                          unic__weight_file_path(f), f->prefix, name,
                          unic__bert_pretrained.source, unic__weight_file_list(f, list));
    if (t->wrong)
        return unic__fail(UNIC_E_FORMAT, "%s: %s", unic__weight_file_path(f), t->wrong);
    if (t->shape.rank != rank || !unic__shape_count(&t->shape))
        return unic__fail(UNIC_E_FORMAT, "%s: %s is %s, %s expected", unic__weight_file_path(f),
                          t->name, unic__shape_print(&t->shape, got),
                          rank == 2 ? "a matrix" : "a vector");
    *shape = t->shape;
    return UNIC_OK;
}

/* Which layer a tensor belongs to, counted from 1; 0: none. */
static size_t layer_of(const unic__weight_file *f, const char *name)
{
    static const char layers[] = "encoder.layer.";
    const size_t before = strlen(f->prefix), size = sizeof layers - 1;
    size_t n = 0;
    if (strncmp(name, f->prefix, before) || strncmp(name + before, layers, size))
        return 0;
    const char *digit = name + before + size;
    for (; *digit >= '0' && *digit <= '9' && n < SIZE_MAX / 16; digit++)
        n = 10 * n + (size_t)(*digit - '0');
    return *digit == '.' ? n + 1 : 0;
}

/* A layer counts if the file has anything of it: what it lacks is then missing, and the network is
 * not taken for one of fewer layers. In the order of names the tensors of a layer follow each other. */
static unic_status count_layers(size_t *layers, const unic__weight_file *f)
{
    size_t last = 0, present = 0, n;
    for (size_t i = 0, before = 0; i < f->count; i++, before = n) {
        n = layer_of(f, f->at[i].name);
        present += n && n != before;
        last = n > last ? n : last;
    }
    if (last != present)
        return unic__fail(
            UNIC_E_FORMAT,
            "%s: has layer %zu of BERT, but %zu layer%s in all: it is a part of a network",
            unic__weight_file_path(f), last - 1, present, present == 1 ? "" : "s");
    *layers = last;
    return UNIC_OK;
}

static unic_status read_sizes(unic__bert_network *b, const unic__weight_file *f)
{
    unic__shape words, positions, types, wide;
    UNIC__TRY(shape_of(f, "embeddings.word_embeddings.weight", 2, &words));
    UNIC__TRY(shape_of(f, "embeddings.position_embeddings.weight", 2, &positions));
    UNIC__TRY(shape_of(f, "embeddings.token_type_embeddings.weight", 2, &types));
    UNIC__TRY(shape_of(f, "encoder.layer.0.intermediate.dense.bias", 1, &wide));
    b->vocabulary = words.dim[0];
    b->dim = words.dim[1];
    b->positions = positions.dim[0];
    b->types = types.dim[0];
    b->wide = wide.dim[0];
    return count_layers(&b->layers, f);
}

static unic_status check_sizes(const unic_extractor *e, unic__bert_network *b,
                               const unic__weight_file *f)
{
    enum { HEAD = 64 };
    const unic__bert_settings *s = &e->settings.bert;
    const unic__word_list *vocabulary = e->words[UNIC__WORDS_VOCABULARY];
    b->heads = s->heads ? s->heads : b->dim / HEAD;
    if (b->heads == 0 || b->dim % b->heads)
        return unic__fail(UNIC_E_CONFIG,
                          "%s: heads = %zu does not divide the network's %zu dims%s",
                          unic__weight_file_path(f), b->heads, b->dim,
                          s->heads ? "" : " (0 stands for dims / 64): set heads");
    if (s->max_length > b->positions)
        return unic__fail(UNIC_E_CONFIG,
                          "%s: the network takes up to %zu pieces, max_seq_length = %zu",
                          unic__weight_file_path(f), b->positions, s->max_length);
    if (vocabulary && vocabulary->lines > b->vocabulary)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: the network knows %zu pieces, the vocabulary has %zu",
                          unic__weight_file_path(f), b->vocabulary, vocabulary->lines);
    return UNIC_OK;
}

/* ---- the graph ---- */

static unic__node *dense(unic__graph *g, unic__node *x, size_t out, const char *name)
{
    const size_t in = unic__shape_last(&x->t.shape);
    unic__node *w = unic__weight_node(g, UNIC__SHAPE_OF(out, in), zeros, "%s.weight", name);
    return unic__linear(g, x, w,
                        unic__param_node(g, UNIC__SHAPE_OF(out), zeros, "%s.bias", name));
}

static unic__node *norm(unic__graph *g, unic__node *x, const char *name)
{
    const size_t dim = unic__shape_last(&x->t.shape);
    unic__node *gain = unic__param_node(g, UNIC__SHAPE_OF(dim), zeros, "%s.weight", name);
    unic__node *bias = unic__param_node(g, UNIC__SHAPE_OF(dim), zeros, "%s.bias", name);
    return unic__layer_norm(g, x, gain, bias, 1e-12);
}

static unic__node *embed(unic__graph *g, const unic__bert_network *b)
{
    unic__node *words = unic__param_node(g, UNIC__SHAPE_OF(b->vocabulary, b->dim), zeros,
                                         "embeddings.word_embeddings.weight");
    unic__node *positions = unic__param_node(g, UNIC__SHAPE_OF(b->positions, b->dim), zeros,
                                             "embeddings.position_embeddings.weight");
    unic__node *types = unic__param_node(g, UNIC__SHAPE_OF(b->types, b->dim), zeros,
                                         "embeddings.token_type_embeddings.weight");
    unic__node *x = unic__gather(g, words, b->pieces);
    x = unic__add(g, x, unic__slice(g, positions, 0, 0, b->length));
    x = unic__add(g, x, unic__slice(g, types, 0, 0, 1));
    x = unic__reshape(g, x, UNIC__SHAPE_OF(1, b->length, b->dim));
    return norm(g, x, "embeddings.LayerNorm");
}

static unic__node *layer(unic__graph *g, const unic__bert_network *b, unic__node *x, size_t i)
{
#define NAME(rest) unic__graph_name(g, "encoder.layer.%zu." rest, i)
    unic__node *qkv = dense(g, x, 3 * b->dim, NAME("attention.self.qkv"));
    unic__node *a = unic__self_attention(g, qkv, NULL, b->heads, 0.0, 0);
    a = dense(g, a, b->dim, NAME("attention.output.dense"));
    unic__node *h = norm(g, unic__add(g, x, a), NAME("attention.output.LayerNorm"));
    unic__node *f = unic__gelu(g, dense(g, h, b->wide, NAME("intermediate.dense")));
    f = dense(g, f, b->dim, NAME("output.dense"));
    return norm(g, unic__add(g, h, f), NAME("output.LayerNorm"));
#undef NAME
}

/* The graph's inputs and calls, for the first time or again. */
static void describe(unic__graph *g, unic__bert_network *b, size_t length)
{
    b->length = length;
    b->pieces = unic__input(g, UNIC__SHAPE_OF(length), UNIC__I32);
    unic__node *x = embed(g, b);
    for (size_t i = 0; i < b->layers; i++)
        x = layer(g, b, x, i);
    b->y = unic__keep(x);
}

static unic_status build(const unic_extractor *e, unic__network *n, unic__weight_file *f)
{
    static const char *const first[] = {"embeddings.word_embeddings.weight"};
    unic__bert_network *b = n->plan.bert = unic__arena_alloc(&n->arena, sizeof *b);
    if (!b)
        return unic__no_memory(sizeof *b, "a network");
    UNIC__TRY(unic__weight_file_enter(f, first, 1));
    UNIC__TRY(read_sizes(b, f));
    UNIC__TRY(check_sizes(e, b, f));
    unic__graph *g = &n->graph[n->graph_count++];
    unic__graph_init(g, &n->params, true);
    g->many_shapes = true;
    describe(g, b, e->settings.bert.max_length);
    n->dims = UNIC__SHAPE_OF(b->dim);
    return UNIC_OK;
}

unic_status unic__bert_run(const unic_extractor *e)
{
    unic__bert_network *b = e->network->plan.bert;
    unic__graph *g = &e->network->graph[0];
    const unic__bert *text = e->plan.bert;
    if (b->length != text->length) {
        unic__graph_again(g);
        describe(g, b, text->length);
        unic__graph_fits(g); /* which it does: the longest text was planned */
    }
    memcpy(b->pieces->t.ix, text->pieces, text->length * sizeof *text->pieces);
    g->run = (unic__run){.training = false};
    unic__graph_forward(g, 0);
    return unic__graph_status(g);
}

/* ---- where files have the parameters ---- */

/* `name` with its first `from` replaced by `to`; false: it has none. */
static bool replaced(char out[UNIC__WEIGHT_NAME], const char *name, const char *from,
                     const char *to)
{
    const char *at = strstr(name, from);
    if (at)
        snprintf(out, UNIC__WEIGHT_NAME, "%.*s%s%s", (int)(at - name), name, to,
                 at + strlen(from));
    return at;
}

/* Queries, keys and values are one product here and three there; the norms of older files have
 * other names. */
static bool place(const unic__param *p, size_t part, unic__weight_place *out)
{
    static const char *const parts[] = {".query.", ".key.", ".value."};
    *out = (unic__weight_place){.order = UNIC__ORDER_SAME};
    if (strstr(p->name, ".qkv.")) {
        out->rows = p->shape.dim[0] / 3;
        out->first = part * out->rows;
        return part < 3 && replaced(out->name[0], p->name, ".qkv.", parts[part]);
    }
    snprintf(out->name[0], UNIC__WEIGHT_NAME, "%s", p->name);
    if (!replaced(out->name[1], p->name, "LayerNorm.weight", "LayerNorm.gamma"))
        replaced(out->name[1], p->name, "LayerNorm.bias", "LayerNorm.beta");
    return part == 0;
}

const unic__pretrained unic__bert_pretrained = {
    build, place, "BERT: embeddings.* and encoder.layer.<i>.* as Hugging Face names them"};
