#include "encode/many.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/claim.h"
#include "cli/clip_table.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signal.h"
#include "cli/sources.h"
#include "cli/table.h"
#include "encode/about.h"
#include "encode/features.h"
#include "encode/films.h"
#include "encode/listing.h"

enum { LINE = 160 };

static const double BETWEEN_LINES = 10.0; /* seconds */
static const double WAIT_LEAST = 0.2,
                    WAIT_MOST = 5; /* seconds between looks at others' claims */

typedef enum state { OPEN, MADE, OTHERS, BAD } state;

typedef struct many {
    encode_job *job;
    encode_listing list;
    unsigned char *states; /* [list.count], of a state */
    size_t of_state[4];
    encode_ready *ready; /* NULL if no item is a film */
    cli_claim claim;
    cli_sources sources;       /* what the outputs were made of */
    size_t changed;            /* outputs whose inputs are not as they were */
    const char *first_changed; /* of these */
    size_t made_clips, made_steps,
        now_clips;     /* in outputs, and in the one that is being made */
    size_t first_left; /* items that were not there at the beginning */
    double begun, told;
} many;

/* ---- how far it is ---- */

static size_t done(const many *m)
{
    return m->list.count - m->of_state[OPEN];
}

static double clip_rate(const many *m)
{
    double seconds = cli_now() - m->begun;
    return seconds > 0 ? (double)(m->made_clips + m->now_clips) / seconds : 0;
}

/* The outputs of all processes count for the time that is left: this one passes those by. */
static void tell(many *m, const char *out)
{
    char tail[LINE], eta[CLI_DURATION] = "--";
    double now = cli_now(), seconds = now - m->begun;
    size_t new_ones = done(m) > m->first_left ? done(m) - m->first_left : 0;
    snprintf(tail, sizeof tail, "%.0f clips/s", clip_rate(m));
    cli_progress_at(done(m), tail);
    if (!out || cli_progress_shown() || (m->told > 0 && now - m->told < BETWEEN_LINES))
        return;
    m->told = now;
    if (new_ones)
        cli_duration(eta, seconds / (double)new_ones * (double)m->of_state[OPEN]);
    cli_note("%s: %zu of %zu outputs are there, %s, ETA %s", out, done(m), m->list.count, tail,
             eta);
}

/* An encode_tick_fn. */
static bool tick(size_t clips, void *user)
{
    many *m = user;
    m->now_clips = clips;
    cli_claim_renew(&m->claim);
    tell(m, NULL);
    return !cli_signal();
}

static void settle(many *m, size_t i, state to)
{
    m->of_state[m->states[i]]--;
    m->of_state[to]++;
    m->states[i] = (unsigned char)to;
}

/* ---- what was made before ---- */

static bool is_there(const encode_item *item)
{
    struct stat about;
    return !stat(item->out, &about);
}

static const char *name_of(const many *m, const encode_item *item)
{
    return item->out + strlen(m->job->out_folder) + 1;
}

/* Of "TABLE.csv:SPLIT" the table is looked at. False if the input is not there. */
static bool source_of(cli_source *out, const encode_item *item)
{
    if (cli_source_of_file(out, item->input))
        return true;
    const size_t size = cli_table_size(item->input);
    char *table = size ? strndup(item->input, size) : NULL;
    const bool is = table && cli_source_of_file(out, table);
    out->path = item->input;
    free(table);
    return is;
}

/* What was made of another file of that name is not passed over as if it were of this one. */
static bool compare(many *m, const encode_item *item)
{
    cli_source now;
    const char *before;
    if (!source_of(&now, item))
        return true;
    const cli_source_state is = cli_sources_compare(&before, &m->sources, name_of(m, item),
                                                    &now);
    if (is == CLI_SOURCE_ANOTHER)
        return cli_fail("%s was made of %s, and would be that of %s too: name another "
                        "--out-dir, or remove it",
                        item->out, before, item->input);
    if (is == CLI_SOURCE_CHANGED && m->changed++ == 0)
        m->first_changed = item->out;
    return is != CLI_SOURCE_FAILED;
}

static bool find_there(many *m)
{
    bool ok = true;
    for (size_t i = 0; ok && i < m->list.count; i++)
        if (is_there(&m->list.items[i])) {
            settle(m, i, OTHERS);
            ok = compare(m, &m->list.items[i]);
        }
    return ok;
}

static void warn_of_changed(const many *m)
{
    if (m->changed == 1)
        cli_note("warning: %s is of an input that has changed since: remove it to have it "
                 "made anew",
                 m->first_changed);
    else if (m->changed)
        cli_note("warning: %zu outputs are of inputs that have changed since, %s the first: "
                 "remove them to have them made anew",
                 m->changed, m->first_changed);
}

/* ---- one item ---- */

static cli_outcome make(many *m, const encode_item *item)
{
    encode_count count = {0, 0, 0};
    const char *input = item->input;
    if (!item->is_film && !encode_features_may_be(input))
        return CLI_BAD;
    cli_outcome outcome = item->is_film
                              ? encode_film(&count, m->job, m->ready, input, item->out)
                              : encode_features(&count, m->job, &input, 1, item->out);
    m->now_clips = 0;
    if (outcome == CLI_GOOD) {
        m->made_clips += count.clips;
        m->made_steps += count.steps;
    }
    return outcome;
}

/* With the claim: unless another made it just before. False ends the work. */
static bool make_claimed(many *m, size_t i)
{
    const encode_item *item = &m->list.items[i];
    if (is_there(item)) {
        settle(m, i, OTHERS);
        return true;
    }
    cli_source source;
    const bool is_known = source_of(&source, item); /* before it is read */
    cli_outcome outcome = make(m, item);
    if (outcome == CLI_FAILED)
        return false;
    if (outcome == CLI_GOOD && is_known)
        cli_sources_add(&m->sources, name_of(m, item), &source);
    settle(m, i, outcome == CLI_GOOD ? MADE : BAD);
    if (outcome == CLI_BAD)
        cli_note("%s: no output was made of it", item->input);
    else
        tell(m, item->out);
    return true;
}

static bool look_at(many *m, size_t i)
{
    const encode_item *item = &m->list.items[i];
    if (is_there(item)) {
        settle(m, i, OTHERS);
        return true;
    }
    cli_claim_result result = cli_claim_take(&m->claim, item->out,
                                             (double)m->job->claim_timeout);
    if (result != CLI_CLAIM_TAKEN)
        return result == CLI_CLAIM_HELD;
    bool ok = make_claimed(m, i);
    cli_claim_release(&m->claim);
    return ok;
}

/* ---- all ---- */

static bool pass(many *m)
{
    for (size_t i = 0; i < m->list.count; i++) {
        if (cli_signal())
            return false;
        if (m->states[i] == OPEN && !look_at(m, i))
            return false;
    }
    return true;
}

/* Until nothing is left that others are at. */
static bool work(many *m)
{
    double wait = WAIT_LEAST;
    bool ok = pass(m);
    for (size_t before = m->of_state[OPEN]; ok && before; before = m->of_state[OPEN]) {
        struct timespec moment = {(time_t)wait, (long)(1e9 * (wait - (double)(time_t)wait))};
        nanosleep(&moment, NULL);
        ok = pass(m);
        wait = m->of_state[OPEN] < before ? WAIT_LEAST : wait * 1.5;
        wait = wait < WAIT_MOST ? wait : WAIT_MOST;
        tell(m, NULL);
    }
    return ok;
}

/* Claims that were left between an output and its claim's removal. */
static void sweep(const many *m)
{
    const char *last = NULL;
    size_t last_size = 0;
    for (size_t i = 0; i < m->list.count; i++) {
        char *out = m->list.items[i].out, *slash = strrchr(out, '/');
        size_t size = (size_t)(slash - out);
        if (last && size == last_size && !strncmp(out, last, size))
            continue;
        last = out;
        last_size = size;
        *slash = '\0';
        cli_claim_sweep(out, (double)m->job->claim_timeout);
        *slash = '/';
    }
}

static bool print_table(const many *m)
{
    static const char *const head[] = {"", "outputs", "clips", "steps", "clips/s"};
    static const char *const rows[] = {"left", "encoded here", "there, or by others", "failed"};
    cli_table table;
    cli_table_begin(&table, sizeof head / sizeof *head);
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cli_table_cell(&table, "%s", head[i]);
    for (size_t i = MADE; i <= BAD + 1; i++) {
        size_t row = i > BAD ? OPEN : i; /* what is left comes last */
        cli_table_cell(&table, "%s",
                       row == BAD && m->job->how.skip_damaged ? "passed over" : rows[row]);
        cli_table_cell(&table, "%zu", m->of_state[row]);
        if (row == MADE) {
            cli_table_cell(&table, "%zu", m->made_clips);
            cli_table_cell(&table, "%zu", m->made_steps);
            cli_table_cell(&table, "%.1f", clip_rate(m));
        } else {
            for (int k = 0; k < 3; k++)
                cli_table_cell(&table, "-");
        }
    }
    return cli_table_end(&table, stdout);
}

/* Outputs have an encode.ini beside them. Where there is none, a file with an output's name is
 * something else, maybe the input itself, and no sign that the work is done. The outputs are
 * looked at first: another process may be about to begin here. */
static bool no_strangers(const many *m)
{
    const encode_item *there = NULL;
    for (size_t i = 0; i < m->list.count && !there; i++)
        if (is_there(&m->list.items[i]))
            there = &m->list.items[i];
    return !there || encode_about_is_kept(m->job) ||
           cli_fail("%s is there, but unic-encode did not write it: %s has no encode.ini; name "
                    "another --out-dir",
                    there->out, m->job->out_folder);
}

static bool prepare(many *m)
{
    encode_job *job = m->job;
    if (!encode_listing_find(&m->list, &job->inputs, job->out_folder))
        return false;
    if (m->list.films) {
        if (!encode_ready_open(&m->ready, &job->media))
            return false;
        encode_listing_keep(&m->list, &job->inputs, encode_ready_reads(m->ready));
    }
    m->of_state[OPEN] = m->list.count;
    return (m->states = cli_alloc(m->list.count, 1)) && no_strangers(m) &&
           encode_listing_make_folders(&m->list, job->out_folder) && encode_about_keep(job) &&
           cli_sources_read(&m->sources, job->out_folder) && find_there(m);
}

bool encode_many(encode_job *job)
{
    many m = {.job = job};
    job->tick = job->media.tick = tick;
    job->tick_user = job->media.tick_user = &m;
    bool ok = prepare(&m);
    if (ok) {
        m.first_left = done(&m);
        m.begun = cli_now();
        cli_progress_begin(m.list.count, m.first_left, "outputs");
        ok = work(&m);
        cli_progress_clear();
        cli_claim_release(&m.claim);
        sweep(&m);
        warn_of_changed(&m);
        ok = print_table(&m) && ok && (m.of_state[BAD] == 0 || job->how.skip_damaged);
    }
    encode_ready_free(m.ready);
    encode_listing_free(&m.list);
    cli_sources_free(&m.sources);
    free(m.states);
    return ok && !cli_signal();
}
