/* Labels as a picture: how many there are of each class. */
#ifndef UNIC_CLI_LABELS_H
#define UNIC_CLI_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include <unicode/unic.h>

/* Labels of a dataset by their name, if it has them; of more dims than `rank_of_classes`, the
 * last one is of classes, 0 or 1 each. */
bool cli_labels_print(unic_dataset *data, const char *name, size_t rank_of_classes);

#endif
