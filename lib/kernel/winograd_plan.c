#include "kernel/winograd_plan.h"

#include "kernel/winograd_transform.h"

enum {
    /* Floats of V and M in a block: REUSE for each of U, within these bounds. */
    SHARED_LEAST = 1 << 19,
    SHARED_MOST = 1 << 24,
    REUSE = 8,
    /* Channels of the result in a group; channels that are summed over at a time, which are
     * those of x in a group of U. */
    GROUP = 128,
    /* So few tiles that making U takes as long as using it: a panel of it stays in the cache. */
    FEW_TILES = 96,
    DEPTH = UNIC__SUM_PART,
    /* Floats of V and M in a part of an image. */
    CACHED = 1 << 18,
    /* Tiles of a block, about, that meets a U which is kept: V, M and what passes of U stay near,
     * and each element of U is used often enough to come from memory meanwhile. */
    KEPT_TILES = 64
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t count_of(size_t n, size_t each)
{
    return (n + each - 1) / each;
}

size_t unic__winograd_shared_size(const unic__winograd_plan *p, size_t tiles)
{
    const size_t m_row = p->forward ? 0 : unic__winograd_row(p->d->co);
    return p->places *
           (tiles * (unic__winograd_row(p->d->ci) + m_row) + 2 * UNIC__WINOGRAD_PAD);
}

size_t unic__winograd_own_size(const unic__winograd_plan *p, size_t tiles)
{
    const size_t u = p->kept
                         ? 0
                         : p->u_place + UNIC__PANEL * UNIC__WINOGRAD_SLAB + UNIC__WINOGRAD_PAD;
    return p->places * (tiles * unic__winograd_row(p->group) + UNIC__WINOGRAD_PAD + u);
}

size_t unic__winograd_part_size(const unic__winograd_plan *p)
{
    return unic__winograd_shared_size(p, p->tiles) + unic__winograd_own_size(p, p->tiles);
}

unic__winograd_plan unic__winograd_plan_of(const unic__conv_dims *d, size_t m, bool forward,
                                           bool kept)
{
    unic__winograd_plan p = {.d = d,
                             .m = m,
                             .side = m + 2,
                             .places = (m + 2) * (m + 2),
                             .forward = forward,
                             .kept = forward && kept};
    size_t wider = unic__whole_panels(max_size(d->ci, d->co));
    p.across = count_of(d->ow, m);
    p.per_image = count_of(d->oh, m) * p.across;
    p.depth = min_size(DEPTH, wider);
    p.group = min_size(p.kept || p.per_image * d->n > FEW_TILES ? GROUP : UNIC__PANEL, wider);
    p.u_place = p.depth * p.group + UNIC__WINOGRAD_PAD;
    size_t shared = p.places * d->ci * d->co > SHARED_MOST / REUSE
                        ? SHARED_MOST
                        : max_size(SHARED_LEAST, REUSE * p.places * d->ci * d->co);
    /* As many tiles as if V and M were both there, also for a forward product: the scratch that it
     * is run in may have been measured for all three. */
    const size_t image = p.places * (p.per_image * (unic__winograd_row(d->ci) +
                                                    unic__winograd_row(d->co)) +
                                     2 * UNIC__WINOGRAD_PAD);
    p.tiles = max_size(1, min_size(shared / image, d->n)) * p.per_image;
    return p;
}

bool unic__winograd_is_one_part(const unic__winograd_plan *p)
{
    return p->d->ci <= p->depth && p->d->co <= p->group;
}

bool unic__winograd_cut(unic__winograd_plan *p)
{
    const size_t all = p->per_image * p->d->n;
    if (p->kept) {
        p->tiles = count_of(all, max_size(1, (all + KEPT_TILES / 2) / KEPT_TILES));
        return true;
    }
    const size_t whole = p->tiles, group = unic__winograd_row(p->group);
    const size_t tile = p->places * (unic__winograd_row(p->d->ci) + group);
    const size_t floats = max_size(CACHED, 2 * p->places * p->u_place);
    if (unic__winograd_is_one_part(p))
        p->tiles = min_size(whole, max_size(floats / tile, UNIC__TILE_ROWS));
    return p->tiles < whole;
}

bool unic__winograd_scratch(const unic__conv_dims *d, size_t m, bool forward, bool kept,
                            size_t *floats)
{
    const double a2 = (double)((m + 2) * (m + 2));
    const double image = (double)(count_of(d->oh, m) * count_of(d->ow, m));
    const double channels = (double)d->ci + (double)d->co + 2 * GROUP;
    if (a2 * (image + GROUP) * channels + a2 * (double)d->ci * (double)d->co > 0x1p60)
        return false;
    unic__winograd_plan p = unic__winograd_plan_of(d, m, forward, kept);
    const size_t threads = (size_t)unic__threads();
    if (forward && unic__winograd_cut(&p))
        *floats = threads * unic__winograd_part_size(&p);
    else
        *floats = unic__winograd_shared_size(&p, p.tiles) +
                  threads * unic__winograd_own_size(&p, p.tiles);
    return true;
}

/* Products of two numbers for each pair of channels of an image. */
static double products_of(const unic__conv_dims *d, size_t m)
{
    return (double)(count_of(d->oh, m) * count_of(d->ow, m) * (m + 2) * (m + 2));
}

/*
 * Worth it from 16 tiles on, which share the transform of the weights; and where the products
 * that are saved outnumber what is transformed by a constant. For each of the (m + 2)^2 places
 * of a tile a direct sum has 1 + less products for each pair of channels, and ci + co numbers
 * are transformed: the measure is less ci co / (ci + co). It was measured (op/conv.c) at 10 (16
 * to 16 channels: a loss), 16 (64 to 16: from equal to a gain of a third), 24 (16 to 32: nearly
 * twice as fast).
 */
size_t unic__winograd_tile(const unic__conv_dims *d)
{
    enum { LEAST_TILES = 16, LEAST_GAIN = 15 };
    size_t best = UNIC__WINOGRAD_MIN;
    if (d->kh != 3 || d->kw != 3 || d->stride != 1 || d->dilation != 1)
        return 0;
    for (size_t m = best + 1; m <= UNIC__WINOGRAD_MAX; m++)
        if (products_of(d, m) < products_of(d, best))
            best = m;
    const double tiles = (double)d->n * (double)(count_of(d->oh, best) * count_of(d->ow, best));
    const double less = 9.0 * (double)(d->oh * d->ow) / products_of(d, best) - 1.0;
    const double channels = (double)d->ci * (double)d->co / (double)(d->ci + d->co);
    return tiles >= LEAST_TILES && less * channels >= LEAST_GAIN ? best : 0;
}
