/*
 * Random graphs: calls of all sorts on nodes drawn from those made before, in phases drawn too,
 * on inputs, external leaves and shared parameters, with views, kept nodes and several losses.
 * Equal seeds build equal graphs.
 */
#ifndef TESTS_GRAPH_RANDOM_GRAPH_H
#define TESTS_GRAPH_RANDOM_GRAPH_H

#include "graph/nodes.h"

enum { RANDOM_NODES = 256, RANDOM_EXTERNALS = 3 };

typedef struct random_graph {
    uint64_t seed, draws;
    bool exact; /* nothing is stopped, straight through or frozen */
    unic__graph g;
    unic__param_table params;
    unic__node *at[RANDOM_NODES]; /* f32 nodes, in the order of making */
    unsigned phase[RANDOM_NODES]; /* the first that may use it         */
    size_t n;
    unic__node *input[2], *index, *lengths, *targets;
    float x[RANDOM_EXTERNALS][64], dx[RANDOM_EXTERNALS][64]; /* the last one has no gradient */
    double losses;
} random_graph;

typedef enum random_kind { RANDOM_PLAIN, RANDOM_KEPT, RANDOM_EXACT } random_kind;

/* Builds and plans a graph of about so many calls. Kept: all its nodes are. Exact: only of
 * calls whose gradient is the derivative. */
void random_graph_open(random_graph *r, uint64_t seed, size_t calls, random_kind kind);
void random_graph_close(random_graph *r);

void random_graph_fill(random_graph *r); /* the inputs */

/* Fills inputs, clears gradients, and runs all phases forward and backward. */
void random_graph_run(random_graph *r);

#endif
