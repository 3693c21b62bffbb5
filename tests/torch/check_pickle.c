/* lib/torch/pickle: what it reads, printed as Python would; what it refuses; its caps. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "file/zip.h"
#include "torch/pickle.h"
#include "torch/torch_help.h"
#include "torch/value_path.h"

/* A pickle with its size, NULs inside; a digit behind \x escapes would belong to them. */
#define P(text) (text), sizeof(text) - 1

/* ---- values as texts ---- */

typedef struct text {
    char at[2000];
    size_t size;
} text;

static void put(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->size, sizeof t->at - t->size, format, args);
    va_end(args);
    t->size += (size_t)n;
    if (t->size >= sizeof t->at)
        t->size = sizeof t->at - 1; /* a mutated pickle may be long */
}

static void put_bytes(text *t, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(t, bytes[i] >= 0x20 && bytes[i] < 0x7F ? "%c" : "\\x%02x", (unsigned char)bytes[i]);
}

static void print(text *t, const unic__value *v)
{
    static const char *const brackets[] = {
        [UNIC__PICKLE_TUPLE] = "()", [UNIC__PICKLE_LIST] = "[]", [UNIC__PICKLE_DICT] = "{}"};
    ck_assert(v->depth >= 1 && v->depth <= UNIC__PICKLE_DEPTH && v->nodes >= 1);
    switch (v->kind) {
    case UNIC__PICKLE_NONE:
        put(t, "None");
        break;
    case UNIC__PICKLE_BOOL:
        put(t, v->as.truth ? "True" : "False");
        break;
    case UNIC__PICKLE_INT:
        put(t, "%lld", (long long)v->as.integer);
        break;
    case UNIC__PICKLE_FLOAT:
        put(t, "%.17g", v->as.real);
        break;
    case UNIC__PICKLE_BYTES:
        put(t, "b");
        /* fall through */
    case UNIC__PICKLE_TEXT:
        put(t, "'");
        put_bytes(t, v->as.text.at, v->as.text.size);
        put(t, "'");
        break;
    case UNIC__PICKLE_TUPLE:
    case UNIC__PICKLE_LIST:
    case UNIC__PICKLE_DICT:
        put(t, "%c", brackets[v->kind][0]);
        for (size_t i = 0; i < v->as.many.count; i++) {
            bool is_value = v->kind == UNIC__PICKLE_DICT && i % 2;
            put(t, "%s", is_value ? ": " : i ? ", " : "");
            print(t, v->as.many.items[i]);
        }
        put(t, "%c", brackets[v->kind][1]);
        break;
    case UNIC__PICKLE_NAME:
        put(t, "%s", unic__pickle_name_text(v->as.name));
        break;
    case UNIC__PICKLE_CALL:
        put(t, "%s", unic__pickle_name_text(v->as.call.function));
        print(t, v->as.call.args);
        if (v->as.call.state) {
            put(t, "+");
            print(t, v->as.call.state);
        }
        break;
    case UNIC__PICKLE_PERSISTENT:
        put(t, "@");
        print(t, v->as.id);
        break;
    }
}

/* Reads a copy of exactly these bytes, so that the sanitizers see every step beyond them. */
static unic_status read_copy(const void *data, size_t size, text *t, size_t *used)
{
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    unic__pickle p;
    unic_status status = unic__pickle_read(&p, copy, size, used);
    memset(t, 0, sizeof *t);
    ck_assert((status == UNIC_OK) == (p.root != NULL));
    if (status == UNIC_OK)
        print(t, p.root);
    unic__pickle_free(&p);
    free(copy);
    return status;
}

/* ---- what is read ---- */

static const struct {
    const char *pickle;
    size_t size;
    const char *printed;
} good[] = {
    /* protocol 0, as Python 3 writes it */
    {P("I01\n."), "True"},
    {P("I00\n."), "False"},
    {P("I0\n."), "0"},
    {P("I-9223372036854775808\n."), "-9223372036854775808"},
    {P("L9223372036854775807L\n."), "9223372036854775807"},
    {P("L5\n."), "5"},
    {P("N."), "None"},
    {P("Vabc\np0\n."), "'abc'"},
    {P("V\\u20ac\\U0001f600\xE9\\u005cn\n."),
     "'\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\\xc3\\xa9\\n'"},
    {P("V\\\\u0041\\x\\\n."), "'\\\\u0041\\x\\'"},
    {P("(lp0\nI1\naI2\na."), "[1, 2]"},
    {P("(I1\nI2\nl."), "[1, 2]"},
    {P("(dp0\nVk\np1\nI7\ns."), "{'k': 7}"},
    {P("(Vk\nI7\nVm\n(td."), "{'k': 7, 'm': ()}"},
    {P("(I1\n(I2\nI3\ntp0\ng0\nt."), "(1, (2, 3), (2, 3))"},
    {P("c_codecs\nencode\np0\n(V\xFF\x01z\np1\nVlatin1\np2\ntp3\nRp4\n."), "b'\\xff\\x01z'"},
    {P("c__builtin__\nbytes\n(tR."), "b''"},
    /* 1 and 2 */
    {P("\x80\2]("
       "K\1M\2\1J\xFE\xFF\xFF\xFFJ\0\0\0\x80\x8A\0\x8A\1\x80\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF"
       "\xFF\x7F\x8B\2\0\0\0\xFF\0e."),
     "[1, 258, -2, -2147483648, 0, -128, 9223372036854775807, 255]"},
    {P("\x80\2(G\x3F\xC0\0\0\0\0\0\0G\xFF\xF0\0\0\0\0\0\0t."), "(0.125, -inf)"},
    {P("\x80\2(\x88\x89N)\x85K\1K\2\x86]]}\x87t."),
     "(True, False, None, (()), (1, 2), ([], [], {}))"},
    {P("\x80\2}(X\1\0\0\0aK\1X\0\0\0\0K\2uK\7Ns."), "{'a': 1, '': 2, 7: None}"},
    {P("\x80\2(X\1\0\0\0aq\0h\0r\1\0\0\0j\1\0\0\0t."), "('a', 'a', 'a')"},
    {P("\x80\2(X\1\0\0\0aq\0h\0j\0\0\0\0t."), "('a', 'a', 'a')"},
    {P("\x80\2ccollections\nOrderedDict\n)R}X\1\0\0\0_K\1sb."), "{}"},
    {P("\x80\2ccollections\nOrderedDict\n)Rq\1(K\1N)]u}b."), "{1: None, (): []}"},
    {P("\x80\2]]a]K\1aa."), "[[], [1]]"},
    {P("\x80\2cnumpy\ndtype\nX\2\0\0\0f8\x85R(K\3X\1\0\0\0<Ntb."),
     "dtype('f8')+(3, '<', None)"},
    {P("\x80\2X\7\0\0\0storagectorch\nBoolStorage\n\x86Q."), "@('storage', BoolStorage)"},
    {P("\x80\2ctorch._utils\n_rebuild_parameter\nN\x85R."), "_rebuild_parameter(None)"},
    /* 3, 4 and 5 */
    {P("\x80\3C\2\0\xFF"
       "B\3\0\0\0abc\x86."),
     "(b'\\x00\\xff', b'abc')"},
    {P("\x80\4\x95\x0C\0\0\0\0\0\0\0]\x94\x8C\2hi\x94"
       "ah\1a."),
     "['hi', 'hi']"},
    {P("\x80\4\x8D\2\0\0\0\0\0\0\0hi\x8E\1\0\0\0\0\0\0\0!\x86."), "('hi', b'!')"},
    {P("\x80\5\x96\3\0\0\0\0\0\0\0abc\x94."), "b'abc'"},
    {P("\x80\4\x8C\5numpy\x8C\7ndarray\x93."), "ndarray"},
    {P("\x80\4\x8C\x16numpy._core.multiarray\x8C\6scalar\x93)R."), "scalar()"},
};

START_TEST(reads)
{
    text t;
    size_t used = 0;
    io_assert_ok(read_copy(good[_i].pickle, good[_i].size, &t, &used));
    ck_assert_str_eq(t.at, good[_i].printed);
    ck_assert_uint_eq(used, good[_i].size);
}
END_TEST

/* Every shorter one asks for more bytes than it was given, and never for too many. */
START_TEST(a_cut_pickle_says_what_it_needs)
{
    const size_t whole = good[_i].size;
    for (size_t size = 0; size < whole; size++) {
        text t;
        size_t used = 0;
        unic_status status = read_copy(good[_i].pickle, size, &t, &used);
        ck_assert_msg(status == UNIC_E_FORMAT && used > size && used <= whole,
                      "%zu of %zu bytes: %s, %zu needed", size, whole, unic_last_error(), used);
        ck_assert(strstr(unic_last_error(), "expected, the pickle") != NULL);
    }
}
END_TEST

START_TEST(stops_at_stop)
{
    static const char two[] = "I5\n.N.";
    text t;
    size_t used = 0;
    io_assert_ok(read_copy(two, sizeof two - 1, &t, &used));
    ck_assert_str_eq(t.at, "5");
    ck_assert_uint_eq(used, 4);
    io_assert_ok(read_copy(two + used, sizeof two - 1 - used, &t, &used));
    ck_assert_str_eq(t.at, "None");
}
END_TEST

/* ---- what is refused ---- */

static const struct {
    const char *pickle;
    size_t size;
    const char *message;
} bad[] = {
    /* names and calls */
    {P("cos\nsystem\n(S'echo'\ntR."), "byte 0, GLOBAL: os.system is not among the names"},
    {P("cposix\nsystem\n."), "posix.system is not among"},
    {P("c__builtin__\neval\n."), "__builtin__.eval is not among"},
    {P("cbuiltins\ngetattr\n."), "builtins.getattr is not among"},
    {P("ctorch\nload\n."), "torch.load is not among"},
    {P("cnumpy\n\n."), "numpy. is not among"},
    {P("cnumpy.dtype\n\n."), "numpy.dtype. is not among"},
    {P("\x80\4\x8C\2os\x8C\6system\x93."), "byte 14, STACK_GLOBAL: os.system is not among"},
    {P("\x80\4\x8C\6o\0s\x1B[1\x8C\2\xE9\n\x93."), "o?s?[1.?? is not among"},
    {P("\x80\4K\1\x8C\1x\x93."), "STACK_GLOBAL: finds an int on the stack, a text expected"},
    {P("\x80\4\x8C\1xN\x93."), "finds None on the stack, a text expected"},
    {P("ctorch\nFloatStorage\n)R."), "REDUCE: FloatStorage is a name that may be mentioned"},
    {P("cnumpy\nndarray\n)R."), "REDUCE: ndarray is a name that may be mentioned, not called"},
    {P("N)R."), "REDUCE: finds None on the stack, a name expected"},
    {P("cnumpy\ndtype\n)R)R."), "REDUCE: finds an object on the stack, a name expected"},
    {P("cnumpy\ndtype\n]R."), "REDUCE: finds a list on the stack, a tuple expected"},
    {P("ccollections\nOrderedDict\n(]tR."), "OrderedDict is given 1 arguments, none expected"},
    {P("cbuiltins\nbytes\n(I9\ntR."), "bytes is given 1 arguments, none expected"},
    {P("c_codecs\nencode\n(Vx\nVrot13\ntR."), "encode makes bytes of (text, 'latin1') only"},
    {P("c_codecs\nencode\n(Vx\ntR."), "encode makes bytes of (text, 'latin1') only"},
    {P("c_codecs\nencode\n(V\\u0100\nVlatin1\ntR."), "its text is not of latin-1 at byte 0"},
    {P("c_codecs\nencode\n(X\2\0\0\0a\xC3Vlatin1\ntR."), "not of latin-1 at byte 1"},
    {P("NNb."), "BUILD: gives a state to None, which takes none"},
    {P("ctorch._utils\n_rebuild_tensor_v2\n)R}b."),
     "BUILD: gives a state to _rebuild_tensor_v2, which takes none"},
    {P("cnumpy\ndtype\n)R)b)b."), "gives a state to dtype, which takes none beside its first"},
    /* opcodes */
    {P("\x80\2cnumpy\ndtype\n)\x81."), "byte 16, NEWOBJ: an opcode that is not read"},
    {P("(inumpy\ndtype\n."), "byte 1, INST: an opcode that is not read"},
    {P("(cnumpy\ndtype\no."), "OBJ: an opcode that is not read"},
    {P(")}\x92."), "NEWOBJ_EX: an opcode that is not read"},
    {P("\x82\1."), "EXT1"},
    {P("\x83\1\0."), "EXT2"},
    {P("\x84\1\0\0\0."), "EXT4"},
    {P("Pid\n."), "PERSID"},
    {P("\x8F."), "EMPTY_SET"},
    {P("(\x91."), "FROZENSET"},
    {P("(\x90."), "ADDITEMS"},
    {P("\x97."), "NEXT_BUFFER"},
    {P("\x98."), "READONLY_BUFFER"},
    {P("N0."), "POP:"},
    {P("(1."), "POP_MARK"},
    {P("N2."), "DUP"},
    {P("S'x'\n."), "byte 0, STRING: an opcode that is not read"},
    {P("T\1\0\0\0x."), "BINSTRING"},
    {P("U\1x."), "SHORT_BINSTRING"},
    {P("F1.5\n."), "FLOAT"},
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
    {P("I\n."), "INT: its line is no integer of 64 bits"},
    {P("I-\n."), "no integer"},
    {P("I1x\n."), "no integer"},
    {P("I5L\n."), "no integer"},
    {P("L9223372036854775808L\n."), "LONG: its line is no integer of 64 bits"},
    {P("L-9223372036854775809L\n."), "no integer"},
    {P("\x8A\x09\1\1\1\1\1\1\1\1\1."), "LONG1: is an integer of 9 bytes, at most 8 expected"},
    {P("\x8B\xFF\xFF\xFF\xFF."), "LONG4: is an integer of 4294967295 bytes"},
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
    /* cycles */
    {P("]q\0h\0a."), "APPEND: puts a list into itself"},
    {P("}q\0Nh\0s."), "SETITEM: puts a dict into itself"},
    {P("]q\0(h\0)e."), "puts a list into itself"},
    {P("]q\0]q\1h\0ah\0h\1a."), "APPEND: changes a list that already stands in another value"},
    {P("]q\0\x85q\1h\0h\1a."), "changes a list that already stands in another value"},
    {P("ccollections\nOrderedDict\n)Rq\0\x85q\1h\0Nh\1s."),
     "changes a dict that already stands"},
    {P("cnumpy\ndtype\n)Rq\0\x85q\1h\0h\1b."), "BUILD: changes an object that already stands"},
    {P("cnumpy\ndtype\n)Rq\0h\0b."), "BUILD: puts an object into itself"},
};

START_TEST(refuses)
{
    text t;
    size_t used = 0;
    io_assert_fails(read_copy(bad[_i].pickle, bad[_i].size, &t, &used), UNIC_E_FORMAT,
                    bad[_i].message);
    ck_assert(used == 0 || used > bad[_i].size);
}
END_TEST

/* ---- caps ---- */

typedef struct builder {
    char *at;
    size_t size, room;
} builder;

static void add(builder *b, const char *part, size_t size, size_t times)
{
    while (b->size + size * times > b->room) {
        b->room = b->room ? 2 * b->room : 256;
        b->at = realloc(b->at, b->room);
    }
    for (; times > 0; times--, b->size += size)
        memcpy(b->at + b->size, part, size);
}

/* Reads what was built, and starts anew. */
static unic_status finish(builder *b)
{
    unic__pickle p;
    size_t used;
    unic_status status = unic__pickle_read(&p, b->at, b->size, &used);
    unic__pickle_free(&p);
    free(b->at);
    *b = (builder){NULL, 0, 0};
    return status;
}

START_TEST(depth_is_bounded)
{
    const size_t most = UNIC__PICKLE_DEPTH;
    builder b = {NULL, 0, 0};
    for (size_t depth = most; depth <= most + 1; depth++) {
        add(&b, P("]"), 1);
        add(&b, P("\x85"), depth - 1); /* a tuple of what was there */
        add(&b, P("."), 1);
        unic_status status = finish(&b);
        if (depth == most)
            io_assert_ok(status);
        else
            io_assert_fails(status, UNIC_E_FORMAT,
                            "byte 256, TUPLE1: values are nested more than 256 deep");
    }
    add(&b, P("N"), 1); /* by persistent ids */
    add(&b, P("Q"), most);
    add(&b, P("."), 1);
    io_assert_fails(finish(&b), UNIC_E_FORMAT, "BINPERSID: values are nested more than 256");
    add(&b, P("cnumpy\ndtype\n)R)"), 1); /* by an object's state */
    add(&b, P("\x85"), most - 1);
    add(&b, P("b."), 1);
    io_assert_fails(finish(&b), UNIC_E_FORMAT, "BUILD: values are nested more than 256 deep");
    add(&b, P("(lp0\n"), 1); /* wide is not deep */
    add(&b, P("(la"), 1000);
    add(&b, P("."), 1);
    io_assert_ok(finish(&b));
}
END_TEST

START_TEST(opcodes_are_bounded)
{
    builder b = {NULL, 0, 0};
    add(&b, P("\x80\2"), UNIC__PICKLE_OPCODES - 2);
    add(&b, P("N."), 1);
    io_assert_ok(finish(&b));
    add(&b, P("\x80\2"), UNIC__PICKLE_OPCODES - 1);
    add(&b, P("N."), 1);
    io_assert_fails(finish(&b), UNIC_E_FORMAT, "byte 8388607, STOP: more than 4194304 opcodes");
}
END_TEST

START_TEST(the_stack_is_bounded)
{
    builder b = {NULL, 0, 0};
    add(&b, P("("), UNIC__PICKLE_STACK);
    io_assert_fails(finish(&b), UNIC_E_FORMAT, "more bytes expected"); /* it ends there */
    add(&b, P("("), UNIC__PICKLE_STACK + 1);
    io_assert_fails(finish(&b), UNIC_E_FORMAT,
                    "byte 1048576, MARK: more than 1048576 values wait on the stack");
}
END_TEST

START_TEST(memory_is_bounded)
{
    builder b = {NULL, 0, 0};
    add(&b, P("]"), 1);
    add(&b, P("]a"), 1700000);
    add(&b, P("."), 1);
    io_assert_fails(finish(&b), UNIC_E_FORMAT, "its values take more than 807");
    /* A text of 1 MiB, made bytes again and again. */
    for (size_t times = 1; times <= 100; times += 99) {
        add(&b, P("](c_codecs\nencode\nq\1(X\0\0\x10\0"), 1);
        add(&b, P("x"), 1 << 20);
        add(&b, P("X\6\0\0\0latin1tq\3e"), 1);
        add(&b, P("h\1h\3Ra"), times);
        add(&b, P("."), 1);
        unic_status status = finish(&b);
        if (times == 1)
            io_assert_ok(status);
        else
            io_assert_fails(status, UNIC_E_FORMAT, "REDUCE: its values take more than 713");
    }
}
END_TEST

/* Every step doubles the tree, by one new value: a list of None, (None, None), ... */
START_TEST(shared_values_count_each_time)
{
    for (int doublings = 20; doublings <= 21; doublings++) {
        builder b = {NULL, 0, 0};
        add(&b, P("]Nq\0a"), 1);
        for (int i = 0; i < doublings; i++) {
            const char step[] = {'h', (char)i, 'h', (char)i, '\x86', 'q', (char)(i + 1), 'a'};
            add(&b, step, sizeof step, 1);
        }
        add(&b, P("."), 1);
        unic_status status = finish(&b);
        if (doublings == 20) /* 2^22 - 22 values */
            io_assert_ok(status);
        else
            io_assert_fails(status, UNIC_E_FORMAT,
                            "APPEND: makes a tree of more than 4194304 values");
    }
}
END_TEST

/* ---- paths ---- */

START_TEST(finds_by_path)
{
    static const char pickle[] = "\x80\2}(X\1\0\0\0a}(K\5K\1J\xFE\xFF\xFF\xFFK\2X\0\0\0\0K\3uX"
                                 "\3\0\0\0b.c](K\x0A)NK\x0D\x85"
                                 "eu.";
    static const struct {
        const char *path, *printed;
    } paths[] = {
        {"", "{'a': {5: 1, -2: 2, '': 3}, 'b.c': [10, (), None, (13)]}"},
        {"a/5", "1"},
        {"a/-2", "2"},
        {"a/", "3"},
        {"b.c/0", "10"},
        {"b.c/3/0", "13"},
        {"b.c/3", "(13)"},
        {"x", NULL},
        {"a/05", NULL},
        {"a/5/0", NULL},
        {"a//", NULL},
        {"/a", NULL},
        {"b", NULL},
        {"b.c/4", NULL},
        {"b.c/00", NULL},
        {"b.c/-0", NULL},
        {"b.c/", NULL},
        {"b.c/ 0", NULL},
        {"b.c/99999999999999999999999", NULL},
        {"b.c/1/0", NULL},
    };
    unic__pickle p;
    size_t used;
    io_assert_ok(unic__pickle_read(&p, pickle, sizeof pickle - 1, &used));
    io_assert_ok(unic__value_check_keys(p.root));
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const unic__value *v = unic__value_find(p.root, paths[i].path);
        text t = {.size = 0};
        ck_assert_msg((v != NULL) == (paths[i].printed != NULL), "\"%s\"", paths[i].path);
        if (v) {
            print(&t, v);
            ck_assert_str_eq(t.at, paths[i].printed);
        }
    }
    ck_assert(unic__value_get(p.root, "a") == unic__value_find(p.root, "a"));
    ck_assert(unic__value_get(p.root, "b") == NULL);
    unic__pickle_free(&p);
}
END_TEST

START_TEST(refuses_keys_without_a_path)
{
    static const struct {
        const char *pickle;
        size_t size;
        const char *message;
    } dicts[] = {
        {P("(NI1\nd."), "has None for a key, text or int expected"},
        {P("(I01\nI1\nd."), "has a bool for a key"},
        {P("(Va/b\nI1\nd."), "has the key \"a/b\" with the byte 0x2F"},
        {P("(X\2\0\0\0a\0I1\nd."), "has the key \"a?\" with the byte 0x00"},
        {P("(X\2\0\0\0a\nI1\nd."), "with the byte 0x0A"},
        {P("(X\1\0\0\0\x7FI1\nd."), "with the byte 0x7F"},
        {P("(Va\nI1\nVb\nI2\nVa\nI3\nd."), "has the key \"a\" twice"},
        {P("(I3\nI1\nV3\nI2\nd."), "has the key \"3\" twice"},
        {P("(V\nI1\nV\nI2\nd."), "has the key \"\" twice"},
    };
    for (size_t i = 0; i < sizeof dicts / sizeof dicts[0]; i++) {
        unic__pickle p;
        size_t used;
        io_assert_ok(unic__pickle_read(&p, dicts[i].pickle, dicts[i].size, &used));
        io_assert_fails(unic__value_check_keys(p.root), UNIC_E_FORMAT, dicts[i].message);
        unic__pickle_free(&p);
    }
}
END_TEST

/* ---- out of memory, damage ---- */

static unic_status read_member(const char *archive, size_t member, void **data, size_t *size)
{
    unic__zip *z;
    UNIC__TRY(unic__zip_open(&z, archive));
    unic_status status = unic__zip_read(z, member, SIZE_MAX, data, size);
    unic__zip_close(z);
    return status;
}

static unic_status read_checkpoint(const char *path)
{
    void *data;
    size_t size, used;
    unic__pickle p;
    UNIC__TRY(read_member(path, 0, &data, &size));
    unic_status status = unic__pickle_read(&p, data, size, &used);
    if (status == UNIC_OK)
        status = unic__value_check_keys(p.root);
    unic__pickle_free(&p);
    unic__free(data);
    return status;
}

START_TEST(out_of_memory)
{
    io_fail_each_allocation(read_checkpoint, TORCH_FIXTURES "model.pt");
}
END_TEST

/* One to four bytes changed, a few removed or doubled: whatever comes of it, it is a value
 * within the caps or a message. */
static void read_damaged(const unsigned char *good_bytes, size_t size, unic__key key,
                         uint64_t rounds)
{
    unsigned char *bytes = malloc(2 * size);
    for (uint64_t round = 0; round < rounds; round++) {
        size_t now = size, used;
        text t;
        memcpy(bytes, good_bytes, size);
        size_t changes = 1 + unic__random_below(key, round * 16, 4);
        for (size_t i = 0; i < changes; i++) {
            uint64_t draw = unic__random_bits(key, round * 16 + i + 1);
            static const unsigned char codes[16] = {0x00, 0xFF, 0x7F, 0x80, '(', 't', 'R', 'b',
                                                    'h',  'q',  'a',  'e',  'u', 's', 'Q', '.'};
            size_t at = draw % now;
            unsigned kind = draw >> 32 & 31, bit = draw >> 40 & 7;
            if (kind == 31 && now > 8) { /* take some out */
                memmove(bytes + at, bytes + at + (now - at) / 8, now - at - (now - at) / 8);
                now -= (now - at) / 8;
            } else if (kind == 30 && now < 2 * size) {
                memmove(bytes + at + 1, bytes + at, now - at);
                now++;
            } else {
                bytes[at] = kind < 16 ? codes[kind] : bytes[at] ^ 1U << bit;
            }
        }
        unic_status status = read_copy(bytes, now, &t, &used);
        ck_assert(status == UNIC_OK ? used > 0 && used <= now
                                    : status == UNIC_E_FORMAT && (used == 0 || used > now));
    }
    free(bytes);
}

START_TEST(survives_damage)
{
    void *data;
    size_t size;
    unic__key key = unic__random_key(11, 0, (uint64_t)_i);
    if (_i == 0) {
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
            read_damaged((const unsigned char *)good[i].pickle, good[i].size,
                         unic__random_key(11, i, 100), 200);
        return;
    }
    io_assert_ok(_i == 1
                     ? read_member(TORCH_FIXTURES "model.pt", 0, &data, &size)
                     : read_member(TORCH_FIXTURES "arrays.zip", 7 * (size_t)_i, &data, &size));
    read_damaged(data, size, key, 1000);
    unic__free(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pickle");
    TCase *tests = tcase_create("pickle");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, reads, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tests, a_cut_pickle_says_what_it_needs, 0,
                        sizeof good / sizeof good[0]);
    tcase_add_test(tests, stops_at_stop);
    tcase_add_loop_test(tests, refuses, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tests, depth_is_bounded);
    tcase_add_test(tests, opcodes_are_bounded);
    tcase_add_test(tests, the_stack_is_bounded);
    tcase_add_test(tests, memory_is_bounded);
    tcase_add_test(tests, shared_values_count_each_time);
    tcase_add_test(tests, finds_by_path);
    tcase_add_test(tests, refuses_keys_without_a_path);
    tcase_add_test(tests, out_of_memory);
    tcase_add_loop_test(tests, survives_damage, 0, 6);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
