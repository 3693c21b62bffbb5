#include "model/layers.h"
#include "task/segment.h"

/*
 * The network (docs/segmentation.md): shapes are of one clip's frames, B F of them.
 *
 *   frames [H,W,c]
 *      | backbone: per level two 3x3 convolutions, batch norms, relus
 *   maps [h_l,w_l,c_l], h_l = H / 2^(l+2)     (or the caller's)
 *      | widen: the sum of four dilated convolutions
 *   x^l [h_l,w_l,C]    <- query [F,D]
 *      | attend: TPAVI
 *   z^l [h_l,w_l,C]
 *      | fuse: from the coarsest to the finest, doubling on the way
 *   [H/2,W/2,C]
 *      | output: convolution, doubling, convolution, 1x1
 *   logits [H,W,1]
 */

static const unic__init zeros = {UNIC__INIT_ZEROS, 0.0};
static const unic__init ones = {UNIC__INIT_ONES, 0.0};

typedef struct build {
    unic__segment_graph *h;
    unic__graph *g;
    unic__segment_net *net;
    const unic_segmenter_options *o;
    bool training;
} build;

__attribute__((format(printf, 2, 3))) static const char *name(const build *b,
                                                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = unic__arena_vprintf(&b->g->arena, format, args);
    va_end(args);
    if (!text)
        unic__graph_fail(b->g, UNIC_E_NOMEM, "out of memory (a parameter's name)");
    return text ? text : "";
}

/* ---- batch norm ---- */

/* In training by the moments of x, which move the running ones after the step; otherwise by
 * those. */
static unic__node *norm(const build *b, unic__node *x, unic__init gain, const char *prefix)
{
    unic__graph *g = b->g;
    size_t c = unic__shape_last(&x->t.shape);
    unic__node *gamma = unic__param_node(g, UNIC__SHAPE_OF(c), gain, "%s.weight", prefix);
    unic__node *beta = unic__param_node(g, UNIC__SHAPE_OF(c), zeros, "%s.bias", prefix);
    g->params = &b->net->state;
    g->frozen = true;
    unic__node *running = unic__param_node(g, UNIC__SHAPE_OF(2, c), zeros, "%s.running",
                                           prefix);
    g->frozen = false;
    g->params = &b->net->params;
    unic__node *moments = running;
    if (b->training && g->status == UNIC_OK) {
        size_t i = b->h->norm_count++;
        moments = unic__keep(unic__channel_moments(g, x));
        b->h->norm[i].moments = moments;
        b->h->norm[i].running = running->param;
        b->h->norm[i].rows = unic__shape_rows(&x->t.shape);
    }
    return unic__batch_norm(g, x, gamma, beta, moments);
}

void unic__segment_start_state(unic__segment_net *net)
{
    for (size_t i = 0; i < net->state.n; i++) {
        const unic__param *p = net->state.at[i];
        for (size_t j = 0; j < p->count; j++)
            net->state.values[p->offset + j] = j < p->count / 2 ? 0.0F : 1.0F;
    }
}

void unic__segment_move_state(const unic__segment_graph *h, unic__segment_net *net)
{
    for (size_t i = 0; i < h->norm_count; i++) {
        const unic__param *p = h->norm[i].running;
        const float *batch = h->norm[i].moments->t.x;
        float *running = net->state.values + p->offset;
        double rows = (double)h->norm[i].rows,
               unbiased = rows > 1.0 ? rows / (rows - 1.0) : 1.0;
        for (size_t j = 0; j < p->count; j++) {
            double now = (double)batch[j] * (j < p->count / 2 ? 1.0 : unbiased);
            running[j] = (float)(0.9 * (double)running[j] + 0.1 * now);
        }
    }
}

/* ---- the parts ---- */

static unic__node *conv_norm_relu(const build *b, unic__node *x, size_t out, size_t stride,
                                  const char *prefix)
{
    x = unic__strided3x3(b->g, x, out, stride, name(b, "%s.conv", prefix));
    return unic__relu(b->g, norm(b, x, ones, name(b, "%s.norm", prefix)));
}

/* Frames -> a map for each level; the first is a quarter of the frame, each next a half. */
static void backbone(const build *b, unic__node *x, unic__node **map)
{
    for (size_t l = 0; l < (size_t)b->o->level_count; l++) {
        size_t c = (size_t)b->o->level_channels[l];
        x = conv_norm_relu(b, x, c, 2, name(b, "backbone.%zu.1", l));
        x = conv_norm_relu(b, x, c, l ? 1 : 2, name(b, "backbone.%zu.2", l));
        map[l] = x;
    }
}

/* x^l: one map seen at four widths */
static unic__node *widen(const build *b, unic__node *map, size_t l)
{
    unic__node *sum = NULL;
    for (size_t i = 0; i < 4; i++) {
        unic__node *y = unic__dilated3x3(b->g, map, (size_t)b->o->channels,
                                         (size_t)b->o->dilations[i],
                                         name(b, "level.%zu.dilated.%zu", l, i));
        sum = sum ? unic__add(b->g, sum, y) : y;
    }
    return sum;
}

/*
 * z = layer_norm(x + norm(W_z y)), y_p = 1/N sum_r (theta_p . phi_r) g_r over the N = F h w
 * positions of a clip. There is no softmax, so the sum over r goes first; and phi_r depends on
 * r only by its frame, and g is linear in x, so of each frame the mean of x is enough:
 *   y_p = theta_p K,   K = 1/F sum_f phi_f g(mean_f x)^T
 * W_z has no bias: the norm takes it away again. The norm's gain starts from 0, so z from x.
 */
static unic__node *attend(const build *b, unic__node *x, size_t l)
{
    unic__graph *g = b->g;
    unic__segment_graph *h = b->h;
    if (g->status != UNIC_OK)
        return x;
    const unic__shape full = x->t.shape; /* [B F,h,w,C] */
    size_t n = full.dim[0], c = full.dim[3], area = full.dim[1] * full.dim[2];
    size_t inner = (size_t)b->o->inner;
    /* phi [B,F,I] */
    unic__node *phi = unic__dense(g, h->query, c, "level.%zu.query", l);
    phi = unic__dense(g, phi, inner, "level.%zu.phi", l);
    /* g of the frames' means [B,F,I] */
    unic__node *v = unic__mean(g, unic__reshape(g, x, UNIC__SHAPE_OF(n, area, c)), 1, false);
    v = unic__dense(g, v, inner, "level.%zu.g", l);
    v = unic__reshape(g, v, UNIC__SHAPE_OF(h->batch, h->frames, inner));
    /* K [B,I,I] */
    unic__node *k = unic__matmul(g, phi, v, true, false);
    k = unic__affine(g, k, 1.0 / (double)h->frames, 0.0);
    /* y [B,F h w,I], W_z y [B F,h w,C] */
    unic__node *theta = unic__dense(g, x, inner, "level.%zu.theta", l);
    theta = unic__reshape(g, theta, UNIC__SHAPE_OF(h->batch, h->frames * area, inner));
    unic__node *y = unic__matmul(g, theta, k, false, false);
    y = unic__reshape(g, y, UNIC__SHAPE_OF(n, area, inner));
    y = unic__dense_no_bias(g, y, c, "level.%zu.z", l);
    y = unic__reshape(g, norm(b, y, zeros, name(b, "level.%zu.norm", l)), full);
    unic__node *gain = unic__param_node(g, UNIC__SHAPE_OF(c), ones,
                                        "level.%zu.layer_norm.weight", l);
    unic__node *bias = unic__param_node(g, UNIC__SHAPE_OF(c), zeros,
                                        "level.%zu.layer_norm.bias", l);
    return unic__layer_norm(g, unic__add(g, x, y), gain, bias, 1e-5);
}

/* r + conv3x3(relu(conv3x3(r))),  r = relu(x) */
static unic__node *residual_unit(const build *b, unic__node *x, const char *prefix)
{
    size_t c = (size_t)b->o->channels;
    unic__node *r = unic__relu(b->g, x);
    unic__node *y = unic__conv3x3(b->g, r, c, 1, true, name(b, "%s.conv1", prefix));
    y = unic__conv3x3(b->g, unic__relu(b->g, y), c, 1, true, name(b, "%s.conv2", prefix));
    return unic__add(b->g, r, y);
}

/* From the coarsest: y <- double(unit2(y + unit1(z^l))); the coarsest itself has no unit1. */
static unic__node *fuse(const build *b, unic__node *const *z)
{
    size_t top = (size_t)b->o->level_count - 1;
    unic__node *y = z[top];
    for (size_t l = top + 1; l-- > 0;) {
        if (l < top)
            y = unic__add(b->g, y, residual_unit(b, z[l], name(b, "fuse.%zu.unit1", l)));
        y = residual_unit(b, y, name(b, "fuse.%zu.unit2", l));
        y = unic__upsample(b->g, y, 2, true);
    }
    return y;
}

static unic__node *output(const build *b, unic__node *y)
{
    unic__graph *g = b->g;
    y = unic__conv3x3(g, y, (size_t)b->o->output_channels[0], 1, true, "output.1");
    y = unic__upsample(g, y, 2, false);
    y = unic__conv3x3(g, y, (size_t)b->o->output_channels[1], 1, true, "output.2");
    return unic__dense(g, unic__relu(g, y), 1, "output.3");
}

/* ---- the whole ---- */

/* The inputs [B F,..]: frames, or one map for each level. */
static void inputs(const build *b, unic__node **map)
{
    unic__segment_graph *h = b->h;
    const unic_segmenter_options *o = b->o;
    size_t n = h->batch * h->frames, height = (size_t)o->height, width = (size_t)o->width;
    if (o->input == UNIC_SEGMENTER_FRAMES) {
        h->image_count = 1;
        h->image[0] = unic__input(
            b->g, UNIC__SHAPE_OF(n, height, width, (size_t)o->image_channels), UNIC__F32);
        backbone(b, h->image[0], map);
        return;
    }
    h->image_count = (size_t)o->level_count;
    for (size_t l = 0; l < h->image_count; l++)
        map[l] = h->image[l] = unic__input(b->g,
                                           UNIC__SHAPE_OF(n, height >> (l + 2),
                                                          width >> (l + 2),
                                                          (size_t)o->level_channels[l]),
                                           UNIC__F32);
}

void unic__segment_build(unic__segment_graph *h, unic__segment_net *net, size_t batch,
                         size_t frames, bool training)
{
    *h = (unic__segment_graph){.batch = batch, .frames = frames};
    const build b = {h, &h->g, net, &net->options, training};
    unic__node *map[UNIC_SEGMENTER_MAX_LEVELS] = {NULL}, *z[UNIC_SEGMENTER_MAX_LEVELS];
    unic__graph_init(&h->g, &net->params, !training);
    h->query = unic__input(&h->g, UNIC__SHAPE_OF(batch, frames, net->dim), UNIC__F32);
    inputs(&b, map);
    for (size_t l = 0; l < (size_t)net->options.level_count; l++)
        z[l] = attend(&b, widen(&b, map[l], l), l);
    h->logits = unic__keep(output(&b, fuse(&b, z)));
    if (!training)
        return;
    h->target = unic__input(&h->g, h->logits->t.shape, UNIC__F32);
    h->mask = unic__input(&h->g, h->logits->t.shape, UNIC__F32);
    h->loss = unic__loss(unic__bce(&h->g, h->logits, h->target, h->mask), 1.0);
}
