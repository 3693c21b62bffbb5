/* Shared by all tasks on codes: checks of codes against a codebook, and members of files. */
#ifndef UNIC_TASK_CODES_H
#define UNIC_TASK_CODES_H

#include "array/bundle.h"
#include "graph/param_table.h"
#include "model/codebook.h"

/* codes [clips,length] are in -1..L-1, and, if `needed`, each clip has one that is not -1.
 * UNIC_E_VALUE names clip and step. */
unic_status unic__check_codes(const unic_codebook *cb, const int32_t *codes, size_t clips,
                              size_t length, bool needed);

/* "codebook.embedding": the codes that the object in the file was made for. Reading checks the
 * member's shape before it asks for memory. */
void unic__bundle_codes(unic__bundle *b, const unic_codebook *cb);
unic_status unic__read_codes(unic__npz *z, unic__shape shape, unic_codebook **out);

/* Every parameter of a table under its own name: written; there and of its shape (a table that
 * is not sealed yet); read (sealed). */
void unic__bundle_table(unic__bundle *b, const unic__param_table *table);
unic_status unic__expect_table(unic__npz *z, const unic__param_table *table);
unic_status unic__read_table(unic__npz *z, unic__param_table *table);

#endif
