#include "loss/objective.h"

/*
 * A jigsaw of modalities: MICU's CUJP (the authors' released code, folder "ICCV25-OSCMG",
 * `pretrain_micu.py`).
 *   zhat is cut into S parts of D / S channels; of each part one modality is drawn for the whole
 *   batch, and the parts are put together in P orders pi_1 .. pi_P:
 *   v_p = [part_{pi_p(1)} ; .. ; part_{pi_p(S)}],   L = mean over p and steps of
 *   -log softmax( W2 relu(W1 v_p + b1) + b2 )_p
 * What orders there are is drawn once, from train.seed; with jigsaw.orders = S! they are all. A
 * step counts where the drawn modalities have it. The gradient reaches z straight through the
 * quantiser.
 * Approximate: the released code neither clips nor saves the parameters of this net. Here it is a
 * group of parameters as any other, in the run's file but not in the model's.
 */

enum { MOST_PARTS = UNIC__MOST_JIGSAW_PARTS };

static size_t factorial(size_t n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

/* The order of this number, when all are sorted by their first part, then the second .. */
static void order_numbered(size_t parts, size_t number, size_t order[MOST_PARTS])
{
    size_t left[MOST_PARTS];
    for (size_t i = 0; i < parts; i++)
        left[i] = i;
    for (size_t i = 0; i < parts; i++) {
        const size_t each = factorial(parts - 1 - i), at = number / each;
        number %= each;
        order[i] = left[at];
        for (size_t k = at; k + 1 < parts - i; k++)
            left[k] = left[k + 1];
    }
}

void unic__jigsaw_orders(const unic_config *c, size_t *numbers)
{
    const size_t all = factorial(c->jigsaw_parts), n = c->jigsaw_orders;
    const unic__key key = unic__random_key(c->seed, 0, unic__random_hash("jigsaw orders"));
    size_t taken = 0;
    for (size_t number = 0; number < all; number++) /* each with equal chance, and n in all */
        if (unic__random_below(key, number, all - number) < n - taken)
            numbers[taken++] = number;
}

/* Part s [BT,D/S] of the modality that its weights [M] choose. */
static unic__node *chosen_part(unic__graph *g, const unic__objective *o,
                               const unic__jigsaw_inputs *in, size_t s)
{
    const size_t steps = o->batch * o->length, dim = o->config->code_dim;
    const size_t width = dim / o->config->jigsaw_parts;
    unic__node *part = NULL;
    for (size_t m = 0; m < o->n; m++) {
        unic__node *rows = unic__reshape(g, o->stream[m].quantized, UNIC__SHAPE_OF(steps, dim));
        rows = unic__mul(g, unic__slice(g, rows, 1, s * width, width), in->chosen[s][m]);
        part = part ? unic__add(g, part, rows) : rows;
    }
    return part;
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    unic__jigsaw_inputs *in = inputs;
    const size_t steps = o->batch * o->length;
    for (size_t s = 0; s < o->config->jigsaw_parts; s++)
        for (size_t m = 0; m < o->n; m++)
            in->chosen[s][m] = unic__input(g, UNIC__SHAPE_OF(1, 1), UNIC__F32);
    in->counts = unic__input(g, UNIC__SHAPE_OF(o->batch, o->length), UNIC__F32);
    in->target = unic__input(g, UNIC__SHAPE_OF(o->config->jigsaw_orders * steps), UNIC__I32);
}

void unic__jigsaw_choose(const unic__objective *o, unic__jigsaw_inputs *in,
                         const size_t *modality)
{
    const size_t steps = o->batch * o->length, parts = o->config->jigsaw_parts;
    for (size_t s = 0; s < parts; s++)
        for (size_t m = 0; m < o->n; m++)
            in->chosen[s][m]->t.x[0] = modality[s] == m ? 1.0F : 0.0F;
    for (size_t i = 0; i < steps; i++) {
        bool there = true;
        for (size_t s = 0; s < parts; s++)
            there = there && o->stream[modality[s]].mask->t.x[i] > 0.0F;
        in->counts->t.x[i] = there ? 1.0F : 0.0F;
        for (size_t p = 0; p < o->config->jigsaw_orders; p++)
            in->target->t.ix[p * steps + i] = there ? (int32_t)p : -1;
    }
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    size_t modality[MOST_PARTS];
    const unic__key key = {unic__random_bits(draw->key, unic__random_hash("jigsaw"))};
    for (size_t s = 0; s < o->config->jigsaw_parts; s++)
        modality[s] = unic__random_below(key, s, o->n);
    unic__jigsaw_choose(o, inputs, modality);
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    const unic_config *c = o->config;
    const unic__jigsaw_inputs *in = inputs;
    size_t numbers[UNIC__MOST_JIGSAW_ORDERS] = {0};
    unic__node *part[MOST_PARTS], *puzzle[UNIC__MOST_JIGSAW_ORDERS];
    (void)m;
    for (size_t s = 0; s < c->jigsaw_parts; s++)
        part[s] = chosen_part(g, o, in, s);
    unic__jigsaw_orders(c, numbers);
    for (size_t p = 0; p < c->jigsaw_orders; p++) {
        size_t order[MOST_PARTS];
        unic__node *in_order[MOST_PARTS];
        order_numbered(c->jigsaw_parts, numbers[p], order);
        for (size_t s = 0; s < c->jigsaw_parts; s++)
            in_order[s] = part[order[s]];
        puzzle[p] = unic__concat(g, c->jigsaw_parts, in_order, 1);
    }
    unic__node *rows = unic__concat(g, c->jigsaw_orders, puzzle, 0); /* [P BT,D] */
    unic__node *hidden = unic__relu(g, unic__dense(g, rows, c->jigsaw_width, "jigsaw.0"));
    unic__node *logits = unic__dense(g, hidden, c->jigsaw_orders, "jigsaw.1");
    unic__node *mean = unic__cross_entropy(g, logits, in->target, NULL);
    return unic__of_all(g, mean, in->counts, NULL);
}

const unic__term_kind unic__term_jigsaw = {
    .name = "jigsaw",
    .weight = offsetof(unic_config, jigsaw_weight),
    .group = "jigsaw",
    .inputs_bytes = sizeof(unic__jigsaw_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
};
