/*
 * libunicode-mpi where MPI fails: each call of MPI and each allocation fails in turn, ranks do not
 * come, and what is asked for is wrong. MPI itself is replaced, by one rank that does as it is told:
 * nothing of it is started. What real ranks do is in test_mpi.py.
 */
#include <limits.h>
#include <math.h>
#include <mpi.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unicode/unic_mpi.h"

#include "base/base_help.h"

/* ---- MPI, and calloc, which the program finds here before it finds the real ones ---- */

static struct {
    size_t fails_at, calls; /* counted from 1; 0: none fails */
    bool no_memory;         /* the next calloc fails */
    bool initialised, finalised, between;
    bool waits; /* no request is ever done */
    int copies; /* of communicators */
    int provided, asked_for;
    int status; /* of MPI_Abort */
    jmp_buf after_abort;
} mpi;

void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes)
{
    if (mpi.no_memory) {
        mpi.no_memory = false;
        return NULL;
    }
    return __real_calloc(count, bytes);
}

static int answer(void)
{
    return ++mpi.calls == mpi.fails_at ? MPI_ERR_OTHER : MPI_SUCCESS;
}

int MPI_Error_string(int code, char *text, int *length)
{
    ck_assert_int_eq(code, MPI_ERR_OTHER);
    *length = sprintf(text, "the stand-in was told to fail");
    return MPI_SUCCESS;
}

int MPI_Initialized(int *yes)
{
    *yes = mpi.initialised;
    return MPI_SUCCESS;
}

int MPI_Finalized(int *yes)
{
    *yes = mpi.finalised;
    return MPI_SUCCESS;
}

int MPI_Init_thread(int *argc, char ***argv, int asked_for, int *provided)
{
    ck_assert(!argc && !argv && !mpi.initialised && !mpi.finalised);
    const int code = answer();
    mpi.asked_for = *provided = asked_for;
    mpi.initialised = code == MPI_SUCCESS;
    return code;
}

int MPI_Finalize(void)
{
    ck_assert(mpi.initialised && !mpi.finalised && mpi.copies == 0);
    mpi.finalised = true;
    return MPI_SUCCESS;
}

int MPI_Comm_test_inter(MPI_Comm comm, int *yes)
{
    ck_assert(comm != MPI_COMM_NULL);
    *yes = mpi.between;
    return MPI_SUCCESS;
}

#ifndef MPI_Comm_f2c /* a macro in MPICH */
MPI_Comm MPI_Comm_f2c(MPI_Fint number)
{
    return number == 7 ? MPI_COMM_NULL : MPI_COMM_SELF;
}
enum { NULL_COMMUNICATOR = 7, A_COMMUNICATOR = 8 };
#else
enum { NULL_COMMUNICATOR = MPI_COMM_NULL, A_COMMUNICATOR = MPI_COMM_SELF };
#endif

int MPI_Comm_dup(MPI_Comm from, MPI_Comm *to)
{
    const int code = answer();
    *to = from;
    mpi.copies += code == MPI_SUCCESS;
    return code;
}

int MPI_Comm_free(MPI_Comm *comm)
{
    ck_assert_int_gt(mpi.copies, 0);
    mpi.copies--;
    *comm = MPI_COMM_NULL;
    return MPI_SUCCESS;
}

int MPI_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler handler)
{
    ck_assert(comm != MPI_COMM_NULL && handler == MPI_ERRORS_RETURN);
    return MPI_SUCCESS;
}

int MPI_Comm_rank(MPI_Comm comm, int *rank)
{
    (void)comm;
    *rank = 0;
    return MPI_SUCCESS;
}

int MPI_Comm_size(MPI_Comm comm, int *size)
{
    (void)comm;
    *size = 1;
    return MPI_SUCCESS;
}

int MPI_Iallreduce(const void *send, void *receive, int count, MPI_Datatype type, MPI_Op op,
                   MPI_Comm comm, MPI_Request *request)
{
    (void)comm;
    ck_assert(send == MPI_IN_PLACE && receive && count > 0 && op == MPI_SUM);
    ck_assert(type == MPI_FLOAT || type == MPI_DOUBLE || type == MPI_INT64_T);
    *request = MPI_REQUEST_NULL;
    return answer();
}

int MPI_Iallgather(const void *send, int count, MPI_Datatype type, void *receive, int each,
                   MPI_Datatype received, MPI_Comm comm, MPI_Request *request)
{
    (void)comm;
    ck_assert(count == each && type == received && (type == MPI_BYTE || type == MPI_INT32_T));
    memcpy(receive, send, (size_t)count * (type == MPI_BYTE ? 1 : sizeof(int32_t)));
    *request = MPI_REQUEST_NULL;
    return answer();
}

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status)
{
    (void)request;
    ck_assert(status == MPI_STATUS_IGNORE);
    *done = !mpi.waits;
    return answer();
}

int MPI_Abort(MPI_Comm comm, int status)
{
    (void)comm;
    mpi.status = status;
    longjmp(mpi.after_abort, 1);
}

/* ---- helpers ---- */

static void begin(void)
{
    memset(&mpi, 0, sizeof mpi);
}

/* `call` must fail with a message that has `part` in it. */
#define assert_fails(call, expected, part)                                                     \
    do {                                                                                       \
        ck_assert_int_eq(call, expected);                                                      \
        ck_assert_msg(strstr(unic_mpi_last_error(), part) != NULL, "\"%s\" has no \"%s\"",     \
                      unic_mpi_last_error(), part);                                            \
    } while (0)
#define assert_ok(call) ck_assert_msg((call) == UNIC_OK, "%s", unic_mpi_last_error())

static unic_mpi_options defaults(void)
{
    return (unic_mpi_options){.struct_size = sizeof(unic_mpi_options)};
}

static void assert_refused(const unic_mpi_options *options, unic_status status,
                           const char *part)
{
    unic_mpi *m = (unic_mpi *)&mpi;
    assert_fails(unic_mpi_create(&m, options), status, part);
    ck_assert_ptr_null(m);
    ck_assert_int_eq(mpi.copies, 0);
}

static unic_mpi *joined(const unic_mpi_options *options)
{
    unic_mpi *m = NULL;
    assert_ok(unic_mpi_create(&m, options));
    ck_assert_ptr_nonnull(m);
    return m;
}

/* Two sums, of which the one that was asked for first is waited for first, and a gathering. */
static int work(const unic_comm *comm)
{
    float weights[3] = {1.0f, 2.0f, 3.0f};
    double figures[2] = {4.0, 5.0};
    char words[8] = "as it is", all[8] = "";
    void *first = NULL, *second = NULL;
    int status = comm->sum_start(weights, 3, UNIC_COMM_FLOAT32, &first, comm->user);
    if (status)
        return status;
    status = comm->sum_start(figures, 2, UNIC_COMM_FLOAT64, &second, comm->user);
    const int waited = comm->sum_wait(first, comm->user);
    if (status || waited) {
        if (second)
            comm->sum_wait(second, comm->user);
        return status ? status : waited;
    }
    status = comm->sum_wait(second, comm->user);
    if (!status)
        status = comm->gather(words, 8, all, comm->user);
    if (!status) {
        ck_assert(memcmp(words, all, sizeof all) == 0);
        status = comm->gather(words, 5, all, comm->user);
    }
    return status;
}

/* ---- tests ---- */

START_TEST(each_call_of_mpi_fails)
{
    size_t calls = 0;
    for (bool failed = true; failed;) {
        unic_mpi *m = NULL;
        begin();
        mpi.fails_at = calls + 1;
        unic_status status = unic_mpi_create(&m, NULL);
        ck_assert_int_eq(status == UNIC_OK, m != NULL);
        if (m)
            status = (unic_status)work(unic_mpi_comm(m));
        failed = mpi.calls > calls;
        if (!failed)
            ck_assert_int_eq(status, UNIC_OK);
        else {
            assert_fails(status, UNIC_E_IO, ": the stand-in was told to fail");
            ck_assert_int_eq(strncmp(unic_mpi_last_error(), "MPI_", 4), 0);
            mpi.fails_at = 0;
            if (!m) /* it can be tried again */
                assert_ok(unic_mpi_create(&m, NULL));
            assert_ok(work(unic_mpi_comm(m)));
            calls++;
        }
        unic_mpi_free(m);
        ck_assert_int_eq(mpi.copies, 0);
    }
    ck_assert_uint_eq(calls, 11);
}
END_TEST

START_TEST(memory_is_not_there)
{
    begin();
    mpi.no_memory = true;
    assert_refused(NULL, UNIC_E_NOMEM, "out of memory (");
    ck_assert(!mpi.initialised);
    unic_mpi *m = joined(NULL);
    const unic_comm *comm = unic_mpi_comm(m);
    int64_t count = 5;
    void *sum = NULL;
    mpi.no_memory = true;
    assert_fails(comm->sum_start(&count, 1, UNIC_COMM_INT64, &sum, comm->user), UNIC_E_NOMEM,
                 "out of memory (a sum over ranks)");
    ck_assert_ptr_null(sum);
    assert_ok(comm->sum_start(&count, 1, UNIC_COMM_INT64, &sum, comm->user));
    assert_ok(comm->sum_wait(sum, comm->user));
    ck_assert_int_eq(count, 5);
    unic_mpi_free(m);
}
END_TEST

START_TEST(more_than_one_call_can_take)
{
    begin();
    unic_mpi *m = joined(NULL);
    const unic_comm *comm = unic_mpi_comm(m);
    float one = 1.0f;
    void *sum = NULL;
    const size_t calls = mpi.calls;
    assert_fails(
        comm->sum_start(&one, (size_t)INT_MAX + 1, UNIC_COMM_FLOAT32, &sum, comm->user),
        UNIC_E_IO, "MPI_Iallreduce: 2147483648 numbers, at most 2147483647 in one call");
    assert_fails(comm->gather(&one, (size_t)INT_MAX + 2, &one, comm->user), UNIC_E_IO,
                 "MPI_Iallgather: 2147483649 bytes are too many for one call");
    ck_assert_uint_eq(mpi.calls, calls);
    unic_mpi_free(m);
}
END_TEST

START_TEST(the_others_do_not_come)
{
    begin();
    unic_mpi_options options = defaults();
    options.timeout = 0.01;
    unic_mpi *m = joined(&options);
    const unic_comm *comm = unic_mpi_comm(m);
    int64_t mine = 1, all = 0;
    mpi.waits = true;
    assert_fails(comm->gather(&mine, sizeof mine, &all, comm->user), UNIC_E_IO,
                 "MPI_Iallgather: rank 0 of 1 has waited 0.01 seconds for the others, the "
                 "timeout");
    mpi.waits = false;
    assert_ok(work(comm));
    unic_mpi_free(m);
}
END_TEST

START_TEST(options_are_checked)
{
    const double timeouts[] = {-1.0, 1.1e6, (double)INFINITY, (double)NAN};
    begin();
    assert_fails(unic_mpi_create(NULL, NULL), UNIC_E_ARG, "out is NULL");
    unic_mpi_options options = defaults();
    options.struct_size = 8;
    assert_refused(&options, UNIC_E_ARG, "options has struct_size 8");
    options = defaults();
    options.reserved[3] = &options;
    assert_refused(&options, UNIC_E_ARG, "what is reserved must be zero");
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        options = defaults();
        options.timeout = timeouts[i];
        assert_refused(&options, UNIC_E_ARG, "options->timeout is ");
    }
    options = defaults();
    options.communicator = A_COMMUNICATOR;
    assert_refused(&options, UNIC_E_STATE, "but MPI is not initialised: there are none yet");
    ck_assert(!mpi.initialised);
    options.timeout = 1e6; /* the longest */
    options.check_steps = 3;
    mpi.initialised = true;
    unic_mpi *m = joined(&options);
    ck_assert_int_eq(unic_mpi_comm(m)->check_steps, 3);
    unic_mpi_free(m);
    options.communicator = (int32_t)NULL_COMMUNICATOR;
    assert_refused(&options, UNIC_E_ARG, "the null communicator");
    options.communicator = A_COMMUNICATOR;
    mpi.between = true;
    assert_refused(&options, UNIC_E_ARG, "is between two groups");
}
END_TEST

START_TEST(who_began_ends)
{
    begin();
    unic_mpi *m = joined(NULL);
    ck_assert(mpi.initialised && mpi.asked_for == MPI_THREAD_FUNNELED);
    unic_mpi_free(m);
    ck_assert(mpi.finalised);
    assert_refused(NULL, UNIC_E_STATE, "MPI has been finalised in this process");

    begin();
    mpi.initialised = true; /* by the program, which ends it too */
    unic_mpi_free(joined(NULL));
    ck_assert(!mpi.finalised && mpi.copies == 0);

    m = joined(NULL);
    mpi.finalised = true; /* before the handle is freed: MPI is not called any more */
    unic_mpi_free(m);
    ck_assert_int_eq(mpi.copies, 1);
    unic_mpi_free(NULL);
    ck_assert_ptr_null(unic_mpi_comm(NULL));
}
END_TEST

START_TEST(abort_ends_all_ranks)
{
    begin();
    unic_mpi *volatile m = joined(NULL);
    if (!setjmp(mpi.after_abort))
        unic_mpi_abort(m);
    ck_assert_int_eq(mpi.status, EXIT_FAILURE);
    mpi.status = 0;
    if (!setjmp(mpi.after_abort))
        unic_mpi_abort(NULL);
    ck_assert_int_eq(mpi.status, EXIT_FAILURE);
    unic_mpi_free(m);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("mpi");
    tcase_add_test(tests, each_call_of_mpi_fails);
    tcase_add_test(tests, memory_is_not_there);
    tcase_add_test(tests, more_than_one_call_can_take);
    tcase_add_test(tests, the_others_do_not_come);
    tcase_add_test(tests, options_are_checked);
    tcase_add_test(tests, who_began_ends);
    tcase_add_test(tests, abort_ends_all_ranks);
    return base_run("mpi", tests);
}
