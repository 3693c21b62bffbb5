#include "base/complaint.h"

#include <stdio.h>
#include <string.h>

void unic__complain(unic__complaint *c, const char *format, ...)
{
    char line[300];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    c->n++;
    if (c->named + 1 < c->n || c->at + strlen(line) + 2 >= sizeof c->text)
        return; /* one was left out: so are those behind it */
    c->at += (size_t)snprintf(c->text + c->at, sizeof c->text - c->at, "%s%s",
                              c->at ? "; " : "", line);
    c->named++;
}

const char *unic__complaint_rest(const unic__complaint *c)
{
    return c->named < c->n ? "; ..." : "";
}
