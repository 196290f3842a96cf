/* SPDX-License-Identifier: MIT */
/*
 * Marking beside the mutators: from what names and threads' roots lead to, until
 * nothing is gray.
 *
 * The queue holds pools, not objects (see object/mark.h). Of the objects of a pool
 * all that are gray are scanned in a row, and what these make gray in the same pool
 * follows at once: so neighbours are looked at together, and a queue of a few words
 * serves a heap of any size.
 *
 * What a scanned object refers to is marked some objects later: its header and the
 * word with its bits have been fetched by then.
 */
#include "core/base/check.h"
#include "core/base/yield.h"
#include "core/gc/gc_internal.h"
#include "core/memory/large.h"
#include "core/object/names.h"
#include "core/object/names_internal.h"
#include "core/object/slot.h"
#include "core/object/type.h"

/* How many objects are on their way from "found" to "marked", in each of two steps. */
#define FETCHES 16

/* Of how many objects that are about to be scanned the buffers are being fetched. */
#define AHEAD 6

/* Objects scanned, and names looked at, between two safe points. */
#if defined(TN_TEST_TINY) && TN_TEST_TINY
#define SCANS_PER_SLICE 16
#define NAMES_PER_SLICE 16
#else
#define SCANS_PER_SLICE 1024
#define NAMES_PER_SLICE 256
#endif

struct marker {
    struct tn_gc *gc;
    uint64_t n_scanned;
    uint64_t n_scanned_before; /* at the last safe point */
    /* rings: objects whose headers, and then whose bits, are being fetched */
    unsigned int at;
    struct tn_object *found[FETCHES];
    struct tn_object *known[FETCHES];
};

/* ---- The queue ---- */

/* Appends to the collector's own part. */
static void enqueue(struct tn_gc *gc, struct tn_gray *gray)
{
    gray->next = NULL;
    if (gc->last_gray != NULL)
        gc->last_gray->next = gray;
    else
        gc->first_gray = gray;
    gc->last_gray = gray;
}

/* Takes over what others have pushed. */
static void take_pushed(struct tn_gc *gc)
{
    /* Pairs with the release in tn_gray_push(). */
    struct tn_gray *gray =
        atomic_exchange_explicit(&gc->heap->gray.top, NULL, memory_order_acquire);

    while (gray != NULL) {
        struct tn_gray *next = gray->next;

        enqueue(gc, gray);
        gray = next;
    }
}

static struct tn_gray *dequeue(struct tn_gc *gc)
{
    struct tn_gray *gray = gc->first_gray;

    if (gray == NULL)
        return NULL;
    gc->first_gray = gray->next;
    if (gc->first_gray == NULL)
        gc->last_gray = NULL;
    return gray;
}

/* tn_gray_push() of the collector's own: without the detour over the stack. */
static void queue_gray(struct tn_gc *gc, struct tn_gray *gray)
{
    uint8_t idle = TN_GRAY_IDLE;

    if (atomic_load_explicit(&gray->state, memory_order_relaxed) == TN_GRAY_QUEUED)
        return;
    if (atomic_compare_exchange_strong_explicit(&gray->state, &idle, TN_GRAY_QUEUED,
                                                memory_order_acq_rel, memory_order_acquire))
        enqueue(gc, gray);
    else if (idle == TN_GRAY_SCANNING)
        atomic_store_explicit(&gray->state, TN_GRAY_AGAIN, memory_order_relaxed);
}

/* ---- Marking ---- */

/* Marks an object that was found in this read section. It may be dead by now: then
 * nothing is queued, for its block may be reused later. */
static void mark_now(struct marker *m, struct tn_object *o)
{
    struct tn_cell cell = tn_cell_of(o);

    if (!tn_cell_set(&cell, TN_MAP_MARKED))
        return;
    tn_yield();
    if (tn_is_dead(o))
        (void)tn_cell_set(&cell, TN_MAP_SCANNED);
    else
        queue_gray(m->gc, cell.gray);
}

/* Two steps behind each other: the header, then the bits. */
static void mark_soon(struct marker *m, struct tn_object *o)
{
    struct tn_object *found;
    struct tn_object *known;

    TN_PREFETCH(o);
    m->at = (m->at + 1) % FETCHES;
    found = m->found[m->at];
    known = m->known[m->at];
    m->found[m->at] = o;
    m->known[m->at] = NULL;
    if (found != NULL && tn_heap_tracks(m->gc->heap, found)) {
        struct tn_cell cell = tn_cell_of(found);

        TN_PREFETCH(cell.first);
        m->known[m->at] = found;
    }
    if (known != NULL)
        mark_now(m, known);
}

/* A tn_visit_fn. */
static int visit(struct tn_object *child, void *arg)
{
    mark_soon(arg, child);
    return 0;
}

/* Before the read section ends. */
static void mark_rest(struct marker *m)
{
    for (unsigned int i = 0; i < FETCHES; i++) {
        if (m->known[i] != NULL)
            mark_now(m, m->known[i]);
        if (m->found[i] != NULL && tn_heap_tracks(m->gc->heap, m->found[i]))
            mark_now(m, m->found[i]);
        m->known[i] = m->found[i] = NULL;
    }
}

static void breathe(struct marker *m)
{
    mark_rest(m);
    tn_gc_breathe(m->gc);
    m->n_scanned_before = m->n_scanned;
}

/* ---- Scanning ---- */

static void scan_object(struct marker *m, const struct tn_object *o)
{
    const struct tn_type *type;

    if (o->type == TN_TYPE_FREE)
        return;
    TN_DEBUG_ASSERT(tn_is_published(o) || !m->gc->mu->publishes);
    type = tn_type_of(o);
    (void)type->traverse(o, visit, m); /* visit() never fails */
    m->n_scanned++;
}

/* What is marked and not scanned in one word; says that it is scanned. */
static uint64_t take_gray(_Atomic(uint64_t) *marked, _Atomic(uint64_t) *scanned)
{
    /* Acquire: what was done to the objects before is seen. */
    uint64_t gray = atomic_load_explicit(marked, memory_order_acquire) &
                    ~atomic_load_explicit(scanned, memory_order_acquire);

    if (gray != 0)
        gray &= ~atomic_fetch_or_explicit(scanned, gray, memory_order_acq_rel);
    return gray;
}

/* The word behind the header leads to the buffer of most containers. Fetching where it
 * leads to does no harm where it is something else. */
static void fetch_buffer(const struct tn_object *o)
{
    const _Atomic(uintptr_t) *word = (const void *)(o + 1);

    TN_PREFETCH((const void *)atomic_load_explicit(word, memory_order_relaxed));
}

/* Scans the objects of one word of a pool's map, some of them in the cache already. */
static void scan_word(struct marker *m, const struct tn_pool *pool, uint32_t word, uint64_t gray)
{
    const struct tn_object *objects[64];
    unsigned int n = 0;

    for (; gray != 0; gray &= gray - 1) {
        objects[n] = tn_pool_block(pool, word * 64 + (uint32_t)__builtin_ctzll(gray));
        TN_PREFETCH(objects[n]);
        n++;
    }
    for (unsigned int i = 0; i < n && i < AHEAD; i++)
        fetch_buffer(objects[i]);
    for (unsigned int i = 0; i < n; i++) {
        if (i + AHEAD < n)
            fetch_buffer(objects[i + AHEAD]);
        scan_object(m, objects[i]);
    }
}

static bool scan_pool(struct marker *m, struct tn_pool *pool)
{
    bool is_any = false;

    for (uint32_t word = 0; word * 64 < pool->n_blocks; word++) {
        uint64_t gray =
            take_gray(&pool->maps[TN_MAP_MARKED][word], &pool->maps[TN_MAP_SCANNED][word]);

        is_any |= gray != 0;
        scan_word(m, pool, word, gray);
    }
    return is_any;
}

static bool scan_large(struct marker *m, struct tn_large *large)
{
    if (take_gray(&large->maps[TN_MAP_MARKED], &large->maps[TN_MAP_SCANNED]) == 0)
        return false;
    scan_object(m, (const struct tn_object *)(const void *)(large + 1));
    return true;
}

/* One member of the queue, until nothing of it is gray. */
static void scan_gray(struct marker *m, struct tn_gray *gray)
{
    uint8_t state = TN_GRAY_QUEUED;
    bool is_any;

    if (!atomic_compare_exchange_strong_explicit(&gray->state, &state, TN_GRAY_SCANNING,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        TN_ASSERT(state == TN_GRAY_ORPHANED);
        tn_large_free_orphan(&m->gc->mu->cache, TN_CONTAINER_OF(gray, struct tn_large, gray));
        return;
    }
    do {
        do {
            is_any = gray->is_large ? scan_large(m, TN_CONTAINER_OF(gray, struct tn_large, gray))
                                    : scan_pool(m, TN_CONTAINER_OF(gray, struct tn_pool, gray));
            mark_rest(m); /* into this pool, perhaps */
        } while (is_any);
        tn_yield();
        state = TN_GRAY_SCANNING;
        if (atomic_compare_exchange_strong_explicit(&gray->state, &state, TN_GRAY_IDLE,
                                                    memory_order_acq_rel, memory_order_acquire))
            return;
        TN_DEBUG_ASSERT(state == TN_GRAY_AGAIN);
        atomic_store_explicit(&gray->state, TN_GRAY_SCANNING, memory_order_release);
    } while (true);
}

/* Scans until the queue is empty. True if there was anything. */
static bool drain(struct marker *m)
{
    struct tn_gray *gray;
    bool is_any = false;

    for (;;) {
        gray = dequeue(m->gc);
        if (gray == NULL) {
            take_pushed(m->gc);
            gray = dequeue(m->gc);
        }
        if (gray == NULL)
            return is_any;
        is_any = true;
        scan_gray(m, gray);
        if (m->n_scanned - m->n_scanned_before >= SCANS_PER_SLICE)
            breathe(m);
    }
}

/* ---- Roots ---- */

/* A tn_name_visit_fn. */
static void visit_name(struct tn_slice name, struct tn_object *object, uint64_t version, void *arg)
{
    (void)name;
    (void)version;
    mark_soon(arg, object);
}

static void mark_names(struct marker *m)
{
    struct tn_namespaces *namespaces = &m->gc->heap->namespaces;
    struct tn_namespace *ns = atomic_load_explicit(&namespaces->newest, memory_order_acquire);

    /* Namespaces are never removed; a new one holds what was shaded or born black. */
    for (; ns != NULL; ns = ns->next) {
        uint64_t cursor = 0;

        do {
            tn_names_scan(m->gc->mu, ns, &cursor, NAMES_PER_SLICE, TN_SLICE("", 0), visit_name, m);
            breathe(m);
        } while (cursor != 0);
    }
}

/* Mode gil: the roots of all threads, which are walked by whoever bears the mutator.
 * The lock is not held between two slices, so threads may come and go: those that
 * come hold what has been shaded or born black. */
static void mark_threads_with_gil(struct marker *m)
{
    struct tn_heap *heap = m->gc->heap;
    struct tn_thread *thread;
    uint64_t number = ++m->gc->roots_number;

    do {
        struct tn_roots *roots;

        tn_mutex_lock(&heap->threads_lock);
        thread = tn_thread_next_locked(heap, NULL);
        while (thread != NULL) {
            roots = tn_thread_roots(thread);
            if (roots->walk != NULL && roots->number != number)
                break;
            thread = tn_thread_next_locked(heap, thread);
        }
        if (thread != NULL && roots->walk(roots->arg, m->gc->mu, &roots->cursor, SCANS_PER_SLICE)) {
            roots->number = number;
            roots->cursor = 0;
        }
        tn_mutex_unlock(&heap->threads_lock);
        breathe(m);
    } while (thread != NULL);
}

/*
 * Until nothing is gray in a phase. That is so when the queue has been empty, all
 * roots have been walked, and then every mutator has passed a safe point without
 * pushing anything: whoever was in the middle of shading has finished.
 */
static void mark_until_quiet(struct marker *m, enum tn_gc_phase phase)
{
    bool is_any;

    do {
        is_any = drain(m);
        if (tn_gc_help(m->gc)) {
            breathe(m);
            is_any = true;
            continue;
        }
        is_any |= drain(m);
        if (is_any)
            continue;
        tn_gc_handshake(m->gc, phase);
        is_any = drain(m);
    } while (is_any);
}

uint64_t tn_gc_mark(struct tn_gc *gc)
{
    struct marker m = { .gc = gc };

    /* Nothing has been left behind by the last collection. */
    TN_ASSERT(gc->first_gray == NULL &&
              atomic_load_explicit(&gc->heap->gray.top, memory_order_acquire) == NULL);
    tn_gc_handshake(gc, TN_PHASE_PREPARE);
    tn_gc_handshake(gc, TN_PHASE_SYNC);
    tn_gc_handshake(gc, TN_PHASE_MARK);
    mark_names(&m);
    if (gc->heap->mode == TN_MODE_GIL)
        mark_threads_with_gil(&m);
    mark_until_quiet(&m, TN_PHASE_MARK);
    /* Weak reads could go on making gray for ever. From here on nothing new comes of
     * them; what they made gray until all have answered is marked as well. */
    tn_gc_handshake(gc, TN_PHASE_CLOSE);
    mark_until_quiet(&m, TN_PHASE_CLOSE);
    return m.n_scanned;
}
