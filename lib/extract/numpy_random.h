/*
 * The normal numbers of numpy.random.default_rng(seed).standard_normal(n): tables that scripts have
 * drawn with numpy are drawn again here. PCG64 (O'Neill, 2014) seeded by SeedSequence (O'Neill,
 * 2015), and the ziggurat of 256 layers (Marsaglia and Tsang, 2000). numpy promises that a seed's
 * stream stays as it is (NEP 19 lets new versions change it, and none has).
 */
#ifndef UNIC_EXTRACT_NUMPY_RANDOM_H
#define UNIC_EXTRACT_NUMPY_RANDOM_H

#include "base/base.h"

enum { UNIC__ZIGGURAT = 256 };

typedef struct unic__numpy_random {
    uint64_t high, low;           /* of the generator's state     */
    uint64_t step_high, step_low; /* of its increment             */
    uint64_t bound[UNIC__ZIGGURAT];
    double width[UNIC__ZIGGURAT], height[UNIC__ZIGGURAT]; /* layers of the ziggurat */
} unic__numpy_random;

void unic__numpy_random_begin(unic__numpy_random *r, uint64_t seed);
uint64_t unic__numpy_random_bits(unic__numpy_random *r);
double unic__numpy_random_normal(unic__numpy_random *r);

#endif
