/* Stands in for the programs' cli/report.c: messages are made, and not printed. */
#include "cli/report.h"

#include <stdarg.h>
#include <stdlib.h>

static bool drop(const char *format, va_list args)
{
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    return false;
}

bool cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    drop(format, args);
    va_end(args);
    return false;
}

bool cli_ok(unic_status status)
{
    return status == UNIC_OK;
}

void *cli_alloc(size_t count, size_t size)
{
    return calloc(count ? count : 1, size ? size : 1);
}

double cli_now(void)
{
    return 0.0;
}
