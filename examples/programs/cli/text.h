/*
 * Reads text files line by line: lines end with LF, CR LF, or CR alone; a byte order
 * mark of UTF-8 is skipped. Only regular files are read, since reading a pipe could block.
 */
#ifndef UNIC_CLI_TEXT_H
#define UNIC_CLI_TEXT_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Opens a file of any kind, a new one for all to read and write, less the umask; again where a
 * signal interrupts it, and never as a standard stream. -1 and errno if it cannot be. */
int cli_open(const char *path, int flags);

/* fopen(), likewise; `mode` is one of "r", "r+" and "a", with "b" or without. */
FILE *cli_fopen(const char *path, const char *mode);

/* opendir(), again where a signal interrupts it. */
DIR *cli_opendir(const char *path);

/* A whole file of at most `most` bytes, to be freed; NULL, after a message that says that
 * `what` was expected, if it is none. */
char *cli_text_read(const char *path, size_t most, const char *what);

/* Ends a stream in memory (open_memstream) that writes `*text`: NULL if it was not opened. It fails
 * only for want of memory, also at its end, which fclose() does not tell. After a message, with what
 * there is of *text released, false. */
bool cli_text_end(FILE *stream, char **text, const char *what);

/* The first line, after a byte order mark. */
char *cli_text_begin(char *text);

/* Ends the line at `*text` with a NUL and moves `*text` behind it; NULL at the text's end. */
char *cli_text_line(char **text);

/* The bytes of the control character that `text` begins with; 0 if it begins with none. */
size_t cli_text_control(const char *text);

/* The same, also of a character that is not seen or that turns the direction of a line. */
size_t cli_text_unprintable(const char *text);

/* The bytes of the UTF-8 character that `text` begins with; 0 if it begins with none. */
size_t cli_text_utf8(const char *text);

/* Prints a name from a file to stdout, what is unprintable in it as "?": it stays on its line, and
 * steers no terminal. */
void cli_text_print(const char *text);

/* Cuts the blanks around a line off. */
char *cli_text_trim(char *line);

#endif
