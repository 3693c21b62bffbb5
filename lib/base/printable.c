#include "base/text.h"

/* Whether a character begins here that is not seen, or turns the direction of what is behind it: U+200B,
 * U+200E, U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF. U+200C and U+200D are parts of words. */
static bool is_hidden(const unsigned char *at)
{
    if (at[0] == 0xE2 && at[1] == 0x80)
        return at[2] == 0x8B || at[2] == 0x8E || at[2] == 0x8F ||
               (at[2] >= 0xA8 && at[2] < 0xAF);
    return (at[0] == 0xE2 && at[1] == 0x81 && at[2] >= 0xA0 && at[2] < 0xB0) ||
           (at[0] == 0xEF && at[1] == 0xBB && at[2] == 0xBF);
}

void unic__text_printable(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if (is_hidden(at)) {
            at[0] = at[1] = at[2] = '?';
            at += 2;
            continue;
        }
        bool wide = at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0; /* U+0080 to U+009F */
        if (*at < ' ' || *at == 0x7F || wide)
            *at = '?';
        if (wide)
            *++at = '?';
    }
}
