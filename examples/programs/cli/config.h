/*
 * How unic-train changes a config after reading it: settings from the command line, and values
 * derived from the data file.
 */
#ifndef UNIC_CLI_CONFIG_H
#define UNIC_CLI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <unicode/unic.h>

#include "cli/options.h"

/* Sets each "key=value" of the list. */
bool cli_config_apply(unic_config *config, const cli_list *settings);

/* The same as text, a line each; to be freed. If `path` is not NULL, its lines come first,
 * without those whose keys the list sets. Of a key that is given twice the last counts. */
char *cli_config_lines(const char *path, const cli_list *settings);

/* The value of a key that is a whole number, or a switch (1: on). */
bool cli_config_number(unic_config *config, const char *key, uint64_t *value);
bool cli_config_switch(unic_config *config, const char *key, bool *value);

enum { CLI_NAMES = 512 };

/* The modalities to request from the dataset. */
typedef struct cli_modalities {
    size_t count; /* 0: the config names none yet */
    const char *names[UNIC_MAX_MODALITIES];
    char text[CLI_NAMES];
} cli_modalities;

bool cli_config_modalities(unic_config *config, cli_modalities *modalities);

/* Fills in from the data what the config omits: the modalities, their kinds and dims. */
bool cli_config_complete(unic_config *config, const unic_dataset *data);

#endif
