/* SPDX-License-Identifier: MIT */
#include "client/cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DRAW_NS (UINT64_C(100) * 1000 * 1000)
#define BAR_WIDTH 30

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void cli_progress_begin(struct cli_progress *progress, const struct cli *cli, const char *what,
                        uint64_t n_total)
{
    *progress = (struct cli_progress){
        .what = what,
        .n_total = n_total,
        .began_ns = now_ns(),
        .is_drawn = !cli->quiet && !cli->json && isatty(STDERR_FILENO),
    };
}

static void put_bar(struct cli_text *text, uint64_t n_done, uint64_t n_total)
{
    double part = n_total == 0 ? 1.0 : (double)n_done / (double)n_total;
    int n_full = (int)(part * BAR_WIDTH);

    cli_text_printf(text, " %3d%% [", (int)(part * 100));
    for (int i = 0; i < BAR_WIDTH; i++)
        cli_text_putc(text, i < n_full ? '=' : i == n_full ? '>' : ' ');
    cli_text_putc(text, ']');
}

void cli_progress_update(struct cli_progress *progress, uint64_t n_done)
{
    struct cli_text text = { .data = NULL };
    uint64_t now;
    double seconds;

    if (!progress->is_drawn)
        return;
    now = now_ns();
    if (progress->drawn_ns != 0 && now - progress->drawn_ns < DRAW_NS)
        return;
    progress->drawn_ns = now;
    seconds = (double)(now - progress->began_ns) / 1e9;
    cli_text_putc(&text, '\r');
    cli_text_put_escaped(&text, progress->what, strlen(progress->what), '\0');
    if (progress->n_total != TN_SIZE_UNKNOWN)
        put_bar(&text, n_done, progress->n_total);
    cli_text_putc(&text, ' ');
    cli_text_put_size(&text, n_done);
    if (seconds > 0.2) {
        cli_text_put(&text, ", ");
        cli_text_put_size(&text, (unsigned long long)((double)n_done / seconds));
        cli_text_put(&text, "/s");
    }
    cli_text_put(&text, "\033[K"); /* to the end of the line */
    (void)fputs(cli_text_string(&text), stderr);
    cli_text_fini(&text);
}

void cli_progress_end(struct cli_progress *progress)
{
    if (progress->drawn_ns != 0)
        (void)fputs("\r\033[K", stderr);
    progress->is_drawn = false;
    progress->drawn_ns = 0;
}
