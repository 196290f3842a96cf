/* SPDX-License-Identifier: MIT */
/*
 * Attributes: what the compiler is told about functions, types and locks.
 *
 * The thread-safety annotations are checked by clang (preset `tsa`) and are
 * nothing to gcc. They stand on prototypes only, because gcc rejects them on
 * definitions.
 */
#ifndef TN_CORE_BASE_ATTR_H
#define TN_CORE_BASE_ATTR_H

#include <stddef.h>

#define TN_MUST_CHECK __attribute__((warn_unused_result))
#define TN_PRINTF(format_arg, first_arg) __attribute__((format(printf, format_arg, first_arg)))
#define TN_COLD __attribute__((cold, noinline))
#define TN_NOINLINE __attribute__((noinline))
#define TN_ALWAYS_INLINE __attribute__((always_inline)) static inline
#define TN_UNUSED __attribute__((unused))
#define TN_NORETURN __attribute__((noreturn))

#define TN_LIKELY(c) __builtin_expect(!!(c), 1)
#define TN_UNLIKELY(c) __builtin_expect(!!(c), 0)
#define TN_PREFETCH(p) __builtin_prefetch(p)

/* Runs `destructor(&variable)` when the variable leaves its scope. */
#define TN_CLEANUP(destructor) __attribute__((cleanup(destructor)))

/* What one thread writes and others use starts a line of its own. Two lines,
 * because the adjacent-line prefetcher of x86-64 fetches them in pairs. */
#define TN_CACHE_LINE 64
#define TN_CACHE_ALIGNED __attribute__((aligned(2 * TN_CACHE_LINE)))

#define TN_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TN_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#if defined(__clang__)
#define TN_TSA(x) __attribute__((x))
#else
#define TN_TSA(x)
#endif
#define TN_CAPABILITY(name) TN_TSA(capability(name))
#define TN_REQUIRES(...) TN_TSA(requires_capability(__VA_ARGS__))
#define TN_EXCLUDES(...) TN_TSA(locks_excluded(__VA_ARGS__))
#define TN_ACQUIRES(...) TN_TSA(acquire_capability(__VA_ARGS__))
#define TN_RELEASES(...) TN_TSA(release_capability(__VA_ARGS__))
#define TN_TRY_ACQUIRES(...) TN_TSA(try_acquire_capability(__VA_ARGS__))
#define TN_NO_TSA TN_TSA(no_thread_safety_analysis)

/* Which checkers this build runs under. */
#if defined(__SANITIZE_THREAD__)
#define TN_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TN_TSAN 1
#endif
#endif
#ifndef TN_TSAN
#define TN_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define TN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TN_ASAN 1
#endif
#endif
#ifndef TN_ASAN
#define TN_ASAN 0
#endif

#endif
