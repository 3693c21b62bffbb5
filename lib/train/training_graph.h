/*
 * The whole of a training step as graphs, for one (B, T): three phases of the main graph, and
 * the small graph of CLUB's own fit between the second and the third.
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
enum { UNIC__MAX_TERMS = 4 * UNIC__MAX_MODALITIES + 2, UNIC__TERM_SIZE = UNIC__NAME_SIZE + 24 };

/* One term of the objective: weight x node. */
typedef struct unic__term {
    char name[UNIC__TERM_SIZE];
    const unic__node *node;
    double weight;
} unic__term;

typedef struct unic__training_graph {
    const unic_config *config;
    size_t n; /* modalities */
    size_t batch, length;
    unic__graph main, club;
    unic__stream stream[UNIC__MAX_MODALITIES];
    unic__node
        *permutation[UNIC__MAX_MODALITIES]; /* i32 [B] inputs, club.form = permutation     */
    const unic__node *club_fit[UNIC__MAX_MODALITIES];
    unic__cpc_inputs cpc;
    unic__match_inputs match;
    unic__term term[UNIC__MAX_TERMS];
    size_t n_terms;
} unic__training_graph;

/* Declares into the tables (unsealed), seals and initialises them, plans both graphs. `club`
 * gets the parameters of CLUB's nets, which have an optimiser of their own. On failure the
 * graph is to be freed all the same. */
unic_status unic__training_graph_create(unic__training_graph *tg, const unic_config *config,
                                        unic_codebook *codebook, unic__params *params,
                                        unic__params *club);
/* One more term of the objective, "name.modality" or, if that is NULL, "name". One too many, or a
 * name of UNIC__TERM_SIZE bytes or more, is an error of the main graph. */
void unic__add_term(unic__training_graph *tg, const char *name, const char *modality,
                    unic__node *node, double weight);
void unic__training_graph_free(unic__training_graph *tg);

#endif
