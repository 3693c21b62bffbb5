#include "file/litter.h"

#include <string.h>

bool unic__is_litter(const char *path)
{
    static const char *const names[] = {".DS_Store",   "Thumbs.db",   "ehthumbs.db",
                                        "desktop.ini", "Desktop.ini", ".directory",
                                        "Icon\r",      ".gitkeep"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!*name || strncmp(name, "._", 2) == 0 || strncmp(path, "__MACOSX/", 9) == 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strstr(path, "/__MACOSX/") != NULL;
}
