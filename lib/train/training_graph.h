/*
 * The whole of a training step as graphs, for one (B, T): three phases of the main graph, and
 * the small graphs of CLUB's own fits, one a modality, between the second and the third.
 *
 *   ENCODE   x -> front -> z, zbar                       (the codebook may start from z here)
 *   ASSIGN   distances, codes, their vectors, EMA targets   (with the old codebook)
 *   [CLUB's fits, on detached z and zbar]
 *   SCORE    every term of the objective
 */
#ifndef UNIC_TRAIN_TRAINING_GRAPH_H
#define UNIC_TRAIN_TRAINING_GRAPH_H

#include "loss/objective.h"
#include "model/codebook.h"

enum { UNIC__ENCODE, UNIC__ASSIGN, UNIC__SCORE };

enum { UNIC__MOST_CLUBS = 2 * UNIC_MAX_MODALITIES };

/* H-DCID's second level (level2_graph.c). */
typedef struct unic__level2 {
    unic_config config; /* the run's, of the first level's specific features; no text */
    unic__stream stream[UNIC_MAX_MODALITIES];
    unic__objective objective;
    unic__node *gate; /* a scalar, 0 or 1: whether it counts yet */
} unic__level2;

typedef struct unic__training_graph {
    const unic_config *config;
    size_t n;             /* modalities */
    size_t batch, length; /* clips of this rank; steps */
    size_t clubs;         /* CLUB's graphs: n, and n more of a second level */
    unic__graph main, club[UNIC__MOST_CLUBS];
    unic__stream stream[UNIC_MAX_MODALITIES];
    const unic__node *club_fit[UNIC__MOST_CLUBS];
    unic__level2 level2; /* with level2.weight alone */
    unic__objective objective;
    unic__param_table teacher; /* of CODIS; empty without it */
    unic__memory_queue queue[UNIC_MAX_MODALITIES];
} unic__training_graph;

/* Declares into the tables (unsealed), seals and initialises them, plans all graphs. `club`
 * gets the parameters of CLUB's nets, which have an optimiser of their own. Of several ranks
 * each has its part of the batch, and the codebook's ranks are these. On failure the graph is to
 * be freed all the same. */
unic_status unic__training_graph_create(unic__training_graph *tg, const unic_config *config,
                                        unic_codebook *codebook, unic__param_table *params,
                                        unic__param_table *club);
/* Declares the same parameters and nothing else: what there would be, before memory is taken
 * for it. `config` is resolved; the tables are the caller's to free. */
unic_status unic__training_graph_declare(const unic_config *config, unic__param_table *params,
                                         unic__param_table *club);
void unic__training_graph_free(unic__training_graph *tg);

/* The parts of a second level, each behind that of the first (level2_graph.c); `cb` is its
 * codebook, or NULL where there is no memory yet. */
void unic__level2_encoders(unic__training_graph *tg, unic__graph *g);
void unic__level2_assignment(unic__training_graph *tg, unic__graph *g, unic_codebook *cb);
void unic__level2_terms(unic__training_graph *tg, unic__graph *g, unic__param_table *club);
unic_status unic__level2_fill(const unic__training_graph *tg, const unic__draw *draw);

/* P6: the vector that each step adds to its code, without gradient (ema_target.c). */
unic__node *unic__ema_target(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, size_t m);

#endif
