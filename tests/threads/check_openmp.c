/* The host's OpenMP settings and its own parallel regions: nothing waits for threads that OpenMP does
 * not give, and the results are those of as many threads as it gives. OpenMP reads its settings
 * when a process starts, so each case is this program anew, which writes the bits of its results. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file/io_help.h"
#include "model/small_model.h"

enum { BATCH = 8, LENGTH = 6, STEPS = 3, FIGURES = 64, SECONDS = 100 };

/* A grid, whose convolutions are oneDNN's: their threads wait for each other. */
static const char config[] = "preset = small\nmodalities = a b\na.kind = grid\n"
                             "a.dims = 5 5 2\nb.kind = vector\nb.dims = 4\n"
                             "train.batch = 8\ntrain.length = 6\n";

/* ---- the program of a case ---- */

static unic_trainer *trainer;
static unic_batch *batch;
static double figures[STEPS][FIGURES];
static uint64_t bits = 1469598103934665603U;

static void set_input(const char *name, float *x, size_t n, int rank, const int64_t *dims)
{
    unic_array a;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i * 7 % 13) - 6.0F;
    unic_array_init(&a, x, UNIC_F32, rank, dims);
    io_assert_ok(unic_batch_set(batch, name, &a, NULL));
}

static void create(void)
{
    static float a[BATCH * LENGTH * 50], b[BATCH * LENGTH * 4];
    unic_config *c;
    io_assert_ok(unic_config_create(&c));
    io_assert_ok(unic_config_parse(c, config, NULL));
    io_assert_ok(unic_trainer_create(&trainer, c, NULL));
    unic_config_free(c);
    io_assert_ok(unic_batch_create(&batch));
    set_input("a", a, sizeof a / sizeof *a, 5, (int64_t[]){BATCH, LENGTH, 5, 5, 2});
    set_input("b", b, sizeof b / sizeof *b, 3, (int64_t[]){BATCH, LENGTH, 4});
}

static void step(size_t i)
{
    io_assert_ok(unic_trainer_step(trainer, batch, NULL, figures[i]));
    for (size_t k = 0; k < sizeof figures[i]; k++)
        bits = (bits ^ ((unsigned char *)figures[i])[k]) * 1099511628211U;
}

static void create_and_step(void)
{
    create();
    for (size_t i = 0; i < STEPS; i++)
        step(i);
}

static void alternate(void)
{
    create();
    for (size_t i = 0; i < STEPS; i++)
        if (i % 2 == 0) {
#pragma omp parallel for num_threads(2)
            for (int thread = 0; thread < 2; thread++)
                if (thread == 0)
                    step(i);
        } else {
            step(i);
        }
}

/* The host computes with OpenMP before the library is called; what a child of it then has. */
static void compute_as_host(void)
{
    double sum = 0.0;
#pragma omp parallel for num_threads(3) reduction(+ : sum)
    for (int i = 0; i < 1000; i++)
        sum += i;
    ck_assert_double_eq(sum, 499500.0);
}

static void *in_new_thread(void *nothing)
{
    create_and_step();
    figures[STEPS - 1][0] = unic__team(2);
    return nothing;
}

static int wait_for_child(pid_t child)
{
    int status;
    return waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status);
}

/* `what` it does: computes with "one" thread, which the child has, or in "another" thread, or says how
 * many threads it has as a figure. */
static void compute_in_child(const char *what)
{
    pthread_t thread;
    if (!strcmp(what, "one")) {
        create_and_step();
        figures[STEPS - 1][0] = unic__team(2);
    } else if (!strcmp(what, "another")) {
        ck_assert(!pthread_create(&thread, NULL, in_new_thread, NULL));
        ck_assert(!pthread_join(thread, NULL));
    } else {
        figures[STEPS - 1][0] = unic__team(2);
    }
}

static int run_forked(const char *what, const char *host)
{
    if (!strcmp(host, "host"))
        compute_as_host();
    pid_t child = fork();
    if (child)
        return wait_for_child(child);
    alarm(SECONDS);
    io_assert_ok(unic_set_threads(2));
    compute_in_child(what);
    printf("%016llx %.9g\n", (unsigned long long)bits, figures[STEPS - 1][0]);
    fflush(stdout);
    _exit(0);
}

/* Writes the bits, and the first figure of the last step. */
static int run_case(const char *how, const char *threads)
{
    io_assert_ok(unic_set_threads(atoi(threads)));
    if (!strcmp(how, "alternately")) {
        alternate();
    } else if (!strcmp(how, "inside")) {
#pragma omp parallel for num_threads(2)
        for (int thread = 0; thread < 2; thread++)
            if (thread == 0)
                create_and_step();
    } else {
        create_and_step();
    }
    printf("%016llx %.9g\n", (unsigned long long)bits, figures[STEPS - 1][0]);
    unic_trainer_free(trainer);
    unic_batch_free(batch);
    return 0;
}

/* ---- cases ---- */

typedef struct result {
    char bits[20];
    double figure;
} result;

/* This program in a process of its own, which has a time; `setting` is NAME=VALUE, or NULL. */
static result run_anew(const char *setting, const char *how, const char *threads)
{
    int out[2], status;
    char text[80] = "";
    ck_assert(!pipe(out));
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(SECONDS);
        dup2(out[1], 1);
        if (setting)
            putenv((char *)(uintptr_t)setting);
        execl("/proc/self/exe", "check_openmp", how, threads, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    for (size_t have = 0; have < sizeof text - 1;) {
        ssize_t n = read(out[0], text + have, sizeof text - 1 - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    close(out[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s, %s, %s threads: %s %d",
                  setting ? setting : "no setting", how, threads,
                  WIFSIGNALED(status) ? "ended by signal" : "exit status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    result r;
    ck_assert_msg(sscanf(text, "%19s %lf", r.bits, &r.figure) == 2, "it wrote \"%s\"", text);
    return r;
}

START_TEST(as_many_threads_as_openmp_gives)
{
    const result one = run_anew(NULL, "plainly", "1"), two = run_anew(NULL, "plainly", "2");
    const char *const none[] = {"OMP_THREAD_LIMIT=1", "OMP_MAX_ACTIVE_LEVELS=0"};
    for (size_t i = 0; i < 2; i++)
        ck_assert_str_eq(run_anew(none[i], "plainly", "2").bits, one.bits);
    ck_assert_str_eq(run_anew("OMP_THREAD_LIMIT=2", "plainly", "4").bits, two.bits);
    ck_assert_str_eq(run_anew("OMP_DYNAMIC=true", "plainly", "2").bits, two.bits);
    ck_assert_str_eq(run_anew("OMP_MAX_ACTIVE_LEVELS=1", "plainly", "2").bits, two.bits);
}
END_TEST

START_TEST(one_thread_within_a_parallel_region)
{
    const result one = run_anew(NULL, "plainly", "1");
    ck_assert_str_eq(run_anew(NULL, "inside", "2").bits, one.bits);
    ck_assert_str_eq(run_anew("OMP_MAX_ACTIVE_LEVELS=2", "inside", "2").bits, one.bits);
    const result both = run_anew(NULL, "alternately", "2");
    ck_assert_double_eq_tol(both.figure, one.figure, 1e-3 * one.figure);
}
END_TEST

/* `what` and `host` of run_forked(). */
static int team_in_child(const char *setting, const char *what, const char *host)
{
    return (int)run_anew(setting, what, host).figure;
}

START_TEST(a_forked_child_waits_for_no_thread)
{
    const char *const alone =
        "OPENBLAS_NUM_THREADS=1"; /* BLAS starts threads, as it is loaded */
    ck_assert_int_eq(team_in_child(NULL, "one", "host"), 1);
    ck_assert_int_eq(team_in_child(alone, "one", "host"), 1);
    ck_assert_int_eq(team_in_child(alone, "none", "nobody"), 2);
    ck_assert_int_eq(team_in_child(alone, "one", "nobody"), 2);
    ck_assert_int_eq(team_in_child(NULL, "another", "host"), 2);
}
END_TEST

int main(int count, char **argument)
{
    if (count == 3 && atoi(argument[2]))
        return run_case(argument[1], argument[2]);
    if (count == 3)
        return run_forked(argument[1], argument[2]);
#ifndef _OPENMP
    printf("skipped: check_openmp: a build without OpenMP\n");
    return 0;
#endif
    TCase *cases = tcase_create("openmp");
    tcase_add_test(cases, as_many_threads_as_openmp_gives);
    tcase_add_test(cases, one_thread_within_a_parallel_region);
    tcase_add_test(cases, a_forked_child_waits_for_no_thread);
    tcase_set_timeout(cases, 900);
    return small_run("openmp", cases);
}
