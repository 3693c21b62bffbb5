#include "model/kinds.h"

/* A bidirectional LSTM in front (A.2): [B,T,C] -> [B,T,2H]. */
static unic__node *front(unic__graph *g, const unic_config *c, const unic__modality *m,
                         unic__node *x, unic__node *lengths)
{
    return unic__bilstm_stack(g, x, lengths, m->recurrent, m->recurrent_layers,
                              c->encoder_context, unic__graph_name(g, "%s.front", m->name));
}

const unic__kind_parts unic__token_parts = {.front = front};
