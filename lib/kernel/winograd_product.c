#include "kernel/winograd_product.h"

#include "kernel/tile.h"

/* Tiles whose channels stay in the second cache while all of U's panels pass. */
enum { ROWS = 384 };

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Tile i of n asks for its part of the panel of U behind the one that it multiplies by. */
static void fetch_panel(unic__tile *tile, const unic__winograd_product *q, size_t i, size_t n)
{
    const float *next = tile->b + q->k * UNIC__PANEL;
    if (next >= q->u_end)
        return;
    tile->next_step = (UNIC__PANEL * sizeof *next + n - 1) / n;
    tile->next = (const char *)next + i * q->k * tile->next_step;
}

static void multiply_rows(const unic__winograd_product *q, size_t place, size_t from,
                          size_t rows)
{
    const unic__tile_kernel *kernel = unic__tile_kernel_best();
    const size_t tiles = unic__tile_count(rows);
    unic__tile tile = {.k = q->k,
                       .a_row = q->a_row,
                       .a_k = 1,
                       .b_k = UNIC__PANEL,
                       .init_row = q->c_row,
                       .c_row = q->c_row};
    for (size_t j = 0; j < q->n; j += UNIC__PANEL)
        for (size_t i = 0; i < tiles; i++) {
            const size_t r = from + rows * i / tiles;
            tile.rows = from + rows * (i + 1) / tiles - r;
            tile.a = q->a + place * q->a_place + r * q->a_row;
            tile.b = q->u + place * q->u_place + j * q->k;
            tile.c = q->c + place * q->c_place + r * q->c_row + j;
            tile.init = q->add ? tile.c : NULL;
            if (q->u_end && from == 0)
                fetch_panel(&tile, q, i, tiles);
            if (j == 0 && i + 1 < tiles) /* the first panel's rows come from afar */
                unic__tile_fetch(tile.a + tile.rows * q->a_row, q->a_row, tile.rows, q->k, 0,
                                 1);
            unic__tile_run(kernel, &tile, min_size(q->n - j, UNIC__PANEL));
        }
}

void unic__winograd_multiply(const unic__winograd_product *q)
{
    for (size_t place = 0; place < q->places; place++)
        for (size_t from = 0; from < q->tiles; from += ROWS)
            multiply_rows(q, place, from, min_size(q->tiles - from, ROWS));
}
