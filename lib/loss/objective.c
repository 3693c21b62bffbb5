#include "loss/objective.h"

#include <stdio.h>

/* P9: L = L_recon + L_commit + L_MI + L_cpc + L_cmcm, each with its weight. */
#define ADDRESS_OF(name) &unic__term_##name,
static const unic__term_kind *const kinds[UNIC__TERM_KINDS] = {UNIC__TERM_LIST(ADDRESS_OF)};

void unic__objective_inputs(unic__objective *o, unic__graph *g)
{
    for (size_t i = 0; i < UNIC__TERM_KINDS; i++) {
        const unic__term_kind *kind = kinds[i];
        if (kind->inputs_bytes == 0)
            continue;
        o->inputs[i] = unic__arena_alloc(&g->arena, kind->inputs_bytes);
        if (o->inputs[i])
            kind->inputs(o, g, o->inputs[i]);
        else
            unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a term's inputs)");
    }
}

void *unic__objective_inputs_of(const unic__objective *o, const unic__term_kind *kind)
{
    for (size_t i = 0; i < UNIC__TERM_KINDS; i++)
        if (kinds[i] == kind)
            return o->inputs[i];
    return NULL;
}

void unic__objective_add(unic__objective *o, unic__graph *g, const char *name,
                         const char *modality, unic__node *node, double weight)
{
    if (o->term_count == UNIC__MAX_TERMS) {
        unic__graph_fail(g, UNIC_E_STATE, "%s: the objective has %d terms, the most", name,
                         UNIC__MAX_TERMS);
        return;
    }
    unic__term *t = &o->term[o->term_count];
    int bytes = snprintf(t->name, sizeof t->name, "%s%s%s", name, modality ? "." : "",
                         modality ? modality : "");
    if (bytes < 0 || (size_t)bytes >= sizeof t->name) {
        unic__graph_fail(g, UNIC_E_STATE,
                         "a term's name has %d bytes, fewer than %d expected: %s", bytes,
                         UNIC__TERM_SIZE, t->name);
        return;
    }
    t->given = t->weight = o->gate ? o->scale * weight : weight;
    t->node = unic__loss(o->gate ? unic__mul(g, node, o->gate) : node, t->weight);
    o->term_count++;
}

void unic__objective_append(unic__objective *o, unic__graph *g, const unic__term *term)
{
    if (o->term_count == UNIC__MAX_TERMS)
        unic__graph_fail(g, UNIC_E_STATE, "%s: the objective has %d terms, the most",
                         term->name, UNIC__MAX_TERMS);
    else
        o->term[o->term_count++] = *term;
}

static double weight_of(const unic__term_kind *kind, const unic_config *config)
{
    return *(const double *)(const void *)((const char *)config + kind->weight);
}

static void build_kind(unic__objective *o, const unic__term_kind *kind, unic__graph *g,
                       void *inputs)
{
    double weight = weight_of(kind, o->config);
    if (weight <= 0.0)
        return;
    if (!kind->each)
        unic__objective_add(o, g, kind->name, NULL, kind->build(o, g, inputs, 0), weight);
    for (size_t m = 0; kind->each && m < o->n; m++)
        unic__objective_add(o, g, kind->name, o->stream[m].m->name,
                            kind->build(o, g, inputs, m), weight);
}

void unic__objective_build(unic__objective *o, unic__graph *g, unic__param_table *fitted)
{
    unic__param_table *params = g->params;
    for (size_t i = 0; i < UNIC__TERM_KINDS && g->status == UNIC_OK; i++) {
        const unic__term_kind *kind = kinds[i];
        if (kind->group)
            g->group = kind->group;
        if (kind->fitted) {
            /* This gradient does not train q; the CMG code computes it all the same, for the
             * norms it logs. */
            g->params = fitted;
            g->frozen = o->config->behaviour == UNIC__PAPER;
        }
        build_kind(o, kind, g, o->inputs[i]);
        g->params = params;
        g->frozen = false;
    }
}

unic_status unic__objective_fill(const unic__objective *o, const unic__draw *draw)
{
    for (size_t i = 0; i < UNIC__TERM_KINDS; i++)
        if (kinds[i]->fill)
            UNIC__TRY(kinds[i]->fill(o, o->inputs[i], draw));
    return UNIC_OK;
}

void unic__objective_settle(const unic__objective *o, unic__param_table *params)
{
    for (size_t i = 0; i < UNIC__TERM_KINDS; i++)
        if (kinds[i]->settle)
            kinds[i]->settle(o, params);
}
