#include "extract/vgg.h"

#include <stdio.h>
#include <string.h>

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
    v->height = form->height;
    v->width = form->width;
    n->plan.vgg = v;
    for (size_t b = 0; b < form->blocks; b++, layer++)
        for (size_t i = 0; i < form->convs[b]; i++, layer += 2) {
            snprintf(name, sizeof name, "features.%zu.weight", layer);
            v->channels[conv++] = unic__vgg_rows(f, name, 4, form->channels[b]);
        }
    return UNIC_OK;
}

/* Blocks [from,to) of images [..,H,W,C] -> [..,H / 2^(to-from),..]. */
static unic__node *run_blocks(unic__graph *g, const unic__vgg *v, unic__node *x, size_t from,
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
            const unic__shape shape = UNIC__SHAPE_OF(3, 3, in, out);
            const size_t tile = form->keeps ? unic__conv2d_tile(g, x, shape, 1, 1) : 0;
            unic__node *w = unic__kept_node(g, shape, zeros, tile, "features.%zu.weight",
                                            layer);
            unic__node *c = unic__param_node(g, UNIC__SHAPE_OF(out), zeros, "features.%zu.bias",
                                             layer);
            x = unic__conv2d_relu(g, x, w, c, 1, 1);
        }
        if (b >= from)
            x = unic__max_pool2d(g, x, 2, 2);
    }
    return x;
}

/* The graph of a stage for so many inputs, for the first time or again. */
static void describe(const unic__vgg *v, unic__vgg_stage *s, size_t batch)
{
    const unic__vgg_form *form = v->form;
    unic__graph *g = s->graph;
    size_t h = v->height, w = v->width, planes = form->planes, last = 0;
    s->batch = batch;
    if (s == &v->stage[0]) {
        s->x = unic__input(g, UNIC__SHAPE_OF(batch, h, w, planes), UNIC__F32);
        s->y = unic__keep(run_blocks(g, v, s->x, 0, form->front));
        return;
    }
    for (size_t b = 0; b < form->front; b++)
        last += form->convs[b];
    h >>= form->front;
    w >>= form->front;
    s->x = unic__input(g, UNIC__SHAPE_OF(batch, h, w, v->channels[last - 1]), UNIC__F32);
    unic__node *y = run_blocks(g, v, s->x, form->front, form->blocks);
    s->y = unic__keep(v->tail ? v->tail(g, v, y, batch) : y);
}

static void resize(const unic__vgg *v, unic__vgg_stage *s, size_t batch)
{
    if (s->batch == batch)
        return;
    unic__graph_again(s->graph);
    describe(v, s, batch);
    unic__graph_fits(s->graph); /* which it does: memory is there for every number */
}

void unic__vgg_build(unic__network *n)
{
    unic__vgg *v = n->plan.vgg;
    for (; n->graph_count < 2; n->graph_count++) {
        unic__vgg_stage *s = &v->stage[n->graph_count];
        s->graph = &n->graph[n->graph_count];
        unic__graph_init(s->graph, &n->params, true);
        s->graph->many_shapes = true;
        describe(v, s, 1);
        for (size_t batch = 2; batch <= (n->graph_count ? v->form->many : v->form->few);
             batch++)
            resize(v, s, batch);
    }
}

static unic_status run_stage(const unic__vgg_stage *s)
{
    s->graph->run = (unic__run){.training = false};
    unic__graph_forward(s->graph, 0);
    return unic__graph_status(s->graph);
}

unic_status unic__vgg_run(const unic_extractor *e, const unic__extract_input *in, size_t first,
                          size_t n, unic__vgg_fill *fill, const float **y)
{
    unic__vgg *v = e->network->plan.vgg;
    unic__vgg_stage *front = &v->stage[0], *back = &v->stage[1];
    const size_t parts = (n + v->form->few - 1) / v->form->few, each = (n + parts - 1) / parts;
    resize(v, back, n);
    const size_t input = unic__shape_count(&front->x->t.shape) / front->batch;
    const size_t middle = unic__shape_count(&back->x->t.shape) / n;
    for (size_t i = 0, few; i < n; i += few) {
        few = n - i < each ? n - i : each;
        resize(v, front, few);
        for (size_t k = 0; k < few; k++)
            UNIC__TRY(fill(e, in, first + i + k, front->x->t.x + k * input));
        UNIC__TRY(run_stage(front));
        memcpy(back->x->t.x + i * middle, front->y->t.x, few * middle * sizeof(float));
    }
    *y = back->y->t.x;
    return run_stage(back);
}

bool unic__vgg_place(const unic__param *p, size_t part, unic__weight_place *place)
{
    *place = (unic__weight_place){.order = p->shape.rank == 4 ? UNIC__ORDER_OIHW
                                                              : UNIC__ORDER_SAME};
    snprintf(place->name[0], UNIC__WEIGHT_NAME, "%s", p->name);
    return part == 0;
}
