/*
 * A retriever: codes of a clip and vectors of a gallery, mapped into one space in which a clip
 * is near its own item. The options are in retriever_options.c, the networks and their
 * training in retriever.c, the file in retriever_file.c.
 */
#ifndef UNIC_TASK_RETRIEVER_H
#define UNIC_TASK_RETRIEVER_H

#include "array/npz.h"
#include "base/use.h"
#include "graph/nodes.h"
#include "model/codebook.h"
#include "task/options.h"
#include "train/adam.h"
#include "unicode/unic_retriever.h"

struct unic_retriever {
    unic__use use;
    unic_retriever_options options; /* complete */
    unic_codebook *codebook;        /* a copy */
    uint64_t fingerprint;
    bool trained;              /* by a fit, or in the file that it is from */
    unic__param_table *params; /* a pointer: graphs of a const retriever read it */
    unic__adam adam;
};

extern const unic__options_table unic__retriever_options;

/* retriever_options.c. Fills in what is zero, and checks. Failures are of `status` and name the
 * option. */
unic_status unic__retriever_complete(unic_retriever_options *options, const char *prefix,
                                     unic_status status);

/* Takes over `codebook`, also on failure; the options are complete. From a file (`z`) if it is
 * not NULL: its members must be as the options say before memory is asked for them. */
unic_status unic__retriever_create(unic_retriever **out, unic_codebook *codebook,
                                   const unic_retriever_options *options, unic__npz *z);
void unic__retriever_free(unic_retriever *r);

/* One batch's graph. */
typedef struct unic__retriever_graph {
    unic__graph g;
    size_t batch;
    unic__node *mean;   /* [B,D] of the code vectors of each clip     */
    unic__node *item;   /* [B,item_dim]                               */
    unic__node *q, *v;  /* [B,dim]                                    */
    unic__node *there;  /* [B] 1 for rows that hold a clip            */
    unic__node *target; /* i32 [B]: each row's own number, or -1      */
    unic__node *loss;
} unic__retriever_graph;

/* The graph that trains; its first use declares the parameters. Errors are kept in h->g. */
void unic__retriever_build(unic__retriever_graph *h, const unic_retriever *r, size_t batch);
/* mean = mean_t e_{c_t} over a clip's valid steps */
void unic__retriever_mean(const unic_codebook *cb, const int32_t *codes, size_t length,
                          float *mean);

/* Codes are checked, arrays have the right dims. */
unic_status unic__retriever_fit(double *loss, unic_retriever *r, const int32_t *codes,
                                size_t clips, size_t length, const unic_array *items);
unic_status unic__retriever_queries(const unic_retriever *r, const int32_t *codes, size_t clips,
                                    size_t length, float *out);
unic_status unic__retriever_items(const unic_retriever *r, const unic_array *items, float *out);

unic_status unic__retriever_save(const unic_retriever *r, unic__output to);
unic_status unic__retriever_load(unic_retriever **out, unic__source *source);

#endif
