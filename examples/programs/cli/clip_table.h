/* Which arguments of the programs are tables of clips, as the library knows them: by the suffix. */
#ifndef UNIC_CLI_CLIP_TABLE_H
#define UNIC_CLI_CLIP_TABLE_H

#include <stddef.h>

/* The bytes of the table's path in "TABLE.csv" or "TABLE.csv:SPLIT" (also .tsv and .txt, in any
 * case); 0: it is none. */
size_t cli_table_size(const char *path);

#endif
