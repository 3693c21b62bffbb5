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
    for (; *text; text++) {
        size_t control = cli_text_control(text);
        if (control) { /* a terminal would obey it; its last byte is its number */
            text += control - 1;
            fprintf(out, "\\u%04x", (unsigned char)*text);
        } else {
            if (*text == '"' || *text == '\\')
                fputc('\\', out);
            fputc(*text, out);
        }
    }
    fputc('"', out);
}
