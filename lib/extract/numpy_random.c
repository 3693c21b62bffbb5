#include "extract/numpy_random.h"

#include <math.h>

/* ---- SeedSequence: a seed's 32-bit words, hashed into a pool of four, and that into states ---- */

enum { POOL = 4 };

static uint32_t hash_word(uint32_t value, uint32_t *constant)
{
    value ^= *constant;
    *constant *= 0x931E8875U;
    value *= *constant;
    return value ^ (value >> 16);
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    const uint32_t value = 0xCA01F9DDU * x - 0x4973F715U * y;
    return value ^ (value >> 16);
}

static void fill_pool(uint32_t pool[POOL], uint64_t seed)
{
    const uint32_t words[POOL] = {(uint32_t)seed, (uint32_t)(seed >> 32), 0, 0};
    uint32_t constant = 0x43B0D7E5U;
    for (size_t i = 0; i < POOL; i++)
        pool[i] = hash_word(words[i], &constant);
    for (size_t from = 0; from < POOL; from++)
        for (size_t to = 0; to < POOL; to++)
            if (from != to)
                pool[to] = mix(pool[to], hash_word(pool[from], &constant));
}

static void spread_pool(uint64_t state[4], const uint32_t pool[POOL])
{
    uint32_t constant = 0x8B51F9DDU, words[8];
    for (size_t i = 0; i < 8; i++) {
        uint32_t value = pool[i % POOL] ^ constant;
        constant *= 0x58F38DEDU;
        value *= constant;
        words[i] = value ^ (value >> 16);
    }
    for (size_t i = 0; i < 4; i++)
        state[i] = words[2 * i] | (uint64_t)words[2 * i + 1] << 32;
}

/* ---- PCG64: state <- state a + step, 128 bits in two halves; XSL-RR of it is the number ---- */

/* The upper half of a product of 64-bit numbers. */
static uint64_t upper(uint64_t a, uint64_t b)
{
    const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    const uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (uint32_t)middle;
    return a1 * b1 + (middle >> 32) + (other >> 32);
}

static void add(unic__numpy_random *r, uint64_t high, uint64_t low)
{
    r->low += low;
    r->high += high + (r->low < low);
}

static void advance(unic__numpy_random *r)
{
    const uint64_t high = UINT64_C(0x2360ED051FC65DA4), low = UINT64_C(0x4385DF649FCCF645);
    r->high = r->high * low + r->low * high + upper(r->low, low);
    r->low *= low;
    add(r, r->step_high, r->step_low);
}

uint64_t unic__numpy_random_bits(unic__numpy_random *r)
{
    advance(r);
    const uint64_t value = r->high ^ r->low;
    const unsigned turn = (unsigned)(r->high >> 58);
    return value >> turn | value << (-turn & 63);
}

/* ---- the ziggurat: 256 layers of equal area under exp(-x^2 / 2) ---- */

static const double last_layer = 3.6541528853610087963519472518; /* x where it begins */

static void fill_layers(unic__numpy_random *r)
{
    const double scale = 0x1p52, tail = sqrt(acos(-1.0) / 2) * erfc(last_layer / sqrt(2.0));
    double x = last_layer, before = x;
    const double layer_area = x * exp(-0.5 * x * x) + tail;
    const double base = layer_area / exp(-0.5 * x * x);
    r->bound[0] = (uint64_t)(x / base * scale);
    r->bound[1] = 0;
    r->width[0] = base / scale;
    r->width[255] = x / scale;
    r->height[0] = 1.0;
    r->height[255] = exp(-0.5 * x * x);
    for (size_t i = 254; i >= 1; i--) {
        x = sqrt(-2.0 * log(layer_area / x + exp(-0.5 * x * x)));
        r->bound[i + 1] = (uint64_t)(x / before * scale);
        before = x;
        r->height[i] = exp(-0.5 * x * x);
        r->width[i] = x / scale;
    }
}

static double uniform(unic__numpy_random *r)
{
    return (double)(unic__numpy_random_bits(r) >> 11) * 0x1p-53;
}

static double beyond_last(unic__numpy_random *r, bool negative)
{
    for (;;) {
        const double x = -log1p(-uniform(r)) / last_layer, y = -log1p(-uniform(r));
        if (y + y > x * x)
            return negative ? -(last_layer + x) : last_layer + x;
    }
}

double unic__numpy_random_normal(unic__numpy_random *r)
{
    for (;;) {
        const uint64_t bits = unic__numpy_random_bits(r);
        const size_t layer = bits & 0xFF;
        const bool negative = bits >> 8 & 1;
        const uint64_t place = bits >> 9 & UINT64_C(0x000FFFFFFFFFFFFF);
        const double x = (double)place * r->width[layer];
        if (place < r->bound[layer])
            return negative ? -x : x;
        if (layer == 0)
            return beyond_last(r, bits >> 17 & 1);
        if ((r->height[layer - 1] - r->height[layer]) * uniform(r) + r->height[layer] <
            exp(-0.5 * x * x))
            return negative ? -x : x;
    }
}

void unic__numpy_random_begin(unic__numpy_random *r, uint64_t seed)
{
    uint32_t pool[POOL];
    uint64_t state[4];
    fill_pool(pool, seed);
    spread_pool(state, pool);
    r->step_high = state[2] << 1 | state[3] >> 63;
    r->step_low = state[3] << 1 | 1;
    r->high = r->low = 0;
    advance(r);
    add(r, state[0], state[1]);
    advance(r);
    fill_layers(r);
}
