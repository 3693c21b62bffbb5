/* Nearest code of each row (P2), without materialising the distances. */
#ifndef UNIC_KERNEL_ASSIGN_H
#define UNIC_KERNEL_ASSIGN_H

#include "base/base.h"

/* Codes e [count,dim], and the values derived from them for assignment. */
typedef struct unic__code_table {
    size_t count, dim;
    const float *e;
    float *centre; /* [dim] the mean of e                            */
    float *packed; /* e - centre as unic__pack (kernel/packed.h) lays it out */
    float *norm;   /* [count] ||e_l - centre||^2                      */
    double radius; /* the largest ||e_l - centre||                    */
} unic__code_table;

/* Memory for count and dim; the codes themselves are borrowed. UNIC_E_NOMEM: nothing is
 * held. */
unic_status unic__code_table_create(unic__code_table *t, const float *e, size_t count,
                                    size_t dim);
void unic__code_table_free(unic__code_table *t);

/* Recomputes the derived values; to be called after every change of e. */
void unic__code_table_refresh(unic__code_table *t);

/*
 * codes[r] = argmin_l ||z_r - e_l|| of z [rows,dim], as double precision gives it; the lowest l
 * on a tie. Values may be as large or small as a float can be. Split over unic__threads();
 * scratch is a fixed block on each thread's stack.
 */
void unic__assign(int32_t *codes, const float *z, size_t rows, const unic__code_table *t);

#endif
