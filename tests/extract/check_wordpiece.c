/* WordPiece: words and pieces of hard strings, worked out by hand from the rules; lists of words.
 * tests/extract/test_bert.py compares random strings with the rules in Python. */
#include "extract/wordpiece.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10

typedef struct hard {
    const char *text, *words;
} hard;

static void check_words(const hard *h, size_t bytes, bool lower_case)
{
    unic__word_reader r;
    char got[2048] = "";
    size_t used = 0;
    unic__words_begin(&r, h->text, bytes, lower_case);
    while (unic__words_next(&r))
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%.*s", used ? "|" : "",
                                 (int)r.bytes, r.word);
    ck_assert_msg(strcmp(got, h->words) == 0, "\"%s\" is %s, expected %s", h->text, got,
                  h->words);
}

START_TEST(words_in_lower_case)
{
    static const hard cases[] = {
        {"", ""},
        {" \t\r\n ", ""},
        {"HeLLo!how  \n Are yoU?  ", "hello|!|how|are|you|?"},
        /* accents, as one code point, as two, several, alone, in front */
        {"Caf\u00e9 na\u00efve \u00c5ngstr\u00f6m", "cafe|naive|angstrom"},
        {"Cafe\u0301 e\u0323\u0302 \u1ec7 \u0301 \u0301x", "cafe|e|e|x"},
        {"\u01d6\u1f82\u0958", "u\u03b1\u0915"}, /* two marks on u, three on alpha, a nukta */
        /* letters that are no accented ones stay */
        {"stra\u00dfe STRA\u1e9eE \u0141\u00d3D\u0179 \u00c6 \u00d8",
         "stra\u00dfe|stra\u00dfe|\u0142odz|\u00e6|\u00f8"},
        {"\u0130stanbul DIYARBAKIR \u0131", "istanbul|diyarbakir|\u0131"},
        {"\ufb01 \u00bd \u2460 \uff21", "\ufb01|\u00bd|\u2460|\uff41"}, /* not NFKD */
        /* a capital sigma is final behind a letter and before none */
        {"\u039f\u0394\u039f\u03a3 \u03a3\u0391\u03a3 \u03a3",
         "\u03bf\u03b4\u03bf\u03c2|\u03c3\u03b1\u03c2|\u03c3"},
        {"\u0391\u03a3\u0301. \u0391.\u03a3 \u0391,\u03a3 \u0391\u03a3\u00b7\u0392",
         "\u03b1\u03c2|.|\u03b1|.|\u03c2|\u03b1|,|\u03c3|\u03b1\u03c3|\u00b7|\u03b2"},
        {"\u0391\u4e00\u03a3 \u0391\u03a3\u4e00\u0391",
         "\u03b1|\u4e00|\u03c3|\u03b1\u03c2|\u4e00|\u03b1"},
        /* punctuation: all of ASCII's signs, P* elsewhere, but no other signs */
        {"a$b^c`d~e+f", "a|$|b|^|c|`|d|~|e|+|f"},
        {"it's e.g. (x)", "it|'|s|e|.|g|.|(|x|)"},
        {"\u00bfqu\u00e9? \u201chi\u201d \u2014 \u3002",
         "\u00bf|que|?|\u201c|hi|\u201d|\u2014|\u3002"},
        {"5\u20ac \u00a7 a\u00b1b \u00b4x", "5\u20ac|\u00a7|a\u00b1b|\u00b4x"},
        {"a\u037eb\u1fefc\u0387d", "a|;|b|`|c|\u00b7|d"}, /* which NFD makes punctuation */
        {"[CLS] [UNK]", "[|cls|]|[|unk|]"},
        {"##ing", "#|#|ing"},
        {"a-b_c", "a|-|b|_|c"},
        /* CJK: ideographs apart, kana and Hangul not; compatibility ideographs are the usual ones */
        {"\u4f7fNLP\u53d8\u5f97", "\u4f7f|nlp|\u53d8|\u5f97"},
        {"\u30ab\u30bf\u30ab\u30ca\u3068\u6f22\u5b57",
         "\u30ab\u30bf\u30ab\u30ca\u3068|\u6f22|\u5b57"},
        {"\u304c", "\u304b"}, /* NFD takes the voice mark off, which is an Mn */
        {"\uf900x\U0002f800", "\u8c48|x|\u4e3d"},
        {"\U00020000\U0002a6d6\U0002a700", "\U00020000|\U0002a6d6|\U0002a700"},
        {"\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af"},
        {"\uac00\ud7a3", "\u1100\u1161\u1112\u1175\u11c2"},
        /* emoji, joined by ZWJ (Cf) and with a variation selector (Mn) */
        {"\U0001f600", "\U0001f600"},
        {"\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f!",
         "\U0001f468\U0001f469\U0001f467|\u2764|!"},
        {"\U0001f44d\U0001f3fd", "\U0001f44d\U0001f3fd"},
        /* controls are left out, and separate nothing but for tab, LF and CR */
        {"a\x01"
         "b\x7f"
         "c\xc2\x85"
         "d\u00ade\u200bf\ufeffg",
         "abcdefg"},
        {"a\x0b"
         "b\tc\nd\re",
         "ab|c|d|e"},
        {"a\ufffdb\ufffd", "ab"},
        {"\ue000a \U000e0001 \u0378", "a"}, /* private, a tag, unassigned */
        {"a\u00a0b\u2003c\u3000d\u2028e\u2029f", "a|b|c|d|e|f"},
        /* decomposed into several letters: a Tamil vowel, a musical note */
        {"\u0bca \U0001d15e", "\u0bc6\u0bbe|\U0001d157\U0001d165"},
        {A50 A50, A50 A50},
        {A50 A50 "b", A50 A50}, /* no more is kept, but counted */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_words(&cases[i], strlen(cases[i].text), true);
    check_words(&(hard){"a\0b \0", "ab"}, 5, true);
}
END_TEST

START_TEST(words_of_a_cased_model)
{
    static const hard cases[] = {
        {"Caf\u00e9 Cafe\u0301 \u0130 \u03a3", "Caf\u00e9|Cafe\u0301|\u0130|\u03a3"},
        {"He\u200bLLo!How\u3000Are", "HeLLo|!|How|Are"},
        {"\ud55c \uf900\u304c", "\ud55c|\uf900|\u304c"},
        {"\u0301 \u2764\ufe0f", "\u0301|\u2764\ufe0f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_words(&cases[i], strlen(cases[i].text), false);
}
END_TEST

/* ---- pieces ---- */

static unic__word_list *list_of(const char *text, size_t size)
{
    unic__word_list *list;
    io_assert_ok(unic__word_list_parse(&list, text, size));
    return list;
}

static const char vocabulary[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nunaffable\n##a\n"
    "a\n##b\nab\n##abc\n!\n\u4e00\n##\u00fc\nstra\u00dfe\n##le\n";

static void check_pieces(const char *text, const char *want)
{
    unic__word_list *list = list_of(vocabulary, strlen(vocabulary));
    unic__wordpiece w;
    unic__word_reader r;
    int32_t pieces[UNIC__WORD_POINTS];
    char got[1024] = "";
    size_t used = 0;
    io_assert_ok(unic__wordpiece_begin(&w, list));
    unic__words_begin(&r, text, strlen(text), true);
    while (unic__words_next(&r)) {
        const size_t n = unic__wordpiece_split(&w, &r, pieces);
        for (size_t i = 0; i < n; i++)
            used += (size_t)snprintf(got + used, sizeof got - used, "%s%d", used ? " " : "",
                                     pieces[i]);
    }
    ck_assert_msg(strcmp(got, want) == 0, "\"%s\" is %s, expected %s", text, got, want);
    unic__word_list_free(list);
}

START_TEST(pieces_are_the_longest)
{
    check_pieces("unaffable", "7");
    check_pieces("UNaffableable", "7 6");
    check_pieces("unable", "4 6");
    check_pieces("ab", "11");        /* not a ##b */
    check_pieces("aab", "9 8 10");   /* a ##a ##b */
    check_pieces("abab", "11 8 10"); /* ab ##a ##b: ##abc does not fit */
    check_pieces("ababc", "11 12");  /* but here it does */
    check_pieces("aabl", "1");       /* a ##a ##b, and then nothing fits: the whole word */
    check_pieces("able", "11 17"); /* ab ##le: without going back, what begins is the longest */
    check_pieces("aff", "1");      /* only a later piece */
    check_pieces("a!b", "9 13 1"); /* ##b begins no word */
    check_pieces("##aff", "1 1 1");
    check_pieces("\u4e00a\u4e01", "14 9 1");
    check_pieces("stra\u00dfe", "16");
    check_pieces("a\u00fc", "1"); /* the accent is gone: ##u is not there */
    check_pieces(
        A50 A50,
        "9 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 "
        "8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 "
        "8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8");
    check_pieces(A50 A50 "a", "1"); /* 101 letters */
    check_pieces("a\u0301" A50 A50, "1");
}
END_TEST

START_TEST(vocabularies_that_are_refused)
{
    static const char *const names[] = {"[UNK]", "[CLS]", "[SEP]"};
    for (size_t i = 0; i < 3; i++) {
        char text[64], want[64];
        unic__wordpiece w;
        snprintf(text, sizeof text, "%s\n%s\na\n", names[(i + 1) % 3], names[(i + 2) % 3]);
        snprintf(want, sizeof want, "no vocabulary of BERT: it has no line \"%s\"", names[i]);
        unic__word_list *list = list_of(text, strlen(text));
        io_assert_fails(unic__wordpiece_begin(&w, list), UNIC_E_FORMAT, want);
        unic__word_list_free(list);
    }
}
END_TEST

/* ---- lists ---- */

static void find(const unic__word_list *list, const char *word, int32_t line)
{
    ck_assert_int_eq(unic__word_list_find(list, word, strlen(word)), line);
}

START_TEST(lists_have_any_line_ends)
{
    static const char *const texts[] = {"b\na\n\nab\n", "b\r\na\r\n\r\nab", "b\ra\r\rab\r",
                                        "\xef\xbb\xbf"
                                        "b\n \ta \n\nab"};
    for (size_t i = 0; i < 4; i++) {
        unic__word_list *list = list_of(texts[i], strlen(texts[i]));
        ck_assert_str_eq(list->text, "b\na\n\nab\n");
        ck_assert_uint_eq(list->n, 3);
        ck_assert_uint_eq(list->lines, 4);
        find(list, "b", 0);
        find(list, "a", 1);
        find(list, "ab", 3);
        find(list, "", -1);
        find(list, "aba", -1);
        find(list, "c", -1);
        unic__word_list_free(list);
    }
}
END_TEST

START_TEST(of_equal_lines_the_last_counts)
{
    unic__word_list *list = list_of("x\na\nb\na\na\n", 10);
    ck_assert_uint_eq(list->n, 3);
    find(list, "a", 4);
    find(list, "x", 0);
    unic__word_list_free(list);
    list = list_of("", 0);
    ck_assert_uint_eq(list->lines, 0);
    find(list, "a", -1);
    unic__word_list_free(list);
}
END_TEST

START_TEST(lists_that_are_refused)
{
    unic__word_list *list;
    io_assert_fails(unic__word_list_parse(&list, "a\nb\0c\n", 6), UNIC_E_FORMAT,
                    "line 2 has a NUL");
    io_assert_fails(unic__word_list_parse(&list, "a\n\nb\xff\n", 6), UNIC_E_FORMAT,
                    "line 3 is not UTF-8");
    io_assert_fails(unic__word_list_parse(&list,
                                          "\xff\xfe"
                                          "a\0",
                                          4),
                    UNIC_E_FORMAT, "UTF-16");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("WordPiece");
    TCase *t = tcase_create("core");
    tcase_add_test(t, words_in_lower_case);
    tcase_add_test(t, words_of_a_cased_model);
    tcase_add_test(t, pieces_are_the_longest);
    tcase_add_test(t, vocabularies_that_are_refused);
    tcase_add_test(t, lists_have_any_line_ends);
    tcase_add_test(t, of_equal_lines_the_last_counts);
    tcase_add_test(t, lists_that_are_refused);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
