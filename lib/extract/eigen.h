/* Eigenvectors of a symmetric matrix. */
#ifndef UNIC_EXTRACT_EIGEN_H
#define UNIC_EXTRACT_EIGEN_H

#include "base/base.h"

/*
 * By Jacobi's rotations (Golub and Van Loan, 8.5), cyclic, until what is off the diagonal is below
 * rounding: a [n,n] becomes diagonal, its eigenvalues, and row i of vectors [n,n] the eigenvector
 * of a[i,i], of length 1. Both are in no order.
 */
void unic__eigen(double *a, double *vectors, size_t n);

#endif
