#include "file/text_file.h"

#include "file/file.h"

static unic_status read_all(const unic__file *file, char **text, const char *what)
{
    size_t size = (size_t)file->size;
    if (!(*text = unic__alloc(size + 1)))
        return unic__no_memory(size + 1, what);
    (*text)[size] = '\0';
    return unic__file_read_at(file, 0, *text, size);
}

unic_status unic__text_load(char **text, size_t *size, const char *path, size_t most,
                            const char *what)
{
    unic__file file;
    *text = NULL;
    *size = 0;
    UNIC__TRY(unic__file_open(&file, path));
    unic_status status = UNIC_OK;
    if (file.size > most)
        status = unic__fail(UNIC_E_FORMAT, "%s has more than %zu bytes, too many for %s", path,
                            most, what);
    else if ((status = read_all(&file, text, what)) != UNIC_OK && status != UNIC_E_NOMEM)
        status = unic__fail_in(status, "%s", path);
    *size = (size_t)file.size;
    unic__file_close(&file);
    if (status != UNIC_OK) {
        unic__free(*text);
        *text = NULL;
    }
    return status;
}
