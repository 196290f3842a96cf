/* SPDX-License-Identifier: MIT */
/*
 * Events: rings of records and their listeners.
 *
 * A record is a number of 64-bit words: its sequence number, kind and lengths,
 * numbers, texts. The ring is an array of such words, addressed by how many have
 * ever been written, modulo its size.
 *
 *   tail .. head   records that are complete and can be read
 *
 * The writer moves `tail` beyond the records that it is about to overwrite, then
 * stores the words, then `head`. A reader copies the words at its cursor and looks
 * at `tail` afterwards: if that is beyond the cursor, the copy may be torn and is
 * thrown away. Why it cannot miss that: every word is stored with release and
 * loaded with acquire, so who has loaded a word of the new record sees the `tail`
 * that was stored before it. (A fence would say the same in one place, but no
 * checker sees fences; on x86 both are plain moves.)
 */
#include "core/object/events.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/yield.h"
#include "core/memory/backing.h"
#include "core/memory/fault.h"
#include "core/object/heap_internal.h"
#include "core/object/identity.h"
#include "core/object/mutator.h"
#include "core/object/type.h"

/* A power of two. Some thousands of events: what a worker emits in a turn that
 * destroys much. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define RING_WORDS ((size_t)512)
#else
#define RING_WORDS ((size_t)64 << 10)
#endif

#define RECORD_HEAD 2 /* sequence, and the lengths with the kind */
#define TEXT_WORDS(len) (((len) + sizeof(uint64_t) - 1) / sizeof(uint64_t))
#define RECORD_WORDS_MAX                                                                           \
    (RECORD_HEAD + TN_HEAP_EVENT_NUMBERS + 2 * TEXT_WORDS(TN_HEAP_EVENT_TEXT_MAX))

static_assert(RING_WORDS >= RECORD_WORDS_MAX, "every record fits");
static_assert(sizeof(((struct tn_heap_event *)NULL)->numbers) ==
                      TN_HEAP_EVENT_NUMBERS * sizeof(uint64_t) &&
                  sizeof(struct tn_collection_figures) == TN_HEAP_EVENT_NUMBERS * sizeof(uint64_t),
              "the numbers are all that an event has besides its texts");

struct tn_event_ring {
    /* [owner]  what was announced last */
    uint64_t announced;
    /* [atomic] where the oldest record begins, and the newest one ends. Written by
     * the bearer; `head` is stored with release */
    _Atomic(uint64_t) tail;
    _Atomic(uint64_t) head;
    _Atomic(uint64_t) n_records; /* ever; the sequence number of the next one */
    /* [atomic] see above */
    _Atomic(uint64_t) words[RING_WORDS];
};

/* ---- Records ---- */

static uint64_t record_meta(enum tn_heap_event_kind kind, size_t scope_len, size_t name_len)
{
    return (uint64_t)kind << 32 | (uint64_t)scope_len << 16 | name_len;
}

static enum tn_heap_event_kind meta_kind(uint64_t meta)
{
    return (enum tn_heap_event_kind)(meta >> 32);
}

static size_t meta_scope_len(uint64_t meta)
{
    return meta >> 16 & UINT16_MAX;
}

static size_t meta_name_len(uint64_t meta)
{
    return meta & UINT16_MAX;
}

static size_t meta_n_words(uint64_t meta)
{
    return RECORD_HEAD + TN_HEAP_EVENT_NUMBERS + TEXT_WORDS(meta_scope_len(meta)) +
           TEXT_WORDS(meta_name_len(meta));
}

static _Atomic(uint64_t) *word_at(struct tn_event_ring *ring, uint64_t at)
{
    return &ring->words[at % RING_WORDS];
}

/* ---- Writing ---- */

/* Gives up the oldest records until `n_words` more fit. */
static void make_room(struct tn_event_ring *ring, uint64_t head, size_t n_words)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    while (head + n_words - tail > RING_WORDS)
        /* Relaxed: the bearer's own, or handed over with the mutator. */
        tail += meta_n_words(atomic_load_explicit(word_at(ring, tail + 1), memory_order_relaxed));
    /* The release of the words that follow orders it for was_there(). Release: who
     * goes on reading here sees that `head` is not before it. */
    atomic_store_explicit(&ring->tail, tail, memory_order_release);
    tn_yield();
}

static uint64_t put_word(struct tn_event_ring *ring, uint64_t at, uint64_t word)
{
    /* Pairs with the acquire in copy_words(). */
    atomic_store_explicit(word_at(ring, at), word, memory_order_release);
    return at + 1;
}

static uint64_t put_text(struct tn_event_ring *ring, uint64_t at, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
        size_t n = len - i < sizeof(uint64_t) ? len - i : sizeof(uint64_t);
        uint64_t word = 0;

        memcpy(&word, text + i, n);
        at = put_word(ring, at, word);
    }
    return at;
}

static size_t text_len(struct tn_slice text)
{
    return text.len < TN_HEAP_EVENT_TEXT_MAX ? text.len : TN_HEAP_EVENT_TEXT_MAX;
}

static void emit(struct tn_mutator *mu, const struct tn_heap_event *event)
{
    /* Acquire: pairs with the release in ring_new(). */
    struct tn_event_ring *ring = atomic_load_explicit(&mu->events, memory_order_acquire);
    uint64_t meta = record_meta(event->kind, text_len(event->scope), text_len(event->name));
    uint64_t sequence;
    uint64_t at;

    if (ring == NULL)
        return; /* the first listener is just coming */
    at = atomic_load_explicit(&ring->head, memory_order_relaxed);
    sequence = atomic_load_explicit(&ring->n_records, memory_order_relaxed);
    make_room(ring, at, meta_n_words(meta));
    at = put_word(ring, at, sequence);
    at = put_word(ring, at, meta);
    for (size_t i = 0; i < TN_HEAP_EVENT_NUMBERS; i++)
        at = put_word(ring, at, event->numbers[i]);
    at = put_text(ring, at, event->scope.data, meta_scope_len(meta));
    at = put_text(ring, at, event->name.data, meta_name_len(meta));
    /* Release: who begins to listen at `head` must not expect an older number. */
    atomic_store_explicit(&ring->n_records, sequence + 1, memory_order_release);
    tn_yield();
    atomic_store_explicit(&ring->head, at, memory_order_release); /* pairs with next_record() */
}

/* ---- Sources ---- */

/* Identities are addresses until somebody reads them: enciphering takes longer
 * than all the rest, and most events are not for everybody. */
static uint64_t address_of(const void *object)
{
    return (uintptr_t)object;
}

static void fill_obituary(const struct tn_object *o, struct tn_heap_event *event)
{
    const struct tn_type *type = tn_type_of(o);
    struct tn_obituary obituary = { .class_name = tn_slice_from_str(type->name) };
    uint64_t now_ns;

    if (type->obituary != NULL)
        type->obituary(o, &obituary);
    event->scope = obituary.class_name;
    event->name = obituary.label;
    event->finalized.size_bytes =
        type->block_size(o) + (type->extra_size == NULL ? 0 : type->extra_size(o));
    now_ns = obituary.born_ns == 0 ? 0 : tn_clock_coarse_ns();
    if (now_ns > obituary.born_ns)
        event->finalized.age_ms = (now_ns - obituary.born_ns) / TN_NS_PER_MS;
}

void tn_event_finalize_slow(struct tn_mutator *mu, struct tn_object *o)
{
    struct tn_heap_event event = { .kind = TN_HEAP_EVENT_FINALIZED };

    /* Also if nobody listens now: who comes while it is being emptied must not
     * hear that it still has everything. */
    atomic_fetch_and_explicit(&o->bits, (uint8_t)~TN_BIT_FINALIZER, memory_order_relaxed);
    if (!tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_FINALIZED)))
        return;
    event.finalized.identity = address_of(o);
    fill_obituary(o, &event);
    emit(mu, &event);
}

void tn_event_weakref_dead(struct tn_mutator *mu, const struct tn_object *weakref,
                           const struct tn_object *target)
{
    struct tn_heap_event event = { .kind = TN_HEAP_EVENT_WEAKREF_DEAD };

    if (!tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENT_MASK(TN_HEAP_EVENT_WEAKREF_DEAD)))
        return;
    event.weakref.identity = address_of(weakref);
    event.weakref.target_identity = address_of(target);
    emit(mu, &event);
}

void tn_event_name(struct tn_mutator *mu, enum tn_heap_event_kind kind,
                   const struct tn_namespace *ns, struct tn_slice name, uint64_t version)
{
    struct tn_heap_event event = { .kind = kind };

    TN_DEBUG_ASSERT((TN_HEAP_EVENT_MASK(kind) & TN_HEAP_EVENTS_NAME) != 0);
    if (!tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENT_MASK(kind)))
        return;
    event.scope = TN_SLICE(ns->name, ns->name_len);
    event.name = name;
    event.binding.version = version;
    event.binding.namespace_id = address_of(ns);
    emit(mu, &event);
}

void tn_event_collection(struct tn_mutator *mu, enum tn_heap_event_kind kind, const char *cause,
                         const char *collector, const struct tn_collection_figures *figures)
{
    struct tn_heap_event event = { .kind = kind };

    TN_DEBUG_ASSERT((TN_HEAP_EVENT_MASK(kind) & TN_HEAP_EVENTS_COLLECTION) != 0);
    if (!tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENT_MASK(kind)))
        return;
    event.scope = tn_slice_from_str(cause);
    event.name = tn_slice_from_str(collector);
    event.collection = *figures;
    emit(mu, &event);
}

void tn_event_memory(struct tn_mutator *mu, enum tn_heap_event_kind kind, uint64_t held_bytes,
                     uint64_t limit_bytes)
{
    struct tn_heap_event event = { .kind = kind };

    TN_DEBUG_ASSERT((TN_HEAP_EVENT_MASK(kind) & TN_HEAP_EVENTS_MEMORY) != 0);
    if (!tn_events_are_wanted(&mu->heap->events, TN_HEAP_EVENT_MASK(kind)))
        return;
    event.memory.held_bytes = held_bytes;
    event.memory.limit_bytes = limit_bytes;
    emit(mu, &event);
}

/* ---- Rings and the heap ---- */

void tn_events_init(struct tn_events *events)
{
    tn_mutex_init(&events->lock, TN_RANK_EVENTS);
}

void tn_events_fini(struct tn_events *events)
{
    TN_ASSERT(events->listeners == NULL);
    tn_mutex_fini(&events->lock);
}

static int ring_new(struct tn_mutator *mu)
{
    struct tn_event_ring *ring;

    if (tn_fault_strikes())
        return TN_ERR_NOMEM;
    ring = tn_backing_alloc(sizeof(*ring), TN_CACHE_LINE, true);
    if (ring == NULL)
        return TN_ERR_NOMEM;
    /* Pairs with the acquire in emit(). */
    atomic_store_explicit(&mu->events, ring, memory_order_release);
    return 0;
}

int tn_event_ring_new(struct tn_mutator *mu)
{
    return mu->heap->events.has_rings ? ring_new(mu) : 0;
}

void tn_event_ring_free(struct tn_mutator *mu)
{
    struct tn_event_ring *ring = atomic_load_explicit(&mu->events, memory_order_relaxed);

    if (ring != NULL)
        tn_backing_free(ring, sizeof(*ring), TN_CACHE_LINE);
    atomic_store_explicit(&mu->events, NULL, memory_order_relaxed);
}

/* Gives every mutator a ring, now and in future. Those that have one keep it. */
static int make_rings(struct tn_heap *heap)
{
    int r = 0;

    tn_mutex_lock(&heap->threads_lock);
    for (uint32_t i = 0; r == 0 && i < tn_heap_n_mutators(heap); i++) {
        struct tn_mutator *mu = tn_heap_mutator(heap, i);

        /* Relaxed: stored under the lock that is held here. */
        if (atomic_load_explicit(&mu->events, memory_order_relaxed) == NULL)
            r = ring_new(mu);
    }
    if (r == 0)
        heap->events.has_rings = true;
    tn_mutex_unlock(&heap->threads_lock);
    return r;
}

static void wake_listeners(struct tn_events *events)
{
    tn_mutex_lock(&events->lock);
    for (struct tn_event_listener *listener = events->listeners; listener != NULL;
         listener = listener->next)
        /* Release: what was emitted before is seen by who takes the flag back in
         * tn_events_begin(). */
        if (!atomic_exchange_explicit(&listener->is_woken, true, memory_order_acq_rel))
            listener->wake(listener->arg);
    tn_mutex_unlock(&events->lock);
}

void tn_events_announce(struct tn_mutator *mu)
{
    struct tn_event_ring *ring = atomic_load_explicit(&mu->events, memory_order_acquire);
    uint64_t head;

    if (TN_LIKELY(ring == NULL))
        return;
    head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head == ring->announced)
        return;
    ring->announced = head;
    wake_listeners(&mu->heap->events);
}

/* ---- Listeners ---- */

static void update_wanted_locked(struct tn_events *events)
{
    uint32_t wanted = 0;

    for (const struct tn_event_listener *l = events->listeners; l != NULL; l = l->next)
        wanted |= l->kinds;
    /* Relaxed: rings are found by their own acquire. */
    atomic_store_explicit(&events->wanted, wanted, memory_order_relaxed);
}

/* Where a ring ends now. What is emitted meanwhile is seen or not; its number may
 * be the one before the expected one, but never a later one. */
static struct tn_event_cursor cursor_at_end(struct tn_mutator *mu)
{
    struct tn_event_ring *ring = atomic_load_explicit(&mu->events, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

    return (struct tn_event_cursor){
        .at = head,
        .sequence = atomic_load_explicit(&ring->n_records, memory_order_acquire),
    };
}

int tn_events_listen(struct tn_heap *heap, struct tn_event_listener *listener, uint32_t kinds,
                     void (*wake)(void *arg), void *arg)
{
    TN_ASSERT(!tn_events_is_listening(listener) && (kinds & ~TN_HEAP_EVENTS_ALL) == 0);
    if (tn_fault_strikes() || make_rings(heap) < 0)
        return TN_ERR_NOMEM;
    listener->cursors = calloc(TN_MUTATORS_MAX, sizeof(*listener->cursors));
    listener->record = calloc(RECORD_WORDS_MAX, sizeof(*listener->record));
    if (listener->cursors == NULL || listener->record == NULL) {
        free(listener->cursors);
        free(listener->record);
        listener->cursors = NULL;
        listener->record = NULL;
        return TN_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < tn_heap_n_mutators(heap); i++)
        listener->cursors[i] = cursor_at_end(tn_heap_mutator(heap, i));
    listener->heap = heap;
    listener->wake = wake;
    listener->arg = arg;
    listener->kinds = kinds;
    listener->current = 0;
    atomic_store_explicit(&listener->is_woken, false, memory_order_relaxed); /* not linked yet */

    tn_mutex_lock(&heap->events.lock);
    listener->next = heap->events.listeners;
    heap->events.listeners = listener;
    update_wanted_locked(&heap->events);
    tn_mutex_unlock(&heap->events.lock);
    return 0;
}

void tn_events_choose(struct tn_event_listener *listener, uint32_t kinds)
{
    struct tn_events *events = &listener->heap->events;

    TN_ASSERT(tn_events_is_listening(listener) && (kinds & ~TN_HEAP_EVENTS_ALL) == 0);
    tn_mutex_lock(&events->lock);
    listener->kinds = kinds;
    update_wanted_locked(events);
    tn_mutex_unlock(&events->lock);
}

void tn_events_unlisten(struct tn_event_listener *listener)
{
    struct tn_event_listener **at;
    struct tn_events *events;

    if (!tn_events_is_listening(listener))
        return;
    events = &listener->heap->events;
    tn_mutex_lock(&events->lock);
    for (at = &events->listeners; *at != listener; at = &(*at)->next)
        ;
    *at = listener->next;
    update_wanted_locked(events);
    tn_mutex_unlock(&events->lock);
    free(listener->cursors);
    free(listener->record);
    listener->cursors = NULL;
    listener->record = NULL;
}

void tn_events_expect(struct tn_event_listener *listener)
{
    /* An exchange, though it only promises: a store would come between those who
     * have set the flag and tn_events_begin(), which has to see what they emitted. */
    (void)atomic_exchange_explicit(&listener->is_woken, true, memory_order_acq_rel);
}

void tn_events_begin(struct tn_event_listener *listener)
{
    /* Acquire: what was emitted by those who have found the flag set is read now. Whoever
     * finds it clear wakes. */
    (void)atomic_exchange_explicit(&listener->is_woken, false, memory_order_acq_rel);
}

/* ---- Reading ---- */

static void copy_words(struct tn_event_ring *ring, uint64_t at, uint64_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = atomic_load_explicit(word_at(ring, at + i), memory_order_acquire);
}

/* Whether what was copied from `at` on was still there. */
static bool was_there(struct tn_event_ring *ring, uint64_t at)
{
    /* Relaxed: whoever has seen an overwritten word sees the tail stored before. */
    return atomic_load_explicit(&ring->tail, memory_order_relaxed) <= at;
}

/* Copies the record at the cursor, or the oldest one if that has been overwritten.
 * False if there is none. */
static bool copy_record(struct tn_event_ring *ring, struct tn_event_cursor *cursor,
                        uint64_t *record)
{
    /* Acquire: pairs with the release in emit(). What is before `head` is complete,
     * also where it was overwritten and the oldest record is a new one. */
    while (atomic_load_explicit(&ring->head, memory_order_acquire) != cursor->at) {
        copy_words(ring, cursor->at, record, RECORD_HEAD);
        if (was_there(ring, cursor->at)) {
            size_t n_words = meta_n_words(record[1]);

            tn_yield();
            copy_words(ring, cursor->at + RECORD_HEAD, record + RECORD_HEAD, n_words - RECORD_HEAD);
            if (was_there(ring, cursor->at))
                return true;
        }
        /* Acquire: pairs with the release in make_room(). */
        cursor->at = atomic_load_explicit(&ring->tail, memory_order_acquire);
    }
    return false;
}

static void read_record(const struct tn_heap *heap, const uint64_t *record,
                        struct tn_heap_event *ret_event)
{
    uint64_t meta = record[1];
    const uint64_t *text = record + RECORD_HEAD + TN_HEAP_EVENT_NUMBERS;

    ret_event->kind = meta_kind(meta);
    memcpy(ret_event->numbers, record + RECORD_HEAD, sizeof(ret_event->numbers));
    ret_event->scope = TN_SLICE(text, meta_scope_len(meta));
    ret_event->name = TN_SLICE(text + TEXT_WORDS(meta_scope_len(meta)), meta_name_len(meta));
    if (ret_event->kind == TN_HEAP_EVENT_FINALIZED)
        ret_event->finalized.identity = tn_identity_of_address(heap, ret_event->finalized.identity);
    if (ret_event->kind == TN_HEAP_EVENT_WEAKREF_DEAD) {
        ret_event->weakref.identity = tn_identity_of_address(heap, ret_event->weakref.identity);
        ret_event->weakref.target_identity =
            tn_identity_of_address(heap, ret_event->weakref.target_identity);
    }
}

static bool next_of(struct tn_event_listener *listener, struct tn_mutator *mu,
                    struct tn_event_cursor *cursor, struct tn_heap_event *ret_event)
{
    /* Never NULL: a mutator is counted after it got its ring, or got it before the
     * listener came. */
    struct tn_event_ring *ring = atomic_load_explicit(&mu->events, memory_order_acquire);
    uint64_t sequence;

    if (!copy_record(ring, cursor, listener->record))
        return false;
    sequence = listener->record[0];
    if (sequence > cursor->sequence) {
        *ret_event = (struct tn_heap_event){ .kind = TN_HEAP_EVENT_MISSED };
        ret_event->missed.n_events = sequence - cursor->sequence;
        cursor->sequence = sequence;
        return true;
    }
    cursor->at += meta_n_words(listener->record[1]);
    cursor->sequence = sequence + 1;
    read_record(listener->heap, listener->record, ret_event);
    return true;
}

bool tn_events_read(struct tn_event_listener *listener, struct tn_heap_event *ret_event)
{
    uint32_t n = tn_heap_n_mutators(listener->heap);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t current = listener->current < n ? listener->current : 0;

        if (next_of(listener, tn_heap_mutator(listener->heap, current), &listener->cursors[current],
                    ret_event))
            return true;
        listener->current = current + 1;
    }
    return false;
}
