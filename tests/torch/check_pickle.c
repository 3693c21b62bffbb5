/* lib/torch/pickle: what it reads, printed as Python would, and finds by path. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "file/zip.h"
#include "torch/pickle_text.h"
#include "torch/torch_help.h"
#include "torch/value_path.h"

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
    {P("L9223372036854775808L\n."), "long 9223372036854775808"},
    {P("L-9223372036854775809L\n."), "long -9223372036854775809"},
    {P("I18446744073709551615\n."), "long 18446744073709551615"},
    {P("L12L\r\n."), "12"},
    {P("(F1.5\nF-2e-05\nFinf\nF-inf\nt."), "(1.5, -2.0000000000000002e-05, inf, -inf)"},
    {P("Pan id\n."), "@'an id'"},
    /* as Python 2 writes it: a str is bytes */
    {P("S'x'\np0\n."), "b'x'"},
    {P("S\"it's\"\n."), "b'it's'"},
    {P("S'\\x00\\xff\\n\\t\\\\\\'\\7\\101'\n."), "b'\\x00\\xff\\x0a\\x09\\'\\x07A'"},
    {P("S'' \r\n."), "b''"},
    {P("(U\1xT\2\0\0\0\xE9yt."), "(b'x', b'\\xe9y')"},
    {P("(dp1\nS'k'\np2\nI7\ns."), "{b'k': 7}"},
    {P("ccollections\nOrderedDict\n((lp1\n(lp2\nS'k'\naI7\naatR."), "{b'k': 7}"},
    {P("ccollections\nOrderedDict\n(((Vk\nI7\ntltR."), "{'k': 7}"},
    {P("ccollections\nOrderedDict\n((Vk\nI7\ndtR."), "{'k': 7}"},
    {P("ccopy_reg\n_reconstructor\n(cmy\nThing\nc__builtin__\nobject\nNtR(dVa\nI1\nsb."),
     "copy_reg._reconstructor(my.Thing, __builtin__.object, None)+{'a': 1}"},
    {P("(imy\nOld\n(dVa\nI1\nsb."), "my.Old()+{'a': 1}"},
    {P("(I5\nimy\nOld\n."), "my.Old(5)"},
    {P("(cmy\nOld\nI5\no."), "my.Old(5)"},
    /* names that nothing is known of: recorded, never looked up */
    {P("cos\nsystem\n(S'echo'\ntR."), "os.system(b'echo')"},
    {P("cposix\nsystem\n."), "posix.system"},
    {P("c__builtin__\neval\n(Vexit()\ntR."), "__builtin__.eval('exit()')"},
    {P("cbuiltins\ngetattr\n(cmy\nColour\nVRED\ntR."), "builtins.getattr(my.Colour, 'RED')"},
    {P("cbuiltins\ngetattr\n(cmy\nA\nVmake\ntR)R."), "builtins.getattr(my.A, 'make')()"},
    {P("cnumpy\n\n."), "numpy."},
    {P("\x80\4\x8C\2os\x8C\6system\x93."), "os.system"},
    {P("\x80\4\x8C\6o\0s\x1B[1\x8C\2\xE9\n\x93."), "o\\x00s\\x1b[1.\\xe9\\x0a"},
    {P("ctorch\nFloatStorage\n)R."), "torch.FloatStorage()"},
    {P("ctorch\nSize\n((I2\nI3\nttR."), "torch.Size((2, 3))"},
    {P("cbuiltins\nbytes\n(I9\ntR."), "bytes(9)"},
    {P("c_codecs\nencode\n(Vx\nVrot13\ntR."), "encode('x', 'rot13')"},
    {P("\x80\2ccollections\nCounter\n}K\1K\2s\x85R."), "collections.Counter({1: 2})"},
    {P("\x80\2ccollections\ndefaultdict\nc__builtin__\nint\n\x85RK\1K\2s(K\3K\4u."),
     "collections.defaultdict(__builtin__.int)*{1: 2, 3: 4}"},
    {P("\x80\2cmy\nList\n)\x81K\1a(K\2K\3e}X\1\0\0\0aNsb."), "my.List()*[1, 2, 3]+{'a': None}"},
    {P("\x80\2cargparse\nNamespace\n)\x81}X\2\0\0\0lrK\1sb."),
     "argparse.Namespace()+{'lr': 1}"},
    {P("\x80\4cmy\nPoint\nK\1K\2\x86}\x8C\1zK\3s\x92."), "my.Point(1, 2, {'z': 3})"},
    {P("\x80\2ccollections\nOrderedDict\n)\x81K\1K\2s."), "{1: 2}"},
    {P("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R}b."), "_rebuild_tensor_v2()+{}"},
    {P("\x80\2X\6\0\0\0modulecmy\nNet\n\x86Q)\x81}b."), "@('module', my.Net)()+{}"},
    /* what contains itself: None closes the circle, and all else is there */
    {P("\x80\2cmy\nNode\n)\x81q\0}X\4\0\0\0selfh\0sb."), "my.Node()+{'self': None}"},
    {P("\x80\2cmy\nNode\n)\x81q\0}X\1\0\0\0c]cmy\nNode\n)\x81}X\1\0\0\0ph\0sbasb."),
     "my.Node()+{'c': [my.Node()+{'p': None}]}"},
    {P("\x80\2cmy\nNode\n)\x81q\0h\0b."), "my.Node()+None"},
    {P("\x80\2cmy\nList\n)\x81q\0h\0a."), "my.List()*[None]"},
    {P("\x80\2cmy\nList\n)\x81q\0h\0\x85"
       "a."),
     "my.List()*[(None)]"},
    {P("]q\0h\0a."), "[None]"},
    {P("]q\0(K\1h\0K\2h\0e."), "[1, None, 2, None]"},
    {P("}q\0(Nh\0K\1K\2u."), "{None: None, 1: 2}"},
    {P("]q\0(]q\1(h\0h\0eK\1h\1e."), "[[None, None], 1, [None, None]]"},
    {P("]q\0(K\1e(h\0\x85K\2e."), "[1, (None), 2]"}, /* in two parts, as long lists are */
    {P("}q\0K\1]q\1(h\0h\1K\3es."), "{1: [None, None, 3]}"},
    {P("\x80\4\x8F\x94(cmy\nNode\n)\x81}K\1h\0sb\x90."), "<my.Node()+{1: None}>"},
    {P("cmy\nA\n)\x81q\0}K\1cmy\nB\n)\x81q\1}(K\2h\0K\3h\1ubsb."),
     "my.A()+{1: my.B()+{2: None, 3: None}}"},
    {P("cmy\nA\n)\x81q\0}K\1cmy\nB\nh\0\x85R}K\2h\0sbsb."), "my.A()+{1: my.B(None)+{2: None}}"},
    {P("cmy\nList\n)\x81q\0]h\0aah\0}K\1h\0sb0."), "my.List()*[[None]]+{1: None}"},
    /* an object that stands elsewhere already takes nothing */
    {P("cmy\nList\n)\x81q\0\x85q\1"
       "0h\0K\1a0h\1."),
     "(my.List())"},
    {P("cmy\nNode\n)\x81q\0\x85q\1"
       "0h\0}b0h\1."),
     "(my.Node())"},
    /* sets, and the stack */
    {P("\x80\4\x8F\x94(K\1K\2\x90."), "<1, 2>"},
    {P("\x80\4(K\1\x91."), "<1>"},
    {P("\x80\2K\1K\2"
       "0."),
     "1"},
    {P("\x80\2K\1(0."), "1"},
    {P("\x80\2K\1(K\2K\3"
       "1."),
     "1"},
    {P("\x80\2K\1"
       "2\x86."),
     "(1, 1)"},
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
    {P("\x80\2X\7\0\0\0storagectorch\nBoolStorage\n\x86Q."), "@('storage', torch.BoolStorage)"},
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
    {P("\x80\4\x8C\5numpy\x8C\7ndarray\x93."), "numpy.ndarray"},
    {P("\x80\4\x8C\x16numpy._core.multiarray\x8C\6scalar\x93)R."), "scalar()"},
};

START_TEST(reads)
{
    pickle_text t;
    size_t used = 0;
    io_assert_ok(pickle_text_read(good[_i].pickle, good[_i].size, &t, &used));
    ck_assert_str_eq(t.at, good[_i].printed);
    ck_assert_uint_eq(used, good[_i].size);
}
END_TEST

/* Every shorter one asks for more bytes than it was given, and never for too many. */
START_TEST(a_cut_pickle_says_what_it_needs)
{
    const size_t whole = good[_i].size;
    for (size_t size = 0; size < whole; size++) {
        pickle_text t;
        size_t used = 0;
        unic_status status = pickle_text_read(good[_i].pickle, size, &t, &used);
        ck_assert_msg(status == UNIC_E_FORMAT && used > size && used <= whole,
                      "%zu of %zu bytes: %s, %zu needed", size, whole, unic_last_error(), used);
        ck_assert(strstr(unic_last_error(), "expected, the pickle") != NULL);
    }
}
END_TEST

START_TEST(stops_at_stop)
{
    static const char two[] = "I5\n.N.";
    pickle_text t;
    size_t used = 0;
    io_assert_ok(pickle_text_read(two, sizeof two - 1, &t, &used));
    ck_assert_str_eq(t.at, "5");
    ck_assert_uint_eq(used, 4);
    io_assert_ok(pickle_text_read(two + used, sizeof two - 1 - used, &t, &used));
    ck_assert_str_eq(t.at, "None");
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
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const unic__value *v = unic__value_find(p.root, paths[i].path);
        pickle_text t = {.size = 0};
        ck_assert_msg((v != NULL) == (paths[i].printed != NULL), "\"%s\"", paths[i].path);
        if (v) {
            pickle_text_print(&t, v);
            ck_assert_str_eq(t.at, paths[i].printed);
        }
    }
    ck_assert(unic__value_get(p.root, "a") == unic__value_find(p.root, "a"));
    ck_assert(unic__value_get(p.root, "b") == NULL);
    unic__pickle_free(&p);
}
END_TEST

/* Keys of any kind may be there. Text and int keys lead to their values, the last of the same
 * one, as in Python; of others there is no path. */
START_TEST(passes_over_keys_without_a_path)
{
    static const char pickle[] = "(NI1\nI01\nI2\nVa/b\nI3\nVa\nI4\nVc\nI5\n(I1\ntI6\nF1.5\nI7\n"
                                 "cmy\nA\nI8\nVa\nI9\nS'py2'\nI10\nI3\nI11\nV3\nI12\n"
                                 "V\nI13\nL99999999999999999999\nI14\nd.";
    static const struct {
        const char *path;
        int64_t value;
    } found[] = {{"a", 9}, {"c", 5}, {"py2", 10}, {"3", 12}};
    static const char *const absent[] = {
        "a/b", "None", "True", "1.5", "1", "my.A", "99999999999999999999"};
    unic__pickle p;
    size_t used;
    io_assert_ok(unic__pickle_read(&p, pickle, sizeof pickle - 1, &used));
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        const unic__value *v = unic__value_find(p.root, found[i].path);
        ck_assert_msg(v != NULL, "%s", found[i].path);
        ck_assert_int_eq(v->as.integer, found[i].value);
    }
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        ck_assert(unic__value_find(p.root, absent[i]) == NULL);
    unic__pickle_free(&p);
}
END_TEST

/* An object is a dict or list where it has entries, else what its attributes are. */
START_TEST(finds_in_objects)
{
    static const char pickle[] =
        "\x80\2}(X\1\0\0\0ncargparse\nNamespace\n)\x81}X\2\0\0\0lrK\1sb"
        "X\1\0\0\0dcmy\nDict\n)\x81X\1\0\0\0kK\2s}X\1\0\0\0kK\3sb"
        "X\1\0\0\0lcmy\nList\n)\x81K\4a"
        "X\1\0\0\0scmy\nSlots\n)\x81N}X\1\0\0\0kK\5s\x86"
        "bu.";
    unic__pickle p;
    size_t used;
    io_assert_ok(unic__pickle_read(&p, pickle, sizeof pickle - 1, &used));
    ck_assert_int_eq(unic__value_find(p.root, "n/lr")->as.integer, 1);
    ck_assert_int_eq(unic__value_find(p.root, "d/k")->as.integer, 2);
    ck_assert_int_eq(unic__value_find(p.root, "l/0")->as.integer, 4);
    ck_assert(unic__value_find(p.root, "s/k") == NULL);
    unic__pickle_free(&p);
}
END_TEST

START_TEST(describes_values)
{
    static const struct {
        const char *pickle;
        size_t size;
        const char *text;
    } values[] = {
        {P("N."), "None"},
        {P("\x80\4\x8F."), "a set"},
        {P("L99999999999999999999\n."), "an int beyond 64 bits"},
        {P("cmy\nA\n."), "the name my.A"},
        {P("cmy\x1B[1m\nA\x07\n."), "the name my?[1m.A?"},
        {P("cmy\nA\n)R)R)R."), "an object of my.A"},
        {P("Pid\n)R."), "an object"},
        {P("cnumpy.core.multiarray\n_reconstruct\n)R."), "a numpy array"},
        {P("cnumpy._core.multiarray\nscalar\n)R."), "a numpy scalar"},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[UNIC__VALUE_DESCRIPTION];
        unic__pickle p;
        size_t used;
        io_assert_ok(unic__pickle_read(&p, values[i].pickle, values[i].size, &used));
        ck_assert_str_eq(unic__value_describe(p.root, text), values[i].text);
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
        pickle_text t;
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
        unic_status status = pickle_text_read(bytes, now, &t, &used);
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
    tcase_add_test(tests, finds_by_path);
    tcase_add_test(tests, passes_over_keys_without_a_path);
    tcase_add_test(tests, finds_in_objects);
    tcase_add_test(tests, describes_values);
    tcase_add_test(tests, out_of_memory);
    tcase_add_loop_test(tests, survives_damage, 0, 6);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
