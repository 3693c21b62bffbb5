/* lib/kernel/stack.c: a product on a stack that is too small for it ends at the stack's guard page,
 * never in the memory below. Each runs in a child, in a thread whose stack lies above a guard page
 * and memory that the parent sees. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file/io_help.h"
#include "kernel/assign.h"
#include "kernel/gemm.h"
#include "kernel/packed.h"
#include "kernel/stack.h"
#include "model/small_model.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_STACKS 0 /* a sanitizer has its own idea of stacks and signals */
#else
#define OWN_STACKS 1
#endif

enum {
    PAGE = 4096,
    BELOW = 256 << 10,  /* more than any frame */
    LEAST = 96 << 10,   /* a thread's start takes this, with what libraries keep in each */
    ENOUGH = 512 << 10, /* docs/threads.md */
    STEP = 24 << 10,
    SIDE = 1024,
    ROWS = 40
};

static float a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE];
static uint16_t half[SIDE * SIDE];
static int32_t codes[SIDE];
static unic__code_table table;

/* ---- products with each of the large frames ---- */

static void multiply(void)
{
    unic__gemm_run(&(unic__gemm){.ta = true,
                                 .m = 300,
                                 .n = 300,
                                 .k = 300,
                                 .a = a,
                                 .lda = SIDE,
                                 .b = b,
                                 .ldb = SIDE,
                                 .c = c,
                                 .ldc = SIDE});
}

static const unic__packed_product packed = {
    .rows = ROWS, .n = SIDE, .k = SIDE, .x = a, .x_row = SIDE, .y = c, .y_row = SIDE};

static void multiply_packed(void)
{
    unic__packed_product p = packed;
    p.packed = b;
    p.n = 64;
    unic__packed_run(&p);
}

static void multiply_large(void)
{
    unic__packed_product p = packed;
    p.packed = b;
    unic__packed_run(&p);
}

static void multiply_halves(void)
{
    unic__packed_product p = packed;
    p.packed = half;
    p.type = UNIC__FLOAT16;
    unic__packed_run(&p);
}

static void assign(void)
{
    unic__assign(codes, a, ROWS, &table);
}

static const struct {
    const char *name;
    void (*run)(void);
    bool is_small; /* fits wherever a thread starts */
} products[] = {{"gemm", multiply, false},
                {"packed", multiply_packed, true},
                {"large", multiply_large, false},
                {"halves", multiply_halves, false},
                {"assign", assign, false}};
enum { PRODUCTS = sizeof products / sizeof products[0] };

/* ---- stacks ---- */

enum { FINE = 0, NO_THREAD = 3, ENDED = 4 };

static void *run_product(void *product)
{
    (*(void (*const *)(void))product)();
    return NULL;
}

/* `memory`: below, the guard page, the stack. */
static int run_in_child(char *memory, size_t size, int i)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        pthread_attr_t attr;
        pthread_t thread;
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL);
        pthread_attr_init(&attr);
        pthread_attr_setstack(&attr, memory + BELOW + PAGE, size);
        if (pthread_create(&thread, &attr, run_product, (void *)(uintptr_t)&products[i].run))
            _exit(NO_THREAD);
        pthread_join(thread, NULL);
        _exit(FINE);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
        return ENDED;
    ck_assert_msg(WIFEXITED(status), "%s: signal %d", products[i].name, WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int run_on(size_t size, int i)
{
    const size_t bytes = BELOW + PAGE + size;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t changed = 0;
    ck_assert_ptr_ne(memory, MAP_FAILED);
    memset(memory, 7, BELOW);
    ck_assert_int_eq(mprotect(memory + BELOW, PAGE, PROT_NONE), 0);
    const int result = run_in_child(memory, size, i);
    for (size_t k = 0; k < BELOW; k++)
        changed += memory[k] != 7;
    munmap(memory, bytes);
    ck_assert_msg(!changed, "%s on %zu bytes changed %zu below its stack", products[i].name,
                  size, changed);
    return result;
}

START_TEST(a_stack_ends_at_its_guard_page)
{
    size_t ended = 0;
    if (!OWN_STACKS)
        return;
    for (size_t size = LEAST; size < ENOUGH; size += STEP)
        ended += run_on(size, _i) == ENDED;
    ck_assert_msg(ended || products[_i].is_small, "%s took no stack", products[_i].name);
    ck_assert_int_eq(run_on(ENOUGH, _i), FINE);
}
END_TEST

/* ---- memory for a stack that grows ---- */

static void *prepare(void *status)
{
    *(unic_status *)status = unic__stack_prepare();
    return NULL;
}

/* In a thread, which has touched nothing of its stack: while the process may map no more, and then. */
static int prepare_in_child(void)
{
    struct rlimit all;
    pthread_t thread;
    unic_status without = UNIC_OK, with = UNIC_E_NOMEM;
    getrlimit(RLIMIT_AS, &all);
    const struct rlimit none = {1 << 20, all.rlim_max};
    if (setrlimit(RLIMIT_AS, &none))
        return NO_THREAD;
    prepare(&without);
    setrlimit(RLIMIT_AS, &all);
    if (pthread_create(&thread, NULL, prepare, &with))
        return NO_THREAD;
    pthread_join(thread, NULL);
    return without == UNIC_E_NOMEM && with == UNIC_OK ? FINE : ENDED;
}

/* The first thread's stack grows only where it is touched, and its process ends where that cannot be:
 * what it will take is asked for first. */
START_TEST(a_stack_that_cannot_grow_is_no_memory)
{
    int status;
    if (!OWN_STACKS)
        return;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(prepare_in_child());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == FINE, "status %d", status);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("core");
    const float *const e = b;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        a[i] = b[i] = (float)(i % 17) - 8.0F;
    unic__pack_half(half, e, SIDE, SIDE, UNIC__FLOAT16);
    io_assert_ok(unic__code_table_create(&table, b, 64, SIDE));
    unic__code_table_refresh(&table);
    tcase_set_timeout(t, 100);
    tcase_add_test(t, a_stack_that_cannot_grow_is_no_memory);
    tcase_add_loop_test(t, a_stack_ends_at_its_guard_page, 0, PRODUCTS);
    const int failed = small_run("kernel/stack", t);
    unic__code_table_free(&table);
    return failed;
}
