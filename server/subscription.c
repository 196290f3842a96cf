/* SPDX-License-Identifier: MIT */
/* See subscription.h: a subscription and its queue. Hubs are in hub.c. */
#include "server/subscription.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/err.h"
#include "proto/frame.h"
#include "proto/varint.h"
#include "server/event_out.h"
#include "server/session.h"

/* What an event takes in a queue, mostly; longer ones fill it sooner. And what the
 * longest one takes, with a gap before it. */
#define QUEUE_EVENT_BYTES ((size_t)64)
#define QUEUE_SPARE_BYTES ((size_t)4096)

/* The first bytes of fields: number << 3 | wire type. */
#define TAG_RESPONSE_ID 0x08u
#define TAG_RESPONSE_EVENTS (40u << 3 | 2u)
#define TAG_EVENTS_EVENT 0x0au
#define TAG_EVENTS_ENDED 0x18u

/* Of tags, numbers and lengths in front of the events. */
#define ENVELOPE_BYTES_MAX 32

/* ---- Beginning and ending ---- */

static struct tn_slice keep_text(char **at, struct tn_slice text)
{
    struct tn_slice kept = TN_SLICE(*at, text.len);

    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return kept;
}

static size_t queue_bytes(uint32_t limit)
{
    return limit * QUEUE_EVENT_BYTES + QUEUE_SPARE_BYTES;
}

static void link_up(struct tn_subscription *sub)
{
    struct tn_session *session = sub->session;

    sub->next = session->subscriptions;
    session->subscriptions = sub;
    tn_ring_push_back(&sub->hub->all, &sub->all);
    sub->hub->n_subscriptions++;
    tn_counter_add(&sub->hub->counters->subscriptions, 1);
}

int tn_subscription_new(struct tn_hub *hub, struct tn_session *session,
                        const struct tn_subscription_options *options,
                        struct tn_subscription **ret_subscription)
{
    struct tn_subscription *sub;
    size_t n = 0;
    char *at;
    int r;

    TN_ASSERT(options->limit > 0 && options->kinds != 0);
    for (sub = session->subscriptions; sub != NULL; sub = sub->next)
        n++;
    if (n >= TN_SESSION_SUBSCRIPTIONS)
        return TN_ERR_TOO_MANY;
    sub = calloc(1, sizeof(*sub) + options->prefix.len + options->class_name.len);
    if (sub == NULL)
        return TN_ERR_NOMEM;
    sub->taken_bytes = queue_bytes(options->limit);
    if (!tn_budget_take(hub->budget, sub->taken_bytes)) {
        free(sub);
        return TN_ERR_LIMIT;
    }
    sub->hub = hub;
    sub->session = session;
    sub->options = *options;
    at = sub->texts;
    sub->options.prefix = keep_text(&at, options->prefix);
    sub->options.class_name = keep_text(&at, options->class_name);
    sub->next_sequence = 1;
    tn_buffer_init(&sub->queue, sub->taken_bytes);
    link_up(sub);
    r = tn_hub_choose(hub);
    if (r < 0) {
        tn_subscription_free(&sub);
        return r;
    }
    *ret_subscription = sub;
    return 0;
}

static void empty_queue(struct tn_subscription *sub)
{
    tn_counter_sub(&sub->hub->counters->events_behind, sub->n_queued);
    sub->n_queued = 0;
    tn_buffer_fini(&sub->queue);
}

void tn_subscription_free(struct tn_subscription **subscriptionp)
{
    struct tn_subscription *sub = *subscriptionp;
    struct tn_subscription **at;
    int r;

    if (sub == NULL)
        return;
    for (at = &sub->session->subscriptions; *at != sub; at = &(*at)->next)
        ;
    *at = sub->next;
    tn_ring_remove(&sub->all);
    tn_ring_remove(&sub->pending);
    sub->hub->n_subscriptions--;
    tn_counter_sub(&sub->hub->counters->subscriptions, 1);
    r = tn_hub_choose(sub->hub);
    TN_ASSERT(r == 0); /* fails only if it has to begin */
    empty_queue(sub);
    tn_budget_give(sub->hub->budget, sub->taken_bytes);
    free(sub);
    *subscriptionp = NULL;
}

struct tn_subscription *tn_subscription_find(const struct tn_session *session, uint64_t id)
{
    struct tn_subscription *sub = session->subscriptions;

    while (sub != NULL && sub->options.id != id)
        sub = sub->next;
    return sub;
}

bool tn_session_has_news(const struct tn_session *session)
{
    const struct tn_subscription *sub = session->subscriptions;

    while (sub != NULL && !tn_ring_is_linked(&sub->pending))
        sub = sub->next;
    return sub != NULL;
}

void tn_session_end_subscriptions(struct tn_session *session)
{
    while (session->subscriptions != NULL) {
        struct tn_subscription *sub = session->subscriptions;

        tn_subscription_free(&sub);
    }
}

static void make_pending(struct tn_subscription *sub)
{
    if (!tn_ring_is_linked(&sub->pending))
        tn_ring_push_back(&sub->hub->pending, &sub->pending);
}

void tn_subscription_end(struct tn_subscription *sub)
{
    empty_queue(sub);
    sub->gap_lost = 0;
    sub->gap_unseen = 0;
    sub->is_ended = true;
    make_pending(sub);
}

/* ---- What is offered ---- */

static bool is_wanted(const struct tn_subscription *sub, const struct tn_heap_event *event)
{
    const struct tn_subscription_options *options = &sub->options;
    uint32_t mask = TN_HEAP_EVENT_MASK(event->kind);

    if ((options->kinds & mask) == 0)
        return false;
    if ((TN_HEAP_EVENTS_NAME & mask) != 0)
        return (options->ns == NULL ||
                event->binding.namespace_id == (uint64_t)(uintptr_t)options->ns) &&
               tn_slice_has_prefix(event->name, options->prefix);
    if (event->kind == TN_HEAP_EVENT_FINALIZED)
        return options->class_name.len == 0 || tn_slice_equal(event->scope, options->class_name);
    return true;
}

/* Appends an entry to the queue. False if it does not fit. */
static bool enqueue(struct tn_subscription *sub, const struct tn_heap_event *event,
                    uint64_t sequence)
{
    size_t before = tn_buffer_len(&sub->queue);

    if (tn_buffer_reserve(&sub->queue, 1) < 0)
        return false;
    *tn_buffer_end(&sub->queue) = TAG_EVENTS_EVENT;
    tn_buffer_commit(&sub->queue, 1);
    if (tn_event_pack(event, sequence, &sub->queue) < 0) {
        sub->queue.tail -= tn_buffer_len(&sub->queue) - before; /* the tag */
        return false;
    }
    sub->n_queued++;
    tn_counter_add(&sub->hub->counters->events_behind, 1);
    return true;
}

/* Puts the gap that is due into the queue; `next` is the number of what comes behind it. */
static bool enqueue_gap(struct tn_subscription *sub, uint64_t next)
{
    struct tn_heap_event gap = { .kind = TN_HEAP_EVENT_MISSED };

    if (sub->gap_lost == 0 && sub->gap_unseen == 0)
        return true;
    gap.numbers[0] = sub->gap_lost;
    gap.numbers[1] = sub->gap_unseen;
    if (!enqueue(sub, &gap, next - sub->gap_lost))
        return false;
    sub->gap_lost = 0;
    sub->gap_unseen = 0;
    return true;
}

void tn_subscription_offer(struct tn_subscription *sub, const struct tn_heap_event *event)
{
    struct tn_counters *counters = sub->hub->counters;
    uint64_t sequence;

    if (sub->is_ended)
        return;
    if (event->kind == TN_HEAP_EVENT_MISSED) {
        sub->gap_unseen += event->missed.n_events;
        sub->n_unseen += event->missed.n_events;
        tn_counter_add(&counters->events_unseen, event->missed.n_events);
        make_pending(sub);
        return;
    }
    if (!is_wanted(sub, event))
        return;
    sequence = sub->next_sequence++;
    make_pending(sub);
    if (sub->n_queued < sub->options.limit && enqueue_gap(sub, sequence) &&
        enqueue(sub, event, sequence))
        return;
    sub->gap_lost++;
    sub->n_lost++;
    tn_counter_add(&counters->events_lost, 1);
}

/* ---- What is sent ---- */

/* How many bytes at the front of the queue are whole entries and no more than
 * `max_bytes`, but one of them at least; and how many entries that is. */
static size_t measure(const struct tn_subscription *sub, size_t max_bytes, uint32_t *ret_n)
{
    const uint8_t *data = tn_buffer_begin(&sub->queue);
    size_t len = tn_buffer_len(&sub->queue);
    size_t taken = 0;
    uint32_t n = 0;

    while (taken < len) {
        uint64_t body;
        const uint8_t *at = tn_varint_read_trusted(data + taken + 1, &body);
        size_t next = (size_t)(at - data) + (size_t)body;

        if (n > 0 && next > max_bytes)
            break;
        taken = next;
        n++;
    }
    *ret_n = n;
    return taken;
}

/* Appends a message of `n_bytes` that stand at the front of the queue. */
static int pack_front(struct tn_subscription *sub, size_t n_bytes, struct tn_buffer *out)
{
    size_t body = n_bytes + (sub->is_ended ? 2 : 0);
    uint8_t envelope[ENVELOPE_BYTES_MAX];
    uint8_t *at = envelope;
    size_t size;
    int r;

    at = tn_varint_write(tn_varint_write(at, TAG_RESPONSE_ID), sub->options.id);
    at = tn_varint_write(tn_varint_write(at, TAG_RESPONSE_EVENTS), body);
    size = (size_t)(at - envelope) + body;
    r = tn_buffer_reserve(out, TN_FRAME_PREFIX_MAX + size);
    if (r < 0)
        return r;
    tn_buffer_commit(out, tn_frame_prefix_write(tn_buffer_end(out), size));
    r = tn_buffer_append(out, envelope, (size_t)(at - envelope));
    if (r == 0 && n_bytes > 0)
        r = tn_buffer_append(out, tn_buffer_begin(&sub->queue), n_bytes);
    if (r == 0 && sub->is_ended)
        r = tn_buffer_append(out, (const uint8_t[]){ TAG_EVENTS_ENDED, 1 }, 2);
    TN_ASSERT(r == 0); /* was reserved */
    return 0;
}

int tn_subscription_pack(struct tn_subscription *sub, size_t max_bytes, struct tn_buffer *out)
{
    struct tn_counters *counters = sub->hub->counters;
    uint32_t n;
    size_t n_bytes;
    int r;

    TN_ASSERT(tn_ring_is_linked(&sub->pending));
    /* A gap at the end: what was lost after all that waits. */
    if (sub->n_queued == 0 && !enqueue_gap(sub, sub->next_sequence))
        return TN_ERR_NOMEM;
    n_bytes = measure(sub, max_bytes, &n);
    r = pack_front(sub, n_bytes, out);
    if (r < 0)
        return r;
    tn_buffer_consume(&sub->queue, n_bytes);
    sub->n_queued -= n;
    sub->n_sent += n;
    tn_counter_add(&counters->events_sent, n);
    tn_counter_sub(&counters->events_behind, n);
    if (sub->n_queued == 0 && sub->gap_lost == 0 && sub->gap_unseen == 0) {
        tn_buffer_fini(&sub->queue); /* who is told of nothing occupies nothing */
        tn_ring_remove(&sub->pending);
    }
    return 0;
}
