#include "kernel/packed.h"

#include <string.h>

#include "base/openmp.h"
#include "kernel/stack.h"
#include "kernel/tile.h"

enum {
    ROWS_BLOCK = 192,   /* rows of X that stay in the second cache while all panels pass     */
    CACHED_PANELS = 32, /* panels whose parts the second cache holds; of more ...   */
    FEW_PANELS = 8,     /* ... so many pass all rows, one tile after another       */
    WIDENED = 4,        /* panels of 16 bits that are widened together                       */
    FEW_ROWS = 24,      /* rows that are worth no buffer for the widened panels              */
    STREAM_PANELS = 3,  /* fewer leave no time in which the next rows could come             */
    COPY_ROW = UNIC__SUM_PART + 16, /* floats of a copied row: not a power of two           */
    LARGE_COUNT = 1 << 18,  /* packed weights that the second cache does not hold            */
    LARGE_ROWS = 48,        /* rows that take no longer than reading such weights does       */
    LARGE_PARTS = 3,        /* parts of the sums of these that are copied at a time          */
    FETCH_ROWS = 6,         /* fewer only wait for memory: hardware fetches that as fast     */
    BLOCK_FRAME = 20 << 10, /* bytes of a copied tile's frame ...                       */
    WIDENED_FRAME = 160 << 10, /* ... of widened panels and that                           */
    LARGE_FRAME = 164 << 10    /* ... of the copied rows of a large product                */
};

static size_t panels_of(size_t n)
{
    return (n + UNIC__PANEL - 1) / UNIC__PANEL;
}

size_t unic__packed_count(size_t n, size_t k)
{
    return panels_of(n) * UNIC__PANEL * k;
}

bool unic__worth_packing(size_t n)
{
    return n >= UNIC__PANEL / 2;
}

/* Where element (j,i) of W lies. */
static size_t place_of(size_t j, size_t i, size_t k)
{
    return j / UNIC__PANEL * UNIC__PANEL * k + i * UNIC__PANEL + j % UNIC__PANEL;
}

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

/* Four columns of `rows` of four rows of W, which are w_row floats apart, as four rows of a
 * panel; 0 where there is no row. */
static inline __attribute__((always_inline)) void turn_four(float *panel, const float *w,
                                                            size_t w_row, size_t rows)
{
    const four none = {0};
    four a = *(const four *)w, b = rows > 1 ? *(const four *)(w + w_row) : none;
    four c = rows > 2 ? *(const four *)(w + 2 * w_row) : none;
    four d = rows > 3 ? *(const four *)(w + 3 * w_row) : none;
    four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four *)panel = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(four *)(panel + UNIC__PANEL) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(four *)(panel + 2 * UNIC__PANEL) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(four *)(panel + 3 * UNIC__PANEL) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/* Columns of a panel that are filled: those that a kernel reads for `cols` of them. */
static size_t filled(size_t cols)
{
    return cols <= UNIC__PANEL / 2 ? UNIC__PANEL / 2 : UNIC__PANEL;
}

static void clear_columns(float *panel, size_t from, size_t to, size_t k)
{
    for (size_t i = 0; i < k; i++, panel += UNIC__PANEL)
        for (size_t j = from; j < to; j += 4)
            *(four *)(panel + j) = (four){0};
}

void unic__pack_panel(float *panel, const float *w, size_t w_row, size_t cols, size_t k)
{
    const size_t whole = cols / 4 * 4, whole_k = k / 4 * 4, end = filled(cols);
    for (size_t i = 0; i < whole_k; i += 4) {
        float *to = panel + i * UNIC__PANEL;
        for (size_t j = 0; j < whole; j += 4)
            turn_four(to + j, w + j * w_row + i, w_row, 4);
        if (whole < cols)
            turn_four(to + whole, w + whole * w_row + i, w_row, cols - whole);
    }
    clear_columns(panel, (cols + 3) / 4 * 4, end, whole_k);
    for (size_t i = whole_k; i < k; i++)
        for (size_t j = 0; j < end; j++)
            panel[i * UNIC__PANEL + j] = j < cols ? w[j * w_row + i] : 0.0F;
}

UNIC__SIMD void unic__pack_panel_transposed(float *restrict panel, const float *restrict w,
                                            size_t w_row, size_t cols, size_t k)
{
    if (cols == UNIC__PANEL) {
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < UNIC__PANEL; j++)
                panel[i * UNIC__PANEL + j] = w[i * w_row + j];
        return;
    }
    const size_t end = filled(cols);
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j < cols; j++)
            panel[i * UNIC__PANEL + j] = w[i * w_row + j];
        for (size_t j = cols; j < end; j++)
            panel[i * UNIC__PANEL + j] = 0.0F;
    }
}

static size_t panel_width(size_t n, size_t j)
{
    return n - j < UNIC__PANEL ? n - j : UNIC__PANEL;
}

/* A last panel's second half, which packing it leaves alone if no kernel reads it: whole
 * matrices have no undefined part. */
static void clear_rest(float *packed, size_t n, size_t k)
{
    const size_t last = n % UNIC__PANEL;
    if (last)
        clear_columns(packed + (n - last) * k, filled(last), UNIC__PANEL, k);
}

void unic__pack(float *packed, const float *w, size_t n, size_t k)
{
    for (size_t j = 0; j < n; j += UNIC__PANEL)
        unic__pack_panel(packed + j * k, w + j * k, k, panel_width(n, j), k);
    clear_rest(packed, n, k);
}

void unic__pack_transposed(float *packed, const float *w, size_t n, size_t k)
{
    for (size_t j = 0; j < n; j += UNIC__PANEL)
        unic__pack_panel_transposed(packed + j * k, w + j, n, panel_width(n, j), k);
    clear_rest(packed, n, k);
}

void unic__unpack(float *w, const float *packed, size_t n, size_t k)
{
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < k; i++)
            w[j * k + i] = packed[place_of(j, i, k)];
}

void unic__pack_half(uint16_t *packed, const float *w, size_t n, size_t k,
                     unic__float_type type)
{
    enum { PART = 64 };
    float part[PART * UNIC__PANEL];
    for (size_t j = 0; j < n; j += UNIC__PANEL)
        for (size_t i = 0; i < k; i += PART) {
            const size_t rest = k - i < PART ? k - i : PART, cols = panel_width(n, j);
            unic__pack_panel(part, w + j * k + i, k, cols, rest);
            clear_columns(part, filled(cols), UNIC__PANEL, rest);
            unic__narrow(packed + j * k + i * UNIC__PANEL, part, rest * UNIC__PANEL, type);
        }
}

void unic__unpack_half(float *w, const uint16_t *packed, size_t n, size_t k,
                       unic__float_type type)
{
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < k; i++)
            w[j * k + i] = type == UNIC__FLOAT16 ? unic__from_f16(packed[place_of(j, i, k)])
                                                 : unic__from_bf16(packed[place_of(j, i, k)]);
}

/* A tile's rows, one behind the other, where in X they would be in each other's way: lines a
 * page apart share one place of the first cache, which is smaller than a tile is tall. */
static bool rows_collide(size_t x_row)
{
    enum { PAGE = 4096 / sizeof(float) };
    return x_row % PAGE == 0;
}

static void copy_rows(float *copy, const float *x, size_t x_row, size_t rows, size_t k)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(copy + r * COPY_ROW, x + r * x_row, k * sizeof *copy);
}

/* Rows from..to against panels first..last, and part k.. of the sums: that part of the first
 * panel is at b, or, in 16 bits, at b_half; that of the next ones b_panel numbers on. */
UNIC__LARGE_FRAME static void run_block(const unic__packed_product *p, size_t from, size_t to,
                                        size_t first, size_t last, size_t k, const float *b,
                                        const uint16_t *b_half, size_t b_panel)
{
    const unic__tile_kernel *kernel = unic__tile_kernel_best();
    const size_t tiles = unic__tile_count(to - from), rest = p->k - k;
    const bool copies = rows_collide(p->x_row);
    const bool streams = p->streams && panels_of(p->n) >= STREAM_PANELS;
    const bool fetches = streams || unic__tile_fetches(p->rows, p->k);
    _Alignas(UNIC__ALIGN) float copy[UNIC__TILE_ROWS * COPY_ROW];
    unic__tile tile = {.k = rest < UNIC__SUM_PART ? rest : UNIC__SUM_PART,
                       .a_row = copies ? COPY_ROW : p->x_row,
                       .a_k = 1,
                       .b_k = UNIC__PANEL,
                       .init_row = k ? p->y_row : p->init_row,
                       .c_row = p->y_row,
                       .relu = p->relu && rest <= UNIC__SUM_PART};
    for (size_t i = 0; i < tiles; i++) {
        const size_t r = from + (to - from) * i / tiles;
        tile.rows = from + (to - from) * (i + 1) / tiles - r;
        tile.a = p->x + r * p->x_row + k;
        if (copies) {
            copy_rows(copy, tile.a, p->x_row, tile.rows, tile.k);
            tile.a = copy;
        }
        for (size_t panel = first; panel < last; panel++) {
            const size_t j = panel * UNIC__PANEL;
            if (fetches && (i + 1 < tiles || streams))
                unic__tile_fetch(p->x + (r + tile.rows) * p->x_row + k, p->x_row, tile.rows,
                                 tile.k, panel - first, last - first);
            tile.c = p->y + r * p->y_row + j;
            tile.init = k ? tile.c : p->init ? p->init + r * p->init_row + j : NULL;
            if (b_half) {
                tile.b_half = b_half + (panel - first) * b_panel;
                unic__tile_run_half(kernel, &tile, p->type);
            } else {
                tile.b = b + (panel - first) * b_panel;
                unic__tile_run(kernel, &tile, panel_width(p->n, j));
            }
        }
    }
}

/* Rows from..to against panels of 16 bits: each part of them is widened once for all rows. One
 * tile's rows pass a panel while it is in the first cache; of more, each passes several panels
 * while it is there itself. */
UNIC__LARGE_FRAME static void run_widened(const unic__packed_product *p, size_t from, size_t to,
                                          size_t first, size_t last)
{
    _Alignas(UNIC__ALIGN) float wide[WIDENED * UNIC__SUM_PART * UNIC__PANEL];
    const uint16_t *packed = p->packed;
    const size_t most = to - from > UNIC__TILE_ROWS ? WIDENED : 1;
    for (size_t panel = first; panel < last; panel += most) {
        const size_t end = last - panel < most ? last : panel + most;
        for (size_t k = 0; k == 0 || k < p->k; k += UNIC__SUM_PART) {
            const size_t rest = p->k - k;
            const size_t size = (rest < UNIC__SUM_PART ? rest : UNIC__SUM_PART) * UNIC__PANEL;
            for (size_t i = panel; i < end; i++)
                unic__widen(wide + (i - panel) * size, packed + (i * p->k + k) * UNIC__PANEL,
                            size, p->type);
            run_block(p, from, to, panel, end, k, wide, NULL, size);
        }
    }
}

/* Few rows widen whole panels in registers: the numbers that are read are all that it costs. */
static void run_half(const unic__packed_product *p, size_t from, size_t to, size_t first,
                     size_t last)
{
    const size_t whole = p->n / UNIC__PANEL, step = UNIC__PANEL * p->k;
    const uint16_t *packed = p->packed;
    if (to - from <= FEW_ROWS && first < whole &&
        unic__tile_takes_half(unic__tile_kernel_best(), p->type)) {
        const size_t end = last < whole ? last : whole;
        for (size_t k = 0; k == 0 || k < p->k; k += UNIC__SUM_PART)
            run_block(p, from, to, first, end, k, NULL, packed + first * step + k * UNIC__PANEL,
                      step);
        first = end;
    }
    unic__stack_reach(WIDENED_FRAME);
    run_widened(p, from, to, first, last);
}

/* Rows of X that weights from memory pass, and the part of the sums that is computed: from column k
 * on, rows of which begin at x, a part of UNIC__SUM_PART of them each `part` floats on. */
typedef struct large {
    const unic__packed_product *p;
    size_t from, rows, k;
    const float *x;
    size_t x_row, part;
} large;

/* Columns k..end, in place or copied. */
static void large_rows(large *s, size_t k, size_t end, float *copy)
{
    const unic__packed_product *p = s->p;
    const bool copies = rows_collide(p->x_row);
    s->k = k;
    s->x = copies ? copy : p->x + s->from * p->x_row + k;
    s->x_row = copies ? COPY_ROW : p->x_row;
    s->part = copies ? s->rows * COPY_ROW : UNIC__SUM_PART;
    for (; copies && k < end; k += UNIC__SUM_PART, copy += s->part)
        copy_rows(copy, p->x + s->from * p->x_row + k, p->x_row, s->rows,
                  end - k < UNIC__SUM_PART ? end - k : UNIC__SUM_PART);
}

/* All rows against the part of a panel at b, which begins with column k; the numbers at `next`, as
 * many, are fetched meanwhile. */
static void large_panel(const large *s, size_t panel, size_t k, const float *b,
                        const float *next)
{
    const unic__packed_product *p = s->p;
    const unic__tile_kernel *kernel = unic__tile_kernel_best();
    const size_t tiles = unic__tile_count(s->rows), rest = p->k - k, j = panel * UNIC__PANEL;
    unic__tile tile = {.k = rest < UNIC__SUM_PART ? rest : UNIC__SUM_PART,
                       .a_row = s->x_row,
                       .a_k = 1,
                       .b = b,
                       .b_k = UNIC__PANEL,
                       .init_row = k ? p->y_row : p->init_row,
                       .c_row = p->y_row,
                       .relu = p->relu && rest <= UNIC__SUM_PART};
    tile.next_step = (UNIC__PANEL * sizeof *b + tiles - 1) / tiles;
    for (size_t i = 0; i < tiles; i++) {
        const size_t r = s->rows * i / tiles, row = s->from + r;
        tile.rows = s->rows * (i + 1) / tiles - r;
        tile.a = s->x + (k - s->k) / UNIC__SUM_PART * s->part + r * s->x_row;
        tile.c = p->y + row * p->y_row + j;
        tile.init = k ? tile.c : p->init ? p->init + row * p->init_row + j : NULL;
        tile.next = next ? (const char *)next + i * tile.k * tile.next_step : NULL;
        unic__tile_run(kernel, &tile, panel_width(p->n, j));
    }
}

/*
 * A product that lasts about as long as its weights are read from memory: a panel passes all rows,
 * panels in the order in which they lie, and each part of one is fetched while the part before it
 * is multiplied.
 */
UNIC__LARGE_FRAME static void run_large(const unic__packed_product *p, size_t from, size_t to,
                                        size_t first, size_t last)
{
    enum { DEPTH = LARGE_PARTS * UNIC__SUM_PART };
    _Alignas(UNIC__ALIGN) float copy[LARGE_PARTS * LARGE_ROWS * COPY_ROW];
    large s = {.p = p, .from = from, .rows = to - from};
    const float *packed = p->packed;
    for (size_t k = 0; k < p->k; k += DEPTH) {
        const size_t end = p->k - k < DEPTH ? p->k : k + DEPTH;
        large_rows(&s, k, end, copy);
        for (size_t panel = first; panel < last; panel++)
            for (size_t i = k; i < end; i += UNIC__SUM_PART) {
                const float *b = packed + (panel * p->k + i) * UNIC__PANEL, *next = NULL;
                if (i + UNIC__SUM_PART < end)
                    next = b + UNIC__SUM_PART * UNIC__PANEL;
                else if (panel + 1 < last)
                    next = packed + ((panel + 1) * p->k + k) * UNIC__PANEL;
                else if (end < p->k)
                    next = packed + (first * p->k + end) * UNIC__PANEL;
                large_panel(&s, panel, i, b, s.rows < FETCH_ROWS ? NULL : next);
            }
    }
}

static void run_part(const unic__packed_product *p, size_t from, size_t to, size_t first,
                     size_t last)
{
    if (from == to)
        return;
    unic__stack_reach(BLOCK_FRAME);
    if (p->type != UNIC__FLOAT32) {
        run_half(p, from, to, first, last);
        return;
    }
    const size_t step = UNIC__PANEL * p->k;
    if (!p->streams && to - from <= LARGE_ROWS && (last - first) * step > LARGE_COUNT) {
        unic__stack_reach(LARGE_FRAME);
        run_large(p, from, to, first, last);
        return;
    }
    const size_t most = last - first > CACHED_PANELS ? FEW_PANELS : CACHED_PANELS;
    const float *packed = p->packed;
    for (size_t block = from; block < to; block += ROWS_BLOCK) {
        const size_t end = to - block < ROWS_BLOCK ? to : block + ROWS_BLOCK;
        for (size_t k = 0; k == 0 || k < p->k; k += UNIC__SUM_PART)
            for (size_t j = first; j < last; j += most)
                run_block(p, block, end, j, last - j < most ? last : j + most, k,
                          packed + j * step + k * UNIC__PANEL, NULL, step);
    }
}

static void run_rows(const void *product, size_t from, size_t to)
{
    const unic__packed_product *p = product;
    run_part(p, from, to, 0, panels_of(p->n));
}

static void run_panels(const void *product, size_t from, size_t to)
{
    const unic__packed_product *p = product;
    run_part(p, 0, p->rows, from, to);
}

void unic__packed_run(const unic__packed_product *p)
{
    size_t threads = (size_t)unic__threads(), panels = panels_of(p->n), rows = p->rows;
    if (threads == 1 || omp_in_parallel() || !unic__worth_splitting(rows, p->n, p->k)) {
        run_part(p, 0, rows, 0, panels);
        return;
    }
    if (rows >= threads * UNIC__TILE_ROWS)
        unic__parallel(rows, 1, true, run_rows, p);
    else
        unic__parallel(panels, 1, true, run_panels, p);
}
