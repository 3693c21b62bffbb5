/*
 * How a product by Winograd's tiles is cut into blocks of tiles and groups of channels, and what
 * memory that takes: floats of V, U and M (winograd.c), each of which has a place in every tile.
 */
#ifndef UNIC_KERNEL_WINOGRAD_PLAN_H
#define UNIC_KERNEL_WINOGRAD_PLAN_H

#include "kernel/tile.h"
#include "kernel/winograd.h"

enum {
    /* Channels of U that are transposed at a time. */
    UNIC__WINOGRAD_SLAB = 64,
    /* Floats between rows: rows a power of two apart would share cache sets. */
    UNIC__WINOGRAD_PAD = 16
};

/* A product's dims, and its parts. */
typedef struct unic__winograd_plan {
    const unic__conv_job *job;
    const unic__conv_dims *d;
    size_t m, side, places;   /* m, a, a^2 */
    size_t across, per_image; /* tiles */
    size_t tiles;             /* of a block, of whole images but for forward */
    size_t depth, group;      /* channels: up to a most, or all where there are fewer */
    size_t u_place;           /* floats of U's part from place to place */
    size_t parts;             /* threads */
    bool forward;             /* the product, or the only one that memory is for */
    bool kept;                /* U is there: job->kept, or it will be */
} unic__winograd_plan;

/* The plan for the tiles of side m; `kept`: with a U that is there before. */
unic__winograd_plan unic__winograd_plan_of(const unic__conv_dims *d, size_t m, bool forward,
                                           bool kept);

/* Tiles of a forward product are independent: large images are cut where V and M would leave the
 * cache, but each block should have twice as much of these as of U, which it reads; a U that is
 * kept is met by blocks of about equal size. Whether they were. */
bool unic__winograd_cut(unic__winograd_plan *p);

/* Whether U has one part: then what a thread makes of it serves all its blocks. */
bool unic__winograd_is_one_part(const unic__winograd_plan *p);

/* Floats for so many tiles of V and M; a forward product has M among what is its own. */
size_t unic__winograd_shared_size(const unic__winograd_plan *p, size_t tiles);
/* The result's group, a part of U, and what transposes it. */
size_t unic__winograd_own_size(const unic__winograd_plan *p, size_t tiles);
/* What a thread has that computes blocks by itself. */
size_t unic__winograd_part_size(const unic__winograd_plan *p);

/* n, as whole panels. */
static inline size_t unic__whole_panels(size_t n)
{
    return (n + UNIC__PANEL - 1) / UNIC__PANEL * UNIC__PANEL;
}

/* Floats of a tile's channels in V or M as rows; panels take no more. */
static inline size_t unic__winograd_row(size_t channels)
{
    return unic__whole_panels(channels) + UNIC__WINOGRAD_PAD;
}

#endif
