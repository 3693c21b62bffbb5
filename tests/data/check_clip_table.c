/* lib/data/clip_table: csv tables as people have them, and what is refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/clip_table.h"
#include "file/io_help.h"

static unic__arena arena;

static unic_status read_text(unic__clip_table *x, const char *text, const char *split)
{
    const char *path = io_path("index.csv");
    io_write(path, text, strlen(text));
    unic__arena_free(&arena);
    return unic__clip_table_read(x, &arena, path, split);
}

/* The ids, each with its class, as one text. */
static const char *print(const unic__clip_table *x)
{
    static char text[512];
    text[0] = '\0';
    for (size_t i = 0; i < x->n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%d;", x->ids[i],
                 x->labels ? x->labels[i] : -1);
    return text;
}

START_TEST(tables_in_many_hands)
{
    static const struct {
        const char *text, *split, *expected;
    } good[] = {
        {"video_id\na\n", NULL, "a=-1;"},
        {"video_id\na", NULL, "a=-1;"},
        {"video_id,category,split\nb,x,train\na,y,test\nc,x,test\n", NULL, "b=0;a=1;c=0;"},
        {"video_id,category,split\nb,x,train\na,y,test\nc,x,test\n", "test", "a=1;c=0;"},
        {"split,video_id,other,category\ntrain,b,,y\n", "train", "b=0;"},
        {"\xEF\xBB\xBFvideo_id,category\r\na,x\r\nb,\"y\"\r\n", NULL, "a=0;b=1;"},
        {"\n\nvideo_id,category\n\na,x\n\n\nb,y\n\n", NULL, "a=0;b=1;"},
        {"video_id,category\n\"a,1\",\"say \"\"x\"\"\"\n\"b\",\n", NULL, "a,1=1;b=0;"},
        {"video_id,category\n\"a\n1\",x\n", NULL, "a\n1=0;"},
        {"video_id\tcategory\na,1\tx, y\n", NULL, "a,1=0;"},
        {"filename,category\n-a_0_10,Zebra\nb,apple\nc,Zebra\n", NULL, "-a_0_10=0;b=1;c=0;"},
        {"video_id,category\na,x\na,x\n", NULL, "a=0;a=0;"},
    };
    unic__clip_table x;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        io_assert_ok(read_text(&x, good[i].text, good[i].split));
        ck_assert_str_eq(print(&x), good[i].expected);
    }
}
END_TEST

START_TEST(tables_that_are_refused)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "index.csv: has no column \"video_id\" in its first line"},
        {"clip,category\na,x\n", "index.csv: has no column \"video_id\" in its first line"},
        {"video_id,category\n", "index.csv: names no clip"},
        {"video_id,video_id\na,b\n", "index.csv: has two columns \"video_id\""},
        {"video_id,filename\na,b\n", "index.csv: has two columns \"filename\""},
        {"video_id,category\n\na\n", "index.csv:3: has 1 columns, 2 expected"},
        {"video_id,category\na,b,c\n", "index.csv:2: has 3 columns, 2 expected"},
        {"video_id,category\n,b\n", "index.csv:2: names no clip"},
        {"video_id,category\na,\"b\n", "index.csv:2: a quoted field does not end with it"},
        {"video_id,category\na,\"b\"c\n", "index.csv:2: a quoted field does not end with it"},
        {"video_id,onset,offset\na,1,2\n", "index.csv: has only some of the columns \"onset\""},
        {"video_id\tonset\toffset\tevent_labels\na\t1\t2\tx,y\n",
         "index.csv:2: event \"y\" has"},
        {"video_id\tonset\toffset\tevent_labels\na\t2\t2\tx\n", "index.csv:2: event \"x\" has"},
        {"video_id\tonset\toffset\tevent_labels\na\t-1\t2\tx\n",
         "index.csv:2: event \"x\" has"},
        {"video_id\tonset\toffset\tevent_labels\na\t0.5\t2\tx\n", "index.csv:2: event \"x\""},
        {"video_id\tonset\toffset\tevent_labels\na\t0\t99999\tx\n", "index.csv:2: event \"x\""},
        {"video_id\tonset\toffset\tevent_labels\na\t0,1\t1,2\tx\n",
         "index.csv:2: has fewer events than onsets or offsets"},
    };
    unic__clip_table x;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        io_assert_fails(read_text(&x, bad[i].text, NULL), UNIC_E_FORMAT, bad[i].words);
    io_assert_fails(read_text(&x, "video_id,split\na,train\n", "tain"), UNIC_E_NOTFOUND,
                    "index.csv: no clip is in split \"tain\"; that of the first is \"train\"");
    io_assert_fails(read_text(&x, "video_id\na\n", "train"), UNIC_E_NOTFOUND,
                    "index.csv: has no column \"split\", but split \"train\" is asked for");
    io_write(io_path("index.csv"), "video_id\na\0b\n", 13);
    io_assert_fails(unic__clip_table_read(&x, &arena, io_path("index.csv"), NULL),
                    UNIC_E_FORMAT, "index.csv: is no text: it has a NUL byte");
    io_assert_fails(unic__clip_table_read(&x, &arena, "/nowhere/x.csv", NULL), UNIC_E_NOTFOUND,
                    "/nowhere/x.csv");
    char wide[512] = "video_id";
    for (int i = 0; i < 64; i++)
        strcat(wide, ",x");
    io_assert_fails(read_text(&x, wide, NULL), UNIC_E_FORMAT, "has more than 64 columns");
}
END_TEST

/* The lists of one line, with and without Python's brackets and quotes. */
START_TEST(events_become_one_channel_each)
{
    static const char *const texts[] = {
        "filename\tonset\toffset\tevent_labels\tsplit\n"
        "a\t0,2\t2,3\tSpeech,Baby cry\ttrain\nb\t\t\t\ttest\nc\t1\t3\tSpeech\ttest\n",
        "filename\tonset\toffset\tevent_labels\tsplit\n"
        "a\t[0, 2]\t[2, 3]\t['Speech', 'Baby cry']\ttrain\nb\t[]\t[]\t[]\ttest\n"
        "c\t['1']\t['3']\t[\"Speech\"]\ttest\n"};
    static const int32_t expected[3][3][3] = {{{0, 1, 0}, {0, 1, 0}, {1, 0, 0}},
                                              {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}},
                                              {{0, 0, 1}, {0, 1, 0}, {0, 1, 0}}};
    unic__clip_table x;
    for (size_t i = 0; i < 2; i++) {
        io_assert_ok(read_text(&x, texts[i], NULL));
        ck_assert(x.n == 3 && x.steps == 3 && x.classes == 2);
        ck_assert_mem_eq(x.events, expected, sizeof expected);
        io_assert_ok(read_text(&x, texts[i], "test"));
        ck_assert(x.n == 2 && x.steps == 3 && x.classes == 2);
        ck_assert_mem_eq(x.events, expected[1], 2 * sizeof expected[1]);
    }
}
END_TEST

/* Whatever stands in a table, it is read or refused. */
START_TEST(random_tables_do_no_harm)
{
    static const char alphabet[] = "video_id,onset\toffset\tevent_labels\n\n\r\"\"a0129,,[]'";
    char text[256];
    unic__clip_table x;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        unic__key key = unic__random_key(seed, 0, 0);
        size_t n = (size_t)snprintf(text, sizeof text, "video_id,onset,offset,event_labels\n");
        size_t more = unic__random_below(key, 0, 200);
        for (size_t i = 0; i < more; i++)
            text[n + i] = alphabet[unic__random_below(key, i + 1, sizeof alphabet - 1)];
        text[n + more] = '\0';
        unic_status status = read_text(&x, text, NULL);
        ck_assert(status == UNIC_OK || status == UNIC_E_FORMAT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/clip_table");
    TCase *t = tcase_create("clip_index");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, tables_in_many_hands);
    tcase_add_test(t, tables_that_are_refused);
    tcase_add_test(t, events_become_one_channel_each);
    tcase_add_test(t, random_tables_do_no_harm);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unic__arena_free(&arena);
    return failed != 0;
}
