/* lib/base/error.c: statuses, messages, the log, "did you mean". */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base_help.h"

enum { MESSAGE_BYTES = 1024 };

START_TEST(statuses_are_pinned)
{
    static const struct {
        unic_status status;
        int value;
        const char *name;
    } all[] = {
        {UNIC_OK, 0, "UNIC_OK"},
        {UNIC_E_ARG, 1, "UNIC_E_ARG"},
        {UNIC_E_SHAPE, 2, "UNIC_E_SHAPE"},
        {UNIC_E_VALUE, 3, "UNIC_E_VALUE"},
        {UNIC_E_NOMEM, 4, "UNIC_E_NOMEM"},
        {UNIC_E_IO, 5, "UNIC_E_IO"},
        {UNIC_E_FORMAT, 6, "UNIC_E_FORMAT"},
        {UNIC_E_CONFIG, 7, "UNIC_E_CONFIG"},
        {UNIC_E_STATE, 8, "UNIC_E_STATE"},
        {UNIC_E_NOTFOUND, 9, "UNIC_E_NOTFOUND"},
        {UNIC_E_NUMERIC, 10, "UNIC_E_NUMERIC"},
        {UNIC_E_KERNEL, 11, "UNIC_E_KERNEL"},
        {UNIC_E_MISMATCH, 12, "UNIC_E_MISMATCH"},
        {UNIC_E_CANCELLED, 13, "UNIC_E_CANCELLED"},
    };
    enum { N = sizeof all / sizeof all[0] };
    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq((int)all[i].status, all[i].value);
        ck_assert_str_eq(unic_status_name(all[i].status), all[i].name);
    }
    ck_assert_str_eq(unic_status_name((unic_status)N), "UNIC_E_UNKNOWN");
    ck_assert_str_eq(unic_status_name((unic_status)-1), "UNIC_E_UNKNOWN");
    ck_assert_str_eq(unic_version(), UNIC_VERSION_STRING);
}
END_TEST

START_TEST(fail_sets_the_message)
{
    ck_assert_int_eq(unic__fail(UNIC_E_SHAPE, "%s has %d dims", "x", 3), UNIC_E_SHAPE);
    ck_assert_str_eq(unic_last_error(), "x has 3 dims");
    ck_assert_int_eq(unic__fail(UNIC_E_ARG, "%s", ""), UNIC_E_ARG);
    ck_assert_str_eq(unic_last_error(), "");
    ck_assert_int_eq(unic__no_memory(12, "a plan"), UNIC_E_NOMEM);
    ck_assert_str_eq(unic_last_error(), "out of memory (12 bytes for a plan)");
}
END_TEST

START_TEST(context_goes_in_front)
{
    unic__fail(UNIC_E_IO, "disk full");
    ck_assert_int_eq(unic__fail_in(UNIC_E_IO, "%s", "b.npz"), UNIC_E_IO);
    ck_assert_str_eq(unic_last_error(), "b.npz: disk full");
    ck_assert_int_eq(unic__fail_in(UNIC_E_CONFIG, "run %d", 7), UNIC_E_CONFIG);
    ck_assert_str_eq(unic_last_error(), "run 7: b.npz: disk full");
}
END_TEST

START_TEST(the_message_may_be_an_argument)
{
    unic__fail(UNIC_E_IO, "inner");
    unic__fail(UNIC_E_IO, "outer (%s, %s)", unic_last_error(), unic_last_error());
    ck_assert_str_eq(unic_last_error(), "outer (inner, inner)");
    unic__fail(UNIC_E_IO, "inner");
    unic__fail_in(UNIC_E_IO, "in %s", unic_last_error());
    ck_assert_str_eq(unic_last_error(), "in inner: inner");
}
END_TEST

/* The call and the argument stand at the front, the reason at the end. */
START_TEST(long_messages_lose_their_middle)
{
    char text[4 * MESSAGE_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    unic__fail(UNIC_E_IO, "first %s last", text);
    const char *m = unic_last_error();
    ck_assert_uint_eq(strlen(m), MESSAGE_BYTES - 1);
    ck_assert_int_eq(strncmp(m, "first xxx", 9), 0);
    ck_assert_ptr_nonnull(strstr(m, "xxx ... xxx"));
    ck_assert_str_eq(m + strlen(m) - 8, "xxx last");
    unic__fail_in(UNIC_E_IO, "file");
    ck_assert_uint_eq(strlen(m), MESSAGE_BYTES - 1);
    ck_assert_int_eq(strncmp(m, "file: first xxx", 15), 0);
    ck_assert_str_eq(m + strlen(m) - 8, "xxx last");
    for (int n = MESSAGE_BYTES - 8; n < MESSAGE_BYTES + 8; n++) { /* about the buffer's end */
        unic__fail(UNIC_E_IO, "inner");
        unic__fail_in(UNIC_E_IO, "%.*s", n, text);
        const size_t full = (size_t)n + strlen(": inner"), most = MESSAGE_BYTES - 1;
        ck_assert_uint_eq(strlen(m), full < most ? full : most);
        ck_assert_int_eq(strstr(m, " ... ") != NULL, full > most);
        ck_assert_str_eq(m + strlen(m) - 8, "x: inner");
    }
    text[sizeof text - 2] = '\0';
    for (size_t i = 0; i < sizeof text - 2; i++) /* two bytes each: no half character is left */
        text[i] = i % 2 ? '\xA4' : '\xC3';
    for (int odd = 0; odd < 4; odd++) {
        unic__fail(UNIC_E_IO, "%s%s%s", odd & 1 ? "x" : "", text, odd & 2 ? "." : "");
        const unsigned char *u = (const unsigned char *)m + (odd & 1);
        for (; *u; u++)
            if (*u == 0xC3)
                ck_assert_int_eq(u[1], 0xA4);
            else
                ck_assert(*u == ' ' || *u == '.' || u[-1] == 0xC3);
    }
}
END_TEST

static void *other_thread(void *first)
{
    strcpy(first, unic_last_error());
    unic__fail(UNIC_E_IO, "the other thread's");
    return NULL;
}

START_TEST(each_thread_has_its_message)
{
    pthread_t thread;
    char first[MESSAGE_BYTES] = "nothing yet";
    unic__fail(UNIC_E_IO, "this thread's");
    ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, first), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(first, "");
    ck_assert_str_eq(unic_last_error(), "this thread's");
}
END_TEST

static unic_status passes_on(unic_status status, int *after)
{
    UNIC__TRY(unic__fail(status, "tried"));
    ++*after;
    return UNIC_OK;
}

static unic_status cleans_up(unic_status wanted, int *after)
{
    unic_status status = UNIC_E_STATE;
    UNIC__TRY_OR(status, out, wanted);
    ++*after;
out:
    return status;
}

START_TEST(try_returns_the_first_failure)
{
    int after = 0;
    ck_assert_int_eq(passes_on(UNIC_E_VALUE, &after), UNIC_E_VALUE);
    ck_assert_int_eq(cleans_up(UNIC_E_FORMAT, &after), UNIC_E_FORMAT);
    ck_assert_int_eq(after, 0);
    ck_assert_int_eq(passes_on(UNIC_OK, &after), UNIC_OK);
    ck_assert_int_eq(cleans_up(UNIC_OK, &after), UNIC_OK);
    ck_assert_int_eq(after, 2);
}
END_TEST

static void note_line(unic_log_level level, const char *line, void *user)
{
    snprintf(user, 64, "%d %s", (int)level, line);
}

START_TEST(log_lines_go_to_the_callback)
{
    char heard[64] = "";
    unic__log_line(UNIC_LOG_WARNING, "to nobody");
    unic_set_log(note_line, heard);
    unic__log_line(UNIC_LOG_WARNING, "%d codes revived", 3);
    ck_assert_str_eq(heard, "1 3 codes revived");
    unic__log_line(UNIC_LOG_INFO, "started");
    ck_assert_str_eq(heard, "0 started");
    unic_set_log(NULL, NULL);
    unic__log_line(UNIC_LOG_INFO, "to nobody");
    ck_assert_str_eq(heard, "0 started");
}
END_TEST

/* Names come from files: a message stays one line, and steers no terminal. */
START_TEST(control_characters_are_not_printed)
{
    static const char *const names[][2] = {
        {"two\nlines", "two?lines"},
        {"a\r\tb", "a??b"},
        {"\x1B[2Jx", "?[2Jx"},
        {"\x7F\x01", "??"},
        {"\xC2\x9B"
         "1m",
         "??1m"},
        {"\xC2\x80\xC2\x9F", "????"},
        {"caf\xC3\xA9 \xC2\xA0 \xE2\x82\xAC", "caf\xC3\xA9 \xC2\xA0 \xE2\x82\xAC"},
        {"\xEF\xBB\xBF"
         "id \xE2\x80\x8B",
         "???id ???"},
        {"\xE2\x80\xAE"
         "npz\xE2\x81\xA9",
         "???npz???"},
        {"\xE2\x80\xA8\xE2\x80\x8F", "??????"},
        /* in words of Persian, and in emoji; a narrow blank, a word of Chinese */
        {"\xE2\x80\x8C\xE2\x80\x8D\xE2\x80\xAF\xE7\x8C\xAB",
         "\xE2\x80\x8C\xE2\x80\x8D\xE2\x80\xAF\xE7\x8C\xAB"},
        {"\xE2\x80", "\xE2\x80"},
        {"\xEF", "\xEF"},
        {"\xC2", "\xC2"}};
    char heard[64], wanted[64];
    unic_set_log(note_line, heard);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unic__fail(UNIC_E_FORMAT, "%s", names[i][0]);
        ck_assert_str_eq(unic_last_error(), names[i][1]);
        unic__fail_in(UNIC_E_FORMAT, "%s", names[i][0]);
        snprintf(wanted, sizeof wanted, "%s: %s", names[i][1], names[i][1]);
        ck_assert_str_eq(unic_last_error(), wanted);
        unic__log_line(UNIC_LOG_INFO, "%s", names[i][0]);
        snprintf(wanted, sizeof wanted, "0 %s", names[i][1]);
        ck_assert_str_eq(heard, wanted);
    }
    unic_set_log(NULL, NULL);
}
END_TEST

START_TEST(nearest_word)
{
    static const char *const words[] = {"ema.decay", "ema.order", "code.dim", "code.count"};
    enum { N = sizeof words / sizeof words[0] };
    ck_assert_str_eq(unic__nearest_word("ema.decay", words, N), "ema.decay");
    ck_assert_str_eq(unic__nearest_word("ema.deacy", words, N), "ema.decay");
    ck_assert_str_eq(unic__nearest_word("emadecay", words, N), "ema.decay");
    ck_assert_str_eq(unic__nearest_word("code.dims", words, N), "code.dim");
    ck_assert_str_eq(unic__nearest_word("ode.cunt", words, N), "code.count");
    ck_assert_ptr_null(unic__nearest_word("train.batch", words, N));
    ck_assert_ptr_null(unic__nearest_word("code.dim", words, 0));
    static const char *const tie[] = {"cat", "hat", "bat"};
    ck_assert_str_eq(unic__nearest_word("rat", tie, 3), "cat");
    ck_assert_str_eq(unic__nearest_word("", (const char *const[]){"a"}, 1), "a");
}
END_TEST

/* Words come from files: of any length, and a very long one is near to nothing. */
START_TEST(a_long_word_is_near_to_nothing)
{
    static const char *const words[] = {"ema.decay"};
    char text[601];
    for (size_t n = 1; n < sizeof text; n++) {
        memset(text, 'x', n);
        text[n] = '\0';
        const char *nearest = unic__nearest_word(text, words, 1);
        base_require(!nearest, "%s is said to be near to %zu times x", nearest, n);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("error");
    tcase_add_test(t, statuses_are_pinned);
    tcase_add_test(t, fail_sets_the_message);
    tcase_add_test(t, context_goes_in_front);
    tcase_add_test(t, the_message_may_be_an_argument);
    tcase_add_test(t, long_messages_lose_their_middle);
    tcase_add_test(t, each_thread_has_its_message);
    tcase_add_test(t, try_returns_the_first_failure);
    tcase_add_test(t, log_lines_go_to_the_callback);
    tcase_add_test(t, control_characters_are_not_printed);
    tcase_add_test(t, nearest_word);
    tcase_add_test(t, a_long_word_is_near_to_nothing);
    return base_run("base/error", t);
}
