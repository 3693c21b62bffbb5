#include "kernel/winograd.h"

#include <string.h>

#include "kernel/packed.h"
#include "kernel/winograd_plan.h"
#include "kernel/winograd_product.h"
#include "kernel/winograd_transform.h"

/*
 * With a^2 = (m + 2)^2 places of a tile and t tiles, the transformed arrays are
 *   V [a^2,t,ci] of x,   U [a^2,ci,co] of w,   M [a^2,t,co] of y
 * and each place has a product of its own:
 *   forward   M = V U,   data   V = M U^T,   weights   U = V^T M
 * The inputs that every group of the result's channels reads (V, M or both) are transformed as
 * a whole, for a block of images. The result, and its part of U, are computed for one group of
 * channels at a time, and stay in the cache until they are used.
 *
 * A U that is kept lies in the order in which forward reads it: for each group of co, for each
 * part of ci, the places, and of each the panels [part of ci,32].
 */

/* A block: its tiles, counted through all images, and V and M as far as they are shared. */
typedef struct block {
    const unic__winograd_plan *p;
    size_t first, tiles;
    float *v, *m;
    size_t v_place, m_place; /* floats from place to place */
    float *own;              /* own_size floats for each thread */
    size_t own_size;
    bool has_u;   /* the only part of U is there from the block before */
    size_t group; /* of U, while dw is computed */
} block;

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t count_of(size_t n, size_t each)
{
    return (n + each - 1) / each;
}

/* ---- where the arrays lie ---- */

/* The part of x that a tile reads, and that of y that it writes. */
static unic__grid x_grid(const block *b, size_t tile)
{
    const unic__winograd_plan *p = b->p;
    const unic__conv_dims *d = p->d;
    const size_t n = (b->first + tile) / p->per_image, t = (b->first + tile) % p->per_image;
    const size_t y = t / p->across * p->m, x = t % p->across * p->m; /* with the padding */
    const ptrdiff_t row = (ptrdiff_t)(n * d->h + y) - (ptrdiff_t)d->pad;
    const ptrdiff_t col = (ptrdiff_t)x - (ptrdiff_t)d->pad;
    return (unic__grid){.at = (row * (ptrdiff_t)d->w + col) * (ptrdiff_t)d->ci,
                        .row = d->w * d->ci,
                        .col = d->ci,
                        .block = UNIC__PANEL,
                        .top = d->pad > y ? d->pad - y : 0,
                        .bottom = d->h + d->pad > y ? d->h + d->pad - y : 0,
                        .left = d->pad > x ? d->pad - x : 0,
                        .right = d->w + d->pad > x ? d->w + d->pad - x : 0};
}

static unic__grid y_grid(const block *b, size_t tile)
{
    const unic__winograd_plan *p = b->p;
    const unic__conv_dims *d = p->d;
    const size_t n = (b->first + tile) / p->per_image, t = (b->first + tile) % p->per_image;
    const size_t y = t / p->across * p->m, x = t % p->across * p->m;
    return (unic__grid){.at = (ptrdiff_t)(((n * d->oh + y) * d->ow + x) * d->co),
                        .row = d->ow * d->co,
                        .col = d->co,
                        .block = UNIC__PANEL,
                        .bottom = d->oh - y,
                        .right = d->ow - x};
}

/* Channels from `first` on. */
static unic__grid from_channel(unic__grid g, size_t first)
{
    g.at += (ptrdiff_t)first;
    return g;
}

/* ---- V of x, and M of dy, whole ---- */

/* As rows [places,tiles,row], or as panels [places,channels/32,tiles,32]. */
static unic__grid shared_grid(const block *b, size_t tile, size_t channels, size_t place,
                              bool panels)
{
    const size_t at = panels ? tile * UNIC__PANEL : tile * unic__winograd_row(channels);
    return unic__whole_grid((ptrdiff_t)at, b->p->side, place,
                            panels ? b->tiles * UNIC__PANEL : UNIC__PANEL);
}

static void transform_x(const block *b, size_t from, size_t to, float *own)
{
    (void)own;
    const unic__winograd_plan *p = b->p;
    unic__winograd_transform *f = unic__winograd_transform_of(UNIC__WINOGRAD_INPUT, p->m);
    for (size_t t = from; t < to; t++)
        f(&(unic__winograd_step){.channels = p->d->ci,
                                 .x = p->job->a,
                                 .from = x_grid(b, t),
                                 .y = b->v,
                                 .to = shared_grid(b, t, p->d->ci, b->v_place,
                                                   p->job->product == UNIC__CONV_WEIGHTS)});
}

static void transform_dy(const block *b, size_t from, size_t to, float *own)
{
    (void)own;
    const unic__winograd_plan *p = b->p;
    const bool weights = p->job->product == UNIC__CONV_WEIGHTS;
    unic__winograd_transform *f = unic__winograd_transform_of(UNIC__WINOGRAD_OUTPUT_ADJOINT,
                                                              p->m);
    for (size_t t = from; t < to; t++)
        f(&(unic__winograd_step){.channels = p->d->co,
                                 .x = weights ? p->job->b : p->job->a,
                                 .from = y_grid(b, t),
                                 .y = b->m,
                                 .to = shared_grid(b, t, p->d->co, b->m_place, weights)});
}

/* ---- parts of U ---- */

/* Where the part of a kept U for channels ci k0.. and n of co from n0 on begins. */
static size_t kept_at(const unic__winograd_plan *p, size_t k0, size_t n0, size_t n)
{
    return p->places * (n0 * p->d->ci + k0 * unic__whole_panels(n));
}

/* Rows [k,n] of the channels ci k0.. and co n0.., packed for a product by U. */
static void transform_w(const unic__winograd_plan *p, const float *w, float *u, size_t u_place,
                        size_t k0, size_t k, size_t n0, size_t n)
{
    const size_t ci = p->d->ci, co = p->d->co;
    unic__winograd_transform *f = unic__winograd_transform_of(UNIC__WINOGRAD_WEIGHT, p->m);
    f(&(unic__winograd_step){.channels = n,
                             .x = w + k0 * co + n0,
                             .from = unic__whole_grid(0, 3, ci * co, UNIC__PANEL),
                             .y = u,
                             .to = unic__whole_grid(0, p->side, u_place, k * UNIC__PANEL),
                             .count = k, /* panel by panel: its places are written on and on */
                             .from_next = co,
                             .to_next = UNIC__PANEL});
}

/* The same of U^T: k0.. of co and n0.. of ci. */
static void transform_w_transposed(const unic__winograd_plan *p, float *u, float *slab,
                                   size_t k0, size_t k, size_t n0, size_t n)
{
    const size_t ci = p->d->ci, co = p->d->co,
                 slab_place = UNIC__PANEL * UNIC__WINOGRAD_SLAB + UNIC__WINOGRAD_PAD;
    unic__winograd_transform *f = unic__winograd_transform_of(UNIC__WINOGRAD_WEIGHT, p->m);
    for (size_t j = 0; j < n; j += UNIC__PANEL)
        for (size_t from = 0; from < k; from += UNIC__WINOGRAD_SLAB) {
            const size_t cols = min_size(n - j, UNIC__PANEL),
                         part = min_size(k - from, UNIC__WINOGRAD_SLAB);
            for (size_t i = 0; i < cols; i++)
                f(&(unic__winograd_step){
                    .channels = part,
                    .x = p->job->b + (n0 + j + i) * co + k0 + from,
                    .from = unic__whole_grid(0, 3, ci * co, UNIC__PANEL),
                    .y = slab + i * UNIC__WINOGRAD_SLAB,
                    .to = unic__whole_grid(0, p->side, slab_place, UNIC__PANEL)});
            for (size_t place = 0; place < p->places; place++)
                unic__pack_panel(u + place * p->u_place + j * k + from * UNIC__PANEL,
                                 slab + place * slab_place, UNIC__WINOGRAD_SLAB, cols, part);
        }
}

/* ---- the product for every place ---- */

/* u [rows,cols] = V^T M for the channels i0.. of x and j0.. of y, which are panels: part k.. of
 * the sums over tiles. */
static void multiply_panels(const block *b, float *u, size_t place, size_t k, size_t i0,
                            size_t rows, size_t j0, size_t cols)
{
    const unic__winograd_plan *p = b->p;
    const unic__tile_kernel *kernel = unic__tile_kernel_best();
    unic__tile tile = {.k = min_size(b->tiles - k, UNIC__SUM_PART),
                       .a_row = 1,
                       .a_k = UNIC__PANEL,
                       .b_k = UNIC__PANEL,
                       .init_row = p->group,
                       .c_row = p->group};
    for (size_t i = 0; i < rows; i += UNIC__PANEL)
        for (size_t j = 0; j < cols; j += UNIC__PANEL) {
            const size_t panel = min_size(rows - i, UNIC__PANEL);
            const size_t tiles = unic__tile_count(panel);
            tile.b = b->m + place * b->m_place + (j0 + j) * b->tiles + k * UNIC__PANEL;
            for (size_t t = 0; t < tiles; t++) {
                const size_t r = panel * t / tiles;
                tile.rows = panel * (t + 1) / tiles - r;
                tile.a = b->v + place * b->v_place + (i0 + i) * b->tiles + k * UNIC__PANEL + r;
                tile.c = u + place * p->u_place + (i + r) * p->group + j;
                tile.init = k ? tile.c : NULL;
                unic__tile_run(kernel, &tile, min_size(cols - j, UNIC__PANEL));
            }
        }
}

/* ---- groups of channels of the three results ---- */

/* Floats from one place of a group's products to the next. */
static size_t group_place(const block *b)
{
    return b->tiles * unic__winograd_row(b->p->group) + UNIC__WINOGRAD_PAD;
}

/* What forward multiplies for channels k0.. of ci and n0.. of co: by U as it is kept, or in u. */
static unic__winograd_product product_of(const block *b, float *u, size_t k0, size_t k,
                                         size_t n0, size_t n)
{
    const unic__winograd_plan *p = b->p;
    const size_t ci = p->d->ci;
    unic__winograd_product q = {.places = p->places,
                                .tiles = b->tiles,
                                .k = k,
                                .n = n,
                                .a = b->v + k0,
                                .a_row = unic__winograd_row(ci),
                                .a_place = b->v_place,
                                .u = u,
                                .u_place = p->u_place,
                                .c_row = unic__winograd_row(p->group),
                                .c_place = group_place(b),
                                .add = k0 > 0};
    if (p->kept) {
        q.u = p->job->kept + kept_at(p, k0, n0, n);
        q.u_place = k * unic__whole_panels(n);
        q.u_end = p->job->kept + p->places * ci * unic__whole_panels(p->d->co);
    } else if (!b->has_u) {
        transform_w(p, p->job->b, u, p->u_place, k0, k, n0, n);
    }
    return q;
}

static void forward(const block *b, size_t from, size_t to, float *own)
{
    const unic__winograd_plan *p = b->p;
    const size_t ci = p->d->ci, c_place = group_place(b);
    float *u = own + p->places * (p->tiles * unic__winograd_row(p->group) +
                                  UNIC__WINOGRAD_PAD); /* of the largest block */
    unic__winograd_transform *f = unic__winograd_transform_of(UNIC__WINOGRAD_OUTPUT, p->m);
    for (size_t n0 = from * p->group; n0 < min_size(to * p->group, p->d->co); n0 += p->group) {
        const size_t n = min_size(p->d->co - n0, p->group);
        for (size_t k0 = 0; k0 < ci; k0 += p->depth) {
            unic__winograd_product q = product_of(b, u, k0, min_size(ci - k0, p->depth), n0, n);
            q.c = own;
            unic__winograd_multiply(&q);
        }
        for (size_t t = 0; t < b->tiles; t++)
            f(&(unic__winograd_step){.channels = n,
                                     .x = own + t * unic__winograd_row(p->group),
                                     .from = unic__whole_grid(0, p->side, c_place, UNIC__PANEL),
                                     .y = p->job->c,
                                     .to = from_channel(y_grid(b, t), n0),
                                     .add = p->job->accumulate,
                                     .bias = p->job->bias ? p->job->bias + n0 : NULL,
                                     .relu = p->job->relu});
    }
}

static void clear_channels(const block *b, size_t first, size_t n)
{
    const unic__conv_dims *d = b->p->d;
    const size_t pixels = d->h * d->w, image = b->first / b->p->per_image;
    for (size_t i = image * pixels; i < (image + b->tiles / b->p->per_image) * pixels; i++)
        memset(b->p->job->c + i * d->ci + first, 0, n * sizeof(float));
}

static void data(const block *b, size_t from, size_t to, float *own)
{
    const unic__winograd_plan *p = b->p;
    const size_t co = p->d->co, c_place = group_place(b);
    float *u = own + p->places * c_place, *slab = u + p->places * p->u_place;
    unic__winograd_transform *f = unic__winograd_transform_of(UNIC__WINOGRAD_INPUT_ADJOINT,
                                                              p->m);
    for (size_t n0 = from * p->group; n0 < min_size(to * p->group, p->d->ci); n0 += p->group) {
        const size_t n = min_size(p->d->ci - n0, p->group);
        for (size_t k0 = 0; k0 < co; k0 += p->depth) {
            const size_t k = min_size(co - k0, p->depth);
            transform_w_transposed(p, u, slab, k0, k, n0, n);
            unic__winograd_multiply(
                &(unic__winograd_product){.places = p->places,
                                          .tiles = b->tiles,
                                          .k = k,
                                          .n = n,
                                          .a = b->m + k0,
                                          .a_row = unic__winograd_row(co),
                                          .a_place = b->m_place,
                                          .u = u,
                                          .u_place = p->u_place,
                                          .c = own,
                                          .c_row = unic__winograd_row(p->group),
                                          .c_place = c_place,
                                          .add = k0 > 0});
        }
        if (!p->job->accumulate)
            clear_channels(b, n0, n);
        for (size_t t = 0; t < b->tiles; t++)
            f(&(unic__winograd_step){.channels = n,
                                     .x = own + t * unic__winograd_row(p->group),
                                     .from = unic__whole_grid(0, p->side, c_place, UNIC__PANEL),
                                     .y = p->job->c,
                                     .to = from_channel(x_grid(b, t), n0),
                                     .add = true});
    }
}

/* A group of U: `rows` channels of x from i0 on, `cols` of y from j0 on. */
typedef struct u_group {
    size_t i0, rows, j0, cols;
} u_group;

/* Groups of U are numbered along co first. */
static u_group u_group_of(const unic__winograd_plan *p, size_t g)
{
    const size_t across = count_of(p->d->co, p->group);
    const size_t i0 = g / across * p->depth, j0 = g % across * p->group;
    return (u_group){i0, min_size(p->d->ci - i0, p->depth), j0,
                     min_size(p->d->co - j0, p->group)};
}

/* Places from..to of a group of U, which all threads share: b->own. */
static void multiply_places(const block *b, size_t from, size_t to, float *own)
{
    (void)own;
    const u_group g = u_group_of(b->p, b->group);
    for (size_t place = from; place < to; place++)
        for (size_t k = 0; k < b->tiles; k += UNIC__SUM_PART)
            multiply_panels(b, b->own, place, k, g.i0, g.rows, g.j0, g.cols);
}

/* Rows from..to of dw, when all places of the group are there. */
static void transform_u(const block *b, size_t from, size_t to, float *own)
{
    (void)own;
    const unic__winograd_plan *p = b->p;
    const size_t ci = p->d->ci, co = p->d->co;
    const u_group g = u_group_of(p, b->group);
    unic__winograd_transform *f = unic__winograd_transform_of(UNIC__WINOGRAD_WEIGHT_ADJOINT,
                                                              p->m);
    for (size_t i = from; i < to; i++)
        f(&(unic__winograd_step){.channels = g.cols,
                                 .x = b->own + i * p->group,
                                 .from = unic__whole_grid(0, p->side, p->u_place, UNIC__PANEL),
                                 .y = p->job->c + (g.i0 + i) * co + g.j0,
                                 .to = unic__whole_grid(0, 3, ci * co, UNIC__PANEL),
                                 .add = true});
}

/* ---- blocks and threads ---- */

typedef void stage_part(const block *b, size_t from, size_t to, float *own);

typedef struct stage {
    const block *b;
    stage_part *run;
    size_t n;
} stage;

static void run_parts(const void *context, size_t from, size_t to)
{
    const stage *s = context;
    for (size_t i = from; i < to; i++)
        s->run(s->b, s->n * i / s->b->p->parts, s->n * (i + 1) / s->b->p->parts,
               s->b->own + i * s->b->own_size);
}

/* `run` over [0,n), a part of it for each thread. */
static void run_stage(const block *b, stage_part *run, size_t n)
{
    unic__parallel(b->p->parts, 1, true, run_parts, &(stage){b, run, n});
}

/* Groups of the result's channels: those of U for dw. */
static size_t groups_of(const unic__winograd_plan *p)
{
    const unic__conv_dims *d = p->d;
    switch (p->job->product) {
    case UNIC__CONV_FORWARD:
        return count_of(d->co, p->group);
    case UNIC__CONV_DATA:
        return count_of(d->ci, p->group);
    default:
        return count_of(d->ci, p->depth) * count_of(d->co, p->group);
    }
}

/* A group has enough places for all threads; often there is but one group. */
static void weights(block *b)
{
    for (b->group = 0; b->group < groups_of(b->p); b->group++) {
        run_stage(b, multiply_places, b->p->places);
        run_stage(b, transform_u, u_group_of(b->p, b->group).rows);
    }
}

/* Tiles from..to, a block at a time. */
static void run_tiles(const unic__winograd_plan *p, size_t from, size_t to, float *scratch)
{
    const unic__conv_product product = p->job->product;
    for (size_t i = from; i < to; i += p->tiles) {
        block b = {.p = p,
                   .first = i,
                   .has_u = i > from && unic__winograd_is_one_part(p) && p->parts == 1};
        b.tiles = min_size(p->tiles, to - i);
        b.v_place = b.tiles * unic__winograd_row(p->d->ci) + UNIC__WINOGRAD_PAD;
        b.m_place = b.tiles * unic__winograd_row(p->d->co) + UNIC__WINOGRAD_PAD;
        b.v = scratch;
        b.m = b.v + p->places * b.v_place;
        b.own = scratch + unic__winograd_shared_size(p, p->tiles);
        b.own_size = unic__winograd_own_size(p, p->tiles);
        if (product != UNIC__CONV_DATA)
            run_stage(&b, transform_x, b.tiles);
        if (product != UNIC__CONV_FORWARD)
            run_stage(&b, transform_dy, b.tiles);
        if (product == UNIC__CONV_WEIGHTS)
            weights(&b);
        else
            run_stage(&b, product == UNIC__CONV_FORWARD ? forward : data, groups_of(p));
    }
}

typedef struct split {
    const unic__winograd_plan *p;
    size_t units,
        unit; /* what is split: blocks of a forward product in parts of images, or images */
    size_t parts, each; /* floats of scratch */
} split;

static void run_split(const void *context, size_t from, size_t to)
{
    const split *s = context;
    for (size_t i = from; i < to; i++)
        run_tiles(
            s->p, s->units * i / s->parts * s->unit,
            min_size(s->units * (i + 1) / s->parts * s->unit, s->p->per_image * s->p->d->n),
            s->p->job->scratch + i * s->each);
}

size_t unic__winograd_kept_count(size_t ci, size_t co, size_t m)
{
    return (m + 2) * (m + 2) * ci * unic__whole_panels(co);
}

void unic__winograd_keep(float *kept, const float *w, size_t ci, size_t co, size_t m)
{
    const unic__conv_dims d = {.n = 1, .ci = ci, .co = co, .oh = m, .ow = m};
    const unic__winograd_plan p = unic__winograd_plan_of(&d, m, true, true);
    for (size_t n0 = 0; n0 < co; n0 += p.group)
        for (size_t k0 = 0; k0 < ci; k0 += p.depth) {
            const size_t n = min_size(co - n0, p.group), k = min_size(ci - k0, p.depth);
            transform_w(&p, w, kept + kept_at(&p, k0, n0, n), k * unic__whole_panels(n), k0, k,
                        n0, n);
        }
}

/* A product of few groups is split by images, or by blocks of their tiles, where there are as many:
 * the groups' part of U is then made by each thread. */
void unic__winograd_run(const unic__conv_job *job, size_t m)
{
    unic__winograd_plan p = unic__winograd_plan_of(
        job->dims, m, job->product == UNIC__CONV_FORWARD, job->kept);
    const size_t whole = p.tiles / p.per_image, all = p.per_image * p.d->n;
    const bool cut = p.forward && unic__winograd_cut(&p);
    const size_t threads = min_size(
        (size_t)unic__threads(), (job->scratch_size - unic__winograd_shared_size(&p, p.tiles)) /
                                     unic__winograd_own_size(&p, p.tiles));
    p.job = job;
    const bool worth = (double)p.places * (double)all * (double)(p.d->ci * p.d->co) >= 1 << 21;
    p.parts = worth ? threads : 1;
    const size_t unit = cut ? p.tiles : p.per_image; /* of what is split */
    const size_t most = cut ? job->scratch_size / unic__winograd_part_size(&p)
                            : whole; /* that have room */
    if (p.parts == 1 || job->product == UNIC__CONV_WEIGHTS || groups_of(&p) >= 2 * p.parts ||
        most < p.parts) {
        run_tiles(&p, 0, all, job->scratch);
        return;
    }
    split s = {&p, count_of(all, unit), unit, p.parts, 0};
    if (!cut)
        p.tiles = most / p.parts * unit;
    p.parts = 1;
    s.each = unic__winograd_part_size(&p);
    unic__parallel(s.parts, 1, true, run_split, &s);
}
