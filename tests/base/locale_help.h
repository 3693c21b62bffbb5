/* A host's locale, for what must not depend on it. */
#ifndef TESTS_BASE_LOCALE_HELP_H
#define TESTS_BASE_LOCALE_HELP_H

#include <stdbool.h>

/* Makes a locale below BUILD by localedef, unless it is there, and sets it, as a program does that
 * calls setlocale(LC_ALL, ""); false where it cannot be made. */
bool locale_made(const char *name, const char *charset);

#endif
