#include "train/training_graph.h"

#include "loss/teacher.h"

/* The mean of a clip's z at each of its steps: [B,T,D] */
static unic__node *clip_at_each_step(const unic__training_graph *tg, unic__graph *g,
                                     const unic__stream *s)
{
    unic__node *h = unic__clip_mean(g, s->z, s->mask); /* [B,D] */
    h = unic__reshape(g, h, UNIC__SHAPE_OF(tg->batch, 1, tg->config->code_dim));
    return unic__repeat(g, h, 1, tg->length);
}

/* What is known of the clips of all ranks. */
static void add_whole(unic__training_graph *tg, unic__graph *g, size_t m)
{
    const size_t rows = unic__all_batch(&tg->objective);
    int32_t **lengths = &tg->objective.lengths[m];
    tg->stream[m].all_mask = unic__input(g, UNIC__SHAPE_OF(rows, tg->length), UNIC__F32);
    *lengths = unic__arena_alloc(&g->arena, rows * sizeof **lengths);
    if (!*lengths)
        unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (the lengths of %zu clips)", rows);
}

/* x -> front -> z = Phi, zbar = Psi (P1) */
static void build_encoders(unic__training_graph *tg, unic__graph *g, size_t m)
{
    const unic_config *c = tg->config;
    unic__stream *s = &tg->stream[m];
    s->m = &c->modality[m];
    s->x = unic__input(g, unic__feature_shape(s->m, tg->batch, tg->length), UNIC__F32);
    s->mask = unic__input(g, UNIC__SHAPE_OF(tg->batch, tg->length), UNIC__F32);
    s->lengths = unic__input(g, UNIC__SHAPE_OF(tg->batch), UNIC__I32);
    if (g->ranks)
        add_whole(tg, g, m);
    g->group = "front";
    s->front = unic__front(g, c, s->m, s->x, s->lengths);
    g->group = "encoder";
    s->z = unic__keep(unic__semantic_encoder(g, c, s->m, s->front, s->mask));
    s->coded = c->code_pool == UNIC__POOL_STEPS ? s->z : clip_at_each_step(tg, g, s);
    s->zbar = unic__specific_encoder(g, s->m, s->front);
    if (c->club_weight > 0.0 || c->level2_weight > 0.0)
        s->y = unic__keep(unic__specific_vector(g, s->m, s->zbar));
}

/* What all modalities have at a step, side by side and 0 where one has nothing: [B,T,n D] */
static unic__node *side_by_side(const unic__training_graph *tg, unic__graph *g)
{
    unic__node *all[UNIC_MAX_MODALITIES];
    for (size_t m = 0; m < tg->n; m++) {
        unic__node *there = unic__reshape(g, tg->stream[m].mask,
                                          UNIC__SHAPE_OF(tg->batch, tg->length, 1));
        all[m] = unic__mul(g, tg->stream[m].coded, there);
    }
    return unic__concat(g, tg->n, all, 2);
}

/*
 * d, l = argmin d, zhat = z + sg[e_l - z] (P2), z as code.pool says. With segments (CoDAAR) d and e
 * are of the modality's own, zhat is the whole row of all segments, and its gradient reaches every
 * modality's encoder: zhat = [z^1 .. z^n] + sg[e_l - [z^1 .. z^n]].
 */
static void build_assignment(unic__training_graph *tg, unic__graph *g, const unic_codebook *cb,
                             unic__node *rows, unic__node *all, size_t m)
{
    unic__stream *s = &tg->stream[m];
    unic__node *own = rows;
    if (all)
        own = unic__external(g, UNIC__SHAPE_OF(cb->codes, tg->config->code_dim),
                             cb->segment ? cb->segment[m].embedding : NULL, NULL);
    s->distance = unic__sq_distance(g, s->coded, own);
    s->codes = unic__keep(unic__argmin(g, s->distance, 2));
    s->e = unic__gather(g, own, s->codes);
    s->quantized = all ? unic__straight_through(g, all, unic__gather(g, rows, s->codes))
                       : unic__straight_through(g, s->coded, s->e);
    if (tg->config->club_input == UNIC__CLUB_QUANTIZED && tg->config->club_weight > 0.0)
        unic__keep(s->quantized);
}

static void build_main(unic__training_graph *tg, unic_codebook *cb, unic__param_table *club)
{
    unic__graph *g = &tg->main;
    unic__node *embedding = unic__external(g, UNIC__SHAPE_OF(cb->codes, cb->dim), cb->embedding,
                                           NULL);
    g->phase = UNIC__ENCODE;
    for (size_t m = 0; m < tg->n; m++)
        build_encoders(tg, g, m);
    if (tg->config->level2_weight > 0.0)
        unic__level2_encoders(tg, g);
    g->phase = UNIC__ASSIGN;
    unic__node *all = tg->config->code_segments ? side_by_side(tg, g) : NULL;
    for (size_t m = 0; m < tg->n; m++)
        build_assignment(tg, g, cb, embedding, all, m);
    for (size_t m = 0; m < tg->n; m++)
        tg->stream[m].target = unic__keep(
            unic__ema_target(g, tg->config, tg->n, tg->stream, m));
    if (tg->config->level2_weight > 0.0)
        unic__level2_assignment(tg, g, cb->level2);
    g->phase = UNIC__SCORE;
    unic__objective_inputs(&tg->objective, g);
    unic__objective_build(&tg->objective, g, club);
    if (tg->config->level2_weight > 0.0)
        unic__level2_terms(tg, g, club);
}

/* Minimises -log q over the club nets alone, on the main graph's z and zbar as they stand. */
static unic_status build_club(unic__training_graph *tg)
{
    for (size_t m = 0; m < tg->clubs; m++) {
        const unic_config *c = m < tg->n ? tg->config : &tg->level2.config;
        const unic__stream *s = m < tg->n ? &tg->stream[m] : &tg->level2.stream[m - tg->n];
        const unic__node *from = c->club_input == UNIC__CLUB_SEMANTIC ? s->z : s->quantized;
        unic__graph *g = &tg->club[m];
        unic__node *x = unic__external(g, from->t.shape, from->t.x, NULL);
        unic__node *y = unic__external(g, s->y->t.shape, s->y->t.x, NULL);
        unic__node *mask = unic__external(g, s->mask->t.shape, s->mask->t.x, NULL);
        unic__node *all = NULL;
        if (s->all_mask)
            all = unic__external(g, s->all_mask->t.shape, s->all_mask->t.x, NULL);
        tg->club_fit[m] = unic__loss(unic__club_fit(g, c, s->m, x, y, mask, all), 1.0);
        UNIC__TRY(unic__graph_plan(g));
    }
    return UNIC_OK;
}

static void start(unic__training_graph *tg, const unic_config *config, unic__ranks *ranks,
                  unic__param_table *params, unic__param_table *club)
{
    const size_t parts = ranks ? ranks->size : 1;
    *tg = (unic__training_graph){.config = config, .n = config->modality_count};
    tg->batch = (config->batch + parts - 1) / parts;
    tg->length = config->length;
    tg->objective = (unic__objective){.config = config,
                                      .n = tg->n,
                                      .batch = tg->batch,
                                      .length = tg->length,
                                      .stream = tg->stream,
                                      .teacher = &tg->teacher,
                                      .queue = tg->queue,
                                      .ranks = ranks};
    unic__graph_init(&tg->main, params, false);
    unic__use_kernels(&tg->main, config);
    tg->main.ranks = ranks;
    tg->clubs = (config->level2_weight > 0.0 ? 2 : 1) * tg->n;
    for (size_t m = 0; m < tg->clubs; m++) {
        unic__graph_init(&tg->club[m], club, false);
        tg->club[m].ranks = ranks;
        unic__use_kernels(&tg->club[m], config);
    }
}

/* The main graph of one rank, without memory; to be freed also after a failure. */
static unic_status build_alone(unic__training_graph *tg, const unic_config *config,
                               unic__param_table *params, unic__param_table *club)
{
    unic_codebook sizes = {.codes = config->code_count, .dim = unic__config_row_width(config)};
    start(tg, config, NULL, params, club);
    build_main(tg, &sizes, club);
    return tg->main.status == UNIC_OK ? UNIC_OK : unic__graph_plan(&tg->main); /* reports it */
}

unic_status unic__training_graph_declare(const unic_config *config, unic__param_table *params,
                                         unic__param_table *club)
{
    unic__training_graph tg;
    unic_status status = build_alone(&tg, config, params, club);
    unic__training_graph_free(&tg);
    return status;
}

/* Before the graph, which reads them where they lie. */
static unic_status create_queues(unic__training_graph *tg, const unic_config *c)
{
    for (size_t m = 0; m < tg->n && c->codis_weight > 0.0; m++)
        UNIC__TRY(unic__memory_queue_create(
            &tg->queue[m], c->codis_queue, c->code_dim,
            unic__random_key(c->seed, m, unic__random_hash("queue"))));
    return UNIC_OK;
}

/* A call's number is its stream of random numbers, and terms of several ranks have more calls. */
static unic_status draw_as_one(unic__training_graph *tg, unic__param_table *params,
                               unic__param_table *club)
{
    unic__training_graph alone;
    unic_status status = build_alone(&alone, tg->config, params, club);
    if (status == UNIC_OK)
        unic__graph_draw_as(&tg->main, &alone.main);
    unic__training_graph_free(&alone);
    return status;
}

unic_status unic__training_graph_create(unic__training_graph *tg, const unic_config *config,
                                        unic_codebook *codebook, unic__param_table *params,
                                        unic__param_table *club)
{
    start(tg, config, codebook->ranks, params, club);
    UNIC__TRY(create_queues(tg, config));
    build_main(tg, codebook, club);
    if (tg->main.status != UNIC_OK)
        return unic__graph_plan(&tg->main); /* reports it */
    if (codebook->ranks)
        UNIC__TRY(draw_as_one(tg, params, club));
    UNIC__TRY(unic__param_table_seal(params, true));
    UNIC__TRY(unic__param_table_seal(club, true));
    unic__param_table_init(params, config->seed);
    unic__param_table_init(club, config->seed);
    UNIC__TRY(unic__param_table_seal(&tg->teacher, false));
    unic__teacher_copy(&tg->teacher, params);
    UNIC__TRY(unic__graph_plan(&tg->main));
    return config->club_weight == 0.0 ? UNIC_OK : build_club(tg);
}

void unic__training_graph_free(unic__training_graph *tg)
{
    unic__graph_free(&tg->main);
    for (size_t m = 0; m < tg->clubs; m++)
        unic__graph_free(&tg->club[m]);
    unic__param_table_free(&tg->teacher);
    for (size_t m = 0; m < tg->n; m++)
        unic__memory_queue_free(&tg->queue[m]);
}
