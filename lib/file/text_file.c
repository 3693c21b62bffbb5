#include "file/text_file.h"

#include "file/file.h"
#include "file/sniff.h"

enum { FIRST = 1 << 12 }; /* of a file that says no size */

/* Room for twice the text, at most for `most` bytes and one that is too many; with the NUL behind. */
static unic_status grow(char **text, size_t *room, size_t most, const char *what)
{
    size_t larger = *room <= most / 2 ? 2 * *room : most + 1;
    char *grown = unic__realloc(*text, *room, larger + 1);
    if (!grown)
        return unic__no_memory(larger + 1, what);
    *text = grown;
    *room = larger;
    return UNIC_OK;
}

/* To the end, wherever that is: /proc and some file systems say a size of 0, and a file may grow.
 * One byte of room beyond the size finds it in one read. */
static unic_status read_all(const unic__file *file, char **text, size_t *size, size_t most,
                            const char *what)
{
    size_t room = file->size ? (size_t)file->size + 1 : FIRST, got;
    room = room <= most ? room : most + 1;
    if (!(*text = unic__alloc(room + 1)))
        return unic__no_memory(room + 1, what);
    for (;;) {
        UNIC__TRY(unic__file_read_some(file, *size, *text + *size, room - *size, &got));
        *size += got;
        if (*size < room || *size > most)
            break;
        UNIC__TRY(grow(text, &room, most, what));
    }
    (*text)[*size] = '\0';
    return *size < file->size ? unic__file_ended(file, *size) : UNIC_OK;
}

/* A model, an archive or the like is named as what it is, also if it is too large for a text. */
static unic_status check_kind(const unic__file *file, const char *path, const char *what)
{
    unsigned char head[UNIC__FILE_HEAD];
    size_t size = 0;
    unic_status status = unic__file_read_some(file, 0, head, sizeof head, &size);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", path);
    const unic__file_kind kind = unic__file_kind_of_bytes(head, size, file->size);
    return kind == UNIC__FILE_UNKNOWN
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT, "%s: is %s, %s expected, which is a text", path,
                            unic__file_kind_name(kind), what);
}

unic_status unic__text_load(char **text, size_t *size, const char *path, size_t most,
                            const char *what)
{
    unic__file file;
    *text = NULL;
    *size = 0;
    UNIC__TRY(unic__file_open(&file, path));
    unic_status status = check_kind(&file, path, what);
    bool fits = file.size <= most;
    if (status == UNIC_OK && fits &&
        (status = read_all(&file, text, size, most, what)) != UNIC_OK && status != UNIC_E_NOMEM)
        status = unic__fail_in(status, "%s", path);
    if (status == UNIC_OK && (!fits || *size > most))
        status = unic__fail(UNIC_E_FORMAT, "%s has more than %zu bytes, too many for %s", path,
                            most, what);
    unic__file_close(&file);
    if (status != UNIC_OK) {
        unic__free(*text);
        *text = NULL;
        *size = 0;
    }
    return status;
}
