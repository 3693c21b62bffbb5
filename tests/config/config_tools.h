/* Shared by the tests of the config. */
#ifndef UNIC_CONFIG_CONFIG_TOOLS_H
#define UNIC_CONFIG_CONFIG_TOOLS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_keys.h"

#define ok(call) ck_assert_msg((call) == UNIC_OK, "%s: %s", #call, unic_last_error())

/* The call fails with UNIC_E_CONFIG and exactly this message. */
#define refused(call, message)                                                                 \
    do {                                                                                       \
        ck_assert_int_eq(call, UNIC_E_CONFIG);                                                 \
        ck_assert_str_eq(unic_last_error(), message);                                          \
    } while (0)

static inline unic_config *new_config(void)
{
    unic_config *config;
    ok(unic_config_create(&config));
    return config;
}

static inline unic_config *parsed(const char *text)
{
    unic_config *config = new_config();
    ok(unic_config_parse(config, text, NULL));
    return config;
}

static inline const char *text_of(unic_config *config)
{
    const char *text;
    ok(unic_config_text(&text, config));
    return text;
}

#define has(config, key, expected)                                                             \
    do {                                                                                       \
        const char *has_value;                                                                 \
        ok(unic_config_get(&has_value, config, key));                                          \
        ck_assert_msg(strcmp(has_value, expected) == 0, "%s = %s, expected %s", key,           \
                      has_value, expected);                                                    \
    } while (0)

static inline int run_suite(TCase *cases)
{
    Suite *suite = suite_create("config");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* A small valid config. */
#define GOOD                                                                                   \
    "modalities = image speech\n"                                                              \
    "image.kind = grid\n"                                                                      \
    "image.dims = 7 7 64\n"                                                                    \
    "speech.kind = vector\n"                                                                   \
    "speech.dims = 128\n"

#endif
