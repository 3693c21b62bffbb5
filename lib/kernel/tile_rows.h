/*
 * A tile of `rows` rows, for one instruction set: tile.c includes this once for each, with
 *   TILE(x)       a name for x of this instruction set
 *   TILE_TARGET   the functions' attribute
 *   TILE_BYTES    bytes of a vector
 *   TILE_ROWS     the most rows
 *   TILE_VECTORS  vectors of a row
 *   TILE_ADD      sum + x row of a float x and two vectors, rounded once where there is an
 *                 instruction for it. It is written out: compilers that may contract a sum and
 *                 a product do not always do so (gcc avoids it in some chains), and then bits
 *                 depend on the tile.
 *   TILE_LOAD     defined: B is of 16 bits (b_half), and this reads a vector of it at an address
 * With AVX-512, 12 rows of two vectors and the two vectors of B are in 26 of 32 registers, and
 * each k does 24 multiply-adds for 14 loads. `rows` is a constant in each copy, or the sums
 * would not stay in registers; so is the step of 1 in A, which saves address registers.
 */
#ifdef TILE_LOAD
#define TILE_NUMBER const uint16_t *
#define TILE_B(t)   (t).b_half
#else
#define TILE_NUMBER   const float *
#define TILE_B(t)     (t).b
#define TILE_LOAD(at) (*(const TILE(vector) *)(at))
#define TILE_ANY_A    /* A's rows or its columns may be dense */
#endif

typedef float TILE(vector) __attribute__((vector_size(TILE_BYTES), aligned(4), may_alias));
typedef int32_t TILE(bits) __attribute__((vector_size(TILE_BYTES)));

TILE_TARGET __attribute__((always_inline)) static inline void
TILE(rows)(const unic__tile *tile, const size_t rows, const size_t a_row, const size_t a_k,
           const bool fetches)
{
    enum { LANES = TILE_BYTES / sizeof(float), SHORT = 64, AHEAD = 32 };
    const unic__tile t = *tile; /* no store to C changes it */
    const float *a = t.a;
    TILE_NUMBER b = TILE_B(t);
    const char *next = t.next;
#if TILE_BYTES == 64
    const size_t ahead = t.k > SHORT ? AHEAD * t.b_k : 0; /* a short panel is there already */
#endif
    TILE(vector) sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (size_t v = 0; v < TILE_VECTORS; v++) {
            sum[r][v] = (TILE(vector)){0};
            __builtin_prefetch(t.c + r * t.c_row + v * LANES, 1);
        }
#pragma GCC unroll 1
    for (size_t k = 0; k < t.k; k++, a += a_k, b += t.b_k) {
        TILE(vector) row[TILE_VECTORS];
        if (fetches) { /* to the second cache; what is read now is there */
            __builtin_prefetch(next, 0, 2);
            __builtin_prefetch(next + UNIC__ALIGN, 0, 2);
            next += t.next_step;
        }
#if TILE_BYTES == 32 /* half of a panel's row, which hardware does not prefetch */
        else
            __builtin_prefetch(b + 16 * t.b_k);
#elif TILE_BYTES == 64
        else
#pragma GCC unroll 2
            for (size_t v = 0; v < TILE_VECTORS; v++)
                __builtin_prefetch(b + ahead + v * LANES);
#endif
#pragma GCC unroll 2
        for (size_t v = 0; v < TILE_VECTORS; v++)
            row[v] = TILE_LOAD(b + v * LANES);
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (size_t v = 0; v < TILE_VECTORS; v++)
                sum[r][v] = TILE_ADD(sum[r][v], a[r * a_row], row[v]);
    }
    if (t.init)
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (size_t v = 0; v < TILE_VECTORS; v++)
                sum[r][v] += *(const TILE(vector) *)(t.init + r * t.init_row + v * LANES);
    if (t.relu) /* a NaN stays one */
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (size_t v = 0; v < TILE_VECTORS; v++)
                sum[r][v] = (TILE(vector))((TILE(bits))sum[r][v] &
                                           ~(TILE(bits))(sum[r][v] < 0.0F));
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (size_t v = 0; v < TILE_VECTORS; v++)
            *(TILE(vector) *)(t.c + r * t.c_row + v * LANES) = sum[r][v];
}

#ifdef TILE_ANY_A
#define TILE_CASE(n)                                                                           \
    case n:                                                                                    \
        if (t->next)                                                                           \
            TILE(rows)(t, n, t->a_row, 1, true);                                               \
        else if (t->a_k == 1)                                                                  \
            TILE(rows)(t, n, t->a_row, 1, false);                                              \
        else                                                                                   \
            TILE(rows)(t, n, 1, t->a_k, false);                                                \
        break;
#else
#define TILE_CASE(n)                                                                           \
    case n:                                                                                    \
        TILE(rows)(t, n, t->a_row, 1, false);                                                  \
        break;
#endif

TILE_TARGET static void TILE(run)(const unic__tile *t)
{
    switch (t->rows) {
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
        TILE_CASE(4)
#if TILE_ROWS > 4
        TILE_CASE(5)
        TILE_CASE(6)
#endif
#if TILE_ROWS > 6
        TILE_CASE(7)
        TILE_CASE(8)
        TILE_CASE(9)
        TILE_CASE(10)
        TILE_CASE(11)
        TILE_CASE(12)
#endif
    default:
        break;
    }
}

#undef TILE_ANY_A
#undef TILE_NUMBER
#undef TILE_B
#undef TILE_LOAD
#undef TILE_CASE
#undef TILE
#undef TILE_TARGET
#undef TILE_BYTES
#undef TILE_ROWS
#undef TILE_VECTORS
#undef TILE_ADD
