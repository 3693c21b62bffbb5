/* What planning adds to a call: its place in the order of execution, and the gradients whose
 * lifetime begins there. */
#ifndef UNIC_GRAPH_PLAN_H
#define UNIC_GRAPH_PLAN_H

#include "graph/graph.h"

typedef struct unic__step {
    unic__call *call;
    unic__node *out;
    unic__node **in; /* [call->input_count]                                                 */
    unsigned phase;
    bool backward;      /* its backward runs: out gets a gradient                       */
    unic__node **clear; /* gradients to clear before its backward, which adds to them  */
    size_t clear_count;
    void *attr;                      /* the call's own settings, to be written             */
    size_t saved_room, scratch_room; /* floats of the largest shape it was given           */
} unic__step;

#endif
