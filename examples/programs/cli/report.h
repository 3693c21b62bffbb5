/*
 * A program's messages, and the format of numbers in them.
 */
#ifndef UNIC_CLI_REPORT_H
#define UNIC_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <unicode/unic.h>

/* The name in front of every message; the library's warnings are sent the same way. */
void cli_report_begin(const char *program);
/* Of several processes: if this is not the first, rank 0, failures name it, and nothing else is
 * printed. */
void cli_report_rank(int32_t rank);
/* Turns printing of the library's log on or off: off while a file is opened only to probe
 * it. */
void cli_report_log(bool on);

/* "unic-train: <message>" on stderr. Returns false: `return cli_fail(...)` reads well. */
__attribute__((format(printf, 1, 2))) bool cli_fail(const char *format, ...);

/* The same for a message that is not a failure. */
__attribute__((format(printf, 1, 2))) void cli_note(const char *format, ...);

/* A name of a file may hold what steers a terminal or begins a line of its own: "?" stands for control
 * characters, in UTF-8 also for U+0080 to U+009F, as in the library's messages. */
void cli_make_printable(char *text);

/* Whether a library call succeeded; reports the library's message if not. */
bool cli_ok(unic_status status);

/* The same of a call on the clips of a file: dims that do not fit are those of all its clips, and the
 * library's message names none of them. */
bool cli_fits(unic_status status, const char *path);

/* The exit status of a program: also fails when stdout could not be written. */
int cli_exit_status(bool ok);

/* `count` x `size` bytes, cleared, never NULL for a count of 0; NULL is reported. */
void *cli_alloc(size_t count, size_t size);

enum { CLI_DURATION = 32 };
/* "0:07", "12:34", "1:02:03" into `text` of CLI_DURATION bytes; returns `text`. */
const char *cli_duration(char *text, double seconds);

/* Seconds on a clock that only goes forward. */
double cli_now(void);

/* The most memory this process ever had resident, in bytes. */
uint64_t cli_peak_memory(void);

#endif
