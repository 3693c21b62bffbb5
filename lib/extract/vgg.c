#include "extract/vgg.h"

#include <stdio.h>

static const unic__init zeros = {UNIC__INIT_ZEROS, 0.0}; /* values come from a file */

size_t unic__vgg_rows(const unic__weight_file *f, const char *name, size_t rank,
                      size_t otherwise)
{
    const unic__weight_tensor *t = unic__weight_file_find(f, name);
    return t && !t->wrong && t->shape.rank == rank && t->shape.dim[0] ? t->shape.dim[0]
                                                                      : otherwise;
}

unic_status unic__vgg_begin(const unic_extractor *e, unic__network *n, unic__weight_file *f,
                            const unic__vgg_form *form)
{
    static const char *const first[] = {"features.0.weight"};
    char name[UNIC__WEIGHT_NAME];
    size_t conv = 0, layer = 0;
    unic__vgg *v = unic__arena_alloc(&n->arena, sizeof *v);
    if (!v)
        return unic__no_memory(sizeof *v, "a network");
    UNIC__TRY(unic__weight_file_enter(f, first, 1));
    v->form = form;
    v->settings = &e->settings;
    n->plan.vgg = v;
    for (size_t b = 0; b < form->blocks; b++, layer++)
        for (size_t i = 0; i < form->convs[b]; i++, layer += 2) {
            snprintf(name, sizeof name, "features.%zu.weight", layer);
            v->channels[conv++] = unic__vgg_rows(f, name, 4, form->channels[b]);
        }
    return UNIC_OK;
}

unic__node *unic__vgg_blocks(unic__graph *g, const unic__vgg *v, unic__node *x, size_t from,
                             size_t to)
{
    const unic__vgg_form *form = v->form;
    size_t conv = 0, layer = 0;
    for (size_t b = 0; b < to; b++, layer++) {
        for (size_t i = 0; i < form->convs[b]; i++, layer += 2, conv++) {
            if (b < from)
                continue;
            const size_t in = conv ? v->channels[conv - 1] : form->planes;
            const size_t out = v->channels[conv];
            unic__node *w = unic__param_node(g, UNIC__SHAPE_OF(3, 3, in, out), zeros,
                                             "features.%zu.weight", layer);
            unic__node *c = unic__param_node(g, UNIC__SHAPE_OF(out), zeros, "features.%zu.bias",
                                             layer);
            x = unic__conv2d_relu(g, x, w, c, 1, 1);
        }
        if (b >= from)
            x = unic__max_pool2d(g, x, 2, 2);
    }
    return x;
}

void unic__vgg_resize(unic__vgg *v, unic__vgg_stage *s, size_t batch)
{
    if (s->batch == batch)
        return;
    unic__graph_again(s->graph);
    v->describe(v, s, batch);
    unic__graph_fits(s->graph); /* which it does: memory is there for every size */
    s->batch = batch;
}

void unic__vgg_add_stage(unic__network *n, size_t most)
{
    unic__vgg *v = n->plan.vgg;
    unic__vgg_stage *s = &v->stage[n->graph_count];
    s->graph = &n->graph[n->graph_count++];
    s->most = most;
    unic__graph_init(s->graph, &n->params, true);
    s->graph->many_shapes = true;
    v->describe(v, s, 1);
    s->batch = 1;
    for (size_t batch = 2; batch <= most; batch++)
        unic__vgg_resize(v, s, batch);
}

unic_status unic__vgg_run(const unic__vgg_stage *s)
{
    s->graph->run = (unic__run){.training = false};
    unic__graph_forward(s->graph, 0);
    return unic__graph_status(s->graph);
}

bool unic__vgg_place(const unic__param *p, size_t part, unic__weight_place *place)
{
    *place = (unic__weight_place){.order = p->shape.rank == 4 ? UNIC__ORDER_OIHW
                                                              : UNIC__ORDER_SAME};
    snprintf(place->name[0], UNIC__WEIGHT_NAME, "%s", p->name);
    return part == 0;
}
