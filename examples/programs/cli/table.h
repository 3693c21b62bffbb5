/*
 * A small table of text: columns are as wide as their contents; the first is left-aligned, the
 * others right-aligned.
 */
#ifndef UNIC_CLI_TABLE_H
#define UNIC_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { CLI_CELL = 48 };

typedef struct cli_table {
    size_t columns, count;
    char (*cells)[CLI_CELL]; /* row by row */
    size_t capacity;
    bool failed; /* out of memory */
} cli_table;

/* An empty table. */
void cli_table_begin(cli_table *table, size_t columns);

/* The next cell; cells fill row after row. */
__attribute__((format(printf, 2, 3))) void cli_table_cell(cli_table *table, const char *format,
                                                          ...);

/* Prints the table, a blank line behind it, and frees it. */
bool cli_table_end(cli_table *table, FILE *out);

#endif
