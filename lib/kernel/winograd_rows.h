/*
 * The transforms for one instruction set: winograd_transform.c includes this once for each,
 * with
 *   WINOGRAD(x)      a name for x of this instruction set
 *   WINOGRAD_TARGET  the functions' attribute
 *   WINOGRAD_BYTES   bytes of a vector
 * Every matrix and side is a constant in its copy, so that the loops unroll and the products by
 * 0 and 1 vanish.
 */
typedef float WINOGRAD(vector)
    __attribute__((vector_size(WINOGRAD_BYTES), aligned(4), may_alias));
typedef int32_t WINOGRAD(bits) __attribute__((vector_size(WINOGRAD_BYTES)));

enum { WINOGRAD(lanes) = WINOGRAD_BYTES / sizeof(float) };

/* sum_r M[i,r] x[r], where m is M [out,in], or M^T if `transposed` */
WINOGRAD_TARGET __attribute__((always_inline)) static inline WINOGRAD(vector)
    WINOGRAD(combine)(const float *m, const bool transposed, const size_t out, const size_t in,
                      const size_t i, const WINOGRAD(vector) * x)
{
    WINOGRAD(vector) sum = {0};
    bool first = true;
#pragma GCC unroll 6
    for (size_t r = 0; r < in; r++) {
        const float k = transposed ? m[r * out + i] : m[i * in + r];
        if (k != 0.0F) {
            if (first)
                sum = k * x[r];
            else
                sum += k * x[r];
            first = false;
        }
    }
    return sum;
}

/* y + b, then its maximum with 0, of what is asked for; without a branch for every element. */
WINOGRAD_TARGET __attribute__((always_inline)) static inline WINOGRAD(vector)
    WINOGRAD(ended)(const WINOGRAD(vector) y, const WINOGRAD(vector) bias, const bool relu)
{
    const WINOGRAD(vector) sum = y + bias;
    return relu ? (WINOGRAD(vector))((WINOGRAD(bits))sum & ~(WINOGRAD(bits))(sum < 0.0F)) : sum;
}

/* Y = M X M^T of some lanes; `ends`: with what follows an output. */
WINOGRAD_TARGET __attribute__((always_inline)) static inline void
WINOGRAD(sandwich)(const elements *e, size_t from, size_t to, size_t k, const float *m,
                   const bool transposed, const size_t out, const size_t in, const bool ends)
{
    const bool add = e->add, relu = e->relu;
    const WINOGRAD(vector) bias = ends && e->bias ? *(const WINOGRAD(vector) *)(e->bias + k)
                                                  : (WINOGRAD(vector)){0};
    WINOGRAD(vector) x[6], half[6][6];
#pragma GCC unroll 6
    for (size_t c = 0; c < in; c++) {
#pragma GCC unroll 6
        for (size_t r = 0; r < in; r++)
            x[r] = *(const WINOGRAD(vector) *)(e->from[r * in + c] + from);
#pragma GCC unroll 6
        for (size_t i = 0; i < out; i++)
            half[i][c] = WINOGRAD(combine)(m, transposed, out, in, i, x);
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < out; i++)
#pragma GCC unroll 6
        for (size_t j = 0; j < out; j++) {
            WINOGRAD(vector) y = WINOGRAD(combine)(m, transposed, out, in, j, half[i]);
            WINOGRAD(vector) *element = (WINOGRAD(vector) *)(e->to[i * out + j] + to);
            if (add)
                y += *element;
            *element = ends ? WINOGRAD(ended)(y, bias, relu) : y;
        }
}

#define WINOGRAD_STEP(kind, m, matrix, transposed, out, in, ends)                              \
    WINOGRAD_TARGET static void WINOGRAD(kind##_##m##_lanes)(const elements *e, size_t from,   \
                                                             size_t to, size_t k)              \
    {                                                                                          \
        WINOGRAD(sandwich)(e, from, to, k, matrix, transposed, out, in, ends);                 \
    }                                                                                          \
    static void WINOGRAD(kind##_##m)(const unic__winograd_step *s)                             \
    {                                                                                          \
        run(s, in, out, WINOGRAD(lanes), WINOGRAD(kind##_##m##_lanes));                        \
    }

#define WINOGRAD_STEPS(m, a)                                                                   \
    WINOGRAD_STEP(input, m, bt_##m, false, a, a, false)                                        \
    WINOGRAD_STEP(input_adjoint, m, bt_##m, true, a, a, false)                                 \
    WINOGRAD_STEP(output, m, at_##m, false, m, a, true)                                        \
    WINOGRAD_STEP(output_adjoint, m, at_##m, true, a, m, false)                                \
    WINOGRAD_STEP(weight, m, g_##m, false, a, 3, false)                                        \
    WINOGRAD_STEP(weight_adjoint, m, g_##m, true, 3, a, false)

WINOGRAD_STEPS(2, 4)
WINOGRAD_STEPS(3, 5)
WINOGRAD_STEPS(4, 6)

#define WINOGRAD_KINDS(m)                                                                      \
    {                                                                                          \
        WINOGRAD(input_##m), WINOGRAD(input_adjoint_##m), WINOGRAD(output_##m),                \
            WINOGRAD(output_adjoint_##m), WINOGRAD(weight_##m), WINOGRAD(weight_adjoint_##m)   \
    }

static unic__winograd_transform *const WINOGRAD(table)[][UNIC__WINOGRAD_KINDS] = {
    WINOGRAD_KINDS(2), WINOGRAD_KINDS(3), WINOGRAD_KINDS(4)};

#undef WINOGRAD_STEP
#undef WINOGRAD_STEPS
#undef WINOGRAD_KINDS
#undef WINOGRAD
#undef WINOGRAD_TARGET
#undef WINOGRAD_BYTES
