/*
 * Which file each output of a folder was made of: the lines of FOLDER/sources.tsv,
 *
 *     output <tab> bytes <tab> time of change, or hash <tab> path
 *
 * of which the last one of an output counts. Any number of processes may share the folder, so
 * the file is never rewritten: a line is appended by one call. It helps to see changes, and no
 * more: an output without a line, or with a damaged one, is an output all the same.
 */
#ifndef UNIC_CLI_SOURCES_H
#define UNIC_CLI_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_SOURCE_MARK = 40 };

/* What an output is made of. */
typedef struct cli_source {
    const char *path; /* as the user gave it */
    uint64_t bytes;
    char mark[CLI_SOURCE_MARK]; /* the file's time of change, or a hash of the text */
} cli_source;

/* A file, or a directory, whose bytes are 0; false, without a message, if there is none. */
bool cli_source_of_file(cli_source *out, const char *path);

/* A text that stands in the file. */
void cli_source_of_text(cli_source *out, const char *path, const char *text);

typedef struct cli_sources {
    char *path, *text;             /* the file's name, and what it had */
    struct cli_source_line *lines; /* sorted by outputs, one of each */
    size_t count;
    bool is_cut;     /* the file ends in the midst of a line */
    bool has_warned; /* that it cannot be written */
} cli_sources;

/* Reads what the folder has; nothing if it has none. False after a message. */
bool cli_sources_read(cli_sources *out, const char *folder);

typedef enum cli_source_state {
    CLI_SOURCE_UNKNOWN, /* there is no line of the output */
    CLI_SOURCE_SAME,    /* bytes and time are as they were, whatever the path */
    CLI_SOURCE_CHANGED, /* they are not, and the path is the same */
    CLI_SOURCE_ANOTHER, /* and the path is not */
    CLI_SOURCE_FAILED   /* which has been told */
} cli_source_state;

/* What the output, named as in its folder, was made of, compared with `now`; `*path`, which
 * belongs to `s`, is that of the line, NULL without one. */
cli_source_state cli_sources_compare(const char **path, const cli_sources *s,
                                     const char *output, const cli_source *now);

/* Appends a line, after the output is in its place. What fails is a warning, once. */
void cli_sources_add(cli_sources *s, const char *output, const cli_source *of);

/* Of zeros: nothing is done. */
void cli_sources_free(cli_sources *s);

#endif
