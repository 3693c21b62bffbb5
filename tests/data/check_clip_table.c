/* lib/data/clip_table: csv tables as people have them, and what is refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/clip_table.h"
#include "data/csv.h"
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
        {"video_id,category\n\"a,1\",\"say \"\"x\"\"\"\n\"b\",c\n", NULL, "a,1=1;b=0;"},
        {"video_id,category\n\"a\n1\",x\n", NULL, "a\n1=0;"},
        {"video_id\tcategory\na,1\tx, y\n", NULL, "a,1=0;"},
        {"filename,category\n-a_0_10,Zebra\nb,apple\nc,Zebra\n", NULL, "-a_0_10=0;b=1;c=0;"},
        {"video_id,category\na,x\na,x\n", NULL, "a=0;"},
        /* lines that end in other ways, with and without the last one's end */
        {"video_id,category\ra,x\rb,y\r", NULL, "a=0;b=1;"},
        {"video_id,category\r\ra,x\r\rb,y", NULL, "a=0;b=1;"},
        {"video_id,category\na,x\rb,y\r\nc,x", NULL, "a=0;b=1;c=0;"},
        {"video_id,category\r\"a\r1\",x\r", NULL, "a\r1=0;"},
        {"\xEF\xBB\xBFvideo_id\ra\rb", NULL, "a=-1;b=-1;"},
        /* blanks around fields, and lines of them */
        {"video_id, category\na, x\n b ,y \n", NULL, "a=0;b=1;"},
        {" video_id ,  category \na,  x\n  \nb,y\n \n", NULL, "a=0;b=1;"},
        {"video_id , category\n\"a\" , \" x\" \n", NULL, "a=0;"},
        {"video_id \t category\na\t x\nb \ty\n", NULL, "a=0;b=1;"},
        {"video_id;category\na;x, y\nb;z\n", NULL, "a=0;b=1;"},
        {"video_id|category\na|x; y&\nb|z\n", NULL, "a=0;b=1;"},
        /* names of columns in another case; the exact one first */
        {"VIDEO_ID,CATEGORY,Split\na,x,test\nb,y,train\n", "train", "b=1;"},
        {"FileName\tCategory\na\tx\n", NULL, "a=0;"},
        {"Video_ID,video_id,Category,category\nz,a,p,x\n", NULL, "a=0;"},
        {"\"video_id\",\"category;x\"\na,x\n", NULL, "a=-1;"},
        /* the clip's name */
        {"id,category\na.mp4,x\n", NULL, "a.mp4=0;"},
        {",id,video_id\n0,7,a\n1,8,b\n", NULL, "a=-1;b=-1;"},
        /* no category: no label, and no class */
        {"video_id,category\na,Dog\nb,\nc,Cat\n", NULL, "a=1;b=-1;c=0;"},
        {"video_id,category\na,NaN\nb,nan\nc,Cat\nd, \ne,<NA>\nf,NULL\n", NULL,
         "a=-1;b=-1;c=0;d=-1;e=-1;f=-1;"},
        {"video_id,category\na,\n", NULL, "a=-1;"},
        {"video_id,category\na,None\nb,#N/A\nc,Cat\nd,-nan\n", NULL, "a=-1;b=-1;c=0;d=-1;"},
        {"video_id,category\na,none\nb,NONE\nc,nano\nd,\"\"\n", NULL,
         "a=2;b=0;c=1;d=-1;"}, /* names */
        /* one line says what another leaves open */
        {"video_id,category\na,\nb,x\na,y\n", NULL, "a=1;b=0;"},
        {"video_id,category,split\na,x,\na,,test\nb,x,train\n", "test", "a=0;"},
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
        {"video_id,filename\na,b\n",
         "index.csv: has two columns \"filename\" and \"video_id\""},
        {"video_id,category\n\na\n", "index.csv:3: has 1 columns, 2 expected"},
        {"video_id,category\na,b,c\n", "index.csv:2: has 3 columns, 2 expected"},
        {"video_id,category\n,b\n", "index.csv:2: names no clip"},
        {"video_id,category\na,\"b\n", "index.csv:2: a quoted field does not end with it"},
        {"video_id,category\na,\"b\"c\n", "index.csv:2: a quoted field does not end with it"},
        {"video_id,Category,CATEGORY\na,b,c\n", "index.csv: has two columns \"category\""},
        {"a,Dog\nb,Cat\n", "which names the columns; there is: a, Dog"},
        {"a&Dog\nb&Cat\n", "which names the columns; there is: a&Dog"},
        {"Clip,category\na,x\n", "is column \"Clip\" meant as \"video_id\"?"},
        /* what is missing is the clips' name, and no other column is asked about */
        {"label,youtube_id,split\na,x,train\n",
         "is column \"youtube_id\" meant as \"video_id\"?"},
        {"labels,fname\na,x\n", "is column \"fname\" meant as \"video_id\"?"},
        {"segment,label\na,x\n", "which names the columns; there is: segment, label"},
        {"onset,offset,event_label\na,1,2\n", "there is: onset, offset, event_label"},
        {"# YTID, start_seconds\na, 3\n",
         "there is: # YTID, start_seconds; a line that begins with # is no comment"},
        {"vid,label\na,x\n", "is column \"vid\" meant as \"video_id\"?"},
        {"[{\"video_id\": \"a\"}]\n", "index.csv: begins with [, as JSON does; a table whose"},
        {"\n {\"video_id\": \"a\"}\n", "index.csv: begins with {, as JSON does; a table whose"},
        {"Bark&a&good&0&2\nBark&b&good&0\n", "index.csv:2: has 4 columns, 5 expected"},
        {"Bark&a&good&0&2\nBark&&good&0&1\n", "index.csv:2: names no clip"},
        {"Bark&a&good&0&x\n", "index.csv:1: event \"Bark\" has onset \"0\" and offset \"x\""},
        {"video_id,category,onset,offset\na,,0,2\n", "index.csv:2: has fewer events than"},
        {"video_id,onset,offset\na,1,2\n", "index.csv: has only some of the columns \"onset\""},
        {"video_id\tonset\toffset\tevent_labels\na\t3\t2\tx\n", "index.csv:2: event \"x\" has"},
        {"video_id\tonset\toffset\tevent_labels\na\t1\t2.5\tx\n", "index.csv:2: event \"x\""},
        {"video_id\tonset\toffset\tevent_labels\na\t\t\tx\n", "index.csv:2: event \"x\" has"},
        {"video_id\tonset\tevent_labels\na\t1\tx\n", "index.csv: has only some of the"},
        {"video_id,category\ra,x\ra,y\r",
         "index.csv:3: clip \"a\" has category \"y\", but \"x\" in line 2"},
        {"video_id,split\na,train\nb,test\na,test\n",
         "index.csv:4: clip \"a\" has split \"test\", but \"train\" in line 2"},
        {"vidio_id,category\na,x\n", "is column \"vidio_id\" meant as \"video_id\"?"},
        {"video_id,onset,offset,event_label\na,1,2,x\n",
         "is column \"event_label\" meant as \"event_labels\"?"},
        {"\xFF\xFEv\0i", "index.csv: is a text of 16 or 32 bits"},
        {"video_id\tonset\toffset\tevent_labels\na\t-1\t2\tx\n",
         "index.csv:2: event \"x\" has"},
        {"video_id\tonset\toffset\tevent_labels\na\t0.5\t2\tx\n", "index.csv:2: event \"x\""},
        {"video_id\tonset\toffset\tevent_labels\na\t0\t99999\tx\n", "index.csv:2: event \"x\""},
        {"video_id\tonset\toffset\tevent_labels\na\t0,1\t1,2\tx\n",
         "index.csv:2: has fewer events than onsets or offsets"},
        /* the value, and what is expected */
        {"video_id\tonset\toffset\tevent_labels\na\t0,0.5\t2,2.7\tx,y\n",
         "index.csv:2: event \"y\" has onset \"0.5\" and offset \"2.7\", whole seconds in "
         "0..65536 "
         "expected, the offset not before the onset"},
        {"video_id\tonset\toffset\tevent_labels\na\t0,1\t2,2\tx,y,z\n",
         "index.csv:2: event \"z\" has onset \"\" and offset \"\""},
        {"video_id\tonset\toffset\tevent_labels\na\t0\t2,3\tx,y\n",
         "index.csv:2: event \"y\" has onset \"\" and offset \"3\""},
        {"video_id\tonset\toffset\tevent_labels\na\t\t\tx,y\n",
         "index.csv:2: event \"x\" has onset \"\" and offset \"\""},
        {"video_id\tonset\toffset\tevent_labels\na\t0,\t2,3\tx,y\n",
         "index.csv:2: event \"y\" has onset \"\" and offset \"3\""},
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
}
END_TEST

/* As a table with a column for each class has them. */
START_TEST(many_columns)
{
    enum { MOST = UNIC__CSV_FIELDS };
    static char text[8 * MOST];
    unic__clip_table x;
    const size_t others[] = {15, 16, 63, 64, 5000, MOST - 2, MOST - 1};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *at = text;
        for (int line = 0; line < 3; line++) {
            at += sprintf(at, "%s", line == 0 ? "video_id" : line == 1 ? "b" : "a");
            for (size_t k = 0; k < others[i]; k++, at += 2)
                memcpy(at, line ? ",1" : ",x", 2);
            at += sprintf(at, "%s",
                          line == 0   ? ",category\n"
                          : line == 1 ? ",dog\n"
                                      : ",cat\n");
        }
        if (others[i] + 2 > MOST) {
            io_assert_fails(read_text(&x, text, NULL), UNIC_E_FORMAT,
                            "index.csv:1: has more than 65536 columns");
            break;
        }
        io_assert_ok(read_text(&x, text, NULL));
        ck_assert_str_eq(print(&x), "b=1;a=0;");
        strcpy(at - 1, ",1,1\n"); /* the last line has two more */
        char says[80];
        snprintf(says, sizeof says, "index.csv:3: has %zu columns, %zu expected", others[i] + 4,
                 others[i] + 2);
        if (others[i] + 4 <= MOST)
            io_assert_fails(read_text(&x, text, NULL), UNIC_E_FORMAT, says);
    }
    unic__arena_free(&arena);
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
    int32_t steps[3][3][3];
    for (size_t i = 0; i < 2; i++) {
        io_assert_ok(read_text(&x, texts[i], NULL));
        ck_assert(x.n == 3 && x.event_names.n == 2);
        unic__clip_table_steps(&x, 3, steps[0][0]);
        ck_assert_mem_eq(steps, expected, sizeof expected);
        io_assert_ok(read_text(&x, texts[i], "test"));
        ck_assert(x.n == 2 && x.event_names.n == 2);
        unic__clip_table_steps(&x, 3, steps[0][0]);
        ck_assert_mem_eq(steps, expected[1], 2 * sizeof expected[1]);
    }
}
END_TEST

/* Names stay what they are: brackets and quotes belong to a list, or in pairs to an item. */
START_TEST(names_of_events_are_kept)
{
    static const struct {
        const char *field, *names;
    } cases[] = {
        {"Speech,Dog", "Dog|Speech|"},
        {" [ 'Speech' , \"Dog\" ] ", "Dog|Speech|"},
        {"'Speech','Dog'", "Dog|Speech|"},
        {"Frying_(food),Frying_[food]", "Frying_(food)|Frying_[food]|"},
        {"['Frying_[food]']", "Frying_[food]|"},
        {"['Male speech, man speaking', 'Dog']", "Dog|Male speech, man speaking|"},
        {"[\"Bird's song\", 'x']", "Bird's song|x|"},
        {"'s, the 'big' one", "'s|the 'big' one|"},
        {"'a,'b,'c", "'a|'b|'c|"},
        {"it's,dogs'", "dogs'|it's|"},
        {"[Dog, nan, None, '', Cat]", "Cat|Dog|"},
        {"[]", ""},
        {"[", "[|"},
        {",Dog,,Cat,", "Cat|Dog|"},
    };
    unic__clip_table x;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], names[256] = "";
        snprintf(text, sizeof text, "video_id\tevent_labels\na\t%s\n", cases[i].field);
        io_assert_ok(read_text(&x, text, NULL));
        for (size_t c = 0; c < x.event_names.n; c++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s|",
                     x.event_names.at[c]);
        ck_assert_str_eq(names, cases[i].names);
    }
}
END_TEST

/* A list of quotes that nothing closes is read in one go. */
START_TEST(quotes_without_end_take_no_time)
{
    enum { ITEMS = 1000000 };
    char *text = malloc(64 + 3 * ITEMS),
         *at = text + sprintf(text, "video_id\tevent_labels\na\t");
    unic__clip_table x;
    for (int i = 0; i < ITEMS; i++)
        at += sprintf(at, "'b,");
    io_assert_ok(read_text(&x, text, NULL));
    ck_assert(x.events[0].n == ITEMS && x.event_names.n == 1);
    free(text);
}
END_TEST

/* A name of many parts, each of which is looked up among names that begin with it. */
START_TEST(parts_of_a_name_take_no_time)
{
    enum { PARTS = 1000000 };
    char *text = malloc(64 + 2 * PARTS),
         *at = text + sprintf(text, "video_id,event_labels\na,");
    unic__clip_table x;
    for (int i = 0; i < PARTS; i++)
        at += sprintf(at, "x|");
    strcpy(at, "\nb,x\n");
    io_log_begin();
    io_assert_ok(read_text(&x, text, NULL));
    ck_assert_ptr_nonnull(
        strstr(io_log_end(), "1 of 2 classes of events have another of them"));
    free(text);
}
END_TEST

/* The room for lines is that of those with a text. */
START_TEST(empty_lines_are_not_counted)
{
    static const struct {
        const char *text;
        size_t lines;
    } cases[] = {{"", 1},
                 {"a", 1},
                 {"\n\n\n\n\n\n\n\na", 1},
                 {"a\n\n\n\n\n\nb\n", 3},
                 {"a\r\n\r\n\r\nb\r\r\rc", 3},
                 {"a\nb\nc\n", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        unic__csv csv;
        strcpy(text, cases[i].text);
        io_assert_ok(unic__csv_begin(&csv, &arena, "x.csv", text, strlen(text)));
        ck_assert_uint_eq(unic__csv_lines(&csv), cases[i].lines);
    }
}
END_TEST

/* A category that has times is the class of its clip, if all that the clip has are the same. */
START_TEST(categories_with_times)
{
    unic__clip_table x;
    io_assert_ok(read_text(&x,
                           "video_id,category,onset,offset\nd,,,\na,Dog,0,1\nb,Cat,0,1\nb,,,\n"
                           "c,Dog,0,2\nc,Emu,1,3\nc,Dog,4,5\na,Dog,2,3\n",
                           NULL));
    ck_assert_str_eq(print(&x), "d=-1;a=1;b=0;c=-1;");
    ck_assert(x.categories.n == 3 && x.event_names.n == 3);
    ck_assert_str_eq(x.categories.at[2], "Emu");
    ck_assert(x.events[1].n == 2 && x.events[3].n == 3);
}
END_TEST

/* vggsound.csv has no line that names its columns; a clip is a video and the second it starts. */
START_TEST(vggsounds_table)
{
    unic__clip_table x;
    io_assert_ok(read_text(&x,
                           "---g-f_I2yQ,1,people marching,test\n"
                           "--0PQM4-hqg,30,\"playing violin, fiddle\",train\n"
                           "--0PQM4-hqg,1234567,people marching,train\n",
                           NULL));
    ck_assert_str_eq(print(&x),
                     "---g-f_I2yQ_000001=0;--0PQM4-hqg_000030=1;--0PQM4-hqg_1234567=0;");
    ck_assert_str_eq(x.categories.at[1], "playing violin, fiddle");
    io_assert_ok(read_text(&x, "a,1,x,test\nb,2,y,train\n", "train"));
    ck_assert(x.n == 1 && x.labels[0] == 1);
    ck_assert_str_eq(x.ids[0], "b_000002");
    io_assert_fails(read_text(&x, "a,1,x,test\nb,2.5,y,train\n", NULL), UNIC_E_FORMAT,
                    ":2: starts at \"2.5\", a whole second expected");
    io_assert_fails(read_text(&x, "a,1,x,test\n,2,y,train\n", NULL), UNIC_E_FORMAT,
                    ":2: names no clip");
    io_assert_ok(read_text(&x, "a,1,x,valid\nb,2,y,train\n", "valid"));
    ck_assert(x.n == 1 && strcmp(x.ids[0], "a_000001") == 0);
    io_assert_fails(read_text(&x, "a,1,x,z\n", NULL), UNIC_E_FORMAT, "no column");
    io_assert_fails(read_text(&x, "a,x,1,test\n", NULL), UNIC_E_FORMAT, "no column");
    io_assert_fails(read_text(&x, "a,,x,test\n", NULL), UNIC_E_FORMAT, "no column");
}
END_TEST

#define EVENTS "filename\tonset\toffset\tevent_labels\n"

/* What the authors' tables have: an event that ends where it begins, one event a line, events
 * without times. A step is written as its classes' first letters, '.' if it has none. */
START_TEST(events_as_the_authors_write_them)
{
    static const struct {
        const char *text, *steps;
    } cases[] = {
        {EVENTS "a\t2\t2\tSpeech\n", "a: . . . ."},
        {EVENTS "a\t2,0\t2,1\tSpeech,Dog\n", "a: D . . ."},
        {EVENTS "a\t2\t4\tDog\na\t0\t2\tSpeech\n", "a: S S D D"},
        {EVENTS "a\t0\t3\tDog\nb\t0\t1\tDog\na\t2\t4\tSpeech\n", "a: D D DS S b: D . . ."},
        {EVENTS "a\t0\t2\tDog\na\t1\t3\tDog\n", "a: D D D ."},
        {EVENTS "a\t0\t99\tDog\n", "a: D D D D"},
        {EVENTS "a\t0.0\t2.0\tDog\n", "a: D D . ."},
        {EVENTS "a\t0,1,2\t1,2,3\tDog,nan,Dog\n", "a: D . D ."},
        {EVENTS "a\t\t\t\nb\tnan\tnan\tnan\n", "a: . . . . b: . . . ."},
        {EVENTS "a\t1\t3\tDog,Speech\na\t3\t4\tDog\nb\t[0]\t[1]\t['Dog', 'Speech']\n",
         "a: . DS DS D b: DS . . ."},
        {EVENTS "a\t0\t1\t['Dog' 'Speech']\na\t3\t4\t[\"it's\" 'a, b']\n", "a: DS . . ai"},
        {EVENTS "a\t0\t1\t\"['Dog'\n 'Speech'\n 'x']\"\n", "a: DSx . . ."},
        {EVENTS "a\t0,1\t1,2\t'A' 'B','C'\n", "a: A C . ."}, /* no list of numpy's */
        {"filename\tevent_labels\na\tDog,Speech\nb\tDog\n", "a: DS DS DS DS b: D D D D"},
        {"filename\tevent_labels\na\tDog\na\tSpeech\n", "a: DS DS DS DS"},
        /* the category is the event: AVE's annotations, whole, in parts, and in columns */
        {"Category&VideoID&Quality&StartTime&EndTime\nMale speech, man&a&good&1&3\n"
         "Bark&b&good&0&4\n",
         "a: . M M . b: B B B B"},
        {"Male speech, man&a&good&1&3\r\nBark&b&good&0&0\r\nBark&a&good&0&2\r\n",
         "a: B BM M . b: . . . ."},
        {"category,video_id,onset,offset\n[x],a,0,1\n\"y, z\",a,2,3\n,b,,\n",
         "a: [ . y . b: . . . ."},
    };
    unic__clip_table x;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128] = "";
        int32_t steps[2 * 4 * 3], *at = steps;
        io_assert_ok(read_text(&x, cases[i].text, NULL));
        unic__clip_table_steps(&x, 4, steps);
        for (size_t n = 0; n < x.n; n++) {
            sprintf(text + strlen(text), "%s%s:", n ? " " : "", x.ids[n]);
            for (size_t t = 0; t < 4; t++, at += x.event_names.n + 1) {
                bool any = false;
                strcat(text, " ");
                for (size_t c = 0; c < x.event_names.n; c++)
                    if (at[c]) {
                        any = true;
                        strncat(text, x.event_names.at[c], 1);
                    }
                ck_assert_int_eq(at[x.event_names.n], !any);
                strcat(text, any ? "" : ".");
            }
        }
        ck_assert_str_eq(text, cases[i].steps);
    }
}
END_TEST

/* What is assumed is said, with names and counts. */
START_TEST(what_is_assumed_is_logged)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"video_id,category\na,x\nb,\nc,\n",
         "2 of 3 clips have no category (the first in line 3)"},
        {"video_id,categry\na,x\n",
         "column \"categry\" is not read; did you mean \"category\"?"},
        {"video_id,Category\na,x\n", "column \"Category\" is read as \"category\""},
        {"ID,category\na,x\n", "column \"ID\" is read as \"id\""},
        {"video_id,Label\na,x\n", "column \"Label\" is not read; did you mean \"category\"?"},
        {"video_id,class_name\na,x\n", "did you mean \"category\"?"},
        {"video_id,event\na,x\n", "did you mean \"event_labels\"?"},
        {"video_id,start,end,event_labels\na,0,1,x\n",
         "column \"start\" is not read; did you mean \"onset\"?"},
        {"video_id,event_labels\na,\nb,nan\n", "no line has an event"},
        {"video_id,category,onset,offset\na,x,0,1\na,y,1,2\nb,x,0,1\n",
         "1 of 2 clips have events of several categories (the first begins in line 2)"},
        {"Bark&a&good&0&2\n", "is read as AVE's annotations"},
        {"a,30,Bark,train\n", "is read as VGGSound's table"},
        {"a,30,Bark,val\nb,40,Bark,train\n", "is read as VGGSound's table"},
        {"filename\tevent_labels\na\tset()\nb\tGuitar (old)\n",
         "1 of 2 classes of events have a bracket in their names, as \"set()\""},
        {"filename\tevent_labels\na\t[\"caf\\u00e9\", \"Dog\"]\n",
         "1 of 2 classes of events have a \\ in their names, as \"caf\\u00e9\""},
        {"video_id,category\na,x\nb,y\na,x\n", "2 clips in 3 lines"},
        {EVENTS "a\t0\t1\tx\na\t1\t2\ty\n",
         "1 clips in 2 lines, whose events are put together"},
        {EVENTS "a\t9,0\t9,1\tx,y\n", "1 of 2 events end where they begin"},
        {EVENTS "a\t0\t1\tx\nb\t0\t1\tx,y,z\nc\t1\t2\tx,y\n",
         "2 of 3 lines give several events one onset and offset (the first is line 3)"},
        {"filename\tevent_labels\na\tx\n", "events have no onset and offset"},
        {"filename\tevent_labels\na\t('Speech', 'Dog')\nb\tDog\n",
         "2 of 3 classes of events have a bracket in their names, as \"'Dog')\": a list is "
         "written"},
        {"filename\tevent_labels\na\t{'Dog'}\nb\tDog (barks)\n", "1 of 2 classes of events "
                                                                 "have a bracket in their "
                                                                 "names, as \"{'Dog'}\""},
        {"filename\tevent_labels\na\tSpeech|Dog\nb\tDog\nc\tDog; Cat\nc\tA|B\n",
         "2 of 4 classes of events have another of them in their names, as \"Dog; Cat\""},
        {"video_id,category\na,\"['Speech', 'Dog']\"\nb,Dog\n",
         "1 of 2 classes have a bracket in their names, as \"['Speech', 'Dog']\": a category "
         "is one "
         "class; several are events, a list in column \"event_labels\""},
        {"video_id,category\na,Speech|Dog\nb,Dog\n",
         "1 of 2 classes have another of them in their names, as \"Speech|Dog\": a category "
         "is"},
        {"video_id,category\na,Dog;Cat\nb,Dog\n", "as \"Dog;Cat\": a category is one class"},
        {"video_id,category\na,\"Dog, Cat\"\nb,Dog\nc,Cat\n", "as \"Dog, Cat\": a category is"},
        {"video_id,category,onset,offset\na,Speech|Dog,0,1\nb,Dog,1,2\n", "as \"Speech|Dog\""},
        {"a,30,dog|cat,train\nb,40,dog,train\n", "as \"dog|cat\": a category is one class"},
    };
    unic__clip_table x;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        io_log_begin();
        io_assert_ok(read_text(&x, cases[i].text, NULL));
        const char *log = io_log_end();
        ck_assert_msg(strstr(log, cases[i].words) != NULL, "\"%s\" does not say \"%s\"", log,
                      cases[i].words);
    }
    io_log_begin();
    io_assert_ok(read_text(&x, "video_id,category,split,url,other\na,x,train,u,o\n", NULL));
    ck_assert_str_eq(io_log_end(), "");
    io_log_begin(); /* brackets and bars that names may have */
    io_assert_ok(read_text(&x,
                           EVENTS "a\t0\t1\tGuitar (electric)\na\t0\t1\t(old) A|B, C;D\n"
                                  "b\t0\t1\tA\n",
                           NULL));
    ck_assert_ptr_null(strstr(io_log_end(), "classes of events"));
    io_log_begin(); /* names of VGGSound and AudioSet: some of their words are classes too */
    io_assert_ok(
        read_text(&x,
                  "video_id,category\na,\"cattle, bovinae cowbell\"\nb,cattle\nc,Dog (barks)\n"
                  "d,\"Vehicle horn, car horn, honking\"\ne,car horn\nf,Rain/hail\n",
                  NULL));
    ck_assert_str_eq(io_log_end(), "");
    io_log_begin(); /* the times of a clip in its video are no events', as far as one can tell */
    io_assert_ok(read_text(&x, "video_id,category,label,start,End_Time\na,x,0,30,40\n", NULL));
    ck_assert_ptr_nonnull(
        strstr(io_log_end(), ": columns start, End_Time are not read, as those of a clip in "
                             "its video; times of events would be columns \"onset\" and "
                             "\"offset\"\n"));
    ck_assert_ptr_null(strstr(io_log_end(), "label"));
    io_log_begin();
    io_assert_ok(read_text(&x, "video_id,category,start\na,x,30\n", NULL));
    io_assert_ok(read_text(&x, "video_id,start,end\na,30,40\n", NULL));
    io_assert_ok(
        read_text(&x, "video_id,category,onset,offset,start,end\na,x,0,1,3,4\n", NULL));
    ck_assert_str_eq(io_log_end(), "");
}
END_TEST

/* A split that is spelt otherwise is another one, and is named. */
START_TEST(splits_that_are_spelt_otherwise)
{
    static const struct {
        const char *text, *words; /* words "": no line */
        size_t n;
    } cases[] = {
        {"video_id,split\na,train\nb,Train\nc,TRAIN\nd,\"train \"\ne,Train\nf,test\ng,train\n",
         "split \"train\" is not that of 4 of 7 clips, whose split is spelt otherwise: 1 of "
         "\"TRAIN\", 2 of \"Train\", 1 of \"train \"\n",
         2},
        {"video_id,split\na,train\nb,tr\xc2\xa0"
         "ain\n",
         "is not that of 1 of 2 clips", 1},
        {"video_id,split\na,train\nb,\nc,NA\nd,test\n",
         "2 of 4 clips have no split: they are not in split \"train\"\n", 1},
        {"video_id,split\na,train\nb,test\nc,train2\nd,val\n", "", 1},
    };
    unic__clip_table x;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        io_log_begin();
        io_assert_ok(read_text(&x, cases[i].text, "train"));
        const char *log = io_log_end();
        ck_assert_msg(*cases[i].words ? strstr(log, cases[i].words) != NULL : !*log,
                      "table %zu: the log says \"%s\"", i, log);
        ck_assert_uint_eq(x.n, cases[i].n);
        io_log_begin(); /* without a split, all clips are taken */
        io_assert_ok(read_text(&x, cases[i].text, NULL));
        ck_assert_str_eq(io_log_end(), "");
    }
    io_log_begin();
    io_assert_fails(read_text(&x, "video_id,split\na,Train\n", "train"), UNIC_E_NOTFOUND,
                    "no clip is in split \"train\"");
    ck_assert_ptr_nonnull(strstr(io_log_end(), "spelt otherwise: 1 of \"Train\""));
}
END_TEST

/* Long events of many classes take the memory of their lines until labels are asked for. */
START_TEST(events_are_kept_sparse)
{
    enum { LINES = 20000 };
    char *text = malloc(64 + 40 * LINES),
         *at = text + sprintf(text, "video_id,onset,offset,event_labels\n");
    unic__clip_table x;
    for (int i = 0; i < LINES; i++)
        at += sprintf(at, "a,0,65536,e%d\n", i);
    io_assert_ok(read_text(&x, text, NULL)); /* dense: 5 TB */
    ck_assert(x.n == 1 && x.event_names.n == LINES && x.events[0].n == LINES);
    int32_t *steps = malloc(2 * (LINES + 1) * sizeof *steps);
    unic__clip_table_steps(&x, 2, steps);
    for (size_t c = 0; c <= LINES; c++)
        ck_assert_int_eq(steps[c], c < LINES);
    free(steps);
    free(text);
}
END_TEST

/* Lines that end in CR alone, more than the file has LF: each has its place. */
START_TEST(many_lines_of_every_end)
{
    enum { LINES = 3000 };
    static const char *const ends[] = {"\r", "\n", "\r\n"};
    char *text = malloc(16 * (LINES + 1));
    unic__clip_table x;
    for (int e = 0; e < 4; e++) {
        char *at = text + sprintf(text, "video_id%s", ends[e % 3]);
        for (int i = 0; i < LINES; i++)
            at += sprintf(at, "c%d%s", i, ends[e < 3 ? e : i % 3]);
        io_assert_ok(read_text(&x, text, NULL));
        ck_assert_uint_eq(x.n, LINES);
        ck_assert_str_eq(x.ids[LINES - 1], "c2999");
    }
    free(text);
}
END_TEST

/* Whatever stands in a table, it is read or refused. */
START_TEST(random_tables_do_no_harm)
{
    static const char alphabet[] =
        "video_id,onset\toffset\tevent_labels\n\n\r\r; \"\"a0129,,[]'";
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
        if (status != UNIC_OK)
            continue;
        int32_t *steps = malloc(x.n * 5 * (x.event_names.n + 1) * sizeof *steps);
        unic__clip_table_steps(&x, 5, steps);
        free(steps);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/clip_table");
    TCase *t = tcase_create("clip_table");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, tables_in_many_hands);
    tcase_add_test(t, tables_that_are_refused);
    tcase_add_test(t, many_columns);
    tcase_add_test(t, events_become_one_channel_each);
    tcase_add_test(t, names_of_events_are_kept);
    tcase_add_test(t, quotes_without_end_take_no_time);
    tcase_add_test(t, parts_of_a_name_take_no_time);
    tcase_add_test(t, empty_lines_are_not_counted);
    tcase_add_test(t, categories_with_times);
    tcase_add_test(t, vggsounds_table);
    tcase_add_test(t, events_as_the_authors_write_them);
    tcase_add_test(t, what_is_assumed_is_logged);
    tcase_add_test(t, splits_that_are_spelt_otherwise);
    tcase_add_test(t, events_are_kept_sparse);
    tcase_add_test(t, many_lines_of_every_end);
    tcase_add_test(t, random_tables_do_no_harm);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unic__arena_free(&arena);
    return failed != 0;
}
