#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/*
 * [+-] digits [. digits] [e [+-] digits], without other characters. strtod gets the digits
 * without their point, "1.25e-3" as "125e-5", since the point that it accepts depends on the
 * locale. Numbers that are too large become infinite, which no key allows.
 */
bool unic__parse_number(const char *text, double *value)
{
    char plain[UNIC__NUMBER_BYTES + 16];
    size_t n = 0, digits = 0;
    int after_point = 0;
    if (strlen(text) >= UNIC__NUMBER_BYTES)
        return false;
    if (*text == '+' || *text == '-')
        plain[n++] = *text++;
    for (; is_digit(*text); digits++)
        plain[n++] = *text++;
    if (*text == '.')
        for (text++; is_digit(*text); digits++, after_point++)
            plain[n++] = *text++;
    if (digits == 0)
        return false;
    int exponent = 0;
    if (*text == 'e' || *text == 'E') {
        bool negative = *++text == '-';
        text += *text == '+' || *text == '-';
        if (!is_digit(*text))
            return false;
        for (; is_digit(*text); text++)
            exponent = exponent < 10000 ? 10 * exponent + (*text - '0') : exponent;
        exponent = negative ? -exponent : exponent;
    }
    snprintf(plain + n, sizeof plain - n, "e%d", exponent - after_point);
    const int rounding = fegetround(); /* of the application, which strtod() follows */
    fesetround(FE_TONEAREST);
    *value = strtod(plain, NULL);
    fesetround(rounding);
    return *text == '\0';
}
