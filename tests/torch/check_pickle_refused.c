/* lib/torch/pickle: what it refuses, and its caps. */
#include <check.h>
#include <string.h>

#include "file/io_help.h"
#include "torch/pickle_text.h"

/* ---- what is refused ---- */

static const struct {
    const char *pickle;
    size_t size;
    const char *message;
} bad[] = {
    /* names and calls */
    {P("\x80\4K\1\x8C\1x\x93."), "STACK_GLOBAL: finds an int on the stack, a text expected"},
    {P("\x80\4\x8C\1xN\x93."), "finds None on the stack, a text expected"},
    {P("N)R."), "REDUCE: finds None on the stack, a name expected"},
    {P("cnumpy\ndtype\n]R."), "REDUCE: finds a list on the stack, a tuple expected"},
    {P("ccollections\nOrderedDict\n(I1\ntR."),
     "OrderedDict is given 1 arguments, pairs expected"},
    {P("ccollections\nOrderedDict\n((I1\nltR."), "is given a list that is not of pairs"},
    {P("ccollections\nOrderedDict\n((]ltR."), "is given a list that is not of pairs"},
    {P("ccollections\nOrderedDict\n(((]I1\nlltR."), "REDUCE: a list cannot be a key"},
    {P("NN\x81."), "NEWOBJ: finds None on the stack, a name expected"},
    {P(")}\x92."), "NEWOBJ_EX: there is no value on the stack"},
    {P("cmy\nA\n))\x92."), "NEWOBJ_EX: finds a tuple on the stack, a dict expected"},
    {P("(o."), "OBJ: there is no class on the stack"},
    {P("(I1\no."), "OBJ: finds an int on the stack, a name expected"},
    {P("o."), "OBJ: there is no MARK on the stack"},
    {P("imy\nA\n."), "INST: there is no MARK on the stack"},
    {P("c_codecs\nencode\n(V\\u0100\nVlatin1\ntR."), "its text is not of latin-1 at byte 0"},
    {P("c_codecs\nencode\n(X\2\0\0\0a\xC3Vlatin1\ntR."), "not of latin-1 at byte 1"},
    {P("NNb."), "BUILD: finds None on the stack, an object expected"},
    {P("cnumpy\ndtype\n)R)b)b."), "BUILD: gives an object a second state"},
    {P("\x80\2cmy\nL\n)\x81Na(NNu."), "SETITEMS: finds a list on the stack, a dict expected"},
    {P("\x80\4\x8F(Ne."), "APPENDS: finds a set on the stack, a list expected"},
    {P("\x80\4](N\x90."), "ADDITEMS: finds a list on the stack, a set expected"},
    {P("N00."), "POP: there is no value on the stack"},
    {P("N1."), "POP_MARK: there is no MARK on the stack"},
    {P("(2."), "DUP: there is no value on the stack"},
    {P("Sx\n."), "STRING: its text stands in no quotes"},
    {P("S'x\n."), "in no quotes"},
    {P("S'\n."), "in no quotes"},
    {P("S'x\"\n."), "in no quotes"},
    {P("S'\\x1'\n."), "its text has a broken escape"},
    {P("S'\\'\n."), "a broken escape"},
    {P("S'\\q'\n."), "a broken escape"},
    {P("S'\\777'\n."), "a broken escape"},
    {P("F\n."), "FLOAT: its line is no number"},
    {P("F1,5\n."), "FLOAT: its line is no number"},
    /* opcodes */
    {P("\x82\1."), "byte 0, EXT1: an opcode that is not read: what it names stands outside"},
    {P("\x83\1\0."), "EXT2"},
    {P("\x84\1\0\0\0."), "EXT4"},
    {P("\x97."), "NEXT_BUFFER"},
    {P("\x98."), "READONLY_BUFFER"},
    {P("\xFF."), "byte 0: 0xFF is no opcode"},
    {P("N\0."), "byte 1: 0x00 is no opcode"},
    {P("\x80\6N."), "byte 0, PROTO: is protocol 6, 0 to 5 expected"},
    {P("NN."), "STOP: 1 values are left on the stack"},
    {P("(N."), "STOP: 1 values are left on the stack"},
    {P("."), "STOP: there is no value on the stack"},
    {P("(."), "STOP: there is no value on the stack"},
    {P("t."), "TUPLE: there is no MARK on the stack"},
    {P("NNt."), "TUPLE: there is no MARK on the stack"},
    {P("N\x86."), "TUPLE2: there is no value on the stack"},
    {P("N(\x85."), "TUPLE1: there is no value on the stack"},
    {P("a."), "APPEND: there is no value"},
    {P("NNa."), "APPEND: finds None on the stack, a list expected"},
    {P("(NNe."), "APPENDS: there is no value on the stack"},
    {P(")(Ne."), "APPENDS: finds a tuple on the stack, a list expected"},
    {P("]NNe."), "APPENDS: there is no MARK on the stack"},
    {P("](NNu."), "SETITEMS: finds a list on the stack, a dict expected"},
    {P("}(Nu."), "SETITEMS: 1 keys and values are no pairs"},
    {P("(I1\nI2\nI3\nd."), "DICT: 3 keys and values are no pairs"},
    {P("}]Ns."), "SETITEM: a list cannot be a key"},
    {P("}}Ns."), "SETITEM: a dict cannot be a key"},
    /* numbers and strings */
    {P("I\n."), "INT: its line is no integer"},
    {P("I-\n."), "no integer"},
    {P("I1x\n."), "no integer"},
    {P("I5L\n."), "no integer"},
    {P("\x8B\xFF\xFF\xFF\xFF."), "LONG4: 4294967295 more bytes expected"},
    {P("X\xFF\xFF\xFF\xFFx."), "BINUNICODE: 4294967295 more bytes expected, the pickle has 2"},
    {P("\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx."), "18446744073709551615 more bytes expected"},
    {P("\x8E\0\0\0\0\0\0\0\x80."), "BINBYTES8: 9223372036854775808 more bytes expected"},
    {P("\x96\0\0\0\0\1\0\0\0."), "BYTEARRAY8: 4294967296 more bytes"},
    {P("B\xFF\xFF\xFF\x7F."), "BINBYTES: 2147483647 more bytes"},
    {P("\x80\4\x95\x09\0\0\0\0\0\0\0N."), "FRAME: 9 more bytes expected, the pickle has 2"},
    {P("V\\u12\n."), "UNICODE: its text has a broken \\u escape"},
    {P("V\\u12g4\n."), "a broken \\u escape"},
    {P("V\\U00110000\n."), "a broken \\U escape"},
    /* the memo */
    {P("h\0."), "BINGET: the memo has no number 0"},
    {P("Nq\0h\1."), "the memo has no number 1"},
    {P("j\xFF\xFF\xFF\xFF."), "LONG_BINGET: the memo has no number 4294967295"},
    {P("g-1\n."), "GET: the memo has no number 18446744073709551615"},
    {P("q\0."), "BINPUT: there is no value on the stack"},
    {P("(q\0."), "BINPUT: there is no value on the stack"},
    {P("\x94."), "MEMOIZE: there is no value on the stack"},
    {P("Nq\0q\0."), "BINPUT: the memo's number 0 is set twice"},
    {P("Nq\1\x94."), "MEMOIZE: the memo's number 1 is set twice"},
    {P("Nr\xFF\xFF\xFF\xFF."),
     "LONG_BINPUT: the memo's number 4294967295 comes after 2 opcodes"},
    {P("Nq\3."), "the memo's number 3 comes after 2 opcodes"},
    {P("Np9223372036854775807\n."), "PUT: the memo's number 9223372036854775807 comes after"},
    /* what stands elsewhere already */
    {P("]q\0]q\1h\0a0h\0Na."), "APPEND: changes a list that already stands in another value"},
    {P("]q\0\x85q\1"
       "0h\0h\1\x85h\0\x86"
       "0h\0Na."),
     "changes a list that already stands in another value"},
    {P("ccollections\nOrderedDict\n)Rq\0\x85q\1"
       "0h\0NNs."),
     "changes a dict that already stands"},
};

START_TEST(refuses)
{
    pickle_text t;
    size_t used = 0;
    io_assert_fails(pickle_text_read(bad[_i].pickle, bad[_i].size, &t, &used), UNIC_E_FORMAT,
                    bad[_i].message);
    ck_assert(used == 0 || used > bad[_i].size);
}
END_TEST

/* ---- caps ---- */

START_TEST(depth_is_bounded)
{
    const size_t most = UNIC__PICKLE_DEPTH;
    pickle_builder b = {NULL, 0, 0};
    for (size_t depth = most; depth <= most + 1; depth++) {
        pickle_add(&b, P("]"), 1);
        pickle_add(&b, P("\x85"), depth - 1); /* a tuple of what was there */
        pickle_add(&b, P("."), 1);
        unic_status status = pickle_finish(&b);
        if (depth == most)
            io_assert_ok(status);
        else
            io_assert_fails(status, UNIC_E_FORMAT,
                            "byte 256, TUPLE1: values are nested more than 256 deep");
    }
    pickle_add(&b, P("N"), 1); /* by persistent ids */
    pickle_add(&b, P("Q"), most);
    pickle_add(&b, P("."), 1);
    io_assert_fails(pickle_finish(&b), UNIC_E_FORMAT,
                    "BINPERSID: values are nested more than 256");
    pickle_add(&b, P("cnumpy\ndtype\n)R)"), 1); /* by an object's state */
    pickle_add(&b, P("\x85"), most - 1);
    pickle_add(&b, P("b."), 1);
    io_assert_fails(pickle_finish(&b), UNIC_E_FORMAT,
                    "BUILD: values are nested more than 256 deep");
    pickle_add(&b, P("(lp0\n"), 1); /* wide is not deep */
    pickle_add(&b, P("(la"), 1000);
    pickle_add(&b, P("."), 1);
    io_assert_ok(pickle_finish(&b));
}
END_TEST

START_TEST(opcodes_are_bounded)
{
    pickle_builder b = {NULL, 0, 0};
    pickle_add(&b, P("\x80\2"), UNIC__PICKLE_OPCODES - 2);
    pickle_add(&b, P("N."), 1);
    io_assert_ok(pickle_finish(&b));
    pickle_add(&b, P("\x80\2"), UNIC__PICKLE_OPCODES - 1);
    pickle_add(&b, P("N."), 1);
    io_assert_fails(pickle_finish(&b), UNIC_E_FORMAT,
                    "byte 8388607, STOP: more than 4194304 opcodes");
}
END_TEST

START_TEST(the_stack_is_bounded)
{
    pickle_builder b = {NULL, 0, 0};
    pickle_add(&b, P("("), UNIC__PICKLE_STACK);
    io_assert_fails(pickle_finish(&b), UNIC_E_FORMAT,
                    "more bytes expected"); /* it ends there */
    pickle_add(&b, P("("), UNIC__PICKLE_STACK + 1);
    io_assert_fails(pickle_finish(&b), UNIC_E_FORMAT,
                    "byte 1048576, MARK: more than 1048576 values wait on the stack");
}
END_TEST

START_TEST(memory_is_bounded)
{
    pickle_builder b = {NULL, 0, 0};
    pickle_add(&b, P("]"), 1); /* every opcode of one byte makes less than 64 */
    pickle_add(&b, P("]a"), 2000000);
    pickle_add(&b, P("."), 1);
    io_assert_ok(pickle_finish(&b));
    pickle_add(&b, P("N"), 1);
    pickle_add(&b,
               P(")\x85"
                 "0"),
               1300000);
    pickle_add(&b, P("."), 1);
    io_assert_ok(pickle_finish(&b));
    /* A text of 1 MiB, made bytes again and again. */
    for (size_t times = 1; times <= 100; times += 99) {
        pickle_add(&b, P("](c_codecs\nencode\nq\1(X\0\0\x10\0"), 1);
        pickle_add(&b, P("x"), 1 << 20);
        pickle_add(&b, P("X\6\0\0\0latin1tq\3e"), 1);
        pickle_add(&b, P("h\1h\3Ra"), times);
        pickle_add(&b, P("."), 1);
        unic_status status = pickle_finish(&b);
        if (times == 1)
            io_assert_ok(status);
        else
            io_assert_fails(status, UNIC_E_FORMAT, "REDUCE: its values take more than 68");
    }
}
END_TEST

/* Every step doubles the tree, by one new value: a list of None, (None, None), ... */
START_TEST(shared_values_count_each_time)
{
    for (int doublings = 20; doublings <= 21; doublings++) {
        pickle_builder b = {NULL, 0, 0};
        pickle_add(&b, P("]Nq\0a"), 1);
        for (int i = 0; i < doublings; i++) {
            const char step[] = {'h', (char)i, 'h', (char)i, '\x86', 'q', (char)(i + 1), 'a'};
            pickle_add(&b, step, sizeof step, 1);
        }
        pickle_add(&b, P("."), 1);
        unic_status status = pickle_finish(&b);
        if (doublings == 20) /* 2^22 - 22 values */
            io_assert_ok(status);
        else
            io_assert_fails(status, UNIC_E_FORMAT,
                            "APPEND: makes a tree of more than 4194304 values");
    }
}
END_TEST

START_TEST(names_have_a_longest)
{
    pickle_builder b = {NULL, 0, 0};
    for (size_t size = 1000; size <= 1001; size++) {
        pickle_add(&b, P("c"), 1);
        pickle_add(&b, P("m"), size);
        pickle_add(&b, P("\n"), 1);
        pickle_add(&b, P("n"), 1000);
        pickle_add(&b, P("\n."), 1);
        if (size == 1000)
            io_assert_ok(pickle_finish(&b));
        else
            io_assert_fails(pickle_finish(&b), UNIC_E_FORMAT,
                            "is a name of 1001 bytes, at most 1000");
    }
}
END_TEST

/* Objects nest and count as tuples do: entries and state of one within the other. */
START_TEST(objects_count)
{
    pickle_builder b = {NULL, 0, 0};
    const size_t most = (UNIC__PICKLE_DEPTH - 1) / 2;
    for (size_t deep = most; deep <= most + 1; deep++) {
        pickle_add(&b, P("cmy\nA\n)\x81"), deep);
        pickle_add(&b, P("N"), 1);
        pickle_add(&b, P("a"), deep); /* an item: an object and its list, two deep */
        pickle_add(&b, P("."), 1);
        if (deep == most)
            io_assert_ok(pickle_finish(&b));
        else
            io_assert_fails(pickle_finish(&b), UNIC_E_FORMAT,
                            "values are nested more than 256 deep");
    }
    for (int doublings = 19; doublings <= 21; doublings++) {
        pickle_add(&b, P("]Nq\0a"), 1);
        for (int i = 0; i < doublings; i++) {
            const char step[] = {'c', 'm',     '\n', 'A',     '\n', ')', '\x81',        '(',
                                 'h', (char)i, 'h',  (char)i, 'e',  'q', (char)(i + 1), 'a'};
            pickle_add(&b, step, sizeof step, 1);
        }
        pickle_add(&b, P("."), 1);
        unic_status status = pickle_finish(&b);
        ck_assert_int_eq(status, doublings == 19 ? status : UNIC_E_FORMAT);
        ck_assert(status == UNIC_OK || strstr(unic_last_error(), "more than 4194304 values"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pickle_refused");
    TCase *tests = tcase_create("pickle_refused");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, refuses, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tests, depth_is_bounded);
    tcase_add_test(tests, opcodes_are_bounded);
    tcase_add_test(tests, the_stack_is_bounded);
    tcase_add_test(tests, memory_is_bounded);
    tcase_add_test(tests, shared_values_count_each_time);
    tcase_add_test(tests, names_have_a_longest);
    tcase_add_test(tests, objects_count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
