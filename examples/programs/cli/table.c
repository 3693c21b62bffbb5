#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"

void cli_table_begin(cli_table *table, size_t columns)
{
    memset(table, 0, sizeof *table);
    table->columns = columns;
}

static bool reserve(cli_table *t)
{
    if (t->count < t->capacity)
        return true;
    size_t capacity = t->capacity ? 2 * t->capacity : 64;
    void *cells = realloc(t->cells, capacity * sizeof *t->cells);
    if (!cells)
        return false;
    t->cells = cells;
    t->capacity = capacity;
    return true;
}

void cli_table_cell(cli_table *table, const char *format, ...)
{
    if (table->failed || !reserve(table)) {
        table->failed = true;
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(table->cells[table->count++], CLI_CELL, format, args);
    va_end(args);
}

/* The width of each column; NULL if memory is short. */
static int *widths_of(const cli_table *t)
{
    int *widths = calloc(t->columns, sizeof *widths);
    for (size_t i = 0; widths && i < t->count; i++) {
        int length = (int)strlen(t->cells[i]), *width = &widths[i % t->columns];
        *width = length > *width ? length : *width;
    }
    return widths;
}

bool cli_table_end(cli_table *table, FILE *out)
{
    int *widths = table->failed ? NULL : widths_of(table);
    bool ok = widths || cli_fail("out of memory (a table of %zu cells)", table->count);
    for (size_t i = 0; widths && i < table->count; i++) {
        size_t column = i % table->columns;
        fprintf(out, "%*s%s", column ? widths[column] + 2 : -widths[column], table->cells[i],
                column + 1 == table->columns ? "\n" : "");
    }
    if (widths)
        fputc('\n', out);
    free(widths);
    free(table->cells);
    memset(table, 0, sizeof *table);
    return ok;
}
