/* SPDX-License-Identifier: MIT */
#include "core/memory/grace.h"

#include <limits.h>

#include "core/base/check.h"
#include "core/base/futex.h"
#include "core/base/rcu.h"

void tn_grace_init(struct tn_grace *grace)
{
    atomic_init(&grace->begun, 0);
    atomic_init(&grace->ended, 0);
    atomic_init(&grace->ended_futex, 0);
    atomic_init(&grace->wanted, 0);
    atomic_init(&grace->wake_ups, 0);
    atomic_init(&grace->is_asleep, false);
    atomic_init(&grace->is_pausing, false);
    atomic_init(&grace->n_waiting, 0);
}

uint64_t tn_grace_request(struct tn_grace *grace)
{
    /*
     * Sequentially consistent, as is the store in tn_grace_run(): what the
     * caller has made unreachable before this load is unreachable for every
     * read section that begins after the grace period begins, if that grace
     * period is not yet in `begun`.
     */
    uint64_t number = atomic_load_explicit(&grace->begun, memory_order_seq_cst) + 1;
    uint64_t wanted = atomic_load_explicit(&grace->wanted, memory_order_relaxed);

    while (wanted < number &&
           !atomic_compare_exchange_weak_explicit(&grace->wanted, &wanted, number,
                                                  memory_order_seq_cst, memory_order_relaxed))
        ;
    tn_grace_wake(grace);
    return number;
}

void tn_grace_wake(struct tn_grace *grace)
{
    /* Sequentially consistent against tn_grace_sleep(): it says that it sleeps
     * and then looks; we leave word and then look whether it sleeps. */
    if (!atomic_load_explicit(&grace->is_asleep, memory_order_seq_cst))
        return;
    atomic_fetch_add_explicit(&grace->wake_ups, 1, memory_order_seq_cst);
    if (atomic_exchange_explicit(&grace->is_asleep, false, memory_order_seq_cst))
        tn_futex_wake(&grace->wake_ups, 1);
}

void tn_grace_sleep(struct tn_grace *grace, bool (*must_go_on)(void *arg), void *arg)
{
    uint32_t seen = atomic_load_explicit(&grace->wake_ups, memory_order_seq_cst);

    atomic_store_explicit(&grace->is_asleep, true, memory_order_seq_cst);
    if (!tn_grace_is_wanted(grace) && !must_go_on(arg))
        tn_futex_wait(&grace->wake_ups, seen, TN_FUTEX_FOREVER);
    atomic_store_explicit(&grace->is_asleep, false, memory_order_seq_cst);
}

void tn_grace_pause(struct tn_grace *grace, uint64_t timeout_ns)
{
    uint32_t seen = atomic_load_explicit(&grace->wake_ups, memory_order_seq_cst);

    atomic_store_explicit(&grace->is_pausing, true, memory_order_seq_cst);
    if (atomic_load_explicit(&grace->n_waiting, memory_order_seq_cst) == 0)
        tn_futex_wait(&grace->wake_ups, seen, timeout_ns);
    atomic_store_explicit(&grace->is_pausing, false, memory_order_seq_cst);
}

bool tn_grace_is_wanted(const struct tn_grace *grace)
{
    return atomic_load_explicit(&grace->wanted, memory_order_seq_cst) >
           atomic_load_explicit(&grace->ended, memory_order_relaxed);
}

void tn_grace_run(struct tn_grace *grace)
{
    uint64_t number = atomic_load_explicit(&grace->begun, memory_order_relaxed) + 1;

    atomic_store_explicit(&grace->begun, number, memory_order_seq_cst);
    tn_rcu_synchronize();
    /* Release: who sees that it has ended sees all that the readers did. */
    atomic_store_explicit(&grace->ended, number, memory_order_seq_cst);
    atomic_store_explicit(&grace->ended_futex, (uint32_t)number, memory_order_seq_cst);
    if (atomic_load_explicit(&grace->n_waiting, memory_order_seq_cst) != 0)
        tn_futex_wake(&grace->ended_futex, INT_MAX);
}

void tn_grace_wait(struct tn_grace *grace, uint64_t number)
{
    atomic_fetch_add_explicit(&grace->n_waiting, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&grace->is_pausing, memory_order_seq_cst)) {
        atomic_fetch_add_explicit(&grace->wake_ups, 1, memory_order_seq_cst);
        tn_futex_wake(&grace->wake_ups, 1);
    }
    while (!tn_grace_has_ended(grace, number)) {
        uint32_t seen = atomic_load_explicit(&grace->ended_futex, memory_order_seq_cst);

        if (!tn_grace_has_ended(grace, number))
            tn_futex_wait(&grace->ended_futex, seen, TN_FUTEX_FOREVER);
    }
    atomic_fetch_sub_explicit(&grace->n_waiting, 1, memory_order_seq_cst);
}
