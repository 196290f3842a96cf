/* SPDX-License-Identifier: MIT */
#include "server/event_out.h"

#include "core/base/check.h"
#include "proto/frame.h"
#include "proto/message.h"

/* An event with whichever message it is about. */
struct wire_event {
    Tenure__V1__Event event;
    union {
        Tenure__V1__GapEvent gap;
        Tenure__V1__FinalizedEvent finalized;
        Tenure__V1__WeakrefDeadEvent weakref_dead;
        Tenure__V1__NameEvent name;
        Tenure__V1__CollectionEvent collection;
        Tenure__V1__MemoryEvent memory;
    };
};

/* protobuf-c has `uint8_t *` for bytes that it never writes to. */
static ProtobufCBinaryData wire_bytes(struct tn_slice text)
{
    return (ProtobufCBinaryData){ .len = text.len, .data = (uint8_t *)(uintptr_t)text.data };
}

static void fill_finalized(const struct tn_heap_event *event, Tenure__V1__FinalizedEvent *wire)
{
    *wire = (Tenure__V1__FinalizedEvent)TENURE__V1__FINALIZED_EVENT__INIT;
    wire->class_name = wire_bytes(event->scope);
    wire->label = wire_bytes(event->name);
    wire->identity = event->finalized.identity;
    wire->age_ms = event->finalized.age_ms;
    wire->size_bytes = event->finalized.size_bytes;
}

static void fill_name(const struct tn_heap_event *event, Tenure__V1__NameEvent *wire)
{
    *wire = (Tenure__V1__NameEvent)TENURE__V1__NAME_EVENT__INIT;
    wire->namespace_ = wire_bytes(event->scope);
    wire->name = wire_bytes(event->name);
    wire->version = event->binding.version;
}

static void fill_collection(const struct tn_heap_event *event, Tenure__V1__CollectionEvent *wire)
{
    *wire = (Tenure__V1__CollectionEvent)TENURE__V1__COLLECTION_EVENT__INIT;
    wire->cause = wire_bytes(event->scope);
    wire->generation = (uint32_t)event->collection.generation;
    wire->examined = event->collection.n_examined;
    wire->freed = event->collection.n_freed;
    wire->pauses = event->collection.n_pauses;
    wire->pause_ns = event->collection.pause_ns;
    wire->longest_pause_ns = event->collection.longest_pause_ns;
    wire->duration_ns = event->collection.duration_ns;
    wire->collector = wire_bytes(event->name);
}

/* Fills in the message that is behind the event, and returns which arm of it that is. */
static Tenure__V1__Event__WhatCase fill(const struct tn_heap_event *event, struct wire_event *wire)
{
    switch (event->kind) {
    case TN_HEAP_EVENT_MISSED:
        wire->gap = (Tenure__V1__GapEvent)TENURE__V1__GAP_EVENT__INIT;
        wire->gap.lost = event->numbers[0];
        wire->gap.unseen = event->numbers[1];
        return TENURE__V1__EVENT__WHAT_GAP;
    case TN_HEAP_EVENT_FINALIZED:
        fill_finalized(event, &wire->finalized);
        return TENURE__V1__EVENT__WHAT_FINALIZED;
    case TN_HEAP_EVENT_WEAKREF_DEAD:
        wire->weakref_dead = (Tenure__V1__WeakrefDeadEvent)TENURE__V1__WEAKREF_DEAD_EVENT__INIT;
        wire->weakref_dead.identity = event->weakref.identity;
        wire->weakref_dead.target_identity = event->weakref.target_identity;
        return TENURE__V1__EVENT__WHAT_WEAKREF_DEAD;
    case TN_HEAP_EVENT_NAME_BOUND:
        fill_name(event, &wire->name);
        return TENURE__V1__EVENT__WHAT_NAME_BOUND;
    case TN_HEAP_EVENT_NAME_CHANGED:
        fill_name(event, &wire->name);
        return TENURE__V1__EVENT__WHAT_NAME_CHANGED;
    case TN_HEAP_EVENT_NAME_REMOVED:
        fill_name(event, &wire->name);
        return TENURE__V1__EVENT__WHAT_NAME_REMOVED;
    case TN_HEAP_EVENT_NAME_EXPIRED:
        fill_name(event, &wire->name);
        return TENURE__V1__EVENT__WHAT_NAME_EXPIRED;
    case TN_HEAP_EVENT_COLLECTION_STARTED:
        fill_collection(event, &wire->collection);
        return TENURE__V1__EVENT__WHAT_COLLECTION_STARTED;
    case TN_HEAP_EVENT_COLLECTION_FINISHED:
        fill_collection(event, &wire->collection);
        return TENURE__V1__EVENT__WHAT_COLLECTION_FINISHED;
    case TN_HEAP_EVENT_MEMORY_LOW:
    case TN_HEAP_EVENT_MEMORY_RECOVERED:
        wire->memory = (Tenure__V1__MemoryEvent)TENURE__V1__MEMORY_EVENT__INIT;
        wire->memory.held_bytes = event->memory.held_bytes;
        wire->memory.limit_bytes = event->memory.limit_bytes;
        return event->kind == TN_HEAP_EVENT_MEMORY_LOW ? TENURE__V1__EVENT__WHAT_MEMORY_LOW
                                                       : TENURE__V1__EVENT__WHAT_MEMORY_RECOVERED;
    case TN_HEAP_EVENT_END:
        break;
    }
    TN_UNREACHABLE();
}

int tn_event_pack(const struct tn_heap_event *event, uint64_t sequence, struct tn_buffer *out)
{
    struct wire_event wire = { .event = TENURE__V1__EVENT__INIT };

    wire.event.sequence = sequence;
    wire.event.what_case = fill(event, &wire);
    wire.event.gap = &wire.gap; /* whichever it is: all arms are pointers */
    return tn_message_pack(&wire.event.base, TN_FRAME_BYTES_MAX, out);
}
