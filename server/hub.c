/* SPDX-License-Identifier: MIT */
/* See subscription.h: hubs. */
#include "core/base/check.h"
#include "core/base/err.h"
#include "server/subscription.h"

/* Events that are offered in one turn, and offers: with many subscriptions it is
 * fewer events. Some milliseconds of work. */
#define COLLECT_EVENTS_MIN ((size_t)64)
#define COLLECT_EVENTS_MAX ((size_t)4096)
#define COLLECT_OFFERS ((size_t)65536)

static void on_events(void *arg)
{
    struct tn_hub *hub = arg;

    if (hub->wake != NULL)
        hub->wake(hub->wake_arg);
}

void tn_hub_init(struct tn_hub *hub, struct tn_heap *heap, struct tn_budget *budget,
                 struct tn_counters *counters)
{
    *hub = (struct tn_hub){ .heap = heap, .budget = budget, .counters = counters };
    tn_ring_init(&hub->all);
    tn_ring_init(&hub->pending);
}

void tn_hub_fini(struct tn_hub *hub)
{
    TN_ASSERT(hub->n_subscriptions == 0 && !tn_events_is_listening(&hub->listener));
}

int tn_hub_choose(struct tn_hub *hub)
{
    uint32_t kinds = 0;

    for (struct tn_ring *link = hub->all.next; link != &hub->all; link = link->next)
        kinds |= TN_CONTAINER_OF(link, struct tn_subscription, all)->options.kinds;
    if (hub->n_subscriptions == 0) {
        tn_events_unlisten(&hub->listener);
        return 0;
    }
    if (!tn_events_is_listening(&hub->listener))
        return tn_events_listen(hub->heap, &hub->listener, kinds, on_events, hub);
    tn_events_choose(&hub->listener, kinds);
    return 0;
}

static size_t budget_of(const struct tn_hub *hub)
{
    size_t n = COLLECT_OFFERS / hub->n_subscriptions;

    if (n < COLLECT_EVENTS_MIN)
        return COLLECT_EVENTS_MIN;
    return n < COLLECT_EVENTS_MAX ? n : COLLECT_EVENTS_MAX;
}

bool tn_hub_collect(struct tn_hub *hub)
{
    struct tn_heap_event event;
    size_t budget;

    if (TN_LIKELY(hub->n_subscriptions == 0))
        return false;
    tn_events_begin(&hub->listener);
    for (budget = budget_of(hub); budget > 0 && tn_events_read(&hub->listener, &event); budget--)
        for (struct tn_ring *link = hub->all.next; link != &hub->all; link = link->next)
            tn_subscription_offer(TN_CONTAINER_OF(link, struct tn_subscription, all), &event);
    return budget == 0;
}
