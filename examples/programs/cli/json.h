/*
 * The two kinds of JSON values that printf cannot print correctly.
 */
#ifndef UNIC_CLI_JSON_H
#define UNIC_CLI_JSON_H

#include <stdio.h>

/* A number, or null where JSON has none (NaN, infinities). */
void cli_json_number(FILE *out, double value);

/* A string in quotes. */
void cli_json_text(FILE *out, const char *text);

#endif
