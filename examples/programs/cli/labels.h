/* Numbers of classes: how many there are of each, and such as may be meant as none. */
#ifndef UNIC_CLI_LABELS_H
#define UNIC_CLI_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include <unicode/unic.h>

/* Labels of a dataset by name, if it has them. If they have more than `rank_of_classes` dims,
 * the last dim is the classes, 0 or 1 each. */
bool cli_labels_print(unic_dataset *data, const char *name, size_t rank_of_classes);

/* How many labels are 255 or 65535, where that is the largest, and none is of the number before it:
 * what does not count in files of unsigned numbers, which cannot hold -1. *value is the largest. */
size_t cli_labels_ignored(int32_t *value, const int32_t *labels, size_t n);

#endif
