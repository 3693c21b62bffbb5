#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/report.h"

/* Where standard streams are closed, a file could become one of them, and take what is printed. */
static int apart_from_streams(int file)
{
    if (file < 0 || file > STDERR_FILENO)
        return file;
    const int apart = fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int reason = errno;
    close(file);
    errno = reason;
    return apart;
}

int cli_open(const char *path, int flags)
{
    int file;
    do
        file = open(path, flags | O_CLOEXEC, 0666);
    while (file < 0 && errno == EINTR);
    return apart_from_streams(file);
}

FILE *cli_fopen(const char *path, const char *mode)
{
    const int file = cli_open(path, *mode == 'a'        ? O_WRONLY | O_APPEND | O_CREAT
                                    : strchr(mode, '+') ? O_RDWR
                                                        : O_RDONLY);
    FILE *stream = file < 0 ? NULL : fdopen(file, mode);
    if (!stream && file >= 0) {
        const int reason = errno;
        close(file);
        errno = reason;
    }
    return stream;
}

DIR *cli_opendir(const char *path)
{
    DIR *names;
    do
        names = opendir(path);
    while (!names && errno == EINTR);
    return names;
}

/* Opens a regular file; NULL, after a message, if it is none. */
static FILE *open_file(const char *path)
{
    struct stat about;
    int file = cli_open(path, O_RDONLY | O_NONBLOCK);
    FILE *in = file < 0 ? NULL : fdopen(file, "rb");
    if (!in || fstat(file, &about)) {
        cli_fail("cannot open %s: %s", path, strerror(errno));
    } else if (!S_ISREG(about.st_mode)) {
        cli_fail("%s is %s, a regular file was expected", path,
                 S_ISDIR(about.st_mode) ? "a directory" : "a pipe or device");
    } else {
        return in;
    }
    if (in)
        fclose(in);
    else if (file >= 0)
        close(file);
    return NULL;
}

/* UTF-16 and UTF-32, by their marks or where NULs stand beside the first letters, of ASCII. */
static bool is_wide(const char *text, size_t size)
{
    unsigned letters = 0; /* a bit for each of the first bytes, the first one's the highest */
    for (size_t i = 0; i < 4 && size >= 4; i++)
        letters = letters << 1 | (text[i] != '\0');
    return (size >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2))) ||
           (size >= 4 && !memcmp(text, "\0\0\xFE\xFF", 4)) || letters == 0xA ||
           letters == 0x5 || letters == 0x8 || letters == 0x1;
}

/* Whether the bytes are a text that is read here. */
static bool check_text(const char *path, const char *text, size_t size, size_t most,
                       const char *what)
{
    if (is_wide(text, size))
        return cli_fail("%s is a text of 16 or 32 bits a character (UTF-16, UTF-32), but a %s "
                        "must be UTF-8",
                        path, what);
    const char *nul = memchr(text, 0, size);
    if (size <= most && nul)
        return cli_fail("%s is no %s: it has a NUL byte at byte %zu", path, what,
                        (size_t)(nul - text));
    if (size > most)
        return cli_fail("%s is no %s: a text of at most %zu bytes was expected", path, what,
                        most);
    return true;
}

/* What is in the file, with NULs behind: `room` bytes, or more if it is larger than it says, but at most
 * one more than `most`. */
static char *read_all(FILE *in, size_t room, size_t most, size_t *size)
{
    char *text = cli_alloc(room + 2, 1);
    *size = text ? fread(text, 1, room + 1, in) : 0;
    while (text && *size == room + 1 && room < most) {
        room = room <= most / 2 ? 2 * room : most;
        char *grown = cli_alloc(room + 2, 1);
        if (grown)
            memcpy(grown, text, *size);
        free(text);
        text = grown;
        if (text)
            *size += fread(text + *size, 1, room + 1 - *size, in);
    }
    return text;
}

char *cli_text_read(const char *path, size_t most, const char *what)
{
    FILE *in = open_file(path);
    struct stat about;
    size_t room = most; /* of a file that says its size, no more than that */
    if (in && !fstat(fileno(in), &about) && S_ISREG(about.st_mode) && about.st_size > 0 &&
        (uint64_t)about.st_size < room)
        room = (size_t)about.st_size;
    size_t size = 0;
    char *text = in ? read_all(in, room, most, &size) : NULL;
    if (text) {
        bool ok = ferror(in) ? cli_fail("cannot read %s: %s", path, strerror(errno))
                             : check_text(path, text, size, most, what);
        if (!ok) {
            free(text);
            text = NULL;
        }
    }
    if (in)
        fclose(in);
    return text;
}

bool cli_text_end(FILE *stream, char **text, const char *what)
{
    const bool bad = !stream || ferror(stream);
    if (stream && !fclose(stream) && !bad && *text)
        return true;
    free(*text);
    *text = NULL;
    return cli_fail("out of memory for %s", what);
}

char *cli_text_begin(char *text)
{
    return text + (strncmp(text, "\xEF\xBB\xBF", 3) ? 0 : 3);
}

char *cli_text_line(char **text)
{
    char *line = *text;
    if (!*line)
        return NULL;
    char *end = line + strcspn(line, "\r\n");
    *text = end + (*end != '\0') + (*end == '\r' && end[1] == '\n');
    *end = '\0';
    return line;
}

size_t cli_text_control(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    if (*at && (*at < ' ' || *at == 0x7F))
        return 1;
    return at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0 ? 2 : 0; /* U+0080 to U+009F */
}

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

size_t cli_text_unprintable(const char *text)
{
    return is_hidden((const unsigned char *)text) ? 3 : cli_text_control(text);
}

size_t cli_text_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t bytes = at[0] < 0x80   ? 1
                   : at[0] < 0xC2 ? 0
                   : at[0] < 0xE0 ? 2
                   : at[0] < 0xF0 ? 3
                                  : 4;
    if (at[0] > 0xF4 || (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0; /* longer than need be, half of a pair, or beyond U+10FFFF */
    for (size_t i = 1; i < bytes; i++)
        if ((at[i] & 0xC0) != 0x80) /* the NUL is none */
            return 0;
    return bytes;
}

void cli_text_print(const char *text)
{
    while (*text) {
        size_t control = cli_text_unprintable(text);
        putchar(control ? '?' : *text);
        text += control ? control : 1;
    }
}

char *cli_text_trim(char *line)
{
    size_t size = strlen(line);
    while (size > 0 && strchr(" \t", line[size - 1]))
        line[--size] = '\0';
    return line + strspn(line, " \t");
}
