#include <string.h>

#include "train/training_graph.h"

/*
 * The second level of H-DCID (model/level2.c) in the training graph: an objective of its own on the
 * first level's specific features x2, which are no constants,
 *   z2 = Phi2(x2),  zbar2 = relu(W x2),  a codebook of its own,  x2' = W' [V zhat2 ; zbar2]
 *   L = L_1 + gate level2.weight L_2,   L_2 = reconstruction of x2 + commitment + CLUB + Cross-CPC
 * each with the first level's own weight. gate is 0 in the first part of the run (level2.start), the
 * warm start: what the second level has of parameters then has no gradient, while its codes move.
 */

static void set_config(unic__training_graph *tg)
{
    const unic_config *c = tg->config;
    unic_config *second = &tg->level2.config;
    *second = *c;
    for (size_t m = 0; m < tg->n; m++)
        unic__level2_modality(&c->modality[m], &second->modality[m]);
    second->code_count = c->level2_count;
    second->recon_target = UNIC__TARGET_ATTACHED;
    second->match_weight = second->margin_weight = second->contrast_weight = 0.0;
    second->restore_weight = second->masked_weight = second->jigsaw_weight = 0.0;
}

void unic__level2_encoders(unic__training_graph *tg, unic__graph *g)
{
    unic__level2 *l = &tg->level2;
    set_config(tg);
    l->objective = tg->objective;
    l->objective.config = &l->config;
    l->objective.stream = l->stream;
    l->objective.gate = l->gate = unic__input(g, UNIC__SCALAR, UNIC__F32);
    l->objective.scale = tg->config->level2_weight;
    g->group = "level2";
    for (size_t m = 0; m < tg->n; m++) {
        const unic__stream *first = &tg->stream[m];
        unic__stream *s = &l->stream[m];
        *s = (unic__stream){.m = &l->config.modality[m],
                            .x = first->y,
                            .mask = first->mask,
                            .all_mask = first->all_mask,
                            .lengths = first->lengths,
                            .front = first->y};
        s->z = s->coded = unic__keep(
            unic__semantic_encoder(g, &l->config, s->m, s->front, s->mask));
        s->zbar = unic__specific_encoder(g, s->m, s->front);
        s->y = unic__keep(s->zbar);
    }
}

void unic__level2_assignment(unic__training_graph *tg, unic__graph *g, unic_codebook *cb)
{
    unic__level2 *l = &tg->level2;
    const unic_config *c = &l->config;
    unic__node *rows = unic__external(g, UNIC__SHAPE_OF(c->code_count, c->code_dim),
                                      cb ? cb->embedding : NULL, NULL);
    for (size_t m = 0; m < tg->n; m++) {
        unic__stream *s = &l->stream[m];
        s->distance = unic__sq_distance(g, s->z, rows);
        s->codes = unic__keep(unic__argmin(g, s->distance, 2));
        s->e = unic__gather(g, rows, s->codes);
        s->quantized = unic__straight_through(g, s->z, s->e);
        if (c->club_input == UNIC__CLUB_QUANTIZED && c->club_weight > 0.0)
            unic__keep(s->quantized);
    }
    for (size_t m = 0; m < tg->n; m++)
        l->stream[m].target = unic__keep(unic__ema_target(g, c, tg->n, l->stream, m));
}

/* They stand behind the first level's in reports: "club.audio.level2", "cpc.level2". */
void unic__level2_terms(unic__training_graph *tg, unic__graph *g, unic__param_table *club)
{
    unic__objective *o = &tg->level2.objective;
    o->term_count = 0;
    unic__objective_inputs(o, g);
    unic__objective_build(o, g, club);
    for (size_t i = 0; i < o->term_count; i++) {
        if (!strchr(o->term[i].name,
                    '.')) /* one for all modalities, whose names say the level */
            strcat(o->term[i].name, ".level2");
        unic__objective_append(&tg->objective, g, &o->term[i]);
    }
}

unic_status unic__level2_fill(const unic__training_graph *tg, const unic__draw *draw)
{
    unic__draw own = *draw; /* with random numbers of its own */
    own.key = unic__random_key(draw->key.bits, 0, unic__random_hash("level2"));
    return unic__objective_fill(&tg->level2.objective, &own);
}
