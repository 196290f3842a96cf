/* SPDX-License-Identifier: MIT */
#include "bench/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"

/* Back to the first column, and nothing left behind the cursor. */
#define CLEAR_LINE "\r\x1b[K"

void bench_progress_init(struct bench_progress *progress, const struct bench_plan *plan)
{
    const struct bench_options *options = plan->options;

    *progress = (struct bench_progress){
        .is_shown = isatty(STDERR_FILENO) == 1,
        .n_rounds = options->rounds,
        .n_total = plan->n_rows * (options->rounds + 1),
        .total_seconds = (double)plan->n_rows *
                         (options->warmup_seconds + options->rounds * options->round_seconds),
    };
}

void bench_progress_note(struct bench_progress *progress, const char *what, const char *workload,
                         const char *mode)
{
    if (progress->is_shown)
        fprintf(stderr, CLEAR_LINE "%s %s %s", what, workload, mode);
}

void bench_progress_show(struct bench_progress *progress, const struct bench_row *row,
                         unsigned int n)
{
    double left = progress->total_seconds - progress->done_seconds;
    uint64_t now_ns = tn_clock_ns();

    if (!progress->is_shown)
        return;
    if (progress->rounds_begin_ns == 0)
        progress->rounds_begin_ns = now_ns;
    /* Rounds take somewhat longer than they are timed: learn by how much. */
    if (progress->n_done > 0)
        left += ((double)(now_ns - progress->rounds_begin_ns) / 1e9 - progress->done_seconds) *
                (double)(progress->n_total - progress->n_done) / (double)progress->n_done;
    if (n == 0)
        fprintf(stderr, CLEAR_LINE "warming up");
    else
        fprintf(stderr, CLEAR_LINE "round %u of %u", n, progress->n_rounds);
    fprintf(stderr, ", %s %s %s, %u thread%s, %.0f s left", row->bench, row->workload, row->mode,
            row->threads, row->threads == 1 ? "" : "s", left > 0 ? left : 0);
}

void bench_progress_advance(struct bench_progress *progress, double seconds)
{
    progress->done_seconds += seconds;
    progress->n_done++;
}

void bench_progress_fini(struct bench_progress *progress)
{
    if (progress->is_shown)
        fprintf(stderr, CLEAR_LINE);
}
