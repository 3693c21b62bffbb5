/* Names of classes that look like mistakes: the log tells of them, with counts and an example. */
#ifndef UNIC_DATA_ODD_NAMES_H
#define UNIC_DATA_ODD_NAMES_H

#include "data/class_names.h"

/* Classes that people would take for one. `path` is that of a table that has some of them. */
unic_status unic__report_near_names(const unic__class_names *names, const char *path);

/* Names of events that are more likely a list's, as no list is written, or of categories, each of
 * which is one class; and names of events with the escapes of a list. */
void unic__report_odd_names(const unic__class_names *names, const char *path, bool of_events);

/* Names that are all numbers, of which not each is that of its class. */
void unic__report_number_names(const unic__class_names *names, const char *path);

#endif
