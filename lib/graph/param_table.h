/*
 * The table of parameters: name, shape, initialiser, group. Model code declares a parameter
 * where it uses it (unic__param_node), so the table cannot disagree with the model; sizing,
 * initialising, saving, the optimiser and the gradient tests all walk over the table.
 */
#ifndef UNIC_GRAPH_PARAM_TABLE_H
#define UNIC_GRAPH_PARAM_TABLE_H

#include "base/half.h"

typedef enum unic__init_kind {
    UNIC__INIT_ZEROS,
    UNIC__INIT_ONES,
    UNIC__INIT_UNIFORM, /* U(-bound, bound) */
} unic__init_kind;

typedef struct unic__init {
    unic__init_kind kind;
    double bound;
} unic__init;

typedef struct unic__param {
    const char *name;
    unic__shape shape;
    unic__init init;
    size_t group; /* index into groups: the module it is clipped and reported with     */
    bool decay;   /* weight decay applies (matrices; not biases, not layer norms)      */
    bool frozen;  /* gradients are not used: it keeps its values and moments           */
    bool product; /* [n,k], used by operators that also take it packed (kernel/packed.h) */
    /* of a convolution: the side of Winograd's tiles for which the table of a network for inference
     * also keeps it transformed (kernel/winograd.h); 0: it does not */
    size_t tile;
    size_t offset, count; /* place in values and grads, in floats; number of elements    */
} unic__param;

enum { UNIC__MAX_GROUPS = 16 };

typedef struct unic__param_table {
    unic__arena arena;
    unic__param **at; /* in the order of declaration */
    size_t n, capacity;
    const char *group[UNIC__MAX_GROUPS];
    size_t group_count;
    size_t total;  /* floats, each parameter padded to a cache line; the padding stays 0 */
    float *values; /* NULL until sealed */
    float *grads;  /* NULL if sealed without gradients */
    /* For inference only: the weights of its products are packed, and matrices hold numbers of
     * this type, in memory of 16 bits a number if they are packed. */
    bool packed;
    unic__float_type type;
} unic__param_table;

/* The parameter of this name, or NULL. */
unic__param *unic__param_table_find(const unic__param_table *params, const char *name);

/* Adds it, or finds it again; UNIC_E_SHAPE if it was declared with another shape. `name` and
 * `group` are copied. A sealed table takes no new names (UNIC_E_STATE). */
unic_status unic__param_table_declare(unic__param_table *params, const char *name,
                                      const unic__shape *shape, unic__init init,
                                      const char *group, unic__param **out);

/* Allocates values (zero) and, if asked, gradients; no more declarations after it. */
unic_status unic__param_table_seal(unic__param_table *params, bool with_grads);

/* The same for inference: the values come from unic__param_table_put(). */
unic_status unic__param_table_seal_weights(unic__param_table *params, bool packed,
                                           unic__float_type type);

/* Rounds a parameter's values to numbers of `type`, if it is a matrix: vectors (biases, norms)
 * stay float32, since they are few. UNIC_E_NUMERIC names a value beyond the type's range. */
unic_status unic__param_round(const unic__param *p, unic__float_type type, float *values);

/* Gives a parameter of a table for inference its plain values, which are rounded in place. */
unic_status unic__param_table_put(unic__param_table *params, const unic__param *p,
                                  float *values);
/* The weight of a convolution as it is kept transformed, behind its values; NULL: it is not. */
const float *unic__param_kept(const unic__param_table *params, const unic__param *p);

/* The most elements that one of its parameters has. */
size_t unic__param_table_largest(const unic__param_table *params);

/* The plain values of a parameter of a table that may be packed. */
void unic__param_table_read(const unic__param_table *params, const unic__param *p,
                            float *values);
/* The same for all parameters, one after the other; free *out with unic__free(). */
unic_status unic__param_table_unpacked(const unic__param_table *params, float **out);

/* Draws every value from its initialiser: a function of (seed, name, element). */
void unic__param_table_init(unic__param_table *params, uint64_t seed);

void unic__param_table_free(unic__param_table *params);

#endif
