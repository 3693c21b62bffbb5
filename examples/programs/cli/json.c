#include "cli/json.h"

#include <math.h>

#include "cli/text.h"

void cli_json_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "%.9g", value);
    else
        fputs("null", out);
}

void cli_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    while (*text) {
        size_t control = cli_text_control(text), bytes = cli_text_utf8(text);
        if (control || !bytes) { /* a terminal would obey the one, JSON cannot have the other */
            text += control ? control - 1 : 0; /* the last byte is the number */
            fprintf(out, "\\u%04x", (unsigned char)*text++);
            continue;
        }
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        for (; bytes; bytes--)
            fputc(*text++, out);
    }
    fputc('"', out);
}
