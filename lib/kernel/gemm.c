#include "kernel/gemm.h"

#include <string.h>

#include "base/openmp.h"
#include "kernel/packed.h"
#include "kernel/stack.h"
#include "kernel/tile.h"

/*
 * C is cut into blocks of NC columns, the sums into parts of KC: a block of B, packed into
 * panels on the stack, stays in the cache while all rows of A pass, a group of tiles at a time.
 * Rows of a transposed A that lie far apart are packed too, MC of them. Blocks only order the
 * work: a sum that is split continues from the value in C.
 */
enum {
    PANELS = 4,
    NC = PANELS * UNIC__PANEL,
    KC = UNIC__SUM_PART, /* where sums are cut, too */
    GROUP =
        UNIC__TILE_ROWS, /* rows of a group: one tile, or two of a smaller kernel          */
    MC = 4 * GROUP,
    GROUP_SIZE = GROUP * KC +
                 16,  /* no multiple of the page size: all groups are written at once */
    FEW_ROWS = 96,    /* so few do not repay the packing of B                    */
    FEW_COLUMNS = 64, /* so few do not repay the packing of A                    */
    NEAR = 256,       /* nor do rows of A that are so near                       */
    FRAME = 192 << 10 /* bytes: both packed, and what else the frame holds       */
};

/* ---- packing ---- */

/* A block of B: its panels, wherever they lie. */
typedef struct panels {
    const float *at[PANELS];
    size_t step[PANELS]; /* floats from one k to the next */
    size_t width[PANELS];
    size_t count;
} panels;

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Columns j.. up to n and rows k..k + depth of op(B). */
static panels panels_of(const unic__gemm *p, size_t j, size_t n, size_t k, size_t depth,
                        float *buffer)
{
    panels s = {.count = 0};
    for (; s.count < PANELS && j < n; s.count++, j += UNIC__PANEL) {
        const size_t i = s.count, width = min_size(n - j, UNIC__PANEL), half = UNIC__PANEL / 2;
        const float *b = p->tb ? p->b + j * p->ldb + k : p->b + k * p->ldb + j;
        float *panel = buffer + i * UNIC__PANEL * KC;
        s.width[i] = p->room ? (width + half - 1) / half * half : width;
        if (!p->tb && p->m <= FEW_ROWS && (width == UNIC__PANEL || width == half)) {
            s.at[i] = b;
            s.step[i] = p->ldb;
            continue;
        }
        if (p->tb)
            unic__pack_panel(panel, b, p->ldb, width, depth);
        else
            unic__pack_panel_transposed(panel, b, p->ldb, width, depth);
        s.at[i] = panel;
        s.step[i] = UNIC__PANEL;
    }
    return s;
}

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

/* packed [groups][depth,GROUP] <- `rows` rows of op(A), at most MC, from A [k,m] at `a`. */
static void pack_rows(float *packed, const float *a, size_t lda, size_t rows, size_t depth)
{
    const size_t whole = rows / GROUP, rest = rows % GROUP;
    for (size_t k = 0; k < depth; k++, a += lda, packed += GROUP) {
        for (size_t g = 0; g < whole; g++)
            for (size_t r = 0; r < GROUP; r += 4)
                *(four *)(packed + g * GROUP_SIZE + r) = *(const four *)(a + g * GROUP + r);
        for (size_t r = 0; r < rest; r++)
            packed[whole * GROUP_SIZE + r] = a[whole * GROUP + r];
    }
}

/* ---- blocks ---- */

/* The part of A and of the sums in `group`, its first row r of C, against a block of B whose
 * first column is j of C; `goes_on` where C holds sums already. `next` rows of A behind it are
 * fetched meanwhile. */
static void run_group(const unic__gemm *p, const unic__tile_kernel *kernel,
                      const unic__tile *group, size_t r, size_t j, bool goes_on, size_t next,
                      const panels *block)
{
    unic__tile tile = *group;
    for (size_t panel = 0; panel < block->count; panel++) {
        tile.c = p->c + r * p->ldc + j + panel * UNIC__PANEL;
        if (next)
            unic__tile_fetch(group->a + group->rows * group->a_row, group->a_row, next,
                             group->k, panel, block->count);
        tile.b = block->at[panel];
        tile.b_k = block->step[panel];
        tile.init = goes_on ? tile.c : NULL;
        unic__tile_run(kernel, &tile, block->width[panel]);
    }
}

/* All rows from..to of A against a block of B, where part k.. of the sums begins. */
static void run_block(const unic__gemm *p, size_t from, size_t to, size_t j, size_t k,
                      size_t depth, const panels *block)
{
    _Alignas(UNIC__ALIGN) float packed[MC / GROUP * GROUP_SIZE];
    const unic__tile_kernel *kernel = unic__tile_kernel_best();
    const bool packs = p->ta && p->lda > NEAR && p->n > FEW_COLUMNS;
    const bool fetches = !p->ta && unic__tile_fetches(p->m, p->k);
    unic__tile group = {
        .k = depth, .a_row = p->lda, .a_k = 1, .init_row = p->ldc, .c_row = p->ldc};
    if (p->ta) {
        group.a_row = 1;
        group.a_k = packs ? GROUP : p->lda;
    }
    for (size_t m = from; m < to; m += MC) {
        const size_t rows = min_size(to - m, MC);
        const float *a = p->ta ? p->a + k * p->lda + m : p->a + m * p->lda + k;
        if (packs)
            pack_rows(packed, a, p->lda, rows, depth);
        for (size_t r = 0; r < rows; r += GROUP) {
            group.rows = min_size(rows - r, GROUP);
            group.a = packs ? packed + r / GROUP * GROUP_SIZE : a + r * group.a_row;
            run_group(p, kernel, &group, m + r, j, k || p->add,
                      fetches ? min_size(to - m - r - group.rows, GROUP) : 0, block);
        }
    }
}

/* Rows from..to and columns first..last of C. */
UNIC__LARGE_FRAME static void run_blocks(const unic__gemm *p, size_t from, size_t to,
                                         size_t first, size_t last)
{
    _Alignas(UNIC__ALIGN) float buffer[PANELS * UNIC__PANEL * KC];
    for (size_t j = first; j < last; j += NC)
        for (size_t k = 0; k < p->k; k += KC) {
            const size_t depth = min_size(p->k - k, KC);
            const panels block = panels_of(p, j, last, k, depth, buffer);
            run_block(p, from, to, j, k, depth, &block);
        }
}

static void run_part(const unic__gemm *p, size_t from, size_t to, size_t first, size_t last)
{
    unic__stack_reach(FRAME);
    run_blocks(p, from, to, first, last);
}

/* ---- threads ---- */

static void run_rows(const void *product, size_t from, size_t to)
{
    const unic__gemm *p = product;
    run_part(p, from, to, 0, p->n);
}

static void run_columns(const void *product, size_t from, size_t to)
{
    const unic__gemm *p = product;
    run_part(p, 0, p->m, from, to);
}

/* The part of `n` that the busiest thread has, where `each` is not cut. */
static double largest_share(size_t n, size_t each, size_t threads)
{
    const size_t pieces = (n + each - 1) / each, most = (pieces + threads - 1) / threads;
    return (double)min_size(most * each, n) / (double)n;
}

/* Whether rows are shared out among threads, or columns: what is more even; of what is as even,
 * the longer side. Only columns are packed once in all. */
static bool splits_rows(const unic__gemm *p)
{
    const size_t threads = (size_t)unic__threads();
    const double rows = largest_share(p->m, UNIC__TILE_ROWS, threads);
    const double columns = largest_share(p->n, UNIC__PANEL, threads);
    return rows < columns || (rows == columns && p->m >= p->n);
}

void unic__gemm_run(const unic__gemm *p)
{
    if (!p->k && !p->add) /* an empty sum */
        for (size_t r = 0; r < p->m; r++)
            memset(p->c + r * p->ldc, 0, p->n * sizeof(float));
    else if (unic__threads() == 1 || !unic__worth_splitting(p->m, p->n, p->k) ||
             omp_in_parallel())
        run_part(p, 0, p->m, 0, p->n);
    else if (splits_rows(p))
        unic__parallel(p->m, UNIC__TILE_ROWS, true, run_rows, p);
    else
        unic__parallel(p->n, UNIC__PANEL, true, run_columns, p);
}
