/*
 * A head on codes. It is small, and codes are few, so a trained head is two tables: each code's
 * output of the first layer, and of both layers.
 *
 *   clip:  logits = W2 max_t (W1 e_{c_t} + b1) + b2
 *   step:  logits_t = W2 (W1 e_{c_t} + b1) + b2
 */
#ifndef UNIC_TASK_HEAD_H
#define UNIC_TASK_HEAD_H

#include "base/use.h"
#include "model/codebook.h"
#include "task/options.h"
#include "train/adam.h"
#include "unicode/unic_head.h"

struct unic_head {
    unic__use use;
    unic_head_options options; /* with the defaults filled in */
    unic_codebook *codebook;   /* a copy */
    uint64_t fingerprint;
    bool trained; /* by a fit, or in the file that it is from */
    unic__param_table params;
    unic__adam adam;
    float *hidden; /* [L,hidden] W1 e + b1 */
    float *logits; /* [L,classes] W2 hidden + b2, for step heads */
};

/* head_options.c. Zero members take their defaults (`dim` is of the codes); the others must be
 * in range and go together. A failure is of `status`; its message begins with `prefix`. */
extern const unic__options_table unic__head_options;
unic_status unic__head_complete(unic_head_options *options, size_t dim, const char *prefix,
                                unic_status status);

/* Takes over `codebook`, also on failure; the options are checked. */
unic_status unic__head_create(unic_head **out, unic_codebook *codebook,
                              const unic_head_options *options);
void unic__head_free(unic_head *head);
unic_status unic__head_fit(double *loss, unic_head *head, const int32_t *codes, size_t clips,
                           size_t length, const int32_t *labels);
/* codes and weights [clips,length,k]; weights NULL: k is 1, and so are they. */
void unic__head_predict(const unic_head *head, const int32_t *codes, const float *weights,
                        size_t k, size_t clips, size_t length, float *logits);
void unic__head_mask_labels(const unic_head *head, const int32_t *codes, size_t clips,
                            size_t length, int32_t *labels);
/* Computes the tables from the current parameters. */
void unic__head_tabulate(unic_head *head);
unic_status unic__head_save(const unic_head *head, unic__output to);
unic_status unic__head_load(unic_head **out, unic__source *source);

#endif
