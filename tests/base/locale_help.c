#include "base/locale_help.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool locale_made(const char *name, const char *charset)
{
    const char *build = getenv("BUILD");
    char folder[512], whole[64], made[700], command[1500];
    snprintf(folder, sizeof folder, "%s/tests/locales", build ? build : "build");
    snprintf(whole, sizeof whole, "%s.%s", name, charset);
    snprintf(command, sizeof command, "localedef -i %s -f %s %s/%s 2>/dev/null", name, charset,
             folder, whole);
    mkdir(folder, 0777);
    setenv("LOCPATH", folder, 1);
    /* setlocale() remembers what it has not found: it is not asked before */
    snprintf(made, sizeof made, "%s/%s/LC_CTYPE", folder, whole);
    if (access(made, R_OK) != 0 && system(command) != 0)
        return false;
    return setlocale(LC_ALL, whole) != NULL;
}
