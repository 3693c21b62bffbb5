/*
 * The command line: one table of options gives the parsing, the help and the messages.
 */
#ifndef UNIC_CLI_OPTIONS_H
#define UNIC_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words of the command line, in their order. */
typedef struct cli_list {
    const char **items;
    size_t count;
} cli_list;

/* One option. Exactly one of the five targets is set, and determines the kind of the option. */
typedef struct cli_option {
    const char *name;  /* "--out" */
    const char *value; /* "FILE", as the help calls it; NULL for a switch */
    const char *help;  /* what it does, and its default */
    bool *flag;        /* becomes true */
    const char **text; /* given at most once */
    uint64_t *number;  /* given at most once; in least..most */
    uint64_t least, most;
    uint64_t *bytes; /* given at most once; "500000", "64K", "800M", "2G" */
    cli_list *list;  /* may be given again */
    bool required;
} cli_option;

typedef struct cli_program {
    const char *name;
    const char *purpose; /* what it is for: the beginning of the help */
    const char *usage;   /* the command line behind the name */
    const cli_option *options;
    size_t option_count;
    cli_list *operands; /* words that belong to no option; NULL if there may be none */
    const char *more;   /* examples, formats, statuses: the end of the help */
} cli_program;

/*
 * Reads the command line into the options' targets. --help and --version print and exit with 0;
 * wrong usage prints one sentence and exits with 2.
 */
void cli_parse(const cli_program *program, int argc, char **argv);

/* Prints the sentence and exits with 2: for errors that the table cannot express. */
__attribute__((format(printf, 2, 3), noreturn)) void cli_wrong_usage(const cli_program *program,
                                                                     const char *format, ...);

void cli_list_free(cli_list *list);

#endif
