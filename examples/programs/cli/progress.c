#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/report.h"
#include "cli/signal.h"

enum { LINE = 512, LEAST_CELLS = 8, MOST_CELLS = 20, NARROW = 60 };

static const double REDRAW = 0.1; /* seconds */

static struct {
    uint64_t total, first, done;
    const char *unit;
    double started, drawn;
    bool visible; /* there is a bar on the terminal's last line */
} bar;

bool cli_progress_shown(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && !(terminal && !strcmp(terminal, "dumb"));
}

void cli_progress_begin(uint64_t total, uint64_t done, const char *unit)
{
    cli_progress_clear();
    bar.total = total;
    bar.first = bar.done = done;
    bar.unit = unit;
    bar.started = cli_now();
    bar.drawn = 0.0;
}

double cli_progress_rate(void)
{
    double seconds = cli_now() - bar.started;
    return seconds > 0.0 ? (double)(bar.done - bar.first) / seconds : 0.0;
}

/* One less than the terminal has: in the last column some terminals wrap. */
static size_t columns(void)
{
    struct winsize size;
    size_t n = 80;
    if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 0)
        n = size.ws_col;
    return (n < LINE ? n : LINE) - 1;
}

/* Cuts `line` to at most `width` characters, between two parts if it can be. */
static void fit(char *line, size_t width)
{
    if (strlen(line) <= width)
        return;
    size_t end = width;
    while (end > 0 && strncmp(line + end, "  ", 2) != 0)
        end--;
    line[end > 0 ? end : width] = '\0';
}

/* The words have first call on the width; the picture takes what they leave. */
static void draw(const char *tail)
{
    enum { FRAME = 8 }; /* " 45% |" and "| " */
    char picture[MOST_CELLS + 1], eta[CLI_DURATION] = "--", words[LINE];
    size_t width = columns(), least = width < NARROW ? 0 : LEAST_CELLS;
    if (width <= FRAME)
        return;
    double part = bar.total ? (double)bar.done / (double)bar.total : 0.0;
    double rate = cli_progress_rate();
    if (rate > 0.0)
        cli_duration(eta, (double)(bar.total - bar.done) / rate);
    int decimals = rate < 100.0 ? 1 : 0; /* no longer where it is fast */
    snprintf(words, sizeof words, "%llu/%llu  %.*f %s/s  ETA %s  %s",
             (unsigned long long)bar.done, (unsigned long long)bar.total, decimals, rate,
             bar.unit, eta, tail);
    fit(words, width > FRAME + least ? width - FRAME - least : 0);

    size_t used = FRAME + strlen(words), cells = width > used ? width - used : 0;
    cells = cells < MOST_CELLS ? cells : MOST_CELLS;
    size_t full = (size_t)(part * (double)cells);
    memset(picture, ' ', cells);
    memset(picture, '=', full);
    if (full < cells)
        picture[full] = '>';
    picture[cells] = '\0';
    fprintf(stderr, "\r%3d%% |%s| %s\033[K", (int)(100.0 * part), picture, words);
    fflush(stderr);
    bar.visible = true;
}

void cli_progress_at(uint64_t done, const char *tail)
{
    bar.done = done;
    double now = cli_now();
    if (!cli_progress_shown() || (now - bar.drawn < REDRAW && done < bar.total))
        return;
    bar.drawn = now;
    draw(tail);
}

int cli_progress_told(const char *what, uint64_t done, uint64_t total, void *user)
{
    (void)what, (void)total, (void)user;
    cli_progress_at(done, "");
    return cli_signal() != 0;
}

void cli_progress_clear(void)
{
    if (!bar.visible)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    bar.visible = false;
}
