/*
 * Squared distances without cancellation: by the sum of squared differences, never by
 * ||a||^2 + ||b||^2 - 2 a.b, which loses all digits where rows lie far from the origin or near
 * to each other. That form is only used to screen: products of rows shifted to a common centre
 * select the pairs that can matter, within an error that unic__screen_error() bounds, and
 * unic__distance2() measures those again.
 */
#ifndef UNIC_KERNEL_DISTANCE_H
#define UNIC_KERNEL_DISTANCE_H

#include <math.h>

#include "base/base.h"

/* ||a - b||^2 of rows [n] in double precision: equal for equal rows, no overflow. */
double unic__distance2(const float *a, const float *b, size_t n);

/* ||a - centre||^2 of a row [n] as unic__centre() rounds it, since products use those rows. */
double unic__centred_norm2(const float *a, const float *centre, size_t n);

/* to [rows,n] = x [rows,n] - centre [n]; x's rows are x_row floats apart. */
void unic__centre(float *to, const float *x, size_t x_row, const float *centre, size_t rows,
                  size_t n);

/* The same, in place, for rows [rows,n] that unic__pack() laid out. */
void unic__centre_packed(float *packed, const float *centre, size_t rows, size_t n);

/* mean [n] <- the mean of rows [rows,n]. rows > 0. */
void unic__mean_row(float *mean, const float *x, size_t rows, size_t n);

/*
 * How far 2 a.b - ||b||^2, computed in float32 from centred rows of n floats and rounded up to
 * four times more, can be from its true value, for ||a|| = length_a and ||b|| = length_b:
 *     slope ||b|| (||a|| + ||b||) + floor
 * A sum of n products is off by at most n u sum |a_j b_j| in any order (u = 2^-24); what is
 * beyond n covers the differences, the norm and the last roundings; the floor, products that
 * underflow.
 */
typedef struct unic__screen {
    double slope, floor;
} unic__screen;

static inline unic__screen unic__screen_of(size_t n)
{
    return (unic__screen){2.1 * ((double)n + 12.0) * 0x1p-24,
                          4.0 * ((double)n + 12.0) * 0x1p-149};
}

static inline double unic__screen_error(unic__screen s, double length_a, double length_b)
{
    return s.slope * length_b * (length_a + length_b) + s.floor;
}

/* Whether the bound holds: a product of longer rows could overflow. */
static inline bool unic__screen_holds(double length_a, double length_b)
{
    const double most = 1e18;
    return length_a < most && length_b < most;
}

/* y [rows,count] = ||x_r - e_l||^2, each with a relative error below 1e-6: x [rows,n]; e
 * [count,n] as unic__pack() lays it out. On the calling thread. */
void unic__distances(float *y, size_t y_row, const float *x, size_t rows, const float *packed,
                     size_t count, size_t n);

/*
 * to [rows,n] (+)= 2 sum_l w_rl (x_r - e_l), the gradient of sum w ||x - e||^2. w's element
 * (r,l) is w[r w_row + l w_column]; e is [count,n]. On the calling thread.
 */
typedef struct unic__pull {
    float *to;
    bool fresh; /* store, do not add */
    const float *w;
    size_t w_row, w_column;
    const float *x, *e;
    size_t count, n;
} unic__pull;

void unic__pull_rows(const unic__pull *p, size_t from, size_t to);

#endif
