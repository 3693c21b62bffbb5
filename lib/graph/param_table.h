/*
 * The table of parameters: name, shape, initialiser, group. Model code declares a parameter
 * where it uses it (unic__param_node), so the table cannot disagree with the model; sizing,
 * initialising, saving, the optimiser and the gradient tests all walk over the table.
 */
#ifndef UNIC_GRAPH_PARAM_TABLE_H
#define UNIC_GRAPH_PARAM_TABLE_H

#include "base/base.h"

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
    bool product; /* [n,k], used by operators that also take it packed (kernel/packed.h) */
    size_t offset, count; /* place in values and grads, in floats                        */
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
    bool packed;   /* the weights of its products are packed: for inference only */
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

/* The same without gradients, and with room for packing in place: the values are filled in
 * plain, then packed all at once. */
unic_status unic__param_table_seal_for_packing(unic__param_table *params);
unic_status unic__param_table_pack(unic__param_table *params);

/* The plain values of a parameter of a table that may be packed. */
void unic__param_table_read(const unic__param_table *params, const unic__param *p,
                            float *values);
/* The same for all parameters, one after the other; free *out with unic__free(). */
unic_status unic__param_table_unpacked(const unic__param_table *params, float **out);

/* Draws every value from its initialiser: a function of (seed, name, element). */
void unic__param_table_init(unic__param_table *params, uint64_t seed);

void unic__param_table_free(unic__param_table *params);

#endif
