/* SPDX-License-Identifier: MIT */
/* Events of the schema become the public struct. */
#include <string.h>

#include "client/lib/subscription.h"
#include "core/base/check.h"

static const char *const kind_names[] = {
    [TN_EVENT_GAP] = "gap",
    [TN_EVENT_FINALIZED] = "finalized",
    [TN_EVENT_WEAKREF_DEAD] = "weakref-dead",
    [TN_EVENT_NAME_BOUND] = "name-bound",
    [TN_EVENT_NAME_CHANGED] = "name-changed",
    [TN_EVENT_NAME_REMOVED] = "name-removed",
    [TN_EVENT_NAME_EXPIRED] = "name-expired",
    [TN_EVENT_COLLECTION_STARTED] = "collection-started",
    [TN_EVENT_COLLECTION_FINISHED] = "collection-finished",
    [TN_EVENT_MEMORY_LOW] = "memory-low",
    [TN_EVENT_MEMORY_RECOVERED] = "memory-recovered",
};

/* The arms of Event are numbered as the kinds are, from 10 on. */
#define FIRST_ARM 10
#define ARM_CHECK(ARM, KIND)                                                                       \
    _Static_assert((int)TENURE__V1__EVENT__WHAT_##ARM == FIRST_ARM + (int)TN_EVENT_##KIND, "")
ARM_CHECK(GAP, GAP);
ARM_CHECK(FINALIZED, FINALIZED);
ARM_CHECK(NAME_BOUND, NAME_BOUND);
ARM_CHECK(COLLECTION_STARTED, COLLECTION_STARTED);
ARM_CHECK(MEMORY_RECOVERED, MEMORY_RECOVERED);

const char *tn_event_kind_name(tn_event_kind kind)
{
    return (size_t)kind < TN_ARRAY_LEN(kind_names) ? kind_names[kind] : "unknown";
}

/* A copy with a NUL behind it, which protobuf-c's bytes do not have. */
static int keep_text(struct tn_arena *arena, const ProtobufCBinaryData *text, const char **ret_text,
                     size_t *ret_len)
{
    char *copy = tn_arena_alloc(arena, text->len + 1);

    if (!copy)
        return TN_ENOMEM;
    if (text->len > 0)
        memcpy(copy, text->data, text->len);
    copy[text->len] = '\0';
    *ret_text = copy;
    if (ret_len)
        *ret_len = text->len;
    return 0;
}

static int read_finalized(const Tenure__V1__FinalizedEvent *from, struct tn_arena *arena,
                          tn_event *event)
{
    event->identity = from->identity;
    event->age_ms = from->age_ms;
    event->size_bytes = from->size_bytes;
    if (keep_text(arena, &from->class_name, &event->class_name, &event->class_name_len) < 0)
        return TN_ENOMEM;
    return keep_text(arena, &from->label, &event->label, &event->label_len);
}

static int read_name(const Tenure__V1__NameEvent *from, struct tn_arena *arena, tn_event *event)
{
    event->version = from->version;
    if (keep_text(arena, &from->namespace_, &event->namespace_name, &event->namespace_name_len) < 0)
        return TN_ENOMEM;
    return keep_text(arena, &from->name, &event->name, &event->name_len);
}

static int read_collection(const Tenure__V1__CollectionEvent *from, struct tn_arena *arena,
                           tn_event *event)
{
    event->generation = from->generation;
    event->examined = from->examined;
    event->freed = from->freed;
    event->pauses = from->pauses;
    event->pause_ns = from->pause_ns;
    event->longest_pause_ns = from->longest_pause_ns;
    event->duration_ns = from->duration_ns;
    if (keep_text(arena, &from->cause, &event->cause, NULL) < 0)
        return TN_ENOMEM;
    return keep_text(arena, &from->collector, &event->collector, NULL);
}

static int read_event(const Tenure__V1__Event *from, struct tn_arena *arena, tn_event *event)
{
    *event = (tn_event){
        .kind = (tn_event_kind)((int)from->what_case - FIRST_ARM),
        .sequence = from->sequence,
        .class_name = "",
        .label = "",
        .namespace_name = "",
        .name = "",
        .cause = "",
        .collector = "",
    };
    switch (from->what_case) {
    case TENURE__V1__EVENT__WHAT_GAP:
        event->lost = from->gap->lost;
        event->unseen = from->gap->unseen;
        return 0;
    case TENURE__V1__EVENT__WHAT_FINALIZED:
        return read_finalized(from->finalized, arena, event);
    case TENURE__V1__EVENT__WHAT_WEAKREF_DEAD:
        event->identity = from->weakref_dead->identity;
        event->target_identity = from->weakref_dead->target_identity;
        return 0;
    case TENURE__V1__EVENT__WHAT_NAME_BOUND:
    case TENURE__V1__EVENT__WHAT_NAME_CHANGED:
    case TENURE__V1__EVENT__WHAT_NAME_REMOVED:
    case TENURE__V1__EVENT__WHAT_NAME_EXPIRED:
        return read_name(from->name_bound, arena, event);
    case TENURE__V1__EVENT__WHAT_COLLECTION_STARTED:
    case TENURE__V1__EVENT__WHAT_COLLECTION_FINISHED:
        return read_collection(from->collection_started, arena, event);
    case TENURE__V1__EVENT__WHAT_MEMORY_LOW:
    case TENURE__V1__EVENT__WHAT_MEMORY_RECOVERED:
        event->held_bytes = from->memory_low->held_bytes;
        event->limit_bytes = from->memory_low->limit_bytes;
        return 0;
    default:
        return TN_ESERVER;
    }
}

int tn_events_from_wire(const Tenure__V1__EventsResponse *batch, struct tn_arena *arena,
                        tn_event **ret_events)
{
    tn_event *events = tn_arena_alloc(arena, (batch->n_events + 1) * sizeof(*events));

    if (!events)
        return TN_ENOMEM;
    for (size_t i = 0; i < batch->n_events; i++) {
        int r = read_event(batch->events[i], arena, &events[i]);

        if (r < 0)
            return r;
    }
    *ret_events = events;
    return 0;
}
