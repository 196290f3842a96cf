/* SPDX-License-Identifier: MIT */
/*
 * Allocating and freeing: the heap's own block cache against others' malloc.
 *
 *   immediate  64 bytes, freed at once
 *   batch      512 blocks of 64 bytes, then all of them freed in the same order
 *   replace    64 K live blocks of 16 to 512 bytes, a random one replaced
 *   handover   64 bytes, allocated by one thread and freed by another
 *   object     a whole object (an int), made and dropped; the heap only
 *
 * One operation is one block allocated and freed. Whoever gets a block writes
 * its first word.
 *
 * The work is inlined once for each subject, and with it our cache, as it is into
 * the heap's own code. A subject is in a register all the time: were it loaded
 * anew for each block, a block 4 KiB away from where it is loaded from would
 * make it wait for the last store and multiply the time.
 */
#include "bench/handover.h"
#include "bench/mallocs.h"
#include "bench/workload.h"
#include "core/memory/cache.h"
#include "core/object/mutator.h"

#define BLOCK_BYTES ((size_t)64)
#define BATCH_BLOCKS ((size_t)512)
#define REPLACE_BLOCKS ((size_t)65536)
#define REPLACE_BYTES_MIN 16
#define REPLACE_BYTES_MAX 512

/* ---- The two kinds of subjects ---- */

TN_ALWAYS_INLINE void *cache_take(void *subject, size_t bytes)
{
    struct tn_mutator *mu = subject;
    void *block;

    if (TN_UNLIKELY(tn_cache_alloc(&mu->cache, TN_KIND_BUFFER, tn_size_class(bytes), &block) < 0))
        bench_die("no memory");
    return block;
}

TN_ALWAYS_INLINE void cache_give(void *subject, void *block, size_t bytes)
{
    struct tn_mutator *mu = subject;

    tn_cache_free(&mu->cache, TN_KIND_BUFFER, tn_size_class(bytes), block);
}

TN_ALWAYS_INLINE void *malloc_take(void *subject, size_t bytes)
{
    const struct bench_malloc *functions = subject;
    void *block = functions->alloc(bytes);

    if (TN_UNLIKELY(block == NULL))
        bench_die("no memory");
    return block;
}

TN_ALWAYS_INLINE void malloc_give(void *subject, void *block, size_t bytes)
{
    const struct bench_malloc *functions = subject;

    (void)bytes;
    functions->free(block);
}

typedef void *(*take_fn)(void *subject, size_t bytes);
typedef void (*give_fn)(void *subject, void *block, size_t bytes);

/* What take and give need: the mutator that is borne now, or what setup() made. */
TN_ALWAYS_INLINE void *subject_of(const struct bench_worker *w)
{
    return w->mu != NULL ? (void *)w->mu : w->c->state;
}

/* ---- The work, inlined once per subject ---- */

TN_ALWAYS_INLINE void write_first_word(void *block, uint64_t value)
{
    *(uint64_t *)block = value;
}

TN_ALWAYS_INLINE size_t immediate(struct bench_worker *w, size_t n, take_fn take, give_fn give)
{
    void *subject = subject_of(w);

    for (size_t i = 0; i < n; i += BENCH_UNROLL)
        BENCH_8_TIMES({
            void *block = take(subject, BLOCK_BYTES);

            write_first_word(block, i);
            BENCH_HIDE(block);
            give(subject, block, BLOCK_BYTES);
        });
    return n;
}

TN_ALWAYS_INLINE size_t batch(struct bench_worker *w, size_t n, take_fn take, give_fn give)
{
    void *subject = subject_of(w);
    void **blocks = w->state;

    n = n < BATCH_BLOCKS ? n : BATCH_BLOCKS;
    for (size_t i = 0; i < n; i++) {
        blocks[i] = take(subject, BLOCK_BYTES);
        write_first_word(blocks[i], i);
    }
    BENCH_HIDE(blocks);
    for (size_t i = 0; i < n; i++)
        give(subject, blocks[i], BLOCK_BYTES);
    return n;
}

static void batch_begin(struct bench_worker *w)
{
    w->state = bench_alloc(BATCH_BLOCKS * sizeof(void *));
}

static void batch_end(struct bench_worker *w)
{
    bench_free(w->state);
}

/*
 * Who frees a block knows its size, as the heap does: it is kept in the upper
 * bits of the pointer, so that it costs no memory of its own.
 */
#define ADDRESS_BITS 48

static_assert(sizeof(uintptr_t) == 8, "there are bits to spare in a pointer");

TN_ALWAYS_INLINE uintptr_t take_any_size(struct bench_worker *w, void *subject, take_fn take)
{
    size_t bytes = REPLACE_BYTES_MIN + (size_t)bench_random_below(
                                           &w->random, REPLACE_BYTES_MAX - REPLACE_BYTES_MIN + 1);
    void *block = take(subject, bytes);

    write_first_word(block, bytes);
    return (uintptr_t)block | (uintptr_t)bytes << ADDRESS_BITS;
}

TN_ALWAYS_INLINE void give_any_size(void *subject, uintptr_t live, give_fn give)
{
    give(subject, (void *)(live & ((UINT64_C(1) << ADDRESS_BITS) - 1)), live >> ADDRESS_BITS);
}

TN_ALWAYS_INLINE void replace_begin(struct bench_worker *w, take_fn take)
{
    uintptr_t *live = bench_alloc(REPLACE_BLOCKS * sizeof(*live));

    for (size_t i = 0; i < REPLACE_BLOCKS; i++)
        live[i] = take_any_size(w, subject_of(w), take);
    w->state = live;
}

TN_ALWAYS_INLINE size_t replace(struct bench_worker *w, size_t n, take_fn take, give_fn give)
{
    void *subject = subject_of(w);
    uintptr_t *live = w->state;

    for (size_t i = 0; i < n; i++) {
        uintptr_t *victim = &live[bench_random_below(&w->random, REPLACE_BLOCKS)];

        give_any_size(subject, *victim, give);
        *victim = take_any_size(w, subject, take);
    }
    return n;
}

TN_ALWAYS_INLINE void replace_end(struct bench_worker *w, give_fn give)
{
    uintptr_t *live = w->state;

    for (size_t i = 0; i < REPLACE_BLOCKS; i++)
        give_any_size(subject_of(w), live[i], give);
    bench_free(live);
}

/* The first worker allocates, the second one frees and counts. */
TN_ALWAYS_INLINE size_t handover(struct bench_worker *w, size_t n, take_fn take, give_fn give)
{
    struct bench_handover *handover = bench_handover_of(w);
    void *subject;
    void *blocks[BENCH_HANDOVER_BATCH];
    size_t n_done;

    n = n < BENCH_HANDOVER_BATCH ? n : BENCH_HANDOVER_BATCH;
    if (w->index == 0) {
        n = bench_handover_wait_room(handover, w, n);
        subject = subject_of(w); /* waiting may have changed it */
        for (size_t i = 0; i < n; i++) {
            blocks[i] = take(subject, BLOCK_BYTES);
            write_first_word(blocks[i], i);
        }
        bench_handover_push(handover, blocks, n);
        return 0;
    }
    n_done = bench_handover_pop(handover, w, blocks, n);
    subject = subject_of(w);
    for (size_t i = 0; i < n_done; i++)
        give(subject, blocks[i], BLOCK_BYTES);
    return n_done;
}

TN_ALWAYS_INLINE void handover_end(struct bench_worker *w, give_fn give)
{
    struct bench_handover *handover = bench_handover_of(w);
    void *subject;
    void *blocks[BENCH_HANDOVER_BATCH];

    subject = subject_of(w);
    for (size_t n; w->index == 0 && (n = bench_handover_drain(handover, blocks)) > 0;)
        for (size_t i = 0; i < n; i++)
            give(subject, blocks[i], BLOCK_BYTES);
    bench_handover_leave(w);
}

/* ---- Our cache ---- */

static size_t cache_immediate(struct bench_worker *w, size_t n)
{
    return immediate(w, n, cache_take, cache_give);
}

static size_t cache_batch(struct bench_worker *w, size_t n)
{
    return batch(w, n, cache_take, cache_give);
}

static void cache_replace_begin(struct bench_worker *w)
{
    replace_begin(w, cache_take);
}

static size_t cache_replace(struct bench_worker *w, size_t n)
{
    return replace(w, n, cache_take, cache_give);
}

static void cache_replace_end(struct bench_worker *w)
{
    replace_end(w, cache_give);
}

static size_t cache_handover(struct bench_worker *w, size_t n)
{
    return handover(w, n, cache_take, cache_give);
}

static void cache_handover_end(struct bench_worker *w)
{
    handover_end(w, cache_give);
}

static size_t object_chunk(struct bench_worker *w, size_t n)
{
    struct tn_mutator *mu = w->mu;

    for (size_t i = 0; i < n; i += BENCH_UNROLL)
        BENCH_8_TIMES({
            struct tn_object *o;

            bench_check(tn_int_new(mu, 1000, &o), "making an int");
            BENCH_HIDE(o);
            tn_decref(mu, o);
        });
    return n;
}

/* ---- Others' malloc ---- */

static void malloc_setup(struct bench_case *c, struct tn_thread *thread)
{
    (void)thread;
    c->state = (void *)(uintptr_t)bench_malloc_find(c->impl->baseline);
}

static size_t malloc_immediate(struct bench_worker *w, size_t n)
{
    return immediate(w, n, malloc_take, malloc_give);
}

static size_t malloc_batch(struct bench_worker *w, size_t n)
{
    return batch(w, n, malloc_take, malloc_give);
}

static void malloc_replace_begin(struct bench_worker *w)
{
    replace_begin(w, malloc_take);
}

static size_t malloc_replace(struct bench_worker *w, size_t n)
{
    return replace(w, n, malloc_take, malloc_give);
}

static void malloc_replace_end(struct bench_worker *w)
{
    replace_end(w, malloc_give);
}

static size_t malloc_handover(struct bench_worker *w, size_t n)
{
    return handover(w, n, malloc_take, malloc_give);
}

static void malloc_handover_end(struct bench_worker *w)
{
    handover_end(w, malloc_give);
}

static bool has_mimalloc(void)
{
    return bench_malloc_find("mimalloc") != NULL;
}

static bool has_jemalloc(void)
{
    return bench_malloc_find("jemalloc") != NULL;
}

static bool has_glibc(void)
{
    return bench_malloc_find("glibc") != NULL;
}

/*
 * The ring alone: what the hand-over costs without any allocator. The blocks are
 * used in turn, and are more than there are on their way.
 */
#define RING_BLOCKS (2 * BENCH_HANDOVER_SLOTS)

struct ring_blocks {
    /* [owner]  the first worker */
    size_t n_taken;
    /* the words of a block are written by the first worker, read by the second */
    TN_CACHE_ALIGNED uint64_t words[RING_BLOCKS][BLOCK_BYTES / sizeof(uint64_t)];
};

TN_ALWAYS_INLINE void *nothing_take(void *subject, size_t bytes)
{
    struct ring_blocks *ring = subject;

    (void)bytes;
    return ring->words[ring->n_taken++ % RING_BLOCKS];
}

TN_ALWAYS_INLINE void nothing_give(void *subject, void *block, size_t bytes)
{
    uint64_t word = *(const uint64_t *)block;

    (void)subject;
    (void)bytes;
    BENCH_USE(word);
}

static void ring_setup(struct bench_case *c, struct tn_thread *thread)
{
    (void)thread;
    c->state = bench_alloc(sizeof(struct ring_blocks));
}

static void ring_teardown(struct bench_case *c, struct tn_thread *thread)
{
    (void)thread;
    bench_free(c->state);
}

static size_t ring_handover(struct bench_worker *w, size_t n)
{
    return handover(w, n, nothing_take, nothing_give);
}

static void ring_handover_end(struct bench_worker *w)
{
    handover_end(w, nothing_give);
}

#define BASELINE(allocator_name, is_there)                                                         \
    .baseline = (allocator_name), .is_available = (is_there), .setup = malloc_setup

#define IMMEDIATE .workload = "immediate", .ops_per_safepoint = 1024
#define BATCH                                                                                      \
    .workload = "batch", .ops_per_safepoint = BATCH_BLOCKS, .begin = batch_begin, .end = batch_end
#define REPLACE .workload = "replace", .ops_per_safepoint = 256
#define HANDOVER                                                                                   \
    .workload = "handover", .ops_per_safepoint = BENCH_HANDOVER_BATCH, .threads_min = 2,           \
    .threads_max = 2, .is_joint = true, .begin = bench_handover_join
#define MALLOC_BATCH BATCH, .chunk = malloc_batch
#define MALLOC_REPLACE                                                                             \
    REPLACE, .begin = malloc_replace_begin, .chunk = malloc_replace, .end = malloc_replace_end
#define MALLOC_HANDOVER HANDOVER, .chunk = malloc_handover, .end = malloc_handover_end

static const struct bench_impl impls[] = {
    { IMMEDIATE, .what = "allocate a block of 64 bytes and free it", .chunk = cache_immediate },
    { IMMEDIATE, BASELINE("jemalloc", has_jemalloc), .chunk = malloc_immediate },
    { IMMEDIATE, BASELINE("mimalloc", has_mimalloc), .chunk = malloc_immediate },
    { IMMEDIATE, BASELINE("glibc", has_glibc), .chunk = malloc_immediate },
    { BATCH, .what = "one of 512 blocks of 64 bytes allocated, then freed", .chunk = cache_batch },
    { MALLOC_BATCH, BASELINE("jemalloc", has_jemalloc) },
    { MALLOC_BATCH, BASELINE("mimalloc", has_mimalloc) },
    { MALLOC_BATCH, BASELINE("glibc", has_glibc) },
    { REPLACE, .what = "free one of 64 K blocks of 16 to 512 bytes, allocate another",
      .begin = cache_replace_begin, .chunk = cache_replace, .end = cache_replace_end },
    { MALLOC_REPLACE, BASELINE("jemalloc", has_jemalloc) },
    { MALLOC_REPLACE, BASELINE("mimalloc", has_mimalloc) },
    { MALLOC_REPLACE, BASELINE("glibc", has_glibc) },
    { HANDOVER, .what = "64 bytes allocated by one thread and freed by another",
      .chunk = cache_handover, .end = cache_handover_end },
    { MALLOC_HANDOVER, BASELINE("jemalloc", has_jemalloc) },
    { MALLOC_HANDOVER, BASELINE("mimalloc", has_mimalloc) },
    { MALLOC_HANDOVER, BASELINE("glibc", has_glibc) },
    { HANDOVER, .baseline = "ring-only", .setup = ring_setup, .chunk = ring_handover,
      .end = ring_handover_end, .teardown = ring_teardown },
    { .workload = "object",
      .what = "make an int and drop it",
      .ops_per_safepoint = 1024,
      .chunk = object_chunk },
};

const struct bench_family bench_family_alloc = {
    .name = "alloc",
    .what = "allocating and freeing",
    .impls = impls,
    .n_impls = TN_ARRAY_LEN(impls),
};
