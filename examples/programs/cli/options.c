#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "cli/signal.h"

enum { MAX_OPTIONS = 32, NAME = 32, HELP_COLUMN = 24, HELP_WIDTH = 80 };

void cli_wrong_usage(const cli_program *program, const char *format, ...)
{
    char text[8192] = ""; /* a name of a file has at most 4096 bytes */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_make_printable(text);
    fprintf(stderr, "%s: %s (%s --help explains)\n", program->name, text, program->name);
    exit(2);
}

/* ---- help ---- */

/* `text` in lines that end before HELP_WIDTH, each after the first begun at HELP_COLUMN. */
static void print_wrapped(const char *text)
{
    size_t column = HELP_COLUMN;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + word > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)word, text);
        column += word;
        text += word + (text[word] == ' ');
    }
    putchar('\n');
}

static void print_option(const char *name, const char *value, const char *help)
{
    int width = printf("  %s%s%s", name, value ? " " : "", value ? value : "");
    if (width + 2 > HELP_COLUMN) {
        putchar('\n');
        width = 0;
    }
    printf("%*s", HELP_COLUMN - width, "");
    print_wrapped(help);
}

static void print_help(const cli_program *program)
{
    printf("%s: %s\n\nUsage: %s %s\n\nOptions:\n", program->name, program->purpose,
           program->name, program->usage);
    for (size_t i = 0; i < program->option_count; i++)
        print_option(program->options[i].name, program->options[i].value,
                     program->options[i].help);
    print_option("--help", NULL, "print this");
    print_option("--version", NULL, "print the library's version");
    printf("\n%s\n", program->more);
    printf("\nExit status: 0 success, 1 failure, 2 wrong usage, 128 + N ended by signal N\n"
           "(Ctrl-C: 130).\n");
}

/* ---- the nearest option ---- */

/* Levenshtein's distance of two words shorter than NAME. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(b), row[NAME];
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t change = diagonal + (a[i] != b[j]);
            size_t step = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < step ? change : step;
        }
    }
    return row[n];
}

/* One that begins with `name`, or else the nearest; NULL if none is near. */
static const char *nearest_option(const cli_program *program, const char *name)
{
    size_t length = strlen(name), least = length / 3 + 1;
    const char *nearest = NULL;
    if (length >= NAME)
        return NULL;
    for (size_t i = 0; i < program->option_count; i++) {
        const char *candidate = program->options[i].name;
        size_t d = distance(name, candidate);
        if (length > 3 && !strncmp(candidate, name, length))
            return candidate;
        if (d <= least) {
            least = d;
            nearest = candidate;
        }
    }
    return nearest;
}

/* ---- parsing ---- */

static void add(cli_list *list, const char *word, size_t most)
{
    if (!list->items)
        list->items = calloc(most, sizeof *list->items);
    if (!list->items) {
        cli_fail("out of memory for %zu words", most);
        exit(EXIT_FAILURE);
    }
    list->items[list->count++] = word;
}

static void set_number(const cli_program *program, const cli_option *o, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value < o->least || value > o->most)
        cli_wrong_usage(program, "%s is \"%s\", but must be a whole number in %llu..%llu",
                        o->name, text, (unsigned long long)o->least,
                        (unsigned long long)o->most);
    *o->number = value;
}

/* A number of bytes, or of 1024, 1024^2 or 1024^3 of them. */
static void set_bytes(const cli_program *program, const cli_option *o, const char *text)
{
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    bool whole = isdigit((unsigned char)*text) && !errno && value > 0 &&
                 (!*end || (unit && !end[1]));
    if (!whole || value > UINT64_MAX >> shift)
        cli_wrong_usage(
            program, "%s is \"%s\", but must be a number of bytes, or with K, M or G behind it",
            o->name, text);
    *o->bytes = value << shift;
}

static void set_value(const cli_program *program, const cli_option *o, const char *value,
                      size_t most)
{
    if (o->text)
        *o->text = value;
    else if (o->number)
        set_number(program, o, value);
    else if (o->bytes)
        set_bytes(program, o, value);
    else
        add(o->list, value, most);
}

/* The option that `word`, "--name" or "--name=value", is. */
static size_t find_option(const cli_program *program, const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < program->option_count; i++)
        if (!strncmp(program->options[i].name, word, length) &&
            !program->options[i].name[length])
            return i;
    char name[NAME * 2];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name),
             word);
    const char *nearest = nearest_option(program, name);
    if (nearest)
        cli_wrong_usage(program, "unknown option %s; did you mean %s?", name, nearest);
    cli_wrong_usage(program, "unknown option %s", name);
}

/* Reads the option at argv[i]; returns the index of the last word that belongs to it. */
static int parse_option(const cli_program *program, int argc, char **argv, int i, bool *given)
{
    size_t at = find_option(program, argv[i]);
    const cli_option *o = &program->options[at];
    const char *value = strchr(argv[i], '=');
    if (given[at] && !o->list)
        cli_wrong_usage(program, "%s is given twice", o->name);
    given[at] = true;
    if (o->flag) {
        if (value)
            cli_wrong_usage(program, "%s takes no value", o->name);
        *o->flag = true;
        return i;
    }
    if (value) {
        value++;
    } else {
        if (i + 1 == argc)
            cli_wrong_usage(program, "%s needs a value: %s", o->name, o->value);
        value = argv[++i];
        if (!strncmp(value, "--", 2))
            cli_wrong_usage(program, "%s needs a value (%s), but %s follows it", o->name,
                            o->value, value);
    }
    if (!*value)
        cli_wrong_usage(program, "%s is empty, but must be %s", o->name, o->value);
    set_value(program, o, value, (size_t)argc);
    return i;
}

void cli_parse(const cli_program *program, int argc, char **argv)
{
    bool given[MAX_OPTIONS] = {false}, only_operands = false;
    cli_report_begin(program->name);
    cli_signal_begin();
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (only_operands || word[0] != '-' || !word[1]) {
            if (!program->operands)
                cli_wrong_usage(program, "what is \"%s\" for? No option stands before it",
                                word);
            add(program->operands, word, (size_t)argc);
        } else if (!strcmp(word, "--")) {
            only_operands = true;
        } else if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
            print_help(program);
            exit(cli_exit_status(true));
        } else if (!strcmp(word, "--version")) {
            printf("%s (libunicode) %s\n", program->name, unic_version());
            exit(cli_exit_status(true));
        } else {
            i = parse_option(program, argc, argv, i, given);
        }
    }
    for (size_t i = 0; i < program->option_count; i++)
        if (program->options[i].required && !given[i])
            cli_wrong_usage(program, "%s %s is missing", program->options[i].name,
                            program->options[i].value);
}

void cli_list_free(cli_list *list)
{
    free(list->items);
    list->items = NULL;
    list->count = 0;
}
