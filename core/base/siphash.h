/* SPDX-License-Identifier: MIT */
/*
 * SipHash-1-3: a keyed hash for whatever a client chooses, so that nobody who
 * does not know the key can make keys collide.
 *
 * J.-P. Aumasson, D. J. Bernstein: SipHash: a fast short-input PRF (2012), with
 * one compression and three finalisation rounds, as in CPython, Rust and Ruby.
 */
#ifndef TN_CORE_BASE_SIPHASH_H
#define TN_CORE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct tn_siphash_key {
    uint64_t k0;
    uint64_t k1;
};

/* Fills a key from the system's random source. Never fails. Any thread. */
void tn_siphash_key_random(struct tn_siphash_key *ret_key);

/* The hash of `len` bytes. Any thread. */
uint64_t tn_siphash(const struct tn_siphash_key *key, const void *data, size_t len);

/* The hash of one number: that of its eight bytes, little-endian. Any thread. */
uint64_t tn_siphash_u64(const struct tn_siphash_key *key, uint64_t value);

#endif
