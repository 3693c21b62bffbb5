/* Shared by the tests of the graph: running a graph whole, and finite differences of one. */
#ifndef TESTS_GRAPH_GRAPH_HELP_H
#define TESTS_GRAPH_GRAPH_HELP_H

#include "graph/nodes.h"

#define GRAPH_UNIFORM ((unic__init){UNIC__INIT_UNIFORM, 1.0})

/* Numbers from -1 to 1, a function of `seed`. */
void graph_draw(float *x, size_t count, uint64_t seed);

/* Seals the table of a built graph, draws its values and plans. */
void graph_ready(unic__graph *g, uint64_t seed);

/* All phases forward; the sum of weight x loss. */
double graph_forward(unic__graph *g);
/* Clears the table's gradients; all phases backward. */
void graph_backward(unic__graph *g);

/*
 * Runs the graph forward and backward, and compares the table's gradients with differences of
 * the total, of up to 24 elements of each parameter:
 *   f' = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h + O(h^4)
 * f is computed in float32: its rounding, about 1e-7 |f|, divided by h = 0.02 leaves some 1e-5
 * of |f| in f'. So the bound is 1e-3 of the parameter's largest difference plus 2e-5 (1 + |f|).
 * Where two steps h disagree by more, or the second difference does not grow with h, there is a
 * kink (of relu) nearby, and the element is left out; three of four elements must remain.
 */
void graph_check_differences(unic__graph *g);

#endif
