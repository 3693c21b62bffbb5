/* lib/base/text: lines however they end. */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/locale_help.h"
#include "base/text.h"

/* The lines with '|' between them, and their number. */
static const char *lines_of(const char *text, size_t size, size_t *n)
{
    static char out[256];
    unic__lines lines;
    unic__piece line;
    char *at = out;
    ck_assert_int_eq(unic__lines_begin(&lines, text, size), UNIC_OK);
    while (unic__lines_next(&lines, &line)) {
        memcpy(at, line.start, line.size);
        at += line.size;
        *at++ = '|';
    }
    *at = '\0';
    *n = lines.number;
    return out;
}

START_TEST(every_line_end)
{
    static const struct {
        const char *text, *lines;
        size_t n;
    } cases[] = {
        {"", "", 0},
        {"a", "a|", 1},
        {"a\nb\n", "a|b|", 2},
        {"a\r\nb\r\n", "a|b|", 2},
        {"a\rb\r", "a|b|", 2},
        {"a\rb", "a|b|", 2},
        {"a\r\rb", "a||b|", 3},
        {"a\n\rb", "a||b|", 3},
        {"a\r\n\r\nb", "a||b|", 3},
        {"a\nb\r\nc\rd", "a|b|c|d|", 4},
        {"\n", "|", 1},
        {"\r", "|", 1},
        {"\r\n", "|", 1},
        {"\xEF\xBB\xBF", "", 0},
        {"\xEF\xBB\xBF"
         "a\r",
         "a|", 1},
        {"a\n\xEF\xBB\xBF", "a|\xEF\xBB\xBF|", 2}, /* a mark is one at the beginning alone */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n, size = strlen(cases[i].text);
        char *exact = malloc(size ? size : 1); /* nothing behind it, as the sanitizer sees */
        memcpy(exact, cases[i].text, size);
        ck_assert_str_eq(lines_of(exact, size, &n), cases[i].lines);
        ck_assert_uint_eq(n, cases[i].n);
        free(exact);
    }
}
END_TEST

START_TEST(wide_texts_are_refused)
{
    static const struct {
        const char *text;
        size_t size;
    } marks[] = {{"\xFF\xFE\x61", 3},
                 {"\xFE\xFF\x61", 3},
                 {"\0\0\xFE\xFF", 4},
                 /* without a mark */
                 {"a\0b\0", 4},
                 {"\0a\0b", 4},
                 {"a\0\0\0b\0\0\0", 8},
                 {"\0\0\0a", 4}},
      others[] = {{"a\0", 2}, {"a\0b", 3}, {"a\0bc", 4}, {"\0abc", 4}, {"\0\0\0\0", 4}};
    unic__lines lines;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_int_eq(unic__lines_begin(&lines, others[i].text, others[i].size), UNIC_OK);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        ck_assert_int_eq(unic__lines_begin(&lines, marks[i].text, marks[i].size),
                         UNIC_E_FORMAT);
        ck_assert_ptr_nonnull(strstr(unic_last_error(), "UTF-16"));
        ck_assert_ptr_nonnull(strstr(unic_last_error(), "UTF-8 expected"));
    }
}
END_TEST

START_TEST(blanks_around_a_piece)
{
    static const struct {
        const char *text, *trimmed;
    } cases[] = {{"", ""}, {" ", ""}, {" \t a b\t ", "a b"}, {"a", "a"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unic__piece p = unic__piece_trim((unic__piece){cases[i].text, strlen(cases[i].text)});
        ck_assert_uint_eq(p.size, strlen(cases[i].trimmed));
        ck_assert_mem_eq(p.start, cases[i].trimmed, p.size);
    }
}
END_TEST

/* In a Turkish locale tolower('I') is no i, and strcasecmp("GIF", "gif") not 0. */
START_TEST(capitals_ignore_the_locale)
{
    static const char
        same[][2][8] = {{"GIF", "gif"}, {"Image", "iMAGE"}, {"a_1.Z", "A_1.z"}, {"", ""}},
        other[][2][8] = {
            {"gif", "gi1"}, {"[", "{"}, {"@", "`"}, {"\xc4", "\xe4"}, {"I", "\xfd"}};
    if (!locale_made("tr_TR", "ISO-8859-9"))
        puts("skipped: a Turkish locale (localedef makes none here)");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        ck_assert(unic__is_same_but_capitals(same[i][0], same[i][1], strlen(same[i][0])));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert(!unic__is_same_but_capitals(other[i][0], other[i][1], strlen(other[i][0])));
    ck_assert(unic__is_same_but_capitals("GIFx", "gify", 3));
    for (int c = 0; c < 256; c++) {
        const bool small = c >= 'a' && c <= 'z', capital = c >= 'A' && c <= 'Z';
        ck_assert_int_eq((unsigned char)unic__upper((char)c), small ? c - 32 : c);
        ck_assert_int_eq((unsigned char)unic__lower((char)c), capital ? c + 32 : c);
    }
    setlocale(LC_ALL, "C");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/text");
    TCase *t = tcase_create("text");
    tcase_add_test(t, every_line_end);
    tcase_add_test(t, wide_texts_are_refused);
    tcase_add_test(t, blanks_around_a_piece);
    tcase_add_test(t, capitals_ignore_the_locale);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
