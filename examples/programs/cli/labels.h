/* Prints a histogram of labels: the number of each class. */
#ifndef UNIC_CLI_LABELS_H
#define UNIC_CLI_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include <unicode/unic.h>

/* Labels of a dataset by name, if it has them. If they have more than `rank_of_classes` dims,
 * the last dim is the classes, 0 or 1 each. */
bool cli_labels_print(unic_dataset *data, const char *name, size_t rank_of_classes);

#endif
