#include "base/text.h"

void unic__text_printable(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        bool wide = at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0; /* U+0080 to U+009F */
        if (*at < ' ' || *at == 0x7F || wide)
            *at = '?';
        if (wide)
            *++at = '?';
    }
}
