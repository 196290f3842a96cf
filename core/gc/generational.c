/* SPDX-License-Identifier: MIT */
/* The generational collector: trial deletion with everybody stopped. */
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/gc/gc_internal.h"
#include "core/memory/backing.h"

int tn_gc_collect_stopped(struct tn_gc *gc, unsigned int generation, struct tn_gc_report *report)
{
    struct tn_gc_trial trial = { .generation = generation };
    uint64_t began_ns;
    size_t bytes;
    int r;

    tn_gc_stop_all(gc);
    began_ns = tn_clock_ns();
    trial.n_mutators = tn_heap_n_mutators(gc->heap);
    bytes = trial.n_mutators * sizeof(struct tn_mutator *);
    trial.mutators = tn_backing_alloc(bytes, _Alignof(struct tn_mutator *), false);
    r = trial.mutators == NULL ? TN_ERR_NOMEM : 0;
    for (uint32_t i = 0; r == 0 && i < trial.n_mutators; i++) {
        trial.mutators[i] = tn_heap_mutator(gc->heap, i);
        /* So that counts are true: what is queued has one reference too many. */
        tn_mutator_merge_queued(trial.mutators[i]);
    }
    if (r == 0)
        r = tn_gc_try(&trial);
    if (trial.mutators != NULL)
        tn_backing_free(trial.mutators, bytes, _Alignof(struct tn_mutator *));
    tn_gc_note_pause(gc, began_ns);
    tn_gc_resume_all(gc);
    if (r < 0)
        return r;
    report->examined = trial.n_examined;
    report->garbage = trial.n_garbage;
    tn_gc_handshake(gc, TN_PHASE_EMPTY);
    tn_gc_finish_work(gc);
    tn_gc_handshake(gc, TN_PHASE_IDLE);
    return 0;
}

const struct tn_collector tn_collector_generational = {
    .kind = TN_GC_GENERATIONAL,
    .collect = tn_gc_collect_stopped,
};
