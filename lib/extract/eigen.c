#include "extract/eigen.h"

#include <math.h>
#include <string.h>

enum { SWEEPS = 60 }; /* ten are usual, since it converges quadratically */

static void rotate_rows(double *p, double *q, size_t n, double c, double s)
{
    for (size_t k = 0; k < n; k++) {
        const double x = p[k], y = q[k];
        p[k] = c * x - s * y;
        q[k] = s * x + c * y;
    }
}

/* The rotation of rows and columns p and q that makes a[p,q] zero. */
static void annihilate(double *a, double *vectors, size_t n, size_t p, size_t q)
{
    const double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
    const double t = (theta < 0 ? -1.0 : 1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
    rotate_rows(a + p * n, a + q * n, n, c, s);
    for (size_t k = 0; k < n; k++) {
        const double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    a[p * n + q] = a[q * n + p] = 0;
    rotate_rows(vectors + p * n, vectors + q * n, n, c, s);
}

void unic__eigen(double *a, double *vectors, size_t n)
{
    double trace = 0;
    memset(vectors, 0, n * n * sizeof *vectors);
    for (size_t i = 0; i < n; i++) {
        vectors[i * n + i] = 1;
        trace += fabs(a[i * n + i]);
    }
    const double least = 1e-16 * trace;
    bool turned = true;
    for (int sweep = 0; sweep < SWEEPS && turned; sweep++) {
        turned = false;
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > least) {
                    annihilate(a, vectors, n, p, q);
                    turned = true;
                }
    }
}
